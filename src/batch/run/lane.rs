//! One lane: a key after the other at one port or reader, each until it may leave.

mod making;
mod seating;

use std::sync::Arc;
use std::time::Duration;

use super::blame::{Blame, blame};
use super::floor::Floor;
use super::keys::{Known, is_same};
use crate::batch::lanes::{Hub, Meter, Port, Voice};
use crate::ctap::{Bus as _, Change, KeyIdentity, Link, LinkKind};
use crate::enroll::{Desk, EnrolError, is_blank};
use crate::identity::IdentityProvider;
use crate::ledger::{JobState, LedgerError};
use crate::ui::{Event, Spot, Ui as _};

/// How often a lane looks up while it waits for a key.
const GLANCE: Duration = Duration::from_millis(250);

/// How it ended for the key that is in the port.
enum Served {
    /// Out with it.
    Out,
    /// The run ends.
    Stop,
}

/// A lane at work.
struct Lane<'a, 'f> {
    floor: &'f Floor<'a>,
    place: &'f str,
    port: Port<'f>,
    voice: Arc<Voice>,
    meter: Arc<Meter>,
    live: Box<dyn IdentityProvider + Send>,
    /// The key that was made ready last, until the place is empty: one that was out and in again to be wiped looks as if it had
    /// just come.
    made: Option<KeyIdentity>,
}

/// A key that was looked at.
struct Seen {
    identity: KeyIdentity,
    blank: bool,
    forced: bool,
}

/// Works at one place until the run ends.
pub(super) fn work(floor: &Floor<'_>, hub: &Hub, place: &str, meter: Arc<Meter>) {
    let shop = floor.shop;
    let voice = Arc::new(Voice::new(Arc::clone(&shop.ui), Spot::lane(place), shop.terms.bell));
    let port = Port::new(hub, place, Arc::clone(&meter));
    let mut lane = Lane { floor, place, port, voice, meter, live: (shop.clients)(), made: None };
    while let Some(link) = lane.next_key() {
        floor.touch();
        let served = lane.serve(&link);
        lane.voice.about(None);
        lane.release();
        if matches!(served, Served::Stop) || !lane.out(&link) {
            break;
        }
    }
    lane.release();
}

impl Lane<'_, '_> {
    /// Nothing of the key in the port is anybody's business any more.
    fn release(&self) {
        self.floor.seated(self.place);
        let mut state = self.floor.lock();
        state.keys.free(self.place);
        state.scans.waits(self.place, None);
    }

    /// Waits for a key. Asks for one only while there is a task for it.
    fn next_key(&mut self) -> Option<Link> {
        let (mut asked, mut rested) = (false, false);
        loop {
            if self.floor.stop.requested() {
                return None;
            }
            if let Some(link) = self.port.links().ok()?.into_iter().next() {
                return Some(link);
            }
            self.made = None;
            if self.floor.invite(self.place) {
                if !asked {
                    self.voice.tell(&Event::InsertKey);
                }
                (asked, rested) = (true, false);
            } else if !rested && self.floor.lock().unmade() == 0 {
                self.voice.tell(&Event::LaneRests);
                (asked, rested) = (false, true);
            }
            self.port.wait(GLANCE, &self.floor.stop).ok()?;
        }
    }

    /// Has the key taken out. `false`: the run ends.
    fn out(&mut self, link: &Link) -> bool {
        if self.gone(link) {
            return true;
        }
        self.voice.tell(&Event::RemoveKey { reader: link.kind != LinkKind::Usb });
        loop {
            match self.port.wait(GLANCE, &self.floor.stop) {
                Ok(Some(Change::Removed(_))) => return true,
                Ok(_) if self.gone(link) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// The key is not in the port any more, or was out and is in again.
    fn gone(&mut self, link: &Link) -> bool {
        self.port.links().is_ok_and(|links| !links.contains(link))
    }

    fn refuse(&self, reason: impl Into<String>) -> Served {
        self.voice.tell(&Event::KeyRefused { reason: reason.into() });
        Served::Out
    }

    /// Everything about the key that has come.
    fn serve(&mut self, link: &Link) -> Served {
        self.meter.arrived();
        let seen = match self.look(link) {
            Ok(seen) => seen,
            Err(error) if blame(&error) == Blame::Stop => return Served::Stop,
            Err(error) => return self.refuse(error.to_string()),
        };
        match self.recognise(&seen) {
            Known::New => {}
            Known::Awaited(missing) => return self.again(&seen, *missing),
            Known::Done(_) if self.made.take().is_some_and(|made| is_same(&made, &seen.identity)) => return Served::Out,
            Known::Done(upn) => {
                return self.refuse(format!("it was made ready for {upn} in this batch; take it out and put the next one in"));
            }
            Known::Busy(lane) => return self.refuse(format!("the key at {lane} says that it is the same one")),
        }
        match self.stranger(&seen) {
            Ok(None) => {}
            Ok(Some(reason)) => return self.refuse(reason),
            Err(error) => {
                self.floor.give_up(error.into());
                return Served::Stop;
            }
        }
        loop {
            let offered = match self.task_for(link, &seen) {
                Ok(Some(offered)) => offered,
                Ok(None) => return if self.floor.stop.requested() { Served::Stop } else { Served::Out },
                Err(served) => return served,
            };
            self.floor.seated(self.place);
            match self.enrol(&seen, offered) {
                Some(served) => return served,
                None if self.gone(link) => return Served::Out,
                None => {}
            }
        }
    }

    /// Who is it?
    fn look(&mut self, link: &Link) -> Result<Seen, EnrolError> {
        let mut desk = self.desk();
        let mut key = desk.open_settling(link)?;
        let identity = key.identity()?;
        Ok(Seen { identity, blank: is_blank(&key), forced: key.info().change_forced() })
    }

    fn recognise(&self, seen: &Seen) -> Known {
        let mut state = self.floor.lock();
        let known = state.keys.recognise(&seen.identity, seen.blank);
        if matches!(known, Known::New | Known::Awaited(_)) {
            state.keys.take(self.place, &seen.identity);
        }
        if matches!(known, Known::Awaited(_)) {
            state.in_hand = state.in_hand.saturating_add(1);
        }
        known
    }

    /// A key that serves somebody, or is about to, is no key for somebody else: why, if it is one.
    fn stranger(&self, seen: &Seen) -> Result<Option<String>, LedgerError> {
        if seen.blank {
            return Ok(None);
        }
        let Some(serial) = seen.identity.shown_serial() else {
            let reason = "it has no serial number and waits for a new PIN: it may be one that was made ready a moment ago. \
                          If it is not, wipe it with `keywright keys reset` first";
            return Ok(seen.forced.then(|| reason.to_owned()));
        };
        let jobs = self.floor.shop.ledger.lock().jobs_of_serial(serial, None)?;
        let mut same = jobs.into_iter().filter(|job| is_same(&seen.identity, &job.order.key));
        let last = same.rfind(|job| job.state != JobState::Ended);
        Ok(last.map(|job| match job.state {
            JobState::Open => format!(
                "job {} for {} is under way with it; finish that with `keywright resume {}`",
                job.id, job.order.upn, job.id
            ),
            _ => format!(
                "it was given to {} on {}; if it has come back for good, wipe it with `keywright keys reset` first",
                job.order.upn,
                job.opened.strftime("%Y-%m-%d")
            ),
        }))
    }

    fn desk(&mut self) -> Desk<'_> {
        Self::desk_of(self.floor, &mut self.port, &self.voice)
    }

    fn desk_of<'d>(floor: &Floor<'_>, port: &'d mut Port<'_>, voice: &Arc<Voice>) -> Desk<'d> {
        let shop = floor.shop;
        Desk {
            bus: port,
            ui: voice.clone(),
            clock: Arc::clone(&shop.clock),
            generators: Arc::clone(&shop.generators),
            cancel: floor.stop.clone(),
            patience: shop.terms.patience,
            selector: None,
            attended: false,
        }
    }
}
