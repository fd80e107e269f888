//! The desk: ports and readers, and the keys in them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::ctap::{Link, LinkKind};

use super::authenticator::TrainingKey;

/// What hands do.
#[derive(Clone, Debug)]
pub enum Move {
    /// Takes the key out of this place.
    Take(usize),
    /// Puts the key that was last taken out of this place back.
    PutBack(usize),
    /// Puts this key into this place.
    Put(usize, TrainingKey),
}

struct Present {
    key: TrainingKey,
    link: Link,
    at: Duration,
}

struct Place {
    kind: LinkKind,
    port: String,
    present: Option<Present>,
    taken: Option<TrainingKey>,
}

#[derive(Default)]
struct State {
    places: Vec<Place>,
    plugs: u64,
    moves: Vec<(Duration, Move)>,
}

/// A desk with ports and readers. Clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().places.iter().map(|place| &place.port)).finish()
    }
}

impl Desk {
    /// An empty desk.
    pub fn new(clock: SharedClock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// The clock of everything on the desk.
    pub fn clock(&self) -> &SharedClock {
        &self.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a USB port, such as `1-1`; returns its number.
    pub fn add_port(&self, port: &str) -> usize {
        self.add(LinkKind::Usb, port)
    }

    /// Adds a contactless reader; returns its number among the places.
    pub fn add_reader(&self, name: &str) -> usize {
        self.add(LinkKind::Nfc, name)
    }

    fn add(&self, kind: LinkKind, port: &str) -> usize {
        let mut state = self.lock();
        state.places.push(Place { kind, port: port.to_owned(), present: None, taken: None });
        state.places.len().saturating_sub(1)
    }

    /// The number of a port or reader.
    pub(super) fn place(&self, port: &str) -> Option<usize> {
        self.lock().places.iter().position(|place| place.port == port)
    }

    /// Does a move now.
    pub fn act(&self, act: Move) {
        let now = self.clock.monotonic();
        self.lock().act(now, act);
    }

    /// Does a move when that much time has passed by the clock.
    pub fn act_later(&self, after: Duration, act: Move) {
        let due = self.clock.monotonic().saturating_add(after);
        let mut state = self.lock();
        state.moves.push((due, act));
        state.moves.sort_by_key(|(due, _)| *due);
    }

    /// Puts a key into a place.
    pub fn put(&self, place: usize, key: &TrainingKey) {
        self.act(Move::Put(place, key.clone()));
    }

    /// Takes the key out of a place.
    pub fn take(&self, place: usize) {
        self.act(Move::Take(place));
    }

    /// The key in a place.
    pub fn key(&self, place: usize) -> Option<TrainingKey> {
        self.settle();
        self.lock().places.get(place)?.present.as_ref().map(|present| present.key.clone())
    }

    /// Whether a key with this serial number is in a place, or on its way into one.
    pub(super) fn holds(&self, key: &TrainingKey) -> bool {
        self.settle();
        let state = self.lock();
        let there = |place: &Place| place.present.as_ref().is_some_and(|here| here.key.serial() == key.serial());
        let coming = |act: &Move| matches!(act, Move::Put(_, coming) if coming.serial() == key.serial());
        state.places.iter().any(there) || state.moves.iter().any(|(_, act)| coming(act))
    }

    /// Does the moves that are due.
    pub(super) fn settle(&self) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        while state.moves.first().is_some_and(|(due, _)| *due <= now) {
            let (due, act) = state.moves.remove(0);
            state.act(due, act);
        }
    }

    /// When the next move is due.
    pub(super) fn next_move(&self) -> Option<Duration> {
        self.lock().moves.first().map(|(due, _)| *due)
    }

    pub(super) fn occupied(&self) -> Vec<bool> {
        self.lock().places.iter().map(|place| place.present.is_some()).collect()
    }

    /// The links of this moment with the time of their arrival.
    pub(super) fn links(&self) -> Vec<(Link, Duration)> {
        self.settle();
        self.lock().places.iter().filter_map(|place| place.present.as_ref()).map(|here| (here.link.clone(), here.at)).collect()
    }

    /// The key behind a link, if it has not been touched by hands since.
    pub(super) fn behind(&self, link: &Link) -> Option<TrainingKey> {
        self.settle();
        let state = self.lock();
        let present = state.places.iter().filter_map(|place| place.present.as_ref()).find(|here| here.link.path == link.path)?;
        Some(present.key.clone())
    }

    /// The key falls out of its place and back in at once.
    pub(super) fn jolt(&self, link: &Link) {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let found = state.places.iter().position(|place| place.present.as_ref().is_some_and(|here| here.link.path == link.path));
        if let Some(place) = found {
            state.act(now, Move::Take(place));
            state.act(now, Move::PutBack(place));
        }
    }
}

impl State {
    fn act(&mut self, now: Duration, act: Move) {
        match act {
            Move::Take(place) => {
                if let Some(place) = self.places.get_mut(place)
                    && let Some(present) = place.present.take()
                {
                    place.taken = Some(present.key);
                }
            }
            Move::PutBack(place) => {
                if let Some(key) = self.places.get_mut(place).and_then(|place| place.taken.take()) {
                    self.put(now, place, key);
                }
            }
            Move::Put(place, key) => self.put(now, place, key),
        }
    }

    fn put(&mut self, now: Duration, place: usize, key: TrainingKey) {
        let Some(place) = self.places.get_mut(place) else { return };
        self.plugs = self.plugs.saturating_add(1);
        key.power_up_at(now);
        place.present = Some(Present { link: link(place, &key, self.plugs), key, at: now });
    }
}

fn link(place: &Place, key: &TrainingKey, plug: u64) -> Link {
    let model = key.model();
    let usb = place.kind == LinkKind::Usb;
    Link {
        kind: place.kind,
        path: format!("training:{}#{plug}", place.port),
        vendor_id: usb.then(|| model.vendor_id()),
        product_id: usb.then(|| model.product_id()),
        product: usb.then(|| model.name.to_owned()),
        usb_serial: (usb && model.usb_serial).then(|| format!("TK{:08}", key.serial())),
        port: Some(place.port.clone()),
    }
}
