//! Batches: rosters that were taken into the ledger, a task for every key that somebody is to get.
//!
//! A task is there before its key is: it is leased, a job is opened for it, and it is settled. A lease is given to one opening
//! of the ledger at a time and goes with it; it is not part of the record.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JobId, Ledger, LedgerError};

/// Names a batch in this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct BatchId(pub i64);

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names a task in this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A roster that is about to be taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewBatch {
    /// Tenant that the profile names.
    pub tenant: String,
    /// Who ran the command, as the operating system says.
    pub operator: String,
    /// Name of the roster's file or group.
    pub roster: String,
    /// How its tasks are to be done; the ledger keeps it and does not look into it.
    pub settings: Value,
}

/// A batch as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// What it was opened with.
    pub order: NewBatch,
    /// When it was opened.
    pub opened: Timestamp,
    /// Nothing of it is worked on any more.
    pub closed: bool,
}

/// Which of a person's keys it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum KeyPart {
    /// The only one that the batch makes for them.
    #[default]
    Only,
    /// The one for every day.
    Primary,
    /// The one for the day on which the other is lost.
    Spare,
}

/// One key for one person, before it is a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct NewTask {
    /// Row of the roster, as the operator counts it.
    pub row: u32,
    /// Object id of the user.
    pub user_id: String,
    /// User principal name at the time.
    pub upn: String,
    /// Serial number of the key that the roster gives them; `None` for any key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Name of the passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Length of the temporary PIN, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin_length: Option<u8>,
    /// Profile to use instead of the batch's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Work order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Anything that the roster says beyond that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Which of their keys.
    pub part: KeyPart,
    /// Which of their spare keys, from 2 on; `None` for the first and for keys that are no spares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u8>,
    /// Id in the tenant of the passkey that goes once the new one is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

impl NewTask {
    /// What tells a spare key by name from the user's other keys: `spare`, `spare 2` and so on.
    pub fn mark(&self) -> Option<String> {
        let word = || self.number.map_or_else(|| "spare".into(), |number| format!("spare {number}"));
        (self.part == KeyPart::Spare).then(word)
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Nobody works on it and it is to be done; what was begun of it stands in its job.
    Waiting,
    /// Somebody holds its lease just now.
    Working,
    /// Done.
    Done,
    /// Given up, for the reason in [`Task::failure`].
    Failed,
    /// It is not to be done after all.
    Cancelled,
}

/// Why a task was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// The sentence.
    pub sentence: String,
    /// The next step.
    pub next: String,
}

/// A task as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// The batch that it belongs to.
    pub batch: BatchId,
    /// What it was opened with.
    pub order: NewTask,
    /// Where it stands.
    pub state: TaskState,
    /// Its latest job. If that one is open it has to be taken up again; no other is opened beside it.
    pub job: Option<JobId>,
    /// Why it was given up; `None` unless it failed.
    pub failure: Option<Failure>,
    /// How many attempts came to an end, as done or as failed.
    pub tries: u32,
}

/// Which task is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first one that waits and is for any key. One with an open job comes before those without.
    Next,
    /// The same, but none of these.
    NextBut(Vec<TaskId>),
    /// The first one that waits and is for the key with one of these serial numbers (spellings of one key's).
    Serial(Vec<String>),
    /// This one.
    Task(TaskId),
}

/// How a lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The task is done.
    Done,
    /// It is given up until somebody says [`Batches::retry`].
    Failed(Failure),
    /// It waits again.
    Waiting,
    /// It is not to be done after all.
    Cancelled,
}

/// The record of batches.
///
/// A lease belongs to one opening of the ledger and lasts until the task is settled, that opening is dropped or its process
/// ends, however it ends. Who claims the open job of a task gets the task's lease with it, so that a job that was
/// [released](Ledger::release) takes its task along.
pub trait Batches: Ledger {
    /// Takes a roster in, all of it or nothing. Tasks are kept in the order of their rows.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn open_batch(&mut self, order: &NewBatch, tasks: &[NewTask]) -> Result<BatchId, LedgerError>;

    /// All batches, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn batches(&mut self) -> Result<Vec<Batch>, LedgerError>;

    /// All tasks of a batch, in the order of their rows.
    ///
    /// # Errors
    /// [`LedgerError::NoBatch`] and others.
    fn tasks(&mut self, batch: BatchId) -> Result<Vec<Task>, LedgerError>;

    /// One task.
    ///
    /// # Errors
    /// [`LedgerError::NoTask`] and others.
    fn task(&mut self, task: TaskId) -> Result<Task, LedgerError>;

    /// Takes the lease of a waiting task, which is told with state [`TaskState::Working`]. `None` if nothing of the kind waits or
    /// somebody else has it. A task that this opening has leased already is given again only to who names it; one that came
    /// along with a claim on its job, which is closed by now, waits again as soon as something else is leased.
    ///
    /// # Errors
    /// [`LedgerError::NoBatch`]; [`LedgerError::NoTask`] if the batch has no such task; [`LedgerError::Rule`] if the batch is
    /// closed.
    fn lease(&mut self, batch: BatchId, wanted: &Wanted) -> Result<Option<Task>, LedgerError>;

    /// Writes down how a leased task ended and gives its lease up. A task whose job was closed as done is done already, and
    /// may be settled so once more. A task may fail while its job stays open: it is taken up again after a
    /// [retry](Self::retry), or by the job's number.
    ///
    /// # Errors
    /// [`LedgerError::NoTask`]; [`LedgerError::Rule`] if this opening does not hold the lease, or if the task's job is open and
    /// the task is said to be done or cancelled.
    fn settle(&mut self, task: TaskId, settled: &Settled) -> Result<(), LedgerError>;

    /// Lets a failed or cancelled task wait again.
    ///
    /// # Errors
    /// [`LedgerError::NoTask`]; [`LedgerError::Rule`] for a task in another state or of a closed batch.
    fn retry(&mut self, task: TaskId) -> Result<(), LedgerError>;

    /// Closes a batch: what still waits in it is not leased any more.
    ///
    /// # Errors
    /// [`LedgerError::NoBatch`]; [`LedgerError::Rule`] if it is closed, a task of it is leased or the job of one is open.
    fn close_batch(&mut self, batch: BatchId) -> Result<(), LedgerError>;
}

/// Opens one ledger as often as it is asked, from any thread: lanes have one opening each.
pub type OpenLedger = Arc<dyn Fn() -> Result<Box<dyn Batches + Send>, LedgerError> + Send + Sync>;
