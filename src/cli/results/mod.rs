//! What the commands write as `result` with `--json`: a type each, from which `docs/schema` is made.

mod batch;
mod keys;
mod lanes;
mod metadata;
mod profiles;
#[cfg(test)]
#[cfg(feature = "simulator")]
mod schema;
mod tenant;

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use crate::batch::Refusal;
use crate::identity::Finding;
use crate::ledger::JobId;

pub(super) use batch::{BatchPlanned, BatchTaken, RosterFaults};
pub(super) use keys::{
    CredentialDeleted, CredentialList, CredentialRenamed, CredentialRow, KeyHardened, KeyInfo, KeyList, KeyReset, KeyRow,
    PinChangeForced, PinChanged, PinSet, PinTries,
};
pub(super) use lanes::{
    BatchExport, BatchFailure, BatchLane, BatchList, BatchRetried, BatchRow, BatchStatus, BatchTask, BatchUndone, BatchWorked,
};
pub(super) use metadata::{KeptMetadata, MetadataShown, MetadataUpdated, ModelFacts};
pub(super) use profiles::{ProfileWritten, ProfilesImported, SettingLeft, SettingTaken};
pub(super) use tenant::{
    KnownModel, LoggedOut, PassIssued, PassRemoved, PasskeyRegistered, PasskeysPage, PasskeysRemoved, PasskeysReported,
    PolicyShown, PolicyVerdict, RemovalFailed, RemovalPlan, SignedIn, UserPasses, UserPasskeys,
};

/// Declares results: written in camel case, and with a shape for the schema.
macro_rules! results {
    ($($(#[$of_type:meta])* $name:ident$(<$life:lifetime>)? { $($(#[$of_field:meta])* $field:ident: $kind:ty,)+ })+) => {
        $($(#[$of_type])*
        #[derive(Debug, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub(in crate::cli) struct $name$(<$life>)? {
            $($(#[$of_field])* pub(in crate::cli) $field: $kind,)+
        })+
    };
}
use results;

results! {
    /// `doctor`.
    Checkup<'a> {
        /// Every check.
        checks: &'a [Finding],
        /// None failed.
        ok: bool,
    }

    /// `pins recipient`.
    StationRecipient<'a> {
        /// What others seal files for this station with.
        recipient: &'a str,
    }

    /// `pins list`.
    HeldPins {
        /// The PINs that the ledger holds.
        pins: Vec<HeldRow>,
    }

    /// A PIN that the ledger holds.
    HeldRow {
        /// Its job.
        job: JobId,
        /// For whom.
        upn: String,
        /// Serial number of the key.
        serial: Option<String>,
        /// When it was sealed.
        #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
        sealed: Timestamp,
        /// `unfinished`, `not-handed-over`, `not-confirmed` or `not-closed`.
        why: &'static str,
        /// How far the job got, in words.
        state: &'static str,
        /// How often it was handed over, or may have been.
        copies: usize,
        /// What to do about it.
        next: String,
    }

    /// `pins confirm`.
    HandOversConfirmed<'a> {
        /// The jobs whose PINs are destroyed.
        confirmed: &'a [JobId],
    }

    /// `pins open`, the PIN aside.
    PinOpened<'a> {
        /// Which file.
        file: &'a Path,
        /// The job where it was sealed.
        job: i64,
        /// For whom.
        upn: &'a str,
        /// Name for people.
        name: Option<&'a str>,
        /// Model of the key.
        model: &'a str,
        /// Its serial number.
        serial: Option<&'a str>,
        /// Name of the passkey in the tenant.
        passkey_name: &'a str,
        /// The key refuses to sign in until it is changed.
        pin_must_be_changed: bool,
        /// When it was sealed.
        #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
        sealed: Timestamp,
    }

    /// `ledger verify`.
    LedgerVerified<'a> {
        /// How many rows are in the chain.
        rows: u64,
        /// The head of the chain, in hex.
        head: &'a str,
        /// How many rows came after the head of `--expect`; `null` without it.
        since: Option<u64>,
    }

    /// `resume --list`, and `resume` where nothing is open.
    JobList {
        /// What is open.
        jobs: Vec<JobRow>,
    }

    /// An open job.
    JobRow {
        /// Its number.
        job: JobId,
        /// For whom.
        upn: String,
        /// Serial number of the key.
        serial: Option<String>,
        /// When it was opened.
        #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
        opened: Timestamp,
        /// Tenant.
        tenant: String,
        /// The last that its journal says.
        last: String,
    }

    /// `resume` of a registration for another station.
    JobDone {
        /// Its number.
        job: JobId,
    }

    /// `resume --abandon`.
    JobEnded {
        /// Its number.
        ended: i64,
    }

    /// `enroll --prepare`.
    PreparedUsers<'a> {
        /// For whom.
        prepared: Vec<Deadline>,
        /// For whom not.
        refused: &'a [Refusal],
        /// Where it is; `null` if it is for nobody.
        file: Option<&'a Path>,
        /// By which people tell that the file is the one that was made.
        check_value: Option<&'a str>,
    }

    /// A user and an end.
    Deadline {
        /// User principal name.
        upn: String,
        /// After this the registration is refused.
        #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
        expires: Timestamp,
    }

    /// `enroll --offline`.
    KeysMade<'a> {
        /// For whom in this run.
        made: &'a [String],
        /// For whom in an earlier run.
        before: &'a [String],
        /// For whom not.
        refused: &'a [Refusal],
        /// What is to be submitted.
        file: &'a Path,
    }

    /// `enroll --submit`.
    Submitted<'a> {
        /// Registered now.
        registered: Vec<UserPasskey<'a>>,
        /// Registered by an earlier run.
        before: Vec<UserPasskey<'a>>,
        /// Not registered.
        refused: &'a [Refusal],
        /// No key was made ready for them yet.
        missing: Vec<Deadline>,
    }

    /// A user and a passkey.
    UserPasskey<'a> {
        /// User principal name.
        upn: &'a str,
        /// Id of the passkey in the tenant.
        method_id: &'a str,
    }

    /// `simulator tenant`.
    #[cfg(feature = "simulator")]
    TenantServed<'a> {
        /// Where it serves.
        url: &'a str,
        /// What `--profile` takes, as TOML.
        profile: &'a str,
    }

    /// `completions`.
    Completion<'a> {
        /// Which shell.
        shell: String,
        /// The script.
        script: &'a str,
    }

    /// `man` without a directory.
    ManPage<'a> {
        /// The page.
        page: &'a str,
    }

    /// `man` with a directory.
    ManPages<'a> {
        /// Where they are.
        directory: &'a Path,
    }
}
