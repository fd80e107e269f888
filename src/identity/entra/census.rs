//! Everybody in a tenant and their passkeys, page by page, so that nothing of one page is kept for the next.

use std::{panic, thread};

use reqwest::Method as Verb;
use serde::{Deserialize, Serialize};

use crate::identity::entra::graph::{Graph, Page, Version};
use crate::identity::entra::http::{Body, Lost};
use crate::identity::entra::retry::Repeat;
use crate::identity::entra::users::{ALL_FIELDS, BASIC_FIELDS, UserBody};
use crate::identity::entra::{Entra, fido2_methods, reply};
use crate::identity::{IdentityError, Method, User};

/// Clients that read at once: how many of them Graph likes is not documented, and it says when they are too many.
pub const READERS: usize = 4;
/// Users on a page: the most that Graph gives.
const PAGE: usize = 999;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A page of users with what each of them has.
#[derive(Debug)]
pub struct Counted {
    /// The users with their passkeys, or why those could not be read. Who was throttled to the end is an error, never a user
    /// without passkeys.
    pub users: Vec<(User, Result<Vec<Method>, IdentityError>)>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<String>,
}

/// Goes through the users of a tenant, several of its clients at a time: while the passkeys of one page are read, the next
/// page is listed.
#[derive(Debug)]
pub struct Census {
    lister: Entra,
    readers: Vec<Entra>,
    whom: Whom,
    ahead: Ahead,
}

/// What was listed ahead.
#[derive(Debug)]
enum Ahead {
    /// These and nobody else; no list is read.
    Named(Vec<User>),
    /// Nothing: the list goes on here, or begins.
    From(Option<String>),
    Listed(CensusPage),
    /// The list has ended.
    Over,
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

impl Census {
    /// From the beginning, or from the page that an earlier one named as its next. All clients are of one
    /// tenant.
    pub fn new(readers: Vec<Entra>, lister: Entra, whom: Whom, from: Option<String>) -> Self {
        Self { lister, readers, whom, ahead: Ahead::From(from) }
    }

    /// These users and nobody else, as if they had been listed.
    pub fn of(readers: Vec<Entra>, lister: Entra, users: Vec<User>) -> Self {
        Self { ahead: Ahead::Named(users), ..Self::new(readers, lister, Whom::Everybody, None) }
    }

    /// Begins anew, with everybody. How many that are, where the directory tells.
    ///
    /// # Errors
    /// [`IdentityError`] for what every call would meet.
    pub fn ask_everybody(&mut self) -> Result<Option<u64>, IdentityError> {
        (self.whom, self.ahead) = (Whom::Everybody, Ahead::From(None));
        self.lister.count_people()
    }

    /// The next page; `None` at the end.
    ///
    /// # Errors
    /// [`IdentityError`], when the list or nothing of the passkeys can be read. [`IdentityError::Malformed`] for a next page on
    /// another host.
    pub fn next_page(&mut self) -> Result<Option<Counted>, IdentityError> {
        let (first, page) = match std::mem::replace(&mut self.ahead, Ahead::Over) {
            Ahead::From(link) => (link.is_none(), self.lister.people(self.whom, link.as_deref())?),
            Ahead::Listed(page) => (false, page),
            Ahead::Named(mut users) => {
                let rest = users.split_off(users.len().min(PAGE));
                if !rest.is_empty() {
                    self.ahead = Ahead::Named(rest);
                }
                (false, CensusPage { users, next: None })
            }
            Ahead::Over => return Ok(None),
        };
        let (lister, whom, readers) = (&mut self.lister, self.whom, &mut self.readers);
        let (ahead, lists) = thread::scope(|scope| {
            let listing = page.next.as_deref().map(|link| scope.spawn(|| lister.people(whom, Some(link))));
            let lists = methods_of_with_last_use(readers, &page.users);
            let ahead = listing.map(|listing| listing.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
            (ahead, lists)
        });
        match ahead {
            Some(Ok(page)) => self.ahead = Ahead::Listed(page),
            // Listed once more when nobody reads beside it, and only then a failure.
            Some(Err(_)) => self.ahead = Ahead::From(page.next.clone()),
            None => {}
        }
        let lists = lists?;
        // A permission that is missing is missing for everybody.
        if first
            && lists.iter().all(|list| matches!(list, Err(IdentityError::Forbidden(_))))
            && let Some(Err(error)) = lists.first()
        {
            return Err(error.clone());
        }
        Ok(Some(Counted { users: page.users.into_iter().zip(lists).collect(), next: page.next }))
    }
}

/// The passkeys of many users with the time of their last use, which only the beta interface tells; read by several clients of
/// one tenant at once. Who was throttled to the end is an error in their place, never a user without passkeys.
///
/// # Errors
/// [`IdentityError`], when nothing could be read.
pub fn methods_of_with_last_use(
    clients: &mut [Entra],
    users: &[User],
) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
    let mut graphs: Vec<&mut Graph> = clients.iter_mut().map(|client| &mut client.graph).collect();
    fido2_methods::list_together(&mut graphs, Version::Beta, users)
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
                Err(IdentityError::UsersHidden(_)) if next.is_none() => everybody(graph, next, BASIC_FIELDS),
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

    /// How many users the directory has; `None` where it does not tell.
    ///
    /// # Errors
    /// [`IdentityError`] for what every call would meet.
    pub fn count_people(&mut self) -> Result<Option<u64>, IdentityError> {
        let url = self.graph.url(Version::V1, &["users", "$count"])?;
        let answer = self.graph.authorised(&Verb::GET, &url, &Body::Empty, Repeat::Safe).map_err(Lost::into_error)?;
        let text = std::str::from_utf8(&answer.body).unwrap_or_default();
        match answer.status {
            // A number in plain text, after a byte order mark.
            200 => Ok(text.trim_start_matches('\u{feff}').trim().parse().ok()),
            400 | 403 | 404 => Ok(None),
            _ => Err(reply::error(&answer)),
        }
    }
}

fn everybody(graph: &mut Graph, next: Option<&str>, fields: &str) -> Result<CensusPage, IdentityError> {
    let page: Page<UserBody> = page(graph, &["users"], &format!("$select={fields}&$top={PAGE}"), next)?;
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
    graph.get(&url).map_err(hidden)
}

/// Names the permission that listing needs.
fn hidden(error: IdentityError) -> IdentityError {
    match error {
        IdentityError::Forbidden(reply) => IdentityError::UsersHidden(reply),
        other => other,
    }
}
