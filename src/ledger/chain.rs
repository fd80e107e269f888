//! The chain that the rows of a ledger form, whatever store they are in: each link is the SHA-256 of the link before it and
//! of its row's text. What it proves, and what it does not, is in `docs/ledger.md`.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::LedgerError;

/// What the first link follows.
const BEGINNING: &[u8] = b"keywright ledger 1";

/// A row that is in the chain: its parts as the store holds them, times as RFC 3339, orders as the very JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    /// A job was opened.
    JobOpened {
        /// The job.
        job: i64,
        /// When.
        at: &'a str,
        /// Its order.
        order: &'a str,
    },
    /// Something was about to be done.
    Entry {
        /// The job.
        job: i64,
        /// Its place in the job.
        number: i64,
        /// When.
        at: &'a str,
        /// What.
        intent: &'a str,
    },
    /// It ended.
    Outcome {
        /// The job.
        job: i64,
        /// The entry.
        number: i64,
        /// When.
        at: &'a str,
        /// How.
        outcome: &'a str,
    },
    /// A job was closed.
    JobClosed {
        /// The job.
        job: i64,
        /// When.
        at: &'a str,
        /// As what.
        state: &'a str,
    },
    /// A batch was opened.
    BatchOpened {
        /// The batch.
        batch: i64,
        /// When.
        at: &'a str,
        /// Its order.
        order: &'a str,
    },
    /// A batch was closed.
    BatchClosed {
        /// The batch.
        batch: i64,
        /// When.
        at: &'a str,
    },
    /// A task was taken in with its batch.
    TaskOpened {
        /// The task.
        task: i64,
        /// Its batch.
        batch: i64,
        /// Its order.
        order: &'a str,
    },
    /// A task ended, or waits again.
    TaskSettled {
        /// The task.
        task: i64,
        /// Counts the settlements of the task, from 1.
        number: i64,
        /// When.
        at: &'a str,
        /// The state that it has since.
        state: &'a str,
        /// Why it failed.
        failure: Option<&'a str>,
    },
}

/// Which row a link is for: its kind, whose row it is, and its number among those (0 where there is but one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Kind, see [`Row::kind`].
    pub kind: String,
    /// Job, batch or task.
    pub owner: i64,
    /// Entry or settlement.
    pub number: i64,
}

impl Row<'_> {
    /// Its kind as one word, for stores.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::JobOpened { .. } => "job-opened",
            Self::Entry { .. } => "entry",
            Self::Outcome { .. } => "outcome",
            Self::JobClosed { .. } => "job-closed",
            Self::BatchOpened { .. } => "batch-opened",
            Self::BatchClosed { .. } => "batch-closed",
            Self::TaskOpened { .. } => "task-opened",
            Self::TaskSettled { .. } => "task-settled",
        }
    }

    /// Whose row it is.
    pub const fn owner(&self) -> i64 {
        match *self {
            Self::JobOpened { job, .. } | Self::Entry { job, .. } | Self::Outcome { job, .. } | Self::JobClosed { job, .. } => {
                job
            }
            Self::BatchOpened { batch, .. } | Self::BatchClosed { batch, .. } => batch,
            Self::TaskOpened { task, .. } | Self::TaskSettled { task, .. } => task,
        }
    }

    /// Its number among those; 0 where there is but one.
    pub const fn number(&self) -> i64 {
        match *self {
            Self::Entry { number, .. } | Self::Outcome { number, .. } | Self::TaskSettled { number, .. } => number,
            _ => 0,
        }
    }

    /// Which row it is.
    pub fn subject(&self) -> Subject {
        Subject { kind: self.kind().into(), owner: self.owner(), number: self.number() }
    }

    /// Hands every part to `take`, in an order that never changes.
    fn parts(&self, mut take: impl FnMut(&[u8])) {
        let second = match *self {
            Self::Entry { number, .. } | Self::Outcome { number, .. } | Self::TaskSettled { number, .. } => Some(number),
            Self::TaskOpened { batch, .. } => Some(batch),
            _ => None,
        };
        [Some(self.owner()), second].into_iter().flatten().for_each(|number| take(number.to_string().as_bytes()));
        let texts: [Option<&str>; 3] = match *self {
            Self::JobOpened { at, order, .. } | Self::BatchOpened { at, order, .. } => [Some(at), Some(order), None],
            Self::Entry { at, intent, .. } => [Some(at), Some(intent), None],
            Self::Outcome { at, outcome, .. } => [Some(at), Some(outcome), None],
            Self::JobClosed { at, state, .. } => [Some(at), Some(state), None],
            Self::BatchClosed { at, .. } => [Some(at), None, None],
            Self::TaskOpened { order, .. } => [Some(order), None, None],
            Self::TaskSettled { at, state, failure, .. } => [Some(at), Some(state), failure],
        };
        texts.into_iter().flatten().for_each(|text| take(text.as_bytes()));
    }
}

impl Subject {
    /// The row's name in sentences.
    fn name(&self) -> String {
        let Self { kind, owner, number } = self;
        match kind.as_str() {
            "job-opened" => format!("job {owner}, its opening"),
            "entry" => format!("job {owner}, entry {number}"),
            "outcome" => format!("job {owner}, outcome of entry {number}"),
            "job-closed" => format!("job {owner}, its closing"),
            "batch-opened" => format!("batch {owner}, its opening"),
            "batch-closed" => format!("batch {owner}, its closing"),
            "task-opened" => format!("task {owner}, its opening"),
            "task-settled" => format!("task {owner}, settlement {number}"),
            _ => format!("{kind} {owner}/{number}"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A link: what a row and everything before it amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub [u8; 32]);

impl Link {
    /// What the first link follows.
    pub fn beginning() -> Self {
        Self(Sha256::digest(BEGINNING).into())
    }

    /// The link of `row` after this one. Each part has its length before it, so that nothing can move from one to the next.
    #[must_use]
    pub fn then(&self, row: &Row<'_>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.0);
        let mut take = |part: &[u8]| {
            hash.update(part.len().to_string().as_bytes());
            hash.update(b":");
            hash.update(part);
        };
        take(row.kind().as_bytes());
        row.parts(take);
        Self(hash.finalize().into())
    }

    /// From a store.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// In hex, as it is noted down.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A chain that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// How many rows are in it.
    pub links: u64,
    /// The last link, in hex: noted down elsewhere, it proves later that nothing was cut off.
    pub head: String,
    /// How many rows came after the head that was noted, if one was.
    pub since: Option<u64>,
}

/// Goes along a chain, link by link.
#[derive(Debug)]
pub struct Walk {
    last: Link,
    links: u64,
    noted: Option<String>,
    met: Option<u64>,
}

impl Walk {
    /// Begins; `noted` is a head from an earlier time, in hex.
    pub fn new(noted: Option<&str>) -> Self {
        let noted = noted.map(|text| text.trim().to_ascii_lowercase());
        let mut walk = Self { last: Link::beginning(), links: 0, noted, met: None };
        walk.meet();
        walk
    }

    /// One link on: `position` in the chain from 1, which row it is for, that row if it is there, and the link as it is stored.
    ///
    /// # Errors
    /// [`LedgerError::Tampered`].
    pub fn step(&mut self, position: i64, subject: &Subject, row: Option<&Row<'_>>, stored: &[u8]) -> Result<(), LedgerError> {
        self.links = self.links.saturating_add(1);
        if u64::try_from(position) != Ok(self.links) {
            let fault = format!("link {} of the chain is gone", self.links);
            return Err(tampered(subject, fault));
        }
        let row = row.filter(|row| row.subject() == *subject).ok_or_else(|| tampered(subject, "the row is gone"))?;
        let link = self.last.then(row);
        if Link::from_bytes(stored) != Some(link) {
            return Err(tampered(subject, "it is not as it was written, or not where it was written"));
        }
        self.last = link;
        self.meet();
        Ok(())
    }

    fn meet(&mut self) {
        if self.noted.as_ref().is_some_and(|noted| *noted == self.last.to_string()) {
            self.met = Some(self.links);
        }
    }

    /// The end of the chain.
    ///
    /// # Errors
    /// [`LedgerError::Tampered`] if it does not go through the head that was noted.
    pub fn finish(self) -> Result<Verified, LedgerError> {
        if self.noted.is_some() && self.met.is_none() {
            let row = format!("the end, after {} rows", self.links);
            let fault = "the head that was noted is not in the chain: rows were cut off, or all of it was written anew".into();
            return Err(LedgerError::Tampered { row, fault });
        }
        let since = self.met.map(|met| self.links.saturating_sub(met));
        Ok(Verified { links: self.links, head: self.last.to_string(), since })
    }
}

/// What does not fit, and why.
pub fn tampered(row: &impl fmt::Display, fault: impl Into<String>) -> LedgerError {
    LedgerError::Tampered { row: row.to_string(), fault: fault.into() }
}
