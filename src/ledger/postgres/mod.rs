//! The ledger of many stations: a PostgreSQL database.
//!
//! A commit returns after the server has flushed it (`synchronous_commit`, `fsync`). Rows of the record are only ever inserted;
//! triggers refuse anything else. Who works on what is leased by the server's clock ([`LeaseTimes`]): each write makes sure, in its own
//! transaction, that this opening still holds what it writes about.

mod address;
mod batches;
mod fault;
mod leases;
mod links;
mod place;
mod pulse;
mod rows;
mod schema;
mod session;
mod sql;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::sync::Arc;

use ::postgres::Transaction;

use crate::ledger::chain::Row;
use crate::ledger::rows::{json, word};
use crate::ledger::{Entry, Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Ticket, Verified};
use crate::secret::SealedPin;

pub use address::Address;
use fault::Halt;
pub use leases::LeaseTimes;
use leases::{Held, Holder};
use links::Tail;
pub use place::PostgresPlace;
use pulse::Pulse;
pub use session::Server;
use session::Session;
use sql::{bytes, int, text};

/// A ledger in a database. Any number may be open on the same one, in any number of programs.
pub struct PostgresLedger {
    place: PostgresPlace,
    session: Session,
    /// Who we are, once we hold something.
    holder: Option<(Holder, Arc<Pulse>)>,
    held: Held,
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger").field("place", &self.place).finish_non_exhaustive()
    }
}

impl PostgresLedger {
    /// What is known of the server.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn server(&mut self) -> Result<Server, LedgerError> {
        self.session.server()
    }

    /// This opening as a holder, which it becomes when it takes something for the first time.
    fn holder(&mut self) -> Result<Holder, LedgerError> {
        if let Some((holder, _)) = &self.holder {
            return Ok(holder.clone());
        }
        let name = "SELECT gen_random_uuid()::text || coalesce(' from ' || host(inet_client_addr()), '')";
        let name: String = self.session.read(|client| Ok(client.query_typed_one(name, &[])?.try_get(0)?))?;
        let pulse = self.place.pulse()?;
        pulse.enlist(&name);
        let holder = Holder { name, length: self.place.times().length.as_secs_f64() };
        self.holder = Some((holder.clone(), pulse));
        Ok(holder)
    }

    /// A write about a job that this opening holds, in its turn.
    fn write_for_job<T>(
        &mut self,
        job: JobId,
        mut act: impl FnMut(&mut Transaction<'_>, &mut Tail) -> Result<T, Halt>,
    ) -> Result<T, LedgerError> {
        let Self { session, holder, held, .. } = self;
        let holder = holder.as_ref().map(|(holder, _)| holder);
        session.write(|transaction| {
            leases::still_claimed(transaction, holder, job, held)?;
            let mut tail = Tail::find(transaction)?;
            act(transaction, &mut tail)
        })
    }

    fn find_jobs(&mut self, condition: &str, values: &[sql::Param<'_>]) -> Result<Vec<Job>, LedgerError> {
        self.session.read(|client| rows::jobs(&client.query_typed(&rows::job_query(condition), values)?))
    }
}

impl Ledger for PostgresLedger {
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError> {
        let (orders, holder) = (json(order)?, self.holder()?);
        let Self { session, held, .. } = self;
        let id = session.write(|transaction| {
            if let Some(task) = order.task {
                batches::may_open_job(transaction, &holder, task, held)?;
            }
            let mut tail = Tail::find(transaction)?;
            let id = next(transaction, "SELECT coalesce(max(id), 0) + 1 FROM job", &[])?;
            let row = "INSERT INTO job (id, opened, orders) VALUES ($1, $2, $3)";
            transaction.execute_typed(row, &[int(&id), text(&tail.now), text(&orders)])?;
            let at = tail.now.clone();
            tail.add(transaction, &Row::JobOpened { job: id, at: &at, order: &orders })?;
            leases::claim(transaction, &holder, JobId(id))?;
            Ok(JobId(id))
        })?;
        self.held.jobs.insert(id);
        Ok(id)
    }

    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError> {
        // A question first: who only asks for a job that is not there becomes no holder.
        self.job(job)?;
        let holder = self.holder()?;
        let found = self.session.write(|transaction| {
            if !leases::claim(transaction, &holder, job)? {
                return Err(LedgerError::Claimed(job).into());
            }
            let found = rows::jobs(&transaction.query_typed(&rows::job_query("WHERE id = $1"), &[int(&job.0)])?)?;
            let found = found.into_iter().next().ok_or(LedgerError::NoJob(job))?;
            if found.state != JobState::Open {
                return Err(LedgerError::Rule(format!("job {job} is closed")).into());
            }
            // A claimed job has its task's lease with it, whoever had that.
            if let Some(task) = found.order.task {
                leases::lease(transaction, &holder, task, true)?;
            }
            Ok(found)
        })?;
        self.held.jobs.insert(job);
        if let Some(task) = found.order.task {
            self.held.claimed(task);
        }
        Ok(found)
    }

    fn release(&mut self, job: JobId) -> Result<(), LedgerError> {
        let Self { session, holder, held, .. } = self;
        let holder = holder.as_ref().map(|(holder, _)| holder);
        let task = session.write(|transaction| {
            leases::still_claimed(transaction, holder, job, held)?;
            leases::unclaim(transaction, job)?;
            batches::task_of(transaction, job)
        })?;
        self.held.jobs.remove(&job);
        if let Some(task) = task {
            self.held.released(task);
        }
        Ok(())
    }

    fn job(&mut self, job: JobId) -> Result<Job, LedgerError> {
        self.find_jobs("WHERE id = $1", &[int(&job.0)])?.pop().ok_or(LedgerError::NoJob(job))
    }

    fn jobs_of_user(&mut self, user_id: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        let state = state.map(word);
        self.find_jobs("WHERE owner = lower($1) AND ($2 IS NULL OR state = $2)", &[text(&user_id), text(&state)])
    }

    fn jobs_of_serial(&mut self, serial: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        let state = state.map(word);
        let mut jobs = self.find_jobs("WHERE serial = $1 AND ($2 IS NULL OR state = $2)", &[text(&serial), text(&state)])?;
        jobs.retain(|job| job.order.key.shown_serial() == Some(serial));
        Ok(jobs)
    }

    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError> {
        match state.map(word) {
            Some(state) => self.find_jobs("WHERE state = $1", &[text(&state)]),
            None => self.find_jobs("", &[]),
        }
    }

    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError> {
        let misplaced = match (intent.needs_pin(), pin.is_some()) {
            (true, false) => Some("a PIN is written down before a key gets it"),
            (false, true) => Some("no PIN belongs to this step"),
            _ => None,
        };
        let intent = json(intent)?;
        let number = self.write_for_job(job, |transaction, tail| {
            if let Some(rule) = misplaced {
                return Err(LedgerError::Rule(rule.into()).into());
            }
            let number = next(transaction, "SELECT coalesce(max(number), 0) + 1 FROM entry WHERE job = $1", &[int(&job.0)])?;
            let entry = "INSERT INTO entry (job, number, at, intent) VALUES ($1, $2, $3, $4)";
            transaction.execute_typed(entry, &[int(&job.0), int(&number), text(&tail.now), text(&intent)])?;
            let at = tail.now.clone();
            tail.add(transaction, &Row::Entry { job: job.0, number, at: &at, intent: &intent })?;
            if let Some(sealed) = pin {
                let row = "INSERT INTO pin (job, number, sealed) VALUES ($1, $2, $3)";
                transaction.execute_typed(row, &[int(&job.0), int(&number), bytes(&sealed.0)])?;
            }
            Ok(number)
        })?;
        Ok(Ticket::issued(job, number))
    }

    fn after(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), LedgerError> {
        let Ticket { job, number } = ticket;
        let outcome = json(outcome)?;
        self.write_for_job(job, |transaction, tail| {
            let row = "INSERT INTO outcome (job, number, at, outcome) VALUES ($1, $2, $3, $4)";
            transaction.execute_typed(row, &[int(&job.0), int(&number), text(&tail.now), text(&outcome)])?;
            let at = tail.now.clone();
            Ok(tail.add(transaction, &Row::Outcome { job: job.0, number, at: &at, outcome: &outcome })?)
        })
    }

    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError> {
        self.job(job)?;
        self.session.read(|client| rows::entries(job, &client.query_typed(rows::ENTRIES, &[int(&job.0)])?))
    }

    fn pin(&mut self, job: JobId, number: i64) -> Result<Option<SealedPin>, LedgerError> {
        self.job(job)?;
        let query = "SELECT sealed FROM pin WHERE job = $1 AND number = $2";
        self.session.read(|client| {
            let row = client.query_typed_opt(query, &[int(&job.0), int(&number)])?;
            Ok(row.map(|row| row.try_get(0)).transpose()?.map(SealedPin))
        })
    }

    fn close(&mut self, job: JobId, state: JobState) -> Result<(), LedgerError> {
        let last = word(state);
        let Self { session, holder, held, .. } = self;
        let holder = holder.as_ref().map(|(holder, _)| holder);
        let (task, destroyed) = session.write(|transaction| {
            leases::still_claimed(transaction, holder, job, held)?;
            if state == JobState::Open {
                return Err(LedgerError::Rule("a job is closed as done or as ended".into()).into());
            }
            let task = if state == JobState::Done { batches::lock_task_of(transaction, job)? } else { None };
            let mut tail = Tail::find(transaction)?;
            let change = "UPDATE job SET state = $2, closed = $3 WHERE id = $1";
            transaction.execute_typed(change, &[int(&job.0), text(&last), text(&tail.now)])?;
            let at = tail.now.clone();
            tail.add(transaction, &Row::JobClosed { job: job.0, at: &at, state: last })?;
            if let Some(task) = task {
                batches::settle_as_done(transaction, &mut tail, task)?;
            }
            let destroyed = transaction.execute_typed("DELETE FROM pin WHERE job = $1", &[int(&job.0)])?;
            leases::unclaim(transaction, job)?;
            Ok((task, destroyed > 0))
        })?;
        self.held.jobs.remove(&job);
        if let Some(task) = task {
            self.held.settled(task);
        }
        if destroyed {
            self.sweep();
        }
        Ok(())
    }

    fn verify(&mut self, noted: Option<&str>) -> Result<Verified, LedgerError> {
        self.session.look(|transaction| links::verify(transaction, noted))
    }
}

impl PostgresLedger {
    /// Lets the server give the room of destroyed PINs back. It does so by itself later if this role may not ask for it, or if
    /// another station is just at it.
    fn sweep(&mut self) {
        if let Err(error) = self.session.aside("VACUUM (SKIP_LOCKED) keywright.pin") {
            log::debug!("the room of destroyed PINs is given back later: {error}");
        }
    }
}

impl Drop for PostgresLedger {
    /// Gives everything up that this opening holds. If the server does not hear of it, the leases expire.
    fn drop(&mut self) {
        if let Some((holder, pulse)) = &self.holder {
            pulse.dismiss(&holder.name);
            self.session.parting(leases::PARTING, &holder.name);
        }
    }
}

/// A number that a query gives.
fn next(transaction: &mut Transaction<'_>, query: &str, values: &[sql::Param<'_>]) -> Result<i64, ::postgres::Error> {
    transaction.query_typed_one(query, values)?.try_get(0)
}
