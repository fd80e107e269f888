//! The built binary as a person and a script use it, on the training key.

#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(unreachable_pub, missing_docs, reason = "shared by the parts of one test")]

mod advisories;
mod batches;
mod credentials;
mod enrolling;
mod hardening;
#[path = "../support/judge.rs"]
mod judge;
mod metadata;
mod place;
mod policy;
mod profiles;
mod reports;
mod rosters;
#[path = "../support/schema.rs"]
mod schema;
mod sign_in;
#[cfg(target_os = "linux")]
mod terminal;
mod two_places;
mod unattended;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use place::{Place, Run};

#[test]
fn help_version_and_descriptions() {
    let place = Place::new();
    let help = place.run(&["--help"]).done();
    assert!(help.out.contains("Usage: keywright") && help.talk.is_empty());
    assert_eq!(place.run(&["--version"]).done().out, format!("keywright {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.run(&["completions", shell]).done().out.contains("keywright"), "{shell}");
    }
    assert!(place.run(&["man"]).done().out.contains(".TH keywright 1"));
    place.run(&["man", "pages"]).done();
    assert!(place.path().join("pages/keywright-keys-pin-set.1").exists());
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let place = Place::new();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["enroll"],
        &["enroll", "adele@contoso.example", "--reset", "sometimes"],
        &["enroll", "adele@contoso.example", "--pin-length", "3"],
        &["resume", "--list", "4"],
        &["--json", "keys"],
        &["--simulate=nothing", "keys", "list"],
    ] {
        place.run(arguments).failed("cli/usage", 2);
    }
    let wished = place.command(&["keys"]).env("KEYWRIGHT_JSON", "1").output().unwrap();
    assert_eq!(Run::of(&wished).last()["error"]["code"], "cli/usage");
}

#[test]
fn a_pin_on_the_command_line_is_refused_and_not_repeated() {
    let place = Place::new();
    for arguments in [
        &["keys", "pin", "set", "83920175"][..],
        &["keys", "pin", "change", "--pin", "83920175"],
        &["keys", "pin", "change", "--pin=83920175"],
        &["keys", "pin", "set", "--new-pin=83920175"],
        &["keys", "credentials", "list", "83920175"],
        &["--json", "keys", "pin", "force-change", "83920175"],
    ] {
        let run = place.run(arguments);
        run.failed("cli/usage", 2);
        assert!(!run.talk.contains("83920175") && !run.out.contains("83920175"), "{arguments:?}");
    }
}

#[test]
fn keys_are_listed_and_shown() {
    let place = Place::new();
    let list = place.run(&["--simulate", "keys", "list", "--ask", "--json"]).done().last();
    let key = &list["result"]["keys"][0];
    assert_eq!((&key["link"], &key["pinSet"], &key["serial"]), (&"usb".into(), &false.into(), &"20260001".into()), "{list}");
    let info = place.run(&["--simulate", "keys", "info"]).done();
    for (name, value) in [("serial:", "20260001"), ("PIN:", "not set"), ("can force a PIN change:", "yes")] {
        let line = info.out.lines().find_map(|line| line.strip_prefix(name));
        assert_eq!(line.map(str::trim), Some(value), "{}", info.out);
    }
    let info = place.run(&["--simulate", "keys", "info", "--json"]).done().last();
    assert_eq!(info["result"]["info"]["aaguid"], key["aaguid"]);
    place.run(&["--simulate", "--key", "20260001", "keys", "info"]).done();
    place.run(&["--simulate", "--key", "elsewhere", "keys", "info"]).failed("key/no-such-key", 5);
}

/// On a machine with a key in a port this sees the key; without one it says what to do.
#[test]
fn without_the_smart_card_service_ports_are_still_listed() {
    let place = Place::new();
    let mut command = place.command(&["keys", "list"]);
    let run = Run::of(&command.env("PCSCLITE_CSOCK_NAME", "/nonexistent").output().unwrap()).done();
    assert!(run.out.starts_with("LINK") || run.out.contains("`keywright doctor`"), "{}", run.out);
}

#[test]
fn one_of_two_keys_is_named_or_touched() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = place.command(&[&["--simulate", "--json"], arguments].concat());
        command.env("KEYWRIGHT_TRAINING_KEYS", "2").env("KEYWRIGHT_TRAINING_TOUCH", "200").env("KEYWRIGHT_TRAINING_PACE", "50");
        Run::of(&command.output().unwrap())
    };
    let list = run(&["keys", "list", "--ask"]).done().last();
    let keys = list["result"]["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{list}");
    for arguments in
        [&["keys", "info"][..], &["keys", "pin", "retries"], &["--yes", "keys", "reset"], &["enroll", "adele@contoso.example"]]
    {
        run(arguments).failed("key/several", 3);
    }
    run(&["--key", keys[0]["aaguid"].as_str().unwrap(), "keys", "info"]).failed("key/several", 3);
    for (key, found) in [("20260002", 1), ("1-1", 0), (keys[1]["path"].as_str().unwrap(), 1), ("touch", 0)] {
        let info = run(&["--key", key, "keys", "info"]).done().last();
        assert_eq!(info["result"]["identity"]["serial"], keys[found]["serial"], "{key}");
    }
    run(&["--key", "20260003", "keys", "info"]).failed("key/no-such-key", 5);
    let touched = run(&["--key", "touch", "--yes", "keys", "reset"]).done();
    assert!(touched.out.contains(r#""event":"choose-key""#), "{}", touched.out);
    assert_eq!(touched.last()["result"]["identity"]["serial"], "20260001");
    let enrolled = run(&["--key", "20260002", "enroll", "adele@contoso.example"]).done().last();
    assert_eq!(enrolled["result"]["serial"], "20260002");
    let states: Vec<_> = run(&["keys", "list", "--ask"]).done().last()["result"]["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["pinSet"].clone())
        .collect();
    assert_eq!(states, [false, true], "only the key that was named was enrolled");
}

#[test]
fn a_pin_is_set_changed_forced_and_counted() {
    let place = Place::new();
    let keys = |arguments: &[&str], input: &str| place.fed(&[&["--simulate", "keys", "pin"], arguments].concat(), input);
    keys(&["retries"], "").failed("key/pin-missing", 5);
    keys(&["change", "--pin-stdin"], "48213930\n93127405\n").failed("key/pin-missing", 5);
    keys(&["set"], "").failed("cli/pin-missing", 3);
    keys(&["set", "--pin-stdin"], "123\n").failed("cli/pin-form", 2);
    keys(&["set", "--pin-stdin"], "48213930\n").done();
    keys(&["set", "--pin-stdin"], "48213930\n").failed("key/pin-exists", 5);
    assert_eq!(keys(&["--json", "retries"], "").done().last()["result"]["pinRetries"], 8);
    let wrong = keys(&["--json", "change", "--pin-stdin"], "00000000\n93127405\n");
    assert_eq!(wrong.exit, 5, "{}", wrong.out);
    assert!(wrong.last()["error"]["code"].as_str().unwrap().starts_with("key/pin-"), "{}", wrong.out);
    assert_eq!(keys(&["--json", "retries"], "").done().last()["result"]["pinRetries"], 7);
    keys(&["change", "--pin-stdin"], "48213930\r\n93127405\r\n").done();
    let forced = place
        .command(&["--simulate", "--json", "keys", "pin", "force-change"])
        .env("KEYWRIGHT_PIN", "93127405")
        .output()
        .unwrap();
    assert_eq!(Run::of(&forced).done().last()["result"]["pinChangeForced"], true);
    let info = place.run(&["--simulate", "--json", "keys", "info"]).done().last();
    assert_eq!(info["result"]["info"]["forcePinChange"], true);
    place.fed(&["--simulate", "keys", "credentials", "list", "--pin-stdin"], "93127405\n").failed("key/pin-change-forced", 5);
    let mut change = place.command(&["--simulate", "keys", "pin", "change"]);
    change.env("KEYWRIGHT_PIN", "93127405").env("KEYWRIGHT_NEW_PIN", "55019284");
    Run::of(&change.output().unwrap()).done();
    let list = place.fed(&["--simulate", "--json", "keys", "credentials", "list", "--pin-stdin"], "55019284\n").done().last();
    assert_eq!(list["result"]["credentials"], Value::Array(Vec::new()));
}

#[test]
fn a_pin_is_the_same_from_every_keyboard() {
    let place = Place::new();
    place.fed(&["--simulate", "keys", "pin", "set", "--pin-stdin"], "Schlu\u{308}ssel\n").done();
    place.fed(&["--simulate", "keys", "credentials", "list", "--pin-stdin"], "Schl\u{fc}ssel\n").done();
}

#[test]
fn a_used_key_is_wiped_with_consent_only() {
    let place = Place::new();
    place.fed(&["--simulate", "keys", "pin", "set", "--pin-stdin"], "48213930\n").done();
    place.run(&["--simulate", "keys", "reset"]).failed("consent/erase", 3);
    place.run(&["--simulate", "--json", "keys", "reset"]).failed("consent/erase", 3);
    let wiped = place.run(&["--simulate", "--yes", "keys", "reset"]).done();
    assert!(wiped.talk.contains("Take the key out.") && wiped.talk.contains("Put the same key back in"), "{}", wiped.talk);
    let info = place.run(&["--simulate", "--json", "keys", "info"]).done().last();
    assert_eq!(info["result"]["info"]["options"]["clientPin"], false);
}

#[test]
fn what_a_key_cannot_do_is_said() {
    let place = Place::new();
    let model = |model: &str, arguments: &[&str], input: &str| {
        let mut command = place.command(&[&["--simulate", "keys"], arguments].concat());
        command.env("KEYWRIGHT_TRAINING_MODEL", model).env("KEYWRIGHT_TRAINING_KEY", place.path().join(model));
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(&child.wait_with_output().unwrap())
    };
    model("no-forced-change", &["pin", "set", "--pin-stdin"], "48213930\n").done();
    model("no-forced-change", &["pin", "force-change", "--pin-stdin"], "48213930\n").failed("key/unsupported", 5);
    model("no-credential-management", &["pin", "set", "--pin-stdin"], "48213930\n").done();
    model("no-credential-management", &["credentials", "list", "--pin-stdin"], "48213930\n").failed("key/unsupported", 5);
    model("made-of-glass", &["list"], "").failed("cli/no-such-model", 2);
    std::fs::write(place.path().join("standard"), "not a key").unwrap();
    model("standard", &["list"], "").failed("simulator/key-memory", 2);
}

#[test]
fn a_profile_is_found_or_its_absence_explained() {
    let place = Place::new();
    place.run(&["passkeys", "list", "adele@contoso.example"]).failed("cli/no-profile", 2);
    place.run(&["--profile", "office", "passkeys", "list", "adele@contoso.example"]).failed("cli/profile-unreadable", 2);
    let profiles = place.path().join("config/keywright/profiles");
    std::fs::create_dir_all(&profiles).unwrap();
    std::fs::write(profiles.join("office.toml"), "tenant = \"contoso.example\"\nclient_id = \"app\"\ncolour = \"red\"\n")
        .unwrap();
    let run = place.run(&["--profile", "office", "passkeys", "list", "adele@contoso.example"]);
    run.failed("tenant/profile", 2);
    assert!(run.talk.contains("colour"), "{}", run.talk);
    // Nobody listens there: the profile is used, and the error is one of the network.
    let lines = "tenant = \"contoso.example\"\nclient_id = \"app\"\nclient_secret = \"s\"\nauthority = \"http://127.0.0.1:9\"\ngraph = \"http://127.0.0.1:9\"\n";
    std::fs::write(profiles.join("default.toml"), lines).unwrap();
    place.run(&["passkeys", "list", "adele@contoso.example"]).failed("tenant/network", 6);
}

#[test]
fn the_doctor_explains_each_check() {
    let place = Place::new();
    let run = place.run(&["--simulate=key", "doctor", "--json"]).done();
    let result = run.last();
    let checks = result["result"]["checks"].as_array().unwrap();
    let verdict = |name: &str| checks.iter().find(|check| check["check"] == name).map(|check| check["verdict"].clone());
    assert_eq!(
        (verdict("profile"), verdict("ledger"), verdict("safe")),
        (Some("warn".into()), Some("pass".into()), Some("pass".into()))
    );
    assert!(
        checks.iter().all(|check| check["verdict"] == "pass" || !check["remedy"].as_str().unwrap().is_empty()),
        "{}",
        run.out
    );
    let broken = place.run(&["--simulate=key", "--profile", "nowhere", "doctor"]);
    assert_eq!(broken.exit, 1, "{}", broken.out);
    assert!(broken.out.contains("wrong") && broken.out.contains("profile"), "{}", broken.out);
}

#[test]
fn a_rehearsal_leaves_nothing_behind() {
    let place = Place::new();
    assert_eq!(place.run(&["--simulate", "resume", "--list"]).done().out, "Nothing is unfinished.\n");
    for below in ["data", "config", "tmp", "home"] {
        assert_eq!(std::fs::read_dir(place.path().join(below)).unwrap().count(), 0, "{below}");
    }
    place.run(&["--simulate", "--ledger", "own/ledger.db", "resume", "--list"]).done();
    assert!(place.path().join("own/ledger.db").exists());
}

#[test]
fn colours_are_a_wish() {
    let place = Place::new();
    let plain = place.run(&["passkeys", "list", "u"]);
    assert!(!plain.talk.contains('\u{1b}'));
}
