//! What the tenant and the ledger say of the people of a roster: the facts that a plan is made of.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fault::RowError;
use crate::identity::{Directory, IdentityError, Method, User};
use crate::ledger::{BatchId, Batches, Job, JobState, LedgerError, Task, TaskState};

/// Whom a plan means, and what was known of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// First row that names them.
    pub row: u32,
    /// The user.
    pub user: User,
    /// The user's passkeys, oldest first; `None` where they must not be read.
    pub passkeys: Option<Vec<Passkey>>,
}

/// A passkey of a user, as far as a plan needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Passkey {
    /// Its id in the tenant.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// When it was registered.
    pub created: Option<Timestamp>,
}

impl From<Method> for Passkey {
    fn from(method: Method) -> Self {
        Self { id: method.id, name: method.display_name, created: method.created }
    }
}

/// Why nothing could be asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AskError {
    /// The tenant.
    #[error(transparent)]
    Tenant(#[from] IdentityError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Who is asked about the people of a roster.
pub struct Inquiry<'a> {
    /// The tenant.
    pub directory: &'a mut dyn Directory,
    /// The ledger.
    pub ledger: &'a mut dyn Batches,
    /// Whether a profile of this name can be used here, and if not, why.
    pub profiles: &'a dyn Fn(&str) -> Result<(), String>,
}

impl std::fmt::Debug for Inquiry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inquiry")
    }
}

/// What the ledger knows already.
pub(super) struct Before {
    /// Keys that were given to somebody by a job that is done or under way, by serial number: to whom, and in which job.
    keys: HashMap<String, (String, i64)>,
    /// Users who wait for a key in a batch, by object id.
    waiting: HashMap<String, BatchId>,
}

impl Before {
    /// Reads it.
    pub(super) fn read(ledger: &mut dyn Batches) -> Result<Self, LedgerError> {
        let jobs = ledger.jobs(None)?.into_iter().filter(|job| job.state != JobState::Ended);
        let key = |job: Job| Some((job.order.key.shown_serial()?.to_lowercase(), (job.order.upn.clone(), job.id.0)));
        let keys = jobs.filter_map(key).collect();
        let mut waiting = HashMap::new();
        for batch in ledger.batches()?.into_iter().filter(|batch| !batch.closed) {
            let open = |task: &Task| matches!(task.state, TaskState::Waiting | TaskState::Working);
            let tasks = ledger.tasks(batch.id)?.into_iter().filter(open);
            waiting.extend(tasks.map(|task| (task.order.user_id.to_lowercase(), batch.id)));
        }
        Ok(Self { keys, waiting })
    }

    /// What is wrong with a serial number.
    pub(super) fn of_serial(&self, serial: &str) -> Option<RowError> {
        let (upn, job) = self.keys.get(&serial.to_lowercase())?;
        Some(RowError::SerialGiven { serial: serial.to_owned(), upn: upn.clone(), job: *job })
    }

    /// What is wrong with a user.
    pub(super) fn of_user(&self, user: &User) -> Option<RowError> {
        self.waiting.get(&user.id.to_lowercase()).map(|batch| RowError::Waits(*batch))
    }
}

/// What is wrong with an account. `account` is whoever is signed in.
pub(super) fn unfit(user: &User, account: Option<&str>) -> Vec<RowError> {
    let mut wrong = Vec::new();
    if user.enabled == Some(false) {
        wrong.push(RowError::Disabled(user.upn.clone()));
    }
    // A guest's name keeps the mark of its home tenant even where the type was changed to member.
    let guest = user.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
    if guest || user.upn.to_ascii_uppercase().contains("#EXT#") {
        wrong.push(RowError::Guest(user.upn.clone()));
    }
    if account.is_some_and(|account| account.eq_ignore_ascii_case(&user.id)) {
        wrong.push(RowError::OwnAccount(user.upn.clone()));
    }
    wrong
}
