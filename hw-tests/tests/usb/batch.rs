//! A batch over hidraw: two ports, three people, and nothing pressed in between.

use std::collections::BTreeSet;

use keywright::simulator::key::Model;
use keywright_hw_tests::{Line, UsbKey};
use serde_json::{Value, json};

use crate::enrolment::takes_over;
use crate::machine;
use crate::seat::settle;
use crate::tenant::{Tenant, USER};

const USERS: [&str; 3] = [USER, "bert@contoso.example", "cleo@contoso.example"];
const PORTS: [&str; 2] = ["1-1", "2-1"];
const RESET: u8 = 0x07;
const MAKE_CREDENTIAL: u8 = 0x01;

/// Somebody at both ports who does what the program says of each.
struct Hands {
    keys: [UsbKey; 3],
    /// Which key is, or was last, in which port.
    seats: [usize; 2],
}

impl Hands {
    fn obey(&mut self, line: &Line) {
        let Some(port) = PORTS.iter().position(|port| line["lane"] == json!(port)) else { return };
        match line["event"].as_str() {
            Some("remove-key") => self.keys[self.seats[port]].unplug(),
            Some("return-key") => self.keys[self.seats[port]].plug(),
            Some("insert-key") => {
                self.seats[port] = 2;
                self.keys[2].move_to_port(u8::try_from(port).unwrap());
                self.keys[2].plug();
            }
            _ => {}
        }
    }
}

/// The first key has no serial number, is full, and is wiped in its port; the third, of its kind, goes in where one comes out.
#[test]
#[ignore = "for the virtual machine"]
fn a_batch_of_three_goes_through_two_ports() {
    let _machine = machine();
    let tenant = Tenant::for_more_users(&USERS[1..]);
    let program = tenant.program().as_ordinary_user();
    let roster = program.home().join("roster.csv");
    std::fs::write(&roster, format!("upn\n{}\n", USERS.join("\n"))).unwrap();
    let keys = [
        UsbKey::on_usb(0, Model::PORT_ONLY, 80),
        UsbKey::on_usb(1, Model::USB_SERIAL, 81),
        UsbKey::on_usb(0, Model::PORT_ONLY, 82),
    ];
    assert!(keys[0].key().wear("00112233", 1));
    let mut hands = Hands { keys, seats: [0, 1] };
    hands.keys[..2].iter_mut().for_each(UsbKey::plug);
    settle();

    let run = program.run(&["--yes", "batch", "run", roster.to_str().unwrap()], |line| hands.obey(line));
    let end = run.result();
    assert_eq!((&end["done"], &end["failed"], &end["waiting"]), (&json!(3), &json!([]), &json!(0)), "{run:?}");
    let lanes: BTreeSet<&str> = end["lanes"].as_array().unwrap().iter().map(|lane| lane["lane"].as_str().unwrap()).collect();
    assert_eq!(lanes, BTreeSet::from(PORTS), "{run:?}");

    let results: Vec<&Value> = run.lines.iter().filter_map(|line| line.get("result")).collect();
    let mut handed = BTreeSet::new();
    for (number, key) in hands.keys.iter_mut().enumerate() {
        let done = |command| key.key().history().iter().filter(|row| row.command == command && row.status == 0).count();
        assert_eq!(
            (done(RESET), done(MAKE_CREDENTIAL), key.refusals()),
            (usize::from(number == 0), 1, 0),
            "key {number}: {run:?}"
        );
        let state = key.key().state();
        assert_eq!((state.forced_change, state.resident), (true, 1), "key {number}");
        assert!(!key.is_plugged(), "the finished one is asked out: {run:?}");
        let fits = |result: &&&Value| result["temporaryPin"].as_str().is_some_and(|pin| key.key().pin_is(pin));
        let [result] = results.iter().filter(fits).collect::<Vec<_>>()[..] else { panic!("key {number} has nobody: {run:?}") };
        let user = result["upn"].as_str().unwrap();
        assert!(handed.insert(user), "two keys for {user}: {run:?}");
        key.plug();
        settle();
        takes_over(user, key, &tenant, result);
        key.unplug();
    }
    assert_eq!(handed, BTreeSet::from(USERS), "{run:?}");
}
