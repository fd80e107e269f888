//! One port or reader as a bus of its own: the bus of a lane.

use std::sync::Arc;
use std::time::Duration;

use super::hub::{Hub, Presence};
use super::meter::{Meter, Metered};
use crate::ctap::{Bus, Cancel, Change, Link, LinkError, Transport};

/// Sees one port or reader only. What its keys do is measured.
#[derive(Debug)]
pub struct Port<'a> {
    hub: &'a Hub,
    place: String,
    meter: Arc<Meter>,
    told: Option<Presence>,
}

impl<'a> Port<'a> {
    /// The port or reader of this name.
    pub fn new(hub: &'a Hub, place: &str, meter: Arc<Meter>) -> Self {
        Self { hub, place: place.to_owned(), meter, told: None }
    }

    /// The first difference between what was told and what is there.
    fn change(&mut self) -> Option<Change> {
        let here = self.hub.present(&self.place);
        let plug = |presence: &Option<Presence>| presence.as_ref().map(|presence| presence.plug);
        if plug(&here) == plug(&self.told) {
            return None;
        }
        if let Some(gone) = self.told.take() {
            return Some(Change::Removed(gone.link));
        }
        let here = here?;
        self.told = Some(here.clone());
        Some(Change::Arrived { link: here.link, at: here.at })
    }
}

impl Bus for Port<'_> {
    fn links(&mut self) -> Result<Vec<Link>, LinkError> {
        self.told = self.hub.present(&self.place);
        Ok(self.told.iter().map(|here| here.link.clone()).collect())
    }

    fn open(&mut self, link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        let transport = self.hub.open(link)?;
        Ok(Box::new(Metered::new(transport, Arc::clone(&self.meter))))
    }

    fn wait(&mut self, budget: Duration, cancel: &Cancel) -> Result<Option<Change>, LinkError> {
        let clock = self.hub.clock();
        let began = clock.monotonic();
        let end = began.saturating_add(budget);
        let change = loop {
            if cancel.requested() {
                return Err(LinkError::Cancelled);
            }
            if let Some(change) = self.change() {
                break Some(change);
            }
            if clock.monotonic() >= end {
                break None;
            }
            self.hub.pause();
        };
        self.meter.waited_for_hands(clock.monotonic().saturating_sub(began));
        Ok(change)
    }
}
