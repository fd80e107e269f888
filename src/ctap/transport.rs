//! The one seam under the driver: a link to one authenticator, and the bus that links appear on.
//!
//! A [`Transport`] carries whole CTAP messages; framing (CTAPHID packets, ISO 7816 APDUs) is its own affair.
//! A [`Bus`] knows which links exist and tells when one arrives or goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::advice::{Advice, Advised};

/// How an authenticator is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// CTAPHID over USB.
    Usb,
    /// ISO 7816 in the field of a contactless reader.
    Nfc,
    /// ISO 7816 over contacts, or over a key's own CCID interface.
    SmartCard,
}

/// Where an authenticator was found: what the operating system says, before any command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Kind of attachment.
    pub kind: LinkKind,
    /// Device path or reader name: unique among the links of one moment, not stable over a re-plug.
    pub path: String,
    /// USB vendor id.
    pub vendor_id: Option<u16>,
    /// USB product id.
    pub product_id: Option<u16>,
    /// Product text of the USB descriptor.
    pub product: Option<String>,
    /// USB serial number (`iSerial`) if the device has one that is not empty.
    pub usb_serial: Option<String>,
    /// Physical port (USB topology) or the reader: stays the same when a key is put back.
    pub port: Option<String>,
}

/// What the link layer learnt when it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFacts {
    /// Device version of the CTAPHID_INIT answer: major, minor, build. The firmware version on YubiKeys.
    pub version: Option<(u8, u8, u8)>,
    /// CTAPHID_WINK is offered.
    pub wink: bool,
}

/// What the authenticator says while it works (CTAPHID_KEEPALIVE status, or 9100 + status byte on a card).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// 1: processing.
    Working,
    /// 2: user presence is needed.
    Touch,
    /// Any other status byte.
    Other(u8),
}

impl Wait {
    /// From the status byte, which is the same on both kinds of link.
    pub fn from_status(status: u8) -> Self {
        match status {
            1 => Self::Working,
            2 => Self::Touch,
            other => Self::Other(other),
        }
    }
}

/// A request to stop, shared between the one who asks and the exchange that obeys.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    asked: Arc<AtomicBool>,
    above: Option<Arc<Self>>,
}

impl Cancel {
    /// Not requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop. The exchange ends with [`LinkError::Cancelled`] or status 0x2D.
    pub fn request(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was requested, here or above.
    pub fn requested(&self) -> bool {
        self.asked.load(Ordering::SeqCst) || self.above.as_ref().is_some_and(|above| above.requested())
    }

    /// A request for a part of the work: this one stops the part as well, the part's stops nothing else.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { asked: Arc::default(), above: Some(Arc::new(self.clone())) }
    }
}

/// The terms of one exchange.
pub struct Turn<'a> {
    /// Longest time for the whole exchange, keepalives included.
    pub budget: Duration,
    /// Stop request.
    pub cancel: &'a Cancel,
    /// Told when the wait status changes, never twice in a row for the same status.
    pub on_wait: &'a mut dyn FnMut(Wait),
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// A maker's own command beside CTAP (serial numbers, reset-blocked flags).
#[derive(Clone, Copy, Debug)]
pub enum VendorCall<'a> {
    /// CTAPHID command 0x40 to 0x7F.
    Hid {
        /// Command byte without the init bit.
        command: u8,
        /// Payload.
        data: &'a [u8],
    },
    /// A command APDU: short form, answer collected over 61xx.
    Card {
        /// Application to select first; `None` leaves the FIDO applet selected. The FIDO applet is selected again afterwards.
        aid: Option<&'a [u8]>,
        /// CLA INS P1 P2.
        header: [u8; 4],
        /// Command data.
        data: &'a [u8],
    },
}

/// What a power cycle did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerCycle {
    /// The card was powered off and on; the reset window is open again.
    Done,
    /// This link cannot do it: the key has to be taken out and put back.
    NeedsHands,
}

/// One open link to one authenticator. Dropping it closes the link and leaves the card as it is.
pub trait Transport: Send {
    /// Where it is.
    fn link(&self) -> &Link;

    /// What opening it told.
    fn facts(&self) -> LinkFacts;

    /// One CTAP2 message (command byte, then CBOR) and its answer (status byte, then CBOR).
    ///
    /// # Errors
    /// [`LinkError`]; a CTAP status other than zero is not an error here.
    fn exchange(&mut self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError>;

    /// A maker's own command.
    ///
    /// # Errors
    /// [`LinkError::Unsupported`] if this kind of link has no such call, or the authenticator refuses it.
    fn vendor(&mut self, call: VendorCall<'_>, turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError>;

    /// Lets the key blink, so that a person sees which one is meant.
    ///
    /// # Errors
    /// [`LinkError::Unsupported`] without CTAPHID_WINK.
    fn wink(&mut self, turn: &mut Turn<'_>) -> Result<(), LinkError>;

    /// Powers the authenticator off and on without hands, if the link can.
    ///
    /// # Errors
    /// [`LinkError`] if the card does not come back.
    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError>;
}

/// Something that happened on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A link appeared. `at` is the monotonic time of the arrival: the reset window counts from it.
    Arrived {
        /// The new link.
        link: Link,
        /// Monotonic clock reading.
        at: Duration,
    },
    /// A link went away.
    Removed(Link),
}

/// Every place where a key can appear.
pub trait Bus: Send {
    /// The links of this moment.
    ///
    /// # Errors
    /// [`LinkError::NoService`] only if no part of the bus works at all.
    fn links(&mut self) -> Result<Vec<Link>, LinkError>;

    /// Opens a link: channel allocated or applet selected.
    ///
    /// # Errors
    /// [`LinkError::NotFido`] if what is there does not speak CTAP2.
    fn open(&mut self, link: &Link) -> Result<Box<dyn Transport>, LinkError>;

    /// Waits for the next arrival or removal since the last `links` or `wait`; `None` when the budget is spent.
    ///
    /// # Errors
    /// [`LinkError::Cancelled`] on a stop request.
    fn wait(&mut self, budget: Duration, cancel: &Cancel) -> Result<Option<Change>, LinkError>;
}

/// What can go wrong between us and the authenticator, below CTAP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Unplugged, or the card left the field.
    #[error("the key is gone")]
    Gone,
    /// Nothing came in time.
    #[error("the key did not answer in time")]
    Timeout,
    /// Another program is using the key (CTAPHID error 0x06, or an exclusive connection).
    #[error("another program is using the key")]
    Busy,
    /// We were asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// The operating system denies access.
    #[error("the system denies access to {0}")]
    AccessDenied(String),
    /// Windows denies access because the program does not run as administrator.
    #[error("Windows lets only administrators talk to {0}")]
    NotElevated(String),
    /// The smart-card service does not run.
    #[error("the smart-card service does not run")]
    NoService,
    /// What is there does not speak CTAP2.
    #[error("{0} is not a FIDO2 key")]
    NotFido(String),
    /// This link has no such call.
    #[error("the link has no {0}")]
    Unsupported(&'static str),
    /// More than the link or the authenticator takes.
    #[error("the message of {0} bytes is too long for this key")]
    TooLong(usize),
    /// The authenticator broke the rules of its link; what it did, in words.
    #[error("the key broke the rules of its link: {0}")]
    Protocol(&'static str),
    /// A CTAPHID error byte or an ISO 7816 status word that has no variant of its own.
    #[error("the key refused at link level with 0x{0:04X}")]
    Refused(u16),
    /// What the operating system said, where nothing above fits.
    #[error("the system says: {0}")]
    System(String),
}

advice! {
    GONE: "key/gone", Key, "The key was removed.", "Put the same key back and run the command again.";
    TIMEOUT: "key/timeout", Key, "The key did not answer in time.", "Take the key out, put it back and run the command again.";
    BUSY: "key/busy", Key, "Another program is using the key.", "Close browsers and key tools that may hold it, then run the command again.";
    CANCELLED: "key/cancelled", Interrupted, "The operation was stopped on request.", "Run the same command again to go on where it stopped.";
    ACCESS_DENIED: "key/access-denied", Key, "The system denies access to the key.", "Run `keywright doctor`: it names the permission that is missing.";
    NOT_ELEVATED: "key/not-elevated", Key, "Windows lets only administrators talk to security keys.", "Run the command again in a terminal that was opened with \"Run as administrator\".";
    NO_SERVICE: "key/no-service", Key, "The smart-card service does not run.", "Start it (on Linux: `systemctl start pcscd`) or use a key on USB.";
    NOT_FIDO: "key/not-fido", Key, "What is in the port or on the reader is not a FIDO2 key.", "Use a FIDO2 security key.";
    LINK_UNSUPPORTED: "key/link-unsupported", Key, "This link cannot do what was asked.", "Try the key on another port or reader.";
    TOO_LONG: "key/message-too-long", Key, "The message is too long for this key.", "Use a key that accepts longer messages; `keywright keys info` shows its limit.";
    PROTOCOL: "key/protocol", Key, "The key broke the rules of its link.", "Take the key out, put it back and try again; if it happens again, do not use this key.";
    REFUSED: "key/link-refused", Key, "The key refused at link level.", "Take the key out, put it back and run the command again.";
    SYSTEM: "key/system", Key, "The operating system reported an error on the link.", "Run `keywright doctor`.";
}

impl Advised for LinkError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Gone => &GONE,
            Self::Timeout => &TIMEOUT,
            Self::Busy => &BUSY,
            Self::Cancelled => &CANCELLED,
            Self::AccessDenied(_) => &ACCESS_DENIED,
            Self::NotElevated(_) => &NOT_ELEVATED,
            Self::NoService => &NO_SERVICE,
            Self::NotFido(_) => &NOT_FIDO,
            Self::Unsupported(_) => &LINK_UNSUPPORTED,
            Self::TooLong(_) => &TOO_LONG,
            Self::Protocol(_) => &PROTOCOL,
            Self::Refused(_) => &REFUSED,
            Self::System(_) => &SYSTEM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_the_parts_and_not_the_whole() {
        let whole = Cancel::new();
        let (one, other) = (whole.part(), whole.part());
        one.request();
        assert_eq!((whole.requested(), one.requested(), other.requested()), (false, true, false));
        whole.request();
        assert!(other.requested() && other.part().requested());
    }
}
