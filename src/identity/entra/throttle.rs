//! Hosts that asked to be left alone, and until when: known to every client that shares the gate.
//!
//! The rules are those of MSAL: a `Retry-After` is obeyed up to an hour and calls are refused here meanwhile; a token
//! endpoint that fails without one is left alone for a minute; where it wants a person, for two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::identity::IdentityError;

/// Longest time that a server can close the gate for.
pub(super) const LONGEST: Duration = Duration::from_hours(1);
/// A token endpoint that failed without saying for how long.
pub(super) const FAILED: Duration = Duration::from_mins(1);
/// A token endpoint that wants a person before it answers again.
pub(super) const NEEDS_PERSON: Duration = Duration::from_mins(2);
/// Places that are remembered; there are a handful in a run.
const MOST: usize = 64;

/// The gate of one process. Clones share it, and have to share their clock too.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<BTreeMap<String, Closed>>>);

struct Closed {
    /// Monotonic time of its opening.
    until: Duration,
    /// What the call that closed it ended with.
    error: IdentityError,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// Time left and the error that closed a place; `None` if it is open.
    pub(super) fn closed(&self, place: &str, now: Duration) -> Option<(Duration, IdentityError)> {
        let mut places = self.places();
        let closed = places.get(place)?;
        let left = closed.until.saturating_sub(now);
        if left.is_zero() {
            places.remove(place);
            return None;
        }
        let error = match closed.error.clone() {
            IdentityError::Throttled { reply, .. } => IdentityError::Throttled { reply, retry_after: left },
            other => other,
        };
        Some((left, error))
    }

    /// Closes a place; the later of two ends counts.
    pub(super) fn close(&self, place: &str, now: Duration, wait: Duration, error: IdentityError) {
        if wait.is_zero() {
            return;
        }
        let until = now.saturating_add(wait.min(LONGEST));
        let mut places = self.places();
        places.retain(|_, closed| closed.until > now);
        if places.get(place).is_some_and(|closed| closed.until >= until) || places.len() >= MOST {
            return;
        }
        places.insert(place.to_owned(), Closed { until, error });
    }

    /// Opens a place, since what it wanted was done.
    pub(super) fn open(&self, place: &str) {
        self.places().remove(place);
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<String, Closed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Reply;

    fn throttled(seconds: u64) -> IdentityError {
        IdentityError::Throttled { reply: Reply::default(), retry_after: Duration::from_secs(seconds) }
    }

    #[test]
    fn closed_until_its_time_and_no_longer_than_an_hour() {
        let secs = Duration::from_secs;
        // Asked for, now, time left then.
        for (wait, now, left) in
            [(90, 0, Some(90)), (90, 89, Some(1)), (90, 90, None), (86_400, 0, Some(3600)), (86_400, 3600, None), (0, 0, None)]
        {
            let gate = Gate::default();
            gate.close("host", Duration::ZERO, secs(wait), throttled(wait));
            let expected = left.map(|left| (secs(left), throttled(left)));
            assert_eq!(gate.clone().closed("host", secs(now)), expected, "{wait} {now}");
            assert_eq!(gate.closed("other", secs(now)), None);
        }
    }

    #[test]
    fn the_later_end_counts_and_it_can_be_opened() {
        let gate = Gate::default();
        gate.close("host", Duration::ZERO, Duration::from_secs(50), throttled(50));
        gate.close("host", Duration::ZERO, Duration::from_secs(5), throttled(5));
        assert_eq!(gate.closed("host", Duration::ZERO).map(|(left, _)| left.as_secs()), Some(50));
        gate.open("host");
        assert_eq!(gate.closed("host", Duration::ZERO), None);
    }
}
