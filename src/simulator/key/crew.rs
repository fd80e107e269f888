//! Hands at every place of a desk that do what is said for that place: the finished key out, the next one out of the box in.

use std::fmt;
use std::sync::{Mutex, PoisonError};
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
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("desk", &self.desk).field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl Crew {
    /// Hands that need `pace` for each move.
    pub fn new(desk: Desk, pace: Duration, supply: Supply) -> Self {
        Self { desk, pace, supply: Mutex::new(supply) }
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
            Event::InsertKey => self.put_next(place),
            _ => {}
        }
    }

    fn put_next(&self, place: usize) {
        let key = (self.supply.lock().unwrap_or_else(PoisonError::into_inner))(place);
        if let Some(key) = key {
            self.desk.act_later(self.pace, Move::Put(place, key));
        }
    }
}
