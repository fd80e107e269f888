//! The link dies at every single exchange of a good enrolment, in every way that a link can die; the next run finishes it.

use keywright::simulator::key::{Exchanged, Fault, Mishap, Model};

use crate::deaths::{NAMELESS, agreed, check, heals, sure};
use crate::support::world::{METHODS, World};

const RESET: u8 = 0x07;
const MISHAPS: [Mishap; 5] = [Mishap::GoneBefore, Mishap::GoneAfter, Mishap::Garbled, Mishap::Silent, Mishap::Status(0x7F)];

#[test]
fn fresh_key() {
    for model in [Model::STANDARD, Model::CTAP_2_0] {
        walk(&model, false);
    }
}

#[test]
fn used_key() {
    for model in [Model::STANDARD, NAMELESS] {
        walk(&model, true);
    }
}

fn world(model: &Model, used: bool) -> World {
    let world = World::new(model);
    if used {
        assert!(world.key.wear("20071969", 1));
    }
    world
}

fn walk(model: &Model, used: bool) {
    let good = world(model, used);
    good.enroll(&sure(), &agreed()).unwrap();
    let history = good.key.history();
    assert!(history.len() > 6, "{}", model.slug);
    for (at, exchanged) in history.iter().enumerate() {
        for mishap in MISHAPS {
            let fault = Fault { mishap, ..nth(&history, at, *exchanged) };
            dies(model, used, fault, &format!("{}, used {used}, exchange {at}, {fault:?}", model.slug));
        }
    }
}

/// The fault that hits this exchange of a good run.
fn nth(history: &[Exchanged], at: usize, exchanged: Exchanged) -> Fault {
    let same = |other: &&Exchanged| (other.command, other.subcommand) == (exchanged.command, exchanged.subcommand);
    let nth = u32::try_from(history.iter().take(at.saturating_add(1)).filter(same).count()).unwrap();
    Fault { command: exchanged.command, subcommand: exchanged.subcommand, nth, mishap: Mishap::Silent }
}

fn dies(model: &Model, used: bool, fault: Fault, name: &str) {
    let (world, face) = (world(model, used), sure());
    world.key.fault(fault);
    match world.enroll(&face, &agreed()) {
        Ok(summary) => check(&world, &summary, &face.pin(), 1, name),
        Err(_) => heals(&world, &face, name),
    }
    assert_eq!(world.tenant.calls("POST", METHODS), 1, "{name}: posted once");
    if !used && model.credential_management {
        // A PIN that is never lost opens the key again; what must not stay is deleted.
        assert!(world.key.history().iter().all(|exchanged| exchanged.command != RESET), "{name}: no reset was needed");
    }
}
