//! `passkeys` of the built program: what a tenant holds for a user is listed, added to and taken away.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keywright::clock::{Clock as _, SystemClock};
use keywright::identity::{IdentityProvider as _, Offer, Registration};
use keywright::simulator::tenant::{Act, Fault, TrainingPasskey};
use serde_json::{Value, json};

use crate::station::{Station, last};
use crate::support::soft_key::SoftKey;
use crate::support::tenant::client;
use crate::support::world::{ADELE, METHODS};

const TINA: &str = "tina@contoso.example";
const METHOD: &str = "*/fido2Methods/*";

/// The code of an error.
fn code(line: &Value) -> &str {
    line["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {line}"))
}

/// Ids of a user's passkeys.
fn ids(station: &Station, user: &str) -> Vec<String> {
    station.tenant.passkeys(user).iter().map(TrainingPasskey::method_id).collect()
}

fn offer(station: &Station, user: &str) -> Offer {
    let (mut entra, _) = client(&station.tenant.profile_toml(), Arc::new(SystemClock::new()));
    let user = entra.user(user).unwrap();
    entra.creation_options(&user, None).unwrap()
}

/// A passkey that another tool made for Adele.
fn made_elsewhere(station: &Station, id: u8) -> Registration {
    let offer = offer(station, ADELE);
    SoftKey::new(&offer, id).register(&offer)
}

fn file(station: &Station, registration: &Registration) -> String {
    let body = json!({
        "credentialId": registration.credential_id,
        "clientDataJSON": URL_SAFE_NO_PAD.encode(&registration.client_data_json),
        "attestationObject": URL_SAFE_NO_PAD.encode(&registration.attestation_object),
        "displayName": "Made elsewhere",
        "expires": registration.expires,
    });
    write(station, &body)
}

fn write(station: &Station, body: &Value) -> String {
    let path = station.path("passkey.json");
    std::fs::write(&path, body.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn register(station: &Station, file: &str) -> (i32, Value) {
    station.json(&["passkeys", "register", ADELE, "--file", file, "--allow-unforced-pin"])
}

#[test]
fn a_list_says_what_is_known() {
    let station = Station::new();
    let (exit, line) = register(&station, &file(&station, &made_elsewhere(&station, 1)));
    assert_eq!(exit, 0, "{line}");
    let out = station.command(&["passkeys", "list", ADELE]).output().unwrap();
    let out = String::from_utf8(out.stdout).unwrap();
    let (head, row) = out.split_once('\n').unwrap();
    assert!(head.ends_with("ATTESTED  TYPE"), "{out}");
    assert!(row.contains("Made elsewhere") && row.trim_end().ends_with("yes       device-bound"), "{out}");
    let (_, plain) = station.json(&["passkeys", "list", ADELE]);
    assert_eq!(plain["result"]["passkeys"][0]["lastUsed"], Value::Null);
    assert_eq!(station.tenant.calls("GET", "/beta/*"), 0, "nobody asked for beta");
}

#[test]
fn the_last_use_comes_from_beta_and_costs_a_column_at_most() {
    let station = Station::new();
    let offer = offer(&station, ADELE);
    let key = SoftKey::new(&offer, 1);
    register(&station, &file(&station, &key.register(&offer)));
    station.tenant.verify_assertion(&key.sign_in(ADELE, 7)).unwrap();
    let (exit, line) = station.json(&["passkeys", "list", ADELE, "--last-used"]);
    assert_eq!(exit, 0);
    assert!(line["result"]["passkeys"][0]["lastUsed"].is_string(), "{line}");
    for act in [Act::status(403), Act::status(404), Act::status(400), Act::Garbage] {
        station.tenant.add_fault(Fault::always("GET", "/beta/*", act.clone()));
        let run = station.command(&["passkeys", "list", ADELE, "--last-used"]).output().unwrap();
        let (out, talk) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
        assert!(run.status.success() && !out.contains("LAST USED") && out.contains("Made elsewhere"), "{act:?}: {out}");
        assert!(talk.starts_with("warning: When they were last used cannot be read"), "{act:?}: {talk}");
        station.tenant.clear_faults();
    }
}

#[test]
fn the_directory_tells_who_added_and_removed() {
    let station = Station::new();
    let registration = made_elsewhere(&station, 1);
    register(&station, &file(&station, &registration));
    let (_, line) = station.json(&["passkeys", "list", ADELE, "--audit"]);
    let added =
        line["result"]["events"].as_array().unwrap().iter().find(|event| event["activity"] == "Add Passkey (device-bound)");
    let added = added.unwrap_or_else(|| panic!("{line}"));
    assert_eq!(added["keyId"], STANDARD.encode(&registration.credential_id.0));
    assert_eq!(added["passkey"], line["result"]["passkeys"][0]["id"]);
    assert_eq!((&added["by"], &added["result"]), (&json!("Provisioning tool"), &json!("success")));
    station.json(&["passkeys", "remove", ADELE, &ids(&station, ADELE)[0], "--last"]);
    let (_, line) = station.json(&["passkeys", "list", ADELE, "--audit"]);
    let events = line["result"]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["activity"] == "Admin deleted security info"), "{line}");
    assert!(events.iter().all(|event| event["passkey"].is_null()), "it is gone: {line}");
    assert_eq!(
        station.json(&["passkeys", "list", TINA, "--audit"]).1["result"]["events"],
        json!([]),
        "other users' events are theirs"
    );
    let table = String::from_utf8(station.command(&["passkeys", "list", ADELE, "--audit"]).output().unwrap().stdout).unwrap();
    assert!(table.contains("WHEN") && table.contains("Add Passkey (device-bound)"), "{table}");
}

#[test]
fn a_log_that_must_not_be_read_is_said_and_costs_no_list() {
    let station = Station::new();
    station.tenant.change(|script| script.application.permissions.retain(|granted| granted != "AuditLog.Read.All"));
    let run = station.command(&["--json", "passkeys", "list", TINA, "--audit"]).output().unwrap();
    assert!(run.status.success());
    let lines: Vec<Value> = run
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!((&lines[0]["finding"]["check"], &lines[0]["finding"]["verdict"]), (&json!("passkeys/audit"), &json!("unknown")));
    assert!(lines[0]["finding"]["remedy"].as_str().unwrap().contains("AuditLog.Read.All"));
    let result = &lines.last().unwrap()["result"];
    assert_eq!((result["passkeys"].as_array().unwrap().len(), &result["events"]), (10, &Value::Null));
}

#[test]
fn a_passkey_made_elsewhere_is_registered_once() {
    let station = Station::new();
    let path = file(&station, &made_elsewhere(&station, 1));
    let (exit, line) = register(&station, &path);
    assert_eq!(exit, 0, "{line}");
    let result = &line["result"];
    assert_eq!((&result["registeredBefore"], &result["pinChangeForced"]), (&json!(false), &Value::Null));
    assert_eq!((&result["passkey"]["displayName"], &result["attestation"]), (&json!("Made elsewhere"), &json!("certificate")));
    let (exit, line) = register(&station, &path);
    assert_eq!((exit, &line["result"]["registeredBefore"]), (0, &json!(true)), "{line}");
    assert_eq!(station.tenant.calls("POST", METHODS), 1);
}

#[test]
fn it_comes_from_standard_input_in_any_shape_and_with_another_name() {
    let station = Station::new();
    let registration = made_elsewhere(&station, 1);
    let body = json!({"publicKeyCredential": {"id": STANDARD.encode(&registration.credential_id.0), "response": {
        "clientDataJSON": URL_SAFE_NO_PAD.encode(&registration.client_data_json),
        "attestationObject": URL_SAFE_NO_PAD.encode(&registration.attestation_object),
    }}});
    let words = ["passkeys", "register", ADELE, "--file", "-", "--display-name", "Desk 4", "--allow-unforced-pin"];
    let mut child = station.command(&words).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(body.to_string().as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(station.tenant.passkeys(ADELE)[0].display_name, "Desk 4");
}

#[test]
fn nobody_registers_a_pin_that_is_not_known_by_the_way() {
    let station = Station::new();
    let path = file(&station, &made_elsewhere(&station, 1));
    // `--yes` is no answer to this question.
    let (exit, line) = station.json(&["passkeys", "register", ADELE, "--file", &path]);
    assert_eq!((exit, code(&line)), (3, "consent/unknown-pin"), "{line}");
    assert!(line["error"]["question"].as_str().unwrap().starts_with("This passkey was made elsewhere"), "{line}");
    assert_eq!(station.tenant.calls("POST", METHODS), 0);
}

type Change = Box<dyn Fn(&mut Registration)>;

#[test]
fn what_is_wrong_is_found_before_anything_is_sent() {
    let station = Station::new();
    let good = made_elsewhere(&station, 1);
    let body = |change: &dyn Fn(&mut Registration)| {
        let mut registration = good.clone();
        change(&mut registration);
        file(&station, &registration)
    };
    let replace = |registration: &mut Registration, from: &str, to: &str| {
        let text = String::from_utf8(registration.client_data_json.clone()).unwrap();
        registration.client_data_json = text.replace(from, to).into_bytes();
    };
    let rows: Vec<(&str, i32, Change)> = vec![
        ("cli/challenge-over", 6, Box::new(|one| one.expires = "2026-01-01T00:00:00Z".parse().unwrap())),
        ("attestation/client-data", 1, Box::new(move |one| replace(one, "webauthn.create", "webauthn.get"))),
        ("attestation/client-data", 1, Box::new(move |one| replace(one, "https://", "http://"))),
        ("cli/credential-file", 2, Box::new(move |one| replace(one, "login.microsoft.com", "evil.example"))),
        ("attestation/signature", 5, Box::new(move |one| replace(one, "crossOrigin\":false", "crossOrigin\": false"))),
        ("attestation/other-credential", 1, Box::new(|one| one.credential_id.0[0] ^= 1)),
        ("attestation/malformed", 5, Box::new(|one| one.attestation_object.truncate(100))),
    ];
    for (expected, exit, change) in rows {
        let (found, line) = register(&station, &body(&*change));
        assert_eq!((found, code(&line)), (exit, expected), "{line}");
    }
    let offer = offer(&station, ADELE);
    let mut key = SoftKey::new(&offer, 3);
    key.rp_id = "other.example".into();
    let (found, line) = register(&station, &file(&station, &key.register(&offer)));
    assert_eq!((found, code(&line)), (5, "attestation/relying-party"), "{line}");
    let (found, line) = register(&station, "nowhere.json");
    assert_eq!((found, code(&line)), (1, "cli/file"));
    let (found, line) = register(&station, &write(&station, &json!({"id": "AA"})));
    assert_eq!((found, code(&line)), (2, "cli/credential-file"), "{line}");
    station.tenant.change(|script| script.policy.state = "disabled".into());
    let (found, line) = register(&station, &body(&|_| ()));
    assert_eq!((found, code(&line)), (4, "policy/refused"), "{line}");
    assert_eq!(station.tenant.calls("POST", METHODS), 0);
}

#[test]
fn a_lost_answer_is_asked_after_and_nothing_is_posted_twice() {
    let processed = |status| Act::Answer { status, retry_after: None, code: None, processed: true };
    for (act, landed) in [
        (Act::CloseAfter, true),
        (Act::Garbage, true),
        (processed(504), true),
        (Act::CloseBefore, false),
        (Act::status(500), false),
    ] {
        let station = Station::new();
        let path = file(&station, &made_elsewhere(&station, 1));
        station.tenant.add_fault(Fault::once("POST", METHODS, act.clone()));
        let (exit, line) = register(&station, &path);
        if landed {
            assert_eq!((exit, &line["result"]["registeredBefore"]), (0, &json!(false)), "{act:?}: {line}");
        } else {
            assert_eq!((exit, code(&line)), (6, "tenant/outcome-unknown"), "{act:?}");
            assert_eq!(station.tenant.calls("POST", METHODS), 1, "{act:?}");
            assert_eq!(register(&station, &path).0, 0, "{act:?}: the same command again");
        }
        assert_eq!(station.tenant.passkeys(ADELE).len(), 1, "{act:?}");
    }
}

#[test]
fn the_tenants_refusal_is_told() {
    let station = Station::new();
    let registration = made_elsewhere(&station, 1);
    // A challenge that the tenant issued to somebody else: only the tenant can know.
    let other = offer(&station, TINA);
    let strange = SoftKey::new(&other, 2).register(&other);
    let (exit, line) = register(&station, &file(&station, &strange));
    assert_eq!((exit, code(&line)), (4, "tenant/refused"), "{line}");
    assert!(line["error"]["message"].as_str().unwrap().contains("challenge"), "{line}");
    assert_eq!(register(&station, &file(&station, &registration)).0, 0);
}

#[test]
fn passkeys_go_by_id_in_any_spelling() {
    let station = Station::new();
    let all = ids(&station, TINA);
    let padded = STANDARD.encode(&station.tenant.passkeys(TINA)[1].credential_id.0);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, &all[0], &padded]);
    assert_eq!(exit, 0, "{line}");
    let sizes = |line: &Value| ["removed", "failed", "stays"].map(|name| line["result"][name].as_array().unwrap().len());
    assert_eq!(sizes(&line), [2, 0, 8], "{line}");
    assert_eq!(ids(&station, TINA), all[2..]);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, "-2_GRUg2-HYz6_1YG4YRAQ2"]);
    assert_eq!((exit, code(&line)), (2, "cli/usage"));
    assert!(line["error"]["message"].as_str().unwrap().contains("use '-- -2"), "how to write such an id is said: {line}");
    for unknown in ["AAAA", "", "*"] {
        let (exit, line) = station.json(&["passkeys", "remove", TINA, &all[2], unknown]);
        assert_eq!((exit, code(&line)), (6, "tenant/not-found"), "{unknown}");
    }
    assert_eq!(ids(&station, TINA).len(), 8, "one name that is wrong stops all of it");
}

#[test]
fn all_but_one_go_and_the_forecast_changes_nothing() {
    let station = Station::new();
    let all = ids(&station, TINA);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, "--all-but", &all[4], "--dry-run"]);
    assert_eq!((exit, &line["result"]["dryRun"]), (0, &json!(true)));
    assert_eq!((line["result"]["goes"].as_array().unwrap().len(), &line["result"]["stays"][0]["id"]), (9, &json!(all[4])));
    assert_eq!(ids(&station, TINA).len(), 10);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, "--all-but", "AAAA"]);
    assert_eq!((exit, code(&line)), (6, "tenant/not-found"), "a name that is wrong must not mean all of them");
    assert_eq!(station.json(&["passkeys", "remove", TINA, "--all-but", &all[4]]).0, 0);
    assert_eq!(ids(&station, TINA), [all[4].clone()]);
    assert_eq!(station.json(&["passkeys", "remove", TINA, "--all-but", &all[4]]).1["result"]["removed"], json!([]));
}

#[test]
fn the_last_passkey_stays_unless_it_is_meant() {
    let station = Station::new();
    let all = ids(&station, TINA);
    let every: Vec<&str> = ["passkeys", "remove", TINA].into_iter().chain(all.iter().map(String::as_str)).collect();
    let (exit, line) = station.json(&every);
    assert_eq!((exit, code(&line)), (3, "consent/last-passkey"), "{line}");
    assert_eq!(ids(&station, TINA).len(), 10);
    // Meant, but nobody said yes.
    let meant = [&every[..], &["--last", "--json"]].concat();
    let (exit, line) = last(&mut station.without_yes(&meant));
    assert_eq!((exit, code(&line)), (3, "cli/consent-missing"), "{line}");
    let question = line["error"]["question"].as_str().unwrap();
    assert!(
        question.contains("Key 0 (") && question.contains("Key 9 (") && question.contains("these are the last ones"),
        "{question}"
    );
    assert_eq!(station.json(&[&every[..], &["--last"]].concat()).0, 0);
    assert_eq!(ids(&station, TINA).len(), 0);
}

#[test]
fn a_list_that_changes_meanwhile_is_not_the_one_that_was_agreed_to() {
    let station = Station::new();
    let all = ids(&station, TINA);
    let look_again = Fault { call: 2, ..Fault::once("GET", METHODS, Act::Delay { seconds: 2 }) };
    station.tenant.add_fault(look_again);
    let run = station.command(&["--json", "passkeys", "remove", TINA, "--all-but", &all[0]]).spawn().unwrap();
    let clock = SystemClock::new();
    while station.tenant.calls("GET", METHODS) < 2 {
        assert!(clock.monotonic() < Duration::from_secs(30), "it looks once more");
        std::thread::yield_now();
    }
    let (mut entra, _) = client(&station.tenant.profile_toml(), Arc::new(SystemClock::new()));
    let tina = entra.user(TINA).unwrap();
    entra.remove(&tina, &all[0]).unwrap();
    let output = run.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"tenant/changed-meanwhile\""), "{output:?}");
    assert_eq!((output.status.code(), ids(&station, TINA).len()), (Some(6), 9), "the rest is as it was");
}

#[test]
fn who_may_not_list_registers_with_a_warning() {
    let station = Station::new();
    let path = file(&station, &made_elsewhere(&station, 1));
    station.tenant.change(|script| script.application.permissions.retain(|granted| granted != "UserAuthMethod-Passkey.Read.All"));
    let run = station.command(&["passkeys", "register", ADELE, "--file", &path, "--allow-unforced-pin"]).output().unwrap();
    let talk = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success() && talk.contains("cannot be read") && talk.contains("Passkey.Read.All"), "{talk}");
    assert_eq!(station.tenant.passkeys(ADELE).len(), 1);
    let (exit, line) = register(&station, &path);
    assert_eq!((exit, code(&line)), (4, "tenant/refused"), "the tenant does not take it twice: {line}");
}

#[test]
fn the_ledger_knows_the_passkey_of_a_key() {
    let station = Station::new();
    assert!(station.enroll(&["--json"]).status.success());
    let enrolled = ids(&station, ADELE);
    register(&station, &file(&station, &made_elsewhere(&station, 9)));
    let (exit, line) = station.json(&["passkeys", "remove", ADELE, "--serial", "4711"]);
    assert_eq!((exit, code(&line)), (2, "cli/no-such-serial"), "{line}");
    let (exit, line) = station.json(&["passkeys", "remove", TINA, "--serial", "20260001"]);
    assert_eq!((exit, code(&line)), (2, "cli/no-such-serial"), "the key is Adele's: {line}");
    let (exit, line) = station.json(&["passkeys", "remove", ADELE, "--serial", "20260001"]);
    assert_eq!((exit, &line["result"]["removed"][0]["id"]), (0, &json!(enrolled[0])), "{line}");
    assert_eq!(ids(&station, ADELE).len(), 1, "the other key keeps its passkey");
}

#[test]
fn a_part_that_failed_is_told_with_7() {
    let station = Station::new();
    let all = ids(&station, TINA);
    station.tenant.add_fault(Fault { call: 2, ..Fault::once("DELETE", METHOD, Act::status(403)) });
    let out = station.command(&["passkeys", "remove", TINA, &all[0], &all[1], &all[2]]).output().unwrap();
    let table = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(7), "{table}");
    let words: Vec<&str> = table.lines().map(|line| line.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(words, ["RESULT", "removed", "failed", "removed"], "{table}");
    assert!(table.contains("[tenant/forbidden]"), "{table}");
    assert_eq!(ids(&station, TINA).len(), 8);
    station.tenant.clear_faults();
    station.tenant.add_fault(Fault { call: 2, ..Fault::always("DELETE", METHOD, Act::throttled(Some(600))) });
    let left = ids(&station, TINA);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, &left[0], &left[1], &left[2]]);
    assert_eq!(exit, 7, "{line}");
    let failed = line["result"]["failed"].as_array().unwrap();
    assert_eq!((&failed[0]["code"], &failed[1]["message"]), (&json!("tenant/throttled"), &json!("not tried")), "{line}");
    // Nothing at all is an error like any other.
    let left = ids(&station, TINA);
    let (exit, line) = station.json(&["passkeys", "remove", TINA, &left[1], &left[2]]);
    assert_eq!((exit, code(&line)), (6, "tenant/throttled"), "{line}");
}
