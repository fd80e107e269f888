//! The durable record of jobs: what is about to be done stands here before it is done.
//!
//! A row of a job's journal is append-only. [`Ledger::before`] returns only when its row would survive a power cut;
//! the [`Ticket`] that it gives has to be handed back with the outcome.

mod batch;
pub mod chain;
#[cfg(test)]
mod contract;
mod error;
pub mod place;
#[cfg(feature = "postgres")]
pub mod postgres;
mod rows;
pub mod sqlite;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ctap::{KeyIdentity, Reading, Requirement, Wish};
use crate::identity::Registration;
use crate::secret::SealedPin;
use crate::webauthn::CredentialId;

pub use batch::{
    Batch, BatchId, Batches, Failure, KeyPart, NewBatch, NewTask, OpenLedger, Settled, Task, TaskId, TaskState, Wanted,
};
pub use chain::Verified;
pub use error::{ALL, LedgerError};

/// Names a job in this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One person and one key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewJob {
    /// Tenant that the profile names.
    pub tenant: String,
    /// Object id of the user.
    pub user_id: String,
    /// User principal name at the time.
    pub upn: String,
    /// Who ran the command, as the operating system says.
    pub operator: String,
    /// The key.
    pub key: KeyIdentity,
    /// Where the passkey is for: the relying party id.
    pub rp_id: String,
    /// The user handle, so that a resumed job finds its credential on the key.
    #[serde(with = "crate::webauthn::base64url")]
    pub user_handle: Vec<u8>,
    /// The temporary PIN may stay valid: the key cannot force a change and the operator consented.
    pub unforced_pin_consent: bool,
    /// Name that the passkey gets in the tenant.
    pub display_name: String,
    /// Id of the user's passkey that goes once the new one is verified and its PIN is handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Whether one station does it all.
    #[serde(default)]
    pub place: Place,
    /// The task of a batch that it is for. One that is not of this ledger is never named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How the key is to be hardened, in the order in which it is done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hardening: Vec<Requirement>,
    /// What may surprise the user at the first sign-in: words of the table, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub surprises: Vec<String>,
}

/// Which part of an enrolment is done where the job is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// All of it.
    #[default]
    Here,
    /// The key is made ready; another station registers its passkey.
    Make,
    /// The passkey of a key that another station made ready is registered.
    Register,
}

/// A job's state as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Something is left to do.
    Open,
    /// Registered and handed over; in two places, this place's part of it.
    Done,
    /// Ended without a registration; nothing is left on the key or in the tenant that needs a person.
    Ended,
}

/// A job as the ledger holds it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What it was opened with.
    pub order: NewJob,
    /// Its state.
    pub state: JobState,
    /// When it was opened.
    pub opened: Timestamp,
}

/// What is about to be done; durable before it is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Intent {
    /// The key will be reset. The key stands in the job; this says who agreed to what loss.
    Erase {
        /// What will be lost, as it was shown.
        loss: String,
        /// How the operator agreed (`asked`, `--yes`, `nothing to lose`).
        consent: String,
    },
    /// The PIN that is sealed beside this row will be set on a key without one.
    SetPin {
        /// 1 for the first draw, up to 5 when the key finds PINs weak.
        draw: u8,
    },
    /// The current temporary PIN will be replaced by the one sealed beside this row (which also clears a forced change).
    ReplacePin {
        /// 1 for the first draw.
        draw: u8,
    },
    /// A setting of the key will be made stricter, unless it is so already.
    Harden {
        /// Which.
        wish: Wish,
    },
    /// A credential will be made.
    Make {
        /// SHA-256 of the challenge, hex.
        challenge_sha256: String,
        /// End of the challenge's life.
        expires: Timestamp,
    },
    /// The PIN change will be forced.
    Seal,
    /// A POST is about to go.
    Register {
        /// What is posted.
        registration: Registration,
    },
    /// The registration is about to be written down for another station, which will post it.
    Deposit {
        /// What it is to post.
        registration: Registration,
    },
    /// A credential that will not be used is about to be deleted from the key.
    DeleteCredential {
        /// Which one; `None` for every credential of the job's relying party.
        credential_id: Option<CredentialId>,
    },
    /// A passkey of this job that the tenant took after all, and whose private key is on no key any more, is about to be
    /// removed from the tenant.
    Withdraw {
        /// Which one.
        credential_id: CredentialId,
    },
    /// A passkey that the job's new one takes the place of is about to be removed from the tenant. Where it is not known how that
    /// ended, the tenant is looked at first.
    Retire {
        /// Its id in the tenant.
        method: String,
    },
    /// A message to the user is about to be sent.
    Notice {
        /// The mailbox that it is sent from.
        sender: String,
    },
    /// The PIN will be shown, printed or sealed for somebody.
    HandOver {
        /// How (`screen`, `letter`, `sealed`, `clear`).
        means: String,
    },
    /// Somebody said that the PIN has reached its user.
    Confirm {
        /// Who.
        operator: String,
    },
}

impl Intent {
    /// Whether a sealed PIN has to stand beside it: the key is about to get that PIN.
    pub fn needs_pin(&self) -> bool {
        matches!(self, Self::SetPin { .. } | Self::ReplacePin { .. })
    }
}

/// How an intent ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// Done, nothing more to say.
    Done,
    /// A setting was asked for, as far as the key has it; this is what it shows now.
    Hardened {
        /// As read back; `None` if the key took it and does not tell.
        effective: Option<Reading>,
    },
    /// A credential exists on the key.
    Made {
        /// What is to be posted.
        registration: Registration,
    },
    /// The PIN change is forced, read back from the key; or it is not because the key cannot.
    Sealed {
        /// `forcePINChange` as read back.
        effective: bool,
    },
    /// The tenant holds the passkey.
    Registered {
        /// Its id there.
        method: String,
    },
    /// The PIN went somewhere else than onto the screen.
    Delivered {
        /// What is known of the place, such as a file's name; neither a PIN nor a user.
        file: Option<String>,
        /// Nobody has to say any more that it has reached its user.
        confirmed: bool,
    },
    /// It did not happen, and nothing changed.
    Failed {
        /// Stable code.
        code: String,
        /// The sentence.
        sentence: String,
    },
    /// Whether it happened is not known.
    Unknown {
        /// Stable code.
        code: String,
        /// The sentence.
        sentence: String,
    },
}

/// One journal row pair: what was intended and, once known, how it ended.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Position in the job, from 1.
    pub number: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What was about to be done.
    pub intent: Intent,
    /// How it ended; `None` if we died in between.
    pub outcome: Option<Outcome>,
}

/// Proof that an intent is durable. Handing it back records the outcome.
#[derive(Debug)]
#[must_use = "record the outcome with `after`"]
pub struct Ticket {
    /// The job.
    pub(crate) job: JobId,
    /// The entry.
    pub(crate) number: i64,
}

impl Ticket {
    /// For stores: proof that entry `number` of `job` is on disk.
    pub(crate) fn issued(job: JobId, number: i64) -> Self {
        Self { job, number }
    }
}

/// The durable record.
///
/// Only who has claimed a job writes to it, and only one can: two programs never work on the same job at once.
pub trait Ledger {
    /// Opens a job and claims it. A job for a task is bound to it by the same row.
    ///
    /// # Errors
    /// [`LedgerError::NoTask`]; [`LedgerError::Rule`] if the lease of its task is not held by this opening, or if that task
    /// has an open job already; others.
    fn open_job(&mut self, order: &NewJob) -> Result<JobId, LedgerError>;

    /// Claims an open job, to take it up again, and returns it as it stands now. The claim holds until the job is closed,
    /// this ledger is dropped or the process ends, however it ends. Claiming twice is claiming once.
    ///
    /// # Errors
    /// [`LedgerError::Claimed`] if another program works on it, [`LedgerError::NoJob`], [`LedgerError::Rule`] if it is
    /// not open any more.
    fn claim(&mut self, job: JobId) -> Result<Job, LedgerError>;

    /// Gives the claim on a job up, which stays open: another opening of the ledger can claim it, in this program or in
    /// another. The lease of its task stays where it is until then.
    ///
    /// # Errors
    /// [`LedgerError::NoJob`], [`LedgerError::Rule`] if the job is not claimed.
    fn release(&mut self, job: JobId) -> Result<(), LedgerError>;

    /// One job.
    ///
    /// # Errors
    /// [`LedgerError::NoJob`] and others.
    fn job(&mut self, job: JobId) -> Result<Job, LedgerError>;

    /// Jobs of a user, by the object id in any case of its letters; oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn jobs_of_user(&mut self, user_id: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError>;

    /// Jobs of keys whose [shown serial number](KeyIdentity::shown_serial) this is; oldest first. Another maker's key may have
    /// the same one: only [`KeyIdentity::compare`] says which key it is.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn jobs_of_serial(&mut self, serial: &str, state: Option<JobState>) -> Result<Vec<Job>, LedgerError>;

    /// Jobs in a state, or all of them; oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn jobs(&mut self, state: Option<JobState>) -> Result<Vec<Job>, LedgerError>;

    /// Writes down what is about to be done, with the sealed PIN if the intent is about one. Durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError`]: then the act must not happen. [`LedgerError::Rule`] if the job is not claimed or not open, or if
    /// there is a PIN where none belongs or none where one does ([`Intent::needs_pin`]).
    fn before(&mut self, job: JobId, intent: &Intent, pin: Option<&SealedPin>) -> Result<Ticket, LedgerError>;

    /// Writes down how it ended. Durable when it returns.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::Rule`] if the entry has an outcome already.
    fn after(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), LedgerError>;

    /// A job's journal, oldest first.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn entries(&mut self, job: JobId) -> Result<Vec<Entry>, LedgerError>;

    /// The sealed PIN that stands beside an entry, unless it was destroyed.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn pin(&mut self, job: JobId, number: i64) -> Result<Option<SealedPin>, LedgerError>;

    /// Ends a job, gives its claim up and destroys every sealed PIN of it, in one transaction. When it returns, the PINs'
    /// bytes are gone from the store's files as well. The task of a job that ends as done is settled as done by the same
    /// transaction, so that nobody gets a second key for it.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::Rule`] for [`JobState::Open`], and for a job that is not claimed.
    fn close(&mut self, job: JobId, state: JobState) -> Result<(), LedgerError>;

    /// Reads the whole chain and everything that hangs on it. With the head that was noted down at an earlier time it also proves
    /// that nothing was cut off the end since.
    ///
    /// # Errors
    /// [`LedgerError::Tampered`] names the first row that does not fit; others.
    fn verify(&mut self, noted: Option<&str>) -> Result<Verified, LedgerError>;
}
