//! What a core dump of the program would hold once the PIN has been handed over. The key is another process, so that nothing of it is there.

use std::os::unix::fs::PermissionsExt as _;

use keywright::simulator::key::Model;
use keywright_hw_tests::Card;

use crate::tenant::{Tenant, USER};
use crate::{obey, rig};

/// A PIN that cannot be there by chance, and is found by its halves as well.
const LENGTH: &str = "40";

#[test]
fn a_core_dump_after_the_hand_over_holds_no_pin() {
    let _rig = rig();
    let tenant = Tenant::start();
    for used in [false, true] {
        let mut card = Card::new(0, Model::STANDARD, 41);
        assert!(!used || card.key().wear("00112233", 1));
        card.put();
        let program = tenant.program();
        // The hook is told of the result once the PIN has been handed over, and stops the program that started it.
        let hook = program.home().join("stop");
        std::fs::write(&hook, "#!/bin/sh\ncase $(cat) in *'\"result\"'*) kill -STOP $PPID;; esac\n").unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700)).unwrap();
        let words = ["--yes", "enroll", USER, "--pin-length", LENGTH, "--hook", hook.to_str().unwrap()];
        let mut searched = false;
        let run = program.run(&words, |line| {
            obey(&mut card, line);
            let Some(pin) = line.pointer("/result/temporaryPin").and_then(serde_json::Value::as_str) else { return };
            program.await_stop();
            let (first, second) = pin.as_bytes().split_at(pin.len() / 2);
            // What is known to be there is found.
            assert!(!program.places_of(&[USER.as_bytes()]).is_empty(), "the search finds nothing");
            assert_eq!(program.places_of(&[first, second]), Vec::<String>::new(), "the PIN is in memory");
            searched = true;
            program.go_on();
        });
        assert!(searched && run.code == Some(0), "{run:?}");
        card.take();
    }
}
