//! What ends a command: errors of the command line itself, and those of the layers below.

use std::path::{Path, PathBuf};

use crate::advice::{Advice, Advised};
use crate::batch::RosterError;
use crate::batch::roster::AskError;
use crate::ctap::{CtapError, LinkError};
use crate::enroll::{EnrolError, TemplateError};
use crate::handover::HandOverError;
use crate::handover::parcel::ParcelError;
use crate::handover::pin::SafeError;
use crate::identity::{IdentityError, RegisterError, Reply};
use crate::ledger::LedgerError;
use crate::metadata::MetadataError;
use crate::secret::PinFormError;
#[cfg(feature = "simulator")]
use crate::simulator::key::TrainingKeyError;
use crate::ui::Problem;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No profile is named, and there is none to take by itself.
    #[error("no profile is named, and there is no {}", .0.display())]
    NoProfile(PathBuf),
    /// The named profile does not exist or cannot be read.
    #[error("the profile {} cannot be read: {reason}", .path.display())]
    ProfileUnreadable {
        /// Where it should be.
        path: PathBuf,
        /// What the system or the parser said.
        reason: String,
    },
    /// A setting of the profile has a value that is none.
    #[error("{field} in the profile is {value}, but has to be {expected}")]
    Setting {
        /// Its name.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A file of another program cannot be taken over.
    #[error("{} cannot be taken over: {reason}", .path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why, without what stands in it.
        reason: String,
    },
    /// The platform has no place for configuration or data: no home directory.
    #[error("this account has no home directory to keep profiles and the ledger in")]
    NoHome,
    /// A password stands where other users of the machine can read it.
    #[error("the password of the ledger's database stands in the arguments, where everybody on this computer can read it")]
    PasswordShown,
    /// A PIN is needed, and nobody gave one.
    #[error("{0} is needed")]
    PinMissing(&'static str),
    /// What was given is no PIN.
    #[error(transparent)]
    PinForm(#[from] PinFormError),
    /// The new PIN and its repetition differ.
    #[error("the two PINs differ")]
    PinsDiffer,
    /// A consent is needed, and there is nobody to ask.
    #[error("this needs a yes, and there is nobody to ask")]
    ConsentMissing,
    /// The answer was no.
    #[error("nothing was done, as you decided")]
    Declined,
    /// No batch, or not that one.
    #[error("{}", .0.map_or_else(|| "the ledger has no batch".into(), |number| format!("the ledger has no batch {number}")))]
    NoBatch(Option<i64>),
    /// The batch is for another tenant than the profile.
    #[error("batch {batch} is for the tenant {tenant}")]
    OtherTenant {
        /// The batch.
        batch: crate::ledger::BatchId,
        /// Its tenant.
        tenant: String,
    },
    /// No model matches.
    #[error("no model is known by {0}")]
    UnknownModel(String),
    /// Nothing on the key matches.
    #[error("no passkey on the key begins with {0}")]
    NoSuchCredential(String),
    /// More than one thing on the key matches.
    #[error("more than one passkey on the key begins with {0}")]
    SeveralCredentials(String),
    /// Neither name nor display name.
    #[error("there is nothing to rename: neither a name nor a display name is given")]
    NothingToRename,
    /// Neither the profile nor a flag names a setting.
    #[error("there is nothing to harden: neither the profile nor a flag names a setting")]
    NothingToHarden,
    /// A file holds no passkey that can be registered.
    #[error("{} holds no passkey that can be registered: {reason}", .path.display())]
    CredentialFile {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file says that its challenge has run out.
    #[error("the challenge that this passkey was made for has run out")]
    ChallengeOver,
    /// Nobody agreed to a passkey whose PIN is not known to be temporary.
    #[error("this passkey was made elsewhere: nothing tells who knows the PIN of its key, and nobody agreed to that")]
    UnknownPin,
    /// It would be the user's last passkey.
    #[error("{0} would have no passkey then")]
    LastPasskey(String),
    /// The list that was agreed to is not the list any more.
    #[error("the passkeys of {0} changed while you decided; nothing was removed")]
    ChangedMeanwhile(String),
    /// The ledger knows of no passkey of the user on that key.
    #[error("this ledger knows no passkey of {upn} on a key with serial number {serial}")]
    NoSuchSerial {
        /// Serial number.
        serial: String,
        /// Whose.
        upn: String,
    },
    /// A pass is to work from a time that has passed.
    #[error("the pass is to work from a time that has passed")]
    StartIsPast,
    /// The policy for passes forbids it.
    #[error("{0}")]
    PassPolicy(String),
    /// The permission for passes is missing.
    #[error("the tenant forbids it: {0}")]
    PassForbidden(Reply),
    /// A pass may have been issued, and nobody has seen it.
    #[error("whether a pass was issued is not known: {0}")]
    PassUnknown(IdentityError),
    /// The pass could not be written where it belongs.
    #[error("the pass was issued but could not be shown: {0}")]
    PassNotShown(String),
    /// The template of the message to users is none.
    #[error("the template {} cannot be used: {error}", .path.display())]
    NoticeTemplate {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// A way of handing over lacks something.
    #[error("{0}")]
    HandOver(&'static str),
    /// Built without letters.
    #[cfg(not(feature = "letters"))]
    #[error("this keywright was built without letters")]
    NoLetters,
    /// A PIN that was opened could not be shown.
    #[error("the PIN could not be shown: {0}")]
    PinNotShown(String),
    /// A file could not be written or read.
    #[error("{} cannot be used: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// No parcel of this key waits here.
    #[error("nothing waits here to be activated for {0}")]
    NoParcel(String),
    /// The ledger has no such key.
    #[error("the ledger has no key for {0:?}")]
    NotInInventory(String),
    /// The program of a hook is not there.
    #[error("the hook {} is not there", .0.display())]
    NoHook(PathBuf),
    /// Built without the simulator.
    #[error("this keywright was built without the simulator")]
    NoSimulator,
    /// A variable of the rehearsal has a value that is none.
    #[error("{variable}: {reason}")]
    Rehearsal {
        /// Its name.
        variable: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The training key imitates no such model.
    #[error("there is no training key of model {model}; there are {known}")]
    NoSuchModel {
        /// What was asked for.
        model: String,
        /// What there is.
        known: String,
    },
    /// The training key is touched in no such way.
    #[error("the training key cannot be touched like this: {0}")]
    NoSuchTouch(String),
    /// The training tenant could not start.
    #[error("the training tenant cannot start: {0}")]
    Tenant(String),
    /// Several users, and no part of an enrolment in two places.
    #[error("{0} users are named, and one key is enrolled for one user")]
    SeveralUsers(usize),
    /// More than one job is unfinished, and none was named.
    #[error("more than one job is unfinished: {}", .0.join(", "))]
    SeveralUnfinished(Vec<String>),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The key.
    #[error(transparent)]
    Key(#[from] CtapError),
    /// The enrolment, or the part of it that was asked for.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// The tenant.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The safe.
    #[error(transparent)]
    Safe(#[from] SafeError),
    /// A file between stations.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// A hand-over.
    #[error(transparent)]
    Handing(#[from] HandOverError),
    /// The list of users.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// The metadata of models.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The training key.
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    TrainingKey(#[from] TrainingKeyError),
}

impl CliError {
    /// A file error with the system's words.
    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }

    /// The error as it is shown. The tenant's raw words stand apart, except where the next step is to read them.
    pub(super) fn problem(&self) -> Problem {
        let tenant = match self {
            Self::Identity(error)
            | Self::Enrol(EnrolError::Tenant(error) | EnrolError::Register(RegisterError::Refused(error))) => Some(error),
            _ => None,
        };
        if let Self::PassForbidden(reply) = self {
            return Problem::with_detail(self, reply.to_string());
        }
        match tenant {
            Some(
                IdentityError::Unauthorized(reply)
                | IdentityError::Forbidden(reply)
                | IdentityError::NotOffered(reply)
                | IdentityError::Throttled { reply, .. }
                | IdentityError::Unavailable(reply),
            ) => Problem::with_detail(self, reply.to_string()),
            Some(IdentityError::SignIn(refusal)) if refusal.reply.status != 0 => {
                Problem { detail: Some(refusal.reply.to_string()), ..Problem::of(self) }
            }
            _ => Problem::of(self),
        }
    }
}

advice! {
    USAGE: "cli/usage", Usage, "The command line is wrong.", "Run the command with --help to see what it takes.";
    NO_PROFILE: "cli/no-profile", Usage, "No profile is named.", "Name one with --profile, or rehearse with --simulate; `keywright doctor` says where profiles are kept.";
    PROFILE_UNREADABLE: "cli/profile-unreadable", Usage, "The profile cannot be read.", "Check the name after --profile; `keywright doctor` says where profiles are kept.";
    IMPORT: "cli/import", Usage, "The file of another program cannot be taken over; nothing was written.", "Correct in it what the message names, or name a provider with --provider.";
    SETTING: "cli/setting", Usage, "A setting of the profile has a value that is none.", "Correct it in the profile.";
    NO_HOME: "cli/no-home", Usage, "This account has no home directory.", "Name a profile file with --profile and a ledger with --ledger.";
    PASSWORD_SHOWN: "cli/password-shown", Usage, "A password stands in the arguments.", "Change that password; leave it out of --ledger and put it in KEYWRIGHT_LEDGER_PASSWORD, PGPASSWORD or ~/.pgpass.";
    PIN_MISSING: "cli/pin-missing", Person, "A PIN is needed, and nobody gave one.", "Run it in a terminal, pass PINs with --pin-stdin, or set KEYWRIGHT_PIN and KEYWRIGHT_NEW_PIN.";
    PIN_FORM: "cli/pin-form", Usage, "What was given is no PIN.", "Give a PIN of 4 to 63 characters.";
    PINS_DIFFER: "cli/pins-differ", Usage, "The two PINs differ.", "Run the command again and type the same new PIN twice.";
    CONSENT_MISSING: "cli/consent-missing", Person, "This needs a yes, and there is nobody to ask.", "Run it in a terminal, or agree beforehand with --yes.";
    NOT_IN_INVENTORY: "inventory/not-found", Failed, "The ledger has no such key.", "Check the spelling, or the ledger (--ledger); `keywright inventory list --all` shows what it has.";
    NO_PARCEL: "parcel/not-here", Failed, "Nothing waits here to be activated for this key.", "Activate it at the station that made it, or name a results file that is sealed for this one with --bundle.";
    NO_HOOK: "cli/no-hook", Usage, "The program of the hook is not there; nothing was begun.", "Name a program that is there with --hook or `hook` in the profile.";
    DECLINED: "cli/declined", Person, "Nothing was done, as you decided.", "Run the command again when you have decided otherwise.";
    UNKNOWN_MODEL: "cli/unknown-model", Usage, "No model is known by that name or AAGUID.", "Give a part of its name, or its AAGUID as `keywright keys info` shows it; newer models come with `keywright metadata update`.";
    NO_SUCH_CREDENTIAL: "cli/no-such-credential", Key, "No passkey on the key has that id.", "Run `keywright keys credentials list` for the ids.";
    SEVERAL_CREDENTIALS: "cli/several-credentials", Usage, "More than one passkey on the key begins with that.", "Give more of the id.";
    NOTHING_TO_HARDEN: "cli/nothing-to-harden", Usage, "Neither the profile nor a flag names a setting of keys.", "Name one, such as --min-pin-length 8, or write a table `[hardening]` into the profile.";
    NOTHING_TO_RENAME: "cli/nothing-to-rename", Usage, "There is nothing to rename.", "Give --name, --display-name or both.";
    CREDENTIAL_FILE: "cli/credential-file", Usage, "The file holds no passkey that can be registered.", "Compare it with docs/command-line.md; if it is damaged, make the passkey again with fresh creation options.";
    CHALLENGE_OVER: "cli/challenge-over", Tenant, "The challenge that the passkey was made for has run out.", "Make the passkey again with fresh creation options.";
    UNKNOWN_PIN: "consent/unknown-pin", Person, "Nothing tells who knows the PIN of the key, and nobody agreed to that.", "Run it in a terminal and answer the question, or add --allow-unforced-pin and have the user change the PIN at once.";
    LAST_PASSKEY: "consent/last-passkey", Person, "The user would have no passkey then; nothing was removed.", "Add --last if that is meant.";
    CHANGED_MEANWHILE: "tenant/changed-meanwhile", Tenant, "The user's passkeys changed meanwhile; nothing was removed.", "Run the same command again and look at what it names.";
    NO_SUCH_SERIAL: "cli/no-such-serial", Usage, "The ledger knows no passkey of the user on that key.", "Name the passkey by its id, as `keywright passkeys list USER` shows it; or the ledger of the station that registered it, with --ledger.";
    START_IS_PAST: "cli/start-is-past", Usage, "The pass is to work from a time that has passed.", "Name a later time, or leave --start out.";
    PASS_POLICY: "policy/pass", Policy, "The tenant's policy for Temporary Access Passes forbids it; nothing was issued.", "Stay within the limits that the message names; an Authentication Policy Administrator can change them.";
    PASS_FORBIDDEN: "tenant/pass-forbidden", Policy, "The tenant forbids it.", "Have UserAuthMethod-TAP.ReadWrite.All granted; for an administrator's account a Privileged Authentication Administrator has to act, and nobody issues a pass for themselves.";
    PASS_UNKNOWN: "tenant/pass-unknown", Tenant, "Whether a pass was issued is not known; nobody has seen it.", "Run the same command again: a new pass takes the place of one that nobody has seen.";
    PASS_NOT_SHOWN: "cli/pass-not-shown", Failed, "The pass was issued but could not be shown; nobody has seen it.", "See to it that standard output can be written to, then run the same command again: a new pass takes its place.";
    NOTICE_TEMPLATE: "cli/notice-template", Usage, "The template of the message to users cannot be used; nothing was begun.", "Correct it; docs/command-line.md shows what it may name, which never includes a PIN.";
    HAND_OVER: "cli/hand-over", Usage, "A way of handing PINs over lacks something; nothing was begun.", "Add what the message names, as a flag or in the profile; docs/hand-over.md shows each way.";
    NO_LETTERS: "cli/no-letters", Usage, "This keywright was built without letters.", "Use a build with the feature `letters`, or another way with --hand-over.";
    PIN_NOT_SHOWN: "cli/pin-not-shown", Failed, "The PIN could not be shown; its file is as it was.", "See to it that standard output can be written to, then run the same command again.";
    FILE: "cli/file", Failed, "A file cannot be used.", "Check the path and its permissions.";
    NO_SIMULATOR: "cli/no-simulator", Usage, "This keywright was built without the simulator.", "Use a build with the feature `simulator`.";
    REHEARSAL: "cli/rehearsal", Usage, "A variable of the rehearsal has a value that is none.", "Correct or unset the variable that the message names.";
    NO_SUCH_MODEL: "cli/no-such-model", Usage, "The training key imitates no such model.", "Set KEYWRIGHT_TRAINING_MODEL to a model that there is, or to nothing.";
    NO_SUCH_TOUCH: "cli/no-such-touch", Usage, "The training key is touched in no such way.", "Set KEYWRIGHT_TRAINING_TOUCH to never, denied, a number of milliseconds, or nothing.";
    NO_BATCH: "cli/no-batch", Usage, "The ledger has no such batch.", "Run `keywright batch status` for the batches that there are; check --ledger if you use it.";
    OTHER_TENANT: "cli/other-tenant", Usage, "The batch is for another tenant than the profile.", "Name the profile of that tenant with --profile.";
    TENANT: "cli/training-tenant", Failed, "The training tenant cannot start.", "Check the address after --listen and the script.";
    SEVERAL_USERS: "cli/several-users", Usage, "One key is enrolled for one user.", "Name one user; several at once are for --prepare.";
    SEVERAL_UNFINISHED: "cli/several-unfinished", Usage, "More than one job is unfinished.", "Name one of the jobs that `keywright resume --list` shows.";
    INTERRUPTED: "cli/interrupted", Interrupted, "Interrupted.", "Run the same command again to go on where it stopped.";
}

impl From<AskError> for CliError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Tenant(error) => error.into(),
            AskError::Ledger(error) => error.into(),
        }
    }
}

/// The row of a command line that cannot be understood.
pub(super) const NOT_UNDERSTOOD: &Advice = &USAGE;

impl Advised for CliError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::NoProfile(_) => &NO_PROFILE,
            Self::ProfileUnreadable { .. } => &PROFILE_UNREADABLE,
            Self::Setting { .. } => &SETTING,
            Self::Import { .. } => &IMPORT,
            Self::NoHome => &NO_HOME,
            Self::PasswordShown => &PASSWORD_SHOWN,
            Self::PinMissing(_) => &PIN_MISSING,
            Self::PinForm(_) => &PIN_FORM,
            Self::PinsDiffer => &PINS_DIFFER,
            Self::NotInInventory(_) => &NOT_IN_INVENTORY,
            Self::NoParcel(_) => &NO_PARCEL,
            Self::NoHook(_) => &NO_HOOK,
            Self::ConsentMissing => &CONSENT_MISSING,
            Self::Declined => &DECLINED,
            Self::UnknownModel(_) => &UNKNOWN_MODEL,
            Self::NoSuchCredential(_) => &NO_SUCH_CREDENTIAL,
            Self::SeveralCredentials(_) => &SEVERAL_CREDENTIALS,
            Self::NothingToHarden => &NOTHING_TO_HARDEN,
            Self::NothingToRename => &NOTHING_TO_RENAME,
            Self::CredentialFile { .. } => &CREDENTIAL_FILE,
            Self::ChallengeOver => &CHALLENGE_OVER,
            Self::UnknownPin => &UNKNOWN_PIN,
            Self::LastPasskey(_) => &LAST_PASSKEY,
            Self::ChangedMeanwhile(_) => &CHANGED_MEANWHILE,
            Self::NoSuchSerial { .. } => &NO_SUCH_SERIAL,
            Self::StartIsPast => &START_IS_PAST,
            Self::PassPolicy(_) => &PASS_POLICY,
            Self::PassForbidden(_) => &PASS_FORBIDDEN,
            Self::PassUnknown(_) => &PASS_UNKNOWN,
            Self::PassNotShown(_) => &PASS_NOT_SHOWN,
            Self::NoticeTemplate { .. } => &NOTICE_TEMPLATE,
            Self::HandOver(_) => &HAND_OVER,
            #[cfg(not(feature = "letters"))]
            Self::NoLetters => &NO_LETTERS,
            Self::PinNotShown(_) => &PIN_NOT_SHOWN,
            Self::Handing(error) => error.advice(),
            Self::File { .. } => &FILE,
            Self::NoSimulator => &NO_SIMULATOR,
            Self::Rehearsal { .. } => &REHEARSAL,
            Self::NoSuchModel { .. } => &NO_SUCH_MODEL,
            Self::NoSuchTouch(_) => &NO_SUCH_TOUCH,
            Self::NoBatch(_) => &NO_BATCH,
            Self::OtherTenant { .. } => &OTHER_TENANT,
            Self::Tenant(_) => &TENANT,
            Self::SeveralUsers(_) => &SEVERAL_USERS,
            Self::Roster(error) => error.advice(),
            Self::Metadata(error) => error.advice(),
            Self::Parcel(error) => error.advice(),
            Self::SeveralUnfinished(_) => &SEVERAL_UNFINISHED,
            Self::Interrupted => &INTERRUPTED,
            Self::Link(error) => error.advice(),
            Self::Key(error) => error.advice(),
            Self::Enrol(error) => error.advice(),
            Self::Identity(error) => error.advice(),
            Self::Ledger(error) => error.advice(),
            Self::Safe(error) => error.advice(),
            #[cfg(feature = "simulator")]
            Self::TrainingKey(error) => error.advice(),
        }
    }
}
