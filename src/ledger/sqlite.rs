//! The ledger of one station: an SQLite file.
//!
//! A commit returns after its rows were flushed to the disk (write-ahead log, `synchronous = FULL`). Journal rows are only
//! ever inserted; triggers refuse anything else, whoever asks. Sealed PINs stand in a table of their own and are overwritten
//! when their job is closed.

mod claims;
mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::SharedClock;
use crate::ledger::sqlite::claims::Claims;
use crate::ledger::{Entry, Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Ticket};
use crate::secret::SealedPin;

/// A ledger in one file. Several may be open on the same file, in one process or in many.
pub struct SqliteLedger {
    place: PathBuf,
    connection: Connection,
    claims: Claims,
    clock: SharedClock,
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("place", &self.place).finish_non_exhaustive()
    }
}

type Columns = (i64, String, String, String);

impl SqliteLedger {
    /// Opens the ledger at `place`. A missing file is made, with missing directories, all readable by their owner only.
    ///
    /// # Errors
    /// [`LedgerError::Unusable`] if the file is not a ledger or was written by a newer program, or any other.
    pub fn open(place: &Path, clock: SharedClock) -> Result<Self, LedgerError> {
        let place = std::path::absolute(place).map_err(|error| file::io_fault(place, &error))?;
        let connection = file::open(&place)?;
        let claims = Claims::beside(&place);
        Ok(Self { place, connection, claims, clock })
    }

    /// Where it is.
    pub fn place(&self) -> &Path {
        &self.place
    }

    fn now(&self) -> String {
        self.clock.now().to_string()
    }

    fn job(&self, id: JobId) -> Result<Job, LedgerError> {
        self.connection
            .query_row("SELECT id, opened, orders, state FROM job WHERE id = ?1", [id.0], columns)
            .optional()
            .map_err(|error| file::fault(&self.place, error))?
            .ok_or(LedgerError::NoJob(id))
            .and_then(job_of)
    }

    fn require_claim(&self, job: JobId) -> Result<(), LedgerError> {
        if self.claims.holds(job) {
            return Ok(());
        }
        self.job(job)?;
        Err(LedgerError::Rule(format!("job {job} is not claimed by this program")))
    }

    /// One transaction that takes the write lock at its start, so that it never fails half way for another writer.
    fn write<T>(&mut self, act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let connection = &mut self.connection;
        let work = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = act(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        work().map_err(|error| file::fault(&self.place, error))
    }
}

impl Ledger for SqliteLedger {
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError> {
        let (now, orders) = (self.now(), json(order)?);
        let Self { place, connection, claims, .. } = self;
        let fault = |error| file::fault(place, error);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        let row = "INSERT INTO job (opened, orders) VALUES (?1, ?2)";
        transaction.execute(row, params![now, orders]).map_err(fault)?;
        let id = JobId(transaction.last_insert_rowid());
        // Claimed before anybody else can see it.
        claims.take(id)?;
        if let Err(error) = transaction.commit() {
            claims.give_up(id);
            return Err(fault(error));
        }
        Ok(id)
    }

    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.job(job)?;
        self.claims.take(job)?;
        let found = self.job(job)?;
        if found.state == JobState::Open {
            return Ok(found);
        }
        self.claims.retire(job);
        Err(LedgerError::Rule(format!("job {job} is closed")))
    }

    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        let wanted = state.map(word);
        let read = || {
            let mut statement = self
                .connection
                .prepare_cached("SELECT id, opened, orders, state FROM job WHERE ?1 IS NULL OR state = ?1 ORDER BY id")?;
            statement.query_map([wanted], columns)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| file::fault(&self.place, error))?.into_iter().map(job_of).collect()
    }

    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError> {
        self.require_claim(job)?;
        if intent.needs_pin() != pin.is_some() {
            let rule = if pin.is_none() { "a PIN is written down before a key gets it" } else { "no PIN belongs to this step" };
            return Err(LedgerError::Rule(rule.into()));
        }
        let (now, intent) = (self.now(), json(intent)?);
        let number = self.write(|transaction| {
            let next = "SELECT coalesce(max(number), 0) + 1 FROM entry WHERE job = ?1";
            let number: i64 = transaction.query_row(next, [job.0], |row| row.get(0))?;
            let entry = "INSERT INTO entry (job, number, at, intent) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(entry, params![job.0, number, now, intent])?;
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
        self.write(|transaction| {
            let row = "INSERT INTO outcome (job, number, at, outcome) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(row, params![job.0, number, now, outcome])
        })?;
        Ok(())
    }

    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError> {
        self.job(job)?;
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
        self.job(job)?;
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
        let now = self.now();
        self.write(|transaction| {
            let change = "UPDATE job SET state = ?2, closed = ?3 WHERE id = ?1";
            transaction.execute(change, params![job.0, word(state), now])?;
            destroy_pins(transaction, job)
        })?;
        self.claims.retire(job);
        file::forget_destroyed(&self.place, &self.connection);
        Ok(())
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

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn job_of((id, opened, orders, state): Columns) -> Result<Job, LedgerError> {
    let what = format!("job {id}");
    let state = match state.as_str() {
        "open" => JobState::Open,
        "done" => JobState::Done,
        "ended" => JobState::Ended,
        _ => return Err(LedgerError::Corrupt(what)),
    };
    Ok(Job { id: JobId(id), order: value(&what, &orders)?, state, opened: time(&what, &opened)? })
}

fn entry_of(job: JobId, (number, at, intent, outcome): (i64, String, String, Option<String>)) -> Result<Entry, LedgerError> {
    let what = format!("job {job}, entry {number}");
    let outcome = outcome.map(|text| value(&what, &text)).transpose()?;
    Ok(Entry { number, at: time(&what, &at)?, intent: value(&what, &intent)?, outcome })
}

const fn word(state: JobState) -> &'static str {
    match state {
        JobState::Open => "open",
        JobState::Done => "done",
        JobState::Ended => "ended",
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Store(error.to_string()))
}

/// The reason is left out on purpose: a parser quotes what it found, and a row may hold names of people.
fn value<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, LedgerError> {
    serde_json::from_str(text).map_err(|_| LedgerError::Corrupt(what.into()))
}

fn time(what: &str, text: &str) -> Result<Timestamp, LedgerError> {
    text.parse().map_err(|_| LedgerError::Corrupt(what.into()))
}
