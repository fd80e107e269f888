//! `report passkeys` where not everything can be read.

use keywright::simulator::tenant::{Act, Fault, Script};
use serde_json::json;

use crate::station::Station;

fn refused(path: &str) -> Fault {
    let act = Act::Answer { status: 403, retry_after: None, code: None, processed: false };
    Fault { times: 0, ..Fault::once("GET", path, act) }
}

#[test]
fn who_cannot_be_read_is_named_and_what_fails_leaves_the_last_report_alone() {
    let mut script = Script::default();
    for user in &mut script.users {
        match user.upn.split('@').next() {
            Some("tina") => user.display_name = "=HYPERLINK(\"https://evil.example\")".into(),
            Some("diego") => user.passkeys = 2,
            _ => {}
        }
    }
    let diego = script.users.iter().find(|user| user.passkeys == 2).unwrap().clone();
    let station = Station::of(script);
    let file = station.path("p.csv");
    let words = ["report", "passkeys", "--out", file.to_str().unwrap()];
    let (exit, line) = station.json(&words);
    assert_eq!((exit, &line["result"]["passkeys"], &line["result"]["unread"]), (0, &json!(12), &json!(0)), "{line}");

    station.tenant.add_fault(refused(&format!("*/users/{}/*", diego.id)));
    let (exit, line) = station.json(&words);
    assert_eq!((exit, &line["result"]["passkeys"], &line["result"]["unread"]), (7, &json!(10), &json!(1)), "{line}");
    assert_eq!(line["result"]["unreadUsers"], json!([diego.upn]));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches(";\"'=HYPERLINK(\"\"https://evil.example\"\")\"").count(), 10, "{text}");
    assert!(!text.contains(";\"=") && !text.contains(&diego.upn), "{text}");

    station.tenant.add_fault(refused("*/users"));
    let (exit, line) = station.json(&words);
    assert_eq!((exit, &line["error"]["code"]), (4, &json!("tenant/forbidden")), "{line}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "the last report is as it was");
    assert!(!station.path("p.csv.part").exists(), "and nothing half is left");
}
