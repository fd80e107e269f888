//! Signing in: the one access token of a tenant and an application (or a person), where it comes from and how long it
//! lives. Threads share it: while one renews it, the others wait for that.

mod application;
mod browser;
mod device;
mod grant;
mod listener;
mod managed;
mod person;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::http::{Answer, Body, Call, Http, Lost};
use crate::identity::entra::profile::{Hosts, Profile, Way, wrong};
use crate::identity::entra::retry::LONGEST_WAIT;
use crate::identity::entra::sign_in::application::Application;
use crate::identity::entra::sign_in::grant::Grant;
use crate::identity::entra::sign_in::managed::Managed;
use crate::identity::entra::sign_in::person::{Means, Person, Wish};
use crate::identity::entra::tools::Tools;
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
    party: Party,
    scope: String,
    token: Option<Token>,
    /// What the next token has to answer, from a claims challenge.
    claims: Option<String>,
}

/// Who signs in.
enum Party {
    Application(Application),
    Managed(Managed),
    Person(Person),
}

struct Token {
    text: Arc<SecretText>,
    /// Monotonic time from which on a new one is fetched.
    renew_at: Duration,
}

impl Session {
    /// Reads what the profile names. `handed_in` is a client secret from elsewhere and goes before that.
    pub(super) fn new(
        profile: &mut Profile,
        hosts: &Hosts,
        handed_in: Option<SecretText>,
        tools: &mut Tools,
    ) -> Result<Self, IdentityError> {
        let endpoint = Endpoint::new(&hosts.authority, &profile.tenant, &profile.client_id)?;
        let mut person = |means| {
            let vault = tools.vault.take();
            Party::Person(Person::new(means, &hosts.authority, &profile.tenant, &profile.client_id, vault))
        };
        let party = match profile.way() {
            Some(Way::Browser) => person(Means::Browser),
            Some(Way::DeviceCode) => person(Means::DeviceCode),
            Some(Way::ManagedIdentity) => Party::Managed(Managed::new(profile, &hosts.graph, tools.identity_header.take())?),
            _ => Party::Application(Application::new(profile, handed_in, &mut tools.certificate_password)?),
        };
        let mut scope = format!("{}/.default", hosts.graph.as_str().trim_end_matches('/'));
        if matches!(party, Party::Person(_)) {
            scope.push_str(" openid profile offline_access");
        }
        Ok(Self(Arc::new(Mutex::new(SignIn { endpoint, party, scope, token: None, claims: None }))))
    }

    /// Signs in anew: a person is asked even where a sign-in is remembered.
    pub(super) fn log_in(&self, http: &mut Http) -> Result<(), IdentityError> {
        let mut sign_in = self.lock();
        let token = sign_in.fetch(http, true)?;
        sign_in.claims = None;
        sign_in.token = Some(token);
        Ok(())
    }

    /// Forgets the sign-in, here and where it is kept. Tells whether there was one.
    pub(super) fn log_out(&self) -> Result<bool, IdentityError> {
        let mut sign_in = self.lock();
        let held = sign_in.token.take().is_some();
        match &mut sign_in.party {
            Party::Person(person) => person.sign_out().map(|kept| held || kept),
            Party::Application(_) | Party::Managed(_) => Ok(held),
        }
    }

    /// The token, fetched when there is none or when it ends soon.
    pub(super) fn token(&self, http: &mut Http) -> Result<Arc<SecretText>, IdentityError> {
        let mut sign_in = self.lock();
        let now = http.tools.clock.monotonic();
        if let Some(token) = sign_in.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(Arc::clone(&token.text));
        }
        let token = sign_in.fetch(http, false)?;
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
    /// A token; `anew` asks a person even where a sign-in is remembered.
    fn fetch(&mut self, http: &mut Http, anew: bool) -> Result<Token, IdentityError> {
        let asked = http.tools.clock.monotonic();
        let claims = challenge::parameter(self.claims.as_deref());
        let wish = Wish { endpoint: &self.endpoint, scope: &self.scope, claims: &claims };
        let grant = match &mut self.party {
            Party::Application(application) => {
                let answer = self.endpoint.ask(http, "application", |http| {
                    let mut fields = person::form(&wish, &[]);
                    fields.extend(application.form(http, &self.endpoint)?);
                    Ok(fields)
                })?;
                grant::granted(&answer, http.tools.clock.now())?
            }
            Party::Managed(managed) => managed.fetch(http)?,
            Party::Person(person) if anew => person.ask(http, &wish)?,
            Party::Person(person) => person.fetch(http, &wish)?,
        };
        Ok(Token::of(grant, asked))
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

    /// Another endpoint beside it.
    fn sibling(&self, name: &str) -> Result<Self, IdentityError> {
        let mut url = self.url.clone();
        url.path_segments_mut().map_err(|()| wrong("authority cannot have a path"))?.pop().push(name);
        Ok(Self { url, client_id: self.client_id.clone() })
    }

    /// Its name at the gate, for requests of one kind.
    fn place(&self, kind: &str) -> String {
        format!("{} {} {kind}", self.url, self.client_id)
    }

    /// Lets requests of a kind through again, since what was wanted was done.
    fn reopen(&self, http: &Http, kind: &str) {
        http.tools.gate.open(&self.place(kind));
    }

    /// Posts a form that can be posted twice: once more after a failure of the server's, and not at all while it wants to be
    /// left alone.
    fn ask(
        &self,
        http: &mut Http,
        kind: &str,
        mut form: impl FnMut(&mut Http) -> Result<Form, IdentityError>,
    ) -> Result<Answer, IdentityError> {
        let mut second_try = false;
        loop {
            let fields = form(http)?;
            let outcome = self.post(http, kind, fields);
            let pause = match &outcome {
                Ok(Answer { status: 500..=599, retry_after, .. }) => retry_after.unwrap_or(TOKEN_PAUSE),
                Ok(Answer { status: 429, retry_after: Some(wait), .. }) => *wait,
                Err(Lost::NotSent(IdentityError::Network(_)) | Lost::InFlight(IdentityError::Network(_))) => TOKEN_PAUSE,
                _ => Duration::MAX,
            };
            if second_try || pause > LONGEST_WAIT {
                let answer = outcome.map_err(Lost::into_error)?;
                self.heed(http, kind, &answer);
                return Ok(answer);
            }
            second_try = true;
            http.pause(pause)?;
        }
    }

    /// Posts a form once, unless the gate is closed.
    fn post(&self, http: &mut Http, kind: &str, mut fields: Form) -> Result<Answer, Lost> {
        if let Some((_, error)) = http.tools.gate.closed(&self.place(kind), http.tools.clock.monotonic()) {
            return Err(Lost::NotSent(error));
        }
        fields.push(("client_id", Zeroizing::new(self.client_id.clone())));
        http.once(&Call { method: Method::POST, url: &self.url, secrets: Vec::new(), body: &Body::Form(fields) }, true)
    }

    /// Closes the gate after an answer that calls for it.
    fn heed(&self, http: &Http, kind: &str, answer: &Answer) {
        let wait = match (answer.status, answer.retry_after) {
            (429 | 500..=599, Some(wait)) => wait,
            (500..=599, None) => throttle::FAILED,
            (400..=499, _) if grant::wants_person(answer) => throttle::NEEDS_PERSON,
            _ => return,
        };
        http.tools.gate.close(&self.place(kind), http.tools.clock.monotonic(), wait, grant::denied(answer));
    }
}
