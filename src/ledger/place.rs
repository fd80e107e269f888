//! Where a ledger is, as `--ledger` names it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

#[cfg(feature = "postgres")]
use super::postgres::PostgresPlace;
use super::sqlite::SqliteLedger;
use super::{Batches, LedgerError, OpenLedger};
use crate::clock::SharedClock;

/// Where a ledger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerPlace {
    /// In a file of this station.
    File(PathBuf),
    /// In a database that many stations share.
    #[cfg(feature = "postgres")]
    Database(PostgresPlace),
}

/// As a person may read it: nothing that signs in.
impl fmt::Display for LedgerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            #[cfg(feature = "postgres")]
            Self::Database(place) => place.fmt(f),
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
            // Its times are those of the server, which all stations share.
            #[cfg(feature = "postgres")]
            Self::Database(place) => Ok(Box::new(place.open()?)),
        }
    }

    /// What there is to know of a database's server: its version, and whether the way there is encrypted.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn server(&self) -> Result<Option<String>, LedgerError> {
        match self {
            Self::File(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Self::Database(place) => {
                let server = place.open()?.server()?;
                Ok(Some(format!("PostgreSQL {}, {}", server.version, server.tls.as_deref().unwrap_or("not encrypted"))))
            }
        }
    }

    /// Fails if it is a file that opening would make.
    ///
    /// # Errors
    /// [`LedgerError::Unusable`].
    pub fn must_exist(&self) -> Result<(), LedgerError> {
        let missing = match self {
            Self::File(path) => !path.exists(),
            #[cfg(feature = "postgres")]
            Self::Database(_) => false,
        };
        if missing {
            Err(LedgerError::Unusable { path: self.to_string(), reason: "there is no such file".into() })
        } else {
            Ok(())
        }
    }

    /// Opens it as often as it is asked, from any thread.
    pub fn opener(self, clock: SharedClock) -> OpenLedger {
        Arc::new(move || self.open(Arc::clone(&clock)))
    }
}
