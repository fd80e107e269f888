//! The passkey that a new one takes the place of: it goes when the new one is proven to be there and its PIN has reached its
//! user, and never before.

use super::EnrolError;
use super::flow::Enrolment;
use super::outcome::outcome_of;
use super::progress::Progress;
use super::tenant::passing;
use crate::clock::Clock;
use crate::identity::{IdentityError, IdentityProvider, LOOK_STEP, LOOKS, Method, User};
use crate::ledger::{Intent, Job, JobId, Ledger, Outcome};

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
    /// Removes the passkey that the job's new one takes the place of. What will not go is said, and the enrolment is done all the
    /// same; only where a later run can do better, without handing the PIN over twice, the job stays open for it.
    ///
    /// # Errors
    /// [`EnrolError::Tenant`] that passes, once the hand-over is confirmed; [`EnrolError::Ledger`].
    pub(super) fn retire_older(&mut self, job: JobId, user: &User, new: Option<&str>) -> Result<(), EnrolError> {
        let (Some(old), Some(new)) = (self.ledger.claim(job)?.order.replaces, new) else { return Ok(()) };
        let retired = retire(self.ledger, self.provider, &*self.desk.clock, job, user, new, &old);
        if let Err(EnrolError::Tenant(error)) = &retired
            && passing(error)
            && Progress::of(&self.ledger.entries(job)?).confirmed
        {
            return Err(error.clone().into());
        }
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

    /// The same for a job whose hand-over was just confirmed.
    pub(super) fn retire_confirmed(&mut self, job: &Job, method: &str) -> Result<(), EnrolError> {
        if job.order.replaces.is_none() {
            return Ok(());
        }
        match self.provider.user(&job.order.user_id) {
            Ok(user) => self.retire_older(job.id, &user, Some(method)),
            // The passkeys of a user who is gone are gone as well.
            Err(IdentityError::UserUnknown(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
