//! A registration has to be undone, and the run dies at every single journal write of that: the next one leaves nothing
//! half done.

use std::sync::Arc;
use std::time::Duration;

use keywright::advice::Advised as _;
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, LedgerFault};
use keywright::simulator::tenant::{Act, Fault};

use crate::deaths::{Ended, NAMELESS, agreed, check, faults, heals, run_to, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{METHODS, World};

/// Models that undo in their own way: delete, wipe, without a forced change, and without a serial number.
const MODELS: [Model; 6] =
    [Model::STANDARD, Model::NO_CREDENTIAL_MANAGEMENT, Model::NO_FORCED_CHANGE, Model::CTAP_2_0, Model::PORT_ONLY, NAMELESS];

/// Why it has to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The tenant refuses, for good.
    Forbidden,
    /// The challenge runs out between the seal and the registration.
    Expired,
}

impl Reason {
    fn prepare(self, world: &World, face: &ScriptedFace) {
        match self {
            Self::Forbidden => world.tenant.add_fault(Fault::always("POST", METHODS, Act::status(403))),
            Self::Expired => {
                let clock = Arc::clone(&world.clock);
                face.when("\"step-done\",\"step\":\"seal\"", move || clock.advance(Duration::from_mins(6)));
            }
        }
    }
}

#[test]
fn undone_in_one_run() {
    for model in MODELS {
        for reason in [Reason::Forbidden, Reason::Expired] {
            let name = format!("{}, {reason:?}", model.slug);
            let (world, face) = (World::new(&model), sure());
            reason.prepare(&world, &face);
            let outcome = world.enroll(&face, &agreed());
            if reason == Reason::Expired {
                let summary = outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
                check(&world, &summary, &face.pin(), 1, &name);
                continue;
            }
            assert_eq!(outcome.unwrap_err().advice().code, "tenant/forbidden", "{name}");
            assert_eq!((world.key.state().resident, world.registered()), (0, 0), "{name}: nothing stays");
            world.tenant.clear_faults();
            heals(&world, &face, &name);
        }
    }
}

#[test]
fn refused_and_dead_at_each_write() {
    walk(&[Model::STANDARD, Model::NO_FORCED_CHANGE, NAMELESS], Reason::Forbidden);
}

#[test]
fn expired_and_dead_at_each_write() {
    walk(&[Model::STANDARD, Model::CTAP_2_0, NAMELESS], Reason::Expired);
}

/// A PIN that was replaced and one that may have been: the right one is handed over, whatever dies afterwards.
#[test]
fn dead_while_the_pin_is_replaced_and_dead_again() {
    let halt = |write| FaultPoint { write, fault: LedgerFault::HaltBefore };
    // Nine rows up to the seventh step: opened, then PIN, make, seal and register, two each; then the new PIN and the deletion.
    for first in 10..=13 {
        for second in 1.. {
            let name = format!("writes {first} and {second}");
            let (world, face) = (World::new(&Model::STANDARD), sure());
            Reason::Expired.prepare(&world, &face);
            assert!(run_to(&world, &face, halt(first)).is_some(), "{name}");
            if run_to(&world, &face, halt(second)).is_none() {
                break;
            }
            heals(&world, &face, &name);
        }
    }
}

fn walk(models: &[Model], reason: Reason) {
    for model in models {
        let alive = |write: &u32| faults(*write).map(|point| dies(model, reason, point)).contains(&true);
        let write = (1..100).take_while(alive).count();
        // At least: opened; PIN, make, seal, register, and something undone, two rows each.
        assert!(write > 10, "{}: only {write} writes", model.slug);
    }
}

/// Says whether there was such a write.
fn dies(model: &Model, reason: Reason, point: FaultPoint) -> bool {
    let name = format!("{}, {reason:?}, {point:?}", model.slug);
    let (world, face) = (World::new(model), sure());
    reason.prepare(&world, &face);
    let Some(first) = run_to(&world, &face, point) else { return false };
    if let Ended::Back(back) = &first
        && let Err(error) = back.as_ref()
    {
        assert!(["ledger/full", "tenant/forbidden"].contains(&error.advice().code), "{name}: {error}");
    }
    if reason == Reason::Forbidden {
        let face = sure();
        let error = world.enroll(&face, &agreed()).unwrap_err();
        assert_eq!(error.advice().code, "tenant/forbidden", "{name}, second run: {error}");
        assert_eq!((world.key.state().resident, world.registered()), (0, 0), "{name}, second run: nothing stays");
        world.tenant.clear_faults();
    }
    heals(&world, &face, &name);
    true
}
