//! What changed between two looks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::ctap::{Change, Link, LinkKind};

/// A link as one look found it.
#[derive(Clone, Debug)]
pub(in crate::ctap) struct Sighting {
    /// The link.
    pub(in crate::ctap) link: Link,
    /// Changes whenever a key is put in, even if it was away too shortly for a look to miss it.
    pub(in crate::ctap) insertion: String,
}

impl Sighting {
    fn is(&self, other: &Self) -> bool {
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
            self.changes.extend(come.map(|new| Change::Arrived { link: new.link.clone(), at }));
        }
        self.known = Some(seen);
    }

    /// The oldest change that was not told yet.
    pub(super) fn next(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}

/// Leaves out readers that are the inside of a key which is listed on USB already: their names hold the key's USB product name
/// (`Yubico YubiKey OTP+FIDO+CCID 00 00`). With two equal keys of which one has its HID interface switched off, that one is left out as
/// well: nothing tells which reader belongs to which.
pub(super) fn without_twins(mut seen: Vec<Sighting>) -> Vec<Sighting> {
    let products: Vec<String> = seen
        .iter()
        .filter(|sighting| sighting.link.kind == LinkKind::Usb)
        .filter_map(|sighting| sighting.link.product.as_deref())
        .map(|product| product.trim().to_lowercase())
        .filter(|product| product.len() > 3)
        .collect();
    seen.retain(|sighting| {
        let path = sighting.link.path.to_lowercase();
        sighting.link.kind == LinkKind::Usb || !products.iter().any(|product| path.contains(product.as_str()))
    });
    seen
}
