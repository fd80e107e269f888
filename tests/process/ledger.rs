//! `ledger verify` of the built program.

use serde_json::json;

use crate::station::Station;

#[test]
fn a_ledger_is_verified_and_tampering_is_named() {
    let station = Station::new();
    let (exit, line) = station.json(&["ledger", "verify"]);
    assert_eq!((exit, &line["error"]["code"]), (1, &json!("ledger/unusable")), "there is none: {line}");
    assert!(!station.path("ledger.db").exists(), "and looking for it makes none");

    assert!(station.enroll(&[]).status.success());
    let (exit, first) = station.json(&["ledger", "verify"]);
    assert_eq!((exit, &first["result"]["since"]), (0, &json!(null)), "{first}");
    let rows = first["result"]["rows"].as_u64().unwrap();
    assert!(rows > 10, "{first}");
    let head = first["result"]["head"].as_str().unwrap().to_owned();

    assert!(station.enroll(&["--reset", "always"]).status.success());
    let (exit, second) = station.json(&["ledger", "verify", "--expect", &head]);
    let grown = second["result"]["rows"].as_u64().unwrap();
    assert_eq!((exit, second["result"]["since"].as_u64()), (0, Some(grown.saturating_sub(rows))), "{second}");
    let told = station.command(&["ledger", "verify", "--expect", &head]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(second["result"]["head"].as_str().unwrap()), "{told}");

    let (exit, line) = station.json(&["ledger", "verify", "--expect", &"0".repeat(64)]);
    assert_eq!((exit, &line["error"]["code"]), (1, &json!("ledger/tampered")), "{line}");
    let (exit, line) = station.json(&["ledger", "verify", "--expect", &head[1..]]);
    assert_eq!((exit, &line["error"]["code"]), (2, &json!("cli/usage")), "{line}");

    let file = rusqlite::Connection::open(station.path("ledger.db")).unwrap();
    let script = "DROP TRIGGER entry_as_written; UPDATE entry SET at = '2020-01-01T00:00:00Z' WHERE job = 1 AND number = 2";
    file.execute_batch(script).unwrap();
    let (exit, line) = station.json(&["ledger", "verify"]);
    assert_eq!((exit, &line["error"]["code"]), (1, &json!("ledger/tampered")), "{line}");
    assert!(line["error"].to_string().contains("job 1, entry 2"), "{line}");
}
