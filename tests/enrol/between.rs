//! What can happen between two runs, and around a run: other keys, other hands, other tenants, a reader that has gone away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keywright::advice::{Advised as _, Exit};
use keywright::ctap::Cancel;
use keywright::enroll::{EnrolError, Order};
use keywright::ledger::{JobId, JobState, Ledger as _};
use keywright::simulator::key::{Fault as KeyFault, Mishap, Model};
use keywright::simulator::ledger::{FaultPoint, LedgerFault};
use keywright::simulator::tenant::{Act, Fault};
use keywright::ui::{Answer, Summary};

use crate::deaths::{NAMELESS, agreed, check, heals, run_to, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{METHODS, World, helpful, order};

const CONFIG: u8 = 0x0D;
const RESET: u8 = 0x07;

fn code(outcome: Result<Summary, EnrolError>) -> &'static str {
    outcome.unwrap_err().advice().code
}

/// A key that is sealed, with a passkey that the tenant does not have yet.
fn unregistered(model: &Model) -> World {
    let world = World::new(model);
    world.tenant.add_fault(Fault::once("POST", METHODS, Act::status(401)));
    world.tenant.add_fault(Fault { call: 2, ..Fault::once("POST", METHODS, Act::status(401)) });
    assert_eq!(code(world.enroll(&sure(), &agreed())), "tenant/unauthorized");
    world
}

/// Dies when the temporary PIN is written down and not yet set.
fn begun(model: &Model) -> World {
    let world = World::new(model);
    assert!(run_to(&world, &sure(), FaultPoint { write: 2, fault: LedgerFault::HaltAfter }).is_some());
    world
}

#[test]
fn somebody_wipes_the_key_before_it_is_registered() {
    let world = unregistered(&Model::STANDARD);
    let wiped = world.key.clone();
    world.desk.take(0);
    world.desk.put(0, &wiped);
    let face = sure();
    world.with(&face, helpful, &mut world.ledger(), |enrolment| {
        let mut key = enrolment.desk.find_key().unwrap();
        key.reset().unwrap();
    });
    assert!(!world.key.state().pin_set);
    let summary = world.enroll(&face, &order()).unwrap();
    check(&world, &summary, &face.pin(), 1, "wiped");
}

#[test]
fn a_key_that_is_gone_is_registered_all_the_same() {
    let world = unregistered(&Model::STANDARD);
    world.desk.take(0);
    let face = sure();
    let summary = world.enroll(&face, &order()).unwrap();
    check(&world, &summary, &face.pin(), 1, "elsewhere");
}

#[test]
fn another_key_in_the_next_run() {
    for (model, answer, expected) in [
        (Model::STANDARD, None, "key/wrong-key"),
        (NAMELESS, None, "key/identity-unknown"),
        (NAMELESS, Some(Answer::No), "key/wrong-key"),
    ] {
        let world = begun(&model);
        let other = world.other_key();
        assert!(other.wear("20071969", 1));
        world.desk.take(0);
        world.desk.put(0, &other);
        let before = other.state();
        let face = Arc::new(ScriptedFace::answering(&[("SameKey", answer)]));
        assert_eq!(code(world.enroll(&face, &agreed())), expected, "{}", model.slug);
        assert!(other.history().iter().all(|exchanged| exchanged.command != RESET), "{}", model.slug);
        assert_eq!((other.state().pin_set, other.state().resident), (before.pin_set, before.resident), "{}", model.slug);
    }
}

#[test]
fn a_blank_key_out_of_the_same_box_is_not_taken_for_the_one_that_has_its_passkey() {
    let world = World::new(&NAMELESS);
    // Opened; PIN and make, two rows each.
    assert!(run_to(&world, &sure(), FaultPoint { write: 5, fault: LedgerFault::HaltAfter }).is_some());
    let other = world.other_key();
    world.desk.take(0);
    world.desk.put(0, &other);
    assert_eq!(code(world.enroll(&Arc::new(ScriptedFace::default()), &agreed())), "key/identity-unknown");
    assert!(!other.state().pin_set);
}

#[test]
fn two_keys_and_none_named() {
    let world = World::new(&Model::STANDARD);
    let port = world.desk.add_port("1-2");
    world.desk.put(port, &world.other_key());
    assert_eq!(code(world.enroll(&sure(), &agreed())), "key/several");
    assert!(!world.key.state().pin_set);
    assert!(world.ledger().jobs(None).unwrap().is_empty());
}

#[test]
fn among_several_keys_that_of_the_job_is_found_by_its_serial_number() {
    let world = begun(&Model::STANDARD);
    let port = world.desk.add_port("1-2");
    let other = world.other_key();
    world.desk.put(port, &other);
    heals(&world, &sure(), "with another key beside it");
    assert!(!other.state().pin_set);
}

#[test]
fn somebody_else_has_given_the_key_a_pin() {
    let world = begun(&Model::STANDARD);
    assert!(world.key.wear("20071969", 1));
    for _ in 0..7 {
        // Three wrong ones in a row, and a key wants to be put in anew.
        world.desk.take(0);
        world.desk.put(0, &world.key);
        assert_eq!(code(world.enroll(&Arc::new(ScriptedFace::default()), &order())), "consent/erase");
    }
    assert!(world.key.state().tries_left >= 3, "the last tries are left to the owner of the PIN");
    assert!(world.key.pin_is("20071969"));
    heals(&world, &sure(), "with consent");
}

/// The key announces the forced change and refuses it; nobody agreed to a PIN that stays valid.
#[test]
fn a_pin_that_stays_valid_needs_consent_in_every_run() {
    for write in 6..=9 {
        for fault in [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter] {
            let name = format!("{fault:?} at write {write}");
            let world = World::new(&Model::STANDARD);
            let plain = order();
            world.key.fault(KeyFault::first(CONFIG, Mishap::Status(0x01)));
            let halt = Box::new(|_: &str| std::panic::resume_unwind(Box::new("dead")));
            let mut ledger =
                keywright::simulator::ledger::FaultyLedger::new(Box::new(world.ledger()), FaultPoint { write, fault }, halt);
            let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                world.enroll_with(&sure(), &plain, helpful, &mut ledger)
            }));
            drop(ledger);
            assert!(!matches!(first, Ok(Ok(_))), "{name}");
            world.key.fault(KeyFault::first(CONFIG, Mishap::Status(0x01)));
            let face = Arc::new(ScriptedFace::default());
            match world.enroll(&face, &plain) {
                Ok(summary) => assert!(summary.pin_change_forced && world.key.state().forced_change, "{name}"),
                Err(error) => {
                    assert_eq!(error.advice().code, "consent/unforced-pin", "{name}: {error}");
                    assert_eq!((world.key.state().resident, world.registered()), (0, 0), "{name}");
                }
            }
        }
    }
}

#[test]
fn where_the_pin_should_appear_nothing_can_be_written() {
    let world = World::new(&Model::STANDARD);
    let face = sure();
    face.mute.store(true, Ordering::SeqCst);
    assert_eq!(code(world.enroll(&face, &order())), "job/not-shown");
    heals(&world, &face, "shown again");
}

#[test]
fn stopped_at_the_last_question() {
    let mut world = World::new(&Model::STANDARD);
    let face = sure();
    let cancel = world.cancel.clone();
    face.when("HandedOver", move || cancel.request());
    let error = world.enroll(&face, &order()).unwrap_err();
    assert_eq!(error.advice().exit, Exit::Interrupted);
    world.cancel = Cancel::new();
    let face = sure();
    let summary = world.enroll(&face, &order()).unwrap();
    assert!(summary.second_copy);
    check(&world, &summary, &face.pin(), 1, "asked again");
}

/// Ctrl-C at everything that is said: the run ends as interrupted, the next one finishes it.
#[test]
fn stopped_at_every_event() {
    for used in [false, true] {
        let start = || {
            let world = World::new(&Model::STANDARD);
            assert!(!used || world.key.wear("20071969", 1));
            world
        };
        let good = sure();
        start().enroll(&good, &agreed()).unwrap();
        let mut events: Vec<String> = good.events.lock().unwrap().clone();
        events.dedup();
        assert!(events.len() > 10);
        for event in events {
            let (mut world, face) = (start(), sure());
            let cancel = world.cancel.clone();
            face.when(Box::leak(event.clone().into_boxed_str()), move || cancel.request());
            let first = world.enroll(&face, &agreed());
            world.cancel = Cancel::new();
            match first {
                // The last thing that is said comes after the end.
                Ok(summary) => check(&world, &summary, &face.pin(), 1, &event),
                Err(error) => {
                    assert_eq!(error.advice().exit, Exit::Interrupted, "{event}: {error}");
                    heals(&world, &face, &event);
                }
            }
        }
    }
}

#[test]
fn a_job_of_another_tenant_is_left_alone() {
    let world = unregistered(&Model::STANDARD);
    let elsewhere = |act: fn(&mut keywright::enroll::Enrolment<'_>) -> Result<(), EnrolError>| {
        world.with(&sure(), helpful, &mut world.ledger(), |enrolment| {
            enrolment.tenant = "fabrikam.example".into();
            act(enrolment)
        })
    };
    let resumed = elsewhere(|enrolment| enrolment.resume(JobId(1), &Order::default()).map(drop));
    assert_eq!(resumed.unwrap_err().advice().code, "job/other-tenant");
    assert_eq!(elsewhere(|enrolment| enrolment.abandon(JobId(1))).unwrap_err().advice().code, "job/other-tenant");
    // Without consent the other tenant's enrolment may not take the key either.
    let taken = elsewhere(|enrolment| enrolment.run(&order()).map(drop));
    assert_eq!(taken.unwrap_err().advice().code, "consent/erase");
    assert_eq!((world.key.state().resident, world.key.state().forced_change), (1, true));
    heals(&world, &sure(), "the right tenant");
}

#[test]
fn a_job_of_a_user_who_is_gone_can_be_abandoned() {
    let world = World::new(&Model::STANDARD);
    world.tenant.add_fault(Fault::once("POST", METHODS, Act::CloseAfter));
    world.tenant.add_fault(Fault { call: 2, ..Fault::always("GET", METHODS, Act::status(503)) });
    assert_eq!(code(world.enroll(&sure(), &order())), "tenant/outcome-unknown");
    world.tenant.clear_faults();
    let abandon = || world.with(&sure(), helpful, &mut world.ledger(), |enrolment| enrolment.abandon(JobId(1)));
    assert_eq!(abandon().unwrap_err().advice().code, "job/key-in-use", "the tenant holds its passkey");
    world.tenant.change(|script| script.users.remove(0).passkeys = 0);
    assert_eq!(code(world.enroll(&sure(), &order())), "tenant/user-unknown");
    abandon().unwrap();
    assert!(world.ledger().jobs(Some(JobState::Open)).unwrap().is_empty());
}

#[test]
fn a_refusal_of_what_landed_is_no_refusal() {
    let world = World::new(&Model::STANDARD);
    let act = Act::Answer { status: 400, retry_after: None, code: None, processed: true };
    world.tenant.add_fault(Fault::once("POST", METHODS, act));
    let face = sure();
    let summary = world.enroll(&face, &order()).unwrap();
    check(&world, &summary, &face.pin(), 1, "landed");
    assert_eq!(world.tenant.calls("POST", METHODS), 1);
}

/// The directory shows late what it took: a passkey that was given up and made anew is not left behind in the tenant.
#[test]
fn what_arrives_late_is_withdrawn() {
    for (delay, answer_takes, first, later) in [
        // The second POST is refused, since the challenge is used up.
        (Duration::from_mins(1), Duration::ZERO, "tenant/refused", Duration::from_mins(1)),
        // The challenge runs out meanwhile, and a second passkey is made and taken.
        (Duration::from_mins(8), Duration::from_mins(6), "tenant/not-read-back", Duration::from_mins(8)),
    ] {
        let world = World::new(&Model::STANDARD);
        world.tenant.change(|script| script.listing_delay = u32::try_from(delay.as_secs()).unwrap());
        world.tenant.add_fault(Fault::once("POST", METHODS, Act::CloseAfter));
        let (face, clock) = (sure(), world.clock.clone());
        face.when("the answer was lost", move || clock.advance(answer_takes));
        assert_eq!(code(world.enroll(&face, &agreed())), first);
        world.clock.advance(later);
        world.tenant.change(|script| script.listing_delay = 0);
        let face = sure();
        let summary = world.enroll(&face, &agreed()).unwrap();
        check(&world, &summary, &face.pin(), 1, first);
        assert!(face.said().contains("arrived late"), "{}", face.said());
    }
}

/// One that never arrives is named to the person, and keeps nobody from the PIN.
#[test]
fn what_may_still_arrive_is_named() {
    let world = World::new(&Model::STANDARD);
    world.tenant.add_fault(Fault::once("POST", METHODS, Act::CloseBefore));
    let (face, clock) = (sure(), world.clock.clone());
    face.when("the answer was lost", move || clock.advance(Duration::from_mins(6)));
    let summary = world.enroll(&face, &agreed()).unwrap();
    check(&world, &summary, &face.pin(), 1, "named");
    assert!(face.said().contains("should it turn up"), "{}", face.said());
}

/// A batch certificate of another model: whatever it makes is refused before the tenant sees it, and does not pile up.
#[test]
fn a_key_with_a_false_attestation() {
    let world = World::new(&Model { leaf: Model::LONG_TOUCH.leaf, ..Model::STANDARD });
    for _ in 0..3 {
        let error = world.enroll(&sure(), &agreed()).unwrap_err();
        assert!(matches!(error, EnrolError::Attestation(_)), "{error}");
        assert!(world.key.state().resident <= 1);
    }
    assert_eq!((world.registered(), world.tenant.calls("POST", METHODS)), (0, 0));
}
