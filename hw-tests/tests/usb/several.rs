//! Two keys at once: each one's own user, and the touch that says which is meant.

use std::thread;
use std::time::Duration;

use keywright::simulator::key::{Model, Touch};
use keywright_hw_tests::{Program, UsbKey};
use serde_json::json;

use crate::seat::settle;
use crate::tenant::{Tenant, USER};
use crate::{machine, obey, output_of};

const USERS: [&str; 2] = [USER, "bert@contoso.example"];
const PORTS: [&str; 2] = ["1-1", "2-1"];
const RESET: u8 = 0x07;
const MAKE_CREDENTIAL: u8 = 0x01;
const SELECTION: u8 = 0x0B;
const CANCELLED: u8 = 0x2D;

/// Two processes on one ledger and one safe, which both of them make, two used keys of one model that tells no serial number. While one
/// waits for its key to come back it may look at the other's, which could be its own in another port, and finds it busy or a stranger.
#[test]
#[ignore = "for the virtual machine"]
fn two_keys_are_enrolled_at_once() {
    let _machine = machine();
    let tenant = Tenant::for_more_users(&USERS[1..]);
    let program = tenant.program().as_ordinary_user();
    let mut keys = [UsbKey::on_usb(0, Model::PORT_ONLY, 60), UsbKey::on_usb(1, Model::PORT_ONLY, 61)];
    for key in &mut keys {
        assert!(key.key().wear("00112233", 1));
        key.key().set_touch(Touch::After(Duration::from_millis(100)));
        key.plug();
    }
    settle();
    let runs = thread::scope(|scope| {
        let mut lanes = Vec::new();
        for ((key, port), user) in keys.iter_mut().zip(PORTS).zip(USERS) {
            let program = &program;
            lanes.push(scope.spawn(move || program.run(&["--yes", "--key", port, "enroll", user], |line| obey(key, line))));
        }
        lanes.into_iter().map(|lane| lane.join().unwrap()).collect::<Vec<_>>()
    });
    for ((key, run), user) in keys.iter().zip(&runs).zip(USERS) {
        let result = run.result();
        assert_eq!((&result["upn"], &result["pinChangeForced"]), (&json!(user), &json!(true)), "{run:?}");
        assert!(key.key().pin_is(result["temporaryPin"].as_str().unwrap()), "each user got the PIN of the own key: {run:?}");
        assert_eq!(result["credentialId"], json!(tenant.passkey_of(user).credential_id), "{run:?}");
        let state = key.key().state();
        assert_eq!((state.forced_change, state.resident), (true, 1), "{user}");
        let done = |command| key.key().history().iter().filter(|row| row.command == command && row.status == 0).count();
        assert_eq!((done(RESET), done(MAKE_CREDENTIAL)), (1, 1), "{user}");
        assert_eq!(key.refusals(), 0, "{user}: a packet came that was not for this key");
        assert!(output_of("fido2-token", &["-I", key.node().to_str().unwrap()], "").contains("pin change required: true"));
    }
    assert_ne!(runs[0].result()["temporaryPin"], runs[1].result()["temporaryPin"]);
    let open = program.run(&["resume", "--list"], |_| {});
    assert_eq!(open.result()["jobs"], json!([]), "{open:?}");
}

/// All blink, all wait; the first that is touched is meant, the others are told to stop.
#[test]
#[ignore = "for the virtual machine"]
fn the_key_that_is_touched_is_meant() {
    const SOON: Touch = Touch::After(Duration::from_millis(600));
    let _machine = machine();
    let old_with_pin = (Model::CTAP_2_0, true);
    let new = (Model::STANDARD, false);
    // The one that is touched, the other, and the command in which the other is stopped.
    let rows = [
        ("both new", new.clone(), new.clone(), SELECTION),
        ("the old one is touched", old_with_pin.clone(), new.clone(), SELECTION),
        ("the new one is touched", new, old_with_pin, MAKE_CREDENTIAL),
    ];
    let program = Program::new().as_ordinary_user();
    for (name, touched, other, command) in rows {
        let mut serial = 70;
        let mut keys = [(touched, SOON), (other, Touch::Never)].map(|((model, with_pin), touch)| {
            serial += 1;
            let mut key = UsbKey::on_uhid(&format!("touch-{serial}"), model, serial);
            assert!(!with_pin || key.key().wear("00112233", 0));
            key.key().set_touch(touch);
            key.plug();
            key
        });
        settle();
        let before = keys.each_ref().map(|key| key.key().state());
        let run = program.run(&["--key", "touch", "keys", "info"], |_| {});
        assert_eq!(run.result()["path"], json!(keys[0].node()), "{name}: {run:?}");
        let history = keys[1].key().history();
        let stopped = history.iter().rev().find(|row| row.command == command).map(|row| row.status);
        assert_eq!(stopped, Some(CANCELLED), "{name}: {history:?}");
        assert!(keys.iter().all(|key| key.winks() == 1), "{name}: {:?}", keys.each_ref().map(UsbKey::winks));
        assert_eq!(keys.each_ref().map(|key| key.key().state()), before, "{name}: nothing changes on any key");
        keys.iter_mut().for_each(UsbKey::unplug);
    }
}
