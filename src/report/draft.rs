//! A report on its way into its file: whole under its name, or not there. Beside the part that is written stands a bookmark, so that
//! a report that was interrupted goes on where it stopped.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Tally;
use crate::secret::private;

/// A list that was begun longer ago is begun anew: what was read would be too old to stand beside what is read now.
const LONGEST: SignedDuration = SignedDuration::from_hours(12);
/// The first form of the bookmark.
const VERSION: u32 = 1;

/// Where a report stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bookmark {
    version: u32,
    /// What was asked for, of which tenant: only the same goes on.
    question: String,
    begun: Timestamp,
    /// Bytes that count.
    length: u64,
    /// Where the list of users goes on.
    pub next: String,
    /// That list is the one of everybody, since another could not be had.
    pub fell_back: bool,
    /// What was counted.
    pub tally: Tally,
}

/// The file of a report.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
    part: PathBuf,
    mark: PathBuf,
    question: String,
    begun: Timestamp,
    length: u64,
    marked: bool,
}

impl Draft {
    /// Begins a report, or goes on with the one that stopped: then there is its bookmark.
    ///
    /// # Errors
    /// What the system says of the files.
    pub fn open(path: &Path, question: &str, now: Timestamp) -> io::Result<(Self, Option<Bookmark>)> {
        let beside = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let (part, mark) = (beside(".part"), beside(".part.json"));
        let found = fs::read(&mark).ok().and_then(|bytes| serde_json::from_slice::<Bookmark>(&bytes).ok());
        let fits = |one: &Bookmark| {
            let age = now.duration_since(one.begun);
            one.version == VERSION && one.question == question && !age.is_negative() && age < LONGEST
        };
        let draft = |file, begun, length, marked| Self {
            file,
            path: path.to_owned(),
            part: part.clone(),
            mark: mark.clone(),
            question: question.to_owned(),
            begun,
            length,
            marked,
        };
        if let Some(found) = found.filter(fits)
            && let Some(file) = cut(&part, found.length)?
        {
            return Ok((draft(file, found.begun, found.length, true), Some(found)));
        }
        // Who has which key is nobody else's business; what an earlier run has left may be anybody's.
        forget(&mark)?;
        Ok((draft(private::create_anew(&part)?, now, 0, false), None))
    }

    /// A later run can go on with it.
    pub fn is_marked(&self) -> bool {
        self.marked
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// What the system says.
    pub fn add(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        self.length = self.length.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Puts the bookmark behind what was added so far.
    ///
    /// # Errors
    /// What the system says.
    pub fn mark(&mut self, next: &str, tally: &Tally, fell_back: bool) -> io::Result<()> {
        self.file.sync_data()?;
        let bookmark = Bookmark {
            version: VERSION,
            question: self.question.clone(),
            begun: self.begun,
            length: self.length,
            next: next.to_owned(),
            fell_back,
            tally: tally.clone(),
        };
        private::replace(&self.mark, &serde_json::to_vec(&bookmark).unwrap_or_default())?;
        self.marked = true;
        Ok(())
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.part, &self.path)?;
        forget(&self.mark)
    }

    /// Leaves nothing of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn discard(self) -> io::Result<()> {
        forget(&self.mark)?;
        forget(&self.part)
    }
}

/// Opens what is there and cuts off what is behind the bookmark; `None` if it is shorter than that, or others could read or change it.
fn cut(part: &Path, length: u64) -> io::Result<Option<File>> {
    let mut file = match fs::OpenOptions::new().read(true).write(true).open(part) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() < length || private::exposure(&file)?.is_some() {
        return Ok(None);
    }
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(Some(file))
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_behind_the_bookmark_and_only_with_the_same_question() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let later = now + SignedDuration::from_hours(1);
        let mut tally = Tally::default();
        tally.miss("adele@contoso.example");
        // The question, the moment, the length of what is there, whether it goes on.
        for (question, at, length, goes_on) in [
            ("same", later, 6, true),
            ("same", later, 4, true),
            ("same", later, 3, false),
            ("other", later, 6, false),
            ("same", now + LONGEST, 6, false),
            ("same", now - SignedDuration::from_secs(1), 6, false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("r.csv");
            let (mut draft, none) = Draft::open(&path, "same", now).unwrap();
            assert_eq!(none, None);
            draft.add("good").unwrap();
            draft.mark("next", &tally, false).unwrap();
            draft.add("xy").unwrap();
            draft.file.set_len(length).unwrap();
            drop(draft);
            let (mut draft, found) = Draft::open(&path, question, at).unwrap();
            assert_eq!(
                found.map(|found| (found.next, found.tally)),
                goes_on.then(|| ("next".to_owned(), tally.clone())),
                "{question} {length}"
            );
            draft.add(" end").unwrap();
            draft.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), if goes_on { "good end" } else { " end" });
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_others_could_have_changed_is_begun_anew() {
        use std::os::unix::fs::PermissionsExt as _;
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.csv");
        let (mut draft, _) = Draft::open(&path, "q", now).unwrap();
        draft.mark("next", &Tally::default(), false).unwrap();
        fs::set_permissions(&draft.part, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(Draft::open(&path, "q", now).unwrap().1, None);
    }
}
