//! Rows of any store, read as the types of the ledger and written as its words.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::chain::{Subject, tampered};
use super::{Batch, BatchId, Entry, Failure, Job, JobId, JobState, LedgerError, Settled, Task, TaskId, TaskState};

/// Columns of a job: id, opened, orders, state.
pub(super) type JobColumns = (i64, String, String, String);
/// Columns of a batch: id, opened, orders, closed.
pub(super) type BatchColumns = (i64, String, String, Option<String>);
/// Columns of an entry: number, at, intent, outcome.
pub(super) type EntryColumns = (i64, String, String, Option<String>);

/// Columns of a task.
pub(super) struct TaskColumns {
    pub(super) id: i64,
    pub(super) batch: i64,
    pub(super) orders: String,
    pub(super) state: String,
    pub(super) failure: Option<String>,
    pub(super) tries: u32,
    pub(super) job: Option<i64>,
    pub(super) leased: bool,
}

/// Every kind of row and where all of them are, as `owner` and `number`.
pub(super) const KINDS: &[(&str, &str)] = &[
    ("job-opened", "SELECT id AS owner, 0 AS number FROM job"),
    ("entry", "SELECT job AS owner, number FROM entry"),
    ("outcome", "SELECT job AS owner, number FROM outcome"),
    ("job-closed", "SELECT id AS owner, 0 AS number FROM job WHERE state <> 'open'"),
    ("batch-opened", "SELECT id AS owner, 0 AS number FROM batch"),
    ("batch-closed", "SELECT id AS owner, 0 AS number FROM batch WHERE closed IS NOT NULL"),
    ("task-opened", "SELECT id AS owner, 0 AS number FROM task"),
    ("task-settled", "SELECT task AS owner, number FROM settlement"),
];

/// The first task whose state is not that of its last settlement.
pub(super) const UNSETTLED: &str = "SELECT id FROM task WHERE state <> coalesce(
    (SELECT state FROM settlement WHERE task = task.id ORDER BY number DESC LIMIT 1), 'waiting') ORDER BY id LIMIT 1";

/// What is wrong with a task that [`UNSETTLED`] finds.
pub(super) fn unsettled(task: i64) -> LedgerError {
    tampered(&format!("task {task}, its state"), "it is not that of its last settlement")
}

/// What is wrong where a kind has more or fewer rows than links: the row that no link is for, if there is one.
pub(super) fn outside_the_chain(kind: &str, unlinked: Option<Subject>) -> LedgerError {
    match unlinked {
        Some(subject) => tampered(&subject, "it is not in the chain"),
        None => tampered(&format!("rows of the kind {kind}"), "the chain counts one of them twice"),
    }
}

pub(super) fn job_of((id, opened, orders, state): JobColumns) -> Result<Job, LedgerError> {
    let what = format!("job {id}");
    let state = match state.as_str() {
        "open" => JobState::Open,
        "done" => JobState::Done,
        "ended" => JobState::Ended,
        _ => return Err(LedgerError::Corrupt(what)),
    };
    Ok(Job { id: JobId(id), order: value(&what, &orders)?, state, opened: time(&what, &opened)? })
}

pub(super) fn entry_of(job: JobId, (number, at, intent, outcome): EntryColumns) -> Result<Entry, LedgerError> {
    let what = format!("job {job}, entry {number}");
    let outcome = outcome.map(|text| value(&what, &text)).transpose()?;
    Ok(Entry { number, at: time(&what, &at)?, intent: value(&what, &intent)?, outcome })
}

pub(super) fn batch_of((id, opened, orders, closed): BatchColumns) -> Result<Batch, LedgerError> {
    let what = format!("batch {id}");
    Ok(Batch { id: BatchId(id), order: value(&what, &orders)?, opened: time(&what, &opened)?, closed: closed.is_some() })
}

pub(super) fn task_of(columns: TaskColumns) -> Result<Task, LedgerError> {
    let TaskColumns { id, batch, orders, state, failure, tries, job, leased } = columns;
    let what = format!("task {id}");
    let state = match (task_state(&state), leased) {
        (Some(TaskState::Waiting), true) => TaskState::Working,
        (Some(state), _) => state,
        (None, _) => return Err(LedgerError::Corrupt(what)),
    };
    let failure = failure.map(|text| value(&what, &text)).transpose()?;
    let order = value(&what, &orders)?;
    Ok(Task { id: TaskId(id), batch: BatchId(batch), order, state, job: job.map(JobId), failure, tries })
}

/// The state of a task as its row has it, which knows nothing of leases.
pub(super) fn task_state(word: &str) -> Option<TaskState> {
    match word {
        "waiting" => Some(TaskState::Waiting),
        "done" => Some(TaskState::Done),
        "failed" => Some(TaskState::Failed),
        "cancelled" => Some(TaskState::Cancelled),
        _ => None,
    }
}

pub(super) const fn word(state: JobState) -> &'static str {
    match state {
        JobState::Open => "open",
        JobState::Done => "done",
        JobState::Ended => "ended",
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Store(error.to_string()))
}

/// The reason is left out on purpose: a parser quotes what it found, and a row may hold names of people.
fn value<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::Corrupt(what.into()))
}

fn time(what: &str, text: &str) -> Result<Timestamp, LedgerError> {
    text.parse().map_err(|_| LedgerError::Corrupt(what.into()))
}

/// The state that a settlement gives a task, and why it failed.
pub(super) const fn settled_as(settled: &Settled) -> (&'static str, Option<&Failure>) {
    match settled {
        Settled::Done => ("done", None),
        Settled::Failed(failure) => ("failed", Some(failure)),
        Settled::Waiting => ("waiting", None),
        Settled::Cancelled => ("cancelled", None),
    }
}
