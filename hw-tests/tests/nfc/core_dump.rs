//! What a core dump of the program would hold once a PIN has been handed over. The keys are another process, so that nothing of them is
//! there.

use keywright::simulator::key::Model;
use keywright_hw_tests::Card;
use serde_json::Value;

use crate::rig;
use crate::tenant::{Tenant, USER};

/// A PIN that cannot be there by chance, and is found by its halves as well.
const LENGTH: &str = "40";
const NEXT: &str = "bert@contoso.example";

/// The first key is done and the program waits for the next: nothing of it needs the PIN any more.
#[test]
fn a_core_dump_after_the_hand_over_holds_no_pin() {
    let _rig = rig();
    for used in [false, true] {
        let tenant = Tenant::for_more_users(&[NEXT]);
        let program = tenant.program();
        let roster = program.home().join("roster.csv");
        std::fs::write(&roster, format!("upn\n{USER}\n{NEXT}\n")).unwrap();
        let mut cards = [41, 42].map(|serial| Card::new(0, Model::STANDARD, serial));
        assert!(!used || cards[0].key().wear("00112233", 1));
        cards[0].put();
        let (mut at, mut pin, mut searched) = (0, None::<String>, false);
        let words = ["--yes", "batch", "run", roster.to_str().unwrap(), "--pin-length", LENGTH];
        let run = program.run(&words, |line| {
            if let Some(handed) = line.pointer("/result/temporaryPin").and_then(Value::as_str) {
                pin = Some(handed.to_owned());
            }
            match line["event"].as_str() {
                Some("remove-key") => cards[at].take(),
                Some("return-key") => cards[at].put(),
                Some("insert-key") if at == 0 => {
                    program.stop();
                    let pin = pin.as_deref().expect("the first PIN was handed over");
                    let (first, second) = pin.as_bytes().split_at(pin.len() / 2);
                    // What is known to be there is found.
                    assert!(!program.places_of(&[NEXT.as_bytes()]).is_empty(), "the search finds nothing");
                    assert_eq!(program.places_of(&[first, second]), Vec::<String>::new(), "the PIN is in memory");
                    searched = true;
                    program.go_on();
                    at = 1;
                    cards[1].put();
                }
                _ => {}
            }
        });
        assert!(searched && run.code == Some(0), "{run:?}");
    }
}
