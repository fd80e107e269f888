//! One open authenticator: what it said about itself, and the way commands go to it and answers come back.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::ctap::cbor::{Map, Value, is_canonical};
use crate::ctap::commands::Command;
use crate::ctap::vendor::{self, YubiKey};
use crate::ctap::{Cancel, CtapError, Info, KeyIdentity, Link, LinkError, LinkFacts, PinProtocol, PowerCycle, ReplyError};
use crate::ctap::{Serial, Status, Transport, Turn, Wait};

/// Longest answer accepted in bytes: what a length of two bytes can say. CTAPHID itself ends at 7609.
const MAX_REPLY: usize = 65_535;
/// Time for getInfo and everything else that does not wait for a person.
const QUICK: Duration = Duration::from_secs(5);

/// What an authenticator is worked with.
pub struct Tools {
    /// The clock.
    pub clock: SharedClock,
    /// The generator for ephemeral keys and initialisation vectors.
    pub rng: Box<dyn rand::CryptoRng + Send>,
    /// The request to stop.
    pub cancel: Cancel,
    /// Told what the authenticator is waiting for, on change.
    pub on_wait: Box<dyn FnMut(Wait) + Send>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

/// One open authenticator. Commands that need no PIN are methods here; what needs one is on
/// [`Pinned`](crate::ctap::Pinned).
pub struct Authenticator {
    transport: Box<dyn Transport>,
    pub(crate) tools: Tools,
    info: Info,
    /// The PIN protocol under which a command has succeeded since the last power-up.
    pub(crate) proven: Option<PinProtocol>,
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").field("link", self.link()).field("aaguid", &self.info.aaguid).finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Takes an open link over and asks the authenticator what it is.
    ///
    /// # Errors
    /// [`CtapError`]; the link is closed then.
    pub fn open(transport: Box<dyn Transport>, tools: Tools) -> Result<Self, CtapError> {
        let mut authenticator = Self { transport, tools, info: Info::default(), proven: None };
        authenticator.refresh()?;
        Ok(authenticator)
    }

    /// What getInfo last said.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// Asks getInfo again.
    ///
    /// # Errors
    /// [`CtapError`]; the last answer is kept then.
    pub fn refresh(&mut self) -> Result<&Info, CtapError> {
        let reply = self.call(Command::GetInfo, &Map::new(), QUICK)?;
        self.info = Info::parse(reply.cbor())?;
        Ok(&self.info)
    }

    /// Asks getInfo again after the authenticator has done something: that it refuses this says nothing of what it has done.
    pub(crate) fn read_back(&mut self) -> Result<&Info, CtapError> {
        self.refresh().map_err(|error| match error {
            CtapError::Status(status) => CtapError::NotReadBack(status),
            other => other,
        })
    }

    /// Where it is.
    pub fn link(&self) -> &Link {
        self.transport.link()
    }

    /// What opening the link told.
    pub fn facts(&self) -> LinkFacts {
        self.transport.facts()
    }

    /// The clock that this authenticator was opened with.
    pub fn clock(&self) -> &SharedClock {
        &self.tools.clock
    }

    /// Everything that tells this key from another.
    ///
    /// # Errors
    /// [`CtapError::Link`] if the link fails. A key that only refuses its maker's command has no serial number.
    pub fn identity(&mut self) -> Result<KeyIdentity, CtapError> {
        let serial = self.serial()?;
        let link = self.transport.link();
        Ok(KeyIdentity {
            link: link.kind,
            serial,
            usb_serial: link.usb_serial.clone(),
            port: link.port.clone(),
            aaguid: self.info.aaguid,
            fingerprint: self.info.fingerprint(),
            state: self.info.state(),
        })
    }

    /// What a YubiKey says of itself beyond getInfo: whether a reset is blocked, PIN complexity, form. `None` for other keys.
    ///
    /// # Errors
    /// [`CtapError::Link`] if the link fails.
    pub fn yubikey(&mut self) -> Result<Option<YubiKey>, CtapError> {
        let mut turn = Turn { budget: QUICK, cancel: &self.tools.cancel, on_wait: &mut *self.tools.on_wait };
        Ok(vendor::yubikey(&mut *self.transport, &mut turn)?)
    }

    /// Lets the key blink.
    ///
    /// # Errors
    /// [`LinkError::Unsupported`] if it cannot.
    pub fn wink(&mut self) -> Result<(), CtapError> {
        let mut turn = Turn { budget: QUICK, cancel: &self.tools.cancel, on_wait: &mut *self.tools.on_wait };
        Ok(self.transport.wink(&mut turn)?)
    }

    /// Powers the authenticator off and on if its link can; asks getInfo again if it did.
    ///
    /// # Errors
    /// [`CtapError`] if it does not come back.
    pub fn power_cycle(&mut self) -> Result<PowerCycle, CtapError> {
        let cycle = self.transport.power_cycle()?;
        if cycle == PowerCycle::Done {
            self.proven = None;
            self.refresh()?;
        }
        Ok(cycle)
    }

    /// One command and its answer.
    pub(crate) fn call(&mut self, command: Command, body: &Map<'_>, budget: Duration) -> Result<Reply, CtapError> {
        let request = if body.is_empty() { Zeroizing::new(vec![command.byte()]) } else { body.encode(&[command.byte()]) };
        debug_assert!(request.get(1..).is_some_and(|cbor| cbor.is_empty() || is_canonical(cbor)), "requests are canonical");
        if request.len() > self.info.max_msg_size() {
            return Err(LinkError::TooLong(request.len()).into());
        }
        let mut turn = Turn { budget, cancel: &self.tools.cancel, on_wait: &mut *self.tools.on_wait };
        let reply = self.transport.exchange(&request, &mut turn)?;
        // The links trace the bytes, hiding what carries PINs and tokens; this line is about sense.
        let status = reply.first().copied().unwrap_or_default();
        log::debug!("{command:?}: {} bytes sent, status 0x{status:02X}, {} bytes back", request.len(), reply.len());
        if reply.len() > MAX_REPLY {
            return Err(ReplyError::TooLong(reply.len()).into());
        }
        match reply.first() {
            None => Err(ReplyError::Empty.into()),
            Some(0) => Ok(Reply(reply)),
            // Both are the end of a request to stop; which of the two comes depends on the link alone.
            Some(byte) if Status(*byte) == Status::KEEPALIVE_CANCEL && self.tools.cancel.requested() => {
                Err(LinkError::Cancelled.into())
            }
            Some(byte) => Err(CtapError::Status(Status(*byte))),
        }
    }

    /// A command that waits for nobody.
    pub(crate) fn quick(&mut self, command: Command, body: &Map<'_>) -> Result<Reply, CtapError> {
        self.call(command, body, QUICK)
    }

    fn serial(&mut self) -> Result<Option<Serial>, CtapError> {
        let mut turn = Turn { budget: QUICK, cancel: &self.tools.cancel, on_wait: &mut *self.tools.on_wait };
        Ok(vendor::serial(&mut *self.transport, &mut turn)?)
    }
}

/// The answer to a command that succeeded.
pub(crate) struct Reply(Zeroizing<Vec<u8>>);

impl Reply {
    /// What follows the status byte.
    pub(crate) fn cbor(&self) -> &[u8] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The answer as one CBOR item.
    pub(crate) fn value(&self) -> Result<Value<'_>, ReplyError> {
        Value::parse(self.cbor())
    }
}
