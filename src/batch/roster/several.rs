//! How many keys each user gets, and those of a user beside each other.

use std::collections::BTreeMap;

use super::tasks::Users;
use crate::batch::replace::Choice;
use crate::identity::passkey_name_marked;
use crate::ledger::{KeyPart, NewTask};

/// How many keys each gets, and what goes for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// Keys for each user; 2 are a primary and a spare.
    pub keys_per_user: u8,
    /// Which passkey goes once the first new one is verified, where the row does not say it.
    pub replace: Option<Choice>,
    /// Name of the passkeys, where the row does not say it.
    pub display_name: Option<String>,
    /// The facts are to be kept, for a plan.
    pub facts: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { keys_per_user: 1, replace: None, display_name: None, facts: false }
    }
}

/// The tasks of users with several keys each. Keys that no row speaks of are made by the user's first row, save that they are
/// other keys.
pub(super) fn tasks(drafts: Vec<NewTask>, users: &Users, wishes: &Wishes) -> Vec<NewTask> {
    let mut by_user: BTreeMap<usize, Vec<NewTask>> = BTreeMap::new();
    for draft in drafts {
        let place = users.get(&draft.user_id.to_lowercase()).map_or(usize::MAX, |seen| seen.place);
        by_user.entry(place).or_default().push(draft);
    }
    let named = |mut keys: Vec<NewTask>| {
        let own = keys.len();
        if let Some(first) = keys.first() {
            let more = NewTask { serial: None, replaces: None, ..first.clone() };
            keys.resize(usize::from(wishes.keys_per_user).max(own), more);
        }
        for (number, key) in keys.iter_mut().enumerate() {
            key.part = if number == 0 { KeyPart::Primary } else { KeyPart::Spare };
            key.number = u8::try_from(number).ok().filter(|number| *number > 1);
            // A name that was given to this key alone stays as it is.
            let given = number < own && key.display_name.is_some();
            if given {
                continue;
            }
            let name = key.display_name.take().or_else(|| wishes.display_name.clone());
            key.display_name = match (name, key.mark()) {
                (Some(name), Some(mark)) => Some(passkey_name_marked(&name, &mark)),
                (name, _) => name,
            };
        }
        keys
    };
    by_user.into_values().flat_map(named).collect()
}
