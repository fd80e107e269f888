//! What the database says, as the layer above understands it. Never its details: they quote rows, and a row holds names of people.

use std::error::Error as _;

use postgres::error::{DbError, Severity, SqlState};

use crate::ledger::LedgerError;

/// Why a transaction is not gone on with.
#[derive(Debug)]
pub(super) enum Halt {
    Database(postgres::Error),
    Ledger(LedgerError),
}

impl From<postgres::Error> for Halt {
    fn from(error: postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Whether the connection is gone with it.
pub(super) fn lost(error: &postgres::Error) -> bool {
    match error.as_db_error() {
        Some(said) => {
            matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) || said.code().code().starts_with("08")
        }
        None => error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>),
    }
}

/// What a statement ended with.
pub(super) fn fault(place: &str, error: &postgres::Error) -> LedgerError {
    if lost(error) {
        return unreachable(place, error);
    }
    let Some(said) = error.as_db_error() else { return LedgerError::Store(told(error)) };
    let reason = said.message().to_owned();
    let unusable = || LedgerError::Unusable { path: place.into(), reason: reason.clone() };
    match said.code() {
        code if *code == SqlState::DISK_FULL => LedgerError::Full(place.into()),
        code if *code == SqlState::LOCK_NOT_AVAILABLE || *code == SqlState::QUERY_CANCELED => LedgerError::Locked(place.into()),
        code if code.code().starts_with("40") => LedgerError::Locked(place.into()),
        // What the triggers say, and the constraints.
        code if code.code().starts_with("23") || *code == SqlState::RAISE_EXCEPTION => LedgerError::Rule(reason),
        code if code.code().starts_with("42") || code.code().starts_with("3F") || code.code().starts_with("25") => unusable(),
        _ => LedgerError::Store(reason),
    }
}

/// What an attempt to connect ended with.
pub(super) fn refused(place: &str, error: &postgres::Error) -> LedgerError {
    let place = place.to_owned();
    if let Some(said) = error.as_db_error() {
        let reason = said.message().to_owned();
        let class = |class: &str| said.code().code().starts_with(class);
        return if class("28") {
            LedgerError::SignIn { place, reason }
        } else if class("3D") || class("42") || class("25") {
            LedgerError::Unusable { path: place, reason }
        } else {
            LedgerError::Unreachable { place, reason }
        };
    }
    // These kinds have no other face than their sentence.
    match error.to_string().as_str() {
        "error performing TLS handshake" => LedgerError::Untrusted { place, reason: told(error) },
        "authentication error" | "invalid configuration" => LedgerError::SignIn { place, reason: told(error) },
        _ => LedgerError::Unreachable { place, reason: told(error) },
    }
}

fn unreachable(place: &str, error: &postgres::Error) -> LedgerError {
    let reason = error.as_db_error().map(DbError::message).map_or_else(|| told(error), ToOwned::to_owned);
    LedgerError::Unreachable { place: place.into(), reason }
}

/// The last cause says most.
fn told(error: &postgres::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
