//! What can end an enrolment, each with the state in which the key and the tenant are left.

use jiff::Timestamp;

use super::handing::NotDelivered;
use crate::advice::{Advice, Advised};
use crate::ctap::{CtapError, LinkError, Rung, Status};
use crate::handover::pin::{PinRuleError, SafeError};
use crate::identity::{Finding, IdentityError, RegisterError, Verdict};
use crate::ledger::{JobId, LedgerError};
use crate::webauthn::AttestationError;

/// Why an enrolment stopped.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EnrolError {
    /// The key or its link.
    #[error(transparent)]
    Key(#[from] CtapError),
    /// The tenant.
    #[error(transparent)]
    Tenant(#[from] IdentityError),
    /// The registration.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The safe.
    #[error(transparent)]
    Safe(#[from] SafeError),
    /// No PIN fits the rules.
    #[error(transparent)]
    PinRule(#[from] PinRuleError),
    /// What the key made is not what it should be.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// No key was put in.
    #[error("no FIDO2 key is there")]
    NoKey,
    /// Keys are there, but not the one that was named.
    #[error("no key that is there is {0}")]
    NoSuchKey(String),
    /// More than one key, and none was named.
    #[error("{0} keys are there and none was chosen")]
    SeveralKeys(usize),
    /// The tenant's rules forbid it; the check says which.
    #[error("{} [{}]", .0.sentence, .0.check)]
    Policy(Finding),
    /// An advisory that the order does not accept.
    #[error("{0}")]
    Advisory(String),
    /// The tenant refused the registration, and a check of its rules tells why, or why perhaps.
    #[error("{error}; {} {} [{}]", if .suspect.verdict == Verdict::Fail { "the reason:" } else { "perhaps because" }, .suspect.sentence, .suspect.check)]
    Refused {
        /// The tenant's own words.
        error: IdentityError,
        /// What the check found.
        suspect: Box<Finding>,
    },
    /// This model cannot do what is needed.
    #[error("this key cannot be enrolled: {0}")]
    Unsuitable(String),
    /// It was asked for that the key proves its model, and it cannot.
    #[error("the key cannot prove its model before it is changed: {0}")]
    Unproven(String),
    /// The profile demands a setting that this model does not have.
    #[error("{0}")]
    CannotHarden(String),
    /// The key took a setting that is demanded, or refused it, and does not show it.
    #[error("the key was set so that it {0}, and does not show it")]
    NotHardened(String),
    /// Wiping needs a yes and got none.
    #[error("the key holds {0} and nobody agreed to wipe it")]
    EraseConsent(String),
    /// The key cannot force a PIN change and nobody agreed to that.
    #[error("this key cannot force a PIN change and nobody agreed to hand it over like that")]
    UnforcedPinConsent,
    /// The key was not taken out in time.
    #[error("the key was not taken out")]
    NotRemoved,
    /// The key was not put back in time.
    #[error("the key was not put back")]
    NotReturned,
    /// Another key came back.
    #[error("this is not the key that was meant ({})", rung_words(*.0))]
    WrongKey(Option<Rung>),
    /// Nothing proves it, and nobody could say.
    #[error("nothing proves that this is the same key")]
    IdentityUnknown,
    /// Nobody touched the key.
    #[error("the key was not touched in time")]
    NoTouch,
    /// The reset was reported as done, but the key is not blank.
    #[error("the key says that it was reset, but it is not blank")]
    NotBlank,
    /// The key refused five random PINs.
    #[error("the key refused {0} random PINs as too weak")]
    WeakPins(u8),
    /// The key refuses the temporary PIN of the journal.
    #[error("the key does not know the temporary PIN of job {0}")]
    PinUnknown(JobId),
    /// What is left cannot be done without the key.
    #[error("job {job} needs its key back{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    KeyNeeded {
        /// The job.
        job: JobId,
        /// Why.
        reason: Option<Box<EnrolError>>,
    },
    /// The key is in the middle of another job.
    #[error("this key belongs to job {job} for {upn}, which is registered but not handed over")]
    KeyInJob {
        /// The job.
        job: JobId,
        /// Its user.
        upn: String,
    },
    /// The job is for another tenant than the profile.
    #[error("job {job} is for the tenant {tenant}")]
    OtherTenant {
        /// The job.
        job: JobId,
        /// Its tenant.
        tenant: String,
    },
    /// Its PIN is sealed for the station that began it.
    #[error("job {job} for {upn} was begun at another station{}, and its PIN is sealed for that one", serial.as_ref().map(|serial| format!(" with the key {serial}")).unwrap_or_default())]
    OtherStation {
        /// The job.
        job: JobId,
        /// Its user.
        upn: String,
        /// Its key's serial number.
        serial: Option<String>,
    },
    /// A fresh challenge is past its life already, or every challenge ran out before its registration.
    #[error("the challenge ran out before it could be used")]
    StaleChallenge,
    /// What was fetched for this user beforehand has run out.
    #[error("what was prepared for {0} has run out")]
    PreparedExpired(String),
    /// A challenge serves one key.
    #[error("another passkey was registered with the challenge that this one was made by")]
    ChallengeUsed,
    /// This station did not prepare it, or not for this user, tenant or time.
    #[error("this station did not prepare it like that")]
    NotPrepared,
    /// Of the job that was broken off nothing had been posted.
    #[error("job {0} was broken off before anything was posted")]
    NothingPosted(JobId),
    /// The job is one of two places.
    #[error("job {0} is one part of an enrolment in two places")]
    OtherPlace(JobId),
    /// The key is ready for somebody and is registered by another station.
    #[error("this key was made ready for {upn}, and another station registers it until {until}")]
    KeyAwaits {
        /// Its user.
        upn: String,
        /// Until then it can be registered.
        until: Timestamp,
    },
    /// What another station has to register could not be written down.
    #[error("the results cannot be written: {0}")]
    Results(String),
    /// Registered, but the tenant does not list it.
    #[error("the tenant took the passkey but does not list it")]
    NotReadBack,
    /// Where the PIN should have appeared, nothing could be written.
    #[error("the PIN could not be shown: {0}")]
    NotShown(String),
    /// Its PIN is not the user's yet.
    #[error("job {0} is not finished: its key is not registered")]
    NotReady(JobId),
    /// Nobody can have it.
    #[error("the PIN of job {0} was not handed over to anybody")]
    NothingDelivered(JobId),
    /// The way that was chosen failed.
    #[error(transparent)]
    NotDelivered(#[from] NotDelivered),
    /// The PIN was shown, but nobody confirmed that it reached its user.
    #[error("the PIN was not handed over")]
    NotHandedOver,
}

fn rung_words(rung: Option<Rung>) -> &'static str {
    match rung {
        Some(Rung::Serial) => "its serial number differs",
        Some(Rung::UsbSerial) => "its USB serial number differs",
        Some(Rung::Port) => "it is in another port",
        Some(Rung::Fingerprint) => "it is another model or firmware",
        None => "so says the operator",
    }
}

impl From<LinkError> for EnrolError {
    fn from(error: LinkError) -> Self {
        Self::Key(CtapError::Link(error))
    }
}

impl EnrolError {
    /// Names the two statuses of a missing touch for what they are; everything else stays as it is.
    pub(super) fn touch(error: CtapError) -> Self {
        match error {
            CtapError::Status(Status::USER_ACTION_TIMEOUT | Status::ACTION_TIMEOUT) => Self::NoTouch,
            other => Self::Key(other),
        }
    }
}

advice! {
    NO_KEY: "key/none", Key, "No FIDO2 key is there.", "Put a key into the port or on the reader and run the command again.";
    NO_SUCH_KEY: "key/no-such-key", Key, "None of the keys that are there is the one that --key names.", "Look at `keywright keys list --ask` for serial numbers, paths, ports and AAGUIDs, or put the key in.";
    SEVERAL_KEYS: "key/several", Person, "More than one key is there.", "Leave one key, or name one with --key; `--key touch` takes the one that is touched.";
    POLICY: "policy/refused", Policy, "The tenant's rules forbid this enrolment; the key was not changed.", "Do what the check names, then run the same command again.";
    REFUSED_BY_POLICY: "policy/refused-passkey", Policy, "The tenant refused the passkey, and its rules say why; the passkey was removed from the key.", "Do what the check names, then run the same command again.";
    ADVISORY: "policy/advisory", Policy, "A security advisory speaks against this key, as --deny-advisory asks; it was not changed.", "Use a model that is not affected; docs/advisories.md lists them.";
    UNPROVEN: "policy/unproven", Policy, "The key cannot prove its model, as --prove-attestation asks; it was not changed.", "Run `keywright metadata update`; or leave --prove-attestation out, and the attestation is followed when the passkey is made.";
    UNSUITABLE: "key/unsuitable", Key, "This key cannot be enrolled; it was not changed.", "Use another model.";
    CANNOT_HARDEN: "key/cannot-harden", Key, "A setting is demanded that this key does not have; the key was not changed.", "Use another model, or let keys do without the setting: name it in accept_less of the profile or after --accept-less.";
    NOT_HARDENED: "key/not-hardened", Key, "The key does not show a setting that is demanded; nothing was registered.", "Use another key; or let keys do without the setting (accept_less) and run the same command again: an enrolment wipes the key first.";
    ERASE_CONSENT: "consent/erase", Person, "The key would lose what it holds and nobody agreed to that.", "Run the command in a terminal and answer the question, or add --yes if its content may go.";
    UNFORCED_PIN_CONSENT: "consent/unforced-pin", Person, "This key cannot force a PIN change and nobody agreed to that; it was not changed.", "Use a key that can, or add --allow-unforced-pin and have the user change the PIN at once.";
    NOT_REMOVED: "key/not-removed", Person, "The key was not taken out in time; it was not changed.", "Run the same command again and take the key out when asked.";
    NOT_RETURNED: "key/not-returned", Person, "The key was not put back in time; it was not changed.", "Run the same command again and put the same key back when asked.";
    WRONG_KEY: "key/wrong-key", Key, "Another key was put in; nothing on it was changed.", "Put the first key back and run the same command again; if it is lost, end its job with `keywright resume --abandon JOB`.";
    IDENTITY_UNKNOWN: "key/identity-unknown", Person, "Nothing proves that this is the same key; it was not changed.", "Run the command in a terminal and answer the question; use one port for both.";
    NO_TOUCH: "key/no-touch", Person, "The key was not touched in time.", "Run the same command again and touch the key when it blinks.";
    NOT_BLANK: "key/not-blank", Key, "The key says that it was reset but still has a PIN.", "Do not use this key.";
    WEAK_PINS: "key/weak-pins", Key, "The key refused five random PINs as too weak.", "Try --pin-length 10 or --pin-alphabet safe.";
    PIN_UNKNOWN: "key/pin-unknown", Key, "The key does not know the temporary PIN of this job.", "Start over with `keywright enroll USER --reset always`.";
    KEY_NEEDED: "job/key-needed", Person, "What is left of this job cannot be done without its key.", "Put that key into any port: it is recognised, and the job goes on.";
    KEY_IN_JOB: "job/key-in-use", Person, "This key belongs to a job that is registered but not handed over.", "Finish it with `keywright resume`; or remove its passkey with `keywright passkeys remove` and end it with `keywright resume --abandon JOB`.";
    OTHER_TENANT: "job/other-tenant", Usage, "The job is for another tenant than the profile.", "Name the profile of that tenant with --profile.";
    OTHER_STATION: "job/other-station", Person, "The job was begun at another station, and only that one can open its PIN.", "Run `keywright batch resume` at that station. If it is lost: remove what `keywright passkeys list USER` shows of the job, end it with `keywright resume --abandon JOB`, wipe its key, and run `keywright batch resume` here.";
    STALE_CHALLENGE: "tenant/stale-challenge", Tenant, "The tenant's challenge ran out before it could be used.", "Check the clock of this machine, then run the same command again.";
    PREPARED_EXPIRED: "prepared/expired", Policy, "What was prepared for this user has run out.", "Have the station with the network run `enroll --prepare` for this user again; a key that was handed over already has to come back.";
    CHALLENGE_USED: "prepared/used", Policy, "What was prepared for this user has served another key.", "Have the station with the network run `enroll --prepare` for this user again.";
    NOT_PREPARED: "prepared/not-ours", Policy, "This station did not prepare that, or not for this user, tenant or time; nothing was sent.", "Submit the results where `enroll --prepare` was run, with the same profile and the same --ledger.";
    NOTHING_POSTED: "job/nothing-posted", Failed, "The job was broken off before anything was posted, and is ended.", "Run `keywright enroll --submit RESULTS` again.";
    OTHER_PLACE: "job/other-place", Usage, "The job is one part of an enrolment in two places.", "Go on with `keywright enroll --offline FILE --out RESULTS` where the key is, with `keywright enroll --submit RESULTS` where it is registered.";
    KEY_AWAITS: "key/awaits-registration", Person, "This key was made ready for somebody, and another station registers it; it was not changed.", "Put the next key in; if this one is to serve somebody else after all, wipe it with `keywright keys reset` first.";
    RESULTS: "job/results-file", Failed, "The file for the station that registers could not be written; the key is ready and its PIN is kept, sealed.", "See to the place after --out, then run the same command again.";
    NOT_READ_BACK: "tenant/not-read-back", Tenant, "The tenant took the passkey but does not list it yet.", "Run the same command again in a few minutes; if somebody has removed the passkey, end the job with `keywright resume --abandon JOB`.";
    NOT_SHOWN: "job/not-shown", Failed, "The PIN could not be shown; the key is registered and the PIN is kept, sealed.", "See to it that standard output can be written to, then run the same command again.";
    NOT_READY: "job/not-ready", Usage, "The job is not finished, so its PIN is nobody's yet.", "Finish it with `keywright resume JOB`.";
    NOTHING_DELIVERED: "job/nothing-delivered", Usage, "The PIN of this job was not handed over to anybody, so that cannot be confirmed.", "Hand it over with `keywright pins show JOB` or `keywright pins letter JOB`.";
    NOT_HANDED_OVER: "job/not-handed-over", Person, "The PIN was not handed over; the key is registered and the PIN is kept, sealed.", "Run the same command again to see the PIN once more.";
}

impl Advised for EnrolError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Key(error) => error.advice(),
            Self::Refused { suspect, .. } if suspect.verdict == Verdict::Fail => &REFUSED_BY_POLICY,
            Self::Tenant(error) | Self::Refused { error, .. } => error.advice(),
            Self::Register(error) => error.advice(),
            Self::Ledger(error) => error.advice(),
            Self::Safe(error) => error.advice(),
            Self::PinRule(error) => error.advice(),
            Self::Attestation(error) => error.advice(),
            Self::NoKey => &NO_KEY,
            Self::NoSuchKey(_) => &NO_SUCH_KEY,
            Self::SeveralKeys(_) => &SEVERAL_KEYS,
            Self::Policy(_) => &POLICY,
            Self::Advisory(_) => &ADVISORY,
            Self::Unproven(_) => &UNPROVEN,
            Self::Unsuitable(_) => &UNSUITABLE,
            Self::CannotHarden(_) => &CANNOT_HARDEN,
            Self::NotHardened(_) => &NOT_HARDENED,
            Self::EraseConsent(_) => &ERASE_CONSENT,
            Self::UnforcedPinConsent => &UNFORCED_PIN_CONSENT,
            Self::NotRemoved => &NOT_REMOVED,
            Self::NotReturned => &NOT_RETURNED,
            Self::WrongKey(_) => &WRONG_KEY,
            Self::IdentityUnknown => &IDENTITY_UNKNOWN,
            Self::NoTouch => &NO_TOUCH,
            Self::NotBlank => &NOT_BLANK,
            Self::WeakPins(_) => &WEAK_PINS,
            Self::PinUnknown(_) => &PIN_UNKNOWN,
            Self::KeyNeeded { .. } => &KEY_NEEDED,
            Self::KeyInJob { .. } => &KEY_IN_JOB,
            Self::OtherTenant { .. } => &OTHER_TENANT,
            Self::OtherStation { .. } => &OTHER_STATION,
            Self::StaleChallenge => &STALE_CHALLENGE,
            Self::PreparedExpired(_) => &PREPARED_EXPIRED,
            Self::ChallengeUsed => &CHALLENGE_USED,
            Self::NotPrepared => &NOT_PREPARED,
            Self::NothingPosted(_) => &NOTHING_POSTED,
            Self::OtherPlace(_) => &OTHER_PLACE,
            Self::KeyAwaits { .. } => &KEY_AWAITS,
            Self::Results(_) => &RESULTS,
            Self::NotReadBack => &NOT_READ_BACK,
            Self::NotShown(_) => &NOT_SHOWN,
            Self::NotReady(_) => &NOT_READY,
            Self::NothingDelivered(_) => &NOTHING_DELIVERED,
            Self::NotDelivered(error) => error.advice(),
            Self::NotHandedOver => &NOT_HANDED_OVER,
        }
    }
}
