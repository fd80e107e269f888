//! What the ledger says of a task: its key, its passkey, and whether that was taken back.

use serde::Serialize;

use crate::ctap::{Reading, Wish};
use crate::ledger::{Batches, Entry, Intent, Job, JobState, LedgerError, Outcome, Task, TaskState};
use crate::webauthn::CredentialId;

/// A task with what came of it.
#[derive(Clone, Debug)]
pub struct TaskOutcome {
    /// The task.
    pub task: Task,
    /// Its latest job.
    pub job: Option<Job>,
    /// The passkey that the tenant took: its id there, and its credential id.
    pub passkey: Option<(String, CredentialId)>,
    /// The passkey that the tenant may have taken: it was sent, and no answer is written down.
    pub in_doubt: Option<CredentialId>,
    /// The key forces a PIN change, read back from it.
    pub pin_change_forced: bool,
    /// Settings of the key that were asked for, with what was read back; `None` where the key took one and does not tell.
    pub hardening: Vec<(Wish, Option<Reading>)>,
    /// The passkey was removed from the tenant again.
    pub undone: bool,
}

/// A task's state in a word, with what the ledger's own word leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Standing {
    /// Nothing was begun.
    Waiting,
    /// Something was begun, and the next run goes on with it.
    Begun,
    /// Somebody works on it.
    Working,
    /// Registered and handed over.
    Done,
    /// Given up.
    Failed,
    /// Not to be done any more.
    Cancelled,
    /// It was done, and its passkey was removed again.
    Undone,
}

impl TaskOutcome {
    /// Reads what the ledger says of a task.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn of(ledger: &mut dyn Batches, task: Task) -> Result<Self, LedgerError> {
        let Some(id) = task.job else {
            return Ok(Self {
                task,
                job: None,
                passkey: None,
                in_doubt: None,
                pin_change_forced: false,
                hardening: Vec::new(),
                undone: false,
            });
        };
        let job = ledger.job(id)?;
        let entries = ledger.entries(id)?;
        let passkey = entries.iter().rev().find_map(registered);
        let in_doubt = entries.iter().rev().find_map(sent).and_then(in_doubt);
        let sealed = |entry: &Entry| match entry.outcome {
            Some(Outcome::Sealed { effective }) => Some(effective),
            _ => None,
        };
        let pin_change_forced = entries.iter().rev().find_map(sealed).unwrap_or(false);
        let hardening = entries.iter().filter_map(hardened).collect();
        let undone = match &passkey {
            Some((_, credential)) => was_withdrawn(ledger, &job, credential)?,
            None => false,
        };
        Ok(Self { task, job: Some(job), passkey, in_doubt, pin_change_forced, hardening, undone })
    }

    /// Its state in a word.
    pub fn standing(&self) -> Standing {
        let open = self.job.as_ref().is_some_and(|job| job.state == JobState::Open);
        match self.task.state {
            _ if self.undone => Standing::Undone,
            TaskState::Waiting if open => Standing::Begun,
            TaskState::Waiting => Standing::Waiting,
            TaskState::Working => Standing::Working,
            TaskState::Done => Standing::Done,
            TaskState::Failed => Standing::Failed,
            TaskState::Cancelled => Standing::Cancelled,
        }
    }
}

fn hardened(entry: &Entry) -> Option<(Wish, Option<Reading>)> {
    match (&entry.intent, &entry.outcome) {
        (Intent::Harden { wish }, Some(Outcome::Hardened { effective })) => Some((wish.clone(), *effective)),
        _ => None,
    }
}

fn registered(entry: &Entry) -> Option<(String, CredentialId)> {
    match (&entry.intent, &entry.outcome) {
        (Intent::Register { registration }, Some(Outcome::Registered { method })) => {
            Some((method.clone(), registration.credential_id.clone()))
        }
        _ => None,
    }
}

/// A registration that was begun, and what came of it.
fn sent(entry: &Entry) -> Option<(&CredentialId, Option<&Outcome>)> {
    let Intent::Register { registration } = &entry.intent else { return None };
    Some((&registration.credential_id, entry.outcome.as_ref()))
}

/// Its credential, unless it is known what came of it.
fn in_doubt((credential, outcome): (&CredentialId, Option<&Outcome>)) -> Option<CredentialId> {
    let known = matches!(outcome, Some(Outcome::Registered { .. } | Outcome::Failed { .. }));
    (!known).then(|| credential.clone())
}

/// A job that is done is not written to any more: that its passkey was taken back stands in a job of its own.
fn was_withdrawn(ledger: &mut dyn Batches, job: &Job, credential: &CredentialId) -> Result<bool, LedgerError> {
    for other in ledger.jobs_of_user(&job.order.user_id, Some(JobState::Ended))? {
        let withdrawn = ledger.entries(other.id)?.into_iter().any(|entry| {
            let this = matches!(&entry.intent, Intent::Withdraw { credential_id } if credential_id == credential);
            this && matches!(entry.outcome, Some(Outcome::Done))
        });
        if withdrawn {
            return Ok(true);
        }
    }
    Ok(false)
}
