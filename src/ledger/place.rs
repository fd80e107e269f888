//! Where a ledger is, as `--ledger` names it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::sqlite::SqliteLedger;
use super::{Batches, LedgerError, OpenLedger};
use crate::clock::SharedClock;

/// Where a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerPlace {
    /// In a file of this station.
    File(PathBuf),
}

/// As a person may read it: nothing that signs in.
impl fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl LedgerPlace {
    /// Opens it; a file is made if it is missing.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn open(&self, clock: SharedClock) -> Result<Box<dyn Batches + Send>, LedgerError> {
        match self {
            Self::File(path) => Ok(Box::new(SqliteLedger::open(path, clock)?)),
        }
    }

    /// Opens it as often as it is asked, from any thread.
    pub fn opener(self, clock: SharedClock) -> OpenLedger {
        Arc::new(move || self.open(Arc::clone(&clock)))
    }
}
