//! The station with the network, first part: fetches long challenges and what the tenant's rules say.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aaguid::Aaguid;
use crate::advice::Advised as _;
use crate::batch::{Prepared, Refusal};
use crate::ctap::{Cancel, LinkError};
use crate::enroll::EnrolError;
use crate::handover::AgeSafe;
use crate::identity::{IdentityError, IdentityProvider, KeyModel};

/// What came of it.
#[derive(Debug, Default)]
pub struct Preparation {
    /// For these it was fetched.
    pub users: Vec<Prepared>,
    /// For these it was not.
    pub refused: Vec<Refusal>,
}

/// Fetches for each of these names. `models` are the models of the keys that lie ready; `life` is how long the challenges are
/// to live.
///
/// # Errors
/// What would end every other name's turn as well: sign-in, network, a stop request. Then nothing was done.
pub fn prepare(
    provider: &mut dyn IdentityProvider,
    safe: &AgeSafe,
    tenant: &str,
    names: &[String],
    models: &[Aaguid],
    life: Duration,
    cancel: &Cancel,
) -> Result<Preparation, EnrolError> {
    let mut done = Preparation::default();
    for name in names {
        if cancel.requested() {
            return Err(LinkError::Cancelled.into());
        }
        match prepare_one(provider, safe, tenant, name, models, life) {
            Ok(prepared) if done.users.iter().any(|one| one.user.id == prepared.user.id) => {}
            Ok(prepared) => done.users.push(prepared),
            Err(error) if of_everybody(&error) => return Err(error),
            Err(error) => done.refused.push(Refusal::new(name, &error)),
        }
    }
    Ok(done)
}

/// Fetches for one name, whose refusal is the error.
///
/// # Errors
/// What the tenant refuses, and whatever else ends it.
pub fn prepare_one(
    provider: &mut dyn IdentityProvider,
    safe: &AgeSafe,
    tenant: &str,
    name: &str,
    models: &[Aaguid],
    life: Duration,
) -> Result<Prepared, EnrolError> {
    let user = provider.user(name)?;
    let mut judged = BTreeMap::new();
    let mut failures = Vec::new();
    for aaguid in models {
        let checked = provider.preflight(&user, &KeyModel { aaguid: *aaguid, packed: true })?;
        failures.extend(checked.failure().cloned());
        judged.insert(*aaguid, checked.findings.iter().map(Into::into).collect());
    }
    // Where no model will do, nothing could be made for this user.
    if failures.len() == models.len()
        && let Some(failure) = failures.into_iter().next()
    {
        return Err(EnrolError::Policy(failure));
    }
    let offer = provider.creation_options(&user, Some(life))?;
    let text = Prepared::stamp_text(tenant, &user.id, &offer.options, offer.expires);
    let stamp = safe.stamp(&text).map_err(|error| EnrolError::Results(error.to_string()))?.to_vec();
    Ok(Prepared { user, options: offer.options, expires: offer.expires, models: judged, stamp })
}

/// Whether the next name would meet the same.
fn of_everybody(error: &EnrolError) -> bool {
    let EnrolError::Tenant(error) = error else { return !matches!(error, EnrolError::Policy(_)) };
    log::debug!("{} for one name of a roster", error.advice().code);
    !matches!(
        error,
        IdentityError::UserUnknown(_)
            | IdentityError::Forbidden(_)
            | IdentityError::NotOffered(_)
            | IdentityError::NotFound(_)
            | IdentityError::Refused(_)
    )
}
