//! The ledger of one station: an SQLite file.
//!
//! A commit returns after its rows were flushed to the disk (write-ahead log, `synchronous = FULL`). Journal rows are only
//! ever inserted; triggers refuse anything else, whoever asks. Sealed PINs stand in a table of their own and are overwritten
//! when their job is closed.

mod batches;
mod claims;
mod file;
mod leases;
mod links;
mod rows;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Params, Transaction, TransactionBehavior, params};

use crate::clock::SharedClock;
use crate::ledger::chain::Row;
use crate::ledger::rows::{entry_of, job_of, json, word};
use crate::ledger::{Entry, Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, TaskId, Ticket, Verified};
use crate::secret::SealedPin;
use claims::Claims;
use file::Stop;
use leases::Leases;
use rows::job_columns;

/// Jobs of a user, in a state or in any.
const OF_USER: &str = "WHERE user = lower(?1) AND (?2 IS NULL OR state = ?2)";
/// Jobs that may be of a key with a serial number, in a state or in any.
const SERIAL: &str = "WHERE serial = ?1 AND (?2 IS NULL OR state = ?2)";

/// A ledger in one file. Several may be open on the same file, in one process or in many.
pub struct SqliteLedger {
    place: PathBuf,
    connection: Connection,
    claims: Claims,
    leases: Leases,
    clock: SharedClock,
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("place", &self.place).finish_non_exhaustive()
    }
}

impl SqliteLedger {
    /// Opens the ledger at `place`. A missing file is made, with missing directories, all readable by their owner only.
    ///
    /// # Errors
    /// [`LedgerError::Unusable`] if the file is not a ledger or was written by a newer program, or any other.
    pub fn open(place: &Path, clock: SharedClock) -> Result<Self, LedgerError> {
        let place = std::path::absolute(place).map_err(|error| file::io_fault(place, &error))?;
        let connection = file::open(&place)?;
        let (claims, leases) = (Claims::beside(&place), Leases::beside(&place));
        Ok(Self { place, connection, claims, leases, clock })
    }

    /// Where it is.
    pub fn place(&self) -> &Path {
        &self.place
    }

    fn now(&self) -> String {
        self.clock.now().to_string()
    }

    fn find_job(&self, id: JobId) -> Result<Job, LedgerError> {
        self.find_jobs("WHERE id = ?1", [id.0])?.pop().ok_or(LedgerError::NoJob(id))
    }

    fn find_jobs(&self, condition: &str, values: impl Params) -> Result<Vec<Job>, LedgerError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(&format!("{} {condition} ORDER BY id", rows::JOB))?;
            statement.query_map(values, job_columns)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| file::fault(&self.place, error))?.into_iter().map(job_of).collect()
    }

    fn require_claim(&self, job: JobId) -> Result<(), LedgerError> {
        if self.claims.holds(job) {
            return Ok(());
        }
        self.find_job(job)?;
        Err(LedgerError::Rule(format!("job {job} is not claimed by this program")))
    }

    /// One transaction that takes the write lock at its start, so that it never fails half way for another writer.
    fn write<T>(&mut self, act: impl FnOnce(&Transaction<'_>, &Leases) -> Result<T, Stop>) -> Result<T, LedgerError> {
        let Self { place, connection, leases, .. } = self;
        let work = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = act(&transaction, leases)?;
            transaction.commit()?;
            Ok(result)
        };
        work().map_err(|stop: Stop| stop.at(place))
    }

    /// A claimed job has its task's lease with it, whoever had that.
    fn lease_with_job(&mut self, task: TaskId) -> Result<(), LedgerError> {
        let had = self.leases.has(&self.connection, task).map_err(|error| file::fault(&self.place, error))?;
        if had {
            return Ok(());
        }
        let holder = self.write(|transaction, leases| {
            let (id, holder) = leases.enlist(transaction)?;
            Leases::give(transaction, task.0, id)?;
            Ok(holder)
        })?;
        self.leases.keep(holder);
        self.leases.came_along(task);
        Ok(())
    }
}

impl Ledger for SqliteLedger {
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError> {
        let (now, orders) = (self.now(), json(order)?);
        let Self { place, connection, claims, leases, .. } = self;
        let mut taken = None;
        let mut work = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(task) = order.task {
                batches::may_open_job(&transaction, leases, task)?;
            }
            transaction.execute("INSERT INTO job (opened, orders) VALUES (?1, ?2)", params![now, orders])?;
            let id = transaction.last_insert_rowid();
            links::add(&transaction, &Row::JobOpened { job: id, at: &now, order: &orders })?;
            // Claimed before anybody else can see it.
            claims.take(JobId(id))?;
            taken = Some(JobId(id));
            transaction.commit()?;
            Ok(JobId(id))
        };
        let opened = work().map_err(|stop: Stop| stop.at(place));
        if let (Err(_), Some(id)) = (&opened, taken) {
            self.claims.give_up(id);
        }
        opened
    }

    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.find_job(job)?;
        self.claims.take(job)?;
        let found = self.find_job(job)?;
        if found.state != JobState::Open {
            self.claims.retire(job);
            return Err(LedgerError::Rule(format!("job {job} is closed")));
        }
        if let Some(task) = found.order.task
            && let Err(error) = self.lease_with_job(task)
        {
            self.claims.give_up(job);
            return Err(error);
        }
        Ok(found)
    }

    fn release(&mut self, job: JobId) -> Result<(), LedgerError> {
        self.require_claim(job)?;
        self.claims.give_up(job);
        Ok(())
    }

    fn job(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.find_job(job)
    }

    fn jobs_of_user(&mut self, user_id: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        self.find_jobs(OF_USER, params![user_id, state.map(word)])
    }

    fn jobs_of_serial(&mut self, serial: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        let mut jobs = self.find_jobs(SERIAL, params![serial, state.map(word)])?;
        jobs.retain(|job| job.order.key.shown_serial() == Some(serial));
        Ok(jobs)
    }

    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        match state {
            Some(state) => self.find_jobs("WHERE state = ?1", [word(state)]),
            None => self.find_jobs("", []),
        }
    }

    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError> {
        self.require_claim(job)?;
        if intent.needs_pin() != pin.is_some() {
            let rule = if pin.is_none() { "a PIN is written down before a key gets it" } else { "no PIN belongs to this step" };
            return Err(LedgerError::Rule(rule.into()));
        }
        let (now, intent) = (self.now(), json(intent)?);
        let number = self.write(|transaction, _| {
            let next = "SELECT coalesce(max(number), 0) + 1 FROM entry WHERE job = ?1";
            let number: i64 = transaction.query_row(next, [job.0], |row| row.get(0))?;
            let entry = "INSERT INTO entry (job, number, at, intent) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(entry, params![job.0, number, now, intent])?;
            links::add(transaction, &Row::Entry { job: job.0, number, at: &now, intent: &intent })?;
            if let Some(sealed) = pin {
                let row = "INSERT INTO pin (job, number, sealed) VALUES (?1, ?2, ?3)";
                transaction.execute(row, params![job.0, number, sealed.0])?;
            }
            Ok(number)
        })?;
        Ok(Ticket::issued(job, number))
    }

    fn after(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), LedgerError> {
        let Ticket { job, number } = ticket;
        self.require_claim(job)?;
        let (now, outcome) = (self.now(), json(outcome)?);
        self.write(|transaction, _| {
            let row = "INSERT INTO outcome (job, number, at, outcome) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(row, params![job.0, number, now, outcome])?;
            links::add(transaction, &Row::Outcome { job: job.0, number, at: &now, outcome: &outcome })
        })
    }

    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError> {
        self.find_job(job)?;
        let read = || {
            let mut statement = self.connection.prepare_cached(
                "SELECT number, entry.at, intent, outcome FROM entry LEFT JOIN outcome USING (job, number)
                 WHERE job = ?1 ORDER BY number",
            )?;
            let rows = statement.query_map([job.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = read().map_err(|error| file::fault(&self.place, error))?;
        rows.into_iter().map(|row| entry_of(job, row)).collect()
    }

    fn pin(&mut self, job: JobId, number: i64) -> Result<Option<SealedPin>, LedgerError> {
        self.find_job(job)?;
        self.connection
            .query_row("SELECT sealed FROM pin WHERE job = ?1 AND number = ?2", [job.0, number], |row| row.get(0).map(SealedPin))
            .optional()
            .map_err(|error| file::fault(&self.place, error))
    }

    fn close(&mut self, job: JobId, state: JobState) -> Result<(), LedgerError> {
        self.require_claim(job)?;
        if state == JobState::Open {
            return Err(LedgerError::Rule("a job is closed as done or as ended".into()));
        }
        let (now, task) = (self.now(), self.find_job(job)?.order.task);
        self.write(|transaction, _| {
            let change = "UPDATE job SET state = ?2, closed = ?3 WHERE id = ?1";
            transaction.execute(change, params![job.0, word(state), now])?;
            links::add(transaction, &Row::JobClosed { job: job.0, at: &now, state: word(state) })?;
            if let (Some(task), JobState::Done) = (task, state) {
                batches::settle_as_done(transaction, task, &now)?;
            }
            Ok(destroy_pins(transaction, job)?)
        })?;
        self.claims.retire(job);
        file::forget_destroyed(&self.place, &self.connection);
        Ok(())
    }

    fn verify(&mut self, noted: Option<&str>) -> Result<Verified, LedgerError> {
        links::verify(&self.connection, noted).map_err(|stop| stop.at(&self.place))
    }
}

/// Deletes the job's sealed PINs so that no byte of them stays. `secure_delete` overwrites a row where it stands, but not the
/// copies that the tree left behind when it moved the row between pages. Emptying the whole table overwrites whole pages;
/// the few PINs of other open jobs are put back afterwards.
fn destroy_pins(transaction: &Transaction<'_>, job: JobId) -> rusqlite::Result<()> {
    let mut others = transaction.prepare("SELECT job, number, sealed FROM pin WHERE job <> ?1")?;
    let kept = others
        .query_map([job.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, Vec<u8>)>>>()?;
    transaction.execute("DELETE FROM pin", [])?;
    let mut back = transaction.prepare("INSERT INTO pin (job, number, sealed) VALUES (?1, ?2, ?3)")?;
    for (other, number, sealed) in kept {
        back.execute(params![other, number, sealed])?;
    }
    Ok(())
}
