//! Where users stand in the script, so that one of many thousands is found at once.

use std::collections::BTreeMap;

use crate::simulator::tenant::script::TrainingUser;

/// Places of users by object id and principal name. Case does not count; of two users with one name, the first has it.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, usize>);

impl Names {
    /// Where each of them stands. To be made anew when the users change.
    pub(super) fn of(users: &[TrainingUser]) -> Self {
        let mut places = BTreeMap::new();
        for (place, user) in users.iter().enumerate() {
            for name in [&user.id, &user.upn] {
                places.entry(name.to_ascii_lowercase()).or_insert(place);
            }
        }
        Self(places)
    }

    /// The user with this object id or principal name.
    pub(super) fn user<'a>(&self, users: &'a [TrainingUser], name: &str) -> Option<&'a TrainingUser> {
        users.get(*self.0.get(&name.to_ascii_lowercase())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::tenant::Script;

    #[test]
    fn the_index_finds_whom_the_script_finds() {
        let mut script = Script::default();
        let mut twin = script.users[1].clone();
        twin.id = "twin".into();
        script.users.push(twin);
        script.users.push(TrainingUser { id: script.users[0].upn.clone(), ..TrainingUser::numbered(7, "contoso.example") });
        let names = Names::of(&script.users);
        let asked = script.users.iter().flat_map(|user| [user.id.clone(), user.upn.to_ascii_uppercase()]);
        for name in asked.chain(["nobody".into(), String::new()]) {
            let found = names.user(&script.users, &name).map(|user| &user.id);
            assert_eq!(found, script.user(&name).map(|user| &user.id), "{name}");
        }
    }
}
