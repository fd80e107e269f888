//! Enrolments that end well, on every model.

use std::sync::Arc;

use keywright::enroll::{Order, ResetPolicy};
use keywright::ledger::{JobState, Ledger as _};
use keywright::simulator::key::Model;
use keywright::ui::Answer;

use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, METHODS, World, order};

/// What has to be true of every enrolment that is done.
fn check_done(world: &World, face: &ScriptedFace, forced: bool) {
    let pin = face.pin();
    let state = world.key.state();
    assert!(world.key.pin_is(&pin), "the PIN that was handed over is the key's");
    assert_eq!((state.forced_change, state.tries_left), (forced, 8));
    assert_eq!(state.resident, 1);
    assert_eq!(world.registered(), 1);
    assert_eq!(world.tenant.calls("POST", METHODS), 1);
    let handed = face.handed.lock().unwrap();
    let (summary, _) = handed.last().unwrap();
    assert_eq!((summary.pin_change_forced, summary.upn.as_str()), (forced, ADELE));
    assert_eq!(Some(world.tenant.passkeys(ADELE)[0].method_id()), summary.method_id);
    assert!(!face.said().contains(&pin), "an event holds the PIN");
    let jobs = world.ledger().jobs(None).unwrap();
    assert!(jobs.iter().all(|job| job.state == JobState::Done));
}

#[test]
fn fresh_key_of_every_model_with_forced_change() {
    for model in Model::ALL.iter().filter(|model| model.forced_change) {
        let world = World::new(model);
        let face = Arc::new(ScriptedFace::default());
        world.enroll(&face, &order()).unwrap_or_else(|error| panic!("{}: {error}", model.slug));
        check_done(&world, &face, true);
        let resets = world.key.history().iter().filter(|exchanged| exchanged.command == 0x07).count();
        assert_eq!(resets, 0, "{}: a fresh key needs no reset", model.slug);
        assert!(face.questions.lock().unwrap().iter().all(|question| question == "HandedOver"), "{}", model.slug);
    }
}

#[test]
fn used_key_is_wiped_after_consent() {
    for model in [Model::STANDARD, Model::LONG_TOUCH, Model::NO_CREDENTIAL_MANAGEMENT, Model::USB_SERIAL, Model::PORT_ONLY] {
        let world = World::new(&model);
        assert!(world.key.wear("20071969", 2));
        let face = Arc::new(ScriptedFace::answering(&[("EraseKey", Some(Answer::Yes))]));
        world.enroll(&face, &order()).unwrap_or_else(|error| panic!("{}: {error}", model.slug));
        check_done(&world, &face, true);
        assert!(face.said().contains("remove-key") && face.said().contains("return-key"));
    }
}

#[test]
fn consent_on_the_command_line_asks_nothing() {
    let world = World::new(&Model::STANDARD);
    assert!(world.key.wear("20071969", 1));
    let face = Arc::new(ScriptedFace::default());
    world.enroll(&face, &Order { erase_agreed: true, ..order() }).unwrap();
    check_done(&world, &face, true);
    assert_eq!(*face.questions.lock().unwrap(), ["HandedOver"]);
}

#[test]
fn reset_always_wipes_a_fresh_key_without_a_question() {
    let world = World::new(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    world.enroll(&face, &Order { reset: ResetPolicy::Always, ..order() }).unwrap();
    check_done(&world, &face, true);
    assert_eq!(world.key.history().iter().filter(|exchanged| exchanged.command == 0x07).count(), 1);
}

#[test]
fn key_that_cannot_force_a_change_with_consent() {
    for model in [Model::NO_FORCED_CHANGE, Model::CTAP_2_0] {
        let world = World::new(&model);
        let face = Arc::new(ScriptedFace::answering(&[("UnforcedPin", Some(Answer::Yes))]));
        world.enroll(&face, &order()).unwrap_or_else(|error| panic!("{}: {error}", model.slug));
        check_done(&world, &face, false);
    }
}

#[test]
fn the_next_enrolment_of_the_same_key_is_a_new_job() {
    let world = World::new(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    world.enroll(&face, &order()).unwrap();
    let first = face.pin();
    world.enroll(&face, &Order { erase_agreed: true, ..order() }).unwrap();
    assert_ne!(first, face.pin());
    assert!(world.key.pin_is(&face.pin()));
    assert_eq!(world.registered(), 2, "the first passkey is the tenant's to remove");
    assert_eq!(world.key.state().resident, 1);
}
