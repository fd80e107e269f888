//! Who holds which lease: rows that name a holder, and one locked file a holder beside the ledger. The operating system gives
//! the lock up when the ledger is closed or its process ends, however it ends, so no lease outlives its holder.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::file::{Stop, io_fault};
use crate::ledger::{LedgerError, TaskId};
use crate::secret::private;

/// The leases of one open ledger.
#[derive(Debug)]
pub(super) struct Leases {
    directory: PathBuf,
    own: Option<Holder>,
    /// Tasks that came along with the claim of their job, and were not asked for.
    came_along: HashSet<i64>,
}

/// A holder that is alive as long as this value.
#[derive(Debug)]
pub(super) struct Holder {
    id: i64,
    _file: File,
}

impl Leases {
    pub(super) fn beside(ledger: &Path) -> Self {
        let mut name = OsString::from(ledger);
        name.push(".leases");
        Self { directory: name.into(), own: None, came_along: HashSet::new() }
    }

    /// The number of this opening as a holder; 0, which is nobody's, if it has never leased anything.
    pub(super) fn own(&self) -> i64 {
        self.own.as_ref().map_or(0, |holder| holder.id)
    }

    /// Makes this opening a holder if it is none yet, and tells its number. What else comes back has to be
    /// [kept](Self::keep) once the transaction is committed. The file is locked before anybody can see the row.
    pub(super) fn enlist(&self, transaction: &Transaction<'_>) -> Result<(i64, Option<Holder>), Stop> {
        if let Some(own) = &self.own {
            return Ok((own.id, None));
        }
        transaction.execute("INSERT INTO holder DEFAULT VALUES", [])?;
        let id = transaction.last_insert_rowid();
        let path = self.path(id);
        let file = private::make_directory(&self.directory).and_then(|()| private::open_or_create(&path));
        let file = file.map_err(|error| io_fault(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok((id, Some(Holder { id, _file: file }))),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked(path.display().to_string()).into()),
            Err(TryLockError::Error(error)) => Err(io_fault(&path, &error).into()),
        }
    }

    /// Keeps what [`Self::enlist`] gave.
    pub(super) fn keep(&mut self, holder: Option<Holder>) {
        if holder.is_some() {
            self.own = holder;
        }
    }

    /// Remembers that a task came along with the claim of its job.
    pub(super) fn came_along(&mut self, task: TaskId) {
        self.came_along.insert(task.0);
    }

    /// Remembers that a task was asked for.
    pub(super) fn asked_for(&mut self, task: i64) {
        self.came_along.remove(&task);
    }

    /// Gives up what came along with a job that is closed by now: whoever leases something else is done with that.
    pub(super) fn tidy(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        for task in &self.came_along {
            let row = "DELETE FROM lease WHERE task = ?1 AND holder = ?2
                AND NOT EXISTS (SELECT 1 FROM job WHERE job.task = ?1 AND job.state = 'open')";
            transaction.execute(row, [*task, self.own()])?;
        }
        Ok(())
    }

    /// Gives a task to this opening, whoever had it.
    pub(super) fn give(transaction: &Transaction<'_>, task: i64, holder: i64) -> rusqlite::Result<()> {
        let row = "INSERT INTO lease (task, holder) VALUES (?1, ?2) ON CONFLICT (task) DO UPDATE SET holder = excluded.holder";
        transaction.execute(row, params![task, holder]).map(drop)
    }

    /// Takes a task's lease away, whoever has it.
    pub(super) fn take_away(transaction: &Transaction<'_>, task: TaskId) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM lease WHERE task = ?1", [task.0]).map(drop)
    }

    /// Whether this opening has the task.
    pub(super) fn has(&self, connection: &Connection, task: TaskId) -> rusqlite::Result<bool> {
        let holder: Option<i64> =
            connection.query_row("SELECT holder FROM lease WHERE task = ?1", [task.0], |row| row.get(0)).optional()?;
        Ok(holder.is_some_and(|holder| holder == self.own()))
    }

    /// Takes the leases of holders that are no more.
    pub(super) fn reap(&self, transaction: &Transaction<'_>) -> Result<(), Stop> {
        for id in holders(transaction)? {
            if !self.lives(id)? {
                transaction.execute("DELETE FROM lease WHERE holder = ?1", [id])?;
                transaction.execute("DELETE FROM holder WHERE id = ?1", [id])?;
                if let Err(error) = std::fs::remove_file(self.path(id)) {
                    log::debug!("the lock file of holder {id} stays: {error}");
                }
            }
        }
        Ok(())
    }

    /// The holders that are alive, as a JSON list.
    pub(super) fn living(&self, connection: &Connection) -> Result<String, Stop> {
        let mut living = Vec::new();
        for id in holders(connection)? {
            if self.lives(id)? {
                living.push(id.to_string());
            }
        }
        Ok(format!("[{}]", living.join(",")))
    }

    /// A shared lock is tried, so that two who look do not take each other for a holder.
    fn lives(&self, id: i64) -> Result<bool, LedgerError> {
        if id == self.own() {
            return Ok(true);
        }
        let path = self.path(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(io_fault(&path, &error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(io_fault(&path, &error)),
        }
    }

    fn path(&self, holder: i64) -> PathBuf {
        self.directory.join(holder.to_string())
    }
}

fn holders(connection: &Connection) -> rusqlite::Result<Vec<i64>> {
    connection.prepare_cached("SELECT id FROM holder ORDER BY id")?.query_map([], |row| row.get(0))?.collect()
}
