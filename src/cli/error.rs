//! What ends a command: errors of the command line itself, and those of the layers below.

use std::path::{Path, PathBuf};

use crate::advice::{Advice, Advised};
use crate::ctap::{CtapError, LinkError};
use crate::enroll::EnrolError;
use crate::handover::pin::SafeError;
use crate::identity::{IdentityError, RegisterError};
use crate::ledger::LedgerError;
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
    /// The platform has no place for configuration or data: no home directory.
    #[error("this account has no home directory to keep profiles and the ledger in")]
    NoHome,
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
    #[error("this needs a yes, and there is nobody to ask: {0}")]
    ConsentMissing(String),
    /// The answer was no.
    #[error("nothing was done, as you decided")]
    Declined,
    /// Nothing on the key matches.
    #[error("no passkey on the key begins with {0}")]
    NoSuchCredential(String),
    /// More than one thing on the key matches.
    #[error("more than one passkey on the key begins with {0}")]
    SeveralCredentials(String),
    /// Neither name nor display name.
    #[error("there is nothing to rename: neither a name nor a display name is given")]
    NothingToRename,
    /// A file could not be written or read.
    #[error("{} cannot be used: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
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
    SETTING: "cli/setting", Usage, "A setting of the profile has a value that is none.", "Correct it in the profile.";
    NO_HOME: "cli/no-home", Usage, "This account has no home directory.", "Name a profile file with --profile and a ledger with --ledger.";
    PIN_MISSING: "cli/pin-missing", Person, "A PIN is needed, and nobody gave one.", "Run it in a terminal, pass PINs with --pin-stdin, or set KEYWRIGHT_PIN and KEYWRIGHT_NEW_PIN.";
    PIN_FORM: "cli/pin-form", Usage, "What was given is no PIN.", "Give a PIN of 4 to 63 characters.";
    PINS_DIFFER: "cli/pins-differ", Usage, "The two PINs differ.", "Run the command again and type the same new PIN twice.";
    CONSENT_MISSING: "cli/consent-missing", Person, "This needs a yes, and there is nobody to ask.", "Run it in a terminal, or agree beforehand with --yes.";
    DECLINED: "cli/declined", Person, "Nothing was done, as you decided.", "Run the command again when you have decided otherwise.";
    NO_SUCH_CREDENTIAL: "cli/no-such-credential", Key, "No passkey on the key has that id.", "Run `keywright keys credentials list` for the ids.";
    SEVERAL_CREDENTIALS: "cli/several-credentials", Usage, "More than one passkey on the key begins with that.", "Give more of the id.";
    NOTHING_TO_RENAME: "cli/nothing-to-rename", Usage, "There is nothing to rename.", "Give --name, --display-name or both.";
    FILE: "cli/file", Failed, "A file cannot be used.", "Check the path and its permissions.";
    NO_SIMULATOR: "cli/no-simulator", Usage, "This keywright was built without the simulator.", "Use a build with the feature `simulator`.";
    REHEARSAL: "cli/rehearsal", Usage, "A variable of the rehearsal has a value that is none.", "Correct or unset the variable that the message names.";
    NO_SUCH_MODEL: "cli/no-such-model", Usage, "The training key imitates no such model.", "Set KEYWRIGHT_TRAINING_MODEL to a model that there is, or to nothing.";
    NO_SUCH_TOUCH: "cli/no-such-touch", Usage, "The training key is touched in no such way.", "Set KEYWRIGHT_TRAINING_TOUCH to never, denied, a number of milliseconds, or nothing.";
    TENANT: "cli/training-tenant", Failed, "The training tenant cannot start.", "Check the address after --listen and the script.";
    SEVERAL_UNFINISHED: "cli/several-unfinished", Usage, "More than one job is unfinished.", "Name one of the jobs that `keywright resume --list` shows.";
    INTERRUPTED: "cli/interrupted", Interrupted, "Interrupted.", "Run the same command again to go on where it stopped.";
}

/// The row of a command line that cannot be understood.
pub(super) const NOT_UNDERSTOOD: &Advice = &USAGE;

impl Advised for CliError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::NoProfile(_) => &NO_PROFILE,
            Self::ProfileUnreadable { .. } => &PROFILE_UNREADABLE,
            Self::Setting { .. } => &SETTING,
            Self::NoHome => &NO_HOME,
            Self::PinMissing(_) => &PIN_MISSING,
            Self::PinForm(_) => &PIN_FORM,
            Self::PinsDiffer => &PINS_DIFFER,
            Self::ConsentMissing(_) => &CONSENT_MISSING,
            Self::Declined => &DECLINED,
            Self::NoSuchCredential(_) => &NO_SUCH_CREDENTIAL,
            Self::SeveralCredentials(_) => &SEVERAL_CREDENTIALS,
            Self::NothingToRename => &NOTHING_TO_RENAME,
            Self::File { .. } => &FILE,
            Self::NoSimulator => &NO_SIMULATOR,
            Self::Rehearsal { .. } => &REHEARSAL,
            Self::NoSuchModel { .. } => &NO_SUCH_MODEL,
            Self::NoSuchTouch(_) => &NO_SUCH_TOUCH,
            Self::Tenant(_) => &TENANT,
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
