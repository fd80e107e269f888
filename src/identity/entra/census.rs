//! Everybody in a tenant, page by page, so that nothing of one page is kept for the next.

use serde::Deserialize;

use crate::identity::entra::graph::{Graph, Page, Version};
use crate::identity::entra::users::{ALL_FIELDS, BASIC_FIELDS, UserBody};
use crate::identity::entra::{Entra, fido2_methods};
use crate::identity::{IdentityError, Method, User};

/// What `methodsRegistered` calls a passkey, now and formerly: the documents of the two interfaces differ.
const PASSKEYS: [&str; 6] = [
    "passKeyDeviceBound",
    "passKeyDeviceBoundAuthenticator",
    "passKeyDeviceBoundWindowsHello",
    "passKeySynced",
    "fido2",
    "fido2SecurityKey",
];

/// Who is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// All users of the directory.
    Everybody,
    /// Those of whom the tenant's report of registrations says that they have a passkey. It lags behind by hours, and needs
    /// the permission `AuditLog.Read.All` and a premium licence; without them, or where the filter is not understood, the
    /// list is refused and everybody has to be asked.
    Registered,
}

/// Some of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusPage {
    /// Up to 999 of them; a page may be empty and yet have a next one.
    pub users: Vec<User>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    id: String,
    user_principal_name: Option<String>,
    user_display_name: Option<String>,
    user_type: Option<String>,
}

impl From<Registered> for User {
    fn from(body: Registered) -> Self {
        Self {
            upn: body.user_principal_name.unwrap_or_else(|| body.id.clone()),
            id: body.id,
            display_name: body.user_display_name,
            enabled: None,
            kind: body.user_type,
            language: None,
        }
    }
}

impl Entra {
    /// A page of users: the first, or the one that `next` of an earlier page names.
    ///
    /// # Errors
    /// [`IdentityError`]. [`IdentityError::Malformed`] for a `next` on another host.
    pub fn people(&mut self, whom: Whom, next: Option<&str>) -> Result<CensusPage, IdentityError> {
        let graph = &mut self.graph;
        match whom {
            Whom::Everybody => match everybody(graph, next, ALL_FIELDS) {
                // The state of an account needs more than its name does. A next page asks for what the first one asked for.
                Err(IdentityError::Forbidden(_)) if next.is_none() => everybody(graph, next, BASIC_FIELDS),
                page => page,
            },
            Whom::Registered => {
                let clauses = PASSKEYS.map(|name| format!("methodsRegistered/any(m:m%20eq%20'{name}')"));
                // The documents allow `$filter` and `$orderby` only, so that the size of a page is the server's choice.
                let query = format!("$filter={}", clauses.join("%20or%20"));
                let page: Page<Registered> =
                    page(graph, &["reports", "authenticationMethods", "userRegistrationDetails"], &query, next)?;
                Ok(CensusPage { users: page.value.into_iter().map(User::from).collect(), next: page.next })
            }
        }
    }

    /// As [`Self::methods_of`], with the time of their last use, which only the beta interface tells. Who was throttled to
    /// the end is an error in their place, never a user without passkeys.
    ///
    /// # Errors
    /// [`IdentityError`], when nothing could be read.
    pub fn methods_of_with_last_use(&mut self, users: &[User]) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
        fido2_methods::list_many(&mut self.graph, Version::Beta, users)
    }
}

fn everybody(graph: &mut Graph, next: Option<&str>, fields: &str) -> Result<CensusPage, IdentityError> {
    let page: Page<UserBody> = page(graph, &["users"], &format!("$select={fields}&$top=999"), next)?;
    Ok(CensusPage { users: page.value.into_iter().map(|body| body.named("")).collect(), next: page.next })
}

fn page<T: serde::de::DeserializeOwned>(
    graph: &mut Graph,
    path: &[&str],
    query: &str,
    next: Option<&str>,
) -> Result<Page<T>, IdentityError> {
    let url = if let Some(link) = next {
        graph.next_page(link)?
    } else {
        let mut url = graph.url(Version::V1, path)?;
        url.set_query(Some(query));
        url
    };
    graph.get(&url)
}
