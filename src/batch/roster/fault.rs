//! What is wrong with one row. All of them are found before anything is done, so that a roster is corrected once.

use serde::Serialize;

use crate::advice::{Advice, Advised, Exit};
use crate::identity::IdentityError;
use crate::ledger::BatchId;

/// Something wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It names nobody.
    #[error("it names no user")]
    NoUser,
    /// A cell that cannot be what its column says.
    #[error("{value:?} is no {column}: {reason}")]
    Cell {
        /// The column.
        column: &'static str,
        /// Its content, cut.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The length of a PIN that no key takes.
    #[error("{0:?} is no length of a PIN: 4 to 63")]
    PinLength(String),
    /// A passkey's name that the tenant does not take.
    #[error("the display name has {0} characters, and the tenant takes 30")]
    NameTooLong(usize),
    /// The user stands in an earlier row.
    #[error("the user stands in row {0} already")]
    SameUser(u32),
    /// The key stands in an earlier row.
    #[error("the serial number stands in row {0} already")]
    SameSerial(u32),
    /// More rows for a user than keys.
    #[error("this is row {count} of the user, who is to have {most} keys")]
    TooManyKeys {
        /// Which of the user's rows.
        count: usize,
        /// Keys a user.
        most: u8,
    },
    /// Several users have that address.
    #[error("{} users have that address: {}", .0.len(), .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The account is disabled.
    #[error("the account {0} is disabled")]
    Disabled(String),
    /// A guest.
    #[error("{0} is a guest, and guests cannot have passkeys registered here")]
    Guest(String),
    /// Who is signed in.
    #[error("{0} is who is signed in, and nobody can provision their own account this way")]
    OwnAccount(String),
    /// The user would have more passkeys than the tenant should hold.
    #[error("the user has {have} passkeys and would have {then}; Microsoft advises {most} at most")]
    MethodLimit {
        /// Now.
        have: usize,
        /// After the batch.
        then: usize,
        /// The most.
        most: usize,
    },
    /// The key is somebody's.
    #[error("the key {serial} was given to {upn} in job {job}")]
    SerialGiven {
        /// Serial number.
        serial: String,
        /// Whose it is.
        upn: String,
        /// The job.
        job: i64,
    },
    /// The user waits for a key already.
    #[error("the user waits for a key in batch {0} already")]
    Waits(BatchId),
    /// No such profile, or one of another tenant.
    #[error("the profile {name} cannot be used: {reason}")]
    Profile {
        /// Its name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The passkey that is to be replaced is not there.
    #[error("the user has no passkey {0} that could be replaced")]
    NothingToReplace(String),
    /// The user's passkeys are hidden.
    #[error("the user's passkeys must not be read by this sign-in, so none can be replaced")]
    HiddenPasskeys,
    /// Two rows replace the same passkey.
    #[error("the passkey {0} is to be replaced by an earlier row already")]
    ReplacedTwice(String),
    /// A fact of a plan is not what it was.
    #[error("{0}")]
    Changed(String),
    /// What the tenant says of the user.
    #[error(transparent)]
    Tenant(#[from] IdentityError),
}

advice! {
    UNREADABLE: "roster/unreadable-row", Usage, "A row cannot be read.", "Correct the row.";
    NO_USER: "roster/no-user", Usage, "A row names no user.", "Give user principal name, object id or mail address, or remove the row.";
    CELL: "roster/cell", Usage, "A cell is not what its column says.", "Correct the cell; a column of numbers has to be of the kind text in a spreadsheet.";
    PIN_LENGTH: "roster/pin-length", Usage, "A PIN has 4 to 63 characters.", "Give a number from 4 to 63, or leave the cell empty.";
    NAME_TOO_LONG: "roster/name-too-long", Usage, "A passkey's name has at most 30 characters.", "Shorten it, or leave the cell empty for model and serial number.";
    SAME_USER: "roster/same-user", Usage, "A user stands in two rows.", "Remove one of the rows, or give each user several keys with --keys-per-user.";
    SAME_SERIAL: "roster/same-serial", Usage, "A serial number stands in two rows.", "A key is for one user: correct one of the rows.";
    TOO_MANY_KEYS: "roster/too-many-keys", Usage, "A user stands in more rows than keys are to be made.", "Remove rows of the user, or raise --keys-per-user.";
    AMBIGUOUS: "roster/ambiguous-mail", Usage, "Several users have that mail address.", "Name the user by object id, one of those above.";
    DISABLED: "roster/user-disabled", Policy, "The account is disabled.", "Have a User Administrator enable the account, or remove the row.";
    GUEST: "roster/user-guest", Policy, "Guests cannot have passkeys registered here.", "Register the key in the tenant that the account comes from; remove the row.";
    OWN_ACCOUNT: "roster/own-account", Policy, "Nobody can provision their own account.", "Have somebody else sign in, or remove the row.";
    METHOD_LIMIT: "roster/method-limit", Policy, "The user would have too many passkeys.", "Remove some with `keywright passkeys remove`, or replace one with --replace.";
    SERIAL_GIVEN: "roster/serial-given", Usage, "The key was given to somebody else.", "Correct the serial number; for a key that came back leave the cell empty.";
    WAITS: "roster/user-waits", Usage, "The user waits for a key in another batch.", "Go on with that batch, or close it before the roster is taken in again.";
    PROFILE: "roster/profile", Usage, "A profile of the roster cannot be used.", "Correct its name, or leave the cell empty for the profile of the command.";
    NOTHING_TO_REPLACE: "roster/nothing-to-replace", Usage, "The passkey to replace is not there.", "See `keywright passkeys list USER`, and name it by id, as `oldest` or as `serial:NUMBER`.";
    HIDDEN_PASSKEYS: "roster/hidden-passkeys", Policy, "The passkeys of a user must not be read, so none can be replaced.", "Have UserAuthMethod-Passkey.Read.All granted, or leave the replacement out.";
    CHANGED: "roster/changed", Tenant, "Something is not as it was when the plan was made; nothing was done.", "Make a plan anew with --plan, and read it again.";
    REPLACED_TWICE: "roster/replaced-twice", Usage, "Two rows replace the same passkey.", "Name another passkey in one of the rows.";
}

impl Advised for RowError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Unreadable(_) => &UNREADABLE,
            Self::NoUser => &NO_USER,
            Self::Cell { .. } => &CELL,
            Self::PinLength(_) => &PIN_LENGTH,
            Self::NameTooLong(_) => &NAME_TOO_LONG,
            Self::SameUser(_) => &SAME_USER,
            Self::SameSerial(_) => &SAME_SERIAL,
            Self::TooManyKeys { .. } => &TOO_MANY_KEYS,
            Self::Ambiguous(_) => &AMBIGUOUS,
            Self::Disabled(_) => &DISABLED,
            Self::Guest(_) => &GUEST,
            Self::OwnAccount(_) => &OWN_ACCOUNT,
            Self::MethodLimit { .. } => &METHOD_LIMIT,
            Self::SerialGiven { .. } => &SERIAL_GIVEN,
            Self::Waits(_) => &WAITS,
            Self::Profile { .. } => &PROFILE,
            Self::NothingToReplace(_) => &NOTHING_TO_REPLACE,
            Self::HiddenPasskeys => &HIDDEN_PASSKEYS,
            Self::ReplacedTwice(_) => &REPLACED_TWICE,
            Self::Changed(_) => &CHANGED,
            Self::Tenant(error) => error.advice(),
        }
    }
}

/// A row and what is wrong with it, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fault {
    /// The line of the file, or the place in the group.
    pub row: u32,
    /// Whom it names.
    pub user: String,
    /// Stable code.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// The next step.
    pub next: &'static str,
    /// How a program ends that found no worse.
    #[serde(skip)]
    pub exit: Exit,
}

impl Fault {
    /// Of a row.
    pub fn new(row: u32, user: &str, error: &RowError) -> Self {
        let Advice { code, next, exit, .. } = *error.advice();
        Self { row, user: user.chars().take(120).collect(), code, message: error.to_string(), next, exit }
    }
}
