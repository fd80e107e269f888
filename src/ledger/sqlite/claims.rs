//! Who works on which job: one locked file a job, beside the ledger. The operating system gives a lock up when its process
//! ends, however it ends, so a claim never outlives a crash.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::ledger::sqlite::file::io_fault;
use crate::ledger::{JobId, LedgerError};
use crate::secret::private;

/// The claims that one open ledger holds.
#[derive(Debug)]
pub(super) struct Claims {
    directory: PathBuf,
    held: HashMap<JobId, File>,
}

impl Claims {
    pub(super) fn beside(ledger: &Path) -> Self {
        let mut name = OsString::from(ledger);
        name.push(".claims");
        Self { directory: name.into(), held: HashMap::new() }
    }

    pub(super) fn holds(&self, job: JobId) -> bool {
        self.held.contains_key(&job)
    }

    /// Locks the job's file. Whoever gets the lock must look at the job again: it may have been closed in the meantime.
    pub(super) fn take(&mut self, job: JobId) -> Result<(), LedgerError> {
        if self.holds(job) {
            return Ok(());
        }
        let path = self.path(job);
        let file = private::make_directory(&self.directory)
            .and_then(|()| private::open_or_create(&path))
            .map_err(|error| io_fault(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {
                self.held.insert(job, file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(LedgerError::Claimed(job)),
            Err(TryLockError::Error(error)) => Err(io_fault(&path, &error)),
        }
    }

    /// Gives the claim on an open job up. Closing the file is not enough: a program that is being started at this moment, such as a
    /// hook, has it open as well until it runs, and with it the lock.
    pub(super) fn give_up(&mut self, job: JobId) {
        if let Some(file) = self.held.remove(&job)
            && let Err(error) = file.unlock()
        {
            log::debug!("the claim on job {job}: {error}");
        }
    }

    /// Gives the claim on a closed job up; its file has served. Somebody who opened the file before it went can still lock
    /// it, but finds the job closed.
    pub(super) fn retire(&mut self, job: JobId) {
        self.give_up(job);
        if let Err(error) = std::fs::remove_file(self.path(job)) {
            log::debug!("the claim file of job {job} stays: {error}");
        }
    }

    fn path(&self, job: JobId) -> PathBuf {
        self.directory.join(job.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between fork and exec a child has every file of its parent.
    #[test]
    fn a_program_that_is_being_started_keeps_no_claim() {
        let place = tempfile::tempdir().unwrap();
        let [mut lane, mut registrar] = [(); 2].map(|()| Claims::beside(&place.path().join("ledger.db")));
        lane.take(JobId(1)).unwrap();
        let child = lane.held[&JobId(1)].try_clone().unwrap();
        assert!(matches!(registrar.take(JobId(1)), Err(LedgerError::Claimed(JobId(1)))));
        lane.give_up(JobId(1));
        registrar.take(JobId(1)).unwrap();
        drop(child);
        assert!(matches!(lane.take(JobId(1)), Err(LedgerError::Claimed(JobId(1)))), "the child takes nothing away with it");
    }
}
