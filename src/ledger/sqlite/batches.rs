//! Batches in the file: taking rosters in, leasing, settling.

use rusqlite::{Connection, OptionalExtension as _, Params, Transaction, params};

use super::file::{self, Stop};
use super::leases::Leases;
use super::rows::{self, task_columns};
use super::{SqliteLedger, links};
use crate::ledger::chain::Row;
use crate::ledger::rows::{batch_of, json, settled_as, task_of, task_state};
use crate::ledger::{Batch, BatchId, Batches, LedgerError, NewBatch, NewTask, Settled, Task, TaskId, TaskState, Wanted};

impl SqliteLedger {
    fn find_tasks(&self, condition: &str, value: i64) -> Result<Vec<Task>, LedgerError> {
        let living = self.leases.living(&self.connection).map_err(|stop| stop.at(&self.place))?;
        let read = || {
            let mut statement = self.connection.prepare_cached(&format!("{} {condition} ORDER BY id", rows::TASK))?;
            let mut found = Vec::new();
            let mut rows = statement.query(params![living, value])?;
            while let Some(row) = rows.next()? {
                found.push(task_of(task_columns(row)?)?);
            }
            Ok(found)
        };
        read().map_err(|stop: Stop| stop.at(&self.place))
    }
}

impl Batches for SqliteLedger {
    fn open_batch(&mut self, order: &NewBatch, tasks: &[NewTask]) -> Result<BatchId, LedgerError> {
        let (now, orders) = (self.now(), json(order)?);
        let mut in_order: Vec<&NewTask> = tasks.iter().collect();
        in_order.sort_by_key(|task| task.row);
        self.write(|transaction, _| {
            transaction.execute("INSERT INTO batch (opened, orders) VALUES (?1, ?2)", params![now, orders])?;
            let batch = transaction.last_insert_rowid();
            let mut tail = links::Tail::find(transaction)?;
            tail.add(&Row::BatchOpened { batch, at: &now, order: &orders })?;
            let mut insert = transaction.prepare("INSERT INTO task (batch, orders) VALUES (?1, ?2)")?;
            for task in in_order {
                let order = json(task)?;
                insert.execute(params![batch, order])?;
                tail.add(&Row::TaskOpened { task: transaction.last_insert_rowid(), batch, order: &order })?;
            }
            Ok(BatchId(batch))
        })
    }

    fn batches(&mut self) -> Result<Vec<Batch>, LedgerError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT id, opened, orders, closed FROM batch ORDER BY id")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| file::fault(&self.place, error))?.into_iter().map(batch_of).collect()
    }

    fn tasks(&mut self, batch: BatchId) -> Result<Vec<Task>, LedgerError> {
        is_open(&self.connection, batch).map_err(|stop| stop.at(&self.place))?;
        self.find_tasks("WHERE batch = ?2", batch.0)
    }

    fn task(&mut self, task: TaskId) -> Result<Task, LedgerError> {
        self.find_tasks("WHERE id = ?2", task.0)?.pop().ok_or(LedgerError::NoTask(task))
    }

    fn lease(&mut self, batch: BatchId, wanted: &Wanted) -> Result<Option<Task>, LedgerError> {
        let (leased, holder) = self.write(|transaction, leases| {
            if !is_open(transaction, batch)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed")).into());
            }
            leases.reap(transaction)?;
            if !matches!(wanted, Wanted::Task(_)) {
                leases.tidy(transaction)?;
            }
            let Some(task) = wanted_of(transaction, leases, batch, wanted)? else { return Ok((None, None)) };
            let (id, holder) = leases.enlist(transaction)?;
            Leases::give(transaction, task, id)?;
            Ok((Some(task), holder))
        })?;
        self.leases.keep(holder);
        if let Some(task) = leased {
            self.leases.asked_for(task);
        }
        leased.map(|id| self.task(TaskId(id))).transpose()
    }

    fn settle(&mut self, task: TaskId, settled: &Settled) -> Result<(), LedgerError> {
        let now = self.now();
        self.write(|transaction, leases| {
            let (_, state) = standing(transaction, task)?;
            let (word, failure) = settled_as(settled);
            if state == TaskState::Done && *settled == Settled::Done {
                return Ok(());
            }
            if !leases.has(transaction, task)? {
                return Err(LedgerError::Rule(format!("task {task} is not leased by this program")).into());
            }
            let ends = matches!(settled, Settled::Done | Settled::Cancelled);
            if ends && let Some(job) = open_job_of(transaction, task)? {
                return Err(LedgerError::Rule(format!("job {job} of task {task} is open")).into());
            }
            if state != TaskState::Waiting || *settled != Settled::Waiting {
                let failure = failure.map(json).transpose()?;
                add_settlement(transaction, task, &now, word, failure.as_deref())?;
            }
            Ok(Leases::take_away(transaction, task)?)
        })
    }

    fn retry(&mut self, task: TaskId) -> Result<(), LedgerError> {
        let now = self.now();
        self.write(|transaction, _| {
            let (batch, state) = standing(transaction, task)?;
            if !is_open(transaction, batch)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed")).into());
            }
            if !matches!(state, TaskState::Failed | TaskState::Cancelled) {
                return Err(LedgerError::Rule(format!("task {task} has neither failed nor was it cancelled")).into());
            }
            add_settlement(transaction, task, &now, "waiting", None)
        })
    }

    fn close_batch(&mut self, batch: BatchId) -> Result<(), LedgerError> {
        let now = self.now();
        self.write(|transaction, leases| {
            if !is_open(transaction, batch)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed already")).into());
            }
            leases.reap(transaction)?;
            let leased = "SELECT task.id FROM lease JOIN task ON task.id = lease.task WHERE batch = ?1 LIMIT 1";
            if let Some(task) = first(transaction, leased, [batch.0])? {
                return Err(LedgerError::Rule(format!("task {task} of batch {batch} is being worked on")).into());
            }
            let begun = "SELECT job.id FROM job JOIN task ON task.id = job.task WHERE job.state = 'open' AND batch = ?1 LIMIT 1";
            if let Some(job) = first(transaction, begun, [batch.0])? {
                return Err(LedgerError::Rule(format!("job {job} of batch {batch} is open")).into());
            }
            transaction.execute("UPDATE batch SET closed = ?2 WHERE id = ?1", params![batch.0, now])?;
            links::add(transaction, &Row::BatchClosed { batch: batch.0, at: &now })
        })
    }
}

/// Whether a job may be opened for a task now: leased here, waiting, and without an open one.
pub(super) fn may_open_job(transaction: &Transaction<'_>, leases: &Leases, task: TaskId) -> Result<(), Stop> {
    let (_, state) = standing(transaction, task)?;
    if state != TaskState::Waiting || !leases.has(transaction, task)? {
        return Err(LedgerError::Rule(format!("task {task} is not leased by this program")).into());
    }
    match open_job_of(transaction, task)? {
        Some(job) => Err(LedgerError::Rule(format!("job {job} of task {task} is open already")).into()),
        None => Ok(()),
    }
}

/// The task of a job that is done.
pub(super) fn settle_as_done(transaction: &Transaction<'_>, task: TaskId, now: &str) -> Result<(), Stop> {
    let (_, state) = standing(transaction, task)?;
    if state != TaskState::Done {
        add_settlement(transaction, task, now, "done", None)?;
    }
    Ok(Leases::take_away(transaction, task)?)
}

fn add_settlement(transaction: &Transaction<'_>, task: TaskId, at: &str, state: &str, failure: Option<&str>) -> Result<(), Stop> {
    let next = "SELECT coalesce(max(number), 0) + 1 FROM settlement WHERE task = ?1";
    let number: i64 = transaction.query_row(next, [task.0], |row| row.get(0))?;
    let row = "INSERT INTO settlement (task, number, at, state, failure) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.execute(row, params![task.0, number, at, state, failure])?;
    links::add(transaction, &Row::TaskSettled { task: task.0, number, at, state, failure })
}

/// The task's batch and its state as it was settled last, leases left aside.
fn standing(connection: &Connection, task: TaskId) -> Result<(BatchId, TaskState), Stop> {
    let row = connection
        .query_row("SELECT batch, state FROM task WHERE id = ?1", [task.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let (batch, state) = row.ok_or(LedgerError::NoTask(task))?;
    let state = task_state(&state).ok_or_else(|| LedgerError::Corrupt(format!("task {task}")))?;
    Ok((BatchId(batch), state))
}

fn is_open(connection: &Connection, batch: BatchId) -> Result<bool, Stop> {
    let open = first(connection, "SELECT closed IS NULL FROM batch WHERE id = ?1", [batch.0])?;
    Ok(open.ok_or(LedgerError::NoBatch(batch))? == 1)
}

fn open_job_of(connection: &Connection, task: TaskId) -> rusqlite::Result<Option<i64>> {
    first(connection, "SELECT id FROM job WHERE task = ?1 AND state = 'open' LIMIT 1", [task.0])
}

/// The first number that a query gives.
fn first(connection: &Connection, query: &str, values: impl Params) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(query)?.query_row(values, |row| row.get(0)).optional()
}

/// The first waiting task for any key whose job is open. Few jobs are open at once, so they are looked at first.
pub(super) const BEGUN: &str = "SELECT task.id FROM job CROSS JOIN task ON task.id = job.task
    WHERE job.state = 'open' AND batch = ?1 AND task.serial IS NULL AND task.state = 'waiting'
    AND task.id NOT IN (SELECT value FROM json_each(?2))
    AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.task = task.id) ORDER BY task.id LIMIT 1";

/// The first waiting task for any key.
pub(super) const FRESH: &str = "SELECT id FROM task WHERE batch = ?1 AND serial IS NULL AND state = 'waiting'
    AND id NOT IN (SELECT value FROM json_each(?2))
    AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.task = task.id) ORDER BY id LIMIT 1";

/// The first waiting task for one of these keys, one with an open job before the others.
pub(super) const OF_SERIAL: &str = "SELECT id FROM task WHERE batch = ?1 AND serial IN (SELECT value FROM json_each(?2))
    AND state = 'waiting' AND NOT EXISTS (SELECT 1 FROM lease WHERE lease.task = task.id)
    ORDER BY EXISTS (SELECT 1 FROM job WHERE job.task = task.id AND job.state = 'open') DESC, id LIMIT 1";

/// Looks a waiting task up that nobody has.
fn wanted_of(connection: &Connection, leases: &Leases, batch: BatchId, wanted: &Wanted) -> Result<Option<i64>, Stop> {
    match wanted {
        Wanted::Next => wanted_of(connection, leases, batch, &Wanted::NextBut(Vec::new())),
        Wanted::NextBut(others) => {
            let others = json(others)?;
            match first(connection, BEGUN, params![batch.0, others])? {
                Some(task) => Ok(Some(task)),
                None => Ok(first(connection, FRESH, params![batch.0, others])?),
            }
        }
        Wanted::Serial(serials) => Ok(first(connection, OF_SERIAL, params![batch.0, json(serials)?])?),
        Wanted::Task(task) => {
            let (of, state) = standing(connection, *task)?;
            if of != batch {
                return Err(LedgerError::NoTask(*task).into());
            }
            let held = first(connection, "SELECT holder FROM lease WHERE task = ?1", [task.0])?;
            let ours = held.is_none_or(|holder| holder == leases.own());
            Ok((state == TaskState::Waiting && ours).then_some(task.0))
        }
    }
}
