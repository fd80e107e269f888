//! What the tables of interrupted enrolments share: a run that dies, and what has to be true after the one that heals it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use keywright::advice::Advised as _;
use keywright::enroll::{EnrolError, Order};
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};
use keywright::ui::{Answer, Summary};

use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful, order};

/// A model that proves nothing about itself and cannot delete a passkey: every undoing is a wipe.
pub(crate) const NAMELESS: Model = Model { credential_management: false, ..Model::PORT_ONLY };

/// How a run ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It came back.
    Back(Box<Result<Summary, EnrolError>>),
    /// It died on the way.
    Died,
}

/// The order for a table: whatever has to be agreed to, is.
pub(crate) fn agreed() -> Order {
    Order { erase_agreed: true, unforced_pin_agreed: true, ..order() }
}

/// A person who knows that the key is the same.
pub(crate) fn sure() -> Arc<ScriptedFace> {
    Arc::new(ScriptedFace::answering(&[("SameKey", Some(Answer::Yes)); 4]))
}

/// One run with a fault of the ledger; `None` if it never came to that write.
pub(crate) fn run_to(world: &World, face: &Arc<ScriptedFace>, point: FaultPoint) -> Option<Ended> {
    // Without the panic hook: a death is no failure of the test.
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.enroll_with(face, &agreed(), helpful, &mut ledger)));
    let reached = ledger.writes() >= point.write;
    reached.then(|| outcome.map_or(Ended::Died, |back| Ended::Back(Box::new(back))))
}

/// Every fault of a ledger at this write.
pub(crate) fn faults(write: u32) -> [FaultPoint; 3] {
    [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter].map(|fault| FaultPoint { write, fault })
}

/// Runs once more, without a fault: everything has to be right after that. `before` is what was handed over so far.
pub(crate) fn heals(world: &World, before: &ScriptedFace, name: &str) {
    let face = sure();
    let again = world.enroll(&face, &agreed());
    let summary = again.unwrap_or_else(|error| panic!("{name}, last run: {error} [{}]", error.advice().code));
    let finished = !before.handed.lock().unwrap().is_empty() && !summary.second_copy;
    check(world, &summary, &face.pin(), if finished { 2 } else { 1 }, name);
}

/// The end of a good enrolment.
pub(crate) fn check(world: &World, summary: &Summary, pin: &str, passkeys: usize, name: &str) {
    let state = world.key.state();
    assert!(world.key.pin_is(pin), "{name}: the PIN that was handed over is the key's");
    assert_eq!((state.resident, world.registered()), (1, passkeys), "{name}: one passkey, known to the tenant");
    assert_eq!(state.forced_change, world.key.model().forced_change, "{name}");
    assert_eq!(summary.pin_change_forced, state.forced_change, "{name}: what is said is what is");
}
