//! User look-up.

use serde::Deserialize;

use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::profile::wrong;
use crate::identity::{IdentityError, User};

/// Longest user principal name of the directory is 113 characters; guests' names have a suffix.
const MAX_NAME: usize = 512;
pub(super) const ALL_FIELDS: &str = "id,userPrincipalName,displayName,accountEnabled,userType,preferredLanguage";
/// What `User.ReadBasic.All` covers.
pub(super) const BASIC_FIELDS: &str = "id,userPrincipalName,displayName";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserBody {
    id: String,
    user_principal_name: Option<String>,
    display_name: Option<String>,
    account_enabled: Option<bool>,
    user_type: Option<String>,
    preferred_language: Option<String>,
}

impl UserBody {
    /// The user that was looked up by `name`, which stands in for a principal name that must not be read.
    pub(super) fn named(self, name: &str) -> User {
        let fallback = if name.is_empty() { &self.id } else { name };
        User {
            upn: self.user_principal_name.unwrap_or_else(|| fallback.to_owned()),
            id: self.id,
            display_name: self.display_name,
            enabled: self.account_enabled,
            kind: self.user_type,
            language: self.preferred_language.filter(|language| !language.is_empty()),
        }
    }
}

/// Whether it can be the name of anybody, so that the tenant can be asked.
pub(super) fn is_plausible(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// A user by principal name or object id. Without the permission to read them, `enabled`, `kind` and `language` stay empty.
pub(super) fn look_up(graph: &mut Graph, name: &str) -> Result<User, IdentityError> {
    let name = name.trim();
    if !name.is_empty() && !is_plausible(name) {
        return Err(IdentityError::UserUnknown(name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()));
    }
    let address = graph.user_url(Version::V1, name, &[]).map_err(|_| wrong("a user is named by principal name or object id"))?;
    let mut read = |fields: &str| {
        let mut url = address.clone();
        url.query_pairs_mut().append_pair("$select", fields);
        graph.get::<UserBody>(&url)
    };
    let body = match read(ALL_FIELDS) {
        Err(IdentityError::Forbidden(_)) => read(BASIC_FIELDS),
        other => other,
    };
    match body {
        Ok(body) => Ok(body.named(name)),
        Err(IdentityError::NotFound(_)) => Err(IdentityError::UserUnknown(name.to_owned())),
        Err(error) => Err(error),
    }
}
