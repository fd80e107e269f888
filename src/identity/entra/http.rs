//! The one place that talks HTTP: no redirects, https only, the gate of each host, and the waits between tries.

use std::sync::Once;
use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder, RequestBuilder};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url, redirect, retry};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::exchange::{TOTAL_TIMEOUT, chain, exchange};
use crate::identity::entra::guid::guid;
use crate::identity::entra::profile::{check_scheme, is_link_local, is_loopback, wrong};
use crate::identity::entra::reply::{self, tame};
use crate::identity::entra::retry::{LONGEST_WAIT, Repeat, TRIES, back_off};
use crate::identity::entra::tools::Tools;
use crate::secret::SecretText;

pub(super) use crate::identity::entra::exchange::{Answer, Lost};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A person may need minutes between two calls; a connection that old is often dead without knowing it.
const IDLE_CONNECTION: Duration = Duration::from_secs(5);
/// A wait is cut into such pieces, so that a stop request is heard between them.
const STEP: Duration = Duration::from_millis(100);

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
    /// Headers beside the usual ones; their values are secrets.
    pub(super) secrets: Vec<(HeaderName, &'a str)>,
    pub(super) body: &'a Body,
}

impl<'a> Call<'a> {
    /// A call with an access token.
    pub(super) fn with_token(method: Method, url: &'a Url, token: &'a Zeroizing<String>, body: &'a Body) -> Self {
        Self { method, url, secrets: vec![(AUTHORIZATION, token.as_str())], body }
    }
}

/// The `Authorization` header of a token.
pub(super) fn bearer(token: &SecretText) -> Zeroizing<String> {
    Zeroizing::new(format!("Bearer {}", token.expose()))
}

/// The client with everything that it needs to wait and try again.
pub(super) struct Http {
    clients: Clients,
    pub(super) tools: Tools,
}

/// Connections, shared by all threads.
#[derive(Clone)]
pub(super) struct Clients {
    /// Through the system's proxy, where it has one.
    proxied: Client,
    /// For this machine and for the metadata service, which no proxy can reach.
    direct: Client,
}

impl Clients {
    pub(super) fn new() -> Result<Self, IdentityError> {
        install_tls_provider();
        let built = |builder: ClientBuilder| {
            builder.build().map_err(|error| wrong(format!("the HTTPS client cannot be set up: {}", chain(&error))))
        };
        Ok(Self { proxied: built(builder())?, direct: built(builder().no_proxy())? })
    }

    fn of(&self, url: &Url) -> &Client {
        if is_loopback(url) || is_link_local(url) { &self.direct } else { &self.proxied }
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("keywright/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
}

impl Http {
    pub(super) fn new(clients: Clients, tools: Tools) -> Self {
        Self { clients, tools }
    }

    /// The client for calls to this address.
    pub(super) fn client_of(&self, url: &Url) -> &Client {
        self.clients.of(url)
    }

    /// The connections, for another thread's client.
    pub(super) fn clients(&self) -> Clients {
        self.clients.clone()
    }

    /// Makes a call, again where `repeat` allows it, and gives the last answer. A host that asked to be left alone is: for
    /// a short time by waiting, for a longer one by an error without a call.
    pub(super) fn call(&mut self, call: &Call<'_>, repeat: Repeat) -> Result<Answer, Lost> {
        let place = call.url.origin().ascii_serialization();
        let mut number = 1_u32;
        loop {
            self.pass_gate(&place)?;
            let outcome = self.once(call, repeat == Repeat::Safe);
            if let Ok(answer @ Answer { status: 429 | 503 | 504, retry_after: Some(wait), .. }) = &outcome {
                let now = self.tools.clock.monotonic();
                self.tools.gate.close(&place, now, *wait, reply::error(answer));
            }
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
            // What calls for another try was not carried out, or may be carried out twice.
            self.pause(wait).map_err(Lost::NotSent)?;
            number = number.saturating_add(1);
        }
    }

    fn pass_gate(&mut self, place: &str) -> Result<(), Lost> {
        loop {
            let Some((left, error)) = self.tools.gate.closed(place, self.tools.clock.monotonic()) else { return Ok(()) };
            if left > LONGEST_WAIT {
                return Err(Lost::NotSent(error));
            }
            self.pause(left).map_err(Lost::NotSent)?;
        }
    }

    /// Says so and waits.
    ///
    /// # Errors
    /// [`IdentityError::Interrupted`] as soon as the stop is requested.
    pub(super) fn pause(&mut self, wait: Duration) -> Result<(), IdentityError> {
        (self.tools.on_pause)(wait);
        self.wait(wait)
    }

    /// Waits without a word.
    pub(super) fn wait(&self, wait: Duration) -> Result<(), IdentityError> {
        let end = self.tools.clock.monotonic().saturating_add(wait);
        loop {
            if self.tools.cancel.requested() {
                return Err(IdentityError::Interrupted);
            }
            let left = end.saturating_sub(self.tools.clock.monotonic());
            if left.is_zero() {
                return Ok(());
            }
            self.tools.clock.sleep(left.min(STEP));
        }
    }

    /// Makes a call once. One that is `losable` ends with a stop request; any other is waited for.
    pub(super) fn once(&mut self, call: &Call<'_>, losable: bool) -> Result<Answer, Lost> {
        let id = guid(&mut *self.tools.rng);
        let outcome = self
            .request(call, &id)
            .map_err(Lost::NotSent)
            .and_then(|request| exchange(request, &self.tools.clock, losable.then_some(&self.tools.cancel)));
        let path = call.url.path();
        let ending = match &outcome {
            Ok(answer) => format!("{} (request-id {})", answer.status, tame(&answer.request_id)),
            Err(Lost::NotSent(error)) => format!("not sent, {error}"),
            Err(Lost::InFlight(error)) => format!("no answer, {error}"),
        };
        log::debug!(target: "keywright::entra", "{} {path}: {ending} (client-request-id {id})", call.method);
        outcome
    }

    fn request(&self, call: &Call<'_>, id: &str) -> Result<RequestBuilder, IdentityError> {
        if check_scheme(call.url).is_err() && !is_link_local(call.url) {
            return Err(wrong("only https is spoken, save to this machine and its metadata service"));
        }
        let client = self.clients.of(call.url);
        let mut request = client
            .request(call.method.clone(), call.url.clone())
            .header("client-request-id", id)
            .header("accept", "application/json");
        // Counts come from an index only, which has to be asked for.
        if call.url.path().ends_with("/$count") {
            request = request.header("consistencylevel", "eventual");
        }
        for (name, secret) in &call.secrets {
            let mut value = HeaderValue::from_str(secret)
                .map_err(|_| IdentityError::Malformed("the access token has characters that no header may hold".into()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        Ok(match call.body {
            Body::Empty => request,
            Body::Json(bytes) => request.header(CONTENT_TYPE, "application/json").body(bytes.clone()),
            Body::Form(fields) => request.form(&fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()),
        })
    }
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
