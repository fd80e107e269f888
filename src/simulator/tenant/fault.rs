//! Scripted trouble: which call meets it, and what happens then.

use serde::Deserialize;

/// One thing that goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any if it is missing.
    pub method: Option<String>,
    /// Path of the request, without the query; `*` stands for any text.
    pub path: String,
    /// The first matching call that meets it, from 1.
    #[serde(default = "first")]
    pub call: u32,
    /// How many matching calls in a row meet it; 0 means all that follow.
    #[serde(default = "first")]
    pub times: u32,
    /// What happens.
    pub act: Act,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// An error with Graph's envelope.
    Answer {
        /// HTTP status.
        status: u16,
        /// `Retry-After` in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// `error.code`; a usual one for the status if it is missing.
        #[serde(default)]
        code: Option<String>,
        /// The request is carried out all the same.
        #[serde(default)]
        processed: bool,
    },
    /// The connection is closed, nothing was done.
    CloseBefore,
    /// The request is carried out, then the connection is closed without an answer.
    CloseAfter,
    /// Time passes before the request is looked at.
    Delay {
        /// How much.
        seconds: u64,
    },
    /// The request is carried out; the answer has the right status and a body that is no JSON.
    Garbage,
    /// An answer of two megabytes.
    Oversize,
    /// The answer points elsewhere.
    Redirect {
        /// Where to.
        location: String,
    },
    /// 401 with a claims challenge, as Conditional Access gives it; every token has to answer it from then on.
    ClaimsChallenge,
    /// A refusal in the sign-in host's own form.
    SignInError {
        /// HTTP status.
        #[serde(default = "bad_request")]
        status: u16,
        /// The member `error`.
        error: String,
        /// The AADSTS code; 0 for none.
        #[serde(default)]
        code: u32,
        /// What the next sign-in has to answer, as JSON.
        #[serde(default)]
        claims: Option<String>,
    },
}

fn bad_request() -> u16 {
    400
}

fn first() -> u32 {
    1
}

impl Fault {
    /// `act` at the first call of `method` whose path matches.
    pub fn once(method: &str, path: &str, act: Act) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), call: 1, times: 1, act }
    }

    /// `act` at every call of `method` whose path matches.
    pub fn always(method: &str, path: &str, act: Act) -> Self {
        Self { times: 0, ..Self::once(method, path, act) }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method)) && glob(&self.path, path)
    }
}

impl Act {
    /// A refusal in the sign-in host's own form.
    pub fn sign_in_error(status: u16, error: &str, code: u32) -> Self {
        Self::SignInError { status, error: error.to_owned(), code, claims: None }
    }

    /// An error with this status and nothing special.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, retry_after: None, code: None, processed: false }
    }

    /// 429 with this `Retry-After`.
    pub fn throttled(retry_after: Option<u64>) -> Self {
        Self::Answer { status: 429, retry_after, code: None, processed: false }
    }
}

/// The faults of a tenant with their counts.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<(Fault, u32)>);

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Self {
        Self(faults.iter().map(|fault| (fault.clone(), 0)).collect())
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the call with every fault that matches and gives the first that is due.
    pub(super) fn due(&mut self, method: &str, path: &str) -> Option<Act> {
        let mut due = None;
        for (fault, seen) in self.0.iter_mut().filter(|(fault, _)| fault.matches(method, path)) {
            *seen = seen.saturating_add(1);
            let last = if fault.times == 0 { u32::MAX } else { fault.call.saturating_add(fault.times).saturating_sub(1) };
            if due.is_none() && (fault.call..=last).contains(seen) {
                due = Some(fault.act.clone());
            }
        }
        due
    }
}

/// Whether `text` has the form of `pattern`, in which `*` stands for any text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| rest.get(at..).is_some_and(|rest| glob(tail, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, fits) in [
            ("*", "/a", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("*/fido2Methods", "/v1.0/users/1/authentication/fido2Methods", true),
            ("*/fido2Methods", "/v1.0/users/1/authentication/fido2Methods/x", false),
            ("*/fido2Methods/*", "/v1.0/users/1/authentication/fido2Methods/x", true),
            ("/v1.0/*/token", "/contoso/oauth2/v2.0/token", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn counting() {
        let second = Fault { call: 2, times: 2, ..Fault::once("GET", "*", Act::CloseBefore) };
        let mut faults = Faults::new(&[second]);
        let seen: Vec<bool> = (0..5).map(|_| faults.due("GET", "/x").is_some()).collect();
        assert_eq!(seen, [false, true, true, false, false]);
        assert_eq!(faults.due("POST", "/x"), None);
    }
}
