//! A channel on a key: transactions, keepalives, cancelling and every deadline.

use std::fmt;
use std::time::Duration;

use rand::CryptoRng;
use zeroize::Zeroizing;

use super::packet::{Assembly, BROADCAST, PACKET_SIZE, Packet, PacketPipe, capacity, write_message};
use crate::clock::SharedClock;
use crate::ctap::trace::Shown;
use crate::ctap::{Cancel, Link, LinkError, LinkFacts, PowerCycle, Transport, Turn, VendorCall, Wait};

const INIT: u8 = 0x06;
const WINK: u8 = 0x08;
const CBOR: u8 = 0x10;
const CANCEL: u8 = 0x11;
const KEEPALIVE: u8 = 0x3B;
const ERROR: u8 = 0x3F;
const VENDOR: std::ops::RangeInclusive<u8> = 0x40..=0x7F;

const ERROR_INVALID_COMMAND: u8 = 0x01;
const ERROR_BUSY: u8 = 0x06;
const ERROR_INVALID_CHANNEL: u8 = 0x0B;

const CAPABILITY_WINK: u8 = 0x01;
const CAPABILITY_CBOR: u8 = 0x04;

/// Longest wait in one read, so that a stop request is seen.
const SLICE: Duration = Duration::from_millis(100);
/// Longest silence of a key that works; every packet of ours and every keepalive starts it anew.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the last answer may take after CTAPHID_CANCEL.
const GRACE: Duration = Duration::from_secs(1);
/// How long a channel may take to be allocated.
const ALLOCATION: Duration = Duration::from_secs(3);
/// How long an old channel may take to be put straight before a new one is asked for.
const RESYNC: Duration = Duration::from_millis(500);
/// Pause before a busy key is asked again.
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// Most packets thrown away before a message is sent.
const MOST_STALE_PACKETS: usize = 256;

/// What ended a transaction.
enum Answer {
    Message(Zeroizing<Vec<u8>>),
    Error(u8),
}

/// CTAPHID on one open device.
///
/// A transaction that ended without its answer leaves the channel out of step: the next one first puts it straight with
/// CTAPHID_INIT, which also ends whatever the key was still doing.
pub struct HidTransport<P> {
    link: Link,
    facts: LinkFacts,
    pipe: P,
    clock: SharedClock,
    nonce: u64,
    channel: u32,
    out_of_step: bool,
}

impl<P> fmt::Debug for HidTransport<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HidTransport").field("link", &self.link).field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl<P: PacketPipe> HidTransport<P> {
    /// Allocates a channel. The generator gives the nonce that tells our answer from other programs' answers.
    ///
    /// # Errors
    /// [`LinkError::NotFido`] without CTAP2, [`LinkError::Timeout`] if the key never answers us.
    pub fn open(link: Link, pipe: P, clock: SharedClock, rng: &mut dyn CryptoRng) -> Result<Self, LinkError> {
        let nonce = rng.next_u64();
        let facts = LinkFacts::default();
        let mut transport = Self { link, facts, pipe, clock, nonce, channel: BROADCAST, out_of_step: false };
        let deadline = transport.clock.monotonic().saturating_add(ALLOCATION);
        transport.allocate(BROADCAST, deadline, &Cancel::new())?;
        Ok(transport)
    }

    /// CTAPHID_INIT: on the broadcast channel it allocates one, on our own it ends whatever is pending there.
    fn allocate(&mut self, channel: u32, deadline: Duration, cancel: &Cancel) -> Result<(), LinkError> {
        self.nonce = self.nonce.wrapping_add(1);
        let nonce = self.nonce.to_be_bytes();
        write_message(&mut self.pipe, channel, INIT, &nonce)?;
        let mut busy = false;
        loop {
            let mut buffer = Zeroizing::new([0_u8; PACKET_SIZE]);
            let count = self.read(&mut buffer, deadline, cancel).map_err(|error| match error {
                LinkError::Timeout if busy => LinkError::Busy,
                other => other,
            })?;
            let Some(count) = count else { continue };
            let Some(Packet::Start { channel: from, command, length, data }) = buffer.get(..count).and_then(Packet::parse) else {
                continue;
            };
            if from != channel {
                continue;
            }
            if command == ERROR && data.first() == Some(&ERROR_BUSY) {
                busy = true;
                self.clock.sleep(BUSY_PAUSE);
                write_message(&mut self.pipe, channel, INIT, &nonce)?;
            } else if command == ERROR && data.first() == Some(&ERROR_INVALID_CHANNEL) && channel != BROADCAST {
                return Err(LinkError::Refused(u16::from(ERROR_INVALID_CHANNEL)));
            } else if command == INIT
                && let Some(answer) = data.strip_prefix(&nonce)
            {
                return self.settle(length, answer);
            }
        }
    }

    /// Takes over what the answer to our own CTAPHID_INIT says: channel, version, capabilities.
    fn settle(&mut self, length: usize, answer: &[u8]) -> Result<(), LinkError> {
        let Some((channel, [_protocol, major, minor, build, capabilities, ..])) = answer.split_first_chunk::<4>() else {
            return Err(LinkError::Protocol("its answer to CTAPHID_INIT was cut short"));
        };
        let channel = u32::from_be_bytes(*channel);
        if length < 17 || channel == BROADCAST || channel == 0 {
            return Err(LinkError::Protocol("its answer to CTAPHID_INIT names no usable channel"));
        }
        if capabilities & CAPABILITY_CBOR == 0 {
            return Err(LinkError::NotFido(self.link.path.clone()));
        }
        self.channel = channel;
        self.out_of_step = false;
        self.facts = LinkFacts { version: Some((*major, *minor, *build)), wink: capabilities & CAPABILITY_WINK != 0 };
        log::trace!("{}: channel {channel:08x}, {:?}", self.link.path, self.facts);
        Ok(())
    }

    /// Brings an abandoned channel back, or gets another one if the key no longer knows it.
    fn put_straight(&mut self, deadline: Duration, cancel: &Cancel) -> Result<(), LinkError> {
        let soon = self.clock.monotonic().saturating_add(RESYNC).min(deadline);
        match self.allocate(self.channel, soon, cancel) {
            Err(LinkError::Timeout | LinkError::Busy | LinkError::Refused(_)) => self.allocate(BROADCAST, deadline, cancel),
            other => other,
        }
    }

    /// One read of at most a slice; `None` if nothing came in it.
    fn read(&mut self, buffer: &mut [u8; PACKET_SIZE], deadline: Duration, cancel: &Cancel) -> Result<Option<usize>, LinkError> {
        if cancel.requested() {
            return Err(LinkError::Cancelled);
        }
        let left = deadline.saturating_sub(self.clock.monotonic());
        if left.is_zero() {
            return Err(LinkError::Timeout);
        }
        self.pipe.read_packet(buffer, left.min(SLICE))
    }

    /// Throws away what is left of earlier transactions.
    fn drain(&mut self) -> Result<(), LinkError> {
        let mut buffer = Zeroizing::new([0_u8; PACKET_SIZE]);
        for _ in 0..MOST_STALE_PACKETS {
            if self.pipe.read_packet(&mut buffer, Duration::ZERO)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// One transaction, asked again while the key is busy, and once on a new channel if the key forgot ours.
    fn transact(&mut self, command: u8, message: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        if message.len() > capacity(self.pipe.report_size()) {
            return Err(LinkError::TooLong(message.len()));
        }
        let deadline = self.clock.monotonic().saturating_add(turn.budget);
        let mut asked_for_channel = false;
        loop {
            if turn.cancel.requested() {
                return Err(LinkError::Cancelled);
            }
            if self.out_of_step {
                self.put_straight(deadline, turn.cancel)?;
            }
            self.drain()?;
            // Until the answer is complete the channel counts as out of step, whichever way this is left.
            self.out_of_step = true;
            write_message(&mut self.pipe, self.channel, command, message)?;
            let answer = self.listen(command, deadline, turn)?;
            self.out_of_step = false;
            match answer {
                Answer::Message(message) => return Ok(message),
                Answer::Error(ERROR_BUSY) => {
                    if self.clock.monotonic().saturating_add(BUSY_PAUSE) >= deadline {
                        return Err(LinkError::Busy);
                    }
                    self.clock.sleep(BUSY_PAUSE);
                }
                Answer::Error(ERROR_INVALID_CHANNEL) if !asked_for_channel => {
                    asked_for_channel = true;
                    self.allocate(BROADCAST, deadline, turn.cancel)?;
                }
                Answer::Error(code) => return Err(LinkError::Refused(u16::from(code))),
            }
        }
    }

    /// Waits for the answer to `command`: until the key is silent for too long, the budget is spent, or, after a stop
    /// request, the grace is over.
    fn listen(&mut self, command: u8, deadline: Duration, turn: &mut Turn<'_>) -> Result<Answer, LinkError> {
        let report = self.pipe.report_size();
        let mut buffer = Zeroizing::new([0_u8; PACKET_SIZE]);
        let mut assembly: Option<Assembly> = None;
        let mut told = None;
        let mut grace = None;
        let mut silence = self.clock.monotonic().saturating_add(SILENCE);
        loop {
            let now = self.clock.monotonic();
            if grace.is_none() && turn.cancel.requested() {
                self.cancel(command)?;
                grace = Some(now.saturating_add(GRACE));
            }
            let left = grace.unwrap_or(deadline).min(deadline).min(silence).saturating_sub(now);
            if left.is_zero() {
                return Err(self.give_up(command, grace.is_some()));
            }
            let Some(count) = self.pipe.read_packet(&mut buffer, left.min(SLICE))? else { continue };
            let packet = buffer.get(..count).and_then(Packet::parse);
            let packet = packet.ok_or(LinkError::Protocol("a packet was cut short"))?;
            if packet.channel() != self.channel {
                continue;
            }
            silence = self.clock.monotonic().saturating_add(SILENCE);
            match (&mut assembly, packet) {
                (begun, Packet::Start { command: ERROR, data, .. }) => {
                    let code = data.first().copied().unwrap_or_default();
                    // Once the key has begun, the command may be carried out: nothing must be sent a second time.
                    let sent_again = begun.is_none() && told.is_none();
                    return if sent_again { Ok(Answer::Error(code)) } else { Err(LinkError::Refused(u16::from(code))) };
                }
                (None, Packet::Start { command: KEEPALIVE, data, .. }) => tell(data, &mut told, turn),
                (None, Packet::Start { command: ours, length, data, .. }) if ours == command => {
                    assembly = Some(Assembly::start(length, data, report)?);
                }
                (None, Packet::Start { .. }) => return Err(LinkError::Protocol("it answered another command")),
                (Some(_), Packet::Start { .. }) => {
                    return Err(LinkError::Protocol("a message began inside another"));
                }
                (None, Packet::Next { .. }) => return Err(LinkError::Protocol("a message came without its beginning")),
                (Some(message), Packet::Next { sequence, data, .. }) => message.add(sequence, data)?,
            }
            if let Some(message) = assembly.take_if(|message| message.is_complete()) {
                return Ok(Answer::Message(message.into_message()));
            }
        }
    }

    /// CTAPHID_CANCEL stops CBOR commands only; nothing else waits for a person.
    fn cancel(&mut self, command: u8) -> Result<(), LinkError> {
        if command == CBOR { write_message(&mut self.pipe, self.channel, CANCEL, &[]) } else { Ok(()) }
    }

    /// Ends a transaction without its answer. A key that still waits for a touch is told to stop: a late touch must not
    /// carry out what nobody waits for any more.
    fn give_up(&mut self, command: u8, cancelled: bool) -> LinkError {
        if cancelled {
            return LinkError::Cancelled;
        }
        self.cancel(command).err().unwrap_or(LinkError::Timeout)
    }
}

fn tell(data: &[u8], told: &mut Option<Wait>, turn: &mut Turn<'_>) {
    let wait = Wait::from_status(data.first().copied().unwrap_or_default());
    if told.replace(wait) != Some(wait) {
        (turn.on_wait)(wait);
    }
}

impl<P: PacketPipe> Transport for HidTransport<P> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        self.facts
    }

    fn exchange(&mut self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        log::trace!("{} > {}", self.link.path, Shown::request(request));
        let answer = self.transact(CBOR, request, turn)?;
        log::trace!("{} < {}", self.link.path, Shown::answer(request, &answer));
        if answer.is_empty() { Err(LinkError::Protocol("its answer has no status byte")) } else { Ok(answer) }
    }

    fn vendor(&mut self, call: VendorCall<'_>, turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        let VendorCall::Hid { command, data } = call else {
            return Err(LinkError::Unsupported("card application"));
        };
        if !VENDOR.contains(&command) {
            return Err(LinkError::Unsupported("such vendor command"));
        }
        log::trace!("{} > vendor 0x{command:02X}, {} bytes", self.link.path, data.len());
        match self.transact(command, data, turn) {
            Ok(answer) => Ok(answer.to_vec()),
            Err(LinkError::Refused(code)) if code == u16::from(ERROR_INVALID_COMMAND) => {
                Err(LinkError::Unsupported("such vendor command"))
            }
            Err(error) => Err(error),
        }
    }

    fn wink(&mut self, turn: &mut Turn<'_>) -> Result<(), LinkError> {
        if !self.facts.wink {
            return Err(LinkError::Unsupported("wink"));
        }
        self.transact(WINK, &[], turn).map(drop)
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        Ok(PowerCycle::NeedsHands)
    }
}
