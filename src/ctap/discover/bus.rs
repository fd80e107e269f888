//! The bus of this machine.

use std::fmt;
use std::time::Duration;

use rand::CryptoRng;

use super::twins::Twins;
use super::watch::Watch;
use super::{Place, Sighting};
use crate::clock::SharedClock;
#[cfg(feature = "hid")]
use crate::ctap::hid::UsbPorts;
#[cfg(feature = "nfc")]
use crate::ctap::nfc::Readers;
use crate::ctap::{Bus, Cancel, Change, Link, LinkError, Transport};

/// Time between two looks: with the time to look and to open, a key is spoken to within a quarter of a second.
const SLICE: Duration = Duration::from_millis(100);
/// Shortest time between two looks, whatever a place says.
const SHORTEST_SLICE: Duration = Duration::from_millis(50);
/// A device that has just appeared gets its permissions from the system a moment later.
const PERMISSION_TIME: Duration = Duration::from_secs(1);
/// Pause between two attempts to open it.
const PERMISSION_PAUSE: Duration = Duration::from_millis(100);

/// What one kind of place says about itself.
#[derive(Clone, Debug)]
pub struct PlaceReport {
    /// `USB` or `card readers`.
    pub place: &'static str,
    /// FIDO devices or readers, with or without a card; or why nothing can be seen there.
    pub found: Result<Vec<String>, LinkError>,
}

/// Everything that this build can reach: FIDO devices on USB and cards in readers.
///
/// A key that shows both a FIDO interface on USB and a card reader of its own is listed once, on USB. No
/// handle stays open between calls.
pub struct SystemBus {
    clock: SharedClock,
    rng: Box<dyn CryptoRng + Send>,
    places: Vec<Box<dyn Place>>,
    watch: Watch,
    twins: Twins,
}

impl fmt::Debug for SystemBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.places.iter().map(|place| place.name()).collect();
        f.debug_struct("SystemBus").field("places", &places).finish_non_exhaustive()
    }
}

impl SystemBus {
    /// The bus of this machine. The generator gives the nonces of CTAPHID.
    pub fn new(clock: SharedClock, rng: Box<dyn CryptoRng + Send>) -> Self {
        let places: Vec<Box<dyn Place>> = vec![
            #[cfg(feature = "hid")]
            Box::new(UsbPorts::new()),
            #[cfg(feature = "nfc")]
            Box::new(Readers::new()),
        ];
        Self::over(places, clock, rng)
    }

    pub(super) fn over(places: Vec<Box<dyn Place>>, clock: SharedClock, rng: Box<dyn CryptoRng + Send>) -> Self {
        Self { clock, rng, places, watch: Watch::default(), twins: Twins::default() }
    }

    /// Ports, readers and the services behind them, one by one: what `doctor` explains.
    pub fn survey(&mut self) -> Vec<PlaceReport> {
        self.places.iter_mut().map(|place| PlaceReport { place: place.name(), found: place.survey() }).collect()
    }

    /// One look at every place. One that fails does not spoil the others.
    fn look(&mut self, patience: bool) -> Result<Vec<Sighting>, LinkError> {
        let mut seen = Vec::new();
        let mut failure = Some(LinkError::NoService);
        for place in &mut self.places {
            match place.look() {
                Ok(found) => {
                    seen.extend(found);
                    failure = None;
                }
                Err(error) => {
                    log::debug!("{}: {error}", place.name());
                    failure = failure.map(|first| if first == LinkError::NoService { error } else { first });
                }
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(self.twins.sort_out(seen, self.clock.monotonic(), patience)),
        }
    }

    /// Waits for the time of one look, or less if a place says that something happened.
    fn pause(&mut self, time: Duration) {
        let began = self.clock.monotonic();
        let waited = self.places.iter_mut().any(|place| place.pause(time));
        let took = self.clock.monotonic().saturating_sub(began);
        self.clock.sleep(if waited { SHORTEST_SLICE.min(time).saturating_sub(took) } else { time.saturating_sub(took) });
    }

    fn open_once(&mut self, link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        let Self { places, clock, rng, .. } = self;
        places
            .iter_mut()
            .find_map(|place| place.open(link, clock, rng.as_mut()))
            .unwrap_or(Err(LinkError::Unsupported("driver in this build")))
    }
}

impl Bus for SystemBus {
    fn links(&mut self) -> Result<Vec<Link>, LinkError> {
        let seen = self.look(false)?;
        let links = seen.iter().map(|sighting| sighting.link.clone()).collect();
        self.watch.begin(seen);
        Ok(links)
    }

    fn open(&mut self, link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        let deadline = self.clock.monotonic().saturating_add(PERMISSION_TIME);
        loop {
            match self.open_once(link) {
                Err(LinkError::AccessDenied(_)) if self.clock.monotonic() < deadline => self.clock.sleep(PERMISSION_PAUSE),
                other => return other,
            }
        }
    }

    /// An arrival is stamped when it is seen, up to a quarter of a second after it happened. A reader inside a key is told of a second
    /// later, with the stamp of its first sight, in case the key appears on USB as well.
    fn wait(&mut self, budget: Duration, cancel: &Cancel) -> Result<Option<Change>, LinkError> {
        let deadline = self.clock.monotonic().saturating_add(budget);
        loop {
            if cancel.requested() {
                return Err(LinkError::Cancelled);
            }
            if let Some(change) = self.watch.next() {
                return Ok(Some(change));
            }
            let seen = self.look(true)?;
            let now = self.clock.monotonic();
            self.watch.observe(seen, now);
            if let Some(change) = self.watch.next() {
                return Ok(Some(change));
            }
            let left = deadline.saturating_sub(now);
            if left.is_zero() {
                return Ok(None);
            }
            self.pause(left.min(SLICE));
        }
    }
}
