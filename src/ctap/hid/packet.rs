//! Packets: how a message is cut into reports and put together again.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::ctap::LinkError;

/// Largest report of CTAPHID, in bytes.
pub const PACKET_SIZE: usize = 64;

/// Smallest report that holds a whole answer to CTAPHID_INIT.
pub const SMALLEST_PACKET: usize = 24;

/// Channel for CTAPHID_INIT before a channel is allocated.
pub(super) const BROADCAST: u32 = 0xFFFF_FFFF;

/// Marks a packet that begins a message.
const START: u8 = 0x80;
/// Bytes before the data of a first packet: channel, command, length.
const START_HEADER: usize = 7;
/// Bytes before the data of a continuation packet: channel, sequence.
const NEXT_HEADER: usize = 5;
/// Continuation packets are numbered 0 to 0x7F.
const MOST_CONTINUATIONS: usize = 128;

/// One open device that carries reports of a fixed size. Report ids are the adapter's affair.
pub trait PacketPipe: Send {
    /// Size of a report in bytes, [`SMALLEST_PACKET`] to [`PACKET_SIZE`].
    fn report_size(&self) -> usize;

    /// Writes one report of [`Self::report_size`] bytes.
    ///
    /// # Errors
    /// [`LinkError::Gone`] if the device is no longer there.
    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError>;

    /// Reads one report: its length, or `None` if nothing came within `timeout`.
    ///
    /// # Errors
    /// [`LinkError::Gone`] if the device is no longer there.
    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], timeout: Duration) -> Result<Option<usize>, LinkError>;
}

/// The most bytes that a message can have with reports of this size: 7609 for 64.
pub(super) fn capacity(report: usize) -> usize {
    let rest = report.saturating_sub(NEXT_HEADER).saturating_mul(MOST_CONTINUATIONS);
    report.saturating_sub(START_HEADER).saturating_add(rest)
}

/// Writes a message as one first packet and its continuations.
pub(super) fn write_message(pipe: &mut dyn PacketPipe, channel: u32, command: u8, message: &[u8]) -> Result<(), LinkError> {
    let report = pipe.report_size();
    let too_long = || LinkError::TooLong(message.len());
    if message.len() > capacity(report) {
        return Err(too_long());
    }
    let length = u16::try_from(message.len()).map_err(|_| too_long())?;
    let (first, rest) = message.split_at(message.len().min(report.saturating_sub(START_HEADER)));
    let mut header = channel.to_be_bytes().to_vec();
    header.push(command | START);
    header.extend(length.to_be_bytes());
    pipe.write_packet(&filled(report, &header, first))?;
    for (sequence, data) in (0_u8..).zip(rest.chunks(report.saturating_sub(NEXT_HEADER).max(1))) {
        let mut header = channel.to_be_bytes().to_vec();
        header.push(sequence);
        pipe.write_packet(&filled(report, &header, data))?;
    }
    Ok(())
}

fn filled(report: usize, header: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut packet = Zeroizing::new(Vec::with_capacity(report));
    packet.extend_from_slice(header);
    packet.extend_from_slice(data);
    packet.resize(report, 0);
    packet
}

/// One packet as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// Begins a message.
    Start { channel: u32, command: u8, length: usize, data: &'a [u8] },
    /// Continues one.
    Next { channel: u32, sequence: u8, data: &'a [u8] },
}

impl<'a> Packet<'a> {
    /// `None` if there are too few bytes for a header.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (channel, rest) = bytes.split_first_chunk::<4>()?;
        let channel = u32::from_be_bytes(*channel);
        let (kind, rest) = rest.split_first()?;
        if kind & START == 0 {
            return Some(Self::Next { channel, sequence: *kind, data: rest });
        }
        let (length, data) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        Some(Self::Start { channel, command: kind & !START, length, data })
    }

    /// The channel that it belongs to.
    pub(super) fn channel(&self) -> u32 {
        match self {
            Self::Start { channel, .. } | Self::Next { channel, .. } => *channel,
        }
    }
}

/// A message that is being put together.
#[derive(Debug)]
pub(super) struct Assembly {
    length: usize,
    report: usize,
    data: Zeroizing<Vec<u8>>,
    sequence: u8,
}

impl Assembly {
    /// Begins with the first packet.
    pub(super) fn start(length: usize, data: &[u8], report: usize) -> Result<Self, LinkError> {
        if length > capacity(report) {
            return Err(LinkError::Protocol("it announced a message longer than any can be"));
        }
        let mut assembly = Self { length, report, data: Zeroizing::new(Vec::with_capacity(length)), sequence: 0 };
        assembly.take(data, START_HEADER)?;
        Ok(assembly)
    }

    /// Adds a continuation packet.
    pub(super) fn add(&mut self, sequence: u8, data: &[u8]) -> Result<(), LinkError> {
        if sequence != self.sequence {
            return Err(LinkError::Protocol("a packet came out of sequence"));
        }
        self.sequence = self.sequence.saturating_add(1);
        self.take(data, NEXT_HEADER)
    }

    /// Whether every announced byte is there.
    pub(super) fn is_complete(&self) -> bool {
        self.data.len() >= self.length
    }

    /// The message.
    pub(super) fn into_message(self) -> Zeroizing<Vec<u8>> {
        self.data
    }

    fn take(&mut self, data: &[u8], header: usize) -> Result<(), LinkError> {
        let missing = self.length.saturating_sub(self.data.len());
        let expected = missing.min(self.report.saturating_sub(header));
        let Some(part) = data.get(..expected) else {
            return Err(LinkError::Protocol("a packet was cut short"));
        };
        self.data.extend_from_slice(part);
        Ok(())
    }
}
