//! A database that is opened as often as it is asked for, from any thread.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use crate::ledger::LedgerError;
use crate::ledger::postgres::leases::{Held, LeaseTimes};
use crate::ledger::postgres::pulse::Pulse;
use crate::ledger::postgres::session::Session;
use crate::ledger::postgres::{Address, PostgresLedger};

/// Where a database is. All openings of one program share a pulse.
#[derive(Clone)]
pub struct PostgresPlace {
    address: Arc<Address>,
    times: LeaseTimes,
    pulse: Arc<Mutex<Weak<Pulse>>>,
}

/// Whoever leads to the same database as the same user, whatever the password.
impl PartialEq for PostgresPlace {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.times == other.times
    }
}

impl Eq for PostgresPlace {}

impl fmt::Display for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresPlace({})", self.address)
    }
}

impl PostgresPlace {
    /// The database at an address.
    pub fn new(address: Address, times: LeaseTimes) -> Self {
        Self { address: Arc::new(address), times, pulse: Arc::default() }
    }

    /// Opens it; the tables are made if they are missing.
    ///
    /// # Errors
    /// [`LedgerError::Unreachable`], [`LedgerError::Untrusted`], [`LedgerError::SignIn`], [`LedgerError::Unusable`] and others.
    pub fn open(&self) -> Result<PostgresLedger, LedgerError> {
        let mut session = Session::new(&self.address)?;
        session.read(|_| Ok(()))?;
        Ok(PostgresLedger { place: self.clone(), session, holder: None, held: Held::default() })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(super) fn times(&self) -> LeaseTimes {
        self.times
    }

    pub(super) fn pulse(&self) -> Result<Arc<Pulse>, LedgerError> {
        Pulse::shared(&self.pulse, &self.address, self.times)
    }
}
