//! SIGKILL before and after every journal row of both halves of an enrolment in two places, then the same command again. Here
//! one station is both, with one ledger.

use serde_json::Value;

use crate::killing;
use crate::station::Station;
use crate::support::world::{ADELE, METHODS};

#[test]
fn killed_while_keys_are_made_ready() {
    let walks: Vec<u32> = std::thread::scope(|scope| {
        let walks = ["before", "after"].map(|side| scope.spawn(move || (1..100).take_while(|row| making(*row, side)).last()));
        walks.map(|walk| walk.join().expect("a walk over every row").unwrap_or(0)).to_vec()
    });
    // Opened, closed, two rows a step: PIN, make, seal, deposit, hand over.
    assert_eq!(walks, [12, 12]);
}

#[test]
fn killed_while_passkeys_are_registered() {
    for side in ["before", "after"] {
        // Opened, closed, two rows for the registration.
        assert_eq!((1..100).take_while(|row| submitting(*row, side)).last(), Some(4), "{side}");
    }
}

fn prepared() -> Station {
    let station = Station::new();
    let (code, told) = station.json(&["pins", "recipient"]);
    assert_eq!(code, 0, "{told}");
    let recipient = told["result"]["recipient"].as_str().unwrap().to_owned();
    let file = station.path("prepared.age").to_str().unwrap().to_owned();
    let (code, told) = station.json(&["enroll", "--prepare", ADELE, "--recipient", &recipient, "--out", &file]);
    assert_eq!(code, 0, "{told}");
    station
}

fn words(station: &Station, part: &str) -> Vec<String> {
    let path = |name: &str| station.path(name).to_str().unwrap().to_owned();
    let words = match part {
        "make" => vec!["enroll".into(), "--offline".into(), path("prepared.age"), "--out".into(), path("results.age")],
        _ => vec!["enroll".into(), "--submit".into(), path("results.age")],
    };
    [words, vec!["--json".into()]].concat()
}

/// Runs one part; with a fault point until it is killed there. Gives the results, and whether it was killed.
fn run(station: &Station, part: &str, point: Option<&str>) -> (Vec<Value>, bool) {
    let words = words(station, part);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (told, exit) = killing::run(&mut station.command(&words), point);
    assert!(matches!(exit, None | Some(0)), "{point:?}: {told:?}");
    (told, exit.is_none())
}

fn making(row: u32, side: &str) -> bool {
    let name = format!("{side} row {row}");
    let station = prepared();
    let (first, killed) = run(&station, "make", Some(&format!("{side}:{row}")));
    let (second, _) = run(&station, "make", None);
    let handed = [first, second].concat();
    let pin = handed.iter().rev().find_map(|line| line["result"]["temporaryPin"].as_str()).expect("a PIN");
    let key = station.key();
    assert!(key.pin_is(pin), "{name}: the PIN that was handed over is the key's");
    assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{name}");
    let found = station.files().into_iter().find(|(_, bytes)| bytes.windows(pin.len()).any(|window| window == pin.as_bytes()));
    assert_eq!(found.map(|(path, _)| path), None, "{name}: a PIN in clear");
    let (told, _) = run(&station, "submit", None);
    assert_eq!(told[0]["result"]["registered"].as_array().map(Vec::len), Some(1), "{name}: {told:?}");
    assert_eq!((station.tenant.passkeys(ADELE).len(), station.tenant.calls("POST", METHODS)), (1, 1), "{name}");
    killed
}

fn submitting(row: u32, side: &str) -> bool {
    let name = format!("{side} row {row}");
    let station = prepared();
    run(&station, "make", None);
    let (_, killed) = run(&station, "submit", Some(&format!("{side}:{row}")));
    let (told, _) = run(&station, "submit", None);
    let done = ["registered", "before"].map(|member| told[0]["result"][member].as_array().map_or(0, Vec::len));
    assert_eq!(done.into_iter().max(), Some(1), "{name}: {told:?}");
    assert_eq!((station.tenant.passkeys(ADELE).len(), station.tenant.calls("POST", METHODS)), (1, 1), "{name}");
    killed
}
