//! Which keys are there, and which come and go: USB ports and card readers as one bus.

mod bus;
mod twins;
mod watch;

pub use bus::{PlaceReport, SystemBus};
pub(super) use watch::Sighting;

use std::time::Duration;

use rand::CryptoRng;

use crate::clock::SharedClock;
use crate::ctap::{Link, LinkError, Transport};

/// One kind of place where keys appear. Looking never keeps a device open.
pub(super) trait Place: Send {
    /// What it is called in a report.
    fn name(&self) -> &'static str;

    /// The keys of this moment.
    ///
    /// # Errors
    /// [`LinkError::NoService`] if the service behind it does not run.
    fn look(&mut self) -> Result<Vec<Sighting>, LinkError>;

    /// The ports or readers themselves, with or without a key.
    fn survey(&mut self) -> Result<Vec<String>, LinkError>;

    /// Waits until something happens here, for `time` at most; `false` if this place cannot wait by itself.
    fn pause(&mut self, time: Duration) -> bool;

    /// Opens `link` if it is of this place.
    fn open(
        &mut self,
        link: &Link,
        clock: &SharedClock,
        rng: &mut dyn CryptoRng,
    ) -> Option<Result<Box<dyn Transport>, LinkError>>;
}

#[cfg(test)]
mod tests;
