//! Who may open what: the rules of `udev/` under systemd-udevd.

use keywright::simulator::key::Model;
use keywright_hw_tests::{Keyboard, Program, UsbKey};
use serde_json::json;

use crate::machine;
use crate::seat::{GROUP, JUDGE, Person, SITTER, Seat, USUAL, settle};

const AT_THE_SEAT: Person<'_> = Person { user: SITTER, groups: &[] };
const IN_THE_GROUP: Person<'_> = Person { user: 4321, groups: &[GROUP] };
const STRANGER: Person<'_> = Person { user: 4322, groups: &["plugdev", "users"] };

/// Plugs a key and two keyboards in and asks who may open them; one keyboard has the ids of a security key, as many keys have
/// one beside their FIDO interface.
fn check(key: &mut UsbKey, expected: [(Person<'_>, bool); 3]) {
    key.plug();
    let model = key.key().model();
    let keyboards = [Keyboard::plug(model.vendor_id(), model.product_id()), Keyboard::plug(0x046D, 0xC31C)];
    settle();
    let nodes = [key.node(), keyboards[0].node(), keyboards[1].node()];
    for (person, may) in expected {
        assert_eq!(person.may_open(nodes), [may, false, false], "{person:?}: a key and two keyboards, {nodes:?}");
    }
    key.unplug();
}

#[test]
#[ignore = "for the virtual machine"]
fn the_seat_opens_keys_and_nothing_else() {
    let _machine = machine();
    let mut keys = [UsbKey::on_uhid("access", Model::STANDARD, 1), UsbKey::on_usb(0, Model::USB_SERIAL, 2)];
    for masked in [&[][..], &[JUDGE]] {
        let _rules = Seat::with_rules(&[USUAL], masked);
        for key in &mut keys {
            check(key, [(AT_THE_SEAT, true), (IN_THE_GROUP, false), (STRANGER, false)]);
        }
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn the_group_opens_keys_and_nothing_else() {
    let _machine = machine();
    let mut keys = [UsbKey::on_uhid("access", Model::STANDARD, 3), UsbKey::on_usb(0, Model::USB_SERIAL, 4)];
    for masked in [&[][..], &[JUDGE]] {
        let _rules = Seat::with_rules(&["70-keywright-headless.rules"], masked);
        for key in &mut keys {
            check(key, [(AT_THE_SEAT, false), (IN_THE_GROUP, true), (STRANGER, false)]);
        }
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn without_a_rule_the_reason_is_told() {
    let _machine = machine();
    let mut key = UsbKey::on_uhid("access", Model::STANDARD, 5);
    let _rules = Seat::with_rules(&[], &[]);
    key.plug();
    settle();
    let program = Program::new().as_ordinary_user();
    let run = program.run(&["keys", "list", "--ask"], |_| {});
    assert_eq!(run.result()["keys"][0]["problem"]["code"], json!("key/access-denied"), "{run:?}");
    let run = program.run(&["doctor"], |_| {});
    let node = key.node().display().to_string();
    assert!(run.lines.iter().any(|line| line.to_string().contains(&node)), "{run:?}");
}
