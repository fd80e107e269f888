//! Whose trouble an error is: it decides whether the next key, the next user, or nobody goes on.

use crate::ctap::{CtapError, LinkError};
use crate::enroll::EnrolError;
use crate::identity::{IdentityError, RegisterError};
use crate::ledger::LedgerError;

/// Whose trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The user's: another one may have this key.
    User,
    /// The model's, for this user's rules.
    Model,
    /// The key's: another one may serve this user.
    Key,
    /// The moment's: the tenant cannot be reached or is busy, and later is better.
    Moment,
    /// The station's: every other task would meet it as well.
    Station,
    /// Nobody's: a stop was asked for.
    Stop,
}

/// Checks of the preflight that judge the model.
fn judges_model(check: &str) -> bool {
    check.starts_with("key/") || matches!(check, "policy/aaguid" | "policy/attestation" | "policy/profiles")
}

/// Checks that every other user would fail as well.
fn judges_everybody(check: &str) -> bool {
    matches!(check, "policy/method-enabled" | "policy/self-service")
}

/// Whose trouble an error is.
pub(super) fn blame(error: &EnrolError) -> Blame {
    match error {
        EnrolError::Key(CtapError::Link(LinkError::Cancelled)) => Blame::Stop,
        EnrolError::Tenant(error)
        | EnrolError::Refused { error, .. }
        | EnrolError::Register(RegisterError::Refused(error) | RegisterError::Unknown(error)) => blame_tenant(error),
        EnrolError::Policy(finding) if judges_model(finding.check) => Blame::Model,
        EnrolError::Policy(finding) if judges_everybody(finding.check) => Blame::Station,
        EnrolError::Policy(_)
        | EnrolError::OtherTenant { .. }
        | EnrolError::OtherStation { .. }
        | EnrolError::OtherPlace(_)
        | EnrolError::NotDelivered(_)
        | EnrolError::NotShown(_)
        | EnrolError::NotHandedOver
        // Another station has it, because this one was not heard of for too long.
        | EnrolError::Ledger(LedgerError::LeaseLost(_) | LedgerError::Claimed(_)) => Blame::User,
        EnrolError::Ledger(_) | EnrolError::Safe(_) => Blame::Station,
        EnrolError::StaleChallenge | EnrolError::NotReadBack => Blame::Moment,
        _ => Blame::Key,
    }
}

fn blame_tenant(error: &IdentityError) -> Blame {
    match error {
        IdentityError::Interrupted => Blame::Stop,
        IdentityError::Network(_) | IdentityError::Unavailable(_) | IdentityError::Throttled { .. } => Blame::Moment,
        IdentityError::SignIn(_)
        | IdentityError::Unauthorized(_)
        | IdentityError::PolicyHidden(_)
        | IdentityError::Keyring(_)
        | IdentityError::Profile(_) => Blame::Station,
        _ => Blame::User,
    }
}
