//! A directory that takes one file a hand-over. Names are numbers of jobs: they tell neither a person nor a PIN, and no file
//! is ever written over.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::handover::HandOverError;
use crate::ledger::JobId;
use crate::secret::private;

/// Copies of one job at most.
const MOST_COPIES: u32 = 1000;

/// Where files of hand-overs go.
#[derive(Clone, Debug)]
pub struct Tray(PathBuf);

impl Tray {
    /// A directory, made if it is missing; checked by writing to it, so that no key is touched for nothing.
    ///
    /// # Errors
    /// [`HandOverError::File`].
    pub fn open(path: &Path) -> Result<Self, HandOverError> {
        let probe = path.join(format!(".keywright-{}", std::process::id()));
        let tried = private::make_directory(path).and_then(|()| match private::create_new(&probe) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map(drop),
        });
        tried.map_err(|error| HandOverError::file(path, &error))?;
        // Another thread of this process may have taken it away already.
        let _ = std::fs::remove_file(&probe);
        Ok(Self(path.to_owned()))
    }

    /// Writes a file of its own for a job, readable by its owner only, and returns its name. Durable when it returns; what
    /// could not be written whole is taken away again.
    ///
    /// # Errors
    /// [`HandOverError::File`].
    pub fn put(&self, job: JobId, stem: &str, ending: &str, bytes: &[u8]) -> Result<String, HandOverError> {
        for copy in 1..=MOST_COPIES {
            let tail = if copy == 1 { String::new() } else { format!("-{copy}") };
            let name = format!("{stem}-{:06}{tail}.{ending}", job.0);
            let path = self.0.join(&name);
            let mut file = match private::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(|error| HandOverError::file(&path, &error))?,
            };
            let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| private::sync_directory(&self.0));
            if let Err(error) = written {
                self.remove(&name);
                return Err(HandOverError::file(&path, &error));
            }
            return Ok(name);
        }
        let reason = format!("it holds {MOST_COPIES} files of job {job} already");
        Err(HandOverError::File { path: self.0.clone(), reason })
    }

    /// Takes a file away that is of no use; that it cannot be done changes nothing.
    pub fn remove(&self, name: &str) {
        if let Err(error) = std::fs::remove_file(self.0.join(name)) {
            log::warn!("{name} could not be taken away again: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("new/letters");
        let tray = Tray::open(&place).unwrap();
        let names: Vec<_> = (0..3).map(|copy: u8| tray.put(JobId(42), "letter", "pdf", &[copy]).unwrap()).collect();
        assert_eq!(names, ["letter-000042.pdf", "letter-000042-2.pdf", "letter-000042-3.pdf"]);
        for (content, name) in (0_u8..).zip(&names) {
            assert_eq!(std::fs::read(place.join(name)).unwrap(), [content]);
        }
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 3, "the probe is gone");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("letters");
        let name = Tray::open(&place).unwrap().put(JobId(1), "letter", "pdf", b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&place), mode(&place.join(name))), (0o700, 0o600));
    }

    #[test]
    fn a_place_that_takes_no_files_is_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Tray::open(&file), Err(HandOverError::File { .. })));
        assert!(matches!(Tray::open(&file.join("below")), Err(HandOverError::File { .. })));
    }
}
