//! The bus of the desk.

use std::fmt;
use std::time::Duration;

use crate::ctap::{Bus, Cancel, Change, Link, LinkError, Transport};

use super::desk::Desk;
use super::hands::{Hands, Sight};
use super::link::TrainingLink;

/// How soon a stop request or a move by another thread is noticed.
const STEP: Duration = Duration::from_millis(50);

/// What is on a [`Desk`], with [`Hands`] that act when somebody waits.
pub struct TrainingBus {
    desk: Desk,
    hands: Box<dyn Hands>,
    seen: Vec<Link>,
}

impl fmt::Debug for TrainingBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingBus").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl TrainingBus {
    /// A view of the desk. Several buses of one desk see the same keys.
    pub fn new(desk: Desk, hands: impl Hands + 'static) -> Self {
        Self { desk, hands: Box::new(hands), seen: Vec::new() }
    }

    /// The first difference between what was told and what is there.
    fn change(&mut self) -> Option<Change> {
        let here = self.desk.links();
        if let Some(gone) = self.seen.iter().position(|seen| !here.iter().any(|(link, _)| link == seen)) {
            return Some(Change::Removed(self.seen.remove(gone)));
        }
        let (link, at) = here.into_iter().find(|(link, _)| !self.seen.contains(link))?;
        self.seen.push(link.clone());
        Some(Change::Arrived { link, at })
    }
}

impl Bus for TrainingBus {
    fn links(&mut self) -> Result<Vec<Link>, LinkError> {
        self.seen = self.desk.links().into_iter().map(|(link, _)| link).collect();
        Ok(self.seen.clone())
    }

    fn open(&mut self, link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        let key = self.desk.behind(link).ok_or(LinkError::Gone)?;
        Ok(Box::new(TrainingLink::new(self.desk.clone(), link.clone(), key)))
    }

    fn wait(&mut self, budget: Duration, cancel: &Cancel) -> Result<Option<Change>, LinkError> {
        let clock = self.desk.clock().clone();
        let end = clock.monotonic().saturating_add(budget);
        loop {
            if cancel.requested() {
                return Err(LinkError::Cancelled);
            }
            if let Some(change) = self.change() {
                return Ok(Some(change));
            }
            let now = clock.monotonic();
            if now >= end {
                return Ok(None);
            }
            if self.desk.next_move().is_none() {
                for (after, act) in self.hands.act(&Sight { occupied: self.desk.occupied() }) {
                    self.desk.act_later(after, act);
                }
            }
            let due = self.desk.next_move().unwrap_or(end).min(end);
            clock.sleep(due.saturating_sub(now).min(STEP));
        }
    }
}
