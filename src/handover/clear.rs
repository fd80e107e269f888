//! PINs in clear, a row a hand-over, for whoever asked for exactly that.
//!
//! A cell never begins like a formula. Rows are only added, each durable before its hand-over counts; a row that was cut off by
//! a crash is taken away by the next one, whose journal does not know of it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::enroll::{Confirmation, Delivery, HandOver, Handing, NotDelivered};
use crate::handover::HandOverError;
use crate::identity::User;
use crate::secret::private;

/// The first line; what begins otherwise is not added to.
const HEAD: &str = "job,upn,name,serial,model,passkey_name,temporary_pin,pin_must_be_changed,time\r\n";
/// Room for a row, so that it is never moved and leaves no copy behind.
const ROOM: usize = 8 * 1024;
/// Longest cell, in characters.
const LONGEST: usize = 200;

/// A file of PINs in clear.
#[derive(Debug)]
pub struct ClearFile(PathBuf);

impl ClearFile {
    /// A file that is there and is one of these, or a new one.
    ///
    /// # Errors
    /// [`HandOverError::File`].
    pub fn new(path: &Path) -> Result<Self, HandOverError> {
        open(path).map_err(|error| HandOverError::file(path, &error))?;
        Ok(Self(path.to_owned()))
    }
}

impl HandOver for ClearFile {
    fn means(&self) -> &'static str {
        "clear"
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::ByItself
    }

    fn check(&mut self, _user: &User) -> Result<(), NotDelivered> {
        Ok(())
    }

    fn deliver(&mut self, handing: &Handing<'_>) -> Result<Delivery, NotDelivered> {
        let summary = handing.summary;
        let mut row = Zeroizing::new(String::with_capacity(ROOM));
        let forced = if summary.pin_change_forced { "yes" } else { "no" };
        let (job, time) = (handing.job.to_string(), handing.now.to_string());
        for (text, end) in [
            (job.as_str(), ','),
            (&summary.upn, ','),
            (handing.user.display_name.as_deref().unwrap_or_default(), ','),
            (summary.serial.as_deref().unwrap_or_default(), ','),
            (&summary.model, ','),
            (&summary.display_name, ','),
            (handing.pin.expose(), ','),
            (forced, ','),
            (&time, '\r'),
        ] {
            cell(&mut row, text);
            row.push(end);
        }
        row.push('\n');
        let added = open(&self.0).and_then(|mut file| file.write_all(row.as_bytes()).and_then(|()| file.sync_all()));
        let name = self.0.file_name().map(|name| name.to_string_lossy().into_owned());
        added.map(|()| Delivery::Put(name)).map_err(|error| NotDelivered::by(&HandOverError::file(&self.0, &error)))
    }
}

/// A quoted cell. What a spreadsheet would take for a formula gets an apostrophe in front.
fn cell(row: &mut String, text: &str) {
    row.push('"');
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\'', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        row.push('\'');
    }
    for c in text.chars().take(LONGEST) {
        match c {
            '"' => row.push_str("\"\""),
            c if c.is_control() => row.push(' '),
            c => row.push(c),
        }
    }
    row.push('"');
}

/// The file, locked for as long as it is open, standing at the end of its last whole row.
fn open(path: &Path) -> io::Result<File> {
    let mut file = private::open_or_create(path)?;
    file.lock()?;
    if let Some(mode) = private::exposure(&file)? {
        return Err(io::Error::other(format!("others than its owner have rights to it (mode {mode}, it must be 0600)")));
    }
    let mut head = Zeroizing::new(Vec::with_capacity(HEAD.len()));
    let most = u64::try_from(HEAD.len()).unwrap_or(u64::MAX);
    (&file).take(most).read_to_end(&mut head)?;
    // A new one, or one whose making was broken off.
    if head.len() < HEAD.len() && HEAD.as_bytes().starts_with(&head) {
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(HEAD.as_bytes())?;
        file.sync_all()?;
        private::sync_directory(path.parent().unwrap_or(Path::new("")))?;
        return Ok(file);
    }
    if *head != HEAD.as_bytes() {
        return Err(io::Error::other("it is something else than a list of PINs by keywright"));
    }
    let whole = last_whole_row(&mut file)?;
    file.set_len(whole)?;
    file.seek(SeekFrom::Start(whole))?;
    Ok(file)
}

/// Where the last row ends that was written whole. A row is shorter than the room for it.
fn last_whole_row(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(u64::try_from(ROOM).unwrap_or(u64::MAX));
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Zeroizing::new(Vec::with_capacity(ROOM));
    file.take(length.saturating_sub(from)).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    Ok(from.saturating_add(u64::try_from(end).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, expected) in [
            ("Adele Vance", "\"Adele Vance\""),
            ("=1+1", "\"'=1+1\""),
            ("+41", "\"'+41\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"' =1\""),
            ("a\r\n=b", "\"a  =b\""),
            ("\"quoted\", x", "\"\"\"quoted\"\", x\""),
            ("\u{ff1d}1", "\"'\u{ff1d}1\""),
            ("", "\"\""),
        ] {
            let mut row = String::new();
            cell(&mut row, text);
            assert_eq!(row, expected, "{text:?}");
        }
    }

    #[test]
    fn rows_are_added_after_the_last_whole_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins.csv");
        for (before, kept) in [
            (None, HEAD.to_owned()),
            (Some(String::new()), HEAD.to_owned()),
            (Some(HEAD[..5].to_owned()), HEAD.to_owned()),
            (Some(HEAD.to_owned()), HEAD.to_owned()),
            (Some(format!("{HEAD}\"1\",\r\n\"2\",")), format!("{HEAD}\"1\",\r\n")),
        ] {
            let _ = std::fs::remove_file(&path);
            if let Some(before) = &before {
                private::create_new(&path).unwrap().write_all(before.as_bytes()).unwrap();
            }
            let mut file = open(&path).unwrap();
            file.write_all(b"x").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{kept}x"), "{before:?}");
        }
        std::fs::write(&path, "name,salary\n").unwrap();
        assert!(ClearFile::new(&path).is_err(), "another file is left alone");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,salary\n");
    }

    #[cfg(unix)]
    #[test]
    fn others_cannot_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pins.csv");
        ClearFile::new(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(ClearFile::new(&path).unwrap_err().to_string().contains("0644"));
    }
}
