//! A POST that is sent once: taken, refused, or nobody knows.

use reqwest::Url;
use serde::Serialize;

use crate::identity::entra::graph::Graph;
use crate::identity::entra::http::{Answer, Lost};
use crate::identity::entra::reply;
use crate::identity::{IdentityError, SendError};

/// Posts a body and gives an answer with success, or says which kind of failure it was.
pub(super) fn post(graph: &mut Graph, url: &Url, body: &impl Serialize) -> Result<Answer, SendError> {
    let json = serde_json::to_vec(body).map_err(|error| SendError::Refused(IdentityError::Malformed(error.to_string())))?;
    match graph.post(url, json) {
        Ok(answer) => settle(answer),
        Err(Lost::NotSent(error)) => Err(SendError::Refused(error)),
        Err(Lost::InFlight(error)) => Err(SendError::Unknown(error)),
    }
}

fn settle(answer: Answer) -> Result<Answer, SendError> {
    let (_, from_provider) = reply::read(&answer);
    match answer.status {
        200..=299 => Ok(answer),
        // These are decided before the body is looked at, so they are sure without the provider's envelope.
        401 | 429 => Err(SendError::Refused(reply::error(&answer))),
        408 => Err(SendError::Unknown(reply::error(&answer))),
        400..=499 if from_provider => Err(SendError::Refused(reply::error(&answer))),
        _ => Err(SendError::Unknown(reply::error(&answer))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_answers_are_sure() {
        let envelope = r#"{"error":{"code":"badRequest","message":"m"}}"#;
        for (status, body, refused) in [
            (400, envelope, true),
            (403, envelope, true),
            (404, envelope, true),
            (409, envelope, true),
            (401, "", true),
            (429, "", true),
            (400, "<html>", false),
            (403, "", false),
            (408, envelope, false),
            (500, envelope, false),
            (503, envelope, false),
            (302, "", false),
        ] {
            let answer = Answer { status, body: body.as_bytes().to_vec().into(), ..Answer::default() };
            let end = settle(answer).map(|answer| answer.status);
            assert_eq!(matches!(end, Err(SendError::Refused(_))), refused, "{status} {body}");
            assert_eq!(matches!(end, Err(SendError::Unknown(_))), !refused, "{status} {body}");
        }
        let taken = Answer { status: 202, ..Answer::default() };
        assert_eq!(settle(taken).map(|answer| answer.status).ok(), Some(202));
    }
}
