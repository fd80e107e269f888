//! One key, two interfaces: a FIDO device on USB and a card reader of its own.

use std::time::Duration;

use super::Sighting;
use crate::ctap::LinkKind;
use crate::ctap::nfc::reader_is_key;

/// The two interfaces of a key appear at different moments, the reader mostly last. For so long after it appeared, the other is waited for.
const SETTLING: Duration = Duration::from_secs(1);

/// Leaves out readers that are the inside of a key which is listed on USB already: their names hold the key's USB product name
/// (`Yubico YubiKey OTP+FIDO+CCID 00 00`). With two equal keys of which one has its HID interface switched off, that one is left out as
/// well: nothing tells which reader belongs to which.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// Left out before: they stay so until they are gone, since a reader goes a moment after its USB twin.
    hidden: Vec<Sighting>,
    /// Readers inside keys that have no USB twin.
    inner: Vec<Inner>,
}

#[derive(Debug)]
struct Inner {
    sighting: Sighting,
    /// When it was seen first.
    since: Duration,
    /// From when on it is listed.
    settles: Duration,
}

impl Twins {
    /// What is left of a look at monotonic time `now`. With `patience`, a new reader inside a key is held back while its twin may
    /// still come.
    pub(super) fn sort_out(&mut self, mut seen: Vec<Sighting>, now: Duration, patience: bool) -> Vec<Sighting> {
        let products: Vec<String> = seen
            .iter()
            .filter(|sighting| sighting.link.kind == LinkKind::Usb)
            .filter_map(|sighting| sighting.link.product.as_deref())
            .map(|product| product.trim().to_lowercase())
            .filter(|product| product.len() > 3)
            .collect();
        let is_twin = |sighting: &Sighting| {
            let path = sighting.link.path.to_lowercase();
            sighting.link.kind != LinkKind::Usb && products.iter().any(|product| path.contains(product.as_str()))
        };
        let known = std::mem::take(&mut self.hidden);
        self.hidden = seen.extract_if(.., |new| is_twin(new) || known.iter().any(|old| old.is(new))).collect();

        self.inner.retain(|old| seen.iter().any(|new| new.is(&old.sighting)));
        seen.retain_mut(|sighting| {
            if sighting.link.kind == LinkKind::Usb || !reader_is_key(&sighting.link.path) {
                return true;
            }
            let old = self.inner.iter_mut().find(|old| old.sighting.is(sighting));
            let settles = if patience { now.saturating_add(SETTLING) } else { now };
            let (since, settles) = old.map_or((now, settles), |old| (old.since, old.settles.min(settles)));
            self.inner.retain(|old| !old.sighting.is(sighting));
            sighting.since = Some(since);
            self.inner.push(Inner { sighting: sighting.clone(), since, settles });
            now >= settles
        });
        seen
    }
}
