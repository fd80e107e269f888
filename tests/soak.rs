//! Enrolment after enrolment in one process, in a process of its own: neither memory nor handles nor threads grow.
//!
//! `cargo test --test soak -- --ignored --nocapture` does two thousand.
#![cfg(all(feature = "simulator", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "in a test a broken assumption is a failure"
)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::sync::Arc;

use keywright::enroll::Order;
use keywright::simulator::key::Model;

use support::face::ScriptedFace;
use support::world::{World, order};

/// Until the caches of the libraries are full.
const WARM_UP: usize = 60;

/// What this process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// Memory in kilobytes.
    memory: u64,
    threads: usize,
    handles: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let count = |of: &str| fs::read_dir(format!("/proc/self/{of}")).unwrap().count();
        Self { memory: memory.trim().trim_end_matches(" kB").parse().unwrap(), threads: count("task"), handles: count("fd") }
    }
}

/// A key from the box, or one that was used and has to be wiped.
fn enrol(number: usize) {
    let world = World::new(&Model::STANDARD);
    assert!(number.is_multiple_of(2) || world.key.wear("20071969", 1));
    let face = Arc::new(ScriptedFace::default());
    world.enroll(&face, &Order { erase_agreed: true, ..order() }).unwrap();
    assert!(world.key.pin_is(&face.pin()) && world.registered() == 1);
}

#[expect(clippy::print_stdout, reason = "a measurement")]
fn soak(count: usize) {
    (0..WARM_UP).for_each(enrol);
    let before = Held::now();
    (0..count).for_each(enrol);
    let after = Held::now();
    println!("{count} enrolments: {before:?}, then {after:?}");
    // The tenant's last connections may still be closing.
    let grown = (after.threads.saturating_sub(before.threads), after.handles.saturating_sub(before.handles));
    assert!(grown.0 <= 2 && grown.1 <= 4, "{before:?} {after:?}");
    // However many there are.
    assert!(after.memory.saturating_sub(before.memory) < before.memory / 5, "{before:?} {after:?}");
}

#[test]
fn a_morning_of_enrolments_leaves_nothing_behind() {
    soak(140);
}

#[test]
#[ignore = "a minute or two"]
fn two_thousand_enrolments_leave_nothing_behind() {
    soak(2_000);
}
