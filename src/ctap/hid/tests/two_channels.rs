//! Two programs, or two threads, on one key: each has a channel, both see every report, and the key mixes its answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng};

use super::super::{HidTransport, PACKET_SIZE, PacketPipe};
use super::scripted::{next, start};
use crate::clock::{Clock as _, ManualClock};
use crate::ctap::{Cancel, Link, LinkError, LinkKind, Transport, Turn, Wait};

const CBOR: u8 = 0x10;
/// Asks for a touch that never comes.
const WAITS: u8 = 0x0B;
/// Many more idle reads than any run needs: the test fails instead of hanging.
const MOST_IDLE_READS: u64 = 5_000_000;

#[derive(Default)]
struct Channel {
    /// Announced length and what has come of the request.
    request: Option<(usize, Vec<u8>)>,
    answer: VecDeque<Vec<u8>>,
    waits: bool,
}

#[derive(Default)]
struct Key {
    channels: BTreeMap<u32, Channel>,
    /// What each open handle has not read yet.
    handles: Vec<VecDeque<Vec<u8>>>,
    /// Channels of the packets that went out.
    emitted: Vec<u32>,
    /// Answers wait until as many channels have one, so that they are sure to be mixed.
    crowd: usize,
}

impl Key {
    fn take(&mut self, packet: &[u8]) {
        let (channel, kind, rest) = (u32::from_be_bytes(packet[..4].try_into().unwrap()), packet[4], &packet[5..]);
        if kind == 0x86 {
            let number = u32::try_from(self.channels.len()).unwrap().saturating_add(0x0100_0001);
            self.channels.insert(number, Channel::default());
            let mut data = rest[2..10].to_vec();
            data.extend(number.to_be_bytes());
            data.extend([2, 5, 7, 1, 0x04]);
            return self.emit(&start(channel, 0x06, data.len(), &data));
        }
        let known = self.channels.get_mut(&channel).expect("an allocated channel");
        match kind {
            0x91 => {
                known.waits = false;
                known.answer.push_back(start(channel, CBOR, 1, &[0x2D]));
            }
            0x90 => {
                assert!(known.request.is_none() && known.answer.is_empty(), "a message in a message");
                known.request = Some((usize::from(u16::from_be_bytes([rest[0], rest[1]])), rest[2..].to_vec()));
            }
            _ => known.request.as_mut().expect("a beginning").1.extend(rest),
        }
        if let Some((length, bytes)) = known.request.take_if(|(length, bytes)| bytes.len() >= *length) {
            if bytes[0] == WAITS {
                known.waits = true;
            } else {
                known.answer = answer(channel, &bytes[..length]);
            }
        }
    }

    /// One packet more, from the channel that has waited longest.
    fn work(&mut self) {
        let ready = |channel: &Channel| !channel.answer.is_empty() || channel.waits;
        if self.channels.values().filter(|channel| ready(channel)).count() < self.crowd {
            return;
        }
        let last = self.emitted.last().copied();
        let after = |number: &u32| last.is_none_or(|last| *number > last);
        let numbers: Vec<u32> = self.channels.iter().filter(|(_, channel)| ready(channel)).map(|(number, _)| *number).collect();
        let Some(number) = numbers.iter().copied().find(after).or_else(|| numbers.first().copied()) else { return };
        let channel = self.channels.get_mut(&number).unwrap();
        let packet = channel.answer.pop_front().unwrap_or_else(|| start(number, 0x3B, 1, &[2]));
        self.emitted.push(number);
        self.emit(&packet);
    }

    fn emit(&mut self, packet: &[u8]) {
        for handle in &mut self.handles {
            handle.push_back(packet.to_vec());
        }
    }
}

/// A keepalive, then the request with its channel's mark on every byte.
fn answer(channel: u32, request: &[u8]) -> VecDeque<Vec<u8>> {
    let reply = expected(channel, request);
    let mut packets = VecDeque::from([start(channel, 0x3B, 1, &[1])]);
    packets.push_back(start(channel, CBOR, reply.len(), &reply[..reply.len().min(57)]));
    let rest = reply.get(57..).unwrap_or_default();
    packets.extend(rest.chunks(59).zip(0..).map(|(data, sequence)| next(channel, sequence, data)));
    packets
}

fn expected(channel: u32, request: &[u8]) -> Vec<u8> {
    let [.., mark] = channel.to_be_bytes();
    [0].into_iter().chain(request.iter().map(|byte| byte ^ mark)).collect()
}

/// One open file on the key.
struct Handle {
    key: Arc<Mutex<Key>>,
    number: usize,
    idle: u64,
}

impl PacketPipe for Handle {
    fn report_size(&self) -> usize {
        PACKET_SIZE
    }

    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError> {
        self.key.lock().unwrap().take(packet);
        thread::yield_now();
        Ok(())
    }

    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], _timeout: Duration) -> Result<Option<usize>, LinkError> {
        let mut key = self.key.lock().unwrap();
        if key.handles[self.number].is_empty() {
            key.work();
        }
        let Some(report) = key.handles[self.number].pop_front() else {
            drop(key);
            self.idle = self.idle.saturating_add(1);
            thread::yield_now();
            return if self.idle < MOST_IDLE_READS { Ok(None) } else { Err(LinkError::Gone) };
        };
        packet.copy_from_slice(&report);
        Ok(Some(report.len()))
    }
}

/// Time stands still: nothing here may depend on it.
fn open(key: &Arc<Mutex<Key>>) -> HidTransport<Handle> {
    let number = key.lock().unwrap().handles.len();
    key.lock().unwrap().handles.push(VecDeque::new());
    let link = Link {
        kind: LinkKind::Usb,
        path: format!("handle {number}"),
        vendor_id: None,
        product_id: None,
        product: None,
        usb_serial: None,
        port: None,
    };
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    assert!(clock.monotonic().is_zero());
    let handle = Handle { key: Arc::clone(key), number, idle: 0 };
    HidTransport::open(link, handle, clock, &mut StdRng::seed_from_u64(u64::try_from(number).unwrap())).unwrap()
}

fn exchange(transport: &mut HidTransport<Handle>, request: &[u8], cancel: &Cancel, on_wait: &mut dyn FnMut(Wait)) -> Vec<u8> {
    let mut turn = Turn { budget: Duration::from_secs(20), cancel, on_wait };
    transport.exchange(request, &mut turn).unwrap().to_vec()
}

#[test]
fn answers_that_are_mixed_reach_their_own() {
    let key = Arc::<Mutex<Key>>::default();
    let transports = [open(&key), open(&key)];
    key.lock().unwrap().crowd = 2;
    thread::scope(|scope| {
        let shared = &key;
        for (mut transport, channel) in transports.into_iter().zip(0x0100_0001_u32..) {
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(u64::from(channel));
                for round in 1..=60_usize {
                    let mut request = vec![0; round.saturating_mul(17)];
                    rng.fill_bytes(&mut request);
                    request[0] = 0x01;
                    let reply = exchange(&mut transport, &request, &Cancel::new(), &mut |_| {});
                    assert_eq!(reply, expected(channel, &request), "channel {channel:08x}, round {round}");
                }
                shared.lock().unwrap().crowd = 0;
            });
        }
    });
    let key = key.lock().unwrap();
    let switches = key.emitted.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(switches > 600, "the answers were not mixed: {switches} switches in {} packets", key.emitted.len());
}

#[test]
fn a_stop_on_one_channel_leaves_the_other_alone() {
    let key = Arc::<Mutex<Key>>::default();
    let [mut waiting, mut working] = [open(&key), open(&key)];
    let cancel = Cancel::new();
    let (told, heard) = std::sync::mpsc::channel();
    let stopped = thread::scope(|scope| {
        let stop = &cancel;
        let waiting = scope.spawn(move || exchange(&mut waiting, &[WAITS], stop, &mut |wait| told.send(wait).unwrap()));
        assert_eq!(heard.recv(), Ok(Wait::Touch));
        for byte in 0..40 {
            let request = vec![byte | 0x80; 200];
            let reply = exchange(&mut working, &request, &Cancel::new(), &mut |_| {});
            assert_eq!(reply, expected(0x0100_0002, &request));
        }
        cancel.request();
        waiting.join().unwrap()
    });
    assert_eq!(stopped, [0x2D]);
    let reply = exchange(&mut working, &[0x04], &Cancel::new(), &mut |_| {});
    assert_eq!(reply, expected(0x0100_0002, &[0x04]));
}
