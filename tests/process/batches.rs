//! Batches whose program is killed again and again, at writes that are drawn by lot: at the end everybody has exactly one passkey,
//! on one key whose PIN is known, nothing was sent twice, and the record is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex};

use keywright::clock::SystemClock;
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{BatchId, Batches, JobState, TaskState};
use keywright::simulator::tenant::Script;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::killing::{self, Killed};
use crate::station::Station;
use crate::support::world::METHODS;

/// What the lots are drawn by. A failure names it together with the number of its batch.
const SEED: u64 = 20_261_127;
/// A ledger, wherever it is.
pub(crate) type Opened = Box<dyn Batches + Send>;

/// Programs that are killed, over all batches with the ledger in a file …
const KILLS: usize = 200;
/// … and so many at most, wherever it is, if some kind of write was not among theirs.
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
fn everybody_has_one_passkey_however_often_the_program_is_killed() {
    let file = |station: &Station| -> Opened {
        Box::new(SqliteLedger::open(&station.path("ledger.db"), Arc::new(SystemClock::new())).unwrap())
    };
    kill_many(KILLS, &|| Station::of(people(PEOPLE)), &file, &|_| {});
}

/// Kills so many programs, and more until one was killed at each kind of write: at stations made by `make`, each with a ledger that `open` opens. What was killed is given to `buried`
/// before the next program starts.
#[expect(clippy::print_stdout, reason = "how many were killed, and where")]
pub(crate) fn kill_many(
    kills: usize,
    make: &(dyn Fn() -> Station + Sync),
    open: &(dyn Fn(&Station) -> Opened + Sync),
    buried: &(dyn Fn(&Station) + Sync),
) {
    let all = Mutex::new((0_u64, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut all = all.lock().unwrap();
                        let enough = if missed(&all.1).is_empty() { kills } else { MOST_KILLS };
                        if all.1.len() >= enough {
                            return;
                        }
                        all.0 = all.0.saturating_add(1);
                        all.0
                    };
                    let killed = batch(number, &make(), open, buried);
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

/// A tenant with so many people.
pub(crate) fn people(count: usize) -> Script {
    let person = |number| {
        format!(
            "[[users]]\nid = \"00000000-0000-4000-8000-{number:012}\"\nupn = \"{}\"\ndisplay_name = \"User {number}\"\n",
            upn(number)
        )
    };
    toml::from_str(&(1..=count).map(person).collect::<String>()).unwrap()
}

pub(crate) fn upn(number: usize) -> String {
    format!("user{number:03}@contoso.example")
}

/// The roster of them, in a file; its path.
pub(crate) fn roster(station: &Station, count: usize) -> String {
    let lines = (1..=count).fold("upn\n".to_owned(), |lines, number| lines + &upn(number) + "\n");
    std::fs::write(station.path("roster.csv"), lines).unwrap();
    station.path("roster.csv").to_str().unwrap().to_owned()
}

/// One batch to its end; returns where its programs were killed.
fn batch(number: u64, station: &Station, open: &dyn Fn(&Station) -> Opened, buried: &dyn Fn(&Station)) -> Vec<String> {
    let mut lots = StdRng::seed_from_u64(SEED.wrapping_add(number));
    let roster = roster(station, PEOPLE);
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
        let taken_in = !open(station).batches().unwrap().is_empty();
        let words: &[&str] = if taken_in { &["batch", "resume"] } else { &["batch", "run", &roster] };
        let mut command = on(station, words);
        let (results, end) = killing::run_to(&mut command, point.as_deref());
        said.extend(results);
        match end {
            Killed::At(write) => {
                killed.push(format!("{side} {write}"));
                buried(station);
            }
            Killed::No(0) => break,
            Killed::No(code) => panic!("{}: exit code {code}: {}", name(&killed), said.last().unwrap()),
        }
    }
    check(&mut *open(station), station, PEOPLE, &said, &name(&killed));
    killed
}

/// The program with two ports.
pub(crate) fn on(station: &Station, words: &[&str]) -> Command {
    let mut command = station.command(words);
    command.arg("--json").env("KEYWRIGHT_TRAINING_KEYS", "2");
    command
}

/// Everybody has what they should, and nobody anything else.
pub(crate) fn check(ledger: &mut dyn Batches, station: &Station, people: usize, said: &[Value], name: &str) {
    let tasks = ledger.tasks(BatchId(1)).unwrap();
    assert!(tasks.iter().all(|task| task.state == TaskState::Done), "{name}: {tasks:?}");
    assert_eq!((tasks.len(), ledger.batches().unwrap().len()), (people, 1), "{name}");
    assert!(ledger.jobs(Some(JobState::Open)).unwrap().is_empty(), "{name}");
    ledger.verify(None).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(station.tenant.calls("POST", METHODS), people, "{name}: each passkey is sent once");
    let pins: BTreeMap<&str, (&str, &str)> = said
        .iter()
        .filter_map(|line| {
            let member = |name: &str| line["result"][name].as_str();
            Some((member("upn")?, (member("serial")?, member("temporaryPin")?)))
        })
        .collect();
    for number in 1..=people {
        let upn = upn(number);
        assert_eq!(station.tenant.passkeys(&upn).len(), 1, "{name}: {upn}");
        let (serial, pin) = pins.get(upn.as_str()).unwrap_or_else(|| panic!("{name}: {upn} has no PIN"));
        let key = station.key_numbered(serial.parse().unwrap());
        assert!(key.pin_is(pin), "{name}: the PIN of {upn}");
        assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{name}: {upn}");
    }
    let resident: usize = station.keys().iter().map(|key| key.state().resident).sum();
    assert_eq!(resident, people, "{name}: no key has a passkey that nobody knows of");
}

#[test]
fn undo_removes_a_passkey_whose_registration_was_not_answered() {
    let killed_at = |write: u32| {
        let station = Station::of(people(1));
        let roster = roster(&station, 1);
        let end = killing::run_to(&mut on(&station, &["batch", "run", &roster]), Some(&format!("before:{write}"))).1;
        matches!(end, Killed::At(name) if name == "outcome register").then_some(station)
    };
    // Nobody wrote down what the tenant said. On a machine that is busy a lease may be renewed before that, which is a write more.
    let station = [0; 3].into_iter().flat_map(|_| 9..WRITES).find_map(killed_at).expect("a run that is killed there");
    assert_eq!(station.tenant.passkeys(&upn(1)).len(), 1);
    let (exit, line) = station.json(&["batch", "undo", "1"]);
    assert_eq!((exit, &line["result"]["refused"][0]["code"]), (7, &"batch/last-passkey".into()), "{line}");
    let (exit, line) = station.json(&["batch", "undo", "1", "--last"]);
    assert_eq!((exit, &line["result"]["removed"]), (0, &vec![upn(1)].into()), "{line}");
    assert!(station.tenant.passkeys(&upn(1)).is_empty(), "no passkey stays that the record does not know of");
    let mut ledger: Opened = Box::new(SqliteLedger::open(&station.path("ledger.db"), Arc::new(SystemClock::new())).unwrap());
    assert_eq!(ledger.tasks(BatchId(1)).unwrap()[0].state, TaskState::Cancelled);
    assert!(ledger.jobs(Some(JobState::Open)).unwrap().is_empty());
    ledger.verify(None).unwrap();
}
