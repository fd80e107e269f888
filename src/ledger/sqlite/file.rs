//! The file: made private, opened durable, brought to the schema of this program, or refused.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::links;
use crate::ledger::LedgerError;
use crate::secret::private;

/// How long another program's transaction is waited for. A transaction of ours takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Marks the file as ours for programs that look (`file`, backup tools): "KWRT".
const APPLICATION_ID: i32 = 0x4B57_5254;

/// Leads from one version to the next: a script, and what takes more than a script.
type Migration = (&'static str, fn(&Transaction<'_>) -> rusqlite::Result<()>);

/// The migration at index 0 leads from an empty file to version 1.
const MIGRATIONS: &[Migration] =
    &[(include_str!("schema-1.sql"), |_| Ok(())), (include_str!("schema-2.sql"), links::append_version_one)];

/// Why a transaction was given up.
#[derive(Debug)]
pub(super) enum Stop {
    /// The store.
    Store(rusqlite::Error),
    /// A rule of the ledger.
    Told(LedgerError),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Told(error)
    }
}

impl Stop {
    /// As the layer above understands it.
    pub(super) fn at(self, place: &Path) -> LedgerError {
        match self {
            Self::Store(error) => fault(place, error),
            Self::Told(error) => error,
        }
    }
}

/// Opens the ledger at `place`; makes it if there is none.
pub(super) fn open(place: &Path) -> Result<Connection, LedgerError> {
    make(place).map_err(|error| io_fault(place, &error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(place, flags).map_err(|error| fault(place, error))?;
    connection.busy_timeout(PATIENCE).map_err(|error| fault(place, error))?;
    if recognise(place, &connection)? < MIGRATIONS.len() {
        // Turning the write-ahead log on does not wait for others who do the same: one at a time, and the lock ends with us.
        let _making = lock(place).map_err(|error| io_fault(place, &error))?;
        make_durable(place, &connection)?;
        migrate(place, &mut connection)?;
    } else {
        make_durable(place, &connection)?;
    }
    forget_destroyed(place, &connection);
    Ok(connection)
}

fn make(place: &Path) -> io::Result<()> {
    let directory = place.parent().unwrap_or(Path::new(""));
    private::make_directory(directory)?;
    match private::create_new(place) {
        Ok(file) => {
            drop(file);
            private::sync_directory(directory)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => private::restrict(place),
        Err(error) => Err(error),
    }
}

fn lock(place: &Path) -> io::Result<File> {
    let mut name = place.as_os_str().to_owned();
    name.push(".lock");
    let file = private::open_or_create(Path::new(&name))?;
    file.lock()?;
    Ok(file)
}

/// Returns the version. Refuses what is not ours before anything is changed in it. One transaction reads it all: another program may be making
/// this very ledger.
fn recognise(place: &Path, connection: &Connection) -> Result<usize, LedgerError> {
    let look = || -> rusqlite::Result<(usize, i32, i64)> {
        let moment = connection.unchecked_transaction()?;
        let tables = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let id = moment.pragma_query_value(None, "application_id", |row| row.get(0))?;
        Ok((version(&moment)?, id, tables))
    };
    let (version, id, tables) = look().map_err(|error| fault(place, error))?;
    if (tables > 0 || version != 0) && id != APPLICATION_ID {
        return Err(unusable(place, "it is a database of another program"));
    }
    if version > MIGRATIONS.len() {
        let known = MIGRATIONS.len();
        return Err(unusable(place, &format!("its version is {version}, this program knows up to {known}")));
    }
    Ok(version)
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

fn make_durable(place: &Path, connection: &Connection) -> Result<(), LedgerError> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(|error| fault(place, error))?;
    if mode != "wal" {
        return Err(unusable(place, "its file system cannot hold a write-ahead log; put it on a local disk"));
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;")
        .and_then(|()| connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(())))
        .map_err(|error| fault(place, error))
}

/// In one transaction, so that of two programs that start at once only one migrates and a crash leaves the old version.
fn migrate(place: &Path, connection: &mut Connection) -> Result<(), LedgerError> {
    let steps = || -> rusqlite::Result<()> {
        if version(connection)? == MIGRATIONS.len() {
            return Ok(());
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (script, then) in MIGRATIONS.iter().skip(version(&transaction)?) {
            transaction.execute_batch(script)?;
            then(&transaction)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
        transaction.commit()
    };
    let mut steps = steps;
    steps().map_err(|error| fault(place, error))
}

/// Carries the write-ahead log over and empties it, so that what was deleted is not in the log either. If another program is
/// just reading, or the disk is full, the next opening or closing does it.
pub(super) fn forget_destroyed(place: &Path, connection: &Connection) {
    match connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)) {
        Ok(0) => {}
        Ok(_) => log::warn!("the log of {} is in use and is emptied next time", place.display()),
        Err(error) => log::warn!("the log of {} is emptied next time: {error}", place.display()),
    }
}

/// What SQLite says, as the layer above understands it.
pub(super) fn fault(place: &Path, error: rusqlite::Error) -> LedgerError {
    let shown = place.display().to_string();
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let reason = message.unwrap_or_else(|| failure.to_string());
            match failure.code {
                ErrorCode::DiskFull => LedgerError::Full(shown),
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => LedgerError::Locked(shown),
                ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied => LedgerError::Unusable { path: shown, reason },
                ErrorCode::ConstraintViolation => LedgerError::Rule(reason),
                _ => LedgerError::Store(reason),
            }
        }
        other => LedgerError::Store(other.to_string()),
    }
}

/// What the operating system says, as the layer above understands it.
pub(super) fn io_fault(place: &Path, error: &io::Error) -> LedgerError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LedgerError::Full(place.display().to_string()),
        _ => unusable(place, &error.to_string()),
    }
}

fn unusable(place: &Path, reason: &str) -> LedgerError {
    LedgerError::Unusable { path: place.display().to_string(), reason: reason.into() }
}
