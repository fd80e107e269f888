//! One request and its answer, on a thread of its own so that a stop request is heard while the network is silent.

use std::error::Error as _;
use std::io::Read as _;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::header::{HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::ctap::Cancel;
use crate::identity::IdentityError;
use crate::identity::entra::challenge;
use crate::identity::entra::reply::tame;
use crate::identity::entra::retry::retry_after;

/// Longest answer that is read; creation options of a user with many passkeys have about 20 kB.
const MAX_BODY: usize = 1 << 20;
/// Longest time for one request with its answer.
pub(super) const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);
/// How soon a stop request is heard.
const STEP: Duration = Duration::from_millis(50);

/// An answer, whatever its status.
#[derive(Clone, Default)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// `Retry-After`, as a time from now.
    pub(super) retry_after: Option<Duration>,
    /// `request-id` of the answer's head, or empty.
    pub(super) request_id: String,
    /// What a claims challenge asks of the next token, as JSON.
    pub(super) claims: Option<String>,
    /// The body, whole. Wiped, since tokens come in one.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Lost {
    /// Nothing was sent.
    NotSent(IdentityError),
    /// It may have been received and acted upon.
    InFlight(IdentityError),
}

impl Lost {
    pub(super) fn into_error(self) -> IdentityError {
        match self {
            Self::NotSent(error) | Self::InFlight(error) => error,
        }
    }
}

/// Sends and reads. With `cancel` a stop request ends the waiting; the request itself may still arrive.
pub(super) fn exchange(request: RequestBuilder, clock: &SharedClock, cancel: Option<&Cancel>) -> Result<Answer, Lost> {
    let Some(cancel) = cancel else { return send(request, clock) };
    if cancel.requested() {
        return Err(Lost::NotSent(IdentityError::Interrupted));
    }
    let (done, outcome) = mpsc::channel();
    let clock = SharedClock::clone(clock);
    let thread = thread::Builder::new().name("tenant call".into()).spawn(move || {
        // Nobody listens any more after a stop request.
        let _ = done.send(send(request, &clock));
    });
    if let Err(error) = thread {
        return Err(Lost::NotSent(IdentityError::Network(format!("no thread for a call: {error}"))));
    }
    loop {
        match outcome.recv_timeout(STEP) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Timeout) if cancel.requested() => return Err(Lost::InFlight(IdentityError::Interrupted)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Lost::InFlight(IdentityError::Network("the call ended without an outcome".into())));
            }
        }
    }
}

fn send(request: RequestBuilder, clock: &SharedClock) -> Result<Answer, Lost> {
    let started = clock.monotonic();
    let mut response = request.send().map_err(lost)?;
    let body = read_body(&mut response, clock, started).map_err(Lost::InFlight)?;
    let now = clock.now();
    let headers = response.headers();
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        retry_after: text(headers, RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)),
        request_id: text(headers, "request-id").unwrap_or_default().to_owned(),
        claims: challenge::claims(challenges),
        body,
    })
}

/// The client's own limit counts for each piece, so a server that drips is stopped here.
fn read_body(response: &mut Response, clock: &SharedClock, started: Duration) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let mut piece = Zeroizing::new([0_u8; 8 * 1024]);
    loop {
        let length =
            response.read(&mut piece[..]).map_err(|error| IdentityError::Network(format!("the answer broke off: {error}")))?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return Ok(body);
        };
        if body.len().saturating_add(length) > MAX_BODY {
            return Err(IdentityError::Malformed(format!("an answer of more than {MAX_BODY} bytes")));
        }
        body.extend_from_slice(bytes);
        if clock.monotonic().saturating_sub(started) > TOTAL_TIMEOUT {
            return Err(IdentityError::Network("the answer took longer than a minute".into()));
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn lost(error: reqwest::Error) -> Lost {
    let not_sent = error.is_connect() || error.is_builder();
    let network = IdentityError::Network(chain(&error.without_url()));
    if not_sent { Lost::NotSent(network) } else { Lost::InFlight(network) }
}

/// The error and its causes in one line.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    tame(&line)
}
