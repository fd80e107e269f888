//! The disk is full at every single journal write; the next run, with space again, finishes the job.

use std::sync::Arc;

use keywright::advice::Advised as _;
use keywright::enroll::Order;
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};

use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful, order};

#[test]
fn disk_full_at_each_write() {
    for used in [false, true] {
        let mut write = 1;
        while fails_at(used, write) {
            write += 1;
        }
        // Opened; (erase,) PIN, make, seal, register, hand over, two rows each; closed.
        assert_eq!(write - 1, if used { 14 } else { 12 });
    }
}

/// Says whether there was such a write.
fn fails_at(used: bool, write: u32) -> bool {
    let name = format!("used {used}, write {write}");
    let world = World::new(&Model::STANDARD);
    if used {
        assert!(world.key.wear("20071969", 1));
    }
    let order = Order { erase_agreed: true, ..order() };
    let face = Arc::new(ScriptedFace::default());
    let point = FaultPoint { write, fault: LedgerFault::Full };
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, Box::new(|_: &str| {}));
    let first = world.enroll_with(&face, &order, helpful, &mut ledger);
    drop(ledger);
    let Err(error) = first else { return false };
    assert_eq!(error.advice().code, "ledger/full", "{name}: {error}");
    let shown = face.handed.lock().unwrap().len();
    let face = Arc::new(ScriptedFace::default());
    world.enroll(&face, &order).unwrap_or_else(|error| panic!("{name}, second run: {error} [{}]", error.advice().code));
    assert!(world.key.pin_is(&face.pin()), "{name}");
    assert_eq!((world.key.state().resident, world.registered()), (1, 1), "{name}");
    assert!(world.key.state().forced_change, "{name}");
    assert_eq!(face.handed.lock().unwrap()[0].0.second_copy, shown > 0, "{name}");
    true
}
