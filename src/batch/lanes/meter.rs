//! How much of its time a lane's keys were at work, and how much of it hands took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::ctap::{Link, LinkError, LinkFacts, PowerCycle, Transport, Turn, VendorCall};

/// What one lane did with its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Keys were asked something and had not answered yet, touches included.
    pub work: Duration,
    /// Nothing but hands was waited for: a key out, a key in.
    pub hands: Duration,
    /// From the arrival of the first key until the last one was finished.
    pub wall: Duration,
    /// Keys that were finished.
    pub keys: u32,
}

#[derive(Debug, Default)]
struct Reading {
    work: Duration,
    hands: Duration,
    keys: u32,
    began: Option<Duration>,
    ended: Duration,
    hands_at_end: Duration,
}

/// Measures one lane.
#[derive(Debug)]
pub struct Meter {
    clock: SharedClock,
    reading: Mutex<Reading>,
}

impl Meter {
    /// A meter that has not measured anything yet.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, reading: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key has come.
    pub fn arrived(&self) {
        let now = self.clock.monotonic();
        let mut reading = self.lock();
        if reading.began.is_none() {
            reading.began = Some(now);
            reading.hands = Duration::ZERO;
        }
    }

    /// A key is finished.
    pub fn finished(&self) {
        let now = self.clock.monotonic();
        let mut reading = self.lock();
        reading.keys = reading.keys.saturating_add(1);
        reading.ended = now;
        reading.hands_at_end = reading.hands;
    }

    pub(super) fn waited_for_hands(&self, time: Duration) {
        let mut reading = self.lock();
        reading.hands = reading.hands.saturating_add(time);
    }

    fn worked(&self, began: Duration) {
        let time = self.clock.monotonic().saturating_sub(began);
        let mut reading = self.lock();
        reading.work = reading.work.saturating_add(time);
    }

    /// What was measured so far.
    pub fn load(&self) -> Load {
        let reading = self.lock();
        let wall = reading.began.map_or(Duration::ZERO, |began| reading.ended.saturating_sub(began));
        Load { work: reading.work, hands: reading.hands_at_end, wall, keys: reading.keys }
    }
}

impl Load {
    /// Both lanes' together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            work: self.work.saturating_add(other.work),
            hands: self.hands.saturating_add(other.hands),
            wall: self.wall.saturating_add(other.wall),
            keys: self.keys.saturating_add(other.keys),
        }
    }

    /// Per mille of the time in which keys were at work.
    pub fn per_mille(&self) -> u64 {
        per_mille(self.work, self.wall)
    }

    /// Per mille of the time in which hands were waited for.
    pub fn per_mille_of_hands(&self) -> u64 {
        per_mille(self.hands, self.wall)
    }

    /// Per mille of the time in which keys were at work, of the time in which it was not hands that were waited for.
    pub fn per_mille_without_hands(&self) -> u64 {
        per_mille(self.work, self.wall.saturating_sub(self.hands))
    }
}

fn per_mille(part: Duration, whole: Duration) -> u64 {
    let share = part.as_micros().saturating_mul(1000).checked_div(whole.as_micros()).unwrap_or_default();
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// A link whose exchanges are measured.
pub(super) struct Metered {
    inner: Box<dyn Transport>,
    meter: Arc<Meter>,
}

impl Metered {
    pub(super) fn new(inner: Box<dyn Transport>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    fn measured<T>(&mut self, act: impl FnOnce(&mut dyn Transport) -> T) -> T {
        let began = self.meter.clock.monotonic();
        let done = act(&mut *self.inner);
        self.meter.worked(began);
        done
    }
}

impl Transport for Metered {
    fn link(&self) -> &Link {
        self.inner.link()
    }

    fn facts(&self) -> LinkFacts {
        self.inner.facts()
    }

    fn exchange(&mut self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        self.measured(|inner| inner.exchange(request, turn))
    }

    fn vendor(&mut self, call: VendorCall<'_>, turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        self.measured(|inner| inner.vendor(call, turn))
    }

    fn wink(&mut self, turn: &mut Turn<'_>) -> Result<(), LinkError> {
        self.inner.wink(turn)
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        self.measured(|inner| inner.power_cycle())
    }
}
