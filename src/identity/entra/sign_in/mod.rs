//! Signing in: the one access token of a tenant and an application (or a person), where it comes from and how long it
//! lives. Threads share it: while one renews it, the others wait for that.

mod application;
mod grant;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::http::{Answer, Body, Call, Http, Lost};
use crate::identity::entra::profile::{Profile, wrong};
use crate::identity::entra::retry::LONGEST_WAIT;
use crate::identity::entra::sign_in::application::Application;
use crate::identity::entra::sign_in::grant::Grant;
use crate::identity::entra::{challenge, throttle};
use crate::secret::SecretText;

/// A token is renewed so long before its end, so that no call meets the end on its way.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// Pause before the one second try after a 5xx of the token endpoint.
const TOKEN_PAUSE: Duration = Duration::from_secs(1);

type Form = Vec<(&'static str, Zeroizing<String>)>;

/// A sign-in that several clients share.
#[derive(Clone)]
pub(super) struct Session(Arc<Mutex<SignIn>>);

struct SignIn {
    endpoint: Endpoint,
    application: Application,
    scope: String,
    token: Option<Token>,
    /// What the next token has to answer, from a claims challenge.
    claims: Option<String>,
}

struct Token {
    text: Arc<SecretText>,
    /// Monotonic time from which on a new one is fetched.
    renew_at: Duration,
}

impl Session {
    /// Reads the secret or the certificate of the profile. `handed_in` is a secret from elsewhere and goes first.
    pub(super) fn new(profile: &mut Profile, handed_in: Option<SecretText>) -> Result<Self, IdentityError> {
        let hosts = profile.hosts()?;
        let application = Application::new(profile, handed_in)?;
        let endpoint = Endpoint::new(&hosts.authority, &profile.tenant, &profile.client_id)?;
        let scope = format!("{}/.default", hosts.graph.as_str().trim_end_matches('/'));
        Ok(Self(Arc::new(Mutex::new(SignIn { endpoint, application, scope, token: None, claims: None }))))
    }

    /// The token, fetched when there is none or when it ends soon.
    pub(super) fn token(&self, http: &mut Http) -> Result<Arc<SecretText>, IdentityError> {
        let mut sign_in = self.lock();
        let now = http.tools.clock.monotonic();
        if let Some(token) = sign_in.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(Arc::clone(&token.text));
        }
        let token = sign_in.fetch(http)?;
        sign_in.claims = None;
        Ok(Arc::clone(&sign_in.token.insert(token).text))
    }

    /// Drops a token that the tenant no longer accepts, unless another thread has renewed it already, and keeps what the
    /// next one has to answer.
    pub(super) fn refused(&self, token: &Arc<SecretText>, claims: Option<String>) {
        let mut sign_in = self.lock();
        if sign_in.token.as_ref().is_some_and(|held| Arc::ptr_eq(&held.text, token)) {
            sign_in.token = None;
            sign_in.claims = claims;
        }
    }

    /// Drops whatever token there is.
    pub(super) fn drop_token(&self, claims: Option<String>) {
        let mut sign_in = self.lock();
        sign_in.token = None;
        sign_in.claims = claims;
    }

    fn lock(&self) -> MutexGuard<'_, SignIn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignIn {
    fn fetch(&self, http: &mut Http) -> Result<Token, IdentityError> {
        let asked = http.tools.clock.monotonic();
        let claims = challenge::parameter(self.claims.as_deref());
        let answer = self.endpoint.ask(http, |http| {
            let mut form = self.application.form(http, &self.endpoint)?;
            form.push(("scope", Zeroizing::new(self.scope.clone())));
            form.push(("claims", Zeroizing::new(claims.clone())));
            Ok(form)
        })?;
        Ok(Token::of(grant::granted(&answer)?, asked))
    }
}

impl Token {
    fn of(grant: Grant, asked: Duration) -> Self {
        let half = Duration::from_secs(grant.life.as_secs() / 2);
        let useful = grant.life.saturating_sub(RENEW_BEFORE).max(half);
        Self { text: Arc::new(grant.access), renew_at: asked.saturating_add(useful) }
    }
}

/// The token endpoint of a tenant, asked by one application.
struct Endpoint {
    url: Url,
    client_id: String,
}

impl Endpoint {
    fn new(authority: &Url, tenant: &str, client_id: &str) -> Result<Self, IdentityError> {
        let mut url = authority.clone();
        let mut path = url.path_segments_mut().map_err(|()| wrong("authority cannot have a path"))?;
        path.extend([tenant, "oauth2", "v2.0", "token"]);
        drop(path);
        Ok(Self { url, client_id: client_id.to_owned() })
    }

    /// Its name at the gate.
    fn place(&self) -> String {
        format!("{} {}", self.url, self.client_id)
    }

    /// Asks for a token: once more after a failure of the server's, and not at all while it wants to be left alone. Only
    /// for grants that may be asked for twice.
    fn ask(
        &self,
        http: &mut Http,
        mut form: impl FnMut(&mut Http) -> Result<Form, IdentityError>,
    ) -> Result<Answer, IdentityError> {
        let mut second_try = false;
        loop {
            let fields = form(http)?;
            let outcome = self.post(http, fields);
            let pause = match &outcome {
                Ok(Answer { status: 500..=599, retry_after, .. }) => retry_after.unwrap_or(TOKEN_PAUSE),
                Ok(Answer { status: 429, retry_after: Some(wait), .. }) => *wait,
                Err(Lost::NotSent(IdentityError::Network(_)) | Lost::InFlight(IdentityError::Network(_))) => TOKEN_PAUSE,
                _ => Duration::MAX,
            };
            if second_try || pause > LONGEST_WAIT {
                let answer = outcome.map_err(Lost::into_error)?;
                self.heed(http, &answer);
                return Ok(answer);
            }
            second_try = true;
            http.pause(pause)?;
        }
    }

    /// Posts a form once, unless the gate is closed.
    fn post(&self, http: &mut Http, mut fields: Form) -> Result<Answer, Lost> {
        if let Some((_, error)) = http.tools.gate.closed(&self.place(), http.tools.clock.monotonic()) {
            return Err(Lost::NotSent(error));
        }
        fields.push(("client_id", Zeroizing::new(self.client_id.clone())));
        http.once(&Call { method: Method::POST, url: &self.url, secrets: Vec::new(), body: &Body::Form(fields) }, true)
    }

    /// Closes the gate after an answer that calls for it.
    fn heed(&self, http: &Http, answer: &Answer) {
        let wait = match (answer.status, answer.retry_after) {
            (429 | 500..=599, Some(wait)) => wait,
            (500..=599, None) => throttle::FAILED,
            (400..=499, _) if grant::wants_person(answer) => throttle::NEEDS_PERSON,
            _ => return,
        };
        http.tools.gate.close(&self.place(), http.tools.clock.monotonic(), wait, grant::denied(answer));
    }
}
