//! A plan: exactly what would be done, with the facts that it was made of, and a digest over all of it.

use std::io::{Read as _, Write as _};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::fault::{Fault, RowError};
use super::people::{AskError, Before, Inquiry, Passkey, Person, unfit};
use super::{Checked, RosterError};
use crate::identity::{IdentityError, Lookup, User};
use crate::ledger::{NewBatch, NewTask};
use crate::secret::private;

/// What such a file says it is.
const KIND: &str = "keywright plan 1";
/// Stands in the file where its digest belongs, while that is counted.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest plan that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// What is to be done, and by which facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    kind: String,
    /// Tenant of the profile that it was made by.
    pub tenant: String,
    /// What the roster is called.
    pub roster: String,
    /// When it was made.
    pub made: Timestamp,
    /// How its tasks are to be done.
    pub settings: Value,
    /// The facts.
    pub people: Vec<Person>,
    /// The tasks.
    pub tasks: Vec<NewTask>,
    /// SHA-256 over the file, hexadecimal, with zeros in its own place.
    digest: String,
}

impl Plan {
    /// A plan of a roster without faults.
    pub fn new(tenant: &str, made: Timestamp, settings: Value, checked: Checked) -> Self {
        let Checked { roster, people, tasks, .. } = checked;
        let tenant = tenant.to_owned();
        Self { kind: KIND.into(), tenant, roster, made, settings, people, tasks, digest: BLANK.into() }
    }

    /// What the ledger takes in.
    pub fn into_batch(self, operator: String) -> (NewBatch, Vec<NewTask>) {
        let Self { tenant, roster, settings, tasks, .. } = self;
        (NewBatch { tenant, operator, roster, settings }, tasks)
    }

    /// Writes it to a file that is not there yet, readable by its owner only. Returns the digest.
    ///
    /// # Errors
    /// [`RosterError::PlanFile`].
    pub fn write(&self, path: &Path) -> Result<String, RosterError> {
        let fault = |reason: String| RosterError::PlanFile { name: path.display().to_string(), reason };
        let blank = serde_json::to_string_pretty(self).map_err(|error| fault(error.to_string()))?;
        let digest = digest(&blank);
        let text = format!("{}\n", in_place_of(&blank, &self.digest, &digest));
        let write = || {
            let mut file = private::create_new(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| fault(error.to_string()))?;
        Ok(digest)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`RosterError::PlanFile`]; [`RosterError::PlanEdited`] if it is not as it was written.
    pub fn read(path: &Path) -> Result<Self, RosterError> {
        let name = path.display().to_string();
        let fault = |reason: String| RosterError::PlanFile { name: name.clone(), reason };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| fault(error.to_string()))?;
        file.take(LONGEST).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
        let text = text.trim_end();
        let plan: Self = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        if plan.kind != KIND {
            return Err(fault("it is no plan, or one of another version".into()));
        }
        if digest(&in_place_of(text, &plan.digest, BLANK)) != plan.digest {
            return Err(RosterError::PlanEdited(name));
        }
        Ok(plan)
    }

    /// Reads the facts anew and names everything that is not as it was.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn differences(&self, tenant: &str, settings: &Value, inquiry: &mut Inquiry<'_>) -> Result<Vec<Fault>, AskError> {
        let mut faults = Vec::new();
        let changed = |row: u32, upn: &str, what: String| Fault::new(row, upn, &RowError::Changed(what));
        if self.tenant != tenant {
            faults.push(changed(0, "", format!("the plan is for the tenant {}, and this is {tenant}", self.tenant)));
            return Ok(faults);
        }
        faults.extend(differing(&self.settings, settings).into_iter().map(|what| changed(0, "", what)));
        let ids: Vec<String> = self.people.iter().map(|person| person.user.id.clone()).collect();
        let found = inquiry.directory.users(&ids)?;
        let account = inquiry.directory.account()?;
        let before = Before::read(inquiry.ledger)?;
        let mut there: Vec<(&Person, User)> = Vec::with_capacity(self.people.len());
        for (person, found) in self.people.iter().zip(found) {
            let (row, upn) = (person.row, person.user.upn.as_str());
            let user = match found {
                Ok(Lookup::One(user)) => user,
                Ok(Lookup::Several(_)) | Err(IdentityError::UserUnknown(_)) => {
                    faults.push(changed(row, upn, "the user is not there any more".into()));
                    continue;
                }
                Err(error) => {
                    faults.push(Fault::new(row, upn, &error.into()));
                    continue;
                }
            };
            faults.extend(of_user(&person.user, &user).into_iter().map(|what| changed(row, upn, what)));
            let unfit = unfit(&user, account.as_deref());
            faults.extend(unfit.iter().chain(&before.of_user(&user)).map(|error| Fault::new(row, upn, error)));
            there.push((person, user));
        }
        let users: Vec<User> = there.iter().map(|(_, user)| user.clone()).collect();
        for ((person, _), list) in there.iter().zip(inquiry.directory.methods_of_all(&users)?) {
            let now = match list {
                Ok(methods) => Some(methods.into_iter().map(Passkey::from).collect::<Vec<_>>()),
                Err(IdentityError::Forbidden(_)) => None,
                Err(error) => {
                    faults.push(Fault::new(person.row, &person.user.upn, &error.into()));
                    continue;
                }
            };
            let of = of_passkeys(person.passkeys.as_deref(), now.as_deref());
            faults.extend(of.into_iter().map(|what| changed(person.row, &person.user.upn, what)));
        }
        for task in &self.tasks {
            let serial = task.serial.as_deref().and_then(|serial| before.of_serial(serial));
            let profile = task.profile.as_deref().and_then(|name| {
                (inquiry.profiles)(name).err().map(|reason| RowError::Profile { name: name.to_owned(), reason })
            });
            faults.extend(serial.into_iter().chain(profile).map(|error| Fault::new(task.row, &task.upn, &error)));
        }
        faults.sort_by_key(|fault| fault.row);
        Ok(faults)
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text with its last `old`, where the digest stands, in exchange for `new`.
fn in_place_of(text: &str, old: &str, new: &str) -> String {
    let Some((before, after)) = text.rsplit_once(old).filter(|_| !old.is_empty()) else { return text.to_owned() };
    [before, new, after].concat()
}

/// Settings that are not what they were.
fn differing(then: &Value, now: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (then.as_object(), now.as_object()) else {
        return if then == now { Vec::new() } else { vec!["the settings are of another kind".into()] };
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differ.map(|name| format!("the setting {name} was {} and is {}", shown(before.get(name)), shown(after.get(name)))).collect()
}

fn of_user(then: &User, now: &User) -> Vec<String> {
    let word = |value: Option<bool>| value.map_or("hidden", |enabled| if enabled { "enabled" } else { "disabled" });
    let mut all = Vec::new();
    if then.upn != now.upn {
        all.push(format!("the user is called {} now", now.upn));
    }
    if then.enabled != now.enabled {
        all.push(format!("the account was {} and is {}", word(then.enabled), word(now.enabled)));
    }
    if then.kind != now.kind {
        let kind = |user: &User| user.kind.clone().unwrap_or_else(|| "hidden".into());
        all.push(format!("the kind of the account was {} and is {}", kind(then), kind(now)));
    }
    all
}

fn of_passkeys(then: Option<&[Passkey]>, now: Option<&[Passkey]>) -> Vec<String> {
    let (Some(then), Some(now)) = (then, now) else {
        return if then.is_some() == now.is_some() {
            Vec::new()
        } else {
            vec!["the user's passkeys could be read at one time only".into()]
        };
    };
    let without = |list: &[Passkey], other: &[Passkey]| -> Vec<String> {
        let missing = list.iter().filter(|passkey| !other.iter().any(|other| other.id == passkey.id));
        missing.map(|passkey| passkey.name.clone().unwrap_or_else(|| passkey.id.clone())).collect()
    };
    let gone = without(then, now).into_iter().map(|name| format!("the passkey {name} is gone"));
    gone.chain(without(now, then).into_iter().map(|name| format!("the passkey {name} is new"))).collect()
}
