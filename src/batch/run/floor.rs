//! What the threads of a run share: offers that wait for keys, keys that wait for their registration, and the count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Shop;
use super::feeder::take_up;
use super::keys::{Keys, Missing};
use super::prefetched::{LEAST_LIFE, Offered};
use super::scan::Scans;
use crate::advice::Advised as _;
use crate::ctap::{Cancel, KeyIdentity};
use crate::enroll::EnrolError;
use crate::identity::{KeyModel, User};
use crate::ledger::{Failure, JobId, LedgerError, NewTask, Settled, Task, TaskId, TaskState};
use crate::ui::{Event, Spot, Totals};

/// How soon the end of a wait is noticed where nobody notifies.
const STEP: Duration = Duration::from_millis(20);

/// A job whose key is ready, on its way into the tenant and to its user.
#[derive(Clone, Debug)]
pub(super) struct Posting {
    pub(super) task: Task,
    pub(super) job: JobId,
    pub(super) key: KeyIdentity,
    pub(super) user: Option<User>,
    /// Tried so often.
    pub(super) tries: u32,
    /// Not before this, by the monotonic clock.
    pub(super) not_before: Duration,
}

/// What the threads share.
#[derive(Default)]
pub(super) struct State {
    /// Fetched, oldest first.
    pub(super) offers: VecDeque<Offered>,
    /// Tasks that are being fetched, or wait for the tenant to be fetched.
    pub(super) fetching: usize,
    /// Rows of those that are being fetched.
    pub(super) rows: BTreeSet<(u32, TaskId)>,
    /// Tasks that nobody of this run has taken, with the serial number that the roster gives some of them.
    pub(super) left: BTreeMap<TaskId, NewTask>,
    /// Nothing for any key is left in the ledger.
    pub(super) exhausted: bool,
    /// Models of the keys that came so far.
    pub(super) models: Vec<KeyModel>,
    pub(super) keys: Keys,
    pub(super) sealed: VecDeque<Posting>,
    pub(super) registered: VecDeque<Posting>,
    /// Tasks in some thread's hand.
    pub(super) in_hand: usize,
    /// Tasks that only the station which began them can go on with, and why.
    pub(super) others: BTreeMap<TaskId, (Task, EnrolError)>,
    /// Handed over, but somebody still has to say so.
    pub(super) confirming: Vec<Task>,
    pub(super) scans: Scans,
    /// Lanes that wait for a key, or whose key waits for a task.
    invited: Vec<String>,
    /// Lanes that were ever used.
    pub(super) lanes: usize,
    done: usize,
    failures: Vec<(Task, Failure)>,
    fatal: Option<EnrolError>,
    away: bool,
    /// When something happened last.
    pub(super) last: Duration,
}

/// The shop floor of one run.
pub(super) struct Floor<'a> {
    pub(super) shop: &'a Shop<'a>,
    /// Ends this run, by whatever reason.
    pub(super) stop: Cancel,
    total: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl<'a> Floor<'a> {
    /// Reads what is left to do.
    pub(super) fn new(shop: &'a Shop<'a>) -> Result<Self, EnrolError> {
        let tasks = shop.ledger.lock().tasks(shop.terms.batch)?;
        let mut state = State { last: shop.clock.monotonic(), ..State::default() };
        for task in &tasks {
            match task.state {
                TaskState::Done => state.done = state.done.saturating_add(1),
                TaskState::Waiting => {
                    state.left.insert(task.id, task.order.clone());
                }
                TaskState::Working | TaskState::Failed | TaskState::Cancelled => {}
            }
        }
        for task in tasks.iter().filter(|task| task.state == TaskState::Failed) {
            if let Some(failure) = &task.failure {
                state.failures.push((task.clone(), failure.clone()));
            }
        }
        let floor =
            Self { shop, stop: shop.cancel.part(), total: tasks.len(), state: Mutex::new(state), changed: Condvar::new() };
        take_up(&floor, &tasks)?;
        Ok(floor)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }

    /// Waits until something has changed, or for a moment.
    pub(super) fn pause(&self) {
        let state = self.lock();
        drop(self.changed.wait_timeout(state, STEP));
    }

    /// Something happened.
    pub(super) fn touch(&self) {
        self.lock().last = self.shop.clock.monotonic();
    }

    /// Says something that belongs to no lane.
    pub(super) fn notice(&self, sentence: impl Into<String>) {
        self.shop.ui.tell_at(&Spot::default(), &Event::Notice { sentence: sentence.into() });
    }

    /// Says something about a task.
    pub(super) fn tell(&self, task: &Task, event: &Event) {
        let spot = Spot { lane: None, task: Some(task.id.0), upn: Some(task.order.upn.clone()) };
        self.shop.ui.tell_at(&spot, event);
    }

    /// Ends the run: every other task would meet the same.
    pub(super) fn give_up(&self, error: EnrolError) {
        self.lock().fatal.get_or_insert(error);
        self.stop.request();
        self.notify();
    }

    /// Why the run was given up.
    pub(super) fn fatal(&self) -> Option<EnrolError> {
        self.lock().fatal.take()
    }

    /// The tenant cannot be reached, or can be again: told once.
    pub(super) fn tenant_is(&self, away: bool, error: Option<&EnrolError>) {
        let changed = std::mem::replace(&mut self.lock().away, away) != away;
        if !changed {
            return;
        }
        match error {
            Some(error) if away => self.notice(format!(
                "{error}. Keys are made ready as long as what was fetched lasts; the rest waits and goes on by itself"
            )),
            _ => self.notice("the tenant answers again"),
        }
    }

    /// Writes down how a task ended.
    pub(super) fn settle(&self, task: &Task, settled: &Settled) {
        match self.shop.ledger.lock().settle(task.id, settled) {
            Ok(()) => {}
            // Its lease is somebody else's by now, who will settle it.
            Err(error @ (LedgerError::Rule(_) | LedgerError::LeaseLost(_))) => {
                return log::warn!("task {} is left as it is: {error}", task.id);
            }
            Err(error) => return self.give_up(error.into()),
        }
        let mut state = self.lock();
        match settled {
            Settled::Done => state.done = state.done.saturating_add(1),
            Settled::Failed(failure) => state.failures.push((task.clone(), failure.clone())),
            Settled::Waiting | Settled::Cancelled => {}
        }
        state.last = self.shop.clock.monotonic();
        drop(state);
        match settled {
            Settled::Done => self.tell(task, &Event::TaskDone),
            Settled::Failed(Failure { code, sentence, next }) => {
                let (code, message, next) = (code.clone(), sentence.clone(), next.clone());
                self.tell(task, &Event::TaskFailed { code, message, next });
            }
            Settled::Waiting | Settled::Cancelled => {}
        }
        self.notify();
    }

    /// Gives a task up for a reason that is its own.
    pub(super) fn fail(&self, task: &Task, error: &EnrolError) {
        self.settle(task, &Settled::Failed(failure_of(error)));
    }

    /// A key is ready: its registration is somebody else's work.
    pub(super) fn ready(&self, posting: Posting, registered: bool) {
        let mut state = self.lock();
        state.last = self.shop.clock.monotonic();
        if registered {
            state.registered.push_back(posting);
        } else {
            state.sealed.push_back(posting);
        }
        drop(state);
        self.notify();
    }

    /// A key has to come back.
    pub(super) fn miss(&self, missing: Missing) {
        let serial = missing.key.shown_serial().map(str::to_owned);
        let reason = match &missing.reason {
            Some(reason) => reason.to_string(),
            None => "an earlier run was broken off".into(),
        };
        self.tell(&missing.task, &Event::KeyMissing { serial, reason });
        let mut state = self.lock();
        state.last = self.shop.clock.monotonic();
        state.keys.miss(missing);
        drop(state);
        self.notify();
    }

    /// The tenant could not be reached when it was asked last.
    pub(super) fn is_away(&self) -> bool {
        self.lock().away
    }

    /// Whether a lane that has no key, or a key without a task, should have one: no more are asked for than tasks are left.
    pub(super) fn invite(&self, lane: &str) -> bool {
        let mut state = self.lock();
        if state.invited.iter().any(|invited| invited == lane) {
            return true;
        }
        let wanted = state.unmade();
        if state.invited.len() < wanted {
            state.invited.push(lane.to_owned());
            return true;
        }
        false
    }

    /// The lane's key has a task, or the lane has no key any more.
    pub(super) fn seated(&self, lane: &str) {
        self.lock().invited.retain(|invited| invited != lane);
    }

    /// Takes the next offer for any key. One that has grown old goes back to be fetched anew; an earlier row that is still being
    /// fetched is waited for, unless the tenant is away.
    pub(super) fn next_offer(&self) -> Option<Offered> {
        let now = self.shop.clock.now();
        let mut state = self.lock();
        let first = state.rows.first().copied().filter(|_| !state.away);
        let early = |task: &Task| first.is_none_or(|first| (task.order.row, task.id) <= first);
        let fits = |offered: &Offered| offered.life_left(now) >= LEAST_LIFE && early(&offered.task);
        let place = state.offers.iter().position(fits)?;
        let offered = state.offers.remove(place)?;
        state.in_hand = state.in_hand.saturating_add(1);
        drop(state);
        self.notify();
        Some(offered)
    }

    /// The lane could not use it: it goes first to the next key.
    pub(super) fn put_back(&self, offered: Offered) {
        let mut state = self.lock();
        state.offers.push_front(offered);
        drop(state);
        self.out_of_hand();
    }

    /// A thread put a task out of its hand; where to stands elsewhere already.
    pub(super) fn out_of_hand(&self) {
        let mut state = self.lock();
        state.in_hand = state.in_hand.saturating_sub(1);
        drop(state);
        self.notify();
    }

    /// Takes in what the ledger says while nobody has anything in hand.
    pub(super) fn take_stock(&self, tasks: &[Task]) {
        let mut state = self.lock();
        state.done = tasks.iter().filter(|task| task.state == TaskState::Done).count();
        state.left =
            tasks.iter().filter(|task| task.state == TaskState::Waiting).map(|task| (task.id, task.order.clone())).collect();
        let State { left, others, .. } = &mut *state;
        left.retain(|task, _| !others.contains_key(task));
        state.exhausted = state.left.is_empty();
    }

    /// The numbers of this moment.
    pub(super) fn totals(&self) -> Totals {
        let state = self.lock();
        Totals {
            total: self.total,
            done: state.done.saturating_add(state.confirming.len()),
            failed: state.failures.len(),
            ready: state.sealed.len().saturating_add(state.registered.len()),
            missing: state.keys.missing().len(),
        }
    }

    /// What was given up.
    pub(super) fn failures(&self) -> Vec<(Task, Failure)> {
        self.lock().failures.clone()
    }

    /// A task that was begun at another station, which alone can open its PIN: whoever is there hears it, and it waits.
    pub(super) fn leave(&self, task: &Task, error: EnrolError) {
        self.tell(task, &Event::Notice { sentence: error.to_string() });
        let mut state = self.lock();
        state.left.remove(&task.id);
        state.others.insert(task.id, (task.clone(), error));
        drop(state);
        self.settle(task, &Settled::Waiting);
    }

    /// Another station has taken the task over: it is that one's.
    pub(super) fn lost(&self, task: &Task, error: &EnrolError) {
        self.tell(task, &Event::Notice { sentence: format!("another station goes on with {}: {error}", task.order.upn) });
    }

    /// What only other stations can go on with, as far as it still waits.
    pub(super) fn others(&self, tasks: &[Task]) -> Vec<(Task, Failure)> {
        let state = self.lock();
        let waits = |task: &Task| tasks.iter().any(|now| now.id == task.id && now.state == TaskState::Waiting);
        state.others.values().filter(|(task, _)| waits(task)).map(|(task, error)| (task.clone(), failure_of(error))).collect()
    }

    /// Gives every lease back that is still held: what was begun stands in the ledger.
    pub(super) fn park(&self) {
        let mut tasks = Vec::new();
        {
            let mut state = self.lock();
            tasks.extend(state.offers.drain(..).map(|offered| offered.task));
            tasks.extend(state.keys.take_missing().into_iter().map(|missing| missing.task));
            tasks.extend(state.sealed.drain(..).map(|posting| posting.task));
            tasks.extend(state.registered.drain(..).map(|posting| posting.task));
            tasks.extend(state.confirming.iter().cloned());
            tasks.extend(state.scans.take_tasks());
        }
        for task in tasks {
            self.settle(&task, &Settled::Waiting);
        }
    }
}

fn failure_of(error: &EnrolError) -> Failure {
    let advice = error.advice();
    Failure { code: advice.code.into(), sentence: error.to_string(), next: advice.next.into() }
}

impl State {
    /// Tasks that still want a key.
    pub(super) fn unmade(&self) -> usize {
        self.offers.len().saturating_add(self.fetching).saturating_add(self.left.len()).saturating_add(self.scans.tasks())
    }

    /// Nothing is left that any thread could do without a key that has to come back.
    pub(super) fn nothing_left(&self) -> bool {
        self.unmade() == 0 && self.in_hand == 0 && self.sealed.is_empty() && self.registered.is_empty()
    }
}
