//! The finger on the key: user presence as a test or a rehearsal scripts it.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use opensk::api::connection::RecvStatus;
use opensk::api::user_presence::{UserPresence, UserPresenceError, UserPresenceWaitResult};

use crate::clock::SharedClock;
use crate::ctap::{Cancel, Wait};

/// How the finger behaves when the key asks for a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Touches at once; nobody is told to.
    AtOnce,
    /// Touches that long after the key asked.
    After(Duration),
    /// Touches when the test calls [`TrainingKey::touch`](super::TrainingKey::touch); a call before the key asks counts too.
    OnCall,
    /// Does not touch: the key gives up after 30 s.
    Never,
    /// Refuses.
    Denied,
}

/// Granularity of the wait: how soon a touch on call, a stop request or a pulled plug is noticed.
const STEP: Duration = Duration::from_millis(25);
/// Length of a long touch.
const LONG: Duration = Duration::from_secs(5);

/// A wait status on its way to the caller of the exchange; the engine goes on when it was told.
pub(super) struct Told {
    pub(super) wait: Wait,
    done: Sender<()>,
}

impl Told {
    /// Lets the engine go on.
    pub(super) fn done(self) {
        // The engine that is gone needs no permission.
        let _ = self.done.send(());
    }
}

/// Tells whether the key is still in its place.
pub(super) type Present = Arc<dyn Fn() -> bool + Send + Sync>;

/// The terms of the exchange that runs now.
pub(super) struct Attempt {
    pub(super) tell: Sender<Told>,
    pub(super) cancel: Cancel,
    pub(super) end: Duration,
    pub(super) long_touch: bool,
    /// In the field of a reader, which counts as a touch.
    pub(super) in_field: bool,
    pub(super) present: Present,
}

/// Why a wait ended early, beside what the engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Unplugged,
    OutOfTime,
}

struct State {
    touch: Touch,
    calls: u32,
    asked: u32,
    asked_at: Option<Duration>,
    attempt: Option<Attempt>,
    cut: Option<Cut>,
}

/// The engine's user presence; clones share the finger.
#[derive(Clone)]
pub(super) struct Finger {
    clock: SharedClock,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for Finger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finger").field("touch", &self.lock().touch).finish_non_exhaustive()
    }
}

impl Finger {
    pub(super) fn new(clock: SharedClock) -> Self {
        let state = State { touch: Touch::AtOnce, calls: 0, asked: 0, asked_at: None, attempt: None, cut: None };
        Self { clock, state: Arc::new(Mutex::new(state)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, touch: Touch) -> Touch {
        std::mem::replace(&mut self.lock().touch, touch)
    }

    pub(super) fn call(&self) {
        let mut state = self.lock();
        state.calls = state.calls.saturating_add(1);
    }

    pub(super) fn asked(&self) -> u32 {
        self.lock().asked
    }

    /// Begins an attempt; its listener hears until the returned guard is gone.
    pub(super) fn begin(&self, attempt: Attempt) -> Attempting<'_> {
        let mut state = self.lock();
        state.attempt = Some(attempt);
        state.cut = None;
        Attempting(self)
    }

    fn tell(&self, wait: Wait) {
        let Some(tell) = self.lock().attempt.as_ref().map(|attempt| attempt.tell.clone()) else { return };
        let (done, told): (_, Receiver<()>) = mpsc::channel();
        if tell.send(Told { wait, done }).is_ok() {
            // A listener that went away has heard enough.
            let _ = told.recv();
        }
    }

    /// What the finger does now; `None` while it does nothing.
    fn verdict(&self) -> Option<Result<(), UserPresenceError>> {
        let now = self.clock.monotonic();
        // Asked without the lock: the answer may move keys on the desk.
        let present = self.lock().attempt.as_ref().map(|attempt| Arc::clone(&attempt.present));
        if present.is_some_and(|present| !present()) {
            self.lock().cut = Some(Cut::Unplugged);
            return Some(Err(UserPresenceError::Canceled));
        }
        let mut state = self.lock();
        if let Some(attempt) = &state.attempt {
            if attempt.cancel.requested() {
                return Some(Err(UserPresenceError::Canceled));
            }
            if now >= attempt.end {
                state.cut = Some(Cut::OutOfTime);
                return Some(Err(UserPresenceError::Canceled));
            }
        }
        let waited = now.saturating_sub(state.asked_at.unwrap_or(now));
        let hold = if state.attempt.as_ref().is_some_and(|attempt| attempt.long_touch) { LONG } else { Duration::ZERO };
        let in_field = state.attempt.as_ref().is_some_and(|attempt| attempt.in_field);
        match state.touch {
            Touch::After(_) | Touch::OnCall if in_field => Some(Ok(())),
            Touch::AtOnce => (waited >= hold).then_some(Ok(())),
            Touch::After(delay) => (waited >= delay.saturating_add(hold)).then_some(Ok(())),
            Touch::OnCall if state.calls > 0 => {
                state.calls = state.calls.saturating_sub(1);
                Some(Ok(()))
            }
            Touch::OnCall | Touch::Never => None,
            Touch::Denied => Some(Err(UserPresenceError::Declined)),
        }
    }
}

/// An attempt under way.
pub(super) struct Attempting<'a>(&'a Finger);

impl Attempting<'_> {
    /// Ends it and says why it was cut short, if it was.
    pub(super) fn end(self) -> Option<Cut> {
        self.0.lock().cut.take()
    }
}

impl Drop for Attempting<'_> {
    fn drop(&mut self) {
        self.0.lock().attempt = None;
    }
}

impl UserPresence for Finger {
    fn check_init(&mut self) {
        let now = self.clock.monotonic();
        let waits = {
            let mut state = self.lock();
            state.asked = state.asked.saturating_add(1);
            state.asked_at = Some(now);
            let (long, in_field) =
                state.attempt.as_ref().map_or((false, false), |attempt| (attempt.long_touch, attempt.in_field));
            long || (state.touch != Touch::AtOnce && !in_field)
        };
        if waits {
            self.tell(Wait::Touch);
        }
    }

    fn wait_with_timeout(&mut self, _packet: &mut [u8; 64], timeout_ms: usize) -> UserPresenceWaitResult {
        let step = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(u64::MAX)).min(STEP);
        let verdict = self.verdict().or_else(|| {
            self.clock.sleep(step);
            self.verdict()
        });
        Ok((verdict.unwrap_or(Err(UserPresenceError::Timeout)), RecvStatus::Timeout))
    }

    fn check_complete(&mut self) {
        let waited = self.lock().asked_at.take().is_some_and(|at| self.clock.monotonic() > at);
        if waited {
            self.tell(Wait::Working);
        }
    }
}
