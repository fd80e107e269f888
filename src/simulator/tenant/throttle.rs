//! The limits that Graph documents, in force: what is over them gets 429 and the time to wait.
//!
//! Directory: a bucket of resource units for each application and tenant, 8,000 for 10 s in a tenant of more than 500 users; a list of
//! users costs 2, one less with `$select`, any other read 1. Reports: 5 requests in 10 s. To which of them the passkeys of a user
//! count is not documented clearly, so that the script says it. (Microsoft Graph, service-specific throttling limits.)

use std::time::Duration;

use serde::Deserialize;

use crate::simulator::tenant::wire::Request;

/// The span that both limits are given for.
const SPAN: Duration = Duration::from_secs(10);

/// The limits of a training tenant.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Resource units of the directory in 10 s.
    pub directory: u32,
    /// Requests for reports in 10 s.
    pub reports: u32,
    /// The passkeys of users count as reports, not as the directory.
    pub passkeys_as_reports: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { directory: 8_000, reports: 5, passkeys_as_reports: false }
    }
}

/// What is used up of the limits.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// Units that are missing in the bucket, in millionths, and when that was so.
    missing: u64,
    at: Duration,
    /// Begin of the reports' span, and the requests in it.
    since: Duration,
    asked: u32,
}

impl Throttle {
    /// Counts a request; the seconds to wait if it is over a limit.
    pub(super) fn over(&mut self, limits: Limits, request: &Request, now: Duration) -> Option<u64> {
        let segments: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
        let report = match segments.as_slice() {
            ["reports" | "auditLogs", ..] => true,
            [_, _, "authentication", ..] => limits.passkeys_as_reports,
            [..] => false,
        };
        if report { self.report(limits.reports, now) } else { self.directory(limits.directory, cost(request, &segments), now) }
    }

    fn report(&mut self, limit: u32, now: Duration) -> Option<u64> {
        if now.saturating_sub(self.since) >= SPAN {
            (self.since, self.asked) = (now, 0);
        }
        if self.asked >= limit {
            return Some(seconds(SPAN.saturating_sub(now.saturating_sub(self.since))));
        }
        self.asked = self.asked.saturating_add(1);
        None
    }

    fn directory(&mut self, limit: u32, cost: u32, now: Duration) -> Option<u64> {
        let millionths = |units: u32| u64::from(units).saturating_mul(1_000_000);
        // `limit` units in ten seconds are `limit / 10` millionths in a microsecond.
        let passed = u64::try_from(now.saturating_sub(self.at).as_micros()).unwrap_or(u64::MAX);
        self.missing = self.missing.saturating_sub(passed.saturating_mul(u64::from(limit)) / 10);
        self.at = now;
        let missing = self.missing.saturating_add(millionths(cost));
        let over = missing.saturating_sub(millionths(limit));
        if over > 0 {
            return Some(seconds(Duration::from_micros(over.saturating_mul(10).div_ceil(u64::from(limit.max(1))))));
        }
        self.missing = missing;
        None
    }
}

fn cost(request: &Request, segments: &[&str]) -> u32 {
    let asked = |wanted: &str| request.query.iter().any(|(name, _)| name == wanted);
    match segments {
        ["users"] if !asked("$select") => 2,
        ["groups", _, "transitiveMembers"] => {
            if asked("$select") {
                2
            } else {
                3
            }
        }
        _ => 1,
    }
}

/// Whole seconds, as the head names them: at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_that_are_documented() {
        let users = Request::to("GET", "/v1.0/users");
        let passkeys = Request::to("GET", "/v1.0/users/1/authentication/fido2Methods");
        let report = Request::to("GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails");
        let at = Duration::from_millis;
        // Limits, requests at a moment, how many of them pass, and the wait that the first of the others is told.
        let small = Limits { directory: 100, ..Limits::default() };
        let as_reports = Limits { passkeys_as_reports: true, ..small };
        for (limits, calls) in [
            (small, vec![(&users, 60, 0, 50, Some(1)), (&users, 60, 1000, 5, Some(1)), (&passkeys, 20, 2000, 10, Some(1))]),
            (small, vec![(&passkeys, 200, 0, 100, Some(1)), (&passkeys, 200, 30_000, 100, Some(1))]),
            (small, vec![(&report, 6, 0, 5, Some(10)), (&report, 1, 9_500, 0, Some(1)), (&report, 5, 10_000, 5, None)]),
            (as_reports, vec![(&passkeys, 20, 0, 5, Some(10)), (&users, 1, 0, 1, None)]),
        ] {
            let mut throttle = Throttle::default();
            for (request, count, moment, pass, wait) in calls {
                let waits: Vec<u64> = (0..count).filter_map(|_| throttle.over(limits, request, at(moment))).collect();
                assert_eq!((count - waits.len(), waits.first().copied()), (pass, wait), "{} at {moment}", request.path);
            }
        }
    }
}
