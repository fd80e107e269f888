//! Keys that travel before they are registered: nothing is in the tenant until the parcel has arrived, and then once.

use keywright::simulator::tenant::{Act, Fault};
use serde_json::{Value, json};

use crate::killing;
use crate::station::{Station, results};
use crate::support::world::{ADELE, METHODS};

const MAKE: [&str; 4] = ["enroll", ADELE, "--activate-later", "--json"];
const ACTIVATE: [&str; 4] = ["batch", "activate", "20260001", "--json"];

fn made() -> (Station, String) {
    let station = Station::new();
    let run = station.command(&MAKE).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let told = results(&run.stdout);
    let pin = told[0]["result"]["temporaryPin"].as_str().unwrap().to_owned();
    assert!(told[0]["result"]["registerBefore"].is_string() && told[0]["result"]["methodId"].is_null(), "{told:?}");
    (station, pin)
}

fn counts(line: &Value) -> [usize; 3] {
    ["registered", "before", "refused"].map(|member| line["result"][member].as_array().map_or(0, Vec::len))
}

#[test]
fn a_stolen_parcel_opens_nothing_and_one_that_arrived_is_registered_once() {
    let (station, pin) = made();
    assert!(station.tenant.passkeys(ADELE).is_empty(), "there is nothing to sign in with");
    assert_eq!(station.tenant.calls("POST", METHODS), 0);
    let key = station.key();
    assert!(key.pin_is(&pin) && key.state().forced_change);
    for (path, bytes) in station.files() {
        assert!(!bytes.windows(pin.len()).any(|window| window == pin.as_bytes()), "{}", path.display());
    }
    assert_eq!(station.json(&["inventory", "list"]).1["result"]["keys"][0]["state"], "made");
    let (exit, line) = station.json(&["batch", "activate", "20260002"]);
    assert_eq!((exit, &line["error"]["code"]), (1, &json!("parcel/not-here")));

    let (exit, line) = station.json(&["batch", "activate", "20260001"]);
    assert_eq!((exit, counts(&line)), (0, [1, 0, 0]), "{line}");
    let (exit, line) = station.json(&["batch", "activate", "--job", "1"]);
    assert_eq!((exit, counts(&line)), (0, [0, 1, 0]), "{line}");
    assert_eq!((station.tenant.passkeys(ADELE).len(), station.tenant.calls("POST", METHODS)), (1, 1));
    assert_eq!(station.json(&["inventory", "list"]).1["result"]["keys"][0]["state"], "held");
}

#[test]
fn a_parcel_that_was_changed_or_belongs_to_another_station_registers_nothing() {
    let (station, _) = made();
    let parcels: Vec<_> = station.files().into_iter().filter(|(path, _)| path.ends_with_extension("parcel.age")).collect();
    let (path, bytes) = &parcels[0];
    let (other, _) = made();
    let foreign = other.path("foreign.age");
    std::fs::write(&foreign, bytes).unwrap();
    let (exit, _) = other.json(&["batch", "activate", "20260001", "--bundle", foreign.to_str().unwrap()]);
    assert_ne!(exit, 0, "it is sealed for the other station");
    assert!(other.tenant.passkeys(ADELE).is_empty());
    let mut changed = bytes.clone();
    let end = changed.len() - 20;
    changed[end] ^= 1;
    std::fs::write(path, changed).unwrap();
    assert_ne!(station.json(&["batch", "activate", "20260001"]).0, 0);
    assert!(station.tenant.passkeys(ADELE).is_empty());
}

#[test]
fn whom_the_tenant_refuses_is_told_as_an_error_before_the_key_is_touched() {
    for (status, code, exit) in [(400, "tenant/refused", 4), (403, "tenant/forbidden", 4), (405, "tenant/not-offered", 4)] {
        let station = Station::new();
        station.tenant.add_fault(Fault::always("GET", "*/creationOptions*", Act::status(status)));
        let (told, line) = station.json(&MAKE[..3]);
        assert_eq!((told, &line["error"]["code"]), (exit, &json!(code)), "{line}");
        assert!(!station.path("ledger.db").exists() || station.json(&["inventory", "list"]).1["result"]["keys"] == json!([]));
        assert_eq!(station.key().state().resident, 0);
    }
}

#[test]
fn an_activation_that_the_tenant_refuses_is_named_and_can_be_repeated() {
    let (station, _) = made();
    station.tenant.add_fault(Fault::always("POST", METHODS, Act::status(400)));
    let (exit, line) = station.json(&ACTIVATE[..3]);
    let refused = &line["result"]["refused"][0];
    assert_eq!((exit, counts(&line), &refused["code"]), (7, [0, 0, 1], &json!("tenant/refused")), "{line}");
    assert!(station.tenant.passkeys(ADELE).is_empty());
    station.tenant.clear_faults();
    let (exit, line) = station.json(&ACTIVATE[..3]);
    assert_eq!((exit, counts(&line)), (0, [1, 0, 0]), "{line}");
}

#[test]
fn killed_while_the_key_is_made_ready_or_activated() {
    for (words, rows) in [(&MAKE[..], 12), (&ACTIVATE[..], 4)] {
        for side in ["before", "after"] {
            let walked = (1..100).take_while(|row| walk(words, &format!("{side}:{row}"))).count();
            assert_eq!(walked, rows, "{words:?} {side}");
        }
    }
}

/// Breaks one command off at this point, goes on with it, and looks at the end. Tells whether the point was reached.
fn walk(words: &[&str], point: &str) -> bool {
    let making = words == MAKE;
    let station = if making { Station::new() } else { made().0 };
    let (first, exit) = killing::run(&mut station.command(words), Some(point));
    let killed = exit.is_none();
    let (second, exit) = killing::run(&mut station.command(words), None);
    // One that was ready before it was killed is not made ready a second time: the key waits for its parcel.
    let was_ready = making && first.iter().any(|line| line["result"]["temporaryPin"].is_string());
    assert!(exit == Some(0) || (was_ready && exit == Some(3)), "{point}: {exit:?}");
    if making {
        let told = [first, second].concat();
        let pin = told.iter().rev().find_map(|line| line["result"]["temporaryPin"].as_str()).expect("a PIN");
        let key = station.key();
        assert!(key.pin_is(pin), "{point}: the PIN that was handed over is the key's");
        assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{point}");
        assert!(station.tenant.passkeys(ADELE).is_empty(), "{point}");
        let (exit, line) = station.json(&ACTIVATE[..3]);
        assert_eq!((exit, counts(&line)), (0, [1, 0, 0]), "{point}: {line}");
    }
    assert_eq!((station.tenant.passkeys(ADELE).len(), station.tenant.calls("POST", METHODS)), (1, 1), "{point}");
    killed
}

trait Ends {
    fn ends_with_extension(&self, end: &str) -> bool;
}

impl Ends for std::path::Path {
    fn ends_with_extension(&self, end: &str) -> bool {
        self.to_string_lossy().ends_with(end)
    }
}
