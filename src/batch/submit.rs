//! The station with the network, second part: registers what was made elsewhere.

use jiff::Timestamp;

use crate::batch::{Refusal, Results};
use crate::ctap::LinkError;
use crate::enroll::{EnrolError, Enrolment, Submitted};
use crate::handover::AgeSafe;
use crate::identity::{IdentityError, RegisterError};

/// What became of a results file.
#[derive(Debug, Default)]
pub struct Submission {
    /// Registered now: user and id of the passkey.
    pub registered: Vec<(String, String)>,
    /// Registered by an earlier run.
    pub before: Vec<(String, String)>,
    /// Not registered.
    pub refused: Vec<Refusal>,
    /// Nothing was made for them yet; until when it can be.
    pub missing: Vec<(String, Timestamp)>,
}

/// Registers each passkey of a results file that this station prepared.
///
/// # Errors
/// What ends every other user's turn as well: sign-in, network, the ledger, a stop request. The same call goes on.
pub fn submit_all(enrolment: &mut Enrolment<'_>, safe: &AgeSafe, results: &Results) -> Result<Submission, EnrolError> {
    let mut done = Submission::default();
    for one in &results.users {
        let (prepared, upn) = (&one.prepared, one.prepared.user.upn.clone());
        let Some(made) = &one.made else {
            done.missing.push((upn, prepared.expires));
            continue;
        };
        if enrolment.desk.cancel.requested() {
            return Err(LinkError::Cancelled.into());
        }
        let ours = results.tenant == enrolment.tenant
            && prepared.is_of(safe, &results.tenant)
            && made.order.tenant == results.tenant
            && made.order.user_id == prepared.user.id
            && made.order.rp_id == prepared.options.rp.id
            && made.registration.expires == prepared.expires;
        if !ours {
            done.refused.push(Refusal::new(upn, &EnrolError::NotPrepared));
            continue;
        }
        match enrolment.submit(made, &prepared.options) {
            Ok(Submitted::Registered(method)) => done.registered.push((upn, method)),
            Ok(Submitted::Before(method)) => done.before.push((upn, method)),
            Ok(Submitted::Refused(error)) => done.refused.push(Refusal::new(upn, &error)),
            Err(error) if of_one(&error) => done.refused.push(Refusal::new(upn, &error)),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Whether the next user may fare better.
fn of_one(error: &EnrolError) -> bool {
    matches!(
        error,
        EnrolError::Tenant(IdentityError::UserUnknown(_) | IdentityError::Forbidden(_) | IdentityError::NotOffered(_))
            | EnrolError::Register(RegisterError::Unknown(
                IdentityError::Malformed(_) | IdentityError::Forbidden(_) | IdentityError::Refused(_)
            ))
            | EnrolError::NotReadBack
    )
}
