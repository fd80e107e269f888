//! The inventory: whose key is which, as the ledger has it, and how that compares with the tenant.

mod reconcile;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::aaguid::Aaguid;
use crate::ctap::{KeyIdentity, Look, Sameness};
use crate::ledger::{BatchId, Batches, Entry, Intent, Job, JobId, JobState, KeyPart, LedgerError, Outcome, Place};
use crate::metadata;
use crate::webauthn::CredentialId;

pub use reconcile::{Difference, Kind, ReconcileError, Reconciled, reconcile};

/// A key and the person whom the ledger gave it to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The job that made it.
    pub job: JobId,
    /// How far that went.
    pub state: Held,
    /// Tenant.
    pub tenant: String,
    /// Object id of the user.
    pub user_id: String,
    /// User principal name at the time.
    pub upn: String,
    /// Serial number of the key, if it has one.
    pub serial: Option<String>,
    /// Its model.
    pub aaguid: Aaguid,
    /// Name of the model, if it is publicly known.
    pub model: Option<&'static str>,
    /// Id of the passkey in the tenant.
    pub passkey: Option<String>,
    /// Credential id of the passkey.
    pub credential_id: Option<CredentialId>,
    /// The batch that it was made in.
    pub batch: Option<BatchId>,
    /// Which of the user's keys it is, in that batch.
    pub part: Option<KeyPart>,
    /// The job of the user's other key in that batch.
    pub paired_with: Option<JobId>,
    /// When the job was opened.
    #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
    pub since: Timestamp,
    /// Who made it.
    pub operator: String,
}

/// How far a key's job went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// Registered, and its PIN handed over.
    Held,
    /// Made ready; another station registers it.
    Made,
    /// The job is unfinished.
    Unfinished,
    /// A later job took the same key.
    Former,
    /// The job was given up: the key is nobody's.
    Ended,
}

impl Held {
    /// A word for a table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Made => "made ready",
            Self::Unfinished => "unfinished",
            Self::Former => "used again since",
            Self::Ended => "given up",
        }
    }

    /// Whether the key is somebody's now, or about to be.
    pub fn counts(self) -> bool {
        matches!(self, Self::Held | Self::Made | Self::Unfinished)
    }
}

/// What every key's job came to, oldest first.
///
/// # Errors
/// [`LedgerError`].
pub fn all(ledger: &mut dyn Batches) -> Result<Vec<Holding>, LedgerError> {
    let jobs = ledger.jobs(None)?;
    holdings(ledger, &jobs)
}

/// The keys that a text means: a serial number as a whole, or else a part of a serial number, user principal name, object id,
/// passkey id, credential id or AAGUID.
///
/// # Errors
/// [`LedgerError`].
pub fn find(ledger: &mut dyn Batches, text: &str) -> Result<Vec<Holding>, LedgerError> {
    let jobs = ledger.jobs_of_serial(text, None)?;
    if !jobs.is_empty() {
        return holdings(ledger, &jobs);
    }
    let wanted = text.to_lowercase();
    let has = |value: Option<&str>| value.is_some_and(|value| value.to_lowercase().contains(&wanted));
    let mut found = all(ledger)?;
    found.retain(|one| {
        let (aaguid, credential) = (one.aaguid.to_string(), one.credential_id.as_ref().map(ToString::to_string));
        // Ids tell large letters from small ones.
        let ids = [one.passkey.as_deref(), credential.as_deref()];
        [one.serial.as_deref(), Some(&one.upn), Some(&one.user_id), Some(&aaguid)].into_iter().any(has)
            || ids.into_iter().flatten().any(|id| id.starts_with(text))
    });
    Ok(found)
}

/// Whose key this is: its latest job that was not given up. A key that nothing tells from another of its model is nobody's.
///
/// # Errors
/// [`LedgerError`].
pub fn holder(ledger: &mut dyn Batches, key: &KeyIdentity) -> Result<Option<Holding>, LedgerError> {
    let jobs = match key.shown_serial() {
        Some(serial) => ledger.jobs_of_serial(serial, None)?,
        None => ledger.jobs(None)?,
    };
    let is_it = |job: &Job| matches!(key.compare(&job.order.key, Look::Later), Sameness::Same(_));
    let jobs: Vec<Job> = jobs.into_iter().filter(is_it).collect();
    Ok(holdings(ledger, &jobs)?.into_iter().rev().find(|one| one.state.counts()))
}

fn holdings(ledger: &mut dyn Batches, jobs: &[Job]) -> Result<Vec<Holding>, LedgerError> {
    let mut found = jobs.iter().map(|job| holding(ledger, job)).collect::<Result<Vec<_>, _>>()?;
    let mut later = Vec::new();
    for one in found.iter_mut().rev().filter(|one| one.state.counts()) {
        let Some(serial) = one.serial.clone() else { continue };
        let key = (serial, one.aaguid);
        if later.contains(&key) {
            one.state = Held::Former;
        } else {
            later.push(key);
        }
    }
    pair(&mut found);
    Ok(found)
}

/// Pairs the keys that one batch made for one person.
fn pair(found: &mut [Holding]) {
    let mut pairs: BTreeMap<(BatchId, String), Vec<(KeyPart, JobId)>> = BTreeMap::new();
    for one in found.iter().filter(|one| one.state.counts()) {
        if let (Some(batch), Some(part)) = (one.batch, one.part) {
            pairs.entry((batch, one.user_id.clone())).or_default().push((part, one.job));
        }
    }
    for one in found.iter_mut().filter(|one| one.state.counts()) {
        let Some(of) = one.batch.and_then(|batch| pairs.get(&(batch, one.user_id.clone()))) else { continue };
        one.paired_with = of.iter().find(|(part, _)| Some(*part) != one.part).map(|(_, job)| *job);
    }
}

fn holding(ledger: &mut dyn Batches, job: &Job) -> Result<Holding, LedgerError> {
    let (passkey, credential_id) = registered(&ledger.entries(job.id)?);
    let task = job.order.task.map(|task| ledger.task(task)).transpose()?;
    let state = match job.state {
        JobState::Open => Held::Unfinished,
        JobState::Ended => Held::Ended,
        JobState::Done if job.order.place == Place::Make => Held::Made,
        JobState::Done => Held::Held,
    };
    let order = &job.order;
    Ok(Holding {
        job: job.id,
        state,
        tenant: order.tenant.clone(),
        user_id: order.user_id.clone(),
        upn: order.upn.clone(),
        serial: order.key.shown_serial().map(ToOwned::to_owned),
        aaguid: order.key.aaguid,
        model: metadata::model(order.key.aaguid).map(|model| model.name),
        passkey,
        credential_id,
        batch: task.as_ref().map(|task| task.batch),
        part: task.map(|task| task.order.part),
        paired_with: None,
        since: job.opened,
        operator: order.operator.clone(),
    })
}

/// Id and credential of the passkey that a journal ends with, if it does.
fn registered(entries: &[Entry]) -> (Option<String>, Option<CredentialId>) {
    let (mut passkey, mut credential) = (None, None);
    for entry in entries {
        match (&entry.intent, &entry.outcome) {
            (Intent::Register { registration }, Some(Outcome::Registered { method })) => {
                (passkey, credential) = (Some(method.clone()), Some(registration.credential_id.clone()));
            }
            (Intent::Deposit { registration }, Some(Outcome::Done)) => credential = Some(registration.credential_id.clone()),
            (Intent::Withdraw { .. }, Some(Outcome::Done)) => (passkey, credential) = (None, None),
            _ => {}
        }
    }
    (passkey, credential)
}
