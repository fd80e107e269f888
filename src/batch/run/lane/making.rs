//! Making a key ready, and what becomes of task and key when that does not end well.

use std::time::Duration;

use super::super::blame::{Blame, blame};
use super::super::feeder::{open_job, taken_over, wait};
use super::super::floor::Posting;
use super::super::keys::Missing;
use super::super::later::Later;
use super::super::prefetched::{Offered, Prefetched};
use super::{Lane, Seen, Served};
use crate::enroll::{End, EnrolError, Until};
use crate::identity::{KeyModel, User};
use crate::ledger::{Settled, Task};
use crate::ui::{Event, Ui as _};

/// Keys that may be tried for one user before the user's rules are to blame.
const UNSUITED: u8 = 3;
/// Times that a key may come back in one run.
const TRIES: u8 = 3;
/// Pause of a key whose tenant is away.
const AWAY: Duration = Duration::from_secs(2);

impl Lane<'_, '_> {
    /// Makes the key ready for the task. `None`: the key is as it was, and free for the next task.
    pub(super) fn enrol(&mut self, seen: &Seen, mut offered: Offered) -> Option<Served> {
        let task = offered.task.clone();
        self.voice.about(Some((task.id.0, &task.order.upn)));
        self.voice.tell(&Event::TaskBegins { row: task.order.row, upn: task.order.upn.clone() });
        let order = self.floor.shop.order_for(&task, Until::Sealed);
        let (floor, clock) = (self.floor, &self.floor.shop.clock);
        let desk = Self::desk_of(floor, &mut self.port, &self.voice);
        let mut provider = Prefetched::of(&offered, &mut *self.live, clock);
        let ended = floor.shop.enrolment(desk, &mut provider, &mut Later, |enrolment| enrolment.start_part(&order));
        if let Some((model, preflight)) = provider.learnt.take() {
            self.learn(&model);
            offered.verdicts.push((model, preflight));
        }
        let served = match ended {
            Ok(end) => Some(self.made(seen, &task, Some(offered.user), &end)),
            Err(error) => return self.unmade(seen, offered, error),
        };
        self.floor.out_of_hand();
        served
    }

    fn learn(&self, model: &KeyModel) {
        let mut state = self.floor.lock();
        if !state.models.contains(model) {
            state.models.push(model.clone());
        }
    }

    fn made(&mut self, seen: &Seen, task: &Task, user: Option<User>, end: &End) -> Served {
        let (job, registered) = match end {
            End::Sealed(job) => (*job, false),
            End::Registered(job) => (*job, true),
            End::HandedOver(_) => return Served::Out,
        };
        self.meter.finished();
        let (key, task) = (seen.identity.clone(), task.clone());
        self.floor.lock().keys.finish(key.clone(), &task.order.upn);
        self.made = Some(key.clone());
        self.floor.ready(Posting { task, job, key, user, tries: 0, not_before: Duration::ZERO }, registered);
        Served::Out
    }

    /// It was not made. Somebody has a task in hand until this returns.
    fn unmade(&mut self, seen: &Seen, offered: Offered, error: EnrolError) -> Option<Served> {
        let task = offered.task.clone();
        if taken_over(self.floor, &task, &error) {
            return Some(self.lost(seen, &task, &error));
        }
        let open = match open_job(self.floor, &task) {
            Ok(open) => open,
            Err(error) => return Some(self.end(&task, Some(error.into()))),
        };
        let served = match (blame(&error), open) {
            (Blame::Stop, _) => return Some(self.end(&task, None)),
            (Blame::Station, _) => return Some(self.end(&task, Some(error))),
            (_, Some(job)) => {
                let missing = Missing { task, job, key: seen.identity.clone(), sent: false, tries: 0, reason: None };
                Some(self.broken_off(missing, error))
            }
            (Blame::User, None) => {
                self.floor.fail(&task, &error);
                None
            }
            (Blame::Model, None) if offered.unsuited.saturating_add(1) >= UNSUITED => {
                self.floor.fail(&task, &error);
                Some(self.refuse(error.to_string()))
            }
            (Blame::Moment, None) => {
                self.floor.put_back(offered);
                self.floor.tenant_is(true, Some(&error));
                wait(self.floor, AWAY);
                return None;
            }
            (blamed, None) => {
                let unsuited = offered.unsuited.saturating_add(u8::from(blamed == Blame::Model));
                self.floor.put_back(Offered { unsuited, ..offered });
                return Some(self.refuse(error.to_string()));
            }
        };
        self.floor.out_of_hand();
        served
    }

    /// Another station has taken the task over. What is on the key is that one's: nobody else gets it, and nothing is done to it.
    fn lost(&self, seen: &Seen, task: &Task, error: &EnrolError) -> Served {
        self.floor.lost(task, error);
        self.floor.lock().keys.finish(seen.identity.clone(), &task.order.upn);
        self.floor.out_of_hand();
        self.refuse(format!("another station goes on with {}, and may ask for this key: keep it apart", task.order.upn))
    }

    /// Gives the task back and leaves, for everybody if there is a reason.
    fn end(&self, task: &Task, reason: Option<EnrolError>) -> Served {
        self.floor.settle(task, &Settled::Waiting);
        self.floor.out_of_hand();
        if let Some(reason) = reason {
            self.floor.give_up(reason);
        }
        Served::Stop
    }

    /// A job is open and its key in the middle of it: it goes on when the key is put in again.
    fn broken_off(&self, missing: Missing, error: EnrolError) -> Served {
        let blamed = blame(&error);
        let tries = missing.tries.saturating_add(u8::from(blamed != Blame::Moment));
        if blamed == Blame::User || tries >= TRIES {
            self.floor.fail(&missing.task, &error);
            self.floor.lock().keys.finish(missing.key, &missing.task.order.upn);
            return self.refuse(format!("{error}. Wipe it with `keywright keys reset` before it serves somebody else"));
        }
        self.floor.miss(Missing { tries, reason: Some(Box::new(error)), ..missing });
        Served::Out
    }

    /// A key that was waited for is back.
    pub(super) fn again(&mut self, seen: &Seen, missing: Missing) -> Served {
        let task = missing.task.clone();
        self.voice.about(Some((task.id.0, &task.order.upn)));
        let until = if missing.sent { Until::Registered } else { Until::Sealed };
        let order = self.floor.shop.order_for(&task, until);
        let (floor, clock) = (self.floor, &self.floor.shop.clock);
        let desk = Self::desk_of(floor, &mut self.port, &self.voice);
        let mut provider = Prefetched::user(None, &mut *self.live, clock);
        let ended = floor.shop.enrolment(desk, &mut provider, &mut Later, |enrolment| enrolment.resume_part(missing.job, &order));
        let error = match ended {
            Ok(end) => {
                let served = self.made(seen, &task, None, &end);
                self.floor.out_of_hand();
                return served;
            }
            Err(error) => error,
        };
        if taken_over(self.floor, &task, &error) {
            return self.lost(seen, &task, &error);
        }
        match (blame(&error), open_job(self.floor, &task)) {
            (Blame::Stop, _) => self.end(&task, None),
            (Blame::Station, _) => self.end(&task, Some(error)),
            (_, Err(error)) => self.end(&task, Some(error.into())),
            (_, Ok(Some(job))) => {
                let served = self.broken_off(Missing { job, ..missing }, error);
                self.floor.out_of_hand();
                served
            }
            (_, Ok(None)) => {
                self.floor.fail(&task, &error);
                self.floor.out_of_hand();
                self.refuse(error.to_string())
            }
        }
    }
}
