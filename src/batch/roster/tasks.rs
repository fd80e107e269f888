//! Rows become tasks, a key each. Rows are asked about in parts, so that of a large roster no more is held than its tasks.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::check::crowded;
use super::fault::{Fault, RowError};
use super::people::{AskError, Before, Inquiry, Passkey, Person, unfit};
use super::row::Row;
use super::{Roster, Wishes, several};
use crate::batch::replace::Choice;
use crate::identity::{IdentityError, Lookup, Method, User};
use crate::ledger::NewTask;

/// Rows that are asked about at once.
const AT_ONCE: usize = 1000;
/// Passkeys from which on a person should know.
const MANY: usize = 10;
/// Most passkeys of a user: what Microsoft advises, since Graph has no documented limit.
const MOST: usize = 20;

/// A roster that was checked. With faults there are no tasks.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What the roster is called.
    pub roster: String,
    /// The facts, if they are wished for.
    pub people: Vec<Person>,
    /// What is to be done.
    pub tasks: Vec<NewTask>,
    /// Everything that is wrong, by row.
    pub faults: Vec<Fault>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// What is remembered of a user of the roster.
pub(super) struct Seen {
    /// The user's place among the users.
    pub(super) place: usize,
    /// The first row.
    row: u32,
    /// Rows so far.
    rows: usize,
    /// Passkeys now; `None` where they must not be read.
    have: Option<usize>,
    /// Passkeys that go.
    goes: usize,
}

/// Users by object id.
pub(super) type Users = HashMap<String, Seen>;

struct Check<'a, 'b> {
    wishes: &'a Wishes,
    inquiry: &'a mut Inquiry<'b>,
    /// Who is signed in.
    account: Option<String>,
    before: Before,
    profiles: BTreeMap<String, Result<(), String>>,
    users: Users,
    /// Users and passkeys that go.
    replaced: HashSet<(String, String)>,
    /// Users whose passkeys must not be read.
    hidden: usize,
    done: Checked,
}

impl Roster {
    /// Checks everything and finds every fault; nothing is changed anywhere.
    ///
    /// # Errors
    /// [`AskError`], where tenant or ledger could not be asked at all.
    pub fn check(mut self, wishes: &Wishes, inquiry: &mut Inquiry<'_>) -> Result<Checked, AskError> {
        self.sift(wishes.keys_per_user);
        let Self { name: roster, mut rows, faults, warnings } = self;
        let account = inquiry.directory.account()?;
        let before = Before::read(inquiry.ledger)?;
        let done = Checked { roster, faults, warnings, ..Checked::default() };
        let (users, profiles, replaced) = (Users::new(), BTreeMap::new(), HashSet::new());
        let mut check = Check { wishes, inquiry, account, before, profiles, users, replaced, hidden: 0, done };
        // From its end the list can be shortened; so the first part stands there.
        rows.reverse();
        while !rows.is_empty() {
            let mut part = rows.split_off(rows.len().saturating_sub(AT_ONCE));
            rows.shrink_to_fit();
            part.reverse();
            check.part(part)?;
        }
        Ok(check.finish())
    }
}

impl Check<'_, '_> {
    /// Asks about some rows.
    fn part(&mut self, rows: Vec<Row>) -> Result<(), AskError> {
        let names: Vec<String> = rows.iter().map(|row| row.user.clone()).collect();
        let found = self.inquiry.directory.users(&names)?;
        let mut sound = Vec::with_capacity(rows.len());
        for (row, found) in rows.into_iter().zip(found) {
            if let Some(user) = self.fit(&row, found) {
                sound.push((row, user));
            }
        }
        let users: Vec<User> = sound.iter().map(|(_, user)| user.clone()).collect();
        let lists = self.inquiry.directory.methods_of_all(&users)?;
        for ((row, user), list) in sound.into_iter().zip(lists) {
            self.draft(row, user, list)?;
        }
        Ok(())
    }

    fn fault(&mut self, row: &Row, error: &RowError) {
        self.done.faults.push(Fault::new(row.line, &row.user, error));
    }

    /// The user of a row, if nothing is wrong with it.
    fn fit(&mut self, row: &Row, found: Result<Lookup, IdentityError>) -> Option<User> {
        let mut wrong = Vec::new();
        if let Some(serial) = &row.serial {
            wrong.extend(self.before.of_serial(serial));
        }
        if let Some(name) = &row.profile {
            let outcome = self.profiles.entry(name.clone()).or_insert_with(|| (self.inquiry.profiles)(name));
            wrong.extend(outcome.clone().err().map(|reason| RowError::Profile { name: name.clone(), reason }));
        }
        let user = match found {
            Ok(Lookup::One(user)) => {
                wrong.extend(unfit(&user, self.account.as_deref()));
                wrong.extend(self.before.of_user(&user));
                // The same user under another name.
                if let Some(seen) = self.users.get(&user.id.to_lowercase()) {
                    wrong.extend(crowded(seen.row, seen.rows.saturating_add(1), self.wishes.keys_per_user));
                }
                Some(user)
            }
            Ok(Lookup::Several(users)) => {
                let users = users.into_iter().map(|user| format!("{} ({})", user.id, user.upn));
                wrong.push(RowError::Ambiguous(users.collect()));
                None
            }
            Err(error) => {
                wrong.push(error.into());
                None
            }
        };
        for error in &wrong {
            self.fault(row, error);
        }
        if !wrong.is_empty() {
            return None;
        }
        let user = user?;
        let place = self.users.len();
        let fresh = || Seen { place, row: row.line, rows: 0, have: None, goes: 0 };
        let seen = self.users.entry(user.id.to_lowercase()).or_insert_with(fresh);
        seen.rows = seen.rows.saturating_add(1);
        Some(user)
    }

    /// The task of a row; names and parts follow when all rows are known.
    fn draft(&mut self, row: Row, user: User, list: Result<Vec<Method>, IdentityError>) -> Result<(), AskError> {
        let passkeys = match list {
            Ok(methods) => {
                let mut passkeys: Vec<Passkey> = methods.into_iter().map(Passkey::from).collect();
                // One of which it is not known when it was made is not the oldest.
                passkeys.sort_by_key(|passkey| passkey.created.unwrap_or(Timestamp::MAX));
                Some(passkeys)
            }
            Err(IdentityError::Forbidden(_)) => None,
            Err(error) => {
                self.fault(&row, &error.into());
                return Ok(());
            }
        };
        let id = user.id.to_lowercase();
        let is_first = self.users.get(&id).is_some_and(|seen| seen.row == row.line);
        let replaces = self.replaced(&row, &user, passkeys.as_deref(), is_first)?;
        if let Some(seen) = self.users.get_mut(&id) {
            seen.have = passkeys.as_ref().map(Vec::len);
            seen.goes = seen.goes.saturating_add(usize::from(replaces.is_some()));
        }
        self.done.tasks.push(NewTask {
            row: row.line,
            user_id: user.id.clone(),
            upn: user.upn.clone(),
            serial: row.serial,
            display_name: row.display_name,
            pin_length: row.pin_length,
            profile: row.profile,
            ticket: row.ticket,
            note: row.note,
            replaces,
            ..NewTask::default()
        });
        if is_first {
            self.hidden = self.hidden.saturating_add(usize::from(passkeys.is_none()));
            if self.wishes.facts {
                self.done.people.push(Person { row: row.line, user, passkeys });
            }
        }
        Ok(())
    }

    /// The passkey that goes for a row's new one.
    fn replaced(
        &mut self,
        row: &Row,
        user: &User,
        passkeys: Option<&[Passkey]>,
        is_first: bool,
    ) -> Result<Option<String>, AskError> {
        let of_row = row.replaces.as_deref().map(Choice::from);
        let by_row = of_row.is_some();
        // What was wished for all of them is done once for each user.
        let Some(choice) = of_row.or_else(|| self.wishes.replace.clone().filter(|_| is_first)) else { return Ok(None) };
        let Some(passkeys) = passkeys else {
            self.fault(row, &RowError::HiddenPasskeys);
            return Ok(None);
        };
        let Some(id) = choice.among(passkeys, user, self.inquiry.ledger)? else {
            // Who has none needs none replaced.
            if choice != Choice::Oldest || by_row {
                self.fault(row, &RowError::NothingToReplace(choice.to_string()));
            }
            return Ok(None);
        };
        if !self.replaced.insert((user.id.clone(), id.clone())) {
            self.fault(row, &RowError::ReplacedTwice(id.clone()));
        }
        Ok(Some(id))
    }

    /// Whether there is room for everybody's new passkeys.
    fn room(&mut self) {
        let keys = usize::from(self.wishes.keys_per_user.max(1));
        let mut many = 0_usize;
        for task in &self.done.tasks {
            let Some(seen) = self.users.get(&task.user_id.to_lowercase()).filter(|seen| seen.row == task.row) else { continue };
            let Some(have) = seen.have else { continue };
            let then = have.saturating_add(keys).saturating_sub(seen.goes);
            many = many.saturating_add(usize::from(then > MANY));
            if then > MOST {
                self.done.faults.push(Fault::new(task.row, &task.upn, &RowError::MethodLimit { have, then, most: MOST }));
            }
        }
        if many > 0 {
            self.done.warnings.push(format!("{many} users will have more than {MANY} passkeys: some of them may be old"));
        }
    }

    fn finish(mut self) -> Checked {
        self.room();
        let Self { mut done, users, wishes, hidden, .. } = self;
        if hidden > 0 {
            let warning = format!("the passkeys of {hidden} users must not be read by this sign-in, so nobody counted them");
            done.warnings.push(warning);
        }
        done.faults.sort_by_key(|fault| fault.row);
        if !done.faults.is_empty() {
            done.tasks = Vec::new();
        } else if wishes.keys_per_user > 1 {
            done.tasks = several::tasks(done.tasks, &users, wishes);
        } else if let Some(name) = &wishes.display_name {
            let nameless = done.tasks.iter_mut().filter(|task| task.display_name.is_none());
            nameless.for_each(|task| task.display_name = Some(name.clone()));
        }
        done
    }
}
