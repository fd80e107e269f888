//! When a call is made again, and after how long.

use std::time::Duration;

use jiff::Timestamp;
use rand::{CryptoRng, RngExt as _};

/// Tries of a call that is safe to repeat.
pub(super) const TRIES: u32 = 4;
/// Longest wait that is sat out; a longer one is told to the caller.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Which answers may be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Reading, or removing what may be gone already: any passing trouble.
    Safe,
    /// Only what was refused before anything was done: 429.
    Refused,
}

impl Repeat {
    /// Whether a status calls for another try.
    pub(super) fn again(self, status: u16) -> bool {
        match self {
            Self::Safe => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Refused => status == 429,
        }
    }
}

/// How long to wait after try `number` (from 1) without a word of the server: 1, 2, 4 … seconds, give or take half.
pub(super) fn back_off(number: u32, rng: &mut (impl CryptoRng + ?Sized)) -> Duration {
    let base = 1000_u64.saturating_mul(2_u64.saturating_pow(number.saturating_sub(1).min(6)));
    Duration::from_millis(rng.random_range(base / 2..=base.saturating_add(base / 2))).min(LONGEST_WAIT)
}

/// `Retry-After` as seconds or as an HTTP date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn back_off_grows_and_is_bounded() {
        let mut rng = StdRng::seed_from_u64(7);
        for (number, low, high) in [(1, 500, 1500), (2, 1000, 3000), (3, 2000, 6000), (40, 32_000, 60_000)] {
            for _ in 0..50 {
                let wait = back_off(number, &mut rng).as_millis();
                assert!((low..=high).contains(&wait), "{number}: {wait}");
            }
        }
    }

    #[test]
    fn retry_after_in_both_forms() {
        let now: Timestamp = "2026-11-23T15:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("0", Some(0)),
            (" 17 ", Some(17)),
            ("Mon, 23 Nov 2026 15:00:30 GMT", Some(30)),
            ("Mon, 23 Nov 2026 14:00:30 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
