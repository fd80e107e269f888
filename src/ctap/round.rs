//! Which of several keys is meant: all are asked for a touch at once, and the first that is touched wins.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::ctap::{Authenticator, Cancel, CtapError, Feature, Link, LinkError, Status, Wait};

/// A key that gives up sooner does not wait for a touch at all.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// How a round ended.
#[derive(Debug)]
pub enum Round {
    /// This key was touched, before any other.
    Touched(Box<Authenticator>),
    /// The time is over.
    Untouched,
    /// No key could be asked; each was reported, and this is the last reason.
    Unasked(Option<CtapError>),
}

/// Asks every key for a touch, each in a thread of its own, and stops the others as soon as one was touched. Keys with a
/// light of their own to blink with (CTAPHID_WINK) do so first. Nothing on any key changes.
///
/// A key that cannot take part is reported to `left_out` with the reason, and the round goes on without it: one that has no
/// way to be asked, that answers without a touch (in the field of a reader lying there is touch enough), or that fails.
///
/// # Errors
/// [`LinkError::Cancelled`] on a stop request.
pub fn first_touched(
    keys: Vec<Authenticator>,
    patience: Duration,
    cancel: &Cancel,
    left_out: &(dyn Fn(&Link, &CtapError) + Sync),
) -> Result<Round, LinkError> {
    let asked = keys.len();
    let contest = Contest { patience, stop: cancel.part(), won: AtomicBool::new(false), out: Mutex::default(), left_out };
    let winner = thread::scope(|scope| {
        let running: Vec<_> = keys.into_iter().map(|key| scope.spawn(|| contest.enter(key))).collect();
        let ended: Vec<_> = running.into_iter().map(|thread| thread.join().ok().flatten()).collect();
        ended.into_iter().flatten().next()
    });
    match winner {
        Some(key) => Ok(Round::Touched(Box::new(key))),
        None if cancel.requested() => Err(LinkError::Cancelled),
        None => {
            let mut out = contest.out.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(if out.len() == asked { Round::Unasked(out.pop()) } else { Round::Untouched })
        }
    }
}

struct Contest<'a> {
    patience: Duration,
    stop: Cancel,
    won: AtomicBool,
    out: Mutex<Vec<CtapError>>,
    left_out: &'a (dyn Fn(&Link, &CtapError) + Sync),
}

impl Contest<'_> {
    /// One key's part; gives the key back if it won.
    fn enter(&self, mut key: Authenticator) -> Option<Authenticator> {
        // While it contends the key obeys the contest, and its waiting is not news: all of them wait.
        let waited = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&waited);
        let listen = Box::new(move |wait| heard.store(heard.load(Ordering::SeqCst) || wait == Wait::Touch, Ordering::SeqCst));
        let cancel = std::mem::replace(&mut key.tools.cancel, self.stop.clone());
        let on_wait = std::mem::replace(&mut key.tools.on_wait, listen);
        let touched = self.touched(&mut key, &waited);
        key.tools.cancel = cancel;
        key.tools.on_wait = on_wait;
        match touched {
            Ok(true) if !self.won.swap(true, Ordering::SeqCst) => {
                self.stop.request();
                Some(key)
            }
            Ok(_) => None,
            Err(_) if self.stop.requested() => None,
            Err(error) => {
                (self.left_out)(key.link(), &error);
                self.out.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                None
            }
        }
    }

    /// Whether it was touched within the time of the contest. A key whose own patience is shorter is asked again.
    fn touched(&self, key: &mut Authenticator, waited: &AtomicBool) -> Result<bool, CtapError> {
        let clock = Arc::clone(key.clock());
        let end = clock.monotonic().saturating_add(self.patience);
        if key.facts().wink {
            // One that does not blink waits for its touch all the same.
            let _ = key.wink();
        }
        loop {
            let began = clock.monotonic();
            let left = end.saturating_sub(began);
            if left.is_zero() {
                return Ok(false);
            }
            waited.store(false, Ordering::SeqCst);
            let answer = key.selection_within(left);
            let took = clock.monotonic().saturating_sub(began);
            match answer {
                // A key that never said that it waits for a touch got none.
                Ok(()) if waited.load(Ordering::SeqCst) => return Ok(true),
                Ok(()) => return Err(CtapError::Unsupported(Feature::Selection)),
                Err(CtapError::Link(LinkError::Timeout)) if clock.monotonic() >= end => return Ok(false),
                Err(CtapError::Status(Status::USER_ACTION_TIMEOUT | Status::ACTION_TIMEOUT)) if took >= SHORTEST_WAIT => {}
                Err(error) => return Err(error),
            }
        }
    }
}
