//! The one place that talks HTTP: bounded answers, no redirects, https only, and the waits between tries.

use std::error::Error as _;
use std::fmt;
use std::io::Read;
use std::sync::Once;
use std::time::Duration;

use rand::CryptoRng;
use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Url, redirect, retry};
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::identity::IdentityError;
use crate::identity::entra::guid::guid;
use crate::identity::entra::profile::{Hosts, check_scheme, wrong};
use crate::identity::entra::reply::tame;
use crate::identity::entra::retry::{LONGEST_WAIT, Repeat, TRIES, back_off, retry_after};
use crate::secret::SecretText;

/// Longest answer that is read; creation options of a user with many passkeys have about 20 kB.
const MAX_BODY: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);
/// A person may need minutes between two calls; a connection that old is often dead without knowing it.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);

/// What the adapter needs from outside.
pub struct Tools {
    /// Time and waiting.
    pub clock: SharedClock,
    /// Randomness for request ids and for the jitter of waits.
    pub rng: Box<dyn CryptoRng + Send>,
    /// Told before each wait how long it is, so that a person can be told too.
    pub on_pause: Box<dyn FnMut(Duration) + Send>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// An answer, whatever its status.
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// `Retry-After`, as a time from now.
    pub(super) retry_after: Option<Duration>,
    /// `request-id` of the answer's head, or empty.
    pub(super) request_id: String,
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

/// What is sent along.
pub(super) enum Body {
    Empty,
    Json(Vec<u8>),
    Form(Vec<(&'static str, Zeroizing<String>)>),
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) bearer: Option<&'a SecretText>,
    pub(super) body: &'a Body,
}

/// The client with everything that it needs to wait and try again.
pub(super) struct Http {
    client: Client,
    pub(super) tools: Tools,
}

impl Http {
    pub(super) fn new(hosts: &Hosts, tools: Tools) -> Result<Self, IdentityError> {
        install_tls_provider();
        let mut builder = Client::builder()
            .user_agent(concat!("keywright/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_idle_timeout(IDLE_CONNECTION);
        if hosts.both_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| wrong(format!("the HTTPS client cannot be set up: {}", chain(&error))))?;
        Ok(Self { client, tools })
    }

    /// Makes a call, again where `repeat` allows it, and gives the last answer.
    pub(super) fn call(&mut self, call: &Call<'_>, repeat: Repeat) -> Result<Answer, Lost> {
        let mut number = 1_u32;
        loop {
            let outcome = self.once(call);
            let wait = match &outcome {
                Ok(answer) if repeat.again(answer.status) => answer.retry_after,
                Err(Lost::NotSent(IdentityError::Network(_)) | Lost::InFlight(IdentityError::Network(_)))
                    if repeat == Repeat::Safe =>
                {
                    None
                }
                _ => return outcome,
            };
            let wait = wait.unwrap_or_else(|| back_off(number, &mut *self.tools.rng));
            if number >= TRIES || wait > LONGEST_WAIT {
                return outcome;
            }
            self.pause(wait);
            number = number.saturating_add(1);
        }
    }

    /// Says so and waits.
    pub(super) fn pause(&mut self, wait: Duration) {
        (self.tools.on_pause)(wait);
        self.tools.clock.sleep(wait);
    }

    /// Makes a call once.
    pub(super) fn once(&mut self, call: &Call<'_>) -> Result<Answer, Lost> {
        let id = guid(&mut *self.tools.rng);
        let started = self.tools.clock.monotonic();
        let outcome = self.send(call, &id, started);
        let path = call.url.path();
        let ending = match &outcome {
            Ok(answer) => format!("{} (request-id {})", answer.status, tame(&answer.request_id)),
            Err(Lost::NotSent(error)) => format!("not sent, {error}"),
            Err(Lost::InFlight(error)) => format!("no answer, {error}"),
        };
        log::debug!(target: "keywright::entra", "{} {path}: {ending} (client-request-id {id})", call.method);
        outcome
    }

    fn send(&self, call: &Call<'_>, id: &str, started: Duration) -> Result<Answer, Lost> {
        check_scheme(call.url).map_err(|()| Lost::NotSent(wrong("only https is spoken, save to this machine")))?;
        let mut request = self
            .client
            .request(call.method.clone(), call.url.clone())
            .header("client-request-id", id)
            .header("accept", "application/json");
        if let Some(token) = call.bearer {
            let text = Zeroizing::new(format!("Bearer {}", token.expose()));
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                Lost::NotSent(IdentityError::Malformed("the access token has characters that no header may hold".into()))
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request = match call.body {
            Body::Empty => request,
            Body::Json(bytes) => request.header(CONTENT_TYPE, "application/json").body(bytes.clone()),
            Body::Form(fields) => request.form(&fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()),
        };
        let mut response = request.send().map_err(lost)?;
        let body = self.read_body(&mut response, started).map_err(Lost::InFlight)?;
        let now = self.tools.clock.now();
        Ok(Answer {
            status: response.status().as_u16(),
            retry_after: text(response.headers(), RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)),
            request_id: text(response.headers(), "request-id").unwrap_or_default().to_owned(),
            body,
        })
    }

    /// The client's own limit counts for each piece, so a server that drips is stopped here.
    fn read_body(&self, response: &mut Response, started: Duration) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
        let mut body = Zeroizing::new(Vec::with_capacity(16 * 1024));
        let mut piece = Zeroizing::new([0_u8; 8 * 1024]);
        loop {
            let length = response
                .read(&mut piece[..])
                .map_err(|error| IdentityError::Network(format!("the answer broke off: {error}")))?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
                return Ok(body);
            };
            if body.len().saturating_add(length) > MAX_BODY {
                return Err(IdentityError::Malformed(format!("an answer of more than {MAX_BODY} bytes")));
            }
            body.extend_from_slice(bytes);
            if self.tools.clock.monotonic().saturating_sub(started) > TOTAL_TIMEOUT {
                return Err(IdentityError::Network("the answer took longer than a minute".into()));
            }
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
fn chain(error: &reqwest::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line = format!("{line}: {inner}");
        cause = inner.source();
    }
    tame(&line)
}

/// The TLS library wants its cryptography named once in a process.
fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            log::debug!(target: "keywright::entra", "another TLS provider was there first");
        }
    });
}
