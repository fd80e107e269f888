//! Hands at every place of a desk that do what is said for that place: the finished key out, the next one out of the box in, and
//! a key that has to come back into the first place that is free for it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ui::Event;

use super::authenticator::TrainingKey;
use super::desk::{Desk, Move};

/// Gives the next key for a place; `None` when the box is empty.
pub type Supply = Box<dyn FnMut(usize) -> Option<TrainingKey> + Send>;

/// Hands that hear what is said about each port or reader.
pub struct Crew {
    desk: Desk,
    pace: Duration,
    supply: Mutex<Supply>,
    returns: Mutex<Returns>,
}

/// Keys that have to come back, and places that wait for nothing else.
#[derive(Default)]
struct Returns {
    keys: VecDeque<TrainingKey>,
    free: VecDeque<usize>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("desk", &self.desk).field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Crew {
    /// Hands that need `pace` for each move.
    pub fn new(desk: Desk, pace: Duration, supply: Supply) -> Self {
        Self { desk, pace, supply: Mutex::new(supply), returns: Mutex::default() }
    }

    /// Puts a key into every place that is empty.
    pub fn begin(&self) {
        for (place, occupied) in self.desk.occupied().into_iter().enumerate() {
            if !occupied {
                self.put_next(place);
            }
        }
    }

    /// Hears what is said for a port or reader. Only what asks for hands moves any.
    pub fn hear(&self, port: &str, event: &Event) {
        let Some(place) = self.desk.place(port) else { return };
        match event {
            Event::RemoveKey { .. } => self.desk.act_later(self.pace, Move::Take(place)),
            Event::ReturnKey { .. } => self.desk.act_later(self.pace, Move::PutBack(place)),
            Event::InsertKey => self.wanted(place),
            Event::LaneRests => self.rests(place),
            // The key that is in was asked for, and has come.
            Event::Resuming { .. } => {
                let here = self.desk.key(place);
                self.lock().keys.retain(|key| here.as_ref().is_none_or(|here| here.serial() != key.serial()));
            }
            _ => {}
        }
    }

    /// This key is asked for. It goes into the first place that is free.
    pub fn bring(&self, key: TrainingKey) {
        let mut returns = self.lock();
        returns.keys.retain(|other| other.serial() != key.serial());
        returns.keys.push_back(key);
        if let Some(place) = returns.free.pop_front() {
            self.fill(&mut returns, place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Returns> {
        self.returns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A key is wanted in this place.
    fn wanted(&self, place: usize) {
        let mut returns = self.lock();
        returns.free.retain(|free| *free != place);
        let returned = self.put_back(&mut returns, place);
        drop(returns);
        if !returned {
            self.put_next(place);
        }
    }

    /// Nothing but a key that has to come back is wanted in this place.
    fn rests(&self, place: usize) {
        self.fill(&mut self.lock(), place);
    }

    fn fill(&self, returns: &mut Returns, place: usize) {
        if !self.put_back(returns, place) {
            returns.free.push_front(place);
        }
    }

    /// Puts a key back that is asked for and is in no place.
    fn put_back(&self, returns: &mut Returns, place: usize) -> bool {
        let away = returns.keys.iter().position(|key| !self.desk.holds(key));
        let Some(key) = away.and_then(|away| returns.keys.remove(away)) else { return false };
        self.desk.act_later(self.pace, Move::Put(place, key));
        true
    }

    fn put_next(&self, place: usize) {
        let key = (self.supply.lock().unwrap_or_else(PoisonError::into_inner))(place);
        if let Some(key) = key {
            self.desk.act_later(self.pace, Move::Put(place, key));
        }
    }
}
