//! Framing against a scripted card: what an honest one says, and every way in which a hostile one can break the rules.

mod scripted;

use std::time::Duration;

use proptest::prelude::*;

use scripted::{BUDGET, LONG_ATR, Manner, Reply, Says, fails, ok, open, sw, working};

use super::{CardFault, Reconnect};
use crate::clock::Clock;
use crate::ctap::LinkKind::{Nfc, SmartCard};
use crate::ctap::{LinkError, PowerCycle, Transport, VendorCall, Wait};

const SELECT: [u8; 3] = [0x00, 0xA4, 0x04];
const MESSAGE: [u8; 3] = [0x80, 0x10, 0x80];
const CANCEL: [u8; 3] = [0x80, 0x11, 0x11];
const POLL: [u8; 3] = [0x80, 0x11, 0x00];
const END: [u8; 3] = [0x80, 0x12, 0x01];

fn was_reset() -> Reply {
    Reply::Fails(CardFault::WasReset)
}

#[test]
fn opening() {
    let fido = || Ok(());
    let not_fido = || Err(LinkError::NotFido("reader".into()));
    let select = |replies: Says| Manner { select: replies, ..Manner::default() };
    let probe = |replies: Says| Manner { probe: replies, ..Manner::default() };
    let rows = [
        ("FIDO_2_0", Manner::default(), fido(), 20),
        ("U2F_V2", select([ok(b"U2F_V2")].into()), fido(), 20),
        ("a version that nobody knows", select([ok(b"FIDO_9_9")].into()), fido(), 20),
        ("no applet", select([sw(0x6A82)].into()), not_fido(), 20),
        ("an intruder, then the applet", select([sw(0x6D00), ok(b"U2F_V2")].into()), fido(), 600),
        ("an intruder for ever", select([sw(0x6985)].into()), not_fido(), 600),
        ("selected, but U2F only", probe([sw(0x6D00)].into()), not_fido(), 1200),
        ("selected, then 6985 to everything", probe([sw(0x6985)].into()), not_fido(), 1200),
        ("an intruder after the selection", probe([sw(0x6985), ok(&[0])].into()), fido(), 600),
        ("getInfo without an answer", probe([ok(&[])].into()), not_fido(), 20),
        (
            "a status word alone is cut",
            select([Reply::Raw(vec![0x90])].into()),
            Err(LinkError::Protocol("its answer has no status word")),
            20,
        ),
        ("silence", select([Reply::Silence].into()), Err(LinkError::Timeout), 5010),
        ("silence after the selection", probe([Reply::Silence].into()), Err(LinkError::Timeout), 5020),
        ("gone", select([fails(LinkError::Gone)].into()), Err(LinkError::Gone), 20),
        ("reset by another program", select([was_reset(), ok(b"U2F_V2")].into()), fido(), 20),
        ("reset again and again", select([was_reset()].into()), Err(LinkError::Busy), 20),
    ];
    for (name, manner, expected, at_most) in rows {
        let (desk, opened) = open(Nfc, manner);
        assert_eq!(opened.map(drop), expected, "{name}");
        assert!(desk.clock.monotonic() <= Duration::from_millis(at_most), "{name}: {:?}", desk.clock.monotonic());
    }
}

#[test]
fn one_exchange() {
    let protocol = |what| Err(LinkError::Protocol(what));
    let message = |replies: Says| Manner { message: replies, ..Manner::default() };
    let more = |gets: Says| Manner { message: [Reply::Says(vec![0], 0x6101)].into(), get_response: gets, ..Manner::default() };
    let polled = |polls: Says| Manner { message: [working(1)].into(), poll: polls, ..Manner::default() };
    let big = |status| Reply::Says(vec![0; 256], status);
    let rows: Vec<(&str, Manner, Result<usize, LinkError>, u64)> = vec![
        ("at once", message([ok(&[0, 1])].into()), Ok(2), 5),
        ("61xx once", more([ok(&[1])].into()), Ok(2), 10),
        ("61xx three times", more([big(0x6100), big(0x6110), ok(&[0; 16])].into()), Ok(529), 20),
        ("61xx without data for ever", more([sw(0x61FF)].into()), protocol("it promises more and gives nothing"), 10),
        ("61xx with data for ever", more([big(0x6100)].into()), protocol("its answer never ends"), 1300),
        ("61xx a byte at a time for ever", more([Reply::Says(vec![0], 0x6101)].into()), Err(LinkError::Timeout), 20_010),
        ("61xx, then refused", more([sw(0x6F00)].into()), Err(LinkError::Refused(0x6F00)), 10),
        ("silence", message([Reply::Silence].into()), Err(LinkError::Timeout), 20_010),
        ("61xx, then silence", more([Reply::Silence].into()), Err(LinkError::Timeout), 20_010),
        ("9100, then silence", polled([Reply::Silence].into()), Err(LinkError::Timeout), 20_120),
        ("61xx, then gone", more([fails(LinkError::Gone)].into()), Err(LinkError::Gone), 10),
        ("9100 twice", polled([working(2), ok(&[0])].into()), Ok(1), 220),
        ("9100 for ever", polled([working(2)].into()), Err(LinkError::Timeout), 20_220),
        ("9100 without a status byte for ever", polled([sw(0x9100)].into()), Err(LinkError::Timeout), 20_220),
        (
            "9100, then 61xx",
            Manner { get_response: [ok(&[1])].into(), ..polled([Reply::Says(vec![0], 0x6101)].into()) },
            Ok(2),
            220,
        ),
        ("9100, then refused", polled([sw(0x6985)].into()), Err(LinkError::Refused(0x6985)), 220),
        ("9100, then reset by another", polled([was_reset()].into()), Err(LinkError::Busy), 220),
        ("9100, then gone", polled([fails(LinkError::Gone)].into()), Err(LinkError::Gone), 220),
        ("6Cxx once", message([sw(0x6C02), ok(&[0])].into()), Err(LinkError::Refused(0x6C02)), 10),
        ("wrong length", message([sw(0x6700)].into()), Err(LinkError::TooLong(1)), 10),
        ("refused", message([sw(0x6F00)].into()), Err(LinkError::Refused(0x6F00)), 10),
        ("a status word that nobody knows", message([sw(0x1234)].into()), Err(LinkError::Refused(0x1234)), 10),
        ("another applet for ever", message([sw(0x6D00)].into()), Err(LinkError::Refused(0x6D00)), 1100),
        ("another applet once", message([sw(0x6E00), ok(&[0])].into()), Ok(1), 600),
        ("reset by another program once", message([was_reset(), ok(&[0])].into()), Ok(1), 20),
        ("reset by another program for ever", message([was_reset()].into()), Err(LinkError::Busy), 30),
        ("no data", message([ok(&[])].into()), protocol("its answer has no status byte"), 10),
        ("no status word", message([Reply::Raw(vec![])].into()), protocol("its answer has no status word"), 10),
        ("half a status word", message([Reply::Raw(vec![0x90])].into()), protocol("its answer has no status word"), 10),
        ("gone", message([fails(LinkError::Gone)].into()), Err(LinkError::Gone), 10),
    ];
    for (name, manner, expected, at_most) in rows {
        let (mut desk, transport) = open(Nfc, manner);
        let mut transport = transport.unwrap();
        let (answer, took) = desk.take(|turn| transport.exchange(&[0x04], turn));
        assert_eq!(answer.map(|answer| answer.len()), expected, "{name}");
        assert!(took <= Duration::from_millis(at_most), "{name}: {took:?}");
    }
}

#[test]
fn only_what_needs_no_lost_state_is_sent_again() {
    let busy = || Err(LinkError::Busy);
    let rows: [(&[u8], _, _); 9] = [
        (&[0x04], Ok(()), 2),
        (&[0x0B], Ok(()), 2),
        // getPINRetries, getKeyAgreement, then setPIN and one with a member more.
        (&[0x06, 0xA2, 0x01, 0x02, 0x02, 0x01], Ok(()), 2),
        (&[0x06, 0xA2, 0x01, 0x02, 0x02, 0x02], Ok(()), 2),
        (&[0x06, 0xA2, 0x01, 0x02, 0x02, 0x03], busy(), 1),
        (&[0x06, 0xA3, 0x01, 0x02, 0x02, 0x02, 0x03, 0xA0], busy(), 1),
        (&[0x06], busy(), 1),
        (&[0x01], busy(), 1),
        (&[0x07], busy(), 1),
    ];
    for (request, expected, messages) in rows {
        let (mut desk, transport) = open(Nfc, Manner { message: [was_reset(), ok(&[0])].into(), ..Manner::default() });
        let mut transport = transport.unwrap();
        assert_eq!(desk.take(|turn| transport.exchange(request, turn)).0.map(drop), expected, "{request:02x?}");
        assert_eq!(desk.record.lock().unwrap().reconnects, [Reconnect::Keep]);
        assert_eq!(desk.headers().iter().filter(|header| **header == MESSAGE).count(), messages, "{request:02x?}");
        // The link is usable again at once.
        assert_eq!(desk.take(|turn| transport.exchange(request, turn)).0.map(drop), Ok(()), "{request:02x?}");
    }
}

#[test]
fn waits_are_told_on_change() {
    let polls = [1, 2, 2, 1].map(working);
    let [a, b, c, d] = polls;
    let manner = Manner { message: [working(1)].into(), poll: [a, b, c, d, ok(&[0])].into(), ..Manner::default() };
    let (mut desk, transport) = open(Nfc, manner);
    desk.take(|turn| transport.unwrap().exchange(&[0x01], turn)).0.unwrap();
    assert_eq!(desk.waits, [Wait::Working, Wait::Touch, Wait::Working]);
}

#[test]
fn stopping() {
    let stop = |after: Reply| Reply::AfterStopRequest(Box::new(after));
    let manner = |poll_cancel: Reply, poll: Reply| Manner {
        message: [stop(working(2))].into(),
        poll_cancel: [poll_cancel].into(),
        poll: [poll].into(),
        ..Manner::default()
    };
    let rows = [
        ("answered with 2D", manner(ok(&[0x2D]), working(2)), Ok(vec![0x2D]), 0),
        ("2D a little later", manner(working(2), ok(&[0x2D])), Ok(vec![0x2D]), 0),
        ("finished before it heard", manner(ok(&[0, 1]), working(2)), Ok(vec![0, 1]), 0),
        ("cancel refused", manner(sw(0x6A86), working(2)), Err(LinkError::Cancelled), 1),
        ("cancel ignored", manner(working(2), working(2)), Err(LinkError::Cancelled), 1),
        ("gone", manner(fails(LinkError::Gone), working(2)), Err(LinkError::Gone), 0),
    ];
    for (name, manner, expected, resets) in rows {
        let (mut desk, transport) = open(Nfc, manner);
        let mut transport = transport.unwrap();
        let (answer, took) = desk.take(|turn| transport.exchange(&[0x01], turn));
        assert_eq!(answer.map(|answer| answer.to_vec()), expected, "{name}");
        assert!(took <= Duration::from_millis(1300), "{name}: {took:?}");
        assert_eq!(desk.record.lock().unwrap().reconnects, vec![Reconnect::Reset; resets], "{name}");
        assert_eq!(desk.headers().iter().filter(|header| **header == CANCEL).count(), 1, "{name}");
    }
}

#[test]
fn a_spent_budget_takes_the_request_back() {
    for (poll_cancel, resets) in [(ok(&[0x2D]), 0), (working(2), 1), (sw(0x6A86), 1)] {
        let manner = Manner {
            message: [working(2)].into(),
            poll: [working(2)].into(),
            poll_cancel: [poll_cancel].into(),
            ..Manner::default()
        };
        let (mut desk, transport) = open(Nfc, manner);
        let mut transport = transport.unwrap();
        let (answer, took) = desk.take(|turn| transport.exchange(&[0x01], turn));
        assert_eq!(answer.map(drop), Err(LinkError::Timeout));
        assert!(took <= BUDGET.saturating_add(Duration::from_millis(200)), "{took:?}");
        assert_eq!(desk.record.lock().unwrap().reconnects.len(), resets);
        assert_eq!(desk.headers().last(), Some(&CANCEL));
        assert!(desk.headers().contains(&POLL));
    }
}

#[test]
fn long_messages() {
    let long = vec![7; 500];
    let lengths = |manner: Manner| {
        let (mut desk, transport) = open(Nfc, manner);
        let mut transport = transport.unwrap();
        let results = [(); 2].map(|()| desk.take(|turn| transport.exchange(&long, turn)).0.map(drop));
        (results, desk.record.lock().unwrap().apdus.iter().map(|apdu| (apdu[0], apdu.len())).collect::<Vec<_>>())
    };
    let chain = [(0x90, 245), (0x90, 245), (0x80, 26)];
    let twice = |apdus: &[(u8, usize)]| apdus.repeat(2);
    assert_eq!(lengths(Manner::default()), ([Ok(()), Ok(())], twice(&chain)), "short by default");

    let proven = |second| Manner { atr: LONG_ATR, extended: [ok(&[0]), second].into(), ..Manner::default() };
    assert_eq!(lengths(proven(ok(&[0]))), ([Ok(()), Ok(())], twice(&[(0x80, 509)])), "extended where proven");

    let unproven = Manner { atr: LONG_ATR, ..Manner::default() };
    assert_eq!(lengths(unproven), ([Ok(()), Ok(())], twice(&chain)), "offered, but refused at opening");

    for refusal in [sw(0x6700), Reply::Fails(CardFault::NotSent)] {
        let apdus = [&[(0x80, 509)][..], &twice(&chain)].concat();
        assert_eq!(lengths(proven(refusal)), ([Ok(()), Ok(())], apdus), "a refusal turns it off for good");
    }
}

#[test]
fn broken_chains() {
    let manner = |reply: Reply| Manner { link_of_chain: [reply].into(), ..Manner::default() };
    let early = || Err(LinkError::Protocol("it answered before the message was whole"));
    let rows = [
        (manner(sw(0x6884)), Err(LinkError::Refused(0x6884))),
        (manner(sw(0x6700)), Err(LinkError::TooLong(500))),
        (manner(working(1)), early()),
        (manner(sw(0x6110)), early()),
        (manner(fails(LinkError::Gone)), Err(LinkError::Gone)),
        (manner(was_reset()), Err(LinkError::Busy)),
    ];
    for (manner, expected) in rows {
        let (mut desk, transport) = open(Nfc, manner.clone());
        let mut transport = transport.unwrap();
        let (answer, _) = desk.take(|turn| transport.exchange(&[1; 500], turn));
        assert_eq!(answer.map(drop), expected, "{:?}", manner.link_of_chain);
    }
}

#[test]
fn vendor_commands() {
    let aid = Some([0xA0, 0, 0, 5].as_slice());
    let here = |vendor: Reply| Manner { other_select: [ok(&[])].into(), vendor: [vendor].into(), ..Manner::default() };
    let no_command = || Err(LinkError::Unsupported("such vendor command"));
    let rows = [
        (aid, here(ok(&[1, 2])), Ok(vec![1, 2]), 2),
        (None, here(ok(&[1, 2])), Ok(vec![1, 2]), 0),
        (aid, Manner::default(), Err(LinkError::Unsupported("such application")), 2),
        (aid, here(sw(0x6D00)), no_command(), 2),
        (None, here(sw(0x6D00)), no_command(), 0),
        (aid, here(sw(0x6985)), Err(LinkError::Refused(0x6985)), 2),
        (aid, here(was_reset()), Err(LinkError::Busy), 2),
        (aid, here(fails(LinkError::Gone)), Err(LinkError::Gone), 1),
    ];
    for (aid, manner, expected, selections) in rows {
        let (mut desk, transport) = open(SmartCard, manner.clone());
        let mut transport = transport.unwrap();
        let call = VendorCall::Card { aid, header: [0x00, 0x1D, 0x00, 0x00], data: &[] };
        assert_eq!(desk.take(|turn| transport.vendor(call, turn)).0, expected, "{:?}", manner.vendor);
        let selected = desk.headers().iter().filter(|header| **header == SELECT).count();
        assert_eq!(selected, selections, "the FIDO applet is selected again: {:?}", manner.vendor);
    }
    let (mut desk, transport) = open(SmartCard, Manner::default());
    let mut transport = transport.unwrap();
    let hid = VendorCall::Hid { command: 0x42, data: &[] };
    assert_eq!(desk.take(|turn| transport.vendor(hid, turn)).0, Err(LinkError::Unsupported("CTAPHID command")));
    assert_eq!(desk.take(|turn| transport.wink(turn)).0, Err(LinkError::Unsupported("wink")));
}

#[test]
fn power_and_farewell() {
    for (kind, expected, reconnects) in
        [(Nfc, PowerCycle::NeedsHands, vec![]), (SmartCard, PowerCycle::Done, vec![Reconnect::PowerOff])]
    {
        let (desk, transport) = open(kind, Manner::default());
        let mut transport = transport.unwrap();
        assert_eq!(transport.power_cycle(), Ok(expected));
        assert_eq!(desk.record.lock().unwrap().reconnects, reconnects);
        drop(transport);
        assert_eq!(desk.headers().last(), Some(&END));
    }
    let (_, transport) = open(SmartCard, Manner { reconnect: Err(LinkError::Gone), ..Manner::default() });
    assert_eq!(transport.unwrap().power_cycle(), Err(LinkError::Gone));
}

#[test]
fn nothing_is_sent_after_a_stop_request() {
    let (mut desk, transport) = open(Nfc, Manner::default());
    let mut transport = transport.unwrap();
    desk.cancel.request();
    assert_eq!(desk.take(|turn| transport.exchange(&[0x04], turn)).0, Err(LinkError::Cancelled));
    assert!(desk.headers().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever a card says, an exchange ends within its budget and without a panic.
    #[test]
    fn arbitrary_answers(answers in proptest::collection::vec((0_u8..4, proptest::collection::vec(any::<u8>(), 0..64)), 4..40)) {
        let replies = answers.into_iter().map(|(shape, mut bytes)| {
            match shape {
                1 => bytes.extend([0x61, 0x10]),
                2 => bytes.extend([0x91, 0x00]),
                3 => bytes.extend([0x90, 0x00]),
                _ => {}
            }
            Reply::Raw(bytes)
        });
        let replies: Says = replies.collect();
        let manner = Manner { message: replies.clone(), poll: replies.clone(), get_response: replies, ..Manner::default() };
        let (mut desk, transport) = open(Nfc, manner);
        let mut transport = transport.unwrap();
        let (_, took) = desk.take(|turn| transport.exchange(&[0x04], turn));
        prop_assert!(took <= BUDGET.saturating_add(Duration::from_secs(1)));
    }
}
