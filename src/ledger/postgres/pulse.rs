//! The pulse of a station: one thread with a connection of its own says at every beat that all openings of the ledger which hold
//! something are alive. Beside it a job may take as long as it takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use crate::ledger::LedgerError;
use crate::ledger::postgres::address::Address;
use crate::ledger::postgres::leases::{BEAT, LeaseTimes};
use crate::ledger::postgres::session::Session;
use crate::ledger::postgres::sql::{seconds, texts};

/// Beats as long as somebody holds this value.
#[derive(Debug)]
pub(super) struct Pulse {
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    living: Mutex<Living>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Living {
    holders: BTreeSet<String>,
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Living> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    /// The pulse that others have already, or a new one.
    pub(super) fn shared(known: &Mutex<Weak<Self>>, address: &Address, times: LeaseTimes) -> Result<Arc<Self>, LedgerError> {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pulse) = known.upgrade() {
            return Ok(pulse);
        }
        let pulse = Arc::new(Self::start(address, times)?);
        *known = Arc::downgrade(&pulse);
        Ok(pulse)
    }

    fn start(address: &Address, times: LeaseTimes) -> Result<Self, LedgerError> {
        let state = Arc::new(Shared::default());
        let session = Session::new(address)?;
        let beating = Arc::clone(&state);
        thread::Builder::new()
            .name("ledger-pulse".into())
            .spawn(move || beat(&beating, session, times))
            .map_err(|error| LedgerError::Store(format!("no thread for the pulse of the ledger: {error}")))?;
        Ok(Self { state })
    }

    /// From now on this holder is kept alive.
    pub(super) fn enlist(&self, holder: &str) {
        self.state.lock().holders.insert(holder.into());
    }

    /// From now on it is not.
    pub(super) fn dismiss(&self, holder: &str) {
        self.state.lock().holders.remove(holder);
    }
}

impl Drop for Pulse {
    /// The thread ends at once, or when its last exchange with the server has ended; nobody waits for that.
    fn drop(&mut self) {
        self.state.lock().over = true;
        self.state.changed.notify_all();
    }
}

fn beat(state: &Shared, mut session: Session, times: LeaseTimes) {
    let length = times.length.as_secs_f64();
    loop {
        let living = state.lock();
        let waited = state.changed.wait_timeout_while(living, times.beat, |living| !living.over);
        let living = waited.unwrap_or_else(PoisonError::into_inner).0;
        if living.over {
            return;
        }
        let holders: Vec<String> = living.holders.iter().cloned().collect();
        drop(living);
        if holders.is_empty() {
            continue;
        }
        // One that is missed is made up for by the next: a lease outlasts several.
        if let Err(error) = session.read(|client| Ok(client.execute_typed(BEAT, &[texts(&holders), seconds(&length)])?)) {
            log::warn!("the ledger did not hear from this station: {error}");
        }
    }
}
