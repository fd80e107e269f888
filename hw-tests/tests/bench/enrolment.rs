//! One enrolment over pcscd, beside a script of the same steps.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use keywright::simulator::key::Model;
use keywright_hw_tests::{Card, Service};
use serde_json::json;

use crate::tenant::{Tenant, USER};
use crate::{Cost, ROUNDS, alone, cost, median, megabytes, ms, program, ratio, row};

/// A command with its subcommand, its name, and why an enrolment of a fresh key cannot do without it.
const COMMANDS: &[(u8, Option<u8>, &str, &str)] = &[
    (
        0x04,
        None,
        "getInfo",
        "what the key is, before anything is asked of it; after each change, what it made of it: a key's word that a command went well is not enough",
    ),
    (
        0x06,
        Some(0x02),
        "clientPIN getKeyAgreement",
        "a PIN travels only under a secret shared with the key: once for the new PIN, and once for each token",
    ),
    (0x06, Some(0x03), "clientPIN setPIN", "the temporary PIN"),
    (
        0x06,
        Some(0x09),
        "clientPIN getPinUvAuthTokenUsingPinWithPermissions",
        "a token each for looking, for the passkey and for the forced change",
    ),
    (0x06, Some(0x01), "clientPIN getPINRetries", "that the PIN that is handed over has all its tries"),
    (0x01, None, "makeCredential", "the passkey"),
    (0x0D, Some(0x03), "authenticatorConfig setMinPINLength", "the PIN must be changed before the first sign-in"),
    (0x0A, Some(0x01), "credentialManagement getCredsMetadata", "whether passkeys are on the key"),
];

/// What was measured of one run.
#[derive(Clone, Copy)]
struct Measured {
    cost: Cost,
    card: Duration,
    apdus: u32,
    commands: usize,
}

/// The profile of a tenant, in a folder.
fn profile(tenant: &Tenant) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("profile.toml");
    std::fs::write(&path, tenant.profile()).unwrap();
    (home, path)
}

fn measure(serial: u32, told: &mut Vec<(u8, Option<u8>)>, run: &dyn Fn(&Path, &Path) -> Cost) -> Measured {
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, serial);
    card.put();
    let (home, profile) = profile(&tenant);
    let before = card.traffic();
    let cost = run(home.path(), &profile);
    let after = card.traffic();
    let history = card.key().history();
    assert!(history.iter().all(|one| one.status == 0), "{history:?}");
    // There is one, and no second.
    let _ = tenant.passkey_of(USER);
    *told = history.iter().map(|one| (one.command, one.subcommand)).collect();
    Measured { cost, card: after.own.saturating_sub(before.own), apdus: after.apdus - before.apdus, commands: history.len() }
}

fn ours(home: &Path, profile: &Path) -> Cost {
    let (home, profile) = (home.to_str().unwrap(), profile.to_str().unwrap());
    cost(&program(), &["--json", "enroll", USER, "--yes"], &[("HOME", home), ("KEYWRIGHT_PROFILE", profile)])
}

fn rows(names: [&str; 2], runs: [&[Measured]; 2]) {
    let middle = runs.map(|runs| {
        let own = runs.iter().map(|run| run.cost.wall.saturating_sub(run.card));
        (median(runs.iter().map(|run| run.cost.wall)), median(own), median(runs.iter().map(|run| run.cost.cpu)))
    });
    for ((name, runs), (wall, own, cpu)) in names.iter().zip(runs).zip(middle) {
        let peak = megabytes(median(runs.iter().map(|run| run.cost.peak)));
        let (apdus, commands) = (median(runs.iter().map(|run| run.apdus)), median(runs.iter().map(|run| run.commands)));
        row("enrolment", &[(*name).into(), ms(wall), ms(own), ms(cpu), peak, apdus.to_string(), commands.to_string()]);
    }
    let [(wall, own, cpu), (their_wall, their_own, their_cpu)] = middle;
    let ratios = [ratio(wall, their_wall), ratio(own, their_own), ratio(cpu, their_cpu)];
    row("enrolment", &[&["ratio".to_owned()][..], &ratios, &[(); 3].map(|()| String::new())].concat());
}

#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn one_enrolment_beside_a_script() {
    let _alone = alone();
    let _service = Service::start();
    let python = PathBuf::from(std::env::var_os("KEYWRIGHT_RIG_PYTHON").expect("KEYWRIGHT_RIG_PYTHON"));
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/peer.py");
    let theirs = |_: &Path, profile: &Path| cost(&python, &[peer.to_str().unwrap(), profile.to_str().unwrap(), USER], &[]);
    let (mut told, mut their_told) = (Vec::new(), Vec::new());
    let mut runs: [Vec<Measured>; 2] = Default::default();
    for serial in (100..).take(ROUNDS) {
        runs[0].push(measure(serial, &mut told, &ours));
        runs[1].push(measure(serial, &mut their_told, &theirs));
    }
    rows(["keywright", "Python"], [&runs[0], &runs[1]]);
    for (command, subcommand, name, why) in COMMANDS {
        let count = |told: &[(u8, Option<u8>)]| told.iter().filter(|one| **one == (*command, *subcommand)).count();
        let (count, theirs) = (count(&told), count(&their_told));
        if count + theirs > 0 {
            row("commands", &[(*name).into(), count.to_string(), theirs.to_string(), (*why).into()]);
        }
    }
    println!("in turn: {}", json!(told));
    assert!(told.iter().all(|one| COMMANDS.iter().any(|known| (known.0, known.1) == *one)), "{told:?} is not explained");
    let nets = runs.map(|runs| median(runs.iter().map(|run| run.cost.wall.saturating_sub(run.card))));
    assert!(nets[0] * 2 <= nets[1], "more than half of what the script takes: {nets:?}");
}

/// `ykman` looks for keys too.
#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn lists_over_pcscd() {
    let _alone = alone();
    let _service = Service::start();
    let mut card = Card::new(0, Model::STANDARD, 200);
    card.put();
    let home = tempfile::tempdir().unwrap();
    let home = [("HOME", home.path().to_str().unwrap())];
    let ykman = Path::new("/usr/bin/ykman");
    assert!(Command::new(ykman).arg("--version").output().is_ok(), "Debian's package `yubikey-manager`");
    let mut walls: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        walls[0].push(cost(&program(), &["keys", "list"], &home).wall);
        walls[1].push(cost(&program(), &["keys", "info"], &home).wall);
        walls[2].push(cost(ykman, &["list"], &home).wall);
    }
    let middle = walls.map(median);
    for (name, wall) in ["`keywright keys list`", "`keywright keys info`", "`ykman list`"].into_iter().zip(middle) {
        row("lists", &[name.into(), ms(wall), ratio(wall, middle[2])]);
    }
}
