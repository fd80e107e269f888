//! Who holds which job and which task. A lease lasts until a moment of the server's clock that its holder keeps moving on; when
//! that has passed, another holder may take it over. A row that names somebody else is the fence: whoever finds it writes nothing.

use std::collections::HashSet;
use std::time::Duration;

use postgres::Transaction;

use crate::ledger::postgres::fault::Halt;
use crate::ledger::postgres::sql::{int, ints, seconds, text, truth};
use crate::ledger::{JobId, LedgerError, TaskId};

/// How long leases last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long a station that is not heard of keeps what it holds.
    pub length: Duration,
    /// How often a station is heard of: a few times within `length`.
    pub beat: Duration,
}

impl Default for LeaseTimes {
    /// A minute, and a beat every 15 seconds: three may be lost.
    fn default() -> Self {
        Self { length: Duration::from_mins(1), beat: Duration::from_secs(15) }
    }
}

/// One opening of the ledger as the server knows it.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    /// Its name.
    pub(super) name: String,
    /// How long its leases last, in seconds.
    pub(super) length: f64,
}

/// What this opening was given and has not given up. Whether it still has it, only the server knows.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) jobs: HashSet<JobId>,
    tasks: HashSet<TaskId>,
    /// Those of the tasks whose job was released: whoever claims it gets them, and that is no loss.
    offered: HashSet<TaskId>,
    /// Those of the tasks that came along with the claim of their job, and were not asked for.
    along: HashSet<TaskId>,
}

impl Held {
    /// A task was asked for and leased.
    pub(super) fn leased(&mut self, task: TaskId) {
        self.settled(task);
        self.tasks.insert(task);
    }

    /// A job was claimed that is for a task.
    pub(super) fn claimed(&mut self, task: TaskId) {
        self.offered.remove(&task);
        if self.tasks.insert(task) {
            self.along.insert(task);
        }
    }

    /// A job was released that is for a task.
    pub(super) fn released(&mut self, task: TaskId) {
        self.offered.insert(task);
    }

    /// A task is held no more.
    pub(super) fn settled(&mut self, task: TaskId) {
        for tasks in [&mut self.tasks, &mut self.offered, &mut self.along] {
            tasks.remove(&task);
        }
    }

    /// Gives up what came along with a job that is closed by now: whoever leases something else is done with that.
    pub(super) fn tidy(&self, transaction: &mut Transaction<'_>, holder: &Holder) -> Result<(), postgres::Error> {
        let row = "DELETE FROM lease WHERE task = ANY ($1) AND holder = $2
            AND NOT EXISTS (SELECT FROM job WHERE job.task = lease.task AND job.state = 'open')";
        let along: Vec<i64> = self.along.iter().map(|task| task.0).collect();
        if !along.is_empty() {
            transaction.execute_typed(row, &[ints(&along), text(&holder.name)])?;
        }
        Ok(())
    }
}

/// Takes the claim on a job, unless somebody who is alive has it.
pub(super) fn claim(transaction: &mut Transaction<'_>, holder: &Holder, job: JobId) -> Result<bool, postgres::Error> {
    let row = "INSERT INTO claim AS held (job, holder, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
        ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE held.holder = excluded.holder OR held.until < clock_timestamp()";
    Ok(transaction.execute_typed(row, &[int(&job.0), text(&holder.name), seconds(&holder.length)])? == 1)
}

/// Takes the lease of a task. `over` is whether from somebody who is alive as well: who has the claim on its job.
pub(super) fn lease(
    transaction: &mut Transaction<'_>,
    holder: &Holder,
    task: TaskId,
    over: bool,
) -> Result<bool, postgres::Error> {
    let row = "INSERT INTO lease AS held (task, holder, until) VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
        ON CONFLICT (task) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE $4 OR held.holder = excluded.holder OR held.until < clock_timestamp()";
    Ok(transaction.execute_typed(row, &[int(&task.0), text(&holder.name), seconds(&holder.length), truth(&over)])? == 1)
}

/// The fence before a write for a job: locks its claim until the transaction ends and moves its end on, if it is still this
/// holder's.
pub(super) fn still_claimed(
    transaction: &mut Transaction<'_>,
    holder: Option<&Holder>,
    job: JobId,
    held: &Held,
) -> Result<(), Halt> {
    let row =
        "UPDATE claim SET until = greatest(until, clock_timestamp() + make_interval(secs => $3)) WHERE job = $1 AND holder = $2";
    if let Some(Holder { name, length }) = holder
        && transaction.execute_typed(row, &[int(&job.0), text(name), seconds(length)])? == 1
    {
        return Ok(());
    }
    if transaction.query_typed_opt("SELECT 1 FROM job WHERE id = $1", &[int(&job.0)])?.is_none() {
        return Err(LedgerError::NoJob(job).into());
    }
    Err(if held.jobs.contains(&job) {
        LedgerError::LeaseLost(format!("job {job}"))
    } else {
        LedgerError::Rule(format!("job {job} is not claimed by this program"))
    }
    .into())
}

/// The same for a task.
pub(super) fn still_leased(
    transaction: &mut Transaction<'_>,
    holder: Option<&Holder>,
    task: TaskId,
    held: &Held,
) -> Result<(), Halt> {
    let row =
        "UPDATE lease SET until = greatest(until, clock_timestamp() + make_interval(secs => $3)) WHERE task = $1 AND holder = $2";
    if let Some(Holder { name, length }) = holder
        && transaction.execute_typed(row, &[int(&task.0), text(name), seconds(length)])? == 1
    {
        return Ok(());
    }
    if transaction.query_typed_opt("SELECT 1 FROM task WHERE id = $1", &[int(&task.0)])?.is_none() {
        return Err(LedgerError::NoTask(task).into());
    }
    Err(if held.tasks.contains(&task) && !held.offered.contains(&task) {
        LedgerError::LeaseLost(format!("task {task}"))
    } else {
        LedgerError::Rule(format!("task {task} is not leased by this program"))
    }
    .into())
}

/// Gives a job up.
pub(super) fn unclaim(transaction: &mut Transaction<'_>, job: JobId) -> Result<(), postgres::Error> {
    transaction.execute_typed("DELETE FROM claim WHERE job = $1", &[int(&job.0)]).map(drop)
}

/// Gives a task up.
pub(super) fn unlease(transaction: &mut Transaction<'_>, task: TaskId) -> Result<(), postgres::Error> {
    transaction.execute_typed("DELETE FROM lease WHERE task = $1", &[int(&task.0)]).map(drop)
}

/// Gives up all that a holder has.
pub(super) const PARTING: &str = "WITH jobs AS (DELETE FROM claim WHERE holder = $1) DELETE FROM lease WHERE holder = $1";

/// The beat of several holders: moves the end of all that they have on. What a transaction has locked just now, it moves on itself.
pub(super) const BEAT: &str = "WITH jobs AS (
        UPDATE claim SET until = greatest(until, clock_timestamp() + make_interval(secs => $2))
        WHERE job IN (SELECT job FROM claim WHERE holder = ANY ($1) FOR UPDATE SKIP LOCKED))
    UPDATE lease SET until = greatest(until, clock_timestamp() + make_interval(secs => $2))
    WHERE task IN (SELECT task FROM lease WHERE holder = ANY ($1) FOR UPDATE SKIP LOCKED)";
