//! What changed between two looks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ctap::{Change, Link};

/// A link as one look found it.
#[derive(Clone, Debug)]
pub(in crate::ctap) struct Sighting {
    /// The link.
    pub(in crate::ctap) link: Link,
    /// Changes whenever a key is put in, even if it was away too shortly for a look to miss it.
    pub(in crate::ctap) insertion: String,
    /// When it was seen first, if it was held back since.
    pub(in crate::ctap) since: Option<Duration>,
}

impl Sighting {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.link.path == other.link.path && self.insertion == other.insertion
    }
}

/// Compares looks and queues the differences.
#[derive(Debug, Default)]
pub(super) struct Watch {
    known: Option<Vec<Sighting>>,
    changes: VecDeque<Change>,
}

impl Watch {
    /// Starts anew from this look: nothing that is there now is an arrival.
    pub(super) fn begin(&mut self, seen: Vec<Sighting>) {
        self.known = Some(seen);
        self.changes.clear();
    }

    /// Takes in another look, made at monotonic time `at`. Removals come before arrivals.
    pub(super) fn observe(&mut self, seen: Vec<Sighting>, at: Duration) {
        if let Some(known) = &self.known {
            let gone = known.iter().filter(|old| !seen.iter().any(|new| new.is(old)));
            self.changes.extend(gone.map(|old| Change::Removed(old.link.clone())));
            let come = seen.iter().filter(|new| !known.iter().any(|old| old.is(new)));
            self.changes.extend(come.map(|new| Change::Arrived { link: new.link.clone(), at: new.since.unwrap_or(at) }));
        }
        self.known = Some(seen);
    }

    /// The oldest change that was not told yet.
    pub(super) fn next(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}
