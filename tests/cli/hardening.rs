//! Settings of keys, from flags and profiles.

use serde_json::{Value, json};

use crate::enrolling::ADELE;
use crate::place::{Place, Run};

const PIN: &str = "55019284";

fn profile(place: &Place, text: &str) {
    std::fs::write(place.path().join("desk.toml"), text).unwrap();
}

fn harden(place: &Place, arguments: &[&str]) -> Run {
    let common = ["--simulate", "--json", "--profile", "desk.toml", "keys", "harden", "--pin-stdin"];
    place.fed(&[&common, arguments].concat(), &format!("{PIN}\n"))
}

fn info(place: &Place) -> Value {
    place.run(&["--simulate", "--json", "keys", "info"]).done().last()["result"]["info"].clone()
}

#[test]
fn a_key_in_the_port_is_hardened_by_profile_and_flags() {
    let place = Place::new();
    assert!(place.key().wear(PIN, 0));
    profile(&place, "[hardening]\nmin_pin_length = 6\nlong_touch_reset = true\naccept_less = [\"long_touch_reset\"]\n");
    let result = harden(&place, &["--always-uv"]).done().last()["result"].clone();
    let rows = json!([
        {"setting": "always-uv", "requested": true, "effective": true, "met": true, "demanded": true},
        {"setting": "long-touch-reset", "requested": true, "effective": false, "met": false, "demanded": false},
        {"setting": "min-pin-length", "requested": 6, "effective": 6, "met": true, "demanded": true},
    ]);
    assert_eq!((&result["hardening"], &result["pinChangeForced"]), (&rows, &json!(false)));
    assert_eq!((&info(&place)["options"]["alwaysUv"], &info(&place)["minPinLength"]), (&json!(true), &json!(6)));

    harden(&place, &["--always-uv"]).done();
    assert_eq!(info(&place)["options"]["alwaysUv"], json!(true), "never back again");
    let longer = harden(&place, &["--min-pin-length", "9"]).done().last();
    assert_eq!(longer["result"]["pinChangeForced"], json!(true), "{longer}");
    harden(&place, &["--min-pin-length", "10"]).failed("key/pin-change-forced", 5);
}

#[test]
fn what_cannot_be_is_refused_before_anything_changes() {
    let place = Place::new();
    profile(&place, "");
    harden(&place, &[]).failed("cli/nothing-to-harden", 2);
    harden(&place, &["--min-pin-length", "3"]).failed("cli/usage", 2);
    harden(&place, &["--accept-less", "everything"]).failed("cli/usage", 2);
    harden(&place, &["--always-uv", "--long-touch-reset"]).failed("key/cannot-harden", 5);
    harden(&place, &["--always-uv"]).failed("key/pin-missing", 5);
    assert!(place.key().wear(PIN, 0));
    harden(&place, &["--always-uv", "--long-touch-reset"]).failed("key/cannot-harden", 5);
    assert_eq!(info(&place)["options"]["alwaysUv"], json!(false));
    profile(&place, "[hardening]\nalways_uw = true");
    harden(&place, &[]).failed("cli/setting", 2);
}

#[test]
fn an_enrolment_hardens_its_key() {
    let place = Place::new();
    let aaguid = place.run(&["--simulate", "--json", "keys", "info"]).done().last()["result"]["info"]["aaguid"].clone();
    let section = aaguid.as_str().unwrap();
    profile(&place, &format!("[hardening]\nalways_uv = true\n[hardening.models.\"{section}\"]\nmin_pin_length = 9\n"));
    let check = place.run(&["--simulate", "--json", "--profile", "desk.toml", "policy", "check", ADELE]).done().last();
    let checks = check["result"]["checks"].as_array().unwrap();
    assert!(checks.iter().any(|one| one["check"] == "key/min-pin-length" && one["verdict"] == "pass"), "{check}");
    let words = |of: &Value| -> Vec<String> {
        let list = of["result"]["firstSignIn"].as_array().unwrap();
        list.iter().map(|one| one["word"].as_str().unwrap().to_owned()).collect()
    };
    assert!(words(&check).contains(&"always-uv".to_owned()) && words(&check).contains(&"longer-pin".to_owned()), "{check}");
    let enrolled = place.run(&["--simulate", "--json", "--profile", "desk.toml", "enroll", ADELE]).done().last();
    assert_eq!(words(&enrolled), words(&check), "the record has what the check had");
    let settings = enrolled["result"]["hardening"].as_array().unwrap();
    assert_eq!(settings.len(), 2, "{enrolled}");
    assert!(settings.iter().all(|one| one["met"] == true), "{enrolled}");
    assert_eq!(enrolled["result"]["temporaryPin"].as_str().unwrap().len(), 9);
    place.run(&["--simulate", "enroll", ADELE, "--long-touch-reset", "--yes"]).failed("key/cannot-harden", 5);
}
