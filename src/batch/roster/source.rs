//! Where a roster comes from.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::{MOST_BYTES, Roster, RosterError};

/// Where a roster comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Input,
    /// A group of the tenant, by object id or display name.
    Group(String),
}

impl From<&str> for Source {
    /// `-`, `group:NAME`, or a path.
    fn from(text: &str) -> Self {
        match text.strip_prefix("group:") {
            Some(group) => Self::Group(group.to_owned()),
            None if text == "-" => Self::Input,
            None => Self::File(text.into()),
        }
    }
}

impl Source {
    /// What it is called.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Input => "standard input".into(),
            Self::Group(group) => format!("the group {group}"),
        }
    }

    /// Its bytes; `input` is standard input.
    ///
    /// # Errors
    /// [`RosterError::Unreadable`]; a group has none.
    pub(super) fn bytes(&self, input: &mut dyn Read) -> Result<Vec<u8>, RosterError> {
        let unreadable = |reason: String| RosterError::Unreadable { name: self.name(), reason };
        // One more than may be, so that what is too large is seen to be.
        let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let read = match self {
            Self::File(path) => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
            Self::Input => input.take(most).read_to_end(&mut bytes),
            Self::Group(_) => return Err(unreadable("a group has no bytes".into())),
        };
        read.map(|_| bytes).map_err(|error| unreadable(error.to_string()))
    }
}

/// Reads a roster from a file or from `input`, standard input.
///
/// # Errors
/// [`RosterError`].
pub fn read(source: &Source, input: &mut dyn Read) -> Result<Roster, RosterError> {
    Roster::of(&source.name(), source.bytes(input)?)
}
