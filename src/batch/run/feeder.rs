//! Fetches everything that can be known of a task before its key comes: user, rules and creation options.

use std::sync::PoisonError;
use std::time::Duration;

use super::Matching;
use super::blame::{Blame, blame};
use super::floor::{Floor, Posting};
use super::keys::Missing;
use super::prefetched::{LEAST_LIFE, Offered};
use crate::enroll::{EnrolError, Left, left_of, opens};
use crate::identity::{IdentityProvider, KeyModel};
use crate::ledger::{Intent, JobId, JobState, Ledger as _, LedgerError, Settled, Task, TaskId, TaskState, Wanted};

/// Offers that wait for each lane.
const AHEAD: usize = 2;
/// Fewest offers that wait.
const LEAST: usize = 2;
/// First pause after the tenant could not be reached …
const PAUSE: Duration = Duration::from_secs(1);
/// … and the longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How soon a stop request is heard in a pause.
const STEP: Duration = Duration::from_millis(100);

/// What a feeder does next.
enum Next {
    Lease,
    Refresh(Box<Offered>),
}

/// Feeds until the run ends.
pub(super) fn feed(floor: &Floor<'_>, live: &mut dyn IdentityProvider) {
    while !floor.stop.requested() {
        match next(floor) {
            None => floor.pause(),
            Some(Next::Refresh(offered)) => {
                let Offered { task, unsuited, .. } = *offered;
                offer(floor, live, &task, Some(unsuited));
            }
            Some(Next::Lease) => match lease(floor) {
                Ok(Some(task)) => offer(floor, live, &task, None),
                Ok(None) => drop_fetching(floor),
                Err(error) => {
                    drop_fetching(floor);
                    floor.give_up(error.into());
                }
            },
        }
    }
}

/// Decides and counts what is decided as being fetched.
fn next(floor: &Floor<'_>) -> Option<Next> {
    let now = floor.shop.clock.now();
    let mut state = floor.lock();
    if let Some(place) = state.offers.iter().position(|offered| offered.life_left(now) < LEAST_LIFE) {
        let offered = state.offers.remove(place)?;
        state.fetching = state.fetching.saturating_add(1);
        return Some(Next::Refresh(Box::new(offered)));
    }
    let target = state.lanes.saturating_mul(AHEAD).max(LEAST);
    let enough = state.offers.len().saturating_add(state.fetching) >= target;
    if enough || state.exhausted {
        return None;
    }
    state.fetching = state.fetching.saturating_add(1);
    Some(Next::Lease)
}

fn drop_fetching(floor: &Floor<'_>) {
    let mut state = floor.lock();
    state.fetching = state.fetching.saturating_sub(1);
    drop(state);
    floor.notify();
}

/// Leases the next task for any key.
fn lease(floor: &Floor<'_>) -> Result<Option<Task>, LedgerError> {
    let shop = floor.shop;
    let leased = match shop.terms.matching {
        Matching::Order => {
            let others = floor.lock().others.keys().copied().collect();
            shop.ledger.lock().lease(shop.terms.batch, &Wanted::NextBut(others))?
        }
        // The key that comes says which task is meant.
        Matching::Serial | Matching::Scan => None,
    };
    let mut state = floor.lock();
    if let Some(task) = &leased {
        state.left.remove(&task.id);
    } else {
        state.exhausted = true;
        if shop.terms.matching == Matching::Order {
            // What is left for any key is in other hands by now.
            state.left.retain(|_, order| order.serial.is_some());
        }
    }
    Ok(leased)
}

/// Takes up what earlier runs have begun, before any key is looked at: those keys have to be recognised.
pub(super) fn take_up(floor: &Floor<'_>, tasks: &[Task]) -> Result<(), EnrolError> {
    let shop = floor.shop;
    for task in tasks.iter().filter(|task| task.state == TaskState::Waiting) {
        let Some(job) = task.job else { continue };
        if shop.ledger.lock().job(job)?.state != JobState::Open {
            continue;
        }
        let leased = shop.ledger.lock().lease(shop.terms.batch, &Wanted::Task(task.id))?;
        let Some(task) = leased else { continue };
        match goes_on(floor, &task)? {
            Begun::Not => floor.settle(&task, &Settled::Waiting),
            Begun::Here => drop(floor.lock().left.remove(&task.id)),
            Begun::Elsewhere => {}
        }
    }
    Ok(())
}

/// Makes an offer of a task, or sends what was begun of it where it goes on. `again`: it was offered before, to so many keys that
/// did not suit it.
fn offer(floor: &Floor<'_>, live: &mut dyn IdentityProvider, task: &Task, again: Option<u8>) {
    match goes_on(floor, task) {
        Ok(Begun::Here | Begun::Elsewhere) => return drop_fetching(floor),
        Ok(Begun::Not) => {}
        Err(error) => {
            drop_fetching(floor);
            return floor.give_up(error);
        }
    }
    let row = (task.order.row, task.id);
    floor.lock().rows.insert(row);
    match fetch(floor, live, task) {
        Ok(offered) => {
            let mut state = floor.lock();
            state.rows.remove(&row);
            // In the order of the rows, whichever thread was first.
            let place = state.offers.iter().position(|other| other.task.order.row > task.order.row);
            let place = place.unwrap_or(state.offers.len());
            state.offers.insert(place, Offered { unsuited: again.unwrap_or(0), ..offered });
            // What has grown old is fetched anew whether anybody is there or not.
            if again.is_none() {
                state.last = floor.shop.clock.monotonic();
            }
        }
        Err(error) => {
            floor.lock().rows.remove(&row);
            unfetched(floor, task, error);
        }
    }
    drop_fetching(floor);
}

/// A task that cannot be offered to any key.
pub(super) fn unfetched(floor: &Floor<'_>, task: &Task, error: EnrolError) {
    match blame(&error) {
        Blame::Stop | Blame::Moment => floor.settle(task, &Settled::Waiting),
        Blame::Station => {
            floor.settle(task, &Settled::Waiting);
            floor.give_up(error);
        }
        Blame::User | Blame::Model | Blame::Key => floor.fail(task, &error),
    }
}

/// How a task stands that was leased.
pub(super) enum Begun {
    /// It begins anew.
    Not,
    /// It goes on, and was sent where it does.
    Here,
    /// Only the station that began it can go on with it.
    Elsewhere,
}

/// Sends a task that was begun before where it goes on.
pub(super) fn goes_on(floor: &Floor<'_>, task: &Task) -> Result<Begun, EnrolError> {
    let Some(id) = task.job else { return Ok(Begun::Not) };
    let mut ledger = floor.shop.ledger.clone();
    let job = ledger.job(id)?;
    if job.state != JobState::Open {
        return Ok(Begun::Not);
    }
    let entries = ledger.entries(id)?;
    let left = left_of(&entries);
    if left == Left::Everything {
        ledger.claim(id)?;
        ledger.close(id, JobState::Ended)?;
        return Ok(Begun::Not);
    }
    if left != Left::Confirmation && !opens(&mut ledger, floor.shop.safe, id, &entries)? {
        let serial = job.order.key.shown_serial().map(str::to_owned);
        floor.leave(task, EnrolError::OtherStation { job: id, upn: task.order.upn.clone(), serial });
        return Ok(Begun::Elsewhere);
    }
    let key = job.order.key;
    let posting = Posting { task: task.clone(), job: id, key: key.clone(), user: None, tries: 0, not_before: Duration::ZERO };
    match left {
        Left::Registration => floor.ready(posting, false),
        Left::HandOver => floor.ready(posting, true),
        Left::Confirmation => floor.lock().confirming.push(task.clone()),
        Left::Key | Left::Everything => {
            let sent = entries.iter().any(|entry| matches!(entry.intent, Intent::Register { .. }));
            floor.miss(Missing { task: task.clone(), job: id, key: key.clone(), sent, tries: 0, reason: None });
        }
    }
    if left != Left::Key {
        floor.lock().keys.finish(key, &task.order.upn);
    }
    Ok(Begun::Here)
}

/// Fetches for one task, as often as it takes while the tenant is away.
pub(super) fn fetch(floor: &Floor<'_>, live: &mut dyn IdentityProvider, task: &Task) -> Result<Offered, EnrolError> {
    let mut pause = PAUSE;
    loop {
        let models = floor.lock().models.clone();
        match fetch_once(floor, live, task, &models) {
            Err(error) if blame(&error) == Blame::Moment && !floor.stop.requested() => {
                floor.tenant_is(true, Some(&error));
                wait(floor, pause);
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
            done => {
                if done.is_ok() {
                    floor.tenant_is(false, None);
                }
                return done;
            }
        }
    }
}

fn fetch_once(
    floor: &Floor<'_>,
    live: &mut dyn IdentityProvider,
    task: &Task,
    models: &[KeyModel],
) -> Result<Offered, EnrolError> {
    let user = live.user(&task.order.user_id)?;
    floor.shop.checking.lock().unwrap_or_else(PoisonError::into_inner).check(&user)?;
    let mut verdicts = Vec::new();
    for model in models {
        verdicts.push((model.clone(), live.preflight(&user, model)?));
    }
    let offer = live.creation_options(&user, floor.shop.terms.order.challenge_life)?;
    let (options, expires) = (offer.options, offer.expires);
    Ok(Offered { task: task.clone(), user, options, expires, verdicts, unsuited: 0 })
}

/// Waits, unless the run ends.
pub(super) fn wait(floor: &Floor<'_>, time: Duration) {
    let clock = &floor.shop.clock;
    let until = clock.monotonic().saturating_add(time);
    while !floor.stop.requested() && clock.monotonic() < until {
        clock.sleep(STEP.min(until.saturating_sub(clock.monotonic())));
    }
}

/// Whether a job is still open.
pub(super) fn open_job(floor: &Floor<'_>, task: &Task) -> Result<Option<JobId>, LedgerError> {
    let mut ledger = floor.shop.ledger.lock();
    let Some(id) = ledger.task(task.id)?.job else { return Ok(None) };
    Ok((ledger.job(id)?.state == JobState::Open).then_some(id))
}

/// Whether another station has taken a task over, and perhaps finished it by now, because this one was not heard of for too long.
pub(super) fn taken_over(floor: &Floor<'_>, task: &Task, error: &EnrolError) -> bool {
    match error {
        EnrolError::Ledger(LedgerError::LeaseLost(_) | LedgerError::Claimed(_)) => true,
        EnrolError::Ledger(LedgerError::Rule(_)) => matches!(open_job(floor, task), Ok(None)),
        _ => false,
    }
}

/// Looks again at what the ledger has left, when nothing else is: another station may have given something back. Says whether
/// there is something that was not there when it was looked last.
pub(super) fn look_again(floor: &Floor<'_>, last: &mut Vec<TaskId>) -> bool {
    let tasks = match floor.shop.ledger.lock().tasks(floor.shop.terms.batch) {
        Ok(tasks) => tasks,
        Err(error) => {
            floor.give_up(error.into());
            return false;
        }
    };
    let waiting: Vec<TaskId> = tasks.iter().filter(|task| task.state == TaskState::Waiting).map(|task| task.id).collect();
    if waiting.iter().all(|id| last.contains(id)) {
        return false;
    }
    *last = waiting;
    floor.take_stock(&tasks);
    true
}
