//! App-only sign-in: client credentials with a secret or a certificate (OAuth 2.0 section 4.4). The token stays in memory.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Url};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::identity::entra::aadsts;
use crate::identity::entra::assertion::ClientCertificate;
use crate::identity::entra::guid::guid;
use crate::identity::entra::http::{Answer, Body, Call, Http};
use crate::identity::entra::profile::{Profile, wrong};
use crate::identity::entra::reply::tame;
use crate::identity::entra::retry::LONGEST_WAIT;
use crate::identity::{IdentityError, Reply};
use crate::secret::SecretText;

/// A token is renewed so long before its end, so that no call meets the end on its way.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// Tokens that can be revoked live up to 28 hours; nothing sensible lives longer than this.
const LONGEST_LIFE: Duration = Duration::from_hours(48);
/// Pause before the one second try after a 5xx of the token endpoint.
const TOKEN_PAUSE: Duration = Duration::from_secs(1);
/// Secrets and PEM files are small; anything larger is the wrong file.
const MAX_FILE: u64 = 128 * 1024;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

enum Proof {
    Secret(SecretText),
    Certificate(Box<ClientCertificate>),
}

struct Token {
    text: SecretText,
    /// Monotonic time from which on a new one is fetched.
    renew_at: Duration,
}

/// One application in one tenant for one scope, and its token.
pub(super) struct SignIn {
    token_url: Url,
    client_id: String,
    scope: String,
    proof: Proof,
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "secret")]
    access_token: SecretText,
    #[serde(default)]
    expires_in: serde_json::Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    trace_id: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
    String::deserialize(deserializer).map(SecretText::new)
}

impl SignIn {
    /// Reads the secret or the certificate of the profile. `handed_in` is a secret from elsewhere and goes first.
    pub(super) fn new(profile: &mut Profile, handed_in: Option<SecretText>) -> Result<Self, IdentityError> {
        let hosts = profile.hosts()?;
        let proof = match (handed_in, profile.client_secret.take(), &profile.client_secret_file, &profile.certificate) {
            (Some(secret), ..) | (None, Some(secret), ..) => Proof::Secret(secret),
            (None, None, Some(path), _) => Proof::Secret(secret_of(path)?),
            (None, None, None, Some(path)) => {
                Proof::Certificate(Box::new(ClientCertificate::from_pem(&read(path)?, profile.certificate_alg)?))
            }
            (None, None, None, None) => {
                return Err(wrong("it names neither client_secret_file nor certificate, and no secret was handed in"));
            }
        };
        let mut token_url = hosts.authority.clone();
        token_url.path_segments_mut().map_err(|()| wrong("authority cannot have a path"))?.extend([
            profile.tenant.as_str(),
            "oauth2",
            "v2.0",
            "token",
        ]);
        let scope = format!("{}/.default", hosts.graph.as_str().trim_end_matches('/'));
        Ok(Self { token_url, client_id: profile.client_id.clone(), scope, proof, token: None })
    }

    /// The token, fetched when there is none or when it ends soon.
    pub(super) fn token(&mut self, http: &mut Http) -> Result<&SecretText, IdentityError> {
        let now = http.tools.clock.monotonic();
        let fresh = match self.token.take().filter(|token| now < token.renew_at) {
            Some(token) => token,
            None => self.fetch(http)?,
        };
        Ok(&self.token.insert(fresh).text)
    }

    /// Drops a token that the tenant no longer accepts.
    pub(super) fn forget(&mut self) {
        self.token = None;
    }

    fn fetch(&self, http: &mut Http) -> Result<Token, IdentityError> {
        let mut second_try = false;
        loop {
            let asked = http.tools.clock.monotonic();
            let body = Body::Form(self.form(http)?);
            let outcome = http.once(&Call { method: Method::POST, url: &self.token_url, bearer: None, body: &body });
            let pause = match &outcome {
                Ok(Answer { status: 500..=599, retry_after, .. }) => retry_after.unwrap_or(TOKEN_PAUSE),
                Ok(Answer { status: 429, retry_after: Some(wait), .. }) => *wait,
                Err(_) => TOKEN_PAUSE,
                Ok(_) => Duration::MAX,
            };
            if second_try || pause > LONGEST_WAIT {
                return granted(&outcome.map_err(super::http::Lost::into_error)?, asked);
            }
            second_try = true;
            http.pause(pause);
        }
    }

    fn form(&self, http: &mut Http) -> Result<Vec<(&'static str, Zeroizing<String>)>, IdentityError> {
        let plain = |text: &str| Zeroizing::new(text.to_owned());
        let mut form = vec![
            ("client_id", plain(&self.client_id)),
            ("scope", plain(&self.scope)),
            ("grant_type", plain("client_credentials")),
        ];
        match &self.proof {
            Proof::Secret(secret) => form.push(("client_secret", plain(secret.expose()))),
            Proof::Certificate(certificate) => {
                let id = guid(&mut *http.tools.rng);
                let assertion = certificate.assertion(self.token_url.as_str(), &self.client_id, &id, http.tools.clock.now())?;
                form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
                form.push(("client_assertion", assertion));
            }
        }
        Ok(form)
    }
}

fn granted(answer: &Answer, asked: Duration) -> Result<Token, IdentityError> {
    if answer.status != 200 {
        return Err(denied(answer));
    }
    // The reader's own message may quote the body, and this body is a token.
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| IdentityError::Malformed("the sign-in host's answer holds no access token".into()))?;
    let seconds = granted.expires_in.as_u64().or_else(|| granted.expires_in.as_str()?.parse().ok()).unwrap_or(0);
    let seconds = seconds.min(LONGEST_LIFE.as_secs());
    let useful = Duration::from_secs(seconds.saturating_sub(RENEW_BEFORE.as_secs()).max(seconds / 2));
    Ok(Token { text: granted.access_token, renew_at: asked.saturating_add(useful) })
}

fn denied(answer: &Answer) -> IdentityError {
    let body: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body.error_codes.first().copied();
    let first_line = tame(body.error_description.lines().next().unwrap_or_default());
    let reply =
        Reply { status: answer.status, code: tame(&body.error), message: first_line.clone(), request_id: tame(&body.trace_id) };
    match (answer.status, code) {
        (429, _) => IdentityError::Throttled { reply, retry_after: answer.retry_after.unwrap_or(Duration::ZERO) },
        (500..=599, _) => IdentityError::Unavailable(reply),
        (_, Some(code)) if aadsts::is_passing(code) => IdentityError::Unavailable(reply),
        (300..=399, _) => IdentityError::Malformed(format!(
            "HTTP {}: the sign-in host points to another address, which is not followed",
            answer.status
        )),
        (_, Some(code)) => IdentityError::SignIn(match aadsts::meaning(code) {
            Some(sentence) => format!("{sentence} (AADSTS{code})"),
            None => first_line,
        }),
        (status, None) => {
            IdentityError::SignIn(format!("the sign-in host answers HTTP {status} {}", tame(&body.error)).trim_end().to_owned())
        }
    }
}

fn secret_of(path: &Path) -> Result<SecretText, IdentityError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong(format!("{} is not text", path.display())))?;
    let line = text.trim();
    if line.is_empty() || line.lines().count() > 1 {
        return Err(wrong(format!("{} has to hold the client secret and nothing else", path.display())));
    }
    Ok(SecretText::new(line))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let unreadable = |error: std::io::Error| wrong(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}
