//! The face as one lane has it: everything is said for its port or reader, and for the user whose key is in it.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ctap::Wait;
use crate::secret::Pin;
use crate::ui::{Answer, Event, Question, Spot, Summary, Ui};

/// A face with a place.
pub struct Voice {
    ui: Arc<dyn Ui>,
    spot: Mutex<Spot>,
    bell: bool,
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Voice").field("spot", &self.spot()).finish_non_exhaustive()
    }
}

impl Voice {
    /// Says things for a place; with `bell` it rings where hands or eyes are needed.
    pub fn new(ui: Arc<dyn Ui>, spot: Spot, bell: bool) -> Self {
        Self { ui, spot: Mutex::new(spot), bell }
    }

    /// From now on it is about this task of this user, or about none.
    pub fn about(&self, task: Option<(i64, &str)>) {
        let mut spot = self.spot.lock().unwrap_or_else(PoisonError::into_inner);
        spot.task = task.map(|(task, _)| task);
        spot.upn = task.map(|(_, upn)| upn.to_owned());
    }

    fn spot(&self) -> Spot {
        self.spot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ui for Voice {
    fn tell(&self, event: &Event) {
        self.ui.tell_at(&self.spot(), event);
        if self.bell && calls_for_somebody(event) {
            self.ui.ring();
        }
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        self.ui.ask(question)
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        self.ui.hand_over(summary, pin)
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        self.ui.finish(summary)
    }
}

fn calls_for_somebody(event: &Event) -> bool {
    matches!(
        event,
        Event::RemoveKey { .. }
            | Event::ReturnKey { .. }
            | Event::KeyRefused { .. }
            | Event::KeyMissing { .. }
            | Event::KeyWaits { wait: Wait::Touch, .. }
            | Event::LaneRests
    )
}
