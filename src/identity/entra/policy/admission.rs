//! Which passkeys of which users the policy of today lets in, for many users at once: the members of the groups that it names are
//! listed once, in place of the groups of every user.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Membership, Policy, Reach, Rules, read_whole};
use crate::aaguid::Aaguid;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::guid::number;
use crate::identity::{IdentityError, Method, User};

/// The policy with the members of its groups.
#[derive(Debug)]
pub struct Admission {
    policy: Policy,
    groups: Vec<Members>,
}

/// The users in a group that a target names.
#[derive(Debug)]
struct Members {
    group: String,
    /// Object ids as numbers, 16 bytes each; `None` where they cannot be read.
    users: Option<BTreeSet<u128>>,
}

#[derive(Deserialize)]
struct MemberBody {
    id: String,
}

impl Admission {
    /// Reads the policy and whom it means. What cannot be read of a group makes the answers about its members unknown.
    pub(in crate::identity::entra) fn read(graph: &mut Graph) -> Result<Self, IdentityError> {
        let policy = read_whole(graph)?;
        let mut groups: Vec<Members> = Vec::new();
        let targets: Vec<String> = policy.groups().map(|target| target.id.clone()).collect();
        for group in targets {
            if groups.iter().any(|known| known.group.eq_ignore_ascii_case(&group)) {
                continue;
            }
            let users = match members(graph, &group) {
                Ok(users) => Some(users),
                // A group that was deleted has no members, and one that is too large or hidden is not known.
                Err(IdentityError::NotFound(_)) => Some(BTreeSet::new()),
                Err(IdentityError::Forbidden(_) | IdentityError::Malformed(_) | IdentityError::Refused(_)) => None,
                Err(error) => return Err(error),
            };
            groups.push(Members { group, users });
        }
        Ok(Self { policy, groups })
    }

    /// Whether a passkey of this user is one that the policy accepts today; `None` where that cannot be told. That an attestation is
    /// asked for is no matter here: it is asked for at the registration only.
    pub fn admits(&self, user: &User, passkey: &Method) -> Option<bool> {
        match self.policy.state.as_deref() {
            Some(state) if state.eq_ignore_ascii_case("disabled") => return Some(false),
            Some(state) if state.eq_ignore_ascii_case("enabled") => {}
            _ => return None,
        }
        let of_user = number(&user.id);
        let known = self.groups.iter().filter_map(|one| Some((one, one.users.as_ref()?)));
        let within = known.filter(|(_, users)| of_user.is_some_and(|id| users.contains(&id)));
        let ids = std::iter::once(user.id.clone()).chain(within.map(|(one, _)| one.group.clone())).collect();
        let complete = of_user.is_some() && self.groups.iter().all(|one| one.users.is_some());
        match self.policy.reach(&Membership { ids, complete }) {
            Reach::Excluded(_) | Reach::NotIncluded => Some(false),
            Reach::Unsure => None,
            Reach::Included { rules, more } => {
                let synced = passkey.passkey_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("synced"));
                let model = passkey.aaguid.unwrap_or(Aaguid([0; 16]));
                let judge = |rules: &Rules| {
                    let kind = if synced { rules.synced } else { rules.device_bound };
                    if kind { rules.accepts(model) } else { Some(false) }
                };
                let accepted: Vec<Option<bool>> = rules.iter().map(judge).collect();
                if accepted.contains(&Some(true)) {
                    Some(true)
                } else if more || accepted.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
        }
    }
}

fn members(graph: &mut Graph, group: &str) -> Result<BTreeSet<u128>, IdentityError> {
    let mut url = graph.url(Version::V1, &["groups", group, "transitiveMembers"])?;
    url.set_query(Some("$select=id&$top=999"));
    let mut found = BTreeSet::new();
    graph.each::<MemberBody>(&url, |body| {
        found.extend(number(&body.id));
    })?;
    Ok(found)
}
