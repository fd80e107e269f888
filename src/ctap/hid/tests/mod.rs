//! Framing against a scripted key: what an honest one says, and every way in which a hostile one can break the rules.

mod scripted;
mod two_channels;

use std::time::Duration;

use proptest::prelude::*;

use scripted::Act::{Says, SaysForever, Silence, StopRequest, Vanishes};
use scripted::{Act, BUDGET, InitManner, OTHERS, OURS, error, keepalive, next, open, says, start};

use super::PACKET_SIZE;
use crate::clock::Clock;
use crate::ctap::{LinkError, LinkFacts, PowerCycle, Transport, VendorCall, Wait};

const GET_INFO: &[u8] = &[0x04];

#[test]
fn opening() {
    let facts = LinkFacts { version: Some((5, 7, 1)), wink: true };
    let protocol = |what| Err(LinkError::Protocol(what));
    let rows = [
        (InitManner::Good, Ok(facts), 0),
        (InitManner::AfterOthers, Ok(facts), 0),
        (InitManner::BusyOnce, Ok(facts), 200),
        (InitManner::OthersForever, Err(LinkError::Timeout), 3100),
        (InitManner::BusyForever, Err(LinkError::Busy), 3100),
        (InitManner::Silent, Err(LinkError::Timeout), 3100),
        (InitManner::Short, protocol("its answer to CTAPHID_INIT was cut short"), 0),
        (InitManner::BroadcastAsChannel, protocol("its answer to CTAPHID_INIT names no usable channel"), 0),
        (InitManner::NoCbor, Err(LinkError::NotFido("key".into())), 0),
    ];
    for (manner, expected, at_most) in rows {
        let (desk, opened) = open(manner, vec![], vec![], PACKET_SIZE);
        assert_eq!(opened.map(|transport| transport.facts()), expected, "{manner:?}");
        assert!(desk.clock.monotonic() <= Duration::from_millis(at_most), "{manner:?}");
    }
}

/// One row: what the key does for each message, the expected end, the longest time in milliseconds.
type Row = (&'static str, Vec<Vec<Act>>, Result<Vec<u8>, LinkError>, u64);

#[test]
fn one_exchange() {
    let protocol = |what| Err(LinkError::Protocol(what));
    let long: Vec<u8> = (0..=255).cycle().take(7609).collect();
    let mut long_answer = vec![Says(start(OURS, 0x10, 7609, &long[..57]))];
    long_answer.extend(long[57..].chunks(59).zip(0..).map(|(data, sequence)| Says(next(OURS, sequence, data))));
    let two = |second: Act| vec![Says(start(OURS, 0x10, 80, &[0; 57])), second];
    let alive = |status| Says(keepalive(status));
    let ten_ms = Duration::from_millis(10);
    let forever = |packet| SaysForever(vec![packet], ten_ms);
    let rows: Vec<Row> = vec![
        ("at once", vec![vec![says(&[0, 0xA0])]], Ok(vec![0, 0xA0]), 0),
        ("longest message", vec![long_answer], Ok(long), 0),
        ("keepalives first", vec![vec![alive(1), alive(2), says(&[0])]], Ok(vec![0]), 0),
        (
            "foreign packets first",
            vec![vec![Says(start(OTHERS, 0x10, 1, &[9])), Says(next(OTHERS, 0, &[1])), says(&[0])]],
            Ok(vec![0]),
            0,
        ),
        (
            "foreign packets between",
            vec![vec![Says(start(OURS, 0x10, 58, &[0; 57])), Says(start(OTHERS, 0x10, 1, &[9])), Says(next(OURS, 0, &[0]))]],
            Ok(vec![0; 58]),
            0,
        ),
        ("busy, then not", vec![vec![error(6)], vec![error(6)], vec![says(&[0])]], Ok(vec![0]), 200),
        ("busy for ever", vec![vec![error(6)]; 1000], Err(LinkError::Busy), 20_000),
        ("busy after it began", vec![vec![alive(1), error(6)], vec![says(&[0])]], Err(LinkError::Refused(6)), 0),
        ("busy inside its answer", vec![two(error(6)), vec![says(&[0])]], Err(LinkError::Refused(6)), 0),
        ("channel forgotten", vec![vec![error(0x0B)], vec![says(&[0])]], Ok(vec![0]), 0),
        ("channel forgotten twice", vec![vec![error(0x0B)], vec![error(0x0B)]], Err(LinkError::Refused(0x0B)), 0),
        ("other error", vec![vec![error(0x7F)]], Err(LinkError::Refused(0x7F)), 0),
        ("silence", vec![vec![Silence]], Err(LinkError::Timeout), 3000),
        ("silence after keepalive", vec![vec![alive(1)]], Err(LinkError::Timeout), 3000),
        ("silence inside its answer", vec![two(Silence)], Err(LinkError::Timeout), 3000),
        ("keepalives for ever", vec![vec![forever(keepalive(1))]], Err(LinkError::Timeout), 20_010),
        (
            "keepalives of changing status for ever",
            vec![vec![SaysForever(vec![keepalive(1), keepalive(2)], ten_ms)]],
            Err(LinkError::Timeout),
            20_010,
        ),
        ("foreign packets for ever", vec![vec![forever(start(OTHERS, 0x10, 1, &[0]))]], Err(LinkError::Timeout), 3010),
        (
            "wrong continuation for ever",
            vec![vec![forever(next(OURS, 5, &[0]))]],
            protocol("a message came without its beginning"),
            10,
        ),
        ("wrong sequence", vec![two(Says(next(OURS, 1, &[0; 23])))], protocol("a packet came out of sequence"), 0),
        (
            "repeated sequence",
            vec![vec![Says(start(OURS, 0x10, 200, &[0; 57])), Says(next(OURS, 0, &[0; 59])), Says(next(OURS, 0, &[0; 59]))]],
            protocol("a packet came out of sequence"),
            0,
        ),
        (
            "too long",
            vec![vec![Says(start(OURS, 0x10, 7610, &[0; 57]))]],
            protocol("it announced a message longer than any can be"),
            0,
        ),
        (
            "longest announcement",
            vec![vec![Says(start(OURS, 0x10, 0xFFFF, &[0; 57]))]],
            protocol("it announced a message longer than any can be"),
            0,
        ),
        ("cut in its header", vec![vec![Says(start(OURS, 0x10, 1, &[0])[..6].to_vec())]], protocol("a packet was cut short"), 0),
        ("cut in its data", vec![vec![Says(start(OURS, 0x10, 40, &[0])[..20].to_vec())]], protocol("a packet was cut short"), 0),
        ("continuation cut", vec![two(Says(next(OURS, 0, &[0])[..10].to_vec()))], protocol("a packet was cut short"), 0),
        ("empty report", vec![vec![Says(vec![])]], protocol("a packet was cut short"), 0),
        ("another command", vec![vec![Says(start(OURS, 0x03, 2, &[0x90, 0]))]], protocol("it answered another command"), 0),
        ("message in a message", vec![two(says(&[0]))], protocol("a message began inside another"), 0),
        ("no status byte", vec![vec![says(&[])]], protocol("its answer has no status byte"), 0),
        ("unplugged", vec![vec![Vanishes]], Err(LinkError::Gone), 0),
        ("unplugged inside its answer", vec![two(Vanishes)], Err(LinkError::Gone), 0),
    ];
    for (name, scripts, expected, at_most) in rows {
        let (mut desk, transport) = open(InitManner::Good, scripts, vec![], PACKET_SIZE);
        let mut transport = transport.unwrap();
        let (answer, took) = desk.take(|turn| transport.exchange(GET_INFO, turn));
        assert_eq!(answer.map(|answer| answer.to_vec()), expected, "{name}");
        assert!(took <= Duration::from_millis(at_most), "{name}: {took:?}");
    }
}

#[test]
fn waits_are_told_on_change() {
    let script = [1, 1, 2, 2, 2, 1, 7].map(|status| Says(keepalive(status))).into_iter().chain([says(&[0])]).collect();
    let (mut desk, transport) = open(InitManner::Good, vec![script], vec![], PACKET_SIZE);
    desk.take(|turn| transport.unwrap().exchange(GET_INFO, turn)).0.unwrap();
    assert_eq!(desk.waits, [Wait::Working, Wait::Touch, Wait::Working, Wait::Other(7)]);
}

#[test]
fn stopping() {
    let asked = || vec![vec![Says(keepalive(2)), StopRequest, SaysForever(vec![keepalive(2)], Duration::from_millis(50))]];
    let rows = [
        ("answered with 2D", vec![Says(keepalive(2)), says(&[0x2D])], Ok(vec![0x2D]), 50),
        ("finished before it heard", vec![says(&[0, 1])], Ok(vec![0, 1]), 50),
        ("never answered", vec![Silence], Err(LinkError::Cancelled), 1100),
        ("keepalives go on", vec![SaysForever(vec![keepalive(2)], Duration::from_millis(50))], Err(LinkError::Cancelled), 1100),
        ("unplugged", vec![Vanishes], Err(LinkError::Gone), 50),
    ];
    for (name, after_cancel, expected, at_most) in rows {
        let (mut desk, transport) = open(InitManner::Good, asked(), after_cancel, PACKET_SIZE);
        let (answer, took) = desk.take(|turn| transport.unwrap().exchange(&[0x01], turn));
        assert_eq!(answer.map(|answer| answer.to_vec()), expected, "{name}");
        assert!(took <= Duration::from_millis(at_most), "{name}: {took:?}");
        assert_eq!(desk.commands(), [0x06, 0x10, 0x11], "{name}: CTAPHID_CANCEL goes out once");
    }
}

#[test]
fn nothing_is_sent_after_a_stop_request() {
    let (mut desk, transport) = open(InitManner::Good, vec![vec![says(&[0])]], vec![], PACKET_SIZE);
    desk.cancel.request();
    let (answer, _) = desk.take(|turn| transport.unwrap().exchange(GET_INFO, turn));
    assert_eq!(answer, Err(LinkError::Cancelled));
    assert_eq!(desk.commands(), [0x06]);
}

#[test]
fn a_spent_budget_takes_the_request_back() {
    let waiting = vec![SaysForever(vec![keepalive(2)], Duration::from_millis(100))];
    let (mut desk, transport) = open(InitManner::Good, vec![waiting, vec![says(&[0])]], vec![], PACKET_SIZE);
    let mut transport = transport.unwrap();
    assert_eq!(desk.take(|turn| transport.exchange(&[0x01], turn)).0, Err(LinkError::Timeout));
    assert_eq!(desk.commands(), [0x06, 0x10, 0x11]);
    // The next message first puts the channel straight.
    desk.take(|turn| transport.exchange(GET_INFO, turn)).0.unwrap();
    assert_eq!(desk.commands(), [0x06, 0x10, 0x11, 0x06, 0x10]);
    assert_eq!(desk.record.lock().unwrap().written[3], (OURS, 0x06, 8));
}

#[test]
fn messages_go_out_in_packets() {
    for (report, length, continuations) in [(64, 57, 0), (64, 58, 1), (64, 7609, 128), (24, 17, 0), (24, 18, 1)] {
        let (mut desk, transport) = open(InitManner::Good, vec![vec![says(&[0])]], vec![], report);
        let mut transport = transport.unwrap();
        desk.take(|turn| transport.exchange(&vec![1; length], turn)).0.unwrap();
        let record = desk.record.lock().unwrap();
        assert_eq!((record.written[1], record.continuations.len()), ((OURS, 0x10, length), continuations), "{report} {length}");
    }
    let (mut desk, transport) = open(InitManner::Good, vec![], vec![], PACKET_SIZE);
    let (answer, _) = desk.take(|turn| transport.unwrap().exchange(&[0; 7610], turn));
    assert_eq!(answer, Err(LinkError::TooLong(7610)));
}

#[test]
fn vendor_commands_and_wink() {
    let answer = |command| vec![Says(start(OURS, command, 2, &[0xAB, 0xCD]))];
    let rows = [
        (VendorCall::Hid { command: 0x42, data: &[0] }, answer(0x42), Ok(vec![0xAB, 0xCD])),
        (VendorCall::Hid { command: 0x42, data: &[0] }, vec![error(1)], Err(LinkError::Unsupported("such vendor command"))),
        (VendorCall::Hid { command: 0x42, data: &[0] }, vec![error(3)], Err(LinkError::Refused(3))),
        (VendorCall::Hid { command: 0x10, data: &[0] }, answer(0x10), Err(LinkError::Unsupported("such vendor command"))),
        (VendorCall::Card { aid: None, header: [0; 4], data: &[] }, vec![], Err(LinkError::Unsupported("card application"))),
    ];
    for (call, script, expected) in rows {
        let (mut desk, transport) = open(InitManner::Good, vec![script], vec![], PACKET_SIZE);
        assert_eq!(desk.take(|turn| transport.unwrap().vendor(call, turn)).0, expected, "{call:?}");
    }
    let (mut desk, transport) = open(InitManner::Good, vec![vec![Says(start(OURS, 0x08, 0, &[]))]], vec![], PACKET_SIZE);
    let mut transport = transport.unwrap();
    assert_eq!(desk.take(|turn| transport.wink(turn)).0, Ok(()));
    assert_eq!(transport.power_cycle(), Ok(PowerCycle::NeedsHands));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a key says, an exchange ends within its budget and without a panic.
    #[test]
    fn arbitrary_packets(packets in proptest::collection::vec((0_u8..4, proptest::collection::vec(any::<u8>(), 0..=64)), 0..40)) {
        let script = packets.into_iter().map(|(shape, mut bytes)| {
            // Most packets get our channel, so that they reach the reassembly.
            if shape > 0 && bytes.len() > 4 {
                bytes[..4].copy_from_slice(&OURS.to_be_bytes());
            }
            if shape > 1 && bytes.len() > 5 {
                bytes[4] = if shape == 2 { 0x90 } else { bytes[4] & 0x03 };
            }
            Says(bytes)
        });
        let (mut desk, transport) = open(InitManner::Good, vec![script.collect()], vec![], PACKET_SIZE);
        let (_, took) = desk.take(|turn| transport.unwrap().exchange(GET_INFO, turn));
        prop_assert!(took <= BUDGET);
    }
}
