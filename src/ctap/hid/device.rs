//! FIDO devices of this machine.

use std::fmt;
use std::time::Duration;

use rand::CryptoRng;

use super::HidTransport;
use super::platform::Driver;
use crate::clock::SharedClock;
use crate::ctap::discover::{Place, Sighting};
use crate::ctap::{Link, LinkError, LinkKind, Transport};

/// Looks that are made in full after a change: a device's description may be complete a moment after its node.
const THOROUGH_LOOKS: u8 = 5;
/// Longest text of a USB descriptor (USB 2.0 section 9.6.7: 126 UTF-16 units).
const LONGEST_TEXT: usize = 126;

/// The USB ports as a place where keys appear.
#[derive(Default)]
pub(in crate::ctap) struct UsbPorts {
    driver: Driver,
    nodes: Option<Vec<(String, String)>>,
    thorough: u8,
    seen: Vec<Sighting>,
}

impl fmt::Debug for UsbPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsbPorts").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl UsbPorts {
    pub(in crate::ctap) fn new() -> Self {
        Self::default()
    }

    fn look_thoroughly(&mut self) -> Result<Vec<Sighting>, LinkError> {
        let found = self.driver.devices()?;
        let nodes = self.nodes.clone().unwrap_or_default();
        let mut seen: Vec<Sighting> = Vec::new();
        for link in found {
            if seen.iter().any(|other| other.link.path == link.path) {
                continue;
            }
            let insertion = nodes.iter().find(|(name, _)| link.path.ends_with(&format!("/{name}")));
            let insertion = insertion.map(|(_, target)| target.clone()).unwrap_or_default();
            seen.push(Sighting { link, insertion, since: None });
        }
        Ok(seen)
    }

    fn connect(&mut self, link: &Link, clock: &SharedClock, rng: &mut dyn CryptoRng) -> Result<Box<dyn Transport>, LinkError> {
        let mut link = link.clone();
        let pipe = self.driver.open(&mut link)?;
        Ok(Box::new(HidTransport::open(link, pipe, clock.clone(), rng)?))
    }
}

impl Place for UsbPorts {
    fn name(&self) -> &'static str {
        "USB"
    }

    fn look(&mut self) -> Result<Vec<Sighting>, LinkError> {
        let nodes = self.driver.nodes();
        if nodes.is_none() || nodes != self.nodes {
            self.thorough = THOROUGH_LOOKS;
        }
        self.nodes = nodes;
        if self.thorough > 0 {
            self.thorough = self.thorough.saturating_sub(1);
            self.seen = self.look_thoroughly()?;
        }
        Ok(self.seen.clone())
    }

    fn survey(&mut self) -> Result<Vec<String>, LinkError> {
        Ok(self.look()?.into_iter().map(|sighting| sighting.link.path).collect())
    }

    fn pause(&mut self, _time: Duration) -> bool {
        false
    }

    fn open(
        &mut self,
        link: &Link,
        clock: &SharedClock,
        rng: &mut dyn CryptoRng,
    ) -> Option<Result<Box<dyn Transport>, LinkError>> {
        (link.kind == LinkKind::Usb).then(|| self.connect(link, clock, rng))
    }
}

/// A text of the USB descriptor as people may see it: the key wrote it, and a terminal would obey control characters.
pub(super) fn printable(text: Option<&str>) -> Option<String> {
    let text: String = text?.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let rows = [
            (Some(" YubiKey FIDO "), Some("YubiKey FIDO")),
            (Some("\u{1b}[2Jkey\n"), Some("[2Jkey")),
            (Some(" \0"), None),
            (Some(""), None),
            (None, None),
        ];
        for (text, expected) in rows {
            assert_eq!(printable(text).as_deref(), expected);
        }
        assert_eq!(printable(Some(&"x".repeat(1000))).map(|text| text.len()), Some(126));
    }
}
