//! The groups that targets name: whose member a user is, and what they are called.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, User};

/// Names that are looked up for one command.
const MAX_LOOK_UPS: u8 = 40;

/// A group as the directory lists it. Without the permission for it the name is missing.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::identity::entra) struct Group {
    pub(in crate::identity::entra) id: String,
    display_name: Option<String>,
}

/// Every group that a user is in, also through other groups.
pub(in crate::identity::entra) fn of_user(graph: &mut Graph, user: &User) -> Result<Vec<Group>, IdentityError> {
    let mut url = graph.user_url(Version::V1, &user.id, &["transitiveMemberOf", "microsoft.graph.group"])?;
    url.query_pairs_mut().append_pair("$select", "id,displayName");
    graph.list(&url)
}

/// Names of groups by id, looked up when they are asked for.
#[derive(Debug, Default)]
pub(in crate::identity::entra) struct GroupNames {
    known: BTreeMap<String, String>,
    asked: u8,
    /// Without the permission nobody needs to ask twice.
    hidden: bool,
}

impl GroupNames {
    /// Names that are known already.
    pub(in crate::identity::entra) fn learn(&mut self, groups: &[Group]) {
        let named = groups.iter().filter_map(|group| Some((group.id.to_ascii_lowercase(), tame(group.display_name.as_deref()?))));
        self.known.extend(named);
    }

    /// A group's name; `None` if it cannot be read or there is none.
    pub(in crate::identity::entra) fn name(&mut self, graph: &mut Graph, id: &str) -> Option<String> {
        let key = id.to_ascii_lowercase();
        if !self.known.contains_key(&key) && !self.hidden && self.asked < MAX_LOOK_UPS {
            self.asked = self.asked.saturating_add(1);
            match look_up(graph, id) {
                Ok(group) => self.learn(&[group]),
                Err(IdentityError::Forbidden(_)) => self.hidden = true,
                // A name is not worth a failure: its id does as well.
                Err(error) => log::debug!("the name of the group {} cannot be read: {error}", tame(id)),
            }
        }
        self.known.get(&key).filter(|name| !name.is_empty()).cloned()
    }
}

fn look_up(graph: &mut Graph, id: &str) -> Result<Group, IdentityError> {
    let mut url = graph.url(Version::V1, &["groups", id])?;
    url.query_pairs_mut().append_pair("$select", "id,displayName");
    graph.get(&url)
}
