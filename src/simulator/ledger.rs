//! A ledger that fails or stops at a chosen write, so that every place to die can be rehearsed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use crate::ledger::{
    Batch, BatchId, Batches, Entry, Intent, Job, JobId, JobState, Ledger, LedgerError, NewBatch, NewJob, NewTask, Outcome,
    Settled, Task, TaskId, Ticket, Verified, Wanted,
};
use crate::secret::SealedPin;

/// What happens at the chosen write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFault {
    /// The disk is full: the write fails, nothing is written.
    Full,
    /// The process stops just before the write, until it is killed.
    HaltBefore,
    /// The process stops just after the write, until it is killed.
    HaltAfter,
}

/// Which write, counted from 1, and what happens there. As text: `full:3`, `before:3`, `after:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultPoint {
    /// Which write.
    pub write: u32,
    /// What happens.
    pub fault: LedgerFault,
}

impl FromStr for FaultPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text} is not full:N, before:N or after:N");
        let (kind, write) = text.split_once(':').ok_or_else(wrong)?;
        let fault = match kind {
            "full" => LedgerFault::Full,
            "before" => LedgerFault::HaltBefore,
            "after" => LedgerFault::HaltAfter,
            _ => return Err(wrong()),
        };
        Ok(Self { write: write.parse().map_err(|_| wrong())?, fault })
    }
}

/// Called where the process has to stop, with a name of the write: what is written, and of which step.
pub type Halt = Box<dyn FnMut(&str) + Send>;

/// A ledger with one fault. Every durable write counts: of jobs, of batches, and leases.
pub struct FaultyLedger {
    inner: Box<dyn Batches + Send>,
    point: FaultPoint,
    halt: Halt,
    writes: Arc<AtomicU32>,
}

impl fmt::Debug for FaultyLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyLedger").field("point", &self.point).field("writes", &self.writes).finish_non_exhaustive()
    }
}

impl FaultyLedger {
    /// `halt` is called where the process has to stop; it should not return.
    pub fn new(inner: Box<dyn Batches + Send>, point: FaultPoint, halt: Halt) -> Self {
        Self { inner, point, halt, writes: Arc::default() }
    }

    /// Counts together with other openings of the same ledger, so that the chosen write is one of all of them.
    #[must_use]
    pub fn counting_with(self, writes: Arc<AtomicU32>) -> Self {
        Self { writes, ..self }
    }

    /// Writes so far, failed ones included.
    pub fn writes(&self) -> u32 {
        self.writes.load(Ordering::SeqCst)
    }

    fn write<T>(
        &mut self,
        name: impl FnOnce(&mut dyn Batches) -> String,
        act: impl FnOnce(&mut dyn Batches) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if number != self.point.write {
            return act(&mut *self.inner);
        }
        let name = name(&mut *self.inner);
        match self.point.fault {
            LedgerFault::Full => return Err(LedgerError::Full("the training ledger".into())),
            LedgerFault::HaltBefore => (self.halt)(&name),
            LedgerFault::HaltAfter => {}
        }
        let done = act(&mut *self.inner);
        if self.point.fault == LedgerFault::HaltAfter {
            (self.halt)(&name);
        }
        done
    }
}

/// What a value calls itself, or what it says of itself in the named member.
fn named(value: &impl Serialize, member: &str) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    let name = value.get(member).unwrap_or(&value);
    name.as_str().unwrap_or("?").to_owned()
}

/// The step of an entry.
fn step_of(ledger: &mut dyn Batches, job: JobId, number: i64) -> String {
    let entries = ledger.entries(job).unwrap_or_default();
    let entry = entries.iter().find(|entry| entry.number == number);
    entry.map_or_else(String::new, |entry| named(&entry.intent, "step"))
}

impl Ledger for FaultyLedger {
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError> {
        self.write(|_| "open-job".into(), |inner| inner.open_job(order))
    }

    fn release(&mut self, job: JobId) -> Result<(), LedgerError> {
        self.inner.release(job)
    }

    fn job(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.inner.job(job)
    }

    fn jobs_of_user(&mut self, user_id: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.inner.jobs_of_user(user_id, state)
    }

    fn jobs_of_serial(&mut self, serial: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.inner.jobs_of_serial(serial, state)
    }

    fn verify(&mut self, noted: Option<&str>) -> Result<Verified, LedgerError> {
        self.inner.verify(noted)
    }

    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.inner.jobs(state)
    }

    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.inner.claim(job)
    }

    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError> {
        self.write(|_| format!("intent {}", named(intent, "step")), |inner| inner.before(job, intent, pin))
    }

    fn after(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), LedgerError> {
        let (job, number) = (ticket.job, ticket.number);
        let name = move |inner: &mut dyn Batches| format!("outcome {}", step_of(inner, job, number));
        self.write(name, |inner| inner.after(ticket, outcome))
    }

    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError> {
        self.inner.entries(job)
    }

    fn pin(&mut self, job: JobId, number: i64) -> Result<Option<SealedPin>, LedgerError> {
        self.inner.pin(job, number)
    }

    fn close(&mut self, job: JobId, state: JobState) -> Result<(), LedgerError> {
        self.write(|_| format!("close-job {}", named(&state, "")), |inner| inner.close(job, state))
    }
}

impl Batches for FaultyLedger {
    fn open_batch(&mut self, order: &NewBatch, tasks: &[NewTask]) -> Result<BatchId, LedgerError> {
        self.write(|_| "open-batch".into(), |inner| inner.open_batch(order, tasks))
    }

    fn batches(&mut self) -> Result<Vec<Batch>, LedgerError> {
        self.inner.batches()
    }

    fn tasks(&mut self, batch: BatchId) -> Result<Vec<Task>, LedgerError> {
        self.inner.tasks(batch)
    }

    fn task(&mut self, task: TaskId) -> Result<Task, LedgerError> {
        self.inner.task(task)
    }

    fn lease(&mut self, batch: BatchId, wanted: &Wanted) -> Result<Option<Task>, LedgerError> {
        self.write(|_| "lease".into(), |inner| inner.lease(batch, wanted))
    }

    fn settle(&mut self, task: TaskId, settled: &Settled) -> Result<(), LedgerError> {
        let name = match settled {
            Settled::Done => "settle done",
            Settled::Failed(_) => "settle failed",
            Settled::Waiting => "settle waiting",
            Settled::Cancelled => "settle cancelled",
        };
        self.write(|_| name.into(), |inner| inner.settle(task, settled))
    }

    fn retry(&mut self, task: TaskId) -> Result<(), LedgerError> {
        self.write(|_| "retry".into(), |inner| inner.retry(task))
    }

    fn close_batch(&mut self, batch: BatchId) -> Result<(), LedgerError> {
        self.write(|_| "close-batch".into(), |inner| inner.close_batch(batch))
    }
}
