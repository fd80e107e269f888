//! Rows of the database, read as the types of the ledger.

use postgres::Row;

use crate::ledger::postgres::fault::Halt;
use crate::ledger::rows::{TaskColumns, batch_of, entry_of, job_of, task_of};
use crate::ledger::{Batch, Entry, Job, JobId, LedgerError, Task};

/// How jobs are read, oldest first.
pub(super) fn job_query(condition: &str) -> String {
    format!("SELECT id, opened, orders, state FROM job {condition} ORDER BY id")
}

/// How batches are read, oldest first.
pub(super) const BATCHES: &str = "SELECT id, opened, orders, closed FROM batch ORDER BY id";

/// How the journal of a job is read.
pub(super) const ENTRIES: &str = "SELECT number, entry.at, intent, outcome FROM entry LEFT JOIN outcome USING (job, number)
    WHERE job = $1 ORDER BY number";

/// How tasks are read, in the order of their rows.
pub(super) fn task_query(condition: &str) -> String {
    format!(
        "SELECT id, batch, orders, state,
            CASE state WHEN 'failed' THEN (SELECT failure FROM settlement WHERE task = task.id ORDER BY number DESC LIMIT 1) END,
            (SELECT count(*) FROM settlement WHERE task = task.id AND state IN ('done', 'failed')),
            (SELECT max(id) FROM job WHERE job.task = task.id),
            EXISTS (SELECT FROM lease WHERE lease.task = task.id AND until >= clock_timestamp())
         FROM task {condition} ORDER BY id"
    )
}

pub(super) fn jobs(rows: &[Row]) -> Result<Vec<Job>, Halt> {
    read(rows, |row| Ok(job_of((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))))
}

pub(super) fn entries(job: JobId, rows: &[Row]) -> Result<Vec<Entry>, Halt> {
    read(rows, |row| Ok(entry_of(job, (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))))
}

pub(super) fn batches(rows: &[Row]) -> Result<Vec<Batch>, Halt> {
    read(rows, |row| Ok(batch_of((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))))
}

pub(super) fn tasks(rows: &[Row]) -> Result<Vec<Task>, Halt> {
    read(rows, |row| {
        Ok(task_of(TaskColumns {
            id: row.try_get(0)?,
            batch: row.try_get(1)?,
            orders: row.try_get(2)?,
            state: row.try_get(3)?,
            failure: row.try_get(4)?,
            tries: u32::try_from(row.try_get::<_, i64>(5)?).unwrap_or(u32::MAX),
            job: row.try_get(6)?,
            leased: row.try_get(7)?,
        }))
    })
}

/// A row that the database gives may still be none that the ledger can read.
fn read<T>(rows: &[Row], each: impl Fn(&Row) -> Result<Result<T, LedgerError>, postgres::Error>) -> Result<Vec<T>, Halt> {
    rows.iter().map(|row| Ok(each(row)??)).collect()
}
