//! Many reads that are still to be made, shared by the clients that make them: what is next, how many at once, and when.
//!
//! Graph throttles each read by itself and says for how long. All of them wait for that time, since what is sent meanwhile
//! counts too; then fewer go at once, and one more after each round without a refusal. A read that is throttled is made again for
//! as long as others get through: a tenant that answers at its own pace is not one that does not answer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::SharedClock;
use crate::identity::IdentityError;
use crate::identity::entra::http::Answer;
use crate::identity::entra::reply;
use crate::identity::entra::retry::{LONGEST_WAIT, Repeat, TRIES};

/// Most requests in one batch.
const MOST: usize = 20;

/// A read that is still to be made.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its place among the answers.
    place: usize,
    tries: u32,
    /// Monotonic time before which it must not be sent.
    not_before: Duration,
}

/// The reads of one round, which one client makes in one batch. One that is dropped before it is settled ends everything.
pub(super) struct Round<'r> {
    reads: &'r Reads,
    settled: bool,
    open: Vec<Open>,
    /// Refusals of the tenant that it was begun after.
    throttles: u32,
    /// Tokens that were given up before it was begun.
    renewals: u32,
}

impl Round<'_> {
    /// Places of its reads among the answers.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.open.iter().map(|open| open.place)
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        let mut state = self.reads.state();
        state.under_way = state.under_way.saturating_sub(1);
        state.failed |= !self.settled;
        self.reads.changed.notify_all();
    }
}

/// What a client does next.
pub(super) enum Turn<'r> {
    /// Make these.
    Make(Round<'r>),
    /// Wait so long, for all clients.
    Wait(Duration),
    /// Nothing is left to be begun.
    Over,
}

/// The reads, shared.
pub(super) struct Reads {
    state: Mutex<State>,
    changed: Condvar,
    clock: SharedClock,
}

struct State {
    open: VecDeque<Open>,
    answers: Vec<Answer>,
    /// Rounds that are being made, and the most of them at once.
    under_way: usize,
    width: usize,
    widest: usize,
    /// Monotonic time before which nothing is sent.
    held: Duration,
    /// A client sits the time out for all.
    waiting: bool,
    throttles: u32,
    /// Rounds in a row in which nothing got through.
    stalls: u32,
    renewals: u32,
    failed: bool,
}

impl Reads {
    /// So many reads, for at most so many clients.
    pub(super) fn new(count: usize, clients: usize, clock: SharedClock) -> Self {
        let open = (0..count).map(|place| Open { place, tries: 0, not_before: Duration::ZERO }).collect();
        let state = State {
            open,
            answers: vec![Answer::default(); count],
            under_way: 0,
            width: clients.max(1),
            widest: clients.max(1),
            held: Duration::ZERO,
            waiting: false,
            throttles: 0,
            stalls: 0,
            renewals: 0,
            failed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), clock }
    }

    /// What a client that is free does next. Returns when there is something, or will be nothing.
    pub(super) fn turn(&self) -> Turn<'_> {
        let mut state = self.state();
        loop {
            // What others are making may come back to be made again; then it is theirs.
            if state.failed || state.open.is_empty() {
                return Turn::Over;
            }
            let now = self.clock.monotonic();
            if !state.waiting && state.under_way < state.width {
                let first = state.open.iter().map(|open| open.not_before).min().unwrap_or_default().max(state.held);
                let wait = first.saturating_sub(now);
                if wait.is_zero() {
                    let open = state.begin(now);
                    return Turn::Make(Round {
                        reads: self,
                        settled: false,
                        open,
                        throttles: state.throttles,
                        renewals: state.renewals,
                    });
                }
                // Whoever is under way may bring nothing back that is due earlier.
                state.waiting = true;
                return Turn::Wait(wait);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The time of [`Turn::Wait`] was sat out, or the client failed at it.
    pub(super) fn waited(&self, failed: bool) {
        let mut state = self.state();
        state.waiting = false;
        state.failed |= failed;
        self.changed.notify_all();
    }

    /// Takes the answers of a round, in its order. `back_off` gives the wait after a try of which the tenant said none; `renew` gives
    /// the token up.
    ///
    /// # Errors
    /// [`IdentityError::Throttled`], where nothing gets through for longer than is sat out: nothing more is sent then.
    pub(super) fn settle(
        &self,
        mut round: Round<'_>,
        answers: Vec<Answer>,
        mut back_off: impl FnMut(u32) -> Duration,
        renew: impl FnOnce(Option<String>),
    ) -> Result<(), IdentityError> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let again = |answer: &Answer| Repeat::Safe.again(answer.status);
        let got_through = answers.iter().any(|answer| !again(answer));
        let throttled = answers.iter().any(|answer| answer.status == 429);
        state.pace(&round, throttled, got_through);
        let stalls = state.stalls.saturating_add(1);
        let waits: Vec<Option<Duration>> = answers
            .iter()
            .map(|answer| (answer.status == 429).then(|| answer.retry_after.unwrap_or_else(|| back_off(stalls))))
            .collect();
        let is_long = |wait: &Option<Duration>| wait.is_some_and(|wait| wait > LONGEST_WAIT);
        if let Some(answer) = answers.iter().zip(&waits).find(|(_, wait)| is_long(wait)).map(|(answer, _)| answer)
            && !got_through
        {
            return Err(reply::error(answer));
        }
        let hold = waits.iter().flatten().filter(|wait| **wait <= LONGEST_WAIT).max().copied().unwrap_or_default();
        state.held = state.held.max(now.saturating_add(hold));
        let mut refused = None;
        for ((open, answer), wait) in std::mem::take(&mut round.open).into_iter().zip(answers).zip(waits) {
            let tries = open.tries.saturating_add(1);
            if answer.status == 401 && (round.renewals < state.renewals || state.renewals == 0) {
                refused.get_or_insert_with(|| answer.claims.clone());
                state.open.push_back(open);
            } else if wait.is_some() {
                if state.stalls < TRIES && !is_long(&wait) {
                    state.open.push_back(open);
                }
            } else if again(&answer) && tries < TRIES {
                let wait = answer.retry_after.unwrap_or_else(|| back_off(tries));
                if wait <= LONGEST_WAIT {
                    state.open.push_back(Open { tries, not_before: now.saturating_add(wait), ..open });
                }
            }
            if let Some(place) = state.answers.get_mut(open.place) {
                *place = answer;
            }
        }
        if let Some(claims) = refused.filter(|_| state.renewals == round.renewals) {
            state.renewals = state.renewals.saturating_add(1);
            renew(claims);
        }
        round.settled = true;
        Ok(())
    }

    /// The answers, in the order of the reads.
    pub(super) fn answers(self) -> Vec<Answer> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).answers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self, now: Duration) -> Vec<Open> {
        let (mut due, later): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(|open| open.not_before <= now);
        let rest = due.split_off(due.len().min(MOST));
        self.open = rest.into_iter().chain(later).collect();
        self.under_way = self.under_way.saturating_add(1);
        due
    }

    /// How many rounds go at once from now on. What was sent before the tenant's last word says nothing new.
    fn pace(&mut self, round: &Round<'_>, throttled: bool, got_through: bool) {
        if throttled && round.throttles == self.throttles {
            self.throttles = self.throttles.saturating_add(1);
            self.width = (self.width / 2).max(1);
            self.stalls = self.stalls.saturating_add(1);
        } else if !throttled {
            self.width = self.width.saturating_add(1).min(self.widest);
        }
        if got_through {
            self.stalls = 0;
        }
    }
}
