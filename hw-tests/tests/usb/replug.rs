//! Out and in again: how fast it is noticed, and that only the same key is wiped.

use std::thread;
use std::time::{Duration, Instant};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Line, Program, Run, UsbKey};
use serde_json::json;

use crate::seat::settle;
use crate::{machine, obey};

const OLD_PIN: &str = "00112233";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// No port that anybody could recognise.
    Uhid,
    Usb(u8),
}

fn used(place: Place, model: Model, serial: u32) -> UsbKey {
    let key = match place {
        Place::Uhid => UsbKey::on_uhid(&format!("replug-{serial}"), model, serial),
        Place::Usb(port) => UsbKey::on_usb(port, model, serial),
    };
    assert!(key.key().wear(OLD_PIN, 1));
    key
}

fn is_as_before(key: &UsbKey) -> bool {
    key.key().pin_is(OLD_PIN) && key.key().state().resident == 1
}

fn reset(on_line: impl FnMut(&Line)) -> Run {
    Program::new().as_ordinary_user().run(&["--yes", "keys", "reset"], on_line)
}

/// The same key comes back, while another of its model sits in another port: each row is recognised by another rung of the ladder.
#[test]
#[ignore = "for the virtual machine"]
fn the_same_key_is_recognised() {
    let _machine = machine();
    let rows = [
        (Place::Uhid, Place::Uhid, Model::STANDARD, "20"),
        (Place::Usb(0), Place::Uhid, Model::USB_SERIAL, "TK00000020"),
        (Place::Usb(1), Place::Uhid, Model::PORT_ONLY, "2-1"),
    ];
    for (place, other_place, model, name) in rows {
        let mut key = used(place, model.clone(), 20);
        let mut twin = used(other_place, model, 25);
        key.plug();
        twin.plug();
        settle();
        // A serial number of two digits could be a part of any name.
        let path = key.node().to_str().unwrap().to_owned();
        let name = if place == Place::Uhid { path.as_str() } else { name };
        let run = Program::new().as_ordinary_user().run(&["--yes", "--key", name, "keys", "reset"], |line| obey(&mut key, line));
        assert_eq!(run.code, Some(0), "{place:?}: {run:?}");
        assert!(!key.key().state().pin_set && key.key().state().resident == 0);
        assert!(is_as_before(&twin), "the other key was changed: {run:?}");
        // The window of ten seconds counts from the arrival; what is left of it is told.
        let left = run.lines.iter().find(|line| line["event"] == json!("key-back")).unwrap()["left"].as_f64().unwrap();
        assert!((5.0..10.0).contains(&left), "{left} s left: {run:?}");
    }
}

/// A key with a USB serial number may come back at another port.
#[test]
#[ignore = "for the virtual machine"]
fn a_serial_number_is_stronger_than_the_port() {
    let _machine = machine();
    let mut key = used(Place::Usb(0), Model::USB_SERIAL, 21);
    key.plug();
    settle();
    let run = reset(|line| match line["event"].as_str() {
        Some("remove-key") => key.unplug(),
        Some("return-key") => {
            key.move_to_port(1);
            key.plug();
        }
        _ => {}
    });
    assert_eq!(run.code, Some(0), "{run:?}");
}

/// Another key comes back to the same place: whatever tells them apart, neither is changed.
#[test]
#[ignore = "for the virtual machine"]
fn another_key_is_not_wiped() {
    let _machine = machine();
    let rows = [
        // The maker's serial number.
        (Place::Uhid, Model::STANDARD, Place::Uhid, Model::STANDARD, "key/wrong-key"),
        // The USB serial number, at the same port.
        (Place::Usb(0), Model::USB_SERIAL, Place::Usb(0), Model::USB_SERIAL, "key/wrong-key"),
        // The fingerprint, at the same port.
        (Place::Usb(0), Model::PORT_ONLY, Place::Usb(0), Model { minimum_pin: 6, ..Model::PORT_ONLY }, "key/wrong-key"),
    ];
    for (place, model, other_place, other_model, code) in rows {
        let mut key = used(place, model, 30);
        let mut other = used(other_place, other_model, 31);
        key.plug();
        settle();
        let run = reset(|line| match line["event"].as_str() {
            Some("remove-key") => key.unplug(),
            Some("return-key") => other.plug(),
            _ => {}
        });
        assert_eq!(run.error_code(), code, "{place:?} {other_place:?}: {run:?}");
        assert!(is_as_before(&key) && is_as_before(&other), "a key was changed: {run:?}");
    }
}

/// A twin at another port proves nothing: it is passed over, and the wait goes on for the key itself.
#[test]
#[ignore = "for the virtual machine"]
fn a_twin_at_another_port_is_passed_over() {
    let _machine = machine();
    let mut key = used(Place::Usb(0), Model::PORT_ONLY, 38);
    let mut twin = used(Place::Usb(1), Model::PORT_ONLY, 39);
    key.plug();
    settle();
    let run = reset(|line| match line["event"].as_str() {
        Some("remove-key") => key.unplug(),
        Some("return-key") => twin.plug(),
        Some("notice") => key.plug(),
        _ => {}
    });
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!key.key().state().pin_set && is_as_before(&twin), "{run:?}");
}

/// A twin at the same port, with nothing but its content to tell it apart.
#[test]
#[ignore = "for the virtual machine"]
fn a_twin_with_other_content_is_not_wiped() {
    let _machine = machine();
    let mut key = used(Place::Usb(0), Model::PORT_ONLY, 32);
    let mut twin = UsbKey::on_usb(0, Model::PORT_ONLY, 33);
    assert!(twin.key().wear(OLD_PIN, 3));
    key.plug();
    settle();
    let run = reset(|line| match line["event"].as_str() {
        Some("remove-key") => key.unplug(),
        Some("return-key") => twin.plug(),
        _ => {}
    });
    assert_eq!(run.error_code(), "key/wrong-key", "{run:?}");
    assert!(is_as_before(&key) && twin.key().state().resident == 3, "a key was changed: {run:?}");
}

/// A hub that takes its time: the key has power for longer than its window before the machine knows of it.
#[test]
#[ignore = "for the virtual machine"]
fn a_missed_window_gives_a_new_chance() {
    let _machine = machine();
    let window = Duration::from_secs(2);
    let mut key = used(Place::Uhid, Model { reset_window: window, ..Model::STANDARD }, 34);
    key.plug();
    settle();
    let mut returns = 0;
    let run = reset(|line| match line["event"].as_str() {
        Some("remove-key") => key.unplug(),
        Some("return-key") => {
            returns += 1;
            if returns == 1 { key.plug_after(window) } else { key.plug() }
        }
        _ => {}
    });
    assert_eq!((run.code, returns), (Some(0), 2), "{run:?}");
    assert_eq!(run.events().iter().filter(|event| **event == "new-chance").count(), 1, "{run:?}");
    assert!(!key.key().state().pin_set);
}

#[test]
#[ignore = "for the virtual machine"]
fn a_long_touch_is_announced() {
    let _machine = machine();
    let mut key = used(Place::Usb(1), Model::LONG_TOUCH, 35);
    key.plug();
    settle();
    let run = reset(|line| obey(&mut key, line));
    let waits: Vec<_> = run.lines.iter().filter(|line| line["wait"] == json!("touch")).map(|line| &line["long"]).collect();
    assert_eq!((run.code, waits), (Some(0), vec![&json!(true)]), "{run:?}");
}

#[test]
#[ignore = "for the virtual machine"]
fn comings_and_goings_are_noticed_at_once() {
    const LIMIT: Duration = Duration::from_millis(250);
    let _machine = machine();
    let mut times = Vec::new();
    for _ in 0..4 {
        for mut key in [used(Place::Uhid, Model::STANDARD, 36), used(Place::Usb(2), Model::USB_SERIAL, 37)] {
            key.plug();
            let mut gone = None;
            let mut removal = None;
            // As root: what is measured is the program's own notice, not udev's time for the permissions.
            let run = Program::new().run(&["--yes", "keys", "reset"], |line| match line["event"].as_str() {
                Some("remove-key") => {
                    key.unplug();
                    gone = Some(Instant::now());
                }
                Some("return-key") => {
                    removal = gone.map(|gone| gone.elapsed());
                    key.plug();
                }
                _ => {}
            });
            assert_eq!(run.code, Some(0), "{run:?}");
            times.push((removal.unwrap(), key.met_after().unwrap()));
        }
    }
    let worst = times.iter().copied().reduce(|(a, b), (c, d)| (a.max(c), b.max(d))).unwrap();
    println!("noticed after: {times:?} (removal; arrival until the key is opened, on USB until the first word to it)");
    assert!(worst.0 <= LIMIT && worst.1 <= LIMIT, "{times:?}");
}

/// Whoever waits for a key looks for it, but does not keep the processor busy.
#[test]
#[ignore = "for the virtual machine"]
fn a_wait_is_quiet() {
    const WATCHED: Duration = Duration::from_secs(3);
    let _machine = machine();
    let program = Program::new();
    let mut key = UsbKey::on_uhid("quiet", Model::STANDARD, 40);
    let mut used = None;
    let run = program.run(&["keys", "info"], |line| {
        if line["event"] == json!("insert-key") {
            let before = program.cpu_time();
            thread::sleep(WATCHED);
            used = Some(program.cpu_time().saturating_sub(before));
            key.plug();
        }
    });
    assert_eq!(run.code, Some(0), "{run:?}");
    println!("a wait of {WATCHED:?} used {:?} of processor time", used.unwrap());
    // A loop without pauses uses all of it.
    assert!(used.unwrap() < WATCHED / 4, "{used:?}");
}
