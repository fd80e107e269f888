//! Which rows are wanted.

use serde::Serialize;

use super::Row;
use crate::aaguid::Aaguid;

/// Stands for every advisory.
pub const ANY: &str = "any";

/// How many passkeys a user has to have to be in the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Owning {
    /// One or more.
    #[default]
    Some,
    /// One: whoever loses it is locked out.
    One,
    /// None: those are named without a passkey.
    None,
}

/// Which rows are wanted. What is empty restricts nothing.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Filter {
    /// Parts of names of models.
    pub models: Vec<String>,
    /// Models.
    pub aaguids: Vec<Aaguid>,
    /// Ids of advisories, or [`ANY`].
    pub advisories: Vec<String>,
    /// Only what the policy of today does not accept.
    pub not_allowed: bool,
    /// Only users with so many.
    pub owning: Owning,
}

impl Filter {
    /// Whether users with so many passkeys are wanted.
    pub fn takes_users_with(&self, passkeys: usize) -> bool {
        match self.owning {
            Owning::Some => passkeys > 0,
            Owning::One => passkeys == 1,
            Owning::None => passkeys == 0,
        }
    }

    /// Whether a row is wanted.
    pub fn takes(&self, row: &Row<'_>) -> bool {
        let aaguid = row.passkey.and_then(|passkey| passkey.aaguid);
        let named = |part: &String| row.names().any(|name| name.to_lowercase().contains(&part.to_lowercase()));
        (self.models.is_empty() || self.models.iter().any(named))
            && (self.aaguids.is_empty() || aaguid.is_some_and(|aaguid| self.aaguids.contains(&aaguid)))
            && (self.advisories.is_empty() || self.concerned(row))
            && (!self.not_allowed || row.allowed == Some(false))
    }

    fn concerned(&self, row: &Row<'_>) -> bool {
        let found = row.advisories();
        let meant = |wanted: &String| {
            wanted.eq_ignore_ascii_case(ANY) || found.iter().any(|id| id.trim_end_matches('?').eq_ignore_ascii_case(wanted))
        };
        !found.is_empty() && self.advisories.iter().any(meant)
    }
}
