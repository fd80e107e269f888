//! The passkey that a new one takes the place of: it goes when the new one is proven to be there and its PIN has reached its
//! user, and never before.

use super::EnrolError;
use super::flow::Enrolment;
use super::outcome::outcome_of;
use crate::clock::Clock;
use crate::identity::{IdentityError, IdentityProvider, LOOK_STEP, LOOKS, Method, User};
use crate::ledger::{Intent, JobId, Ledger, Outcome};

/// What became of the older passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retired {
    /// It was removed.
    Removed,
    /// It was not there any more.
    Gone,
}

/// Removes a passkey of a user that another one took the place of. First the tenant is asked what it holds: the new one has to be
/// listed, so that the user keeps one that works. An interrupted removal is taken up by the same call, which looks first.
///
/// # Errors
/// [`EnrolError::NotReadBack`] if the new one is not listed: nothing was removed. [`EnrolError::Tenant`], [`EnrolError::Ledger`].
pub fn retire(
    ledger: &mut dyn Ledger,
    provider: &mut dyn IdentityProvider,
    clock: &dyn Clock,
    job: JobId,
    user: &User,
    new: &str,
    old: &str,
) -> Result<Retired, EnrolError> {
    let listed = look_for(provider, clock, user, new)?;
    if new == old || !listed.iter().any(|method| method.id == new) {
        return Err(EnrolError::NotReadBack);
    }
    if !listed.iter().any(|method| method.id == old) {
        return Ok(Retired::Gone);
    }
    let ticket = ledger.before(job, &Intent::Retire { method: old.to_owned() }, None)?;
    let removed = provider.remove(user, old).map_err(EnrolError::from);
    ledger.after(ticket, &removed.as_ref().map_or_else(outcome_of, |()| Outcome::Done))?;
    removed.map(|()| Retired::Removed)
}

/// The user's passkeys; asked for some times, if the new one is not among them yet.
fn look_for(
    provider: &mut dyn IdentityProvider,
    clock: &dyn Clock,
    user: &User,
    new: &str,
) -> Result<Vec<Method>, IdentityError> {
    let mut listed = provider.methods(user)?;
    for _ in 1..LOOKS {
        if listed.iter().any(|method| method.id == new) {
            break;
        }
        clock.sleep(LOOK_STEP);
        listed = provider.methods(user)?;
    }
    Ok(listed)
}

impl Enrolment<'_> {
    /// Removes the passkey that the job's new one takes the place of. Trouble with it ends no enrolment that is done: the older
    /// passkey stays, and that is said.
    pub(super) fn retire_older(&mut self, job: JobId, user: &User, new: Option<&str>) -> Result<(), EnrolError> {
        let (Some(old), Some(new)) = (self.ledger.claim(job)?.order.replaces, new) else { return Ok(()) };
        let retired = retire(self.ledger, self.provider, &*self.desk.clock, job, user, new, &old);
        self.desk.notice(match retired {
            Ok(Retired::Removed) => format!("the passkey {old} that the new one replaces is removed from the tenant"),
            Ok(Retired::Gone) => format!("the passkey {old} that the new one replaces was not in the tenant any more"),
            Err(error) => format!(
                "the passkey {old} that the new one replaces is still in the tenant, as far as is known ({error}): remove it with \
                 `keywright passkeys remove`"
            ),
        });
        Ok(())
    }
}
