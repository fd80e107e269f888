//! Refusals in Graph's envelope, and those of the sign-in host.

use serde_json::json;

use crate::simulator::tenant::token::Denial;
use crate::simulator::tenant::wire::Response;

/// A refusal: status, `error.code`, `error.message`.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// What is wrong with a registration.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "badRequest", message)
    }

    pub(super) fn denied() -> Self {
        Self::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    }

    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self::new(403, "accessDenied", message)
    }

    pub(super) fn no_user(name: &str) -> Self {
        let message =
            format!("Resource '{name}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(404, "Request_ResourceNotFound", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "resourceNotFound", "Resource not found.")
    }

    pub(super) fn no_method() -> Self {
        Self::new(405, "methodNotAllowed", "The method is not supported for this URL.")
    }

    pub(super) fn bad_token() -> Self {
        Self::new(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
    }

    /// What usually stands in the envelope of a status.
    pub(super) fn usual(status: u16, code: Option<String>) -> Self {
        let usual = match status {
            400 => Self::bad("The request was refused."),
            401 => Self::bad_token(),
            403 => Self::denied(),
            404 => Self::not_found(),
            405 => Self::no_method(),
            429 => Self::new(429, "TooManyRequests", "Too many requests."),
            500 => Self::new(500, "internalServerError", "The service failed."),
            _ => Self::new(status, "serviceNotAvailable", "The service is temporarily unavailable."),
        };
        Self { code: code.unwrap_or(usual.code), ..usual }
    }

    /// As Graph writes it.
    pub(super) fn response(&self, now: &str, request_id: &str, client_request_id: &str) -> Response {
        let inner = json!({"date": now, "request-id": request_id, "client-request-id": client_request_id});
        (self.status, json!({"error": {"code": self.code, "message": self.message, "innerError": inner}})).into()
    }
}

/// The sign-in host's own form of an error.
pub(super) fn sign_in_refusal(denial: &Denial, now: &str, request_id: &str) -> Response {
    let Denial { status, error, code, text, claims } = denial;
    let (text, codes) = if *code == 0 { (text.clone(), vec![]) } else { (format!("AADSTS{code}: {text}"), vec![*code]) };
    let mut body = json!({
        "error": error,
        "error_description": format!("{text}\r\nTrace ID: {request_id}\r\nCorrelation ID: {request_id}\r\nTimestamp: {now}"),
        "error_codes": codes,
        "timestamp": now,
        "trace_id": request_id,
        "correlation_id": request_id,
    });
    if let (Some(claims), Some(members)) = (claims, body.as_object_mut()) {
        members.insert("suberror".to_owned(), "basic_action".into());
        members.insert("claims".to_owned(), claims.as_str().into());
    }
    (*status, body).into()
}
