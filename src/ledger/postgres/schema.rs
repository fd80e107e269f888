//! The tables, made and brought to the version of this program by whoever comes first.

use postgres::{Client, GenericClient};

use crate::ledger::LedgerError;
use crate::ledger::postgres::fault::fault;

/// One script a version: the script at index 0 leads from an empty database to version 1.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// Stations that start at once wait here for the first of them: "KWRT".
const TURN: i64 = 0x4B57_5254;

/// Makes what is missing. All in one transaction, so that a crash leaves the old version.
pub(super) fn bring_up(place: &str, client: &mut Client) -> Result<(), LedgerError> {
    if version(place, client)? == MIGRATIONS.len() {
        return Ok(());
    }
    let mut steps = || -> Result<(), Failure> {
        let mut transaction = client.transaction()?;
        transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&TURN])?;
        let standing = version(place, &mut transaction)?;
        for script in MIGRATIONS.iter().skip(standing) {
            transaction.batch_execute(script)?;
        }
        if standing < MIGRATIONS.len() {
            let now = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
            transaction.execute("UPDATE keywright.ledger SET version = $1", &[&now])?;
        }
        Ok(transaction.commit()?)
    };
    steps().map_err(|failure| match failure {
        Failure::Told(error) => error,
        Failure::Database(error) => match fault(place, &error) {
            LedgerError::Unusable { path, reason } => {
                let reason = format!("its tables are missing or of an older version, and making them was refused ({reason}); the owner of the database runs keywright once");
                LedgerError::Unusable { path, reason }
            }
            other => other,
        },
    })
}

enum Failure {
    Database(postgres::Error),
    Told(LedgerError),
}

impl From<postgres::Error> for Failure {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Told(error)
    }
}

/// The version that stands there; 0 if there is no ledger yet. A newer one is refused.
fn version(place: &str, client: &mut impl GenericClient) -> Result<usize, LedgerError> {
    let mut ask = || -> Result<i32, postgres::Error> {
        // Asked of the catalogue itself: what a session once looked up by name, it may remember as missing.
        let there = "SELECT EXISTS (SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = 'keywright' AND relname = 'ledger')";
        if !client.query_one(there, &[])?.try_get(0)? {
            return Ok(0);
        }
        client.query_one("SELECT version FROM keywright.ledger", &[])?.try_get(0)
    };
    let found = ask().map_err(|error| fault(place, &error))?;
    match usize::try_from(found) {
        Ok(version) if version <= MIGRATIONS.len() => Ok(version),
        _ => {
            let known = MIGRATIONS.len();
            let reason = format!("its version is {found}, this program knows up to {known}");
            Err(LedgerError::Unusable { path: place.into(), reason })
        }
    }
}
