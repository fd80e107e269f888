//! What can go wrong with a CTAP command.

use std::fmt;

use crate::advice::{Advice, Advised};
use crate::auth_data::AuthDataError;
use crate::cbor::SpanError;
use crate::ctap::{LinkError, LinkKind, Status};

/// Why a command did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CtapError {
    /// The authenticator refused with a status byte.
    #[error("the key answered {0}")]
    Status(Status),
    /// The link failed; nobody knows whether the authenticator did it.
    #[error(transparent)]
    Link(LinkError),
    /// The authenticator's answer makes no sense.
    #[error("the key's answer makes no sense: {0}")]
    Reply(ReplyError),
    /// This model, or this state of it, cannot do it; nothing was sent.
    #[error("this key cannot {0}")]
    Unsupported(Feature),
    /// The PIN has to be changed before the authenticator does anything with it (getInfo 0x0C). Not a wrong PIN.
    #[error("the key wants its PIN changed first")]
    ChangeForced,
    /// Reset was refused because the authenticator has been powered for too long (status 0x30 to authenticatorReset).
    #[error("the key accepts a reset only in the first seconds after it is plugged in")]
    ResetWindowMissed,
    /// The token is for another relying party than the request; nothing was sent.
    #[error("the permission is for another relying party than the request")]
    OtherRelyingParty,
    /// A forced PIN change was accepted but getInfo does not show it.
    #[error("the key accepted the forced PIN change but does not show it")]
    NotForced,
    /// The authenticator did what it was told, then refused to say how it stands.
    #[error("the key did it, but does not say how it stands: it answered {0}")]
    NotReadBack(Status),
    /// The PIN was changed but getInfo still asks for a change.
    #[error("the PIN was changed but the key still asks for a change")]
    StillForced,
}

/// How an answer breaks the rules. The text is the name of the member.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Not even a status byte.
    #[error("it is empty")]
    Empty,
    /// It ends in the middle of an item.
    #[error("it is cut off")]
    Truncated,
    /// Something follows the last item.
    #[error("something follows its end")]
    Trailing,
    /// Nested too deeply.
    #[error("it is nested too deeply")]
    TooDeep,
    /// An item of indefinite length, which CTAP forbids.
    #[error("it has an item of indefinite length")]
    Indefinite,
    /// A head that CBOR does not define.
    #[error("it is not CBOR")]
    Malformed,
    /// Longer than any CTAP message.
    #[error("it has {0} bytes, more than any answer has")]
    TooLong(usize),
    /// A member has another type than the specification gives it.
    #[error("{0} has the wrong type")]
    WrongType(&'static str),
    /// A member has a length or a value that it cannot have.
    #[error("{0} has a length or a value that it cannot have")]
    WrongLength(&'static str),
    /// A member is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A map has a key twice.
    #[error("{0} has a key twice")]
    Duplicate(&'static str),
    /// A text is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// A member contradicts what was asked.
    #[error("{0} does not belong to the request")]
    Mismatch(&'static str),
    /// The authenticator's public key is not a point of P-256.
    #[error("its key agreement key is not a point of P-256")]
    KeyAgreement,
}

/// Something that not every authenticator can do. The text completes "this key cannot …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// A PIN at all.
    Pin,
    /// A PIN/UV auth protocol that we speak.
    PinProtocol,
    /// Set a first PIN: there is one already.
    FirstPin,
    /// Use a PIN: none is set.
    SetPin,
    /// Make credentials or assertions under a PIN token.
    MakeWithPin,
    /// Built-in user verification.
    BuiltInUv,
    /// authenticatorConfig.
    Config,
    /// Enterprise attestation.
    EnterpriseAttestation,
    /// toggleAlwaysUv.
    AlwaysUv,
    /// setMinPINLength.
    MinPinLength,
    /// enableLongTouchForReset.
    LongTouch,
    /// Credential management.
    CredentialManagement,
    /// Rename a credential's user.
    UpdateUser,
    /// Reset over this kind of link.
    ResetOver(LinkKind),
    /// authenticatorSelection.
    Selection,
    /// Make a credential by touch alone.
    TrialCredential,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "have a PIN",
            Self::PinProtocol => "speak a PIN protocol that we know",
            Self::FirstPin => "get a first PIN, because it has one",
            Self::SetPin => "use a PIN, because none is set",
            Self::MakeWithPin => "make credentials under a PIN",
            Self::BuiltInUv => "verify its user by itself",
            Self::Config => "be configured",
            Self::EnterpriseAttestation => "do enterprise attestation",
            Self::AlwaysUv => "switch user verification for every use",
            Self::MinPinLength => "set a minimum PIN length or force a PIN change",
            Self::LongTouch => "ask for a long touch before a reset",
            Self::CredentialManagement => "list or delete its credentials",
            Self::UpdateUser => "rename the user of a credential",
            Self::ResetOver(LinkKind::Usb) => "be reset over USB",
            Self::ResetOver(LinkKind::Nfc) => "be reset over NFC",
            Self::ResetOver(LinkKind::SmartCard) => "be reset as a smart card",
            Self::TrialCredential => "make a credential by touch alone",
            Self::Selection => "be selected by touch",
        })
    }
}

impl From<LinkError> for CtapError {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl From<SpanError> for ReplyError {
    fn from(error: SpanError) -> Self {
        match error {
            SpanError::Truncated => Self::Truncated,
            SpanError::TooDeep => Self::TooDeep,
            SpanError::Indefinite => Self::Indefinite,
            SpanError::Malformed => Self::Malformed,
        }
    }
}

impl From<AuthDataError> for ReplyError {
    fn from(error: AuthDataError) -> Self {
        match error {
            AuthDataError::Short => Self::WrongLength("authData"),
            AuthDataError::CredentialShort => Self::WrongLength("attestedCredentialData"),
            AuthDataError::CredentialId => Self::WrongLength("credentialId"),
            AuthDataError::PublicKey => Self::WrongType("credentialPublicKey"),
            AuthDataError::Extensions => Self::WrongType("authData.extensions"),
            AuthDataError::Cbor(error) => error.into(),
            AuthDataError::Trailing => Self::Trailing,
        }
    }
}

impl From<ReplyError> for CtapError {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
    }
}

impl CtapError {
    /// Whether the authenticator answered with this status.
    pub fn is(&self, status: Status) -> bool {
        *self == Self::Status(status)
    }
}

advice! {
    REPLY: "key/reply", Key, "The key's answer makes no sense.", "Take the key out, put it back and try again; if it happens again, do not use this key.";
    UNSUPPORTED: "key/unsupported", Key, "This key cannot do what was asked.", "Use another model; `keywright keys info` shows what this one can do.";
    PIN_EXISTS: "key/pin-exists", Key, "The key has a PIN already.", "Change it with `keywright keys pin change`, or reset the key first.";
    PIN_MISSING: "key/pin-missing", Key, "The key has no PIN yet.", "Set one with `keywright keys pin set`.";
    RESET_LINK: "key/reset-link", Key, "The key cannot be reset over this kind of link.", "Plug the key into a USB port, or use the link that `keywright keys info` names, then run the command again.";
    NO_SELECTION: "key/no-selection", Key, "The key cannot be selected by touch.", "Name it with --key: its serial number, or its path, port or reader as `keywright keys list` shows them.";
    CHANGE_FORCED: "key/pin-change-forced", Key, "The key wants its PIN changed before anything else.", "Change the PIN with `keywright keys pin change`; the PIN itself is not wrong.";
    RESET_WINDOW_MISSED: "key/reset-window-missed", Key, "The reset came too late after the key was plugged in.", "Take the key out, put it back and answer at once: the key accepts a reset for a few seconds only.";
    OTHER_RELYING_PARTY: "key/other-relying-party", Failed, "The permission of the PIN is for another relying party than the request.", "Run the command again with -vv and report the output: this is a fault of keywright.";
    NOT_FORCED: "key/change-not-forced", Key, "The key accepted the forced PIN change but does not show it.", "Do not hand the key out as it is; use a model that can force a PIN change.";
    NOT_READ_BACK: "key/not-read-back", Key, "The key did what it was told but does not say how it stands.", "Take the key out, put it back and run the same command again: it looks at the key first.";
    STILL_FORCED: "key/change-still-forced", Key, "The PIN was changed but the key still asks for a change.", "Take the key out, put it back and look again with `keywright keys info`.";
}

impl Advised for CtapError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Status(status) => status.advice(),
            Self::Link(error) => error.advice(),
            Self::Reply(error) => error.advice(),
            Self::Unsupported(Feature::FirstPin) => &PIN_EXISTS,
            Self::Unsupported(Feature::SetPin) => &PIN_MISSING,
            Self::Unsupported(Feature::ResetOver(_)) => &RESET_LINK,
            Self::Unsupported(Feature::Selection) => &NO_SELECTION,
            Self::Unsupported(_) => &UNSUPPORTED,
            Self::ChangeForced => &CHANGE_FORCED,
            Self::ResetWindowMissed => &RESET_WINDOW_MISSED,
            Self::OtherRelyingParty => &OTHER_RELYING_PARTY,
            Self::NotForced => &NOT_FORCED,
            Self::NotReadBack(_) => &NOT_READ_BACK,
            Self::StillForced => &STILL_FORCED,
        }
    }
}

impl Advised for ReplyError {
    fn advice(&self) -> &'static Advice {
        &REPLY
    }
}
