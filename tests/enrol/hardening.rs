//! Keys that are hardened on the way: what is asked for is read back and told, what cannot be is refused before the touch or
//! told, and a run that dies in it is healed by the next.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use keywright::advice::{Advised as _, Exit};
use keywright::ctap::{Info, Reading, Requirement, Wish};
use keywright::enroll::{EnrolError, HardeningRules, Order, SettingName, Wishes};
use keywright::ledger::{Intent, JobState, Ledger as _, Outcome};
use keywright::simulator::key::{Fault, Mishap, Model};
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};
use keywright::ui::{Requested, Summary};

use crate::deaths::{NAMELESS, agreed, check, faults, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful};

const CLIENT_PIN: u8 = 0x06;
const CONFIG: u8 = 0x0D;
const ENTERPRISE_ATTESTATION: u8 = 1;
const TOGGLE_ALWAYS_UV: u8 = 2;
const SET_MIN_PIN_LENGTH: u8 = 3;
const LONG_TOUCH_FOR_RESET: u8 = 4;

const ALL: [SettingName; 5] = SettingName::ALL;

fn everything() -> Wishes {
    Wishes {
        always_uv: Some(true),
        enterprise_attestation: Some(true),
        min_pin_length_readers: Some(vec!["login.microsoft.com".into()]),
        min_pin_length: Some(10),
        ..Wishes::default()
    }
}

fn hardened(wishes: Wishes) -> Order {
    Order { hardening: HardeningRules { general: wishes, ..HardeningRules::default() }, ..agreed() }
}

fn info(world: &World) -> Info {
    let face = Arc::new(ScriptedFace::default());
    world.with(&face, helpful, &mut world.ledger(), |enrolment| enrolment.desk.find_key().unwrap().info().clone())
}

/// How often the key was asked for this setting and took it.
fn sent(world: &World, subcommand: u8) -> usize {
    let this =
        |one: &&keywright::simulator::key::Exchanged| (one.command, one.subcommand, one.status) == (CONFIG, Some(subcommand), 0);
    world.key.history().iter().filter(this).count()
}

fn check_hardened(world: &World, summary: &Summary, name: &str) {
    let info = info(world);
    assert_eq!((info.always_uv(), info.enterprise_attestation(), info.min_pin_length()), (true, Some(true), 10), "{name}");
    let told: Vec<_> = summary.hardening.iter().map(|one| (one.setting, one.effective, one.met)).collect();
    let expected = [
        ("always-uv", Some(Reading::Switch(true)), true),
        ("enterprise-attestation", Some(Reading::Switch(true)), true),
        ("min-pin-length-readers", None, true),
        ("min-pin-length", Some(Reading::Length(10)), true),
    ];
    assert_eq!(told, expected, "{name}");
}

fn code(outcome: Result<Summary, EnrolError>) -> &'static str {
    outcome.unwrap_err().advice().code
}

#[test]
fn everything_is_set_read_back_and_told() {
    for used in [false, true] {
        let world = World::new(&Model::STANDARD);
        if used {
            assert!(world.key.wear("20071969", 1));
        }
        let face = sure();
        let summary = world.enroll(&face, &hardened(everything())).unwrap();
        check(&world, &summary, &face.pin(), 1, "hardened");
        check_hardened(&world, &summary, "hardened");
        assert_eq!(face.pin().len(), 10, "the temporary PIN suits the key when it is hardened");
        assert_eq!(summary.hardening[3].requested, Requested::Length(10));
        assert!(summary.hardening.iter().all(|one| one.demanded));
        let lines = face.said();
        let at = |text: &str| lines.find(text).unwrap_or_else(|| panic!("{text}"));
        assert!(at("\"step\":\"pin\"") < at("\"step\":\"harden\""));
        assert!(at("\"step\":\"harden\"") < at("\"step\":\"make\""), "nobody touches a key that will not do");
    }
}

#[test]
fn what_is_so_already_is_not_sent() {
    let world = World::new(&Model { always_uv: true, minimum_pin: 8, ..Model::STANDARD });
    let wishes = Wishes { always_uv: Some(true), min_pin_length: Some(6), ..Wishes::default() };
    let summary = world.enroll(&sure(), &hardened(wishes)).unwrap();
    assert_eq!((sent(&world, TOGGLE_ALWAYS_UV), info(&world).always_uv()), (0, true), "the command is a toggle");
    assert_eq!(sent(&world, SET_MIN_PIN_LENGTH), 1, "that of the seal");
    assert_eq!(summary.hardening[1].effective, Some(Reading::Length(8)), "what is stricter stays");
    assert!(summary.hardening.iter().all(|one| one.met));
}

#[test]
fn a_demand_that_the_key_cannot_meet_is_refused_before_anything_changes() {
    let wish = |change: fn(&mut Wishes)| {
        let mut wishes = Wishes::default();
        change(&mut wishes);
        wishes
    };
    let rows = [
        (Model::CTAP_2_0, wish(|wishes| wishes.always_uv = Some(true)), "no always-UV"),
        (Model::NO_FORCED_CHANGE, wish(|wishes| wishes.always_uv = Some(true)), "cannot switch"),
        (Model::USB_SERIAL, wish(|wishes| wishes.enterprise_attestation = Some(true)), "no enterprise attestation"),
        (Model::STANDARD, wish(|wishes| wishes.long_touch_reset = Some(true)), "no long touch"),
        (Model::NO_FORCED_CHANGE, wish(|wishes| wishes.min_pin_length = Some(8)), "shortest PIN length"),
        (Model::MAXIMUM_PIN_8, wish(|wishes| wishes.min_pin_length = Some(9)), "no PIN that long"),
        (Model::STANDARD, wish(|wishes| wishes.min_pin_length_readers = Some(vec!["a.example".into(); 9])), "that many"),
    ];
    for (model, wishes, words) in rows {
        let world = World::new(&model);
        assert!(world.key.wear("20071969", 1));
        let before = world.key.history().len();
        let error = world.enroll(&sure(), &hardened(wishes.clone())).unwrap_err();
        assert_eq!((error.advice().code, error.advice().exit), ("key/cannot-harden", Exit::Key), "{words}: {error}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(world.key.pin_is("20071969") && world.ledger().jobs(None).unwrap().is_empty(), "{words}");
        assert!(world.key.history()[before..].iter().all(|one| one.command != CLIENT_PIN), "{words}: not even asked");

        let less = Wishes { accept_less: Some(ALL.to_vec()), ..wishes };
        let face = sure();
        let summary = world.enroll(&face, &hardened(less)).unwrap_or_else(|error| panic!("{words}: {error}"));
        assert!(face.said().contains("\"verdict\":\"warn\"") && face.said().contains(words), "{words}");
        assert!(!summary.hardening[0].met && !summary.hardening[0].demanded, "{words}");
        assert!(world.key.pin_is(&face.pin()), "{words}");
    }
}

#[test]
fn what_a_key_has_already_is_told_and_not_asked_for() {
    let world = World::new(&Model::LONG_TOUCH);
    let wishes = Wishes { long_touch_reset: Some(true), ..Wishes::default() };
    let summary = world.enroll(&sure(), &hardened(wishes)).unwrap();
    let told: Vec<_> = summary.hardening.iter().map(|one| (one.setting, one.effective, one.met, one.demanded)).collect();
    assert_eq!(told, [("long-touch-reset", Some(Reading::Switch(true)), true, true)]);
    assert_eq!(sent(&world, LONG_TOUCH_FOR_RESET), 0);
}

/// It takes the command and does nothing, or refuses what it announced.
#[test]
fn a_key_that_only_says_that_it_can() {
    for mishap in [Mishap::Status(0), Mishap::Status(0x2B), Mishap::Status(0x3E)] {
        for (subcommand, least) in [(TOGGLE_ALWAYS_UV, None), (ENTERPRISE_ATTESTATION, None), (SET_MIN_PIN_LENGTH, Some(10))] {
            let name = format!("{mishap:?} {subcommand}");
            let wishes = Wishes {
                always_uv: (subcommand == TOGGLE_ALWAYS_UV).then_some(true),
                enterprise_attestation: (subcommand == ENTERPRISE_ATTESTATION).then_some(true),
                min_pin_length: least,
                ..Wishes::default()
            };
            let world = World::new(&Model::STANDARD);
            let lie = Fault { command: CONFIG, subcommand: Some(subcommand), nth: 1, mishap };
            world.key.fault(lie);
            assert_eq!(code(world.enroll(&sure(), &hardened(wishes.clone()))), "key/not-hardened", "{name}");
            assert_eq!((world.key.state().resident, world.registered()), (0, 0), "{name}");
            assert!(world.ledger().jobs(None).unwrap().iter().all(|job| job.state == JobState::Ended), "{name}");

            world.key.fault(lie);
            let face = sure();
            let less = Wishes { accept_less: Some(ALL.to_vec()), ..wishes };
            let summary = world.enroll(&face, &hardened(less)).unwrap_or_else(|error| panic!("{name}: {error}"));
            check(&world, &summary, &face.pin(), 1, &name);
            assert!(!summary.hardening[0].met, "{name}");
        }
    }
}

#[test]
fn a_section_for_the_model_goes_before_what_is_general() {
    let world = World::new(&Model::STANDARD);
    let mut order = hardened(Wishes { min_pin_length: Some(6), ..Wishes::default() });
    let own = Wishes { min_pin_length: Some(9), ..Wishes::default() };
    order.hardening.models.insert(Model::STANDARD.aaguid.to_string(), own);
    world.enroll(&sure(), &order).unwrap();
    assert_eq!(info(&world).min_pin_length(), 9);
}

#[test]
fn it_dies_at_every_row_and_the_next_run_heals_it() {
    for (model, used) in [(Model::STANDARD, false), (Model::STANDARD, true), (nameless(), true)] {
        let mut write = 1;
        while faults(write).into_iter().map(|point| dies(&model, used, point)).filter(|reached| *reached).count() > 0 {
            write += 1;
        }
        // As without hardening, and two rows more for each of the four settings.
        assert_eq!(write - 1, if used { 22 } else { 20 }, "{}", model.slug);
    }
}

fn nameless() -> Model {
    Model { enterprise_attestation: true, ..NAMELESS }
}

fn dies(model: &Model, used: bool, point: FaultPoint) -> bool {
    let name = format!("{}, used {used}, {point:?}", model.slug);
    let (world, face, order) = (World::new(model), sure(), hardened(everything()));
    if used {
        assert!(world.key.wear("20071969", 1));
    }
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let outcome = catch_unwind(AssertUnwindSafe(|| world.enroll_with(&face, &order, helpful, &mut ledger)));
    if ledger.writes() < point.write {
        return false;
    }
    drop(ledger);
    drop(outcome);
    heals(&world, &face, &order, &name);
    true
}

/// The next run: right in every respect, and hardened.
fn heals(world: &World, before: &ScriptedFace, order: &Order, name: &str) {
    let face = sure();
    let again = world.enroll(&face, order);
    let summary = again.unwrap_or_else(|error| panic!("{name}, last run: {error} [{}]", error.advice().code));
    let finished = !before.handed.lock().unwrap().is_empty() && !summary.second_copy;
    check(world, &summary, &face.pin(), if finished { 2 } else { 1 }, name);
    check_hardened(world, &summary, name);
}

#[test]
fn the_link_dies_at_every_setting() {
    for mishap in [Mishap::GoneBefore, Mishap::GoneAfter, Mishap::Garbled, Mishap::Silent, Mishap::Status(0x7F)] {
        for (subcommand, nth) in
            [(TOGGLE_ALWAYS_UV, 1), (ENTERPRISE_ATTESTATION, 1), (SET_MIN_PIN_LENGTH, 1), (SET_MIN_PIN_LENGTH, 2)]
        {
            let name = format!("{mishap:?} {subcommand} {nth}");
            let (world, face, order) = (World::new(&Model::STANDARD), sure(), hardened(everything()));
            world.key.fault(Fault { command: CONFIG, subcommand: Some(subcommand), nth, mishap });
            match world.enroll(&face, &order) {
                Ok(summary) => check_hardened(&world, &summary, &name),
                Err(_) => heals(&world, &face, &order, &name),
            }
            assert_eq!(sent(&world, TOGGLE_ALWAYS_UV) % 2, 1, "{name}: never back and forth");
        }
    }
}

#[test]
fn what_may_surprise_the_user_is_told_before_the_touch_and_once_a_model() {
    let world = World::new(&Model::STANDARD);
    let (face, order) = (sure(), hardened(everything()));
    let summary = world.enroll(&face, &order).unwrap();
    let lines = face.said();
    for word in ["forced-pin-change", "always-uv", "longer-pin"] {
        let at = lines.find(&format!("\"event\":\"surprise\",\"word\":\"{word}\"")).unwrap_or_else(|| panic!("{word}: {lines}"));
        assert!(at < lines.find("\"step\":\"pin\"").unwrap(), "{word}");
        assert!(summary.first_sign_in.iter().any(|one| one.word == word), "{word}");
    }
    assert!(!lines.contains("remote-desktop"), "what counts for every key is not told each time");
    assert!(summary.first_sign_in.iter().any(|one| one.word == "remote-desktop"), "but is in the record");
    let again = sure();
    world.enroll(&again, &order).unwrap();
    assert!(!again.said().contains("\"event\":\"surprise\""));
}

/// The wishes of the run that began it count: its PIN was made for them.
#[test]
fn a_run_that_is_taken_up_wishes_for_what_the_first_one_did() {
    let world = World::new(&Model::STANDARD);
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    // Opened and the PIN set.
    let point = FaultPoint { write: 4, fault: LedgerFault::HaltBefore };
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let face = sure();
    let first = hardened(Wishes { min_pin_length: Some(8), ..Wishes::default() });
    assert!(catch_unwind(AssertUnwindSafe(|| world.enroll_with(&face, &first, helpful, &mut ledger))).is_err());
    drop(ledger);
    let face = sure();
    let summary = world.enroll(&face, &hardened(Wishes { min_pin_length: Some(20), ..Wishes::default() })).unwrap();
    check(&world, &summary, &face.pin(), 1, "taken up");
    assert_eq!((info(&world).min_pin_length(), face.pin().len()), (8, 8));
}

/// As an older record may have it: the minimum that is wished for is longer than the PIN that the key has. Setting it forces a change,
/// after which nothing can be set: another PIN is drawn, and the rest follows.
#[test]
fn a_temporary_pin_that_is_too_short_is_replaced() {
    let world = World::new(&Model::STANDARD);
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    // Opened and the PIN set.
    let point = FaultPoint { write: 4, fault: LedgerFault::HaltBefore };
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    assert!(catch_unwind(AssertUnwindSafe(|| world.enroll_with(&sure(), &agreed(), helpful, &mut ledger))).is_err());
    drop(ledger);
    let mut ledger = world.ledger();
    let first = ledger.jobs(Some(JobState::Open)).unwrap().remove(0);
    ledger.claim(first.id).unwrap();
    let number = ledger.entries(first.id).unwrap()[0].number;
    let pin = ledger.pin(first.id, number).unwrap().unwrap();
    ledger.close(first.id, JobState::Ended).unwrap();
    let wish = Wish::MinPinLength { least: 20 };
    let always = Requirement { wish: Wish::AlwaysUv, demand: true };
    let mut order = first.order;
    order.hardening = vec![Requirement { wish, demand: true }, always];
    let job = ledger.open_job(&order).unwrap();
    let ticket = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&pin)).unwrap();
    ledger.after(ticket, &Outcome::Done).unwrap();
    drop(ledger);

    let face = sure();
    let summary = world.enroll(&face, &agreed()).unwrap();
    check(&world, &summary, &face.pin(), 1, "replaced");
    let info = info(&world);
    assert_eq!((info.min_pin_length(), info.always_uv(), face.pin().len()), (20, true, 20));
    assert!(summary.hardening.iter().all(|one| one.met), "{:?}", summary.hardening);
    assert_eq!(world.key.history().iter().filter(|one| one.command == 0x07).count(), 0, "no reset was needed");
}
