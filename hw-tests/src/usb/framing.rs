//! The device's side of CTAPHID (CTAP 2.3 section 11.2), written from the text and not from the driver under test: reports in, what
//! to do out. No device and no clock in here.

use super::reports::{Report, SIZE};

const PING: u8 = 0x01;
const INIT: u8 = 0x06;
pub(super) const WINK: u8 = 0x08;
pub(super) const CBOR: u8 = 0x10;
const CANCEL: u8 = 0x11;
const KEEPALIVE: u8 = 0x3B;
pub(super) const ERROR: u8 = 0x3F;
/// Commands of makers.
const VENDOR: std::ops::RangeInclusive<u8> = 0x40..=0x7F;

pub(super) const INVALID_COMMAND: u8 = 0x01;
const INVALID_LENGTH: u8 = 0x03;
const INVALID_SEQUENCE: u8 = 0x04;
const MESSAGE_TIMEOUT: u8 = 0x05;
pub(super) const CHANNEL_BUSY: u8 = 0x06;
const INVALID_CHANNEL: u8 = 0x0B;

const BROADCAST: u32 = 0xFFFF_FFFF;
/// WINK, CBOR, and no U2F messages (section 11.2.9.1.3).
const CAPABILITIES: u8 = 0x01 | 0x04 | 0x08;
/// Room in the first report and in the others.
const FIRST: usize = SIZE - 7;
const NEXT: usize = SIZE - 5;
/// Longest message: the first report and 128 others.
const LONGEST: usize = FIRST + 128 * NEXT;

/// What the device does about a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Sends this.
    Send(Report),
    /// Carries out a command.
    Start { command: u8, data: Vec<u8> },
    /// Ends the command at work as soon as it can.
    Stop,
}

/// A message that is not complete yet.
struct Part {
    channel: u32,
    command: u8,
    length: usize,
    data: Vec<u8>,
    sequence: u8,
}

/// A command at work.
struct Work {
    channel: u32,
    command: u8,
    /// The host began anew: the answer is for nobody.
    abandoned: bool,
}

/// Channels and the one transaction that a device has at a time.
pub(super) struct Framing {
    version: (u8, u8, u8),
    last_channel: u32,
    part: Option<Part>,
    work: Option<Work>,
}

impl Framing {
    /// A device of that firmware version that has just got its power.
    pub(super) fn new(version: (u8, u8, u8)) -> Self {
        Self { version, last_channel: 0x0C_0000, part: None, work: None }
    }

    /// A command is at work.
    pub(super) fn at_work(&self) -> bool {
        self.work.is_some()
    }

    /// What is at work is a CTAP2 command.
    pub(super) fn answers_cbor(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.command == CBOR)
    }

    /// A message has begun and is not complete.
    pub(super) fn expects_more(&self) -> bool {
        self.part.is_some()
    }

    /// One report from the host.
    pub(super) fn hear(&mut self, report: &Report) -> Vec<Act> {
        let channel = u32::from_be_bytes([report[0], report[1], report[2], report[3]]);
        if report[4] & 0x80 == 0 {
            return self.go_on(channel, report);
        }
        let command = report[4] & 0x7F;
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        if command == INIT {
            return self.initialise(channel, length, report);
        }
        if channel == 0 || channel == BROADCAST || channel > self.last_channel {
            return refuse(channel, INVALID_CHANNEL);
        }
        if command == CANCEL {
            let ours = self.work.as_ref().is_some_and(|work| work.channel == channel && work.command == CBOR);
            return if ours { vec![Act::Stop] } else { Vec::new() };
        }
        if let Some(part) = &self.part {
            if part.channel != channel {
                return refuse(channel, CHANNEL_BUSY);
            }
            self.part = None;
            return refuse(channel, INVALID_SEQUENCE);
        }
        if self.work.is_some() {
            return refuse(channel, CHANNEL_BUSY);
        }
        if length > LONGEST {
            return refuse(channel, INVALID_LENGTH);
        }
        let data = report[7..7 + length.min(FIRST)].to_vec();
        self.part = Some(Part { channel, command, length, data, sequence: 0 });
        self.complete()
    }

    fn go_on(&mut self, channel: u32, report: &Report) -> Vec<Act> {
        // Spurious continuations are ignored (section 11.2.4).
        let Some(part) = self.part.as_mut().filter(|part| part.channel == channel) else { return Vec::new() };
        if report[4] != part.sequence {
            self.part = None;
            return refuse(channel, INVALID_SEQUENCE);
        }
        part.sequence += 1;
        let left = (part.length - part.data.len()).min(NEXT);
        part.data.extend_from_slice(&report[5..5 + left]);
        self.complete()
    }

    fn complete(&mut self) -> Vec<Act> {
        let Some(Part { channel, command, data, .. }) = self.part.take_if(|part| part.data.len() == part.length) else {
            return Vec::new();
        };
        match command {
            PING => message(channel, PING, &data).into_iter().map(Act::Send).collect(),
            CBOR | WINK => self.start(channel, command, data),
            command if VENDOR.contains(&command) => self.start(channel, command, data),
            _ => refuse(channel, INVALID_COMMAND),
        }
    }

    fn start(&mut self, channel: u32, command: u8, data: Vec<u8>) -> Vec<Act> {
        self.work = Some(Work { channel, command, abandoned: false });
        vec![Act::Start { command, data }]
    }

    /// On the broadcast channel: a channel for one more program. On its own: ends whatever was going on there.
    fn initialise(&mut self, channel: u32, length: usize, report: &Report) -> Vec<Act> {
        if length != 8 {
            return refuse(channel, INVALID_LENGTH);
        }
        if channel == 0 || channel > self.last_channel && channel != BROADCAST {
            return refuse(channel, INVALID_CHANNEL);
        }
        let mut acts = Vec::new();
        let given = if channel == BROADCAST {
            self.last_channel += 1;
            self.last_channel
        } else {
            self.part.take_if(|part| part.channel == channel);
            if let Some(work) = self.work.as_mut().filter(|work| work.channel == channel) {
                work.abandoned = true;
                acts.push(Act::Stop);
            }
            channel
        };
        let (major, minor, build) = self.version;
        let mut answer = report[7..15].to_vec();
        answer.extend(given.to_be_bytes());
        answer.extend([2, major, minor, build, CAPABILITIES]);
        acts.extend(message(channel, INIT, &answer).into_iter().map(Act::Send));
        acts
    }

    /// What the command at work came to: its answer, or a CTAPHID error.
    pub(super) fn answer(&mut self, answer: Result<&[u8], u8>) -> Vec<Report> {
        match (self.work.take(), answer) {
            (Some(work), _) if work.abandoned => Vec::new(),
            (Some(work), Ok(data)) => message(work.channel, work.command, data),
            (Some(work), Err(code)) => message(work.channel, ERROR, &[code]),
            (None, _) => Vec::new(),
        }
    }

    /// Tells the host that a CBOR command is still at work.
    pub(super) fn keepalive(&self, status: u8) -> Option<Report> {
        let work = self.work.as_ref().filter(|work| !work.abandoned && work.command == CBOR)?;
        message(work.channel, KEEPALIVE, &[status]).pop()
    }

    /// The rest of a message did not come.
    pub(super) fn time_out(&mut self) -> Vec<Act> {
        self.part.take().map_or_else(Vec::new, |part| refuse(part.channel, MESSAGE_TIMEOUT))
    }
}

fn refuse(channel: u32, code: u8) -> Vec<Act> {
    message(channel, ERROR, &[code]).into_iter().map(Act::Send).collect()
}

/// A message as reports.
fn message(channel: u32, command: u8, data: &[u8]) -> Vec<Report> {
    let (first, rest) = data.split_at(data.len().min(FIRST));
    let length = u16::try_from(data.len()).expect("a message of a key").to_be_bytes();
    let head = [&channel.to_be_bytes()[..], &[command | 0x80], &length, first].concat();
    let next = rest.chunks(NEXT).zip(0..).map(|(data, sequence)| [&channel.to_be_bytes()[..], &[sequence], data].concat());
    std::iter::once(head)
        .chain(next)
        .map(|bytes| {
            let mut report = [0; SIZE];
            report[..bytes.len()].copy_from_slice(&bytes);
            report
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(channel: u32, head: u8, rest: &[u8]) -> Report {
        let bytes = [&channel.to_be_bytes()[..], &[head], rest].concat();
        let mut report = [0; SIZE];
        report[..bytes.len()].copy_from_slice(&bytes);
        report
    }

    /// The command byte, its channel and the first data byte of what is sent.
    fn sent(acts: &[Act]) -> Vec<(u32, u8, u8)> {
        let told = acts.iter().filter_map(|act| if let Act::Send(report) = act { Some(report) } else { None });
        told.map(|report| (u32::from_be_bytes(report[..4].try_into().unwrap()), report[4] & 0x7F, report[7])).collect()
    }

    fn with_channels(count: usize) -> Framing {
        let mut framing = Framing::new((1, 2, 3));
        for _ in 0..count {
            framing.hear(&report(BROADCAST, 0x86, &[0, 8, 1, 2, 3, 4, 5, 6, 7, 8]));
        }
        framing
    }

    const ONE: u32 = 0x0C_0001;
    const TWO: u32 = 0x0C_0002;

    #[test]
    fn channels_are_given_and_others_refused() {
        let mut framing = Framing::new((1, 2, 3));
        let acts = framing.hear(&report(BROADCAST, 0x86, &[0, 8, 9, 9, 9, 9, 9, 9, 9, 9]));
        let [Act::Send(answer)] = acts.as_slice() else { panic!("{acts:?}") };
        assert_eq!(answer[..24], [255, 255, 255, 255, 0x86, 0, 17, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0x0C, 0, 1, 2, 1, 2, 3, 13]);
        for channel in [0, TWO, BROADCAST] {
            assert_eq!(sent(&framing.hear(&report(channel, 0x90, &[0, 1, 4]))), [(channel, ERROR, INVALID_CHANNEL)]);
        }
    }

    #[test]
    fn messages_are_put_together_and_taken_apart() {
        let mut framing = with_channels(2);
        let data: Vec<u8> = (0..=199).collect();
        for part in message(ONE, CBOR, &data).iter().take(3) {
            assert_eq!(framing.hear(part), []);
            assert_eq!(sent(&framing.hear(&report(TWO, 0x90, &[0, 1, 4]))), [(TWO, ERROR, CHANNEL_BUSY)]);
        }
        let acts = framing.hear(&message(ONE, CBOR, &data)[3]);
        assert_eq!(acts, [Act::Start { command: CBOR, data: data.clone() }]);
        assert_eq!(framing.keepalive(2).unwrap()[..8], report(ONE, 0xBB, &[0, 1, 2])[..8]);
        assert_eq!(framing.answer(Ok(&data)), message(ONE, CBOR, &data));
        assert_eq!(framing.keepalive(2), None);
    }

    #[test]
    fn broken_messages_are_refused() {
        let mut framing = with_channels(1);
        let parts = message(ONE, CBOR, &[7; 200]);
        framing.hear(&parts[0]);
        assert_eq!(sent(&framing.hear(&parts[2])), [(ONE, ERROR, INVALID_SEQUENCE)]);
        framing.hear(&parts[0]);
        assert_eq!(sent(&framing.hear(&parts[0])), [(ONE, ERROR, INVALID_SEQUENCE)]);
        framing.hear(&parts[0]);
        assert_eq!(sent(&framing.time_out()), [(ONE, ERROR, MESSAGE_TIMEOUT)]);
        assert_eq!(framing.hear(&parts[1]), []);
        assert_eq!(sent(&framing.hear(&report(ONE, 0x90, &[0xFF, 0xFF]))), [(ONE, ERROR, INVALID_LENGTH)]);
        assert_eq!(sent(&framing.hear(&report(ONE, 0x83, &[0, 0]))), [(ONE, ERROR, INVALID_COMMAND)]);
    }

    #[test]
    fn a_command_is_stopped_by_its_own_channel_only() {
        let mut framing = with_channels(2);
        framing.hear(&report(ONE, 0x90, &[0, 1, 7]));
        assert_eq!(framing.hear(&report(TWO, 0x91, &[0, 0])), []);
        assert_eq!(framing.hear(&report(ONE, 0x91, &[0, 0])), [Act::Stop]);
        assert_eq!(framing.answer(Ok(&[0x2D])), message(ONE, CBOR, &[0x2D]));
        framing.hear(&report(ONE, 0x90, &[0, 1, 7]));
        let acts = framing.hear(&report(ONE, 0x86, &[0, 8, 1]));
        assert_eq!((&acts[0], sent(&acts)), (&Act::Stop, vec![(ONE, INIT, 1)]));
        assert_eq!(framing.answer(Ok(&[0x2D])), [] as [Report; 0]);
    }
}
