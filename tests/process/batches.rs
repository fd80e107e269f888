//! Batches whose program is killed again and again, at writes that are drawn by lot: at the end everybody has exactly one passkey,
//! on one key whose PIN is known, nothing was sent twice, and the record is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use keywright::clock::SystemClock;
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{BatchId, Batches as _, JobState, Ledger as _, TaskState};
use keywright::simulator::tenant::Script;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::killing::{self, Killed};
use crate::station::Station;
use crate::support::world::METHODS;

/// What the lots are drawn by. A failure names it together with the number of its batch.
const SEED: u64 = 20_261_127;
/// Programs that are killed, over all batches …
const KILLS: usize = 200;
/// … and so many at most if some write was not among theirs.
const MOST_KILLS: usize = 400;
/// Most of them in one batch, before it may come to its end.
const KILLS_OF_ONE: usize = 6;
/// People of each batch.
const PEOPLE: usize = 3;
/// Writes after which a program is killed at the latest: half of those of a whole batch, since a killed one has done its part.
const WRITES: u32 = 22;
/// Batches at once.
const AT_ONCE: usize = 5;

/// Every write that a program can die before or after, while nothing but the program's death goes wrong.
const STATES: [&str; 15] = [
    "open-batch",
    "lease",
    "open-job",
    "intent set-pin",
    "outcome set-pin",
    "intent make",
    "outcome make",
    "intent seal",
    "outcome seal",
    "intent register",
    "outcome register",
    "intent hand-over",
    "outcome hand-over",
    "close-job done",
    "settle done",
];

#[test]
#[expect(clippy::print_stdout, reason = "how many were killed, and where")]
fn everybody_has_one_passkey_however_often_the_program_is_killed() {
    let all = Mutex::new((0_u64, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut all = all.lock().unwrap();
                        let enough = if missed(&all.1).is_empty() { KILLS } else { MOST_KILLS };
                        if all.1.len() >= enough {
                            return;
                        }
                        all.0 += 1;
                        all.0
                    };
                    let killed = batch(number);
                    all.lock().unwrap().1.extend(killed);
                }
            });
        }
    });
    let (batches, killed) = all.into_inner().unwrap();
    let also: BTreeSet<&String> = killed.iter().filter(|write| !must().contains(write)).collect();
    println!("{} programs were killed in {batches} batches, seed {SEED}; also {also:?}", killed.len());
    assert_eq!(missed(&killed), [""; 0], "nobody was killed there");
}

fn must() -> Vec<String> {
    STATES.into_iter().flat_map(|state| ["before", "after"].map(|side| format!("{side} {state}"))).collect()
}

/// Where nobody was killed yet.
fn missed(killed: &[String]) -> Vec<String> {
    must().into_iter().filter(|write| !killed.contains(write)).collect()
}

/// The people of the tenant.
fn people() -> Script {
    let person = |number| {
        format!(
            "[[users]]\nid = \"00000000-0000-4000-8000-{number:012}\"\nupn = \"{}\"\ndisplay_name = \"User {number}\"\n",
            upn(number)
        )
    };
    toml::from_str(&(1..=PEOPLE).map(person).collect::<String>()).unwrap()
}

fn upn(number: usize) -> String {
    format!("user{number:03}@contoso.example")
}

/// One batch to its end; returns where its programs were killed.
fn batch(number: u64) -> Vec<String> {
    let mut lots = StdRng::seed_from_u64(SEED.wrapping_add(number));
    let station = Station::of(people());
    let roster = (1..=PEOPLE).fold("upn\n".to_owned(), |roster, number| roster + &upn(number) + "\n");
    std::fs::write(station.path("roster.csv"), roster).unwrap();
    let (mut killed, mut said) = (Vec::new(), Vec::new());
    let name = |killed: &[String]| format!("seed {SEED}, batch {number}, killed {killed:?}");
    for run in 0.. {
        assert!(run < 40, "{} and still not done", name(&killed));
        let (side, write) = match (number, run) {
            // The roster is taken in once: that is not left to the lots.
            (1, 0) => ("before", 1),
            (2, 0) => ("after", 1),
            _ => (["before", "after"][lots.random_range(0..2)], lots.random_range(1..=WRITES)),
        };
        let point = format!("{side}:{write}");
        let point = (killed.len() < KILLS_OF_ONE).then_some(point);
        let mut command = on(&station, &["batch", "resume"]);
        if !taken_in(&station) {
            let roster = station.path("roster.csv");
            command = on(&station, &["batch", "run", roster.to_str().unwrap()]);
        }
        let (results, end) = killing::run_to(&mut command, point.as_deref());
        said.extend(results);
        match end {
            Killed::At(write) => killed.push(format!("{side} {write}")),
            Killed::No(0) => break,
            Killed::No(code) => panic!("{}: exit code {code}: {}", name(&killed), said.last().unwrap()),
        }
    }
    check(&station, &said, &name(&killed));
    killed
}

/// The program with two ports.
fn on(station: &Station, words: &[&str]) -> Command {
    let mut command = station.command(words);
    command.arg("--json").env("KEYWRIGHT_TRAINING_KEYS", "2");
    command
}

fn ledger(station: &Station) -> SqliteLedger {
    SqliteLedger::open(&station.path("ledger.db"), std::sync::Arc::new(SystemClock::new())).unwrap()
}

fn taken_in(station: &Station) -> bool {
    Path::exists(&station.path("ledger.db")) && !ledger(station).batches().unwrap().is_empty()
}

fn check(station: &Station, said: &[Value], name: &str) {
    let mut ledger = ledger(station);
    let tasks = ledger.tasks(BatchId(1)).unwrap();
    assert!(tasks.iter().all(|task| task.state == TaskState::Done), "{name}: {tasks:?}");
    assert_eq!((tasks.len(), ledger.batches().unwrap().len()), (PEOPLE, 1), "{name}");
    assert!(ledger.jobs(Some(JobState::Open)).unwrap().is_empty(), "{name}");
    ledger.verify(None).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(station.tenant.calls("POST", METHODS), PEOPLE, "{name}: each passkey is sent once");
    let pins: BTreeMap<&str, (&str, &str)> = said
        .iter()
        .filter_map(|line| {
            let member = |name: &str| line["result"][name].as_str();
            Some((member("upn")?, (member("serial")?, member("temporaryPin")?)))
        })
        .collect();
    for number in 1..=PEOPLE {
        let upn = upn(number);
        assert_eq!(station.tenant.passkeys(&upn).len(), 1, "{name}: {upn}");
        let (serial, pin) = pins.get(upn.as_str()).unwrap_or_else(|| panic!("{name}: {upn} has no PIN"));
        let key = station.key_numbered(serial.parse().unwrap());
        assert!(key.pin_is(pin), "{name}: the PIN of {upn}");
        assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{name}: {upn}");
    }
    let resident: usize = station.keys().iter().map(|key| key.state().resident).sum();
    assert_eq!(resident, PEOPLE, "{name}: no key has a passkey that nobody knows of");
}
