//! Lists of users and groups, and who is in a group.

use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::routes::{USER_BASIC, USER_FULL, selected};
use crate::simulator::tenant::script::{TrainingGroup, TrainingUser};
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

impl Tenant {
    /// Users, those of a mail address or all of them.
    pub(super) fn people(&self, request: &Request) -> Result<Response, Refusal> {
        only_reads(request)?;
        self.require(USER_BASIC)?;
        if selects(request, &["accountEnabled", "userType", "preferredLanguage"]) {
            self.require(USER_FULL)?;
        }
        let mail = filter(request, "mail")?;
        let fits = |user: &&TrainingUser| {
            mail.as_ref().is_none_or(|mail| user.mail.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(mail)))
        };
        self.page_of(request, self.script.users.iter().filter(fits), |user| selected(request, user))
    }

    /// How many users there are: from the index only, which has to be asked for.
    pub(super) fn count_people(&self, request: &Request) -> Result<Response, Refusal> {
        only_reads(request)?;
        self.require(USER_BASIC)?;
        if !request.headers.iter().any(|(name, value)| name == "consistencylevel" && value == "eventual") {
            return Err(Refusal::bad("$count is not currently supported."));
        }
        // As Graph writes it: with a byte order mark.
        let body = format!("\u{feff}{}", self.script.users.len()).into_bytes();
        Ok(Response { body, ..Response::empty(200).with("content-type", "text/plain".to_owned()) })
    }

    /// Everything below `groups`.
    pub(super) fn groups(&self, request: &Request, path: &[&str]) -> Result<Response, Refusal> {
        only_reads(request)?;
        match path {
            [] => {
                let name = filter(request, "displayName")?;
                let fits =
                    |group: &&TrainingGroup| name.as_ref().is_none_or(|name| group.display_name.eq_ignore_ascii_case(name));
                let groups = self.script.groups.iter().filter(fits).map(|group| self.group_of(request, &group.id)).collect();
                self.page(request, groups)
            }
            [id] => {
                self.known_group(id)?;
                Ok((200, self.group_of(request, id)).into())
            }
            [id, "transitiveMembers"] => {
                let group = self.known_group(id)?;
                self.page(request, self.members(request, group))
            }
            _ => Err(Refusal::not_found()),
        }
    }

    fn known_group(&self, id: &str) -> Result<&TrainingGroup, Refusal> {
        self.script.groups.iter().find(|group| group.id.eq_ignore_ascii_case(id)).ok_or_else(|| Refusal::no_user(id))
    }

    /// Who may not read users is told their ids and that they are users, and no more.
    fn members(&self, request: &Request, group: &TrainingGroup) -> Vec<Value> {
        let hidden = self.require(USER_FULL).is_err();
        let within = |user: &&TrainingUser| user.groups.iter().any(|id| id.eq_ignore_ascii_case(&group.id));
        let users = self.script.users.iter().filter(within).map(|user| {
            let mut body = selected(request, user);
            if let Some(members) = body.as_object_mut() {
                if hidden {
                    members.iter_mut().filter(|(name, _)| *name != "id").for_each(|(_, value)| *value = Value::Null);
                }
                members.insert("@odata.type".to_owned(), "#microsoft.graph.user".into());
            }
            body
        });
        let device =
            |number: u8| json!({"@odata.type": "#microsoft.graph.device", "id": format!("{}-device-{number}", group.id)});
        (0..group.devices).map(device).chain(users).collect()
    }
}

fn only_reads(request: &Request) -> Result<(), Refusal> {
    if request.method == "GET" { Ok(()) } else { Err(Refusal::no_method()) }
}

fn selects(request: &Request, fields: &[&str]) -> bool {
    let select = request.query.iter().find(|(name, _)| name == "$select");
    select.is_some_and(|(_, asked)| asked.split(',').any(|field| fields.contains(&field.trim())))
}

/// The text of a filter by equality, the only one that is understood; `None` without a filter.
fn filter(request: &Request, field: &str) -> Result<Option<String>, Refusal> {
    let Some((_, filter)) = request.query.iter().find(|(name, _)| name == "$filter") else { return Ok(None) };
    let text = filter.strip_prefix(field).and_then(|rest| rest.strip_prefix(" eq '")).and_then(|rest| rest.strip_suffix('\''));
    let text = text.map(|text| text.replace("''", "\u{0}")).filter(|text| !text.contains('\''));
    let text = text.ok_or_else(|| Refusal::bad(format!("Invalid filter clause: {filter}")))?;
    Ok(Some(text.replace('\u{0}', "'")))
}
