//! Enrolments that do not end well at once: the right sentence, the right exit code, the right state; and what a second
//! run makes of it. One row a case.

use std::sync::Arc;
use std::time::Duration;

use keywright::advice::{Advised as _, Exit};
use keywright::enroll::Order;
use keywright::simulator::key::{Hands, Model, Move, Sight, Touch};
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions, TrainingPolicy};
use keywright::ui::Answer;

use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, METHODS, World, helpful, order};

const OPTIONS: &str = "*/authentication/fido2Methods/creationOptions";
const RESET: u8 = 0x07;
const MAKE: u8 = 0x01;

/// What the first run leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// The key as it was: nothing was written to it.
    Untouched,
    /// A key that may be wiped, without a passkey of ours, not known to the tenant.
    NoPasskey,
    /// A sealed key with its passkey, not known to the tenant.
    Sealed,
    /// Everything, known to the tenant.
    Everything,
}

struct Case {
    name: &'static str,
    model: Model,
    used: bool,
    order: Order,
    answers: Vec<(&'static str, Option<Answer>)>,
    hands: fn(&World) -> Box<dyn Hands>,
    setup: fn(&World, &Arc<ScriptedFace>),
    code: &'static str,
    exit: Exit,
    left: Left,
    mend: fn(&World),
    /// The second run ends well.
    heals: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: "",
            model: Model::STANDARD,
            used: false,
            order: order(),
            answers: vec![],
            hands: |_| Box::new(helpful),
            setup: |_, _| {},
            code: "",
            exit: Exit::Failed,
            left: Left::Untouched,
            mend: |world| {
                world.tenant.clear_faults();
                world.key.set_touch(Touch::AtOnce);
            },
            heals: true,
        }
    }
}

fn post(world: &World, act: Act) {
    world.tenant.add_fault(Fault::always("POST", METHODS, act));
}

fn options(world: &World, act: Act) {
    world.tenant.add_fault(Fault::always("GET", OPTIONS, act));
}

fn agreed() -> Order {
    Order { erase_agreed: true, ..order() }
}

/// Takes the key out and puts nothing back.
fn forgetful(sight: &Sight) -> Vec<(Duration, Move)> {
    if sight.occupied[0] { vec![(Duration::from_secs(1), Move::Take(0))] } else { vec![] }
}

#[expect(clippy::too_many_lines, reason = "a table, one row a case")]
fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "another key is put back",
            used: true,
            order: agreed(),
            hands: |world| {
                let other = world.other_key();
                assert!(other.wear("20071969", 1));
                Box::new(move |sight: &Sight| {
                    let step = Duration::from_secs(1);
                    vec![(step, if sight.occupied[0] { Move::Take(0) } else { Move::Put(0, other.clone()) })]
                })
            },
            code: "key/wrong-key",
            exit: Exit::Key,
            mend: |world| {
                let other = world.desk.key(0).unwrap();
                assert!(other.state().pin_set && other.state().resident == 1, "the other key was not touched");
                assert!(other.history().iter().all(|exchanged| exchanged.command != RESET));
                world.desk.take(0);
                world.desk.put(0, &world.key);
            },
            ..Case::default()
        },
        Case {
            name: "the key is not put back",
            used: true,
            order: agreed(),
            hands: |_| Box::new(forgetful),
            code: "key/not-returned",
            exit: Exit::Person,
            mend: |world| world.desk.put(0, &world.key),
            ..Case::default()
        },
        Case {
            name: "the key is not taken out",
            used: true,
            order: agreed(),
            hands: |_| Box::new(|_: &Sight| Vec::new()),
            code: "key/not-removed",
            exit: Exit::Person,
            ..Case::default()
        },
        Case {
            name: "no touch for the passkey",
            setup: |world, _| {
                world.key.set_touch(Touch::Never);
            },
            code: "key/no-touch",
            exit: Exit::Person,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "no touch for the reset",
            used: true,
            order: agreed(),
            setup: |world, _| {
                world.key.set_touch(Touch::Never);
            },
            code: "key/no-touch",
            exit: Exit::Person,
            ..Case::default()
        },
        Case {
            name: "five PINs are refused as weak",
            setup: |world, _| world.key.refuse_pins(5),
            code: "key/weak-pins",
            exit: Exit::Key,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "no forced change, nobody agrees",
            model: Model::NO_FORCED_CHANGE,
            code: "consent/unforced-pin",
            exit: Exit::Person,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "no forced change, the answer is no",
            model: Model::NO_FORCED_CHANGE,
            answers: vec![("UnforcedPin", Some(Answer::No))],
            code: "consent/unforced-pin",
            exit: Exit::Person,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "the key says that it forces a change and does not, nobody agrees",
            setup: |world, _| {
                let lie = keywright::simulator::key::Mishap::Status(0);
                world.key.fault(keywright::simulator::key::Fault::first(0x0D, lie));
            },
            code: "consent/unforced-pin",
            exit: Exit::Person,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "used key, nobody agrees",
            used: true,
            code: "consent/erase",
            exit: Exit::Person,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "used key, the answer is no",
            used: true,
            answers: vec![("EraseKey", Some(Answer::No))],
            code: "consent/erase",
            exit: Exit::Person,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "AAGUID forbidden",
            used: true,
            order: agreed(),
            setup: |world, _| {
                let aa_guids = vec![world.key.model().aaguid];
                let block = KeyRestrictions { is_enforced: true, enforcement_type: "block".into(), aa_guids };
                world.tenant.change(|script| {
                    script.policy.passkey_profiles.iter_mut().for_each(|profile| profile.key_restrictions = block.clone());
                    script.policy.key_restrictions = block;
                });
            },
            code: "policy/refused",
            exit: Exit::Policy,
            mend: |world| world.tenant.change(|script| script.policy = TrainingPolicy::default()),
            ..Case::default()
        },
        Case {
            name: "user unknown",
            order: Order { user: "nobody@contoso.example".into(), ..order() },
            code: "tenant/user-unknown",
            exit: Exit::Policy,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "guest",
            order: Order { user: "grady_fabrikam.example#EXT#@contoso.example".into(), ..order() },
            code: "policy/refused",
            exit: Exit::Policy,
            heals: false,
            ..Case::default()
        },
        Case {
            name: "401 before the touch",
            setup: |world, _| options(world, Act::status(401)),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            ..Case::default()
        },
        Case {
            name: "403 before the touch",
            setup: |world, _| options(world, Act::status(403)),
            code: "tenant/forbidden",
            exit: Exit::Policy,
            ..Case::default()
        },
        Case {
            name: "405 before the touch",
            setup: |world, _| options(world, Act::status(405)),
            code: "tenant/not-offered",
            exit: Exit::Policy,
            ..Case::default()
        },
        Case {
            name: "429 with Retry-After before the touch",
            setup: |world, _| options(world, Act::throttled(Some(7))),
            code: "tenant/throttled",
            exit: Exit::Tenant,
            ..Case::default()
        },
        Case {
            name: "429 without Retry-After before the touch",
            setup: |world, _| options(world, Act::throttled(None)),
            code: "tenant/throttled",
            exit: Exit::Tenant,
            ..Case::default()
        },
        Case {
            name: "503 before the touch",
            setup: |world, _| options(world, Act::status(503)),
            code: "tenant/unavailable",
            exit: Exit::Tenant,
            ..Case::default()
        },
        Case {
            name: "401 at the POST",
            setup: |world, _| post(world, Act::status(401)),
            code: "tenant/unauthorized",
            exit: Exit::Tenant,
            left: Left::Sealed,
            ..Case::default()
        },
        Case {
            name: "403 at the POST",
            setup: |world, _| post(world, Act::status(403)),
            code: "tenant/forbidden",
            exit: Exit::Policy,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "403 at the POST, a key without credential management",
            model: Model::NO_CREDENTIAL_MANAGEMENT,
            setup: |world, _| post(world, Act::status(403)),
            code: "tenant/forbidden",
            exit: Exit::Policy,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "403 at the POST, a key that cannot force a change",
            model: Model::NO_FORCED_CHANGE,
            order: Order { unforced_pin_agreed: true, ..order() },
            setup: |world, _| post(world, Act::status(403)),
            code: "tenant/forbidden",
            exit: Exit::Policy,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "405 at the POST",
            setup: |world, _| post(world, Act::status(405)),
            code: "tenant/not-offered",
            exit: Exit::Policy,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "400 at the POST",
            setup: |world, _| post(world, Act::status(400)),
            code: "tenant/refused",
            exit: Exit::Policy,
            left: Left::NoPasskey,
            ..Case::default()
        },
        Case {
            name: "429 with Retry-After at the POST",
            setup: |world, _| post(world, Act::throttled(Some(7))),
            code: "tenant/throttled",
            exit: Exit::Tenant,
            left: Left::Sealed,
            ..Case::default()
        },
        Case {
            name: "429 without Retry-After at the POST",
            setup: |world, _| post(world, Act::throttled(None)),
            code: "tenant/throttled",
            exit: Exit::Tenant,
            left: Left::Sealed,
            ..Case::default()
        },
        Case {
            name: "503 at the POST, not landed",
            setup: |world, _| post(world, Act::status(503)),
            code: "tenant/outcome-unknown",
            exit: Exit::Tenant,
            left: Left::Sealed,
            ..Case::default()
        },
        Case {
            name: "every answer to the POST is lost, and every look as well",
            setup: |world, _| {
                world.tenant.add_fault(Fault::once("POST", METHODS, Act::CloseAfter));
                // The first look is the preflight's.
                world.tenant.add_fault(Fault { call: 2, ..Fault::always("GET", METHODS, Act::status(503)) });
            },
            code: "tenant/outcome-unknown",
            exit: Exit::Tenant,
            left: Left::Everything,
            ..Case::default()
        },
        Case {
            name: "the key is pulled while it makes the passkey",
            setup: |world, _| {
                world.key.fault(keywright::simulator::key::Fault::first(MAKE, keywright::simulator::key::Mishap::GoneAfter));
            },
            code: "key/gone",
            exit: Exit::Key,
            left: Left::NoPasskey,
            ..Case::default()
        },
    ]
}

#[test]
fn every_end() {
    for case in cases() {
        run(case);
    }
}

fn run(case: Case) {
    let name = case.name;
    let world = World::new(&case.model);
    if case.used {
        assert!(world.key.wear("20071969", 1), "{name}");
    }
    let before = world.key.state();
    let face = Arc::new(ScriptedFace::answering(&case.answers));
    (case.setup)(&world, &face);
    let hands = (case.hands)(&world);
    let error = world.enroll_with(&face, &case.order, BoxedHands(hands), &mut world.ledger()).unwrap_err();
    assert_eq!(error.advice().code, case.code, "{name}: {error}");
    assert_eq!(error.advice().exit, case.exit, "{name}");
    assert!(face.handed.lock().unwrap().is_empty(), "{name}: nothing may be handed over");
    let state = world.key.state();
    match case.left {
        Left::Untouched => assert_eq!(state, before, "{name}"),
        Left::NoPasskey if case.name.contains("pulled") => {}
        Left::NoPasskey => assert_eq!((state.resident, world.registered()), (0, 0), "{name}"),
        Left::Sealed => assert_eq!((state.resident, state.forced_change, world.registered()), (1, true, 0), "{name}"),
        Left::Everything => assert_eq!((state.resident, state.forced_change, world.registered()), (1, true, 1), "{name}"),
    }
    (case.mend)(&world);
    if !case.heals {
        return;
    }
    let face = Arc::new(ScriptedFace::default());
    let again = world.enroll(&face, &Order { erase_agreed: true, ..case.order });
    let summary = again.unwrap_or_else(|error| panic!("{name}, second run: {error} [{}]", error.advice().code));
    assert!(world.key.pin_is(&face.pin()), "{name}: the PIN that was handed over is the key's");
    assert_eq!((world.key.state().resident, world.registered()), (1, 1), "{name}: one passkey, known to the tenant");
    assert_eq!(world.key.state().forced_change, summary.pin_change_forced, "{name}");
    assert_eq!(Some(world.tenant.passkeys(ADELE)[0].method_id()), summary.method_id, "{name}");
}

struct BoxedHands(Box<dyn Hands>);

impl Hands for BoxedHands {
    fn act(&mut self, sight: &Sight) -> Vec<(Duration, Move)> {
        self.0.act(sight)
    }
}

#[test]
fn lost_answers_are_asked_for_not_repeated() {
    for (act, posts) in [(Act::CloseAfter, 1), (Act::CloseBefore, 2), (Act::Garbage, 1)] {
        let world = World::new(&Model::STANDARD);
        world.tenant.add_fault(Fault::once("POST", METHODS, act.clone()));
        let face = Arc::new(ScriptedFace::default());
        world.enroll(&face, &order()).unwrap_or_else(|error| panic!("{act:?}: {error}"));
        assert_eq!((world.registered(), world.tenant.calls("POST", METHODS)), (1, posts), "{act:?}");
        assert_eq!(world.key.state().resident, 1, "{act:?}");
    }
}

#[test]
fn a_challenge_that_ran_out_before_the_touch_is_fetched_anew() {
    let world = World::new(&Model::STANDARD);
    assert!(world.key.wear("20071969", 1));
    let face = Arc::new(ScriptedFace::default());
    let clock = Arc::clone(&world.clock);
    face.when("return-key", move || clock.advance(Duration::from_mins(6)));
    world.enroll(&face, &agreed()).unwrap();
    assert_eq!(world.tenant.calls("GET", OPTIONS), 2);
    assert_eq!((world.registered(), world.tenant.calls("POST", METHODS)), (1, 1));
}

#[test]
fn a_challenge_that_ran_out_after_the_touch_costs_a_new_passkey_but_no_reset() {
    let world = World::new(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    let clock = Arc::clone(&world.clock);
    face.when("\"step-done\",\"step\":\"seal\"", move || clock.advance(Duration::from_mins(6)));
    world.enroll(&face, &order()).unwrap();
    assert_eq!((world.registered(), world.tenant.calls("POST", METHODS)), (1, 1));
    assert_eq!((world.key.state().resident, world.key.state().forced_change), (1, true));
    assert!(world.key.pin_is(&face.pin()), "the replaced PIN is the one that is handed over");
    assert!(world.key.history().iter().all(|exchanged| exchanged.command != RESET));
    assert_eq!(world.key.history().iter().filter(|exchanged| (exchanged.command, exchanged.status) == (MAKE, 0)).count(), 2);
}

#[test]
fn a_key_that_comes_back_too_late_gets_a_new_chance() {
    let world = World::new(&Model::STANDARD);
    assert!(world.key.wear("20071969", 1));
    let face = Arc::new(ScriptedFace::default());
    // The first power-up is used up by the time the reset is asked for.
    world.key.fault(keywright::simulator::key::Fault::first(RESET, keywright::simulator::key::Mishap::Status(0x30)));
    world.enroll(&face, &agreed()).unwrap();
    assert!(face.said().contains("new-chance"));
    assert_eq!(face.said().matches("\"remove-key\"").count(), 2);
}
