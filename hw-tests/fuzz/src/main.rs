//! Fuzz targets: `KEYWRIGHT_FUZZ=TARGET` says which. `hw-tests/fuzz/run` builds and runs them.
#![no_main]

mod keys;
mod links;
mod texts;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

/// One target.
type Target = fn(&[u8]);

/// All of them. What each reads is in the description of its function.
const TARGETS: &[(&str, Target)] = &[
    ("info", keys::info),
    ("answers", keys::answers),
    ("attestation", keys::attestation),
    ("key", keys::whole_key),
    ("packets", links::packets),
    ("apdus", links::apdus),
    ("metadata", texts::metadata),
    ("signed-metadata", texts::signed_metadata),
    ("ids", texts::ids),
    ("roster", texts::roster),
    ("graph", texts::graph),
];

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("KEYWRIGHT_FUZZ").unwrap_or_default();
        let found = TARGETS.iter().find(|(known, _)| *known == name);
        let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        found.unwrap_or_else(|| panic!("KEYWRIGHT_FUZZ is one of {}", names.join(" "))).1
    })
}

fuzz_target!(|data: &[u8]| chosen()(data));
