//! The main job and what surrounds it, from the outside.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::place::{Place, Run};

pub const ADELE: &str = "adele@contoso.example";

pub fn value<'a>(out: &'a str, name: &str) -> &'a str {
    let line = out.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {out}")).trim()
}

#[test]
fn a_rehearsal_does_the_whole_job() {
    let place = Place::new();
    let run = place.run(&["--simulate", "enroll", ADELE]).done();
    assert_eq!((value(&run.out, "user"), value(&run.out, "serial")), (ADELE, "20260001"));
    assert!(value(&run.out, "PIN change forced").starts_with("yes"));
    let pin = value(&run.out, "temporary PIN");
    assert!(pin.len() == 8 && pin.bytes().all(|c| c.is_ascii_digit()), "{pin}");
    assert!(!run.talk.contains(pin) && run.talk.contains("until its user has changed it"), "{}", run.talk);
    let retries = place.run(&["--simulate", "--json", "keys", "info"]).done().last();
    assert_eq!(retries["result"]["info"]["forcePinChange"], true);
    assert_eq!(retries["result"]["pinRetries"], 8);
    assert_eq!(place.judged(), 1);
    let listed = place.run(&["--simulate", "--json", "passkeys", "list", ADELE]).done().last();
    assert_eq!(listed["result"]["passkeys"].as_array().unwrap().len(), 1, "the tenant remembers: {listed}");
}

#[test]
fn a_file_that_is_no_memory_of_a_tenant_is_refused() {
    let place = Place::new();
    std::fs::write(place.path().join("other"), "{}").unwrap();
    let mut command = place.command(&["--simulate", "passkeys", "list", ADELE]);
    let run = Run::of(&command.env("KEYWRIGHT_TRAINING_TENANT", place.path().join("other")).output().unwrap());
    run.failed("cli/training-tenant", 1);
    assert!(run.talk.contains("not the memory of a training tenant"), "{}", run.talk);
}

#[test]
fn a_script_gets_one_object_a_line_and_the_result_last() {
    let place = Place::new();
    let run = place.run(&["--simulate", "--json", "enroll", ADELE, "--pin-alphabet", "safe", "--pin-length", "12"]).done();
    assert!(run.talk.is_empty(), "{}", run.talk);
    let result = &run.last()["result"];
    assert_eq!((&result["upn"], &result["pinMustBeChanged"]), (&ADELE.into(), &true.into()));
    let pin = result["temporaryPin"].as_str().unwrap();
    assert!(pin.len() == 12 && !pin.contains(['0', 'o', '1', 'i', 'l', 'y', 'z']), "{pin}");
    assert_eq!(run.out.matches(pin).count(), 1);
    let events: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|line| line["event"] == "step-done" && line["step"] == "register"), "{}", run.out);
}

#[test]
fn no_pin_in_the_most_verbose_talk() {
    let place = Place::new();
    let run = place.run(&["--simulate", "-vvv", "enroll", ADELE]).done();
    let pin = value(&run.out, "temporary PIN");
    let bytes: Vec<String> = pin.bytes().map(|byte| format!("{byte:02x}")).collect();
    let (hex, spaced) = (bytes.concat(), bytes.join(" "));
    assert!(run.talk.contains("keywright::"), "{}", run.talk);
    for form in [pin, &hex, &hex.to_uppercase(), &spaced] {
        assert!(!run.talk.contains(form), "{form}");
    }
}

#[test]
fn a_model_that_cannot_force_a_change_needs_consent() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = place.command(&[&["--simulate", "enroll", ADELE], arguments].concat());
        Run::of(&command.env("KEYWRIGHT_TRAINING_MODEL", "no-forced-change").output().unwrap())
    };
    run(&[]).failed("consent/unforced-pin", 3);
    run(&["--yes"]).failed("consent/unforced-pin", 3);
    let done = run(&["--allow-unforced-pin"]).done();
    assert!(value(&done.out, "PIN change forced").starts_with("no"), "{}", done.out);
    assert!(done.talk.contains("cannot force a PIN change"), "{}", done.talk);
}

#[test]
fn a_used_key_needs_consent_and_a_stranger_is_refused() {
    let place = Place::new();
    place.fed(&["--simulate", "keys", "pin", "set", "--pin-stdin"], "48213930\n").done();
    place.run(&["--simulate", "enroll", ADELE]).failed("consent/erase", 3);
    place.run(&["--simulate", "enroll", "nobody@contoso.example"]).failed("tenant/user-unknown", 4);
    place.run(&["--simulate", "--yes", "enroll", ADELE]).done();
}

#[test]
fn no_touch_is_told() {
    let place = Place::new();
    let mut command = place.command(&["--simulate", "enroll", ADELE]);
    Run::of(&command.env("KEYWRIGHT_TRAINING_TOUCH", "denied").output().unwrap()).failed("key/operation-denied", 5);
    let mut command = place.command(&["--simulate", "keys", "list"]);
    Run::of(&command.env("KEYWRIGHT_TRAINING_TOUCH", "softly").output().unwrap()).failed("cli/no-such-touch", 2);
}

/// A training tenant that runs until it is dropped.
pub struct Served(Child);

impl Served {
    pub fn start(place: &Place) -> (Self, String) {
        Self::start_with(place, &[])
    }

    pub fn start_with(place: &Place, arguments: &[&str]) -> (Self, String) {
        let arguments = [&["--json", "simulator", "tenant"], arguments].concat();
        let mut child = place.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let profile = place.path().join("served.toml");
        std::fs::write(&profile, said["result"]["profile"].as_str().unwrap()).unwrap();
        (Self(child), profile.to_str().unwrap().to_owned())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_served_tenant_keeps_what_was_enrolled() {
    let place = Place::new();
    let (_tenant, profile) = Served::start(&place);
    let run = |arguments: &[&str]| place.run(&[&["--simulate=key", "--profile", profile.as_str()], arguments].concat());
    let enrolled = run(&["--json", "enroll", ADELE]).done().last();
    let id = enrolled["result"]["methodId"].as_str().unwrap();
    let listed = run(&["--json", "passkeys", "list", ADELE]).done().last();
    assert_eq!(listed["result"]["passkeys"][0]["id"], id, "{listed}");
    assert!(run(&["passkeys", "list", ADELE]).done().out.contains(id));
    run(&["passkeys", "remove", ADELE, "--", id]).failed("consent/last-passkey", 3);
    run(&["passkeys", "remove", ADELE, "--last", "--", id]).failed("cli/consent-missing", 3);
    run(&["--yes", "passkeys", "remove", ADELE, "another"]).failed("tenant/not-found", 6);
    run(&["--yes", "passkeys", "remove", ADELE, "--", id]).failed("consent/last-passkey", 3);
    run(&["--yes", "passkeys", "remove", ADELE, "--last", "--", id]).done();
    assert!(run(&["passkeys", "list", ADELE]).done().out.contains("has no passkeys"));
    run(&["passkeys", "list", "nobody@contoso.example"]).failed("tenant/user-unknown", 4);
    let doctor = run(&["--json", "doctor"]).done().last();
    assert_eq!(doctor["result"]["ok"], true, "{doctor}");
    run(&["resume"]).done();
}

#[test]
fn a_tenant_does_what_its_script_says() {
    let place = Place::new();
    let page = include_str!("../../docs/training-tenant.md");
    let script = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    std::fs::write(place.path().join("tenant.toml"), script).unwrap();
    let (_tenant, profile) = Served::start_with(&place, &["--script", "tenant.toml", "--listen", "127.0.0.1:0"]);
    let on_model = |model: &str, arguments: &[&str]| {
        let mut command = place.command(&[&["--simulate=key", "--profile", profile.as_str()], arguments].concat());
        command.env("KEYWRIGHT_TRAINING_MODEL", model).env("KEYWRIGHT_TRAINING_KEY", place.path().join(model));
        Run::of(&command.output().unwrap())
    };
    let run = |arguments: &[&str]| on_model("standard", arguments);
    let bo = "bo@fabrikam.example";

    run(&["passkeys", "list", bo]).failed("tenant/forbidden", 4);
    let count = || run(&["--json", "passkeys", "list", bo]).done().last()["result"]["passkeys"].as_array().unwrap().len();
    assert_eq!(count(), 2, "the fault was for the first call");

    run(&["enroll", ADELE]).failed("tenant/user-unknown", 4);
    run(&["enroll", "gil_contoso.example#EXT#@fabrikam.example"]).failed("policy/refused", 4);
    run(&["enroll", "ola@fabrikam.example"]).failed("tenant/not-offered", 4);
    on_model("no-forced-change", &["enroll", bo, "--allow-unforced-pin"]).failed("policy/refused", 4);
    assert_eq!(count(), 2);

    let enrolled = run(&["--json", "enroll", bo]).done();
    let waits = enrolled.out.lines().filter(|line| line.contains("\"tenant-waits\"")).count();
    assert_eq!((waits, count()), (1, 3), "{}", enrolled.out);
}

#[test]
fn a_tenant_without_a_sound_script_does_not_start() {
    let place = Place::new();
    place.run(&["simulator", "tenant", "--script", "nowhere.toml"]).failed("cli/file", 1);
    std::fs::write(place.path().join("odd.toml"), "colour = 1\n").unwrap();
    let run = place.run(&["simulator", "tenant", "--script", "odd.toml"]);
    run.failed("cli/file", 1);
    assert!(run.talk.contains("colour"), "{}", run.talk);
    place.run(&["simulator", "tenant", "--listen", "0.0.0.0:0"]).failed("cli/training-tenant", 1);
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    assert!(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_with_130_and_the_job_goes_on_later() {
    let place = Place::new();
    let (mut tenant, profile) = Served::start(&place);
    let arguments = ["--simulate=key", "--profile", &profile, "--ledger", "ledger.db", "enroll", ADELE];
    let mut child = place.command(&arguments).env("KEYWRIGHT_TRAINING_TOUCH", "never").spawn().unwrap();
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Touch the key now.") {
        assert!(talk.read_line(&mut said).unwrap() > 0, "{said}");
    }
    interrupt(&child);
    said.clear();
    while talk.read_line(&mut said).unwrap() > 0 {}
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("[cli/interrupted]"), "{said}");
    let open = place.run(&["--ledger", "ledger.db", "--json", "resume", "--list"]).done().last();
    assert_eq!(open["result"]["jobs"][0]["upn"], ADELE, "{open}");
    let done = place.run(&["--simulate=key", "--profile", &profile, "--ledger", "ledger.db", "resume"]).done();
    assert_eq!(value(&done.out, "temporary PIN").len(), 8);
    interrupt(&tenant.0);
    assert_eq!(tenant.0.wait().unwrap().code(), Some(0));
}
