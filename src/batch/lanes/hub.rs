//! The watcher: one look at the bus for all lanes, so that no lane misses what another one has seen.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::ctap::{Bus, Cancel, Change, Link, LinkError, Transport};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How soon a stop request or the end of a budget is noticed by who waits.
const STEP: Duration = Duration::from_millis(20);

/// A key in its place.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    pub(super) link: Link,
    /// Monotonic time of its arrival.
    pub(super) at: Duration,
    /// Differs from one insertion to the next.
    pub(super) plug: u64,
}

/// The places that were seen so far, each with the key that is in it.
#[derive(Default)]
struct Seen {
    places: Vec<(String, Option<Presence>)>,
    plugs: u64,
}

/// Every port and reader of a station.
pub struct Hub {
    bus: Mutex<Box<dyn Bus>>,
    seen: Mutex<Seen>,
    changed: Condvar,
    clock: SharedClock,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.places()).finish()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a place is called: its port or reader, which stays the same when a key is put back.
fn place_of(link: &Link) -> &str {
    link.port.as_deref().unwrap_or(&link.path)
}

impl Hub {
    /// Looks for the first time.
    ///
    /// # Errors
    /// [`LinkError`], if no part of the bus works.
    pub fn new(mut bus: Box<dyn Bus>, clock: SharedClock) -> Result<Self, LinkError> {
        let mut seen = Seen::default();
        let now = clock.monotonic();
        for link in bus.links()? {
            seen.arrived(link, now);
        }
        Ok(Self { bus: Mutex::new(bus), seen: Mutex::new(seen), changed: Condvar::new(), clock })
    }

    /// Ports and readers that had a key at some time, in the order of their first keys.
    pub fn places(&self) -> Vec<String> {
        lock(&self.seen).places.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Looks until a stop is requested.
    pub fn watch(&self, cancel: &Cancel) {
        while !cancel.requested() {
            if self.look(cancel) {
                self.changed.notify_all();
            }
            self.clock.sleep(LOOK);
        }
        self.changed.notify_all();
    }

    /// One look; says whether anything has changed.
    fn look(&self, cancel: &Cancel) -> bool {
        let mut bus = lock(&self.bus);
        let mut changed = false;
        loop {
            match bus.wait(Duration::ZERO, cancel) {
                Ok(Some(change)) => {
                    lock(&self.seen).take(change);
                    changed = true;
                }
                Ok(None) => return changed,
                Err(error) => {
                    log::debug!("nothing can be seen just now: {error}");
                    return changed;
                }
            }
        }
    }

    pub(super) fn present(&self, place: &str) -> Option<Presence> {
        lock(&self.seen).present(place)
    }

    pub(super) fn open(&self, link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        lock(&self.bus).open(link)
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Waits until something has changed anywhere, or for a moment.
    pub(super) fn pause(&self) {
        let seen = lock(&self.seen);
        drop(self.changed.wait_timeout(seen, STEP));
    }
}

impl Seen {
    fn take(&mut self, change: Change) {
        match change {
            Change::Arrived { link, at } => self.arrived(link, at),
            Change::Removed(link) => {
                let gone =
                    |(_, here): &&mut (String, Option<Presence>)| here.as_ref().is_some_and(|here| here.link.path == link.path);
                if let Some((_, here)) = self.places.iter_mut().find(gone) {
                    *here = None;
                }
            }
        }
    }

    fn arrived(&mut self, link: Link, at: Duration) {
        self.plugs = self.plugs.saturating_add(1);
        let name = place_of(&link).to_owned();
        let here = Some(Presence { link, at, plug: self.plugs });
        match self.places.iter_mut().find(|(place, _)| *place == name) {
            Some((_, present)) => *present = here,
            None => self.places.push((name, here)),
        }
    }

    fn present(&self, place: &str) -> Option<Presence> {
        self.places.iter().find(|(name, _)| name == place).and_then(|(_, here)| here.clone())
    }
}
