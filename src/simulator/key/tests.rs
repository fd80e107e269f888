//! The training key over its own link, in raw CTAP2 messages.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use minicbor::Decoder;
use minicbor::data::Type;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::clock::{Clock, ManualClock};
use crate::ctap::{Bus, Cancel, Change, LinkError, PowerCycle, Transport, Turn, VendorCall, Wait};

use super::*;

const GET_INFO: &[u8] = &[0x04];
const RESET: &[u8] = &[0x07];
const SELECTION: &[u8] = &[0x0B];

struct Room {
    clock: Arc<ManualClock>,
    desk: Desk,
}

fn room() -> Room {
    let clock = Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap()));
    let desk = Desk::new(clock.clone());
    desk.add_port("1-1");
    desk.add_reader("Training Reader 0");
    Room { clock, desk }
}

impl Room {
    fn blueprint(&self, model: &Model, serial: u32) -> Blueprint {
        let rng = Box::new(StdRng::seed_from_u64(u64::from(serial)));
        Blueprint { model: model.clone(), serial, clock: self.clock.clone(), rng, memory: None }
    }

    fn key(&self, model: &Model) -> TrainingKey {
        TrainingKey::new(self.blueprint(model, 1_000_001)).unwrap()
    }

    /// A key of that model in the port, and an open link to it.
    fn plugged(&self, model: &Model) -> (TrainingKey, Box<dyn Transport>) {
        let key = self.key(model);
        self.desk.put(0, &key);
        (key, self.open())
    }

    fn open(&self) -> Box<dyn Transport> {
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let links = bus.links().unwrap();
        bus.open(&links[0]).unwrap()
    }
}

/// Exchanges; returns the answer and what was told meanwhile.
fn told(link: &mut dyn Transport, request: &[u8]) -> (Result<Vec<u8>, LinkError>, Vec<Wait>) {
    let mut waits = Vec::new();
    let cancel = Cancel::new();
    let mut on_wait = |wait| waits.push(wait);
    let mut turn = Turn { budget: Duration::from_mins(1), cancel: &cancel, on_wait: &mut on_wait };
    let reply = link.exchange(request, &mut turn).map(|reply| reply.to_vec());
    (reply, waits)
}

fn status(link: &mut dyn Transport, request: &[u8]) -> u8 {
    told(link, request).0.unwrap()[0]
}

struct Info {
    members: BTreeMap<u8, Vec<u8>>,
    options: BTreeMap<String, bool>,
}

fn info(link: &mut dyn Transport) -> Info {
    let reply = told(link, GET_INFO).0.unwrap();
    assert_eq!(reply[0], 0);
    let mut decoder = Decoder::new(&reply[1..]);
    let body = &reply[1..];
    let mut members = BTreeMap::new();
    let mut last = 0;
    for _ in 0..decoder.map().unwrap().unwrap() {
        let key = decoder.u8().unwrap();
        assert!(key > last, "canonical order");
        last = key;
        let start = decoder.position();
        decoder.skip().unwrap();
        members.insert(key, body[start..decoder.position()].to_vec());
    }
    assert!(decoder.datatype().unwrap_err().is_end_of_input());
    let options = minicbor::decode(&members[&4]).unwrap();
    Info { members, options }
}

#[test]
fn models_differ_as_they_say() {
    let option = |info: &Info, name: &str| info.options.get(name).copied();
    for model in Model::ALL {
        let room = room();
        let (_, mut link) = room.plugged(model);
        let info = info(&mut *link);
        let slug = model.slug;
        assert_eq!(Model::named(slug), Some(model));
        assert_eq!(minicbor::decode::<minicbor::bytes::ByteArray<16>>(&info.members[&3]).unwrap()[..], model.aaguid.0, "{slug}");
        assert_eq!(option(&info, "clientPin"), Some(false), "{slug}");
        assert_eq!(option(&info, "authnrCfg").is_some(), model.forced_change, "{slug}");
        assert_eq!(option(&info, "setMinPINLength").is_some(), model.forced_change, "{slug}");
        assert_eq!(info.members.contains_key(&0x0C), model.forced_change, "{slug}");
        assert_eq!(option(&info, "credMgmt").is_some(), model.credential_management, "{slug}");
        assert_eq!(option(&info, "alwaysUv").unwrap_or(false), model.always_uv, "{slug}");
        assert_eq!(option(&info, "pinUvAuthToken").is_some(), !model.ctap_2_0, "{slug}");
        assert_eq!(info.members.get(&0x18).map(|span| span[..] == [0xF5]), model.long_touch.then_some(true), "{slug}");
        assert_eq!(info.members.get(&0x1D).map(|span| span[0]), model.maximum_pin, "{slug}");
        let protocols: Vec<u8> = minicbor::decode(&info.members[&6]).unwrap();
        let expected: &[u8] = match model.protocols {
            Protocols::Both => &[2, 1],
            Protocols::TwoOnly => &[2],
            Protocols::OneOnly => &[1],
        };
        assert_eq!(protocols, expected, "{slug}");
        if model.ctap_2_0 {
            assert_eq!(*info.members.keys().last().unwrap(), 6, "{slug}");
        } else {
            assert_eq!(info.members[&0x0D], [model.minimum_pin], "{slug}");
        }
        let config = if model.forced_change { 0x35 } else { 0x01 };
        let set_minimum: &[u8] = &[0x0D, 0xA2, 0x01, 0x03, 0x02, 0xA1, 0x03, 0xF5];
        if !model.always_uv {
            assert_eq!(status(&mut *link, set_minimum), config, "{slug}");
        }
        let lists = if model.credential_management { 0x36 } else { 0x01 };
        let answer = status(&mut *link, &[0x0A, 0xA1, 0x01, 0x01]);
        assert!(answer == lists || model.credential_management && matches!(answer, 0x14 | 0x33), "{slug} {answer:02x}");
    }
}

#[test]
fn members_are_well_formed_cbor() {
    let room = room();
    let (_, mut link) = room.plugged(&Model::MAXIMUM_PIN_8);
    for (key, span) in info(&mut *link).members {
        let mut decoder = Decoder::new(&span);
        assert_ne!(decoder.datatype().unwrap(), Type::Break, "{key}");
        decoder.skip().unwrap();
        assert_eq!(decoder.position(), span.len(), "{key}");
    }
}

#[test]
fn reset_window_counts_from_power_up() {
    for (model, seconds, expected) in
        [(Model::STANDARD, 9, 0x00), (Model::STANDARD, 10, 0x30), (Model::CTAP_2_0, 4, 0x00), (Model::CTAP_2_0, 5, 0x30)]
    {
        let room = room();
        let (_, mut link) = room.plugged(&model);
        room.clock.advance(Duration::from_secs(seconds));
        info(&mut *link);
        assert_eq!(status(&mut *link, RESET), expected, "{} after {seconds} s", model.slug);
    }
}

#[test]
fn replug_opens_the_window_again_and_kills_the_old_link() {
    let room = room();
    let (key, mut old) = room.plugged(&Model::STANDARD);
    assert!(key.wear("246810", 2));
    assert_eq!(key.state(), KeyState { pin_set: true, forced_change: false, tries_left: 8, resident: 2 });
    assert!(key.pin_is("246810") && !key.pin_is("246811"));
    room.clock.advance(Duration::from_mins(1));
    assert_eq!(status(&mut *old, RESET), 0x30);
    room.desk.take(0);
    assert_eq!(told(&mut *old, GET_INFO).0, Err(LinkError::Gone));
    room.desk.act(Move::PutBack(0));
    assert_eq!(told(&mut *old, GET_INFO).0, Err(LinkError::Gone));
    let mut link = room.open();
    room.clock.advance(Duration::from_secs(3));
    assert_eq!(status(&mut *link, RESET), 0x00);
    assert_eq!(key.state(), KeyState { pin_set: false, forced_change: false, tries_left: 8, resident: 0 });
}

#[test]
fn fingers() {
    let second = Duration::from_secs(1);
    for (model, touch, request, expected, waits, seconds) in [
        (&Model::STANDARD, Touch::AtOnce, SELECTION, 0x00, &[][..], 0),
        (&Model::STANDARD, Touch::After(second * 3), SELECTION, 0x00, &[Wait::Touch, Wait::Working], 3),
        (&Model::STANDARD, Touch::Never, SELECTION, 0x3A, &[Wait::Touch, Wait::Working], 30),
        (&Model::PORT_ONLY, Touch::Never, SELECTION, 0x2F, &[Wait::Touch, Wait::Working], 30),
        (&Model::STANDARD, Touch::Denied, SELECTION, 0x27, &[Wait::Touch], 0),
        (&Model::LONG_TOUCH, Touch::AtOnce, RESET, 0x00, &[Wait::Touch, Wait::Working], 5),
        (&Model::LONG_TOUCH, Touch::AtOnce, SELECTION, 0x00, &[], 0),
    ] {
        let room = room();
        let (key, mut link) = room.plugged(model);
        key.set_touch(touch);
        let before = room.clock.monotonic();
        let (reply, told) = told(&mut *link, request);
        let case = format!("{} {touch:?} {request:02x?}", model.slug);
        assert_eq!(reply.unwrap(), [expected], "{case}");
        assert_eq!(told, waits, "{case}");
        assert_eq!(room.clock.monotonic().saturating_sub(before).as_secs(), seconds, "{case}");
        assert_eq!(key.touches_asked(), 1);
    }
}

#[test]
fn what_happens_while_a_touch_is_awaited() {
    enum Meanwhile {
        Touch,
        Cancel,
        Unplug,
        Nothing(Duration),
    }
    for (meanwhile, expected) in [
        (Meanwhile::Touch, Ok(0x00)),
        (Meanwhile::Cancel, Ok(0x2D)),
        (Meanwhile::Unplug, Err(LinkError::Gone)),
        (Meanwhile::Nothing(Duration::from_secs(4)), Err(LinkError::Timeout)),
    ] {
        let room = room();
        let (key, mut link) = room.plugged(&Model::STANDARD);
        key.set_touch(Touch::OnCall);
        let cancel = Cancel::new();
        let budget = if let Meanwhile::Nothing(budget) = meanwhile { budget } else { Duration::from_mins(1) };
        let mut on_wait = |wait| match (&meanwhile, wait) {
            (Meanwhile::Touch, Wait::Touch) => key.touch(),
            (Meanwhile::Cancel, Wait::Touch) => cancel.request(),
            (Meanwhile::Unplug, Wait::Touch) => room.desk.act_later(Duration::from_secs(2), Move::Take(0)),
            _ => {}
        };
        let reply = link.exchange(SELECTION, &mut Turn { budget, cancel: &cancel, on_wait: &mut on_wait });
        assert_eq!(reply.map(|reply| reply[0]), expected);
    }
}

#[test]
fn helpful_hands_replug_and_others_do_not() {
    let room = room();
    let (key, _) = room.plugged(&Model::STANDARD);
    let other = TrainingKey::new(room.blueprint(&Model::STANDARD, 2)).unwrap();
    let cancel = Cancel::new();
    let minute = Duration::from_mins(1);

    let mut bus = TrainingBus::new(room.desk.clone(), HelpfulHands::new());
    let first = bus.links().unwrap().remove(0);
    assert_eq!(bus.wait(minute, &cancel).unwrap(), Some(Change::Removed(first.clone())));
    let Some(Change::Arrived { link, at }) = bus.wait(minute, &cancel).unwrap() else { panic!("no arrival") };
    assert_eq!((link.port.clone(), at), (first.port.clone(), Duration::from_millis(1600)));
    assert_ne!(link.path, first.path);

    // Takes the key and puts another one in after twelve seconds.
    let swap = move |sight: &Sight| {
        let moves = vec![(Duration::from_secs(1), Move::Take(0)), (Duration::from_secs(13), Move::Put(0, other.clone()))];
        if sight.occupied[0] { moves } else { Vec::new() }
    };
    let mut bus = TrainingBus::new(room.desk.clone(), swap);
    bus.links().unwrap();
    assert!(matches!(bus.wait(minute, &cancel).unwrap(), Some(Change::Removed(_))));
    assert!(matches!(bus.wait(Duration::from_secs(10), &cancel), Ok(None)));
    assert!(matches!(bus.wait(minute, &cancel).unwrap(), Some(Change::Arrived { .. })));
    assert_eq!(room.desk.key(0).unwrap().serial(), 2);
    assert_eq!(key.serial(), 1_000_001);

    let mut bus = TrainingBus::new(room.desk.clone(), IdleHands);
    bus.links().unwrap();
    assert_eq!(bus.wait(minute, &cancel), Ok(None));
    cancel.request();
    assert_eq!(bus.wait(minute, &cancel), Err(LinkError::Cancelled));
}

#[test]
fn a_reader_cycles_the_power_and_needs_no_touch() {
    let room = room();
    let key = room.key(&Model::STANDARD);
    key.set_touch(Touch::OnCall);
    room.desk.put(1, &key);
    let mut link = room.open();
    room.clock.advance(Duration::from_mins(1));
    assert_eq!(status(&mut *link, RESET), 0x30);
    assert_eq!(link.power_cycle(), Ok(PowerCycle::Done));
    assert_eq!(told(&mut *link, RESET), (Ok(vec![0]), vec![]));
    let (_, mut usb) = room.plugged(&Model::STANDARD);
    assert_eq!(usb.power_cycle(), Ok(PowerCycle::NeedsHands));
}

#[test]
fn serial_numbers_as_the_model_tells_them() {
    for (model, place, maker, usb) in [
        (&Model::STANDARD, 0, true, None),
        (&Model::STANDARD, 1, true, None),
        (&Model::USB_SERIAL, 0, false, Some("TK01000001")),
        (&Model::PORT_ONLY, 0, false, None),
        (&Model::PORT_ONLY, 1, false, None),
    ] {
        let room = room();
        room.desk.put(place, &room.key(model));
        let mut link = room.open();
        assert_eq!(link.link().usb_serial.as_deref(), usb);
        let call = match place {
            0 => VendorCall::Hid { command: 0x42, data: &[0] },
            _ => VendorCall::Card { aid: Some(serial::CARD_AID), header: [0, 0x1D, 0, 0], data: &[] },
        };
        let cancel = Cancel::new();
        let mut turn = Turn { budget: Duration::from_secs(1), cancel: &cancel, on_wait: &mut |_| {} };
        let page = link.vendor(call, &mut turn);
        assert_eq!(page.is_ok(), maker, "{} in {place}", model.slug);
        if let Ok(page) = page {
            assert_eq!(usize::from(page[0]), page.len() - 1);
            assert_eq!(page[1..7], [2, 4, 0x00, 0x0F, 0x42, 0x41]);
        }
    }
}

#[test]
fn faults_strike_once_and_where_they_are_aimed() {
    for (mishap, first, executed) in [
        (Mishap::GoneBefore, Err(LinkError::Gone), false),
        (Mishap::GoneAfter, Err(LinkError::Gone), true),
        (Mishap::Silent, Err(LinkError::Timeout), true),
        (Mishap::Garbled, Ok(0x00), true),
        (Mishap::Repeated, Ok(0x00), true),
        (Mishap::Status(0x7F), Ok(0x7F), false),
    ] {
        let room = room();
        let (key, mut link) = room.plugged(&Model::STANDARD);
        key.fault(Fault { nth: 2, ..Fault::first(0x0B, mishap) });
        info(&mut *link);
        assert_eq!(status(&mut *link, SELECTION), 0);
        assert_eq!(told(&mut *link, SELECTION).0.map(|reply| reply[0]), first, "{mishap:?}");
        let selections = key.history().iter().filter(|exchanged| exchanged.command == 0x0B).count();
        assert_eq!(selections, if executed { 2 } else { 1 }, "{mishap:?}");
        assert_eq!(status(&mut *room.open(), SELECTION), 0, "{mishap:?}");
    }
}

#[test]
fn memory_outlives_the_process() {
    let room = room();
    let folder = tempfile::tempdir().unwrap();
    let memory = Some(folder.path().join("key.json"));
    let blueprint = || Blueprint { memory: memory.clone(), ..room.blueprint(&Model::STANDARD, 7) };
    let key = TrainingKey::new(blueprint()).unwrap();
    assert!(key.wear("135790", 1));
    let before = key.state();
    // What a killed process leaves: no destructor has run.
    std::mem::forget(key);
    let key = TrainingKey::new(blueprint()).unwrap();
    assert_eq!(key.state(), before);
    assert!(key.pin_is("135790"));

    // The same seed again, and yet not the secrets of the life before.
    room.desk.put(0, &key);
    let agreement = [0x06, 0xA2, 0x01, 0x02, 0x02, 0x02];
    let one = told(&mut *room.open(), &agreement).0.unwrap();
    room.desk.put(0, &TrainingKey::new(blueprint()).unwrap());
    let two = told(&mut *room.open(), &agreement).0.unwrap();
    assert_eq!((one[0], two[0]), (0, 0));
    assert_ne!(one, two);

    let other = Blueprint { model: Model::PORT_ONLY, ..blueprint() };
    assert!(matches!(TrainingKey::new(other), Err(TrainingKeyError::Memory { .. })));
    std::fs::write(memory.as_ref().unwrap(), b"{\"version\":1").unwrap();
    assert!(matches!(TrainingKey::new(blueprint()), Err(TrainingKeyError::Memory { .. })));
}
