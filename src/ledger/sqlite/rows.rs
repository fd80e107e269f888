//! Rows of the file, read as the types of the ledger.

use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ledger::{Batch, BatchId, Entry, Job, JobId, JobState, LedgerError, Task, TaskId, TaskState};

/// Columns of a job: id, opened, orders, state.
pub(super) type JobColumns = (i64, String, String, String);
/// Columns of a batch: id, opened, orders, closed.
pub(super) type BatchColumns = (i64, String, String, Option<String>);
/// Columns of an entry: number, at, intent, outcome.
pub(super) type EntryColumns = (i64, String, String, Option<String>);

/// Columns of a task, as [`TASK`] asks for them.
pub(super) struct TaskColumns {
    id: i64,
    batch: i64,
    orders: String,
    state: String,
    failure: Option<String>,
    tries: u32,
    job: Option<i64>,
    leased: bool,
}

/// How a task is read; a condition and an order may follow. ?1 is a JSON list of the holders that are alive.
pub(super) const TASK: &str = "SELECT id, batch, orders, state,
    CASE state WHEN 'failed' THEN (SELECT failure FROM settlement WHERE task = task.id ORDER BY number DESC LIMIT 1) END,
    (SELECT count(*) FROM settlement WHERE task = task.id AND state IN ('done', 'failed')),
    (SELECT max(id) FROM job WHERE job.task = task.id),
    EXISTS (SELECT 1 FROM lease WHERE lease.task = task.id AND holder IN (SELECT value FROM json_each(?1)))
    FROM task";

/// How a job is read; a condition and an order may follow.
pub(super) const JOB: &str = "SELECT id, opened, orders, state FROM job";

pub(super) fn job_columns(row: &Row<'_>) -> rusqlite::Result<JobColumns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

pub(super) fn task_columns(row: &Row<'_>) -> rusqlite::Result<TaskColumns> {
    Ok(TaskColumns {
        id: row.get(0)?,
        batch: row.get(1)?,
        orders: row.get(2)?,
        state: row.get(3)?,
        failure: row.get(4)?,
        tries: row.get(5)?,
        job: row.get(6)?,
        leased: row.get(7)?,
    })
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
