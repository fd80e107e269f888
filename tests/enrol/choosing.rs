//! Several keys on one desk: every way to say which one is meant.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keywright::advice::Advised as _;
use keywright::clock::{Clock as _, ManualClock, SharedClock, SystemClock};
use keywright::ctap::Cancel;
use keywright::enroll::{Desk, Selector};
use keywright::simulator::key::{self, Blueprint, Fault, IdleHands, Mishap, Model, Touch, TrainingBus, TrainingKey};

use crate::support::face::ScriptedFace;
use crate::support::world::generators;

const SOON: Touch = Touch::After(Duration::from_millis(300));
const CANCELLED: u8 = 0x2D;

/// Keys in the ports 1-1, 1-2 and so on, readers after them.
struct Several {
    clock: SharedClock,
    desk: key::Desk,
    keys: Vec<TrainingKey>,
    ports: Vec<String>,
    face: Arc<ScriptedFace>,
    cancel: Cancel,
}

impl Several {
    /// Touches need the machine's clock: a clock that is moved by whoever waits would be moved by each key.
    fn new(keys: &[(&Model, Touch)], on_reader: usize) -> Self {
        Self::by(Arc::new(SystemClock::new()), keys, on_reader)
    }

    fn by(clock: SharedClock, keys: &[(&Model, Touch)], on_reader: usize) -> Self {
        let desk = key::Desk::new(Arc::clone(&clock));
        let ports: Vec<String> = (1..=keys.len())
            .map(|number| {
                if number.saturating_add(on_reader) > keys.len() {
                    format!("ACME Reader {number:02}")
                } else {
                    format!("1-{number}")
                }
            })
            .collect();
        let make = |(((model, touch), port), serial): ((&(&Model, Touch), &String), u32)| {
            let blueprint =
                Blueprint { model: (*model).clone(), serial, clock: Arc::clone(&clock), rng: generators()(), memory: None };
            let key = TrainingKey::new(blueprint).unwrap();
            key.set_touch(*touch);
            desk.put(if port.starts_with("1-") { desk.add_port(port) } else { desk.add_reader(port) }, &key);
            key
        };
        let keys = keys.iter().zip(&ports).zip(31_415_900..).map(make).collect();
        Self { clock, desk: desk.clone(), keys, ports, face: Arc::default(), cancel: Cancel::new() }
    }

    /// The place of the key that is found, or the code of the error.
    fn find(&self, selector: Option<&str>, attended: bool) -> Result<usize, &'static str> {
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let mut desk = Desk {
            bus: &mut bus,
            ui: Arc::<ScriptedFace>::clone(&self.face),
            clock: Arc::clone(&self.clock),
            generators: generators(),
            cancel: self.cancel.clone(),
            patience: Duration::from_secs(5),
            selector: selector.map(Selector::from),
            attended,
        };
        let key = desk.find_key().map_err(|error| error.advice().code)?;
        let port = key.link().port.clone().unwrap();
        drop(key);
        Ok(self.ports.iter().position(|name| *name == port).unwrap())
    }

    /// Command and status of the last exchange.
    fn last(&self, place: usize) -> (u8, u8) {
        self.keys[place].history().last().map(|row| (row.command, row.status)).unwrap()
    }
}

#[test]
fn a_touch_chooses_and_the_others_are_stopped() {
    /// Keys, which of them have a PIN, the winner, and the command in which the losers are stopped.
    type Row<'a> = (&'a str, &'a [(&'a Model, Touch)], &'a [usize], usize, u8);
    let (standard, old) = (&Model::STANDARD, &Model::CTAP_2_0);
    let rows: [Row<'_>; 6] = [
        ("the second of two", &[(standard, Touch::Never), (standard, SOON)], &[], 1, 0x0B),
        ("the first of three", &[(standard, SOON), (standard, Touch::Never), (standard, Touch::Never)], &[2], 0, 0x0B),
        ("an old key without a PIN", &[(standard, Touch::Never), (old, SOON)], &[], 1, 0x0B),
        ("an old key with a PIN", &[(standard, Touch::Never), (old, SOON)], &[1], 1, 0x0B),
        ("old losers", &[(old, Touch::Never), (old, Touch::Never), (standard, SOON)], &[1], 2, 0x01),
        ("touch on call", &[(&Model::ALWAYS_UV, Touch::Never), (&Model::PORT_ONLY, Touch::OnCall)], &[], 1, 0x0B),
    ];
    for (name, keys, with_pin, winner, command) in rows {
        let several = Several::new(keys, 0);
        for place in with_pin {
            assert!(several.keys[*place].wear("20071969", 1));
        }
        let before: Vec<_> = several.keys.iter().map(TrainingKey::state).collect();
        several.keys[winner].touch();
        assert_eq!(several.find(Some("touch"), false), Ok(winner), "{name}");
        for place in (0..keys.len()).filter(|place| *place != winner) {
            assert_eq!(several.last(place), (command, CANCELLED), "{name}: key {place}");
        }
        let after: Vec<_> = several.keys.iter().map(TrainingKey::state).collect();
        assert_eq!(before, after, "{name}: nothing changes on any key");
        let said = several.face.said();
        assert!(said.contains("choose-key") && said.contains("was touched"), "{name}: {said}");
        assert!(!said.contains("key-waits"), "{name}: one sentence, not one a key: {said}");
    }
}

#[test]
fn keys_that_cannot_take_part_are_left_out() {
    type Trouble = fn(&Several);
    let nothing: Trouble = |_| {};
    let rows: [(&str, Touch, usize, Trouble, &str); 4] = [
        ("answers without a touch", Touch::AtOnce, 0, nothing, "cannot be selected by touch"),
        ("refuses", Touch::Denied, 0, nothing, "0x27"),
        (
            "goes away",
            Touch::Never,
            0,
            |several| several.keys[0].fault(Fault::first(0x0B, Mishap::GoneBefore)),
            "the key is gone",
        ),
        ("makes no sense", Touch::Never, 0, |several| several.keys[0].fault(Fault::first(0x0B, Mishap::Status(0x7F))), "0x7F"),
    ];
    for (name, touch, on_reader, trouble, reason) in rows {
        let several = Several::new(&[(&Model::STANDARD, touch), (&Model::STANDARD, SOON)], on_reader);
        trouble(&several);
        assert_eq!(several.find(None, true), Ok(1), "{name}");
        let said = several.face.said();
        assert!(said.contains("is left out") && said.contains(reason), "{name}: {said}");
    }
    let on_reader = Several::new(&[(&Model::STANDARD, SOON), (&Model::STANDARD, SOON)], 1);
    assert_eq!(on_reader.find(None, true), Ok(0), "what lies on a reader was not touched");
    assert!(on_reader.face.said().contains("ACME Reader 02"), "{}", on_reader.face.said());
    let none = Several::new(&[(&Model::STANDARD, Touch::AtOnce), (&Model::STANDARD, Touch::AtOnce)], 0);
    assert_eq!(none.find(None, true), Err("key/several"));
    let alone = Several::new(&[(&Model::STANDARD, Touch::AtOnce)], 0);
    assert_eq!(alone.find(Some("touch"), true), Err("key/no-selection"));
}

#[test]
fn a_key_that_says_more_than_it_can_is_asked_the_old_way() {
    let several = Several::new(&[(&Model::STANDARD, SOON), (&Model::STANDARD, Touch::Never)], 0);
    several.keys[0].fault(Fault::first(0x0B, Mishap::Status(0x01)));
    assert_eq!(several.find(Some("Touch"), true), Ok(0));
    assert_eq!(several.last(0).0, 0x01);
    assert_eq!(several.keys[0].state().resident, 0);
}

#[test]
fn nobody_touches() {
    let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00Z".parse().unwrap()));
    let several = Several::by(clock.clone(), &[(&Model::STANDARD, Touch::Never), (&Model::CTAP_2_0, Touch::Never)], 0);
    assert_eq!(several.find(None, true), Err("key/no-touch"));
    assert!(clock.monotonic() >= Duration::from_secs(30));
    assert!(several.keys.iter().all(|key| key.state().resident == 0));
}

#[test]
fn a_stop_request_ends_the_round() {
    let several = Several::new(&[(&Model::STANDARD, Touch::Never), (&Model::CTAP_2_0, Touch::Never)], 0);
    let (cancel, keys) = (several.cancel.clone(), several.keys.clone());
    let stopper = thread::spawn(move || {
        while keys.iter().any(|key| key.touches_asked() == 0) {
            thread::yield_now();
        }
        cancel.request();
    });
    assert_eq!(several.find(None, true), Err("key/cancelled"));
    stopper.join().unwrap();
    assert_eq!((several.last(0), several.last(1)), ((0x0B, CANCELLED), (0x01, CANCELLED)));
}

#[test]
fn names() {
    let models = [&Model::STANDARD, &Model::STANDARD, &Model::USB_SERIAL, &Model::LONG_TOUCH, &Model::PORT_ONLY];
    let keys = models.map(|model| (model, Touch::Never));
    let aaguid = |model: &Model| model.aaguid.to_string();
    let plain = aaguid(&Model::LONG_TOUCH).replace('-', "").to_uppercase();
    let (standard, long) = (aaguid(&Model::STANDARD), aaguid(&Model::LONG_TOUCH));
    let rows: [(&str, Result<usize, &str>); 18] = [
        ("31415900", Ok(0)),
        ("31415901", Ok(1)),
        ("tk31415902", Ok(2)),
        ("1-2", Ok(1)),
        ("training:1-1#1", Ok(0)),
        ("TRAINING:1-3", Ok(2)),
        ("USB serial", Ok(2)),
        (&long, Ok(3)),
        (&plain, Ok(3)),
        ("long touch", Ok(3)),
        ("ACME Reader 05", Ok(4)),
        ("acme", Ok(4)),
        (&standard, Err("key/several")),
        ("Training Key", Err("key/several")),
        ("training:", Err("key/several")),
        ("3141590", Ok(2)),
        ("99999999", Err("key/no-such-key")),
        ("elsewhere", Err("key/no-such-key")),
    ];
    let several = Several::new(&keys, 1);
    for (name, expected) in rows {
        assert_eq!(several.find(Some(name), false), expected, "{name}");
    }
    assert!(several.keys.iter().all(|key| key.touches_asked() == 0));
    assert_eq!(several.find(None, false), Err("key/several"), "nobody is there to touch");
    assert!(several.face.said().contains("too-many-keys"));
}

#[test]
fn a_name_that_fits_several_leaves_the_rest_to_a_touch() {
    let several = Several::new(&[(&Model::STANDARD, Touch::Never), (&Model::STANDARD, SOON), (&Model::LONG_TOUCH, SOON)], 0);
    assert_eq!(several.find(Some(&Model::STANDARD.aaguid.to_string()), true), Ok(1));
    assert_eq!(several.keys[2].touches_asked(), 0, "a key of another model was not asked");
}

#[test]
fn the_only_key_needs_no_touch_unless_that_was_asked_for() {
    for attended in [true, false] {
        let several = Several::new(&[(&Model::STANDARD, SOON)], 0);
        assert_eq!(several.find(None, attended), Ok(0));
        assert_eq!(several.keys[0].touches_asked(), 0);
        assert_eq!(several.find(Some("touch"), attended), Ok(0));
        assert_eq!(several.keys[0].touches_asked(), 1);
    }
}

#[test]
fn a_serial_goes_before_a_part_of_some_other_name() {
    let several = Several::new(&[(&Model::STANDARD, SOON)], 0);
    let other = Blueprint {
        model: Model::STANDARD,
        serial: 27_182_818,
        clock: Arc::clone(&several.clock),
        rng: generators()(),
        memory: None,
    };
    several.desk.put(several.desk.add_port("31415900-hub"), &TrainingKey::new(other).unwrap());
    assert_eq!(several.find(Some("31415900"), false), Ok(0));
}
