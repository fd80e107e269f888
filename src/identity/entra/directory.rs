//! Many users at once, by `$batch`, and groups.

use std::fmt::Write as _;

use reqwest::Url;
use serde::Deserialize;

use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::guid::is_guid;
use crate::identity::entra::http::Answer;
use crate::identity::entra::users::{ALL_FIELDS, BASIC_FIELDS, UserBody, is_plausible};
use crate::identity::entra::{Entra, fido2_methods, reply};
use crate::identity::{Directory, Group, IdentityError, Lookup, Method, User};

/// Names that are looked up in one go: a bound on what is held at once.
const AT_ONCE: usize = 1000;
/// Users of one address that are told.
const MOST_OF_ADDRESS: usize = 10;

#[derive(Deserialize)]
struct List {
    value: Vec<UserBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody {
    id: String,
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Member {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(flatten)]
    user: UserBody,
}

impl Directory for Entra {
    fn users(&mut self, names: &[String]) -> Result<Vec<Result<Lookup, IdentityError>>, IdentityError> {
        let mut found = Vec::with_capacity(names.len());
        let mut fields = ALL_FIELDS;
        for part in names.chunks(AT_ONCE) {
            found.extend(look_up(&mut self.graph, part, &mut fields)?);
        }
        Ok(found)
    }

    fn groups(&mut self, name: &str) -> Result<Vec<Group>, IdentityError> {
        let graph = &mut self.graph;
        let bodies = if is_guid(name) {
            let mut url = graph.url(Version::V1, &["groups", name])?;
            url.set_query(Some("$select=id,displayName"));
            match graph.get::<GroupBody>(&url) {
                Ok(body) => vec![body],
                Err(IdentityError::NotFound(_)) => Vec::new(),
                Err(error) => return Err(error),
            }
        } else {
            let mut url = graph.url(Version::V1, &["groups"])?;
            url.set_query(Some(&format!("$filter=displayName eq {}&$select=id,displayName", quoted(name))));
            graph.list(&url)?
        };
        Ok(bodies.into_iter().map(|body| Group { id: body.id, display_name: body.display_name }).collect())
    }

    fn members(&mut self, group: &str) -> Result<Vec<User>, IdentityError> {
        let mut url = self.graph.url(Version::V1, &["groups", group, "transitiveMembers"])?;
        // Without a cast to users: that one is answered from an index which may lag behind.
        url.set_query(Some(&format!("$select={ALL_FIELDS}&$top=999")));
        let members: Vec<Member> = self.graph.list(&url)?;
        let users = members.into_iter().filter(|member| member.kind.as_deref() == Some("#microsoft.graph.user"));
        Ok(users.map(|member| member.user.named("")).collect())
    }

    fn methods_of_all(&mut self, users: &[User]) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
        let mut found = Vec::with_capacity(users.len());
        for part in users.chunks(AT_ONCE) {
            found.extend(fido2_methods::list_many(&mut self.graph, Version::V1, part)?);
        }
        Ok(found)
    }

    fn account(&mut self) -> Result<Option<String>, IdentityError> {
        Ok(self.who()?.filter(|who| who.person).and_then(|who| who.object_id))
    }
}

/// Looks some names up: first as names, then those that are nobody's as mail addresses. `fields` shrink where not all of them may
/// be read.
fn look_up(
    graph: &mut Graph,
    names: &[String],
    fields: &mut &'static str,
) -> Result<Vec<Result<Lookup, IdentityError>>, IdentityError> {
    let nobody = |name: &String| Err(IdentityError::UserUnknown(name.clone()));
    let mut found: Vec<Result<Lookup, IdentityError>> = names.iter().map(nobody).collect();
    let by_name = |graph: &Graph, name: &str, fields: &str| {
        let mut url = graph.user_url(Version::V1, name, &[]).ok()?;
        url.set_query(Some(&format!("$select={fields}")));
        Some(url)
    };
    let plausible = |place: &usize| names.get(*place).is_some_and(|name| is_plausible(name));
    let mut open: Vec<usize> = (0..names.len()).filter(plausible).collect();
    for (place, answer) in ask(graph, names, &open, fields, &by_name)? {
        let Some(name) = names.get(place) else { continue };
        let outcome = match answer.status {
            200 => reply::json::<UserBody>(&answer).map(|body| Lookup::One(body.named(name))),
            404 => continue,
            _ => Err(reply::error(&answer)),
        };
        open.retain(|other| *other != place);
        put(&mut found, place, outcome);
    }
    open.retain(|place| names.get(*place).is_some_and(|name| name.contains('@')));
    let by_mail = |graph: &Graph, name: &str, fields: &str| {
        let mut url = graph.url(Version::V1, &["users"]).ok()?;
        url.set_query(Some(&format!("$filter=mail eq {}&$select={fields}", quoted(name))));
        Some(url)
    };
    for (place, answer) in ask(graph, names, &open, fields, &by_mail)? {
        let outcome = match answer.status {
            200 => match reply::json::<List>(&answer).map(|list| list.value) {
                Ok(bodies) if bodies.is_empty() => continue,
                Ok(bodies) => {
                    let mut users: Vec<User> = bodies.into_iter().take(MOST_OF_ADDRESS).map(|body| body.named("")).collect();
                    Ok(if users.len() > 1 {
                        Lookup::Several(users)
                    } else {
                        users.pop().map_or(Lookup::Several(users), Lookup::One)
                    })
                }
                Err(error) => Err(error),
            },
            // What may be read of a user need not be searched by.
            400 | 403 | 404 => continue,
            _ => Err(reply::error(&answer)),
        };
        put(&mut found, place, outcome);
    }
    Ok(found)
}

fn put<T>(list: &mut [T], place: usize, value: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = value;
    }
}

/// The address that a name is asked for at, with these fields; none for a name that cannot be in an address.
type Address = dyn Fn(&Graph, &str, &str) -> Option<Url>;

/// Reads an address for each of these places; where that is forbidden, once more with fewer fields.
fn ask(
    graph: &mut Graph,
    names: &[String],
    places: &[usize],
    fields: &mut &'static str,
    address: &Address,
) -> Result<Vec<(usize, Answer)>, IdentityError> {
    let answers = ask_once(graph, names, places, fields, address)?;
    if *fields == BASIC_FIELDS {
        return Ok(answers);
    }
    let (forbidden, mut done): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(_, answer)| answer.status == 403);
    let places: Vec<usize> = forbidden.into_iter().map(|(place, _)| place).collect();
    if !places.is_empty() && done.is_empty() {
        // The permission is missing, so nobody needs to ask twice for the next names.
        *fields = BASIC_FIELDS;
    }
    done.extend(ask_once(graph, names, &places, BASIC_FIELDS, address)?);
    Ok(done)
}

fn ask_once(
    graph: &mut Graph,
    names: &[String],
    places: &[usize],
    fields: &str,
    address: &Address,
) -> Result<Vec<(usize, Answer)>, IdentityError> {
    let urls = places.iter().filter_map(|place| Some((*place, address(graph, names.get(*place)?, fields)?)));
    let (asked, urls): (Vec<usize>, Vec<Url>) = urls.unzip();
    Ok(asked.into_iter().zip(graph.batch(Version::V1, &urls)?).collect())
}

/// A text of a filter, as a part of an address: quotes are doubled, and what would end it is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for byte in text.replace('\'', "''").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b'\'' => quoted.push(char::from(byte)),
            _ => {
                let _ = write!(quoted, "%{byte:02X}");
            }
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_filter_early() {
        for (text, expected) in [
            ("a@b.c", "'a@b.c'"),
            ("o'neil+x@b.c", "'o''neil%2Bx@b.c'"),
            ("Key users & more", "'Key%20users%20%26%20more'"),
            ("' or 1 eq 1 or '", "'''%20or%201%20eq%201%20or%20'''"),
            ("ä#%", "'%C3%A4%23%25'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
