//! Whom to provision: names on the command line, or a list with one name a line.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Longest list that is read.
const MOST_BYTES: u64 = 4 << 20;
/// Most names of one roster.
const MOST_NAMES: usize = 4000;
/// Length of a GUID.
const GUID: usize = 36;

/// Why there is no list of names.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// It cannot be read.
    #[error("the roster {} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Something in it is no name.
    #[error("line {line} of the roster {} is no user principal name", .path.display())]
    NoName {
        /// Which.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
    },
    /// Nobody, or too many.
    #[error("a roster has 1 to {MOST_NAMES} names, this one {0}")]
    Count(usize),
}

/// The names that these arguments mean: user principal names and object ids as they are, anything else is a file with one a
/// line, in which `#` begins a comment. Nobody is named twice.
///
/// # Errors
/// [`RosterError`].
pub fn names(arguments: &[String]) -> Result<Vec<String>, RosterError> {
    let mut all: Vec<String> = Vec::new();
    for argument in arguments {
        if is_name(argument) { all.push(argument.clone()) } else { all.extend(listed(Path::new(argument))?) }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| seen.insert(name.to_lowercase()));
    if (1..=MOST_NAMES).contains(&all.len()) { Ok(all) } else { Err(RosterError::Count(all.len())) }
}

fn is_name(text: &str) -> bool {
    text.contains('@') || (text.len() == GUID && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

fn listed(path: &Path) -> Result<Vec<String>, RosterError> {
    let unreadable = |error: io::Error| RosterError::Unreadable { path: path.to_owned(), reason: error.to_string() };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)).map_err(unreadable)?;
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let mut names = Vec::new();
    for (line, number) in lines {
        // In a name a `#` follows a letter, as in `…#EXT#@…`; a comment begins a line or follows a blank.
        let name = line.split(" #").next().unwrap_or_default().split("\t#").next().unwrap_or_default().trim();
        match name {
            "" => {}
            comment if comment.starts_with('#') => {}
            name if is_name(name) && !name.contains(char::is_whitespace) => names.push(name.to_owned()),
            _ => return Err(RosterError::NoName { path: path.to_owned(), line: number }),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, RosterError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.txt");
        std::fs::write(&path, text).unwrap();
        names(&[path.to_str().unwrap().to_owned()])
    }

    #[test]
    fn a_name_a_line() {
        let list = "\u{feff}# the new ones\n\nadele@contoso.example\r\n  bo@contoso.example\t# second floor\n\
                    gil_fabrikam.example#EXT#@contoso.example # a guest\nADELE@contoso.example\n\
                    87d349ed-44d7-43e1-9a83-5f2406dee501\n";
        let expected = [
            "adele@contoso.example",
            "bo@contoso.example",
            "gil_fabrikam.example#EXT#@contoso.example",
            "87d349ed-44d7-43e1-9a83-5f2406dee501",
        ];
        assert_eq!(read(list).unwrap(), expected);
    }

    #[test]
    fn arguments_are_names_or_files() {
        assert_eq!(names(&["a@b.example".into(), "c@b.example".into()]).unwrap().len(), 2);
        assert!(matches!(names(&["nowhere.txt".into()]), Err(RosterError::Unreadable { .. })));
        assert!(matches!(names(&[]), Err(RosterError::Count(0))));
    }

    #[test]
    fn what_is_no_list_is_told_by_its_line() {
        assert!(matches!(read("a@b.example\nadele\n"), Err(RosterError::NoName { line: 2, .. })));
        assert!(matches!(read("a@b.example,c@d.example extra\n"), Err(RosterError::NoName { line: 1, .. })));
        assert!(matches!(read("# nobody\n"), Err(RosterError::Count(0))));
        let many: String = (0..=MOST_NAMES).map(|number| format!("u{number}@b.example\n")).collect();
        assert!(matches!(read(&many), Err(RosterError::Count(4001))));
    }
}
