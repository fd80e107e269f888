//! Answers of the token endpoint: what was granted, or why not.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::identity::entra::aadsts;
use crate::identity::entra::http::Answer;
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, Reply, SignInRefusal, SignInTrouble};
use crate::secret::SecretText;

/// Tokens that can be revoked live up to 28 hours; nothing sensible lives longer than this.
const LONGEST_LIFE: Duration = Duration::from_hours(48);

/// What was granted.
pub(super) struct Grant {
    /// The access token.
    pub(super) access: SecretText,
    /// How long it lives.
    pub(super) life: Duration,
    /// The refresh token that takes the place of the one before, if a person signed in.
    pub(super) refresh: Option<SecretText>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "secret")]
    access_token: SecretText,
    /// A number, or a number as text.
    #[serde(default)]
    expires_in: serde_json::Value,
    /// Seconds of the Unix epoch, likewise; some answers have nothing else.
    #[serde(default)]
    expires_on: serde_json::Value,
    #[serde(default, deserialize_with = "optional_secret")]
    refresh_token: Option<SecretText>,
}

/// A refusal as the sign-in host writes it (RFC 6749 section 5.2, and Microsoft's members).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    trace_id: String,
    claims: String,
}

/// A text that is a secret.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
    String::deserialize(deserializer).map(SecretText::new)
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()).map(SecretText::new))
}

/// A number, or a number as text.
pub(super) fn number(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The token of an answer at `now`, or the error that it is.
pub(super) fn granted(answer: &Answer, now: Timestamp) -> Result<Grant, IdentityError> {
    if answer.status != 200 {
        return Err(denied(answer));
    }
    // The reader's own message may quote the body, and this body is a token.
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| IdentityError::Malformed("the sign-in host's answer holds no access token".into()))?;
    let until = || number(&granted.expires_on)?.checked_sub(u64::try_from(now.as_second()).ok()?);
    let seconds = number(&granted.expires_in).or_else(until).unwrap_or(0);
    Ok(Grant {
        access: granted.access_token,
        life: Duration::from_secs(seconds).min(LONGEST_LIFE),
        refresh: granted.refresh_token,
    })
}

/// The `error` of a refusal.
pub(super) fn word(answer: &Answer) -> String {
    read(answer).error
}

/// What a refusal asks the next sign-in to answer, as JSON.
pub(super) fn claims(answer: &Answer) -> Option<String> {
    Some(read(answer).claims).filter(|claims| !claims.is_empty())
}

/// Whether the answer says that only a person can go on: asking again the same way is no use.
pub(super) fn wants_person(answer: &Answer) -> bool {
    matches!(word(answer).as_str(), "invalid_grant" | "interaction_required" | "login_required" | "consent_required")
}

/// The error that a refusal is.
pub(super) fn denied(answer: &Answer) -> IdentityError {
    refusal(answer, &read(answer))
}

/// The error that a refusal through the browser is (OAuth 2.0 section 4.1.2.1).
pub(super) fn denied_by_redirect(error: &str, description: &str) -> IdentityError {
    let body = Denied { error: error.to_owned(), error_description: description.to_owned(), ..Denied::default() };
    refusal(&Answer { status: 400, ..Answer::default() }, &body)
}

fn refusal(answer: &Answer, body: &Denied) -> IdentityError {
    let code = body.error_codes.first().copied().or_else(|| aadsts::code_in(&body.error_description));
    let first_line = tame(body.error_description.lines().next().unwrap_or_default());
    let reply = Reply {
        status: answer.status,
        code: tame(&body.error),
        message: first_line.clone(),
        request_id: tame(if body.trace_id.is_empty() { &answer.request_id } else { &body.trace_id }),
    };
    match (answer.status, code) {
        (429, _) => return IdentityError::Throttled { reply, retry_after: answer.retry_after.unwrap_or(Duration::ZERO) },
        (500..=599, _) => return IdentityError::Unavailable(reply),
        (_, Some(code)) if aadsts::is_passing(code) => return IdentityError::Unavailable(reply),
        (300..=399, _) => {
            let status = answer.status;
            let sentence = format!("HTTP {status}: the sign-in host points to another address, which is not followed");
            return IdentityError::Malformed(sentence);
        }
        _ => {}
    }
    let known = code.and_then(aadsts::meaning);
    let trouble = known.map_or_else(|| of_word(&body.error), |(trouble, _)| trouble);
    let sentence = match (code, known) {
        (Some(code), Some((_, sentence))) => format!("{sentence} (AADSTS{code})"),
        _ if !first_line.is_empty() => first_line,
        _ => format!("the sign-in host answers HTTP {} {}", answer.status, tame(&body.error)).trim_end().to_owned(),
    };
    IdentityError::SignIn(Box::new(SignInRefusal { trouble, sentence, reply }))
}

/// What an `error` alone stands for.
fn of_word(error: &str) -> SignInTrouble {
    match error {
        "interaction_required"
        | "login_required"
        | "invalid_grant"
        | "expired_token"
        | "authorization_declined"
        | "access_denied" => SignInTrouble::Person,
        "consent_required" => SignInTrouble::Consent,
        "invalid_client" | "unauthorized_client" | "invalid_scope" | "unsupported_grant_type" => SignInTrouble::Application,
        _ => SignInTrouble::Other,
    }
}

fn read(answer: &Answer) -> Denied {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}
