//! A passkey that a new one takes the place of: it goes last, once, and not at all where that would leave nothing.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use keywright::advice::Advised as _;
use keywright::enroll::{Order, Retired, retire};
use keywright::handover::{AgeSafe, SealTo, Sealed};
use keywright::identity::IdentityProvider as _;
use keywright::ledger::{Intent, JobState, Ledger as _, Outcome};
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};
use keywright::simulator::tenant::{Act, Fault, TrainingPasskey};

use crate::deaths::{agreed, faults, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, METHODS, World, helpful};

/// Somebody who has a passkey on a key that is lost, and a new key in the port.
fn lost() -> (World, String) {
    let world = World::new(&Model::STANDARD);
    let old = world.enroll(&sure(), &agreed()).unwrap().method_id.unwrap();
    world.desk.take(0);
    world.desk.put(0, &world.other_key());
    (world, old)
}

fn replacing(old: &str) -> Order {
    Order { replaces: Some(old.into()), ..agreed() }
}

fn ids(world: &World) -> Vec<String> {
    world.tenant.passkeys(ADELE).iter().map(TrainingPasskey::method_id).collect()
}

fn retirements(world: &World) -> Vec<Option<Outcome>> {
    let mut ledger = world.ledger();
    let jobs = ledger.jobs(None).unwrap();
    let entries = jobs.iter().flat_map(|job| ledger.entries(job.id).unwrap());
    entries.filter(|entry| matches!(entry.intent, Intent::Retire { .. })).map(|entry| entry.outcome).collect()
}

#[test]
fn the_older_passkey_goes_when_the_new_ones_pin_is_handed_over() {
    let (world, old) = lost();
    let face = sure();
    let summary = world.enroll(&face, &replacing(&old)).unwrap();
    assert_eq!(ids(&world), [summary.method_id.unwrap()]);
    assert!(matches!(retirements(&world)[..], [Some(Outcome::Done)]));
    assert!(face.said().contains("is removed from the tenant"));
    // Registered and handed over first, removed then.
    let calls = world.tenant.log();
    let of = |method: &str| calls.iter().rposition(|call| call.method == method && call.path.contains("fido2Methods")).unwrap();
    assert!(of("POST") < of("DELETE"));
    assert_eq!(world.tenant.calls("DELETE", "*"), 1);

    let (world, old) = lost();
    let face = Arc::new(ScriptedFace::default());
    world.tenant.add_fault(Fault::always("DELETE", "*", Act::status(403)));
    let summary = world.enroll(&face, &replacing(&old)).unwrap();
    assert_eq!(ids(&world), [old.clone(), summary.method_id.unwrap()], "who may not remove it says so and is done");
    assert!(face.said().contains("still in the tenant") && face.said().contains("passkeys remove"));
    assert!(matches!(retirements(&world)[..], [Some(Outcome::Failed { .. })]));
    assert!(world.ledger().jobs(Some(JobState::Open)).unwrap().is_empty());
}

#[test]
fn a_pin_that_is_not_handed_over_leaves_the_older_passkey() {
    let (world, old) = lost();
    let face = sure();
    face.mute.store(true, Ordering::SeqCst);
    assert!(world.enroll(&face, &replacing(&old)).is_err());
    assert_eq!((ids(&world).len(), retirements(&world).len()), (2, 0));
    // The journal knows what was meant, also for a run that does not say it.
    world.enroll(&sure(), &agreed()).unwrap();
    assert!(!ids(&world).contains(&old));
    assert_eq!(ids(&world).len(), 1);
}

#[test]
fn nothing_goes_before_the_new_one_is_listed() {
    let (world, old) = lost();
    let job = world.ledger().jobs(None).unwrap()[0].id;
    let mut entra = world.entra();
    let user = entra.user(ADELE).unwrap();
    let mut tried = |new: &str, old: &str| {
        let mut ledger = world.ledger();
        retire(&mut ledger, &mut entra, &*world.shared(), job, &user, new, old).map_err(|error| error.advice().code)
    };
    assert_eq!(tried("not-there", &old), Err("tenant/not-read-back"));
    assert_eq!(tried(&old, &old), Err("tenant/not-read-back"), "it would be the last one");
    assert_eq!(tried(&old, "gone-already"), Ok(Retired::Gone));
    assert_eq!((ids(&world), world.tenant.calls("DELETE", METHODS)), (vec![old], 0));
}

#[test]
fn broken_off_at_every_write() {
    let mut write = 1;
    while faults(write).into_iter().map(broken_at).filter(|reached| *reached).count() > 0 {
        write += 1;
    }
    // Opened; PIN, make, seal, register, hand over, retire, two rows each; closed.
    assert_eq!(write - 1, 14);
}

fn broken_at(point: FaultPoint) -> bool {
    let (world, old) = lost();
    let first = sure();
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let run = || world.enroll_with(&first, &replacing(&old), helpful, &mut ledger).is_ok();
    let done = catch_unwind(AssertUnwindSafe(run)).unwrap_or(false);
    let reached = ledger.writes() >= point.write;
    drop(ledger);
    let name = format!("{point:?}");
    let before = ids(&world);
    assert!(!before.is_empty(), "{name}: never without a passkey");
    let face = sure();
    if !done {
        let again = world.enroll(&face, &replacing(&old));
        let summary = again.unwrap_or_else(|error| panic!("{name}, last run: {error} [{}]", error.advice().code));
        let (after, second_copy) = (ids(&world), summary.second_copy);
        assert!(after.contains(&summary.method_id.unwrap()) && !after.contains(&old), "{name}: {before:?}, {after:?}");
        // The first run had come to its end but for the word of it: the second one made a passkey of its own.
        let finished = !first.handed.lock().unwrap().is_empty() && !second_copy;
        assert_eq!(after.len(), if finished { 2 } else { 1 }, "{name}");
    } else if before.contains(&old) {
        assert_eq!(point.fault, LedgerFault::Full, "{name}: only what cannot be written down is not done");
    }
    reached
}

/// What was sealed for somebody needs no word of anybody: the removal can be done in a later run without a second copy.
#[test]
fn after_a_confirmed_hand_over_trouble_with_the_removal_leaves_the_job_open() {
    let (world, old) = lost();
    let place = world.dir.path().join("out");
    let reader = AgeSafe::open_or_create(&world.dir.path().join("reader.age")).unwrap().recipient().to_string();
    let sealing = || Sealed::new(SealTo::read_all([reader.as_str()]).unwrap(), &place).unwrap();
    world.tenant.add_fault(Fault::always("DELETE", "*", Act::status(503)));
    let failed = world.handing(&sure(), &replacing(&old), &mut world.ledger(), &mut sealing()).unwrap_err();
    assert_eq!(failed.advice().code, "tenant/unavailable");
    assert_eq!((ids(&world).len(), world.ledger().jobs(Some(JobState::Open)).unwrap().len()), (2, 1));
    world.tenant.clear_faults();
    world.handing(&sure(), &replacing(&old), &mut world.ledger(), &mut sealing()).unwrap();
    assert!(!ids(&world).contains(&old));
    assert_eq!((ids(&world).len(), std::fs::read_dir(&place).unwrap().count()), (1, 1), "one passkey, one sealed PIN");
    assert!(matches!(retirements(&world)[..], [Some(Outcome::Unknown { .. } | Outcome::Failed { .. }), Some(Outcome::Done)]));
}

/// Opened; PIN, make, seal, register, two rows each; hand over, two rows; then the removal.
#[test]
fn whoever_confirms_a_hand_over_removes_the_older_passkey_too() {
    let (world, old) = lost();
    let reader = AgeSafe::open_or_create(&world.dir.path().join("reader.age")).unwrap().recipient().to_string();
    let mut sealing = Sealed::new(SealTo::read_all([reader.as_str()]).unwrap(), &world.dir.path().join("out")).unwrap();
    let point = FaultPoint { write: 12, fault: LedgerFault::HaltBefore };
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, Box::new(|_: &str| resume_unwind(Box::new("dead"))));
    let run = || world.handing(&sure(), &replacing(&old), &mut ledger, &mut sealing).is_ok();
    assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
    drop(ledger);
    let job = world.ledger().jobs(Some(JobState::Open)).unwrap()[0].id;
    assert!(ids(&world).contains(&old));
    world.with(&sure(), helpful, &mut world.ledger(), |enrolment| enrolment.confirm(job)).unwrap();
    assert_eq!(world.ledger().jobs(Some(JobState::Open)).unwrap().len(), 0);
    assert!(!ids(&world).contains(&old) && ids(&world).len() == 1);
}
