//! Whose key is it? By the order of arrival, by the roster's serial number, or by a scanner.

use super::super::Matching;
use super::super::feeder::{Begun, fetch, goes_on, unfetched};
use super::super::prefetched::Offered;
use super::{Lane, Seen, Served};
use crate::ctap::Link;
use crate::enroll::EnrolError;
use crate::ledger::{LedgerError, Task, Wanted};
use crate::ui::{Event, Ui as _};

/// What a key gets.
enum Taken {
    Offer(Box<Offered>),
    Wait,
    Refused(String),
}

impl Lane<'_, '_> {
    /// The task that this key gets, as soon as there is one. `None`: the key went away, or the run ends.
    pub(super) fn task_for(&mut self, link: &Link, seen: &Seen) -> Result<Option<Offered>, Served> {
        let mut waited = false;
        loop {
            if self.floor.stop.requested() || self.gone(link) {
                return Ok(None);
            }
            match self.take(seen) {
                Ok(Taken::Offer(offered)) => return Ok(Some(*offered)),
                Ok(Taken::Refused(reason)) => return Err(self.refuse(reason)),
                Ok(Taken::Wait) => {
                    if !waited && self.floor.shop.terms.matching == Matching::Scan {
                        self.floor.lock().scans.waits(self.place, seen.identity.shown_serial());
                        self.voice.tell(&Event::Notice { sentence: "scan the badge of its user, then its label".into() });
                    }
                    waited = true;
                    self.floor.pause();
                }
                Err(error) => {
                    self.floor.give_up(error);
                    return Err(Served::Stop);
                }
            }
        }
    }

    fn take(&mut self, seen: &Seen) -> Result<Taken, EnrolError> {
        let serial = seen.identity.shown_serial();
        match self.floor.shop.terms.matching {
            Matching::Order => {
                if let Some(serial) = serial
                    && self.floor.lock().left.values().any(|order| order.serial.is_some())
                    && let Some(task) = self.lease(serial)?
                {
                    return self.fetched(&task);
                }
                if let Some(offered) = self.floor.next_offer() {
                    return Ok(Taken::Offer(Box::new(offered)));
                }
                let state = self.floor.lock();
                let none = state.exhausted && state.offers.is_empty() && state.fetching == 0;
                Ok(if none { Taken::Refused(nobody(state.left.len())) } else { Taken::Wait })
            }
            Matching::Serial => {
                let Some(serial) = serial else {
                    return Ok(Taken::Refused("it has no serial number, and serial numbers say whose key it is".into()));
                };
                match self.lease(serial)? {
                    Some(task) => self.fetched(&task),
                    None => Ok(Taken::Refused(format!("no row that waits names the serial number {serial}"))),
                }
            }
            Matching::Scan => {
                let Some(serial) = serial else {
                    return Ok(Taken::Refused("it has no serial number to compare its label with".into()));
                };
                match self.scanned(serial) {
                    Some(task) => self.fetched(&task),
                    None if self.floor.lock().unmade() == 0 => Ok(Taken::Refused("nobody is left who gets a key".into())),
                    None => Ok(Taken::Wait),
                }
            }
        }
    }

    /// The task that names this serial number.
    fn lease(&self, serial: &str) -> Result<Option<Task>, LedgerError> {
        let shop = self.floor.shop;
        let wanted = Wanted::Serial(vec![serial.to_owned()]);
        let task = shop.ledger.lock().lease(shop.terms.batch, &wanted)?;
        if let Some(task) = &task {
            let mut state = self.floor.lock();
            state.left.remove(&task.id);
            state.in_hand = state.in_hand.saturating_add(1);
        }
        Ok(task)
    }

    /// The task that was scanned together with this serial number.
    fn scanned(&self, serial: &str) -> Option<Task> {
        let mut state = self.floor.lock();
        let task = state.scans.task_for(serial)?;
        state.in_hand = state.in_hand.saturating_add(1);
        Some(task)
    }

    /// Fetches for a task in this lane's hand, which only this key can have.
    fn fetched(&mut self, task: &Task) -> Result<Taken, EnrolError> {
        self.voice.about(Some((task.id.0, &task.order.upn)));
        match goes_on(self.floor, task)? {
            Begun::Not => {}
            Begun::Here => {
                self.floor.out_of_hand();
                return Ok(Taken::Wait);
            }
            Begun::Elsewhere => {
                self.floor.out_of_hand();
                return Ok(Taken::Refused("only the station that began it can go on with the row that names it".into()));
            }
        }
        match fetch(self.floor, &mut *self.live, task) {
            Ok(offered) => Ok(Taken::Offer(Box::new(offered))),
            Err(error) => {
                let reason = error.to_string();
                unfetched(self.floor, task, error);
                self.floor.out_of_hand();
                Ok(Taken::Refused(reason))
            }
        }
    }
}

fn nobody(named: usize) -> String {
    match named {
        0 => "nobody is left who gets a key".into(),
        _ => "only rows that name a serial number are left, and none of them names this one's".into(),
    }
}
