//! The station's own copy of the metadata: the BLOB as it was signed, verified again whenever it is read.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::MetadataError;
use super::blob::{Blob, LONGEST};
use crate::secret::private;

/// Where the BLOB is kept.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

/// What came of a BLOB that was offered.
#[derive(Debug)]
pub struct Taken {
    /// The BLOB.
    pub blob: Blob,
    /// Number of the one that was there before.
    pub before: Option<u64>,
}

impl Store {
    /// In this directory, which need not be there yet.
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("metadata.jwt") }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept; `None` if nothing is. What somebody has changed, or what is too old to be vouched for, is an error.
    pub fn load(&self, roots: &[&[u8]], at: Timestamp) -> Result<Option<Blob>, MetadataError> {
        match self.text()? {
            Some(text) => Blob::read(&text, roots, at).map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a BLOB if it is right and not older than what is kept.
    pub fn take(&self, text: &[u8], roots: &[&[u8]], at: Timestamp) -> Result<Taken, MetadataError> {
        let blob = Blob::read(text, roots, at)?;
        // Its certificate may have run out, which makes its number no smaller. A file that is none holds nobody up.
        let before = self.text()?.and_then(|kept| Blob::claimed_number(&kept).ok());
        match before {
            Some(stored) if blob.number < stored => {
                return Err(MetadataError::RolledBack { stored, offered: blob.number });
            }
            _ => self.write(text).map_err(|error| file_error(&self.path, &error))?,
        }
        Ok(Taken { blob, before })
    }

    fn text(&self) -> Result<Option<Vec<u8>>, MetadataError> {
        match read_file(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error(&self.path, &error)),
        }
    }

    /// Writes a whole file or none.
    fn write(&self, text: &[u8]) -> io::Result<()> {
        private::make_directory(self.path.parent().unwrap_or(Path::new(".")))?;
        private::replace(&self.path, text)
    }
}

/// Reads a BLOB that somebody else has fetched.
pub fn read(path: &Path) -> Result<Vec<u8>, MetadataError> {
    read_file(path).map_err(|error| file_error(path, &error))
}

/// One byte more than is allowed shows that it is too long.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(most).read_to_end(&mut text)?;
    Ok(text)
}

fn file_error(path: &Path, error: &io::Error) -> MetadataError {
    MetadataError::File { path: path.to_owned(), reason: error.to_string() }
}
