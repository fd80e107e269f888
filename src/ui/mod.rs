//! What is told and asked: typed events and questions, so that a terminal, a log and a script each get their own form.

mod face;
mod hardened;
mod json;
mod log_lines;
mod plain;
mod prompt;
mod question;
mod sheet;
mod spot;
mod step;
mod streams;
mod surprise;
mod terminal;
mod unattended;
mod words;

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::ctap::Wait;
use crate::identity::Finding;
use crate::secret::Pin;

pub use face::{Face, JSON_VERSION, Problem, Revealed};
pub use hardened::{Hardened, Requested};
#[cfg(test)]
#[cfg(feature = "simulator")]
pub(crate) use json::Handed;
pub use json::JsonLines;
pub use log_lines::show_log;
pub use plain::Plain;
pub use question::{Answer, Question};
pub use sheet::{Block, Sheet};
pub use spot::{Spot, Totals};
pub use step::Step;
pub use streams::{keyboard_is_there, set_colours, talk_is_seen};
pub use surprise::Surprise;
pub use terminal::Terminal;
pub use unattended::Unattended;
pub use words::sentence;

/// Something that a person or a log wants to know. Never contains a PIN.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    /// Waiting for a key to be put in or on a reader.
    InsertKey,
    /// More than one key is there: leave one.
    TooManyKeys {
        /// What is there, one line a key.
        keys: Vec<String>,
    },
    /// More than one key is there: touch the one that is meant.
    ChooseKey {
        /// The keys that wait for a touch, one line a key.
        keys: Vec<String>,
    },
    /// A key was found.
    KeyFound {
        /// Product or model.
        name: String,
        /// Serial number if there is one.
        serial: Option<String>,
        /// AAGUID.
        aaguid: String,
    },
    /// A step begins.
    StepBegins {
        /// Which.
        step: Step,
    },
    /// A step ended well.
    StepDone {
        /// Which.
        step: Step,
        /// What came of it, as one sentence.
        note: String,
    },
    /// A finding of the preflight.
    Found {
        /// The finding.
        finding: Finding,
    },
    /// Something that its user may not expect at the first sign-in.
    Surprise {
        /// What.
        #[serde(flatten)]
        surprise: Surprise,
    },
    /// Take the key out (or off the reader).
    RemoveKey {
        /// True on a reader.
        reader: bool,
    },
    /// Put the same key back: the reset window is open for `window` from the moment it is back.
    ReturnKey {
        /// True on a reader.
        reader: bool,
        /// Seconds from arrival in which the reset must be asked for; every model gives at least these.
        #[serde(serialize_with = "seconds")]
        #[cfg_attr(test, schemars(with = "u64"))]
        window: Duration,
        /// The touch that follows has to be held for five seconds (long-touch reset).
        long: bool,
    },
    /// The same key is back: its reset window is running.
    KeyBack {
        /// Seconds that are left of the window of this model, counted from the arrival.
        #[serde(serialize_with = "seconds")]
        #[cfg_attr(test, schemars(with = "u64"))]
        left: Duration,
    },
    /// The key came back too late for its reset window or was refused; a new chance is given.
    NewChance {
        /// Why, as one sentence.
        reason: String,
    },
    /// What the key says it is doing.
    KeyWaits {
        /// Its word.
        #[serde(serialize_with = "wait_word")]
        #[cfg_attr(test, schemars(with = "String"))]
        wait: Wait,
        /// The touch has to be held for five seconds (long-touch reset).
        long: bool,
    },
    /// The key wants nothing any more.
    KeyIdle,
    /// A problem that was dealt with: what happened and what is done about it.
    Notice {
        /// The sentence.
        sentence: String,
    },
    /// An unfinished job was found and is taken up again.
    Resuming {
        /// Job number.
        job: i64,
        /// User principal name.
        upn: String,
        /// Where it stopped.
        state: String,
    },
    /// A job was opened: the steps that follow are of it.
    JobOpened {
        /// Its number.
        job: i64,
        /// User principal name.
        upn: String,
        /// Serial number of the key, if it has one.
        serial: Option<String>,
    },
    /// A person has to sign in to the tenant.
    SignIn {
        /// The address to visit: with a browser of this machine, or where there is a code, with any.
        url: String,
        /// The code to enter there.
        code: Option<String>,
        /// A browser was asked to open the address.
        opened: bool,
        /// How long it is waited for.
        #[serde(serialize_with = "seconds")]
        #[cfg_attr(test, schemars(with = "u64"))]
        life: Duration,
    },
    /// The key in this place is for somebody.
    TaskBegins {
        /// Row of the roster.
        row: u32,
        /// User principal name.
        upn: String,
    },
    /// A task is done: registered and handed over.
    TaskDone,
    /// A task was given up; the others go on.
    TaskFailed {
        /// Stable code.
        code: String,
        /// The sentence.
        message: String,
        /// The next step.
        next: String,
    },
    /// A key is not taken, and was not changed: out with it.
    KeyRefused {
        /// Why, as one sentence.
        reason: String,
    },
    /// A key has to come back before its task can go on; any port will do.
    KeyMissing {
        /// Its serial number.
        serial: Option<String>,
        /// Why, as one sentence.
        reason: String,
    },
    /// Nothing is left to do in this place.
    LaneRests,
    /// How far the batch is.
    Progress {
        /// The numbers.
        #[serde(flatten)]
        totals: Totals,
    },
    /// How far a report is.
    Surveyed {
        /// Users who were asked about.
        users: u64,
        /// Users in all, if that is known.
        of: Option<u64>,
        /// Seconds that the rest will take, if that can be told.
        #[serde(serialize_with = "seconds_if_any")]
        #[cfg_attr(test, schemars(with = "Option<u64>"))]
        left: Option<Duration>,
    },
    /// The tenant asks to wait.
    TenantWaits {
        /// How long.
        #[serde(serialize_with = "seconds")]
        #[cfg_attr(test, schemars(with = "u64"))]
        delay: Duration,
    },
}

impl Event {
    /// It has a user principal name of its own.
    pub(crate) fn names_user(&self) -> bool {
        matches!(self, Self::Resuming { .. } | Self::JobOpened { .. } | Self::TaskBegins { .. })
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_secs())
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn seconds_if_any<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs()).serialize(serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn wait_word<S: serde::Serializer>(wait: &Wait, serializer: S) -> Result<S::Ok, S::Error> {
    match wait {
        Wait::Working => serializer.serialize_str("working"),
        Wait::Touch => serializer.serialize_str("touch"),
        Wait::Other(status) => serializer.collect_str(&format_args!("status {status}")),
    }
}

/// The result of one enrolment, for the last screen and for scripts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// User principal name.
    pub upn: String,
    /// Serial number.
    pub serial: Option<String>,
    /// Model or product name.
    pub model: String,
    /// AAGUID.
    pub aaguid: String,
    /// Id of the passkey in the tenant; `None` while it is registered nowhere.
    pub method_id: Option<String>,
    /// Another station has to register the passkey before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub register_before: Option<Timestamp>,
    /// Name of the passkey in the tenant.
    pub display_name: String,
    /// Credential id, base64url.
    pub credential_id: String,
    /// The key forces a PIN change, read back from it.
    pub pin_change_forced: bool,
    /// This PIN was shown before: this is a second copy.
    pub second_copy: bool,
    /// What became of the message to the user, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notified>,
    /// Where the PIN went, if not onto the screen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandedBy>,
    /// What was asked of the settings of the key, and what it shows of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hardening: Vec<Hardened>,
    /// What may surprise the user at the first sign-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_sign_in: Vec<Surprise>,
}

/// A hand-over on another way than the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HandedBy {
    /// The job.
    pub job: i64,
    /// `letter`, `sealed` or `clear`.
    pub means: &'static str,
    /// The file that holds it now, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The sealed copy in the ledger is destroyed; otherwise somebody still has to say that the PIN has reached its user.
    pub confirmed: bool,
}

/// What became of a message to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Notified {
    /// The provider took it, now or in an earlier run; that is not delivery.
    Accepted,
    /// It was not sent.
    Refused,
    /// It may have been sent.
    Unknown,
}

/// A face: terminal, plain lines, JSON lines, or a test's script.
pub trait Ui: Send + Sync {
    /// Tells. Never blocks for an answer.
    fn tell(&self, event: &Event);

    /// Tells what happens at one of several places. Never blocks for an answer.
    fn tell_at(&self, _spot: &Spot, event: &Event) {
        self.tell(event);
    }

    /// Rings for a person, where a face can.
    fn ring(&self) {}

    /// Asks. `None` means that nobody is there to ask, which is not "no".
    fn ask(&self, question: &Question) -> Option<Answer>;

    /// Hands a finished enrolment over, PIN included: the one place where a temporary PIN is shown.
    ///
    /// # Errors
    /// If it could not be written where it belongs: the PIN was not shown then, and its sealed copy has to stay.
    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()>;

    /// Shows a finished enrolment whose PIN went another way.
    ///
    /// # Errors
    /// If it could not be written.
    fn finish(&self, summary: &Summary) -> io::Result<()>;
}
