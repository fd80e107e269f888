//! What happens without the key: its registration while the next key goes in, then the hand-over.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::blame::{Blame, blame};
use super::feeder::{open_job, taken_over};
use super::floor::{Floor, Posting, State};
use super::keys::Missing;
use super::later::Later;
use super::prefetched::Prefetched;
use crate::batch::lanes::Voice;
use crate::ctap::{Bus, Cancel, Change, Link, LinkError, Transport};
use crate::enroll::{Desk, End, EnrolError, HandOver, Order, Until};
use crate::identity::IdentityProvider;
use crate::ledger::Settled;
use crate::ui::Spot;

/// First pause of a job that may go better later …
const PAUSE: Duration = Duration::from_secs(1);
/// … and the longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// After so many answers that could not be used a job waits for the next run.
const TRIES: u32 = 8;

/// No ports and no readers.
struct Nowhere;

impl Bus for Nowhere {
    fn links(&mut self) -> Result<Vec<Link>, LinkError> {
        Ok(Vec::new())
    }

    fn open(&mut self, _link: &Link) -> Result<Box<dyn Transport>, LinkError> {
        Err(LinkError::Gone)
    }

    fn wait(&mut self, _budget: Duration, _cancel: &Cancel) -> Result<Option<Change>, LinkError> {
        Ok(None)
    }
}

/// Registers until the run ends.
pub(super) fn register(floor: &Floor<'_>, live: &mut dyn IdentityProvider) {
    while !floor.stop.requested() {
        let Some(posting) = due(floor, |state| &mut state.sealed) else {
            floor.pause();
            continue;
        };
        match step(floor, live, &posting, Until::Registered, &mut Later) {
            Ok(_) => {
                floor.tenant_is(false, None);
                floor.ready(Posting { tries: 0, ..posting }, true);
            }
            Err(error) => failed(floor, posting, error, false),
        }
        floor.out_of_hand();
    }
}

/// Hands over until the run ends, one after the other.
pub(super) fn hand_over(floor: &Floor<'_>, live: &mut dyn IdentityProvider) {
    let mut handing = floor.shop.handing.lock().unwrap_or_else(PoisonError::into_inner);
    while !floor.stop.requested() {
        let Some(posting) = due(floor, |state| &mut state.registered) else {
            floor.pause();
            continue;
        };
        match step(floor, live, &posting, Until::HandedOver, &mut **handing) {
            Ok(_) => match open_job(floor, &posting.task) {
                Ok(None) => floor.settle(&posting.task, &Settled::Done),
                // Where the PIN went somebody has to look first: the lease is kept until the run ends.
                Ok(Some(_)) => floor.lock().confirming.push(posting.task),
                Err(error) => floor.give_up(error.into()),
            },
            Err(error) => failed(floor, posting, error, true),
        }
        floor.out_of_hand();
    }
}

/// The first job of a queue whose time has come, which is in somebody's hand from then on.
fn due(floor: &Floor<'_>, queue: fn(&mut State) -> &mut VecDeque<Posting>) -> Option<Posting> {
    let now = floor.shop.clock.monotonic();
    let mut state = floor.lock();
    let queue = queue(&mut state);
    let place = queue.iter().position(|posting| posting.not_before <= now)?;
    let posting = queue.remove(place)?;
    state.in_hand = state.in_hand.saturating_add(1);
    Some(posting)
}

/// Goes on with a job, without its key.
fn step(
    floor: &Floor<'_>,
    live: &mut dyn IdentityProvider,
    posting: &Posting,
    until: Until,
    handing: &mut dyn HandOver,
) -> Result<End, EnrolError> {
    let shop = floor.shop;
    let spot = Spot { lane: None, task: Some(posting.task.id.0), upn: Some(posting.task.order.upn.clone()) };
    let mut nowhere = Nowhere;
    let desk = Desk {
        bus: &mut nowhere,
        ui: Arc::new(Voice::new(Arc::clone(&shop.ui), spot, false)),
        clock: Arc::clone(&shop.clock),
        generators: Arc::clone(&shop.generators),
        cancel: floor.stop.clone(),
        patience: Duration::ZERO,
        selector: None,
        attended: false,
    };
    let order = Order { keyless: true, ..shop.order_for(&posting.task, until) };
    let mut provider = Prefetched::user(posting.user.clone(), live, &shop.clock);
    shop.enrolment(desk, &mut provider, handing, |enrolment| enrolment.resume_part(posting.job, &order))
}

/// It did not go on: later, with its key, or not at all.
fn failed(floor: &Floor<'_>, posting: Posting, error: EnrolError, registered: bool) {
    if let EnrolError::KeyNeeded { reason, .. } = error {
        let Posting { task, job, key, .. } = posting;
        return floor.miss(Missing { task, job, key, sent: true, tries: 0, reason });
    }
    if taken_over(floor, &posting.task, &error) {
        return floor.lost(&posting.task, &error);
    }
    match blame(&error) {
        Blame::Stop => floor.settle(&posting.task, &Settled::Waiting),
        Blame::Station => {
            floor.settle(&posting.task, &Settled::Waiting);
            floor.give_up(error);
        }
        Blame::Moment => {
            let answered = matches!(error, EnrolError::NotReadBack | EnrolError::StaleChallenge);
            if !answered {
                floor.tenant_is(true, Some(&error));
            }
            let tries = posting.tries.saturating_add(1);
            if answered && tries >= TRIES {
                return floor.fail(&posting.task, &error);
            }
            let pause = PAUSE.saturating_mul(1 << tries.min(6)).min(LONGEST_PAUSE);
            let not_before = floor.shop.clock.monotonic().saturating_add(pause);
            floor.ready(Posting { tries, not_before, ..posting }, registered);
        }
        Blame::User | Blame::Model | Blame::Key => floor.fail(&posting.task, &error),
    }
}
