//! Batches in the database: taking rosters in, leasing, settling.
//!
//! Locks are taken in one order, so that nobody waits in a circle: batch, claim, task, lease, and the turn in the chain last.

use postgres::Transaction;

use crate::ledger::chain::Row;
use crate::ledger::postgres::fault::Halt;
use crate::ledger::postgres::leases::{self, Held, Holder};
use crate::ledger::postgres::links::Tail;
use crate::ledger::postgres::sql::{int, ints, text, texts};
use crate::ledger::postgres::{PostgresLedger, next, rows};
use crate::ledger::rows::{json, settled_as};
use crate::ledger::{Batch, BatchId, Batches, JobId, LedgerError, NewBatch, NewTask, Settled, Task, TaskId, Wanted};

/// How many tasks go to the server at once.
const LOAD: usize = 5000;

/// How often a task is looked for anew because another station was faster.
const LOOKS: u32 = 100;

impl Batches for PostgresLedger {
    fn open_batch(&mut self, order: &NewBatch, tasks: &[NewTask]) -> Result<BatchId, LedgerError> {
        let orders = json(order)?;
        let mut in_order: Vec<&NewTask> = tasks.iter().collect();
        in_order.sort_by_key(|task| task.row);
        self.session.write(|transaction| {
            let mut tail = Tail::find(transaction)?;
            let batch = next(transaction, "SELECT coalesce(max(id), 0) + 1 FROM batch", &[])?;
            let row = "INSERT INTO batch (id, opened, orders) VALUES ($1, $2, $3)";
            transaction.execute_typed(row, &[int(&batch), text(&tail.now), text(&orders)])?;
            let at = tail.now.clone();
            tail.add(transaction, &Row::BatchOpened { batch, at: &at, order: &orders })?;
            let mut first = next(transaction, "SELECT coalesce(max(id), 0) + 1 FROM task", &[])?;
            for load in in_order.chunks(LOAD) {
                let orders = load.iter().map(json).collect::<Result<Vec<_>, _>>()?;
                let row = "INSERT INTO task (id, batch, orders)
                    SELECT $1 + at - 1, $2, orders FROM unnest($3::text[]) WITH ORDINALITY AS each (orders, at)";
                transaction.execute_typed(row, &[int(&first), int(&batch), texts(&orders)])?;
                tail.add_tasks(transaction, batch, first, &orders)?;
                first = first.saturating_add(i64::try_from(load.len()).unwrap_or(i64::MAX));
            }
            Ok(BatchId(batch))
        })
    }

    fn batches(&mut self) -> Result<Vec<Batch>, LedgerError> {
        self.session.read(|client| rows::batches(&client.query_typed(rows::BATCHES, &[])?))
    }

    fn tasks(&mut self, batch: BatchId) -> Result<Vec<Task>, LedgerError> {
        self.session.read(|client| {
            if client.query_typed_opt("SELECT 1 FROM batch WHERE id = $1", &[int(&batch.0)])?.is_none() {
                return Err(LedgerError::NoBatch(batch).into());
            }
            rows::tasks(&client.query_typed(&rows::task_query("WHERE batch = $1"), &[int(&batch.0)])?)
        })
    }

    fn task(&mut self, task: TaskId) -> Result<Task, LedgerError> {
        let query = rows::task_query("WHERE id = $1");
        let found = self.session.read(|client| rows::tasks(&client.query_typed(&query, &[int(&task.0)])?))?;
        found.into_iter().next().ok_or(LedgerError::NoTask(task))
    }

    fn lease(&mut self, batch: BatchId, wanted: &Wanted) -> Result<Option<Task>, LedgerError> {
        let holder = self.holder()?;
        let query = rows::task_query("WHERE id = $1");
        let Self { session, held, .. } = self;
        let leased = session.write(|transaction| {
            if !is_open(transaction, batch, true)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed")).into());
            }
            if !matches!(wanted, Wanted::Task(_)) {
                held.tidy(transaction, &holder)?;
            }
            for _ in 0..LOOKS {
                let Some(task) = wanted_of(transaction, &holder, batch, wanted)? else { return Ok(None) };
                // Between our look and our lock somebody may have leased and lost it: only this row is the lease.
                if leases::lease(transaction, &holder, task, false)? {
                    return Ok(rows::tasks(&transaction.query_typed(&query, &[int(&task.0)])?)?.pop());
                }
                if matches!(wanted, Wanted::Task(_)) {
                    return Ok(None);
                }
            }
            Err(LedgerError::Locked(format!("batch {batch}")).into())
        })?;
        if let Some(task) = &leased {
            self.held.leased(task.id);
        }
        Ok(leased)
    }

    fn settle(&mut self, task: TaskId, settled: &Settled) -> Result<(), LedgerError> {
        let (word, failure) = settled_as(settled);
        let failure = failure.map(json).transpose()?;
        let Self { session, holder, held, .. } = self;
        let holder = holder.as_ref().map(|(holder, _)| holder);
        session.write(|transaction| {
            let (_, state) = standing(transaction, task)?;
            if state == "done" && *settled == Settled::Done {
                return Ok(());
            }
            leases::still_leased(transaction, holder, task, held)?;
            if matches!(settled, Settled::Done | Settled::Cancelled)
                && let Some(job) = open_job_of(transaction, task)?
            {
                return Err(LedgerError::Rule(format!("job {job} of task {task} is open")).into());
            }
            if state != "waiting" || *settled != Settled::Waiting {
                let mut tail = Tail::find(transaction)?;
                add_settlement(transaction, &mut tail, task, word, failure.as_deref())?;
            }
            Ok(leases::unlease(transaction, task)?)
        })?;
        self.held.settled(task);
        Ok(())
    }

    fn retry(&mut self, task: TaskId) -> Result<(), LedgerError> {
        self.session.write(|transaction| {
            let of = "SELECT batch FROM task WHERE id = $1";
            let batch = transaction.query_typed_opt(of, &[int(&task.0)])?.ok_or(LedgerError::NoTask(task))?.try_get(0)?;
            if !is_open(transaction, BatchId(batch), true)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed")).into());
            }
            let (_, state) = standing(transaction, task)?;
            if !matches!(state.as_str(), "failed" | "cancelled") {
                return Err(LedgerError::Rule(format!("task {task} has neither failed nor was it cancelled")).into());
            }
            let mut tail = Tail::find(transaction)?;
            add_settlement(transaction, &mut tail, task, "waiting", None)
        })
    }

    fn close_batch(&mut self, batch: BatchId) -> Result<(), LedgerError> {
        self.session.write(|transaction| {
            // Whoever leases a task of it waits here, or we for them.
            transaction.query_typed("SELECT 1 FROM batch WHERE id = $1 FOR UPDATE", &[int(&batch.0)])?;
            if !is_open(transaction, batch, false)? {
                return Err(LedgerError::Rule(format!("batch {batch} is closed already")).into());
            }
            let leased = "SELECT task.id FROM lease JOIN task ON task.id = lease.task
                WHERE batch = $1 AND until >= clock_timestamp() LIMIT 1";
            if let Some(row) = transaction.query_typed_opt(leased, &[int(&batch.0)])? {
                let task: i64 = row.try_get(0)?;
                return Err(LedgerError::Rule(format!("task {task} of batch {batch} is being worked on")).into());
            }
            let begun = "SELECT job.id FROM job JOIN task ON task.id = job.task WHERE job.state = 'open' AND batch = $1 LIMIT 1";
            if let Some(row) = transaction.query_typed_opt(begun, &[int(&batch.0)])? {
                let job: i64 = row.try_get(0)?;
                return Err(LedgerError::Rule(format!("job {job} of batch {batch} is open")).into());
            }
            let mut tail = Tail::find(transaction)?;
            let close = "UPDATE batch SET closed = $2 WHERE id = $1";
            transaction.execute_typed(close, &[int(&batch.0), text(&tail.now)])?;
            let at = tail.now.clone();
            Ok(tail.add(transaction, &Row::BatchClosed { batch: batch.0, at: &at })?)
        })
    }
}

/// Makes sure that a job may be opened for a task now: leased here, waiting, and without an open one.
pub(super) fn may_open_job(transaction: &mut Transaction<'_>, holder: &Holder, task: TaskId, held: &Held) -> Result<(), Halt> {
    let (_, state) = standing(transaction, task)?;
    leases::still_leased(transaction, Some(holder), task, held)?;
    if state != "waiting" {
        return Err(LedgerError::Rule(format!("task {task} is {state}")).into());
    }
    match open_job_of(transaction, task)? {
        Some(job) => Err(LedgerError::Rule(format!("job {job} of task {task} is open already")).into()),
        None => Ok(()),
    }
}

/// The task that a job is for.
pub(super) fn task_of(transaction: &mut Transaction<'_>, job: JobId) -> Result<Option<TaskId>, Halt> {
    let row = transaction.query_typed_one("SELECT task FROM job WHERE id = $1", &[int(&job.0)])?;
    Ok(row.try_get::<_, Option<i64>>(0)?.map(TaskId))
}

/// The same, and locks the task: the job is about to be done.
pub(super) fn lock_task_of(transaction: &mut Transaction<'_>, job: JobId) -> Result<Option<TaskId>, Halt> {
    let task = task_of(transaction, job)?;
    if let Some(task) = task {
        standing(transaction, task)?;
    }
    Ok(task)
}

/// The task of a job that is done.
pub(super) fn settle_as_done(transaction: &mut Transaction<'_>, tail: &mut Tail, task: TaskId) -> Result<(), Halt> {
    let (_, state) = standing(transaction, task)?;
    if state != "done" {
        add_settlement(transaction, tail, task, "done", None)?;
    }
    Ok(leases::unlease(transaction, task)?)
}

fn add_settlement(
    transaction: &mut Transaction<'_>,
    tail: &mut Tail,
    task: TaskId,
    state: &str,
    failure: Option<&str>,
) -> Result<(), Halt> {
    let last = "SELECT coalesce(max(number), 0) + 1 FROM settlement WHERE task = $1";
    let number = next(transaction, last, &[int(&task.0)])?;
    let row = "INSERT INTO settlement (task, number, at, state, failure) VALUES ($1, $2, $3, $4, $5)";
    let values = [int(&task.0), int(&number), text(&tail.now), text(&state), text(&failure)];
    transaction.execute_typed(row, &values)?;
    let at = tail.now.clone();
    Ok(tail.add(transaction, &Row::TaskSettled { task: task.0, number, at: &at, state, failure })?)
}

/// The task's batch and its state as it was settled last, leases left aside; locks it until the transaction ends.
fn standing(transaction: &mut Transaction<'_>, task: TaskId) -> Result<(BatchId, String), Halt> {
    let row = transaction.query_typed_opt("SELECT batch, state FROM task WHERE id = $1 FOR UPDATE", &[int(&task.0)])?;
    let row = row.ok_or(LedgerError::NoTask(task))?;
    Ok((BatchId(row.try_get(0)?), row.try_get(1)?))
}

/// Whether a batch is open; `held` so until the transaction ends.
fn is_open(transaction: &mut Transaction<'_>, batch: BatchId, held: bool) -> Result<bool, Halt> {
    let query = "SELECT closed IS NULL FROM batch WHERE id = $1";
    let query = if held { format!("{query} FOR SHARE") } else { query.to_owned() };
    let row = transaction.query_typed_opt(&query, &[int(&batch.0)])?;
    Ok(row.ok_or(LedgerError::NoBatch(batch))?.try_get(0)?)
}

fn open_job_of(transaction: &mut Transaction<'_>, task: TaskId) -> Result<Option<JobId>, Halt> {
    let query = "SELECT id FROM job WHERE task = $1 AND state = 'open' LIMIT 1";
    let row = transaction.query_typed_opt(query, &[int(&task.0)])?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.map(JobId))
}

/// Looks a waiting task up that nobody has, and locks it. Those with an open job come first; those that somebody has locked
/// just now are not waited for.
fn wanted_of(
    transaction: &mut Transaction<'_>,
    holder: &Holder,
    batch: BatchId,
    wanted: &Wanted,
) -> Result<Option<TaskId>, Halt> {
    let free = "NOT EXISTS (SELECT FROM lease WHERE lease.task = task.id AND (until >= clock_timestamp() OR holder = $2))";
    let begun = "EXISTS (SELECT FROM job WHERE job.task = task.id AND job.state = 'open')";
    let lock = "LIMIT 1 FOR UPDATE OF task SKIP LOCKED";
    let common = [int(&batch.0), text(&holder.name)];
    let found = match wanted {
        Wanted::Next => return wanted_of(transaction, holder, batch, &Wanted::NextBut(Vec::new())),
        Wanted::NextBut(others) => {
            let others: Vec<i64> = others.iter().map(|task| task.0).collect();
            // Few jobs are open at once, so they are looked at first.
            let of_jobs = "task.id IN (SELECT task FROM job WHERE state = 'open' AND task IS NOT NULL)";
            let query = |first: &str| {
                format!(
                    "SELECT id FROM task WHERE batch = $1 AND serial IS NULL AND state = 'waiting' AND NOT id = ANY ($3) AND {first}
                     AND {free} ORDER BY id {lock}"
                )
            };
            let [batch, holder] = common;
            let values = [batch, holder, ints(&others)];
            match transaction.query_typed_opt(&query(of_jobs), &values)? {
                Some(row) => Some(row),
                None => transaction.query_typed_opt(&query("true"), &values)?,
            }
        }
        Wanted::Serial(serials) => {
            let [batch, holder] = common;
            let query = format!(
                "SELECT id FROM task WHERE batch = $1 AND serial = ANY ($3) AND state = 'waiting' AND {free}
                 ORDER BY {begun} DESC, id {lock}"
            );
            transaction.query_typed_opt(&query, &[batch, holder, texts(serials)])?
        }
        Wanted::Task(task) => {
            let (of, state) = standing(transaction, *task)?;
            if of != batch {
                return Err(LedgerError::NoTask(*task).into());
            }
            return Ok((state == "waiting").then_some(*task));
        }
    };
    Ok(found.map(|row| row.try_get(0)).transpose()?.map(TaskId))
}
