//! One opening of the ledger for all threads of a run: leases and claims belong to the run, whichever thread works on them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ledger::{Batches, Entry, Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Ticket, Verified};
use crate::secret::SealedPin;

/// A ledger that threads share; each call has it for itself.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "the ledger behind it has no common form")]
pub struct SharedLedger(Arc<Mutex<Box<dyn Batches + Send>>>);

impl SharedLedger {
    /// Shares a ledger.
    pub fn new(ledger: Box<dyn Batches + Send>) -> Self {
        Self(Arc::new(Mutex::new(ledger)))
    }

    /// The ledger, for as long as the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Box<dyn Batches + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for SharedLedger {
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError> {
        self.lock().open_job(order)
    }

    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.lock().claim(job)
    }

    fn release(&mut self, job: JobId) -> Result<(), LedgerError> {
        self.lock().release(job)
    }

    fn job(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.lock().job(job)
    }

    fn jobs_of_user(&mut self, user_id: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.lock().jobs_of_user(user_id, state)
    }

    fn verify(&mut self, noted: Option<&str>) -> Result<Verified, LedgerError> {
        self.lock().verify(noted)
    }

    fn jobs_of_serial(&mut self, serial: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.lock().jobs_of_serial(serial, state)
    }

    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.lock().jobs(state)
    }

    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError> {
        self.lock().before(job, intent, pin)
    }

    fn after(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), LedgerError> {
        self.lock().after(ticket, outcome)
    }

    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError> {
        self.lock().entries(job)
    }

    fn pin(&mut self, job: JobId, number: i64) -> Result<Option<SealedPin>, LedgerError> {
        self.lock().pin(job, number)
    }

    fn close(&mut self, job: JobId, state: JobState) -> Result<(), LedgerError> {
        self.lock().close(job, state)
    }
}
