//! Graph's error envelope, read leniently, and the errors that statuses stand for.

use std::time::Duration;

use serde::Deserialize;

use crate::identity::entra::http::Answer;
use crate::identity::{IdentityError, Reply};

/// Longest part of a provider's text that is kept.
const MAX_TEXT: usize = 600;

#[derive(Default, Deserialize)]
struct Envelope {
    error: Option<ErrorBody>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    code: Option<String>,
    message: Option<String>,
    #[serde(rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Inner {
    #[serde(rename = "request-id")]
    request_id: Option<String>,
}

/// What an answer says in words. The second value tells whether it is the provider's own envelope.
pub(super) fn read(answer: &Answer) -> (Reply, bool) {
    let body = serde_json::from_slice::<Envelope>(&answer.body).ok().and_then(|envelope| envelope.error);
    let from_provider = body.is_some();
    let body = body.unwrap_or_default();
    let inner_id = body.inner.and_then(|inner| inner.request_id).unwrap_or_default();
    let request_id = if answer.request_id.is_empty() { inner_id } else { answer.request_id.clone() };
    let reply = Reply {
        status: answer.status,
        code: tame(&body.code.unwrap_or_default()),
        message: tame(&body.message.unwrap_or_default()),
        request_id: tame(&request_id),
    };
    (reply, from_provider)
}

/// Text from outside as it may stand in a line on a terminal: no control characters, not too long.
pub(super) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_TEXT).collect::<String>().trim().to_owned()
}

/// The error that an answer without success stands for.
pub(super) fn error(answer: &Answer) -> IdentityError {
    let (reply, _) = read(answer);
    match answer.status {
        300..=399 => IdentityError::Malformed(format!(
            "HTTP {}: the tenant points to another address, which is not followed",
            answer.status
        )),
        401 => IdentityError::Unauthorized(reply),
        403 => IdentityError::Forbidden(reply),
        404 => IdentityError::NotFound(reply),
        405 => IdentityError::NotOffered(reply),
        429 => IdentityError::Throttled { reply, retry_after: answer.retry_after.unwrap_or(Duration::ZERO) },
        500..=599 => IdentityError::Unavailable(reply),
        100..=299 => IdentityError::Malformed(format!("HTTP {} where something else was due", answer.status)),
        _ => IdentityError::Refused(reply),
    }
}

/// Reads a body as JSON; unknown members are no error.
pub(super) fn json<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, IdentityError> {
    // The reader's own message may quote what it read; the place is enough.
    serde_json::from_slice(&answer.body).map_err(|error| {
        let request =
            if answer.request_id.is_empty() { String::new() } else { format!(" (request-id {})", tame(&answer.request_id)) };
        IdentityError::Malformed(format!(
            "not the JSON that was due, at line {} column {}{request}",
            error.line(),
            error.column()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec().into(), ..Answer::default() }
    }

    #[test]
    fn envelopes_of_all_kinds() {
        for (body, code, id, own) in [
            (
                include_str!("../../../tests/data/graph/error-405-methodNotAllowed.captured.json"),
                "methodNotAllowed",
                "b8090437-0868-45d4-a511-0977e3237ee0",
                true,
            ),
            (include_str!("../../../tests/data/graph/error-403-selfService.captured.json"), "accessDenied", "", true),
            (r#"{"error":{"code":"","message":"m","innererror":{"request-id":"x"}}}"#, "", "x", true),
            (r#"{"error":{"code":null,"innerError":null}}"#, "", "", true),
            (r#"{"error":"invalid_client"}"#, "", "", false),
            ("<html>proxy</html>", "", "", false),
            ("", "", "", false),
        ] {
            let (reply, from_provider) = read(&answer(405, body));
            assert_eq!((reply.code.as_str(), reply.request_id.as_str(), from_provider), (code, id, own), "{body}");
        }
    }

    #[test]
    fn text_from_outside_is_tamed() {
        let (reply, _) =
            read(&answer(400, &format!("{{\"error\":{{\"code\":\"a\\u001b[31mb\",\"message\":\"{}\"}}}}", "x".repeat(5000))));
        assert_eq!(reply.code, "a [31mb");
        assert_eq!(reply.message.len(), MAX_TEXT);
    }
}
