//! What an error says about the act that ended with it: nothing changed, or nobody knows.

use super::error::EnrolError;
use crate::advice::Advised;
use crate::ctap::{CtapError, Status};
use crate::identity::RegisterError;
use crate::ledger::Outcome;

/// The outcome of an act that ended with `error`. Whatever does not surely mean that nothing changed leaves it open: to ask
/// the key costs one try of a PIN at most, to be wrong costs the PIN.
pub(super) fn outcome_of(error: &EnrolError) -> Outcome {
    let (code, sentence) = (error.advice().code.to_owned(), error.to_string());
    if changed_nothing(error) { Outcome::Failed { code, sentence } } else { Outcome::Unknown { code, sentence } }
}

/// As [`outcome_of`], for an act of several commands, of which some may have been carried out before the one that failed.
pub(super) fn half_done(error: &EnrolError) -> Outcome {
    Outcome::Unknown { code: error.advice().code.to_owned(), sentence: error.to_string() }
}

fn changed_nothing(error: &EnrolError) -> bool {
    match error {
        EnrolError::Key(CtapError::Status(status)) => refuses(*status),
        EnrolError::Key(
            CtapError::Link(_) | CtapError::Reply(_) | CtapError::NotForced | CtapError::NotReadBack(_) | CtapError::StillForced,
        )
        | EnrolError::NotBlank
        | EnrolError::Attestation(_)
        | EnrolError::Register(RegisterError::Unknown(_)) => false,
        _ => true,
    }
}

/// Statuses that say no to the command itself. The others (busy, timeouts, "other", whatever has no name) may come from a
/// key that acted before it stumbled.
fn refuses(status: Status) -> bool {
    const NO: [Status; 29] = [
        Status::INVALID_COMMAND,
        Status::INVALID_PARAMETER,
        Status::INVALID_LENGTH,
        Status::UNEXPECTED_CBOR_TYPE,
        Status::INVALID_CBOR,
        Status::MISSING_PARAMETER,
        Status::LIMIT_EXCEEDED,
        Status::CREDENTIAL_EXCLUDED,
        Status::INVALID_CREDENTIAL,
        Status::UNSUPPORTED_ALGORITHM,
        Status::OPERATION_DENIED,
        Status::KEY_STORE_FULL,
        Status::UNSUPPORTED_OPTION,
        Status::INVALID_OPTION,
        Status::KEEPALIVE_CANCEL,
        Status::NO_CREDENTIALS,
        Status::USER_ACTION_TIMEOUT,
        Status::NOT_ALLOWED,
        Status::PIN_INVALID,
        Status::PIN_BLOCKED,
        Status::PIN_AUTH_INVALID,
        Status::PIN_AUTH_BLOCKED,
        Status::PIN_NOT_SET,
        Status::PUAT_REQUIRED,
        Status::PIN_POLICY_VIOLATION,
        Status::REQUEST_TOO_LARGE,
        Status::ACTION_TIMEOUT,
        Status::UP_REQUIRED,
        Status::INVALID_SUBCOMMAND,
    ];
    NO.contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::{Feature, LinkError, ReplyError};

    #[test]
    fn in_doubt_it_is_unknown() {
        let key = |error| EnrolError::Key(error);
        let rows = [
            (key(CtapError::Status(Status::PIN_POLICY_VIOLATION)), true),
            (key(CtapError::Status(Status::OPERATION_DENIED)), true),
            (key(CtapError::ResetWindowMissed), true),
            (key(CtapError::Unsupported(Feature::Pin)), true),
            (EnrolError::NoTouch, true),
            (EnrolError::WrongKey(None), true),
            (key(CtapError::Status(Status(0x7F))), false),
            (key(CtapError::Status(Status(0x06))), false),
            (key(CtapError::Status(Status(0xF3))), false),
            (key(CtapError::Status(Status(0x99))), false),
            (key(CtapError::Link(LinkError::Timeout)), false),
            (key(CtapError::NotReadBack(Status::INVALID_COMMAND)), false),
            (key(CtapError::Link(LinkError::Cancelled)), false),
            (key(CtapError::Reply(ReplyError::Empty)), false),
            (key(CtapError::StillForced), false),
            (EnrolError::NotBlank, false),
        ];
        for (error, nothing) in rows {
            assert_eq!(matches!(outcome_of(&error), Outcome::Failed { .. }), nothing, "{error}");
            assert!(matches!(half_done(&error), Outcome::Unknown { .. }), "{error}");
        }
    }
}
