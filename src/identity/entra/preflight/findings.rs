//! The findings as they come in, and who can do something about them.

use crate::identity::{Finding, IdentityError, Verdict};

/// Who changes the passkey policy.
pub(super) const POLICY_ADMIN: &str =
    "An Authentication Policy Administrator can change it: Entra admin center, Authentication methods, Passkey (FIDO2).";
/// Who changes who is meant.
pub(super) const TARGETS: &str = "An Authentication Policy Administrator can change the policy's targets, an owner of the group or a Groups \
                                  Administrator who is in it.";
/// Who changes authentication strengths.
pub(super) const STRENGTH_ADMIN: &str =
    "A Conditional Access Administrator can add the model: Entra admin center, Conditional Access, Authentication strengths.";

/// The checks, in the order in which they are made.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, check: &'static str, verdict: Verdict, sentence: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { check, verdict, sentence: sentence.into(), remedy: remedy.into() });
    }

    pub(super) fn pass(&mut self, check: &'static str, sentence: impl Into<String>) {
        self.add(check, Verdict::Pass, sentence, "");
    }

    /// Something that could not be read, and the permission that would show it.
    pub(super) fn hidden(&mut self, check: &'static str, sentence: impl Into<String>, permission: &str) {
        self.add(check, Verdict::Unknown, sentence, grant(permission));
    }
}

/// Who grants a permission.
fn grant(permission: &str) -> String {
    format!("A Privileged Role Administrator can grant {permission}, to have it checked beforehand.")
}

/// Parts what one missing permission spoils from what spoils everything.
pub(super) fn readable<T>(outcome: Result<T, IdentityError>) -> Result<Result<T, IdentityError>, IdentityError> {
    match outcome {
        Err(
            error @ (IdentityError::Forbidden(_)
            | IdentityError::NotFound(_)
            | IdentityError::NotOffered(_)
            | IdentityError::Refused(_)
            | IdentityError::Malformed(_)),
        ) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}
