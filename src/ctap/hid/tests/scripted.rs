//! A key that says what a test tells it to, and the desk where it lies.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::super::{HidTransport, PACKET_SIZE, PacketPipe};
use crate::clock::{Clock, ManualClock};
use crate::ctap::{Cancel, Link, LinkError, LinkKind, Turn, Wait};
use Act::{Says, SaysForever, Silence, StopRequest, Vanishes};

pub(super) const OURS: u32 = 0x0001_0203;
pub(super) const OTHERS: u32 = 0x0A0B_0C0D;
pub(super) const BUDGET: Duration = Duration::from_secs(20);

/// What the key does next, one a read.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A report.
    Says(Vec<u8>),
    /// The same reports again and again, so far apart.
    SaysForever(Vec<Vec<u8>>, Duration),
    /// Nothing until the next message.
    Silence,
    /// Unplugged.
    Vanishes,
    /// The person at the desk asks to stop.
    StopRequest,
}
/// How CTAPHID_INIT is answered; `$nonce` is what was asked with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum InitManner {
    Good,
    AfterOthers,
    OthersForever,
    BusyOnce,
    BusyForever,
    Short,
    BroadcastAsChannel,
    NoCbor,
    Silent,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    /// First packets written: channel, command, announced length.
    pub(super) written: Vec<(u32, u8, usize)>,
    /// Sequence numbers of the continuation packets.
    pub(super) continuations: Vec<u8>,
}

pub(super) struct Key {
    clock: Arc<ManualClock>,
    cancel: Cancel,
    init: InitManner,
    /// One list for each message that the key gets, CTAPHID_INIT and CTAPHID_CANCEL aside.
    scripts: VecDeque<Vec<Act>>,
    after_cancel: Vec<Act>,
    now: VecDeque<Act>,
    record: Arc<Mutex<Record>>,
    report: usize,
}

pub(super) fn start(channel: u32, command: u8, length: usize, data: &[u8]) -> Vec<u8> {
    let mut packet = channel.to_be_bytes().to_vec();
    packet.push(command | 0x80);
    packet.extend(u16::try_from(length).unwrap().to_be_bytes());
    packet.extend_from_slice(data);
    packet.resize(packet.len().max(PACKET_SIZE), 0);
    packet
}

pub(super) fn next(channel: u32, sequence: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = channel.to_be_bytes().to_vec();
    packet.push(sequence);
    packet.extend_from_slice(data);
    packet.resize(packet.len().max(PACKET_SIZE), 0);
    packet
}

pub(super) fn says(data: &[u8]) -> Act {
    Says(start(OURS, 0x10, data.len(), data))
}

pub(super) fn keepalive(status: u8) -> Vec<u8> {
    start(OURS, 0x3B, 1, &[status])
}

pub(super) fn error(code: u8) -> Act {
    Says(start(OURS, 0x3F, 1, &[code]))
}

fn init_answer(nonce: &[u8], channel: u32, capabilities: u8) -> Vec<u8> {
    let mut data = nonce.to_vec();
    data.extend(channel.to_be_bytes());
    data.extend([2, 5, 7, 1, capabilities]);
    start(0xFFFF_FFFF, 0x06, data.len(), &data)
}

impl Key {
    fn answer_init(&mut self, channel: u32, nonce: &[u8]) {
        let on_asked_channel = |mut packet: Vec<u8>| {
            packet[..4].copy_from_slice(&channel.to_be_bytes());
            Says(packet)
        };
        let good = on_asked_channel(init_answer(nonce, OURS, 0x05));
        let others = Says(init_answer(&[9; 8], OTHERS, 0x05));
        let busy = Says(start(0xFFFF_FFFF, 0x3F, 1, &[0x06]));
        match self.init {
            InitManner::Good => self.now.push_back(good),
            InitManner::AfterOthers => self.now.extend([others.clone(), Says(next(OTHERS, 0, &[1])), others, good]),
            InitManner::OthersForever => {
                self.now.push_back(SaysForever(vec![init_answer(&[9; 8], OTHERS, 5)], Duration::from_millis(5)));
            }
            InitManner::BusyOnce => {
                self.init = InitManner::Good;
                self.now.push_back(busy);
            }
            InitManner::BusyForever => self.now.push_back(busy),
            InitManner::Short => {
                let mut packet = init_answer(nonce, OURS, 5);
                packet.truncate(16);
                self.now.push_back(Says(packet));
            }
            InitManner::BroadcastAsChannel => self.now.push_back(Says(init_answer(nonce, 0xFFFF_FFFF, 5))),
            InitManner::NoCbor => self.now.push_back(Says(init_answer(nonce, OURS, 0x01))),
            InitManner::Silent => self.now.push_back(Silence),
        }
    }
}

impl PacketPipe for Key {
    fn report_size(&self) -> usize {
        self.report
    }

    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError> {
        assert_eq!(packet.len(), self.report);
        let channel = u32::from_be_bytes(packet[..4].try_into().unwrap());
        if packet[4] & 0x80 == 0 {
            self.record.lock().unwrap().continuations.push(packet[4]);
            return Ok(());
        }
        let command = packet[4] & 0x7F;
        let length = usize::from(u16::from_be_bytes([packet[5], packet[6]]));
        self.record.lock().unwrap().written.push((channel, command, length));
        match command {
            0x06 => {
                self.now.clear();
                self.answer_init(channel, &packet[7..15]);
            }
            0x11 => self.now = self.after_cancel.clone().into(),
            _ => self.now = self.scripts.pop_front().unwrap_or_default().into(),
        }
        Ok(())
    }

    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], timeout: Duration) -> Result<Option<usize>, LinkError> {
        assert!(timeout <= Duration::from_millis(100), "a stop request would be seen too late");
        let report = match self.now.pop_front() {
            Some(Says(report)) => report,
            Some(SaysForever(mut reports, pause)) => {
                self.clock.advance(pause);
                reports.rotate_left(1);
                let report = reports.last().unwrap().clone();
                self.now.push_front(SaysForever(reports, pause));
                report
            }
            Some(Vanishes) => return Err(LinkError::Gone),
            Some(StopRequest) => {
                self.cancel.request();
                return Ok(None);
            }
            Some(Silence) | None => {
                self.clock.advance(timeout);
                return Ok(None);
            }
        };
        packet[..report.len()].copy_from_slice(&report);
        Ok(Some(report.len()))
    }
}

pub(super) struct Desk {
    pub(super) clock: Arc<ManualClock>,
    pub(super) cancel: Cancel,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) waits: Vec<Wait>,
}

fn link() -> Link {
    Link {
        kind: LinkKind::Usb,
        path: "key".into(),
        vendor_id: None,
        product_id: None,
        product: None,
        usb_serial: None,
        port: None,
    }
}

pub(super) fn open(
    init: InitManner,
    scripts: Vec<Vec<Act>>,
    after_cancel: Vec<Act>,
    report: usize,
) -> (Desk, Result<HidTransport<Key>, LinkError>) {
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let (cancel, record) = (Cancel::new(), Arc::<Mutex<Record>>::default());
    let desk = Desk { clock: clock.clone(), cancel: cancel.clone(), record: record.clone(), waits: Vec::new() };
    let scripts = scripts.into();
    let key = Key { clock: clock.clone(), cancel, init, scripts, after_cancel, now: VecDeque::new(), record, report };
    (desk, HidTransport::open(link(), key, clock, &mut StdRng::seed_from_u64(1)))
}

impl Desk {
    /// Runs `act` on an open transport and tells how long it took.
    pub(super) fn take<T>(&mut self, act: impl FnOnce(&mut Turn<'_>) -> T) -> (T, Duration) {
        let began = self.clock.monotonic();
        let waits = &mut self.waits;
        let mut on_wait = |wait| waits.push(wait);
        let result = act(&mut Turn { budget: BUDGET, cancel: &self.cancel, on_wait: &mut on_wait });
        (result, self.clock.monotonic().saturating_sub(began))
    }

    pub(super) fn commands(&self) -> Vec<u8> {
        self.record.lock().unwrap().written.iter().map(|(_, command, _)| *command).collect()
    }
}
