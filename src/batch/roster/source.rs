//! Where a roster comes from.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::{MOST_BYTES, MOST_ROWS, Roster, RosterError, Row, too_large};
use crate::identity::{Group, User};

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

/// The one group of these that a name means.
///
/// # Errors
/// [`RosterError::NoGroup`], [`RosterError::SeveralGroups`].
pub fn only_group(name: &str, mut groups: Vec<Group>) -> Result<Group, RosterError> {
    match groups.len() {
        0 | 1 => groups.pop().ok_or_else(|| RosterError::NoGroup(name.to_owned())),
        _ => Err(RosterError::SeveralGroups { name: name.to_owned(), ids: groups.into_iter().map(|group| group.id).collect() }),
    }
}

impl Roster {
    /// The members of a group, in the order of their names; a row is a place in that order.
    ///
    /// # Errors
    /// [`RosterError::Empty`], [`RosterError::TooLarge`].
    pub fn of_members(group: &Group, mut members: Vec<User>) -> Result<Self, RosterError> {
        let name = format!("the group {}", group.display_name.as_ref().unwrap_or(&group.id));
        if members.len() > MOST_ROWS {
            return Err(too_large(&name, format!("more than {MOST_ROWS} members")));
        }
        if members.is_empty() {
            return Err(RosterError::Empty(name));
        }
        members.sort_by_cached_key(|user| user.upn.to_lowercase());
        let rows = members.into_iter().zip(1..).map(|(user, line)| Row { line, user: user.id, ..Row::default() });
        Ok(Self { name, rows: rows.collect(), ..Self::default() })
    }
}
