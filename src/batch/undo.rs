//! Taking back what a batch registered: the passkey goes from the tenant, and the record says so. The key itself is elsewhere by
//! now and has to be wiped before it serves somebody else.

use crate::advice::{Advice, Advised};
use crate::batch::TaskOutcome;
use crate::identity::{IdentityError, IdentityProvider, User};
use crate::ledger::{Batches, Intent, JobState, LedgerError, NewJob, Outcome, Place, Settled, TaskState, Wanted};
use crate::webauthn::CredentialId;

/// What became of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Its passkey is not in the tenant any more.
    Removed,
    /// There was nothing to take back.
    Nothing,
}

/// Why a task was not taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UndoError {
    /// Its user would be left without a passkey.
    #[error("it is the last passkey of {0}")]
    Last(String),
    /// Somebody works on it.
    #[error("somebody works on the task of {0}")]
    Working(String),
    /// The tenant.
    #[error(transparent)]
    Tenant(#[from] IdentityError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

advice! {
    LAST: "batch/last-passkey", Policy, "It is the last passkey of its user.", "Add --last if its user has another way to sign in, such as a Temporary Access Pass.";
    WORKING: "batch/in-work", Failed, "Somebody works on this task.", "Stop the run that works on it with Ctrl-C, then run the command again.";
}

impl Advised for UndoError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Last(_) => &LAST,
            Self::Working(_) => &WORKING,
            Self::Tenant(error) => error.advice(),
            Self::Ledger(error) => error.advice(),
        }
    }
}

/// Takes back what a task registered, and cancels it if it is not done. `last` allows that its user has no passkey afterwards.
///
/// # Errors
/// [`UndoError`]; the same call goes on.
pub fn undo(
    ledger: &mut dyn Batches,
    provider: &mut dyn IdentityProvider,
    outcome: &TaskOutcome,
    last: bool,
    operator: &str,
) -> Result<Undone, UndoError> {
    let TaskOutcome { task, job, undone, .. } = outcome;
    if task.state == TaskState::Working {
        return Err(UndoError::Working(task.order.upn.clone()));
    }
    if *undone || task.state == TaskState::Cancelled {
        return Ok(Undone::Nothing);
    }
    let open = job.as_ref().filter(|job| job.state == JobState::Open);
    let found = registered(provider, outcome)?;
    if let Some(Registered { user: Some(user), method, .. }) = &found {
        keeps_one(provider, user, method, last)?;
    }
    if task.state != TaskState::Done {
        if task.state == TaskState::Failed {
            ledger.retry(task.id)?;
        }
        if ledger.lease(task.batch, &Wanted::Task(task.id))?.is_none() {
            return Err(UndoError::Working(task.order.upn.clone()));
        }
    }
    let removed = found.is_some();
    if let (Some(Registered { user, method, credential }), Some(of)) = (found, job) {
        let id = match open {
            Some(job) => ledger.claim(job.id)?.id,
            None => ledger.open_job(&NewJob {
                operator: operator.to_owned(),
                place: Place::Register,
                task: None,
                ..of.order.clone()
            })?,
        };
        let ticket = ledger.before(id, &Intent::Withdraw { credential_id: credential }, None)?;
        let gone = user.map_or(Ok(()), |user| provider.remove(&user, &method));
        let said = match &gone {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::Unknown { code: error.advice().code.into(), sentence: error.to_string() },
        };
        ledger.after(ticket, &said)?;
        if open.is_none() || gone.is_ok() {
            ledger.close(id, JobState::Ended)?;
        }
        if let Err(error) = gone {
            if task.state != TaskState::Done {
                ledger.settle(task.id, &Settled::Waiting)?;
            }
            return Err(error.into());
        }
    } else if let Some(job) = open {
        ledger.claim(job.id)?;
        ledger.close(job.id, JobState::Ended)?;
    }
    if task.state != TaskState::Done {
        ledger.settle(task.id, &Settled::Cancelled)?;
    }
    Ok(if removed { Undone::Removed } else { Undone::Nothing })
}

/// The passkey that a task brought into the tenant.
struct Registered {
    /// Whose it is; `None` if the user is gone, and the passkeys with them.
    user: Option<User>,
    method: String,
    credential: CredentialId,
}

/// What a task registered. Of what was sent without an answer the tenant is asked: it may have it.
fn registered(provider: &mut dyn IdentityProvider, outcome: &TaskOutcome) -> Result<Option<Registered>, UndoError> {
    let (credential, method) = match (&outcome.passkey, &outcome.in_doubt) {
        (Some((method, credential)), _) => (credential.clone(), Some(method.clone())),
        (None, Some(credential)) => (credential.clone(), None),
        (None, None) => return Ok(None),
    };
    let user = match provider.user(&outcome.task.order.user_id) {
        Ok(user) => Some(user),
        Err(IdentityError::UserUnknown(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let method = match (method, &user) {
        (None, Some(user)) => provider.find(user, &credential)?.map(|there| there.id),
        (method, _) => method,
    };
    Ok(method.map(|method| Registered { user, method, credential }))
}

fn keeps_one(provider: &mut dyn IdentityProvider, user: &User, method: &str, last: bool) -> Result<(), UndoError> {
    if last || provider.methods(user)?.iter().any(|other| other.id != method) {
        return Ok(());
    }
    Err(UndoError::Last(user.upn.clone()))
}
