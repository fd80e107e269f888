//! `inventory` and what `keys info` says: whose key is which, and whether the tenant agrees.

use keywright::simulator::tenant::{Act, Fault};
use serde_json::{Value, json};

use crate::batches::{on, people, roster};
use crate::station::Station;
use crate::support::world::ADELE;

fn kinds(line: &Value) -> Vec<&str> {
    line["result"]["differences"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect()
}

fn jobs(station: &Station, words: &[&str]) -> Vec<(i64, String)> {
    let (exit, line) = station.json(words);
    assert_eq!(exit, 0, "{line}");
    let keys = line["result"]["keys"].as_array().unwrap();
    keys.iter().map(|key| (key["job"].as_i64().unwrap(), key["state"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn a_key_is_found_by_whatever_is_known_of_it() {
    let station = Station::new();
    assert_eq!(station.json(&["inventory", "list"]).1["result"]["keys"], json!([]));
    assert!(station.enroll(&[]).status.success());
    let there = station.json(&["passkeys", "list", ADELE]).1["result"]["passkeys"][0]["id"].clone();
    let passkey = there.as_str().unwrap().to_owned();
    let (_, list) = station.json(&["inventory", "list"]);
    let key = &list["result"]["keys"][0];
    assert_eq!((&key["upn"], &key["serial"], &key["state"]), (&json!(ADELE), &json!("20260001"), &json!("held")));
    assert_eq!(key["passkey"], json!(passkey));
    let aaguid = key["aaguid"].as_str().unwrap();
    for text in ["20260001", "6000", "ADELE", "contoso", key["userId"].as_str().unwrap(), &passkey, &passkey[..6], &aaguid[..8]] {
        assert_eq!(jobs(&station, &["inventory", "find", text]), [(1, "held".to_owned())], "{text}");
    }
    for text in ["20260002", "bob", "ffffffff"] {
        let (exit, line) = station.json(&["inventory", "find", text]);
        assert_eq!((exit, &line["error"]["code"]), (1, &json!("inventory/not-found")), "{text}");
    }
    let (_, info) = station.json(&["keys", "info"]);
    assert_eq!((&info["result"]["holder"]["upn"], &info["result"]["holder"]["job"]), (&json!(ADELE), &json!(1)));
    let people = station.command(&["keys", "info"]).output().unwrap();
    assert!(String::from_utf8(people.stdout).unwrap().contains("adele@contoso.example (held, job 1)"));
}

#[test]
fn a_key_that_is_used_again_is_its_new_holders() {
    let station = Station::new();
    assert!(station.enroll(&[]).status.success());
    station.tenant.change(|script| {
        let mut bo = script.users[0].clone();
        (bo.id, bo.upn) = ("00000000-0000-4000-8000-0000000000b0".into(), "bo@contoso.example".into());
        script.users.push(bo);
    });
    let run = station.command(&["enroll", "bo@contoso.example"]).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(jobs(&station, &["inventory", "list"]), [(2, "held".to_owned())]);
    let both = [(1, "former".to_owned()), (2, "held".to_owned())];
    assert_eq!(jobs(&station, &["inventory", "list", "--all"]), both);
    assert_eq!(jobs(&station, &["inventory", "find", "20260001"]), both);
    assert_eq!(station.json(&["keys", "info"]).1["result"]["holder"]["upn"], "bo@contoso.example");
}

#[test]
fn looking_a_key_up_makes_no_ledger() {
    let station = Station::new();
    assert_eq!(station.json(&["keys", "info"]).1["result"]["holder"], Value::Null);
    assert!(!station.path("ledger.db").exists());
}

#[test]
fn the_ledger_is_compared_with_the_tenant() {
    let station = Station::new();
    assert!(station.enroll(&[]).status.success());
    // Nothing is known of the training key's model, and it is her only one.
    let (exit, line) = station.json(&["inventory", "reconcile"]);
    assert_eq!((exit, kinds(&line)), (0, vec!["one-key-only", "weak-model"]), "{line}");
    assert_eq!((&line["result"]["users"], &line["result"]["passkeys"]), (&json!(1), &json!(1)));
    assert_eq!(line["result"]["differences"][0]["serial"], "20260001");

    // Another ledger enrols the key for her again: this one knows nothing of that passkey.
    let elsewhere = station.path("other/ledger.db");
    let other = ["enroll", ADELE, "--json", "--ledger", elsewhere.to_str().unwrap()];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.args(other).args(["--yes", "--simulate=key", "--profile"]).arg(station.path("profile.toml")).env_clear();
    command.env("HOME", station.dir.path()).env("KEYWRIGHT_TRAINING_KEY", station.path("key"));
    let run = command.output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let (_, line) = station.json(&["inventory", "reconcile"]);
    assert_eq!(kinds(&line), ["unknown-passkey", "weak-model", "weak-model"], "{line}");

    // Somebody removes the one that it does know, and the account is closed.
    assert_eq!(station.json(&["passkeys", "remove", ADELE, "--serial", "20260001"]).0, 0);
    station.tenant.change(|script| script.users[0].enabled = false);
    let (_, line) = station.json(&["inventory", "reconcile"]);
    assert_eq!(kinds(&line), ["unknown-passkey", "missing-passkey", "user-disabled", "one-key-only", "weak-model"], "{line}");

    station.tenant.add_fault(Fault::always("GET", "*/fido2Methods", Act::status(403)));
    let (exit, line) = station.json(&["inventory", "reconcile"]);
    assert_eq!((exit, kinds(&line)), (7, vec!["unreadable"]), "{line}");
    station.tenant.clear_faults();
    station.tenant.change(|script| script.users.retain(|user| user.upn != ADELE));
    let (exit, line) = station.json(&["inventory", "reconcile"]);
    assert_eq!((exit, kinds(&line)), (0, vec!["user-gone"]), "{line}");
}

#[test]
fn keys_of_one_person_are_told_apart_and_paired() {
    let station = Station::of(people(2));
    let roster = roster(&station, 2);
    let words = ["batch", "run", &roster, "--keys-per-user", "3", "--display-name", "Desk"];
    let run = on(&station, &words).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let (_, list) = station.json(&["inventory", "list"]);
    let keys = list["result"]["keys"].as_array().unwrap();
    let job_of = |upn: &Value, part: &str| {
        let first = keys.iter().find(|key| key["upn"] == *upn && key["part"] == part);
        first.map_or(Value::Null, |key| key["job"].clone())
    };
    for key in keys {
        let other = if key["part"] == "primary" { "spare" } else { "primary" };
        assert_eq!(key["pairedWith"], job_of(&key["upn"], other), "{key}");
    }
    assert_eq!(keys.len(), 6);
    let (_, export) = station.json(&["batch", "export", "1", "--format", "json"]);
    let rows = export["result"]["rows"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| [&row["key"], &row["displayName"]].map(|cell| cell.as_str().unwrap())).collect();
    let three = [["primary", "Desk"], ["spare", "Desk (spare)"], ["spare 2", "Desk (spare 2)"]];
    assert_eq!(told, [three, three].concat());
}
