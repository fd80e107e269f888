//! Rows of the file.

use rusqlite::Row;

use crate::ledger::rows::{JobColumns, TaskColumns};

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
