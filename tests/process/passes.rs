//! `tap` of the built program: a pass is issued within the policy, shown once, and stands nowhere else.

use keywright::simulator::tenant::{Act, Fault, Target};
use serde_json::{Value, json};

use crate::leaks::{forms, holds};
use crate::station::{Station, last};
use crate::support::world::ADELE;

const PASSES: &str = "*/temporaryAccessPassMethods";
const POLICY: &str = "*/temporaryAccessPass";

fn issue(station: &Station, words: &[&str]) -> (i32, Value) {
    station.json(&[&["tap", "issue", ADELE], words].concat())
}

fn code(line: &Value) -> &str {
    line["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {line}"))
}

#[test]
fn a_pass_is_shown_once_and_stands_nowhere_else() {
    for json in [true, false] {
        let station = Station::new();
        let words: &[&str] = if json { &["tap", "issue", ADELE, "-vvv", "--json"] } else { &["tap", "issue", ADELE, "-vvv"] };
        let run = station.command(words).output().unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let pass = station.tenant.pass(ADELE).unwrap().pass;
        assert!(run.stderr.len() > 500 || json, "the most verbose level says a lot");
        let shown = run.stdout.windows(pass.len()).filter(|window| *window == pass.as_bytes()).count();
        assert_eq!(shown, 1, "{}", String::from_utf8_lossy(&run.stdout));
        let again = station.command(&["tap", "list", ADELE, "-vvv", "--json"]).output().unwrap();
        for (form, needle) in forms(&pass) {
            assert!(!holds(&run.stderr, &needle), "stderr holds the pass as {form}");
            assert!(!holds(&[again.stdout.clone(), again.stderr.clone()].concat(), &needle), "a list holds the pass as {form}");
            for (path, bytes) in &station.files() {
                assert!(!holds(bytes, &needle), "{} holds the pass as {form}", path.display());
            }
        }
        assert!(!station.path("ledger.db").exists(), "the ledger has nothing to do with it");
    }
}

#[test]
fn what_is_asked_for_is_what_is_made() {
    let station = Station::new();
    let (exit, line) = issue(&station, &["--lifetime", "90", "--once", "--start", "2099-01-01T09:00:00+01:00"]);
    assert_eq!(exit, 0, "{line}");
    let made = station.tenant.pass(ADELE).unwrap();
    assert_eq!((made.minutes, made.once, made.start.to_string().as_str()), (90, true, "2099-01-01T08:00:00Z"));
    let result = &line["result"];
    assert_eq!((&result["temporaryAccessPass"], &result["pass"]["reason"]), (&json!(made.pass), &json!("NotYetValid")));
    assert_eq!(result["policy"]["maximumMinutes"], 480);
    let (exit, line) = station.json(&["tap", "list", ADELE]);
    assert_eq!((exit, &line["result"]["passes"][0]["id"]), (0, &json!(made.id)));
    assert_eq!(station.json(&["tap", "remove", ADELE, "another"]).0, 6);
    assert_eq!(station.json(&["tap", "remove", ADELE]).0, 0);
    assert!(station.tenant.pass(ADELE).is_none());
    assert_eq!(station.json(&["tap", "remove", ADELE]).0, 6, "there is none");
    let (exit, line) = issue(&station, &["--start", "2020-01-01T00:00:00Z"]);
    assert_eq!((exit, code(&line)), (2, "cli/start-is-past"));
    for words in [["--lifetime", "9"], ["--lifetime", "43201"], ["--start", "tomorrow"]] {
        assert_eq!(code(&issue(&station, &words).1), "cli/usage", "{words:?}");
    }
}

#[test]
fn the_policy_is_read_first_and_its_limits_are_told() {
    let station = Station::new();
    let run = station.command(&["tap", "issue", ADELE, "--lifetime", "30"]).output().unwrap();
    let talk = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(4), "{talk}");
    assert!(talk.contains("60 to 480 minutes, 60 without --lifetime") && talk.contains("[policy/pass]"), "{talk}");
    station.tenant.change(|script| script.tap_policy.is_usable_once = true);
    let run = station.command(&["tap", "issue", ADELE]).output().unwrap();
    let talk = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success() && talk.contains("every pass works once only"), "{talk}");
    assert!(station.tenant.pass(ADELE).unwrap().once);
    station
        .tenant
        .change(|script| script.tap_policy.include_targets = vec![Target { id: "a-group".into(), ..Target::default() }]);
    let (exit, line) = issue(&station, &[]);
    assert_eq!((exit, code(&line)), (4, "policy/pass"), "{line}");
    station.tenant.change(|script| script.tap_policy.state = "disabled".into());
    let (exit, line) = issue(&station, &[]);
    assert_eq!((exit, code(&line)), (4, "policy/pass"), "{line}");
    assert_eq!(station.tenant.calls("POST", PASSES), 1, "nothing was sent for what the policy forbids");
}

#[test]
fn a_policy_that_cannot_be_read_costs_a_warning() {
    let station = Station::new();
    station.tenant.add_fault(Fault::always("GET", POLICY, Act::status(403)));
    let run = station.command(&["tap", "issue", ADELE]).output().unwrap();
    let talk = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success(), "{talk}");
    assert!(
        talk.contains("warning: The tenant's policy for passes cannot be read")
            && talk.contains("Policy.Read.AuthenticationMethod"),
        "{talk}"
    );
    let (exit, line) = issue(&station, &["--lifetime", "30"]);
    assert_eq!((exit, code(&line)), (4, "tenant/refused"), "then the tenant itself says so: {line}");
}

#[test]
fn a_pass_for_a_disabled_account_is_warned_of() {
    let station = Station::new();
    let run = station.command(&["tap", "issue", "diego@contoso.example"]).output().unwrap();
    let talk = String::from_utf8(run.stderr).unwrap();
    assert!(run.status.success() && talk.contains("warning: The account diego@contoso.example is disabled"), "{talk}");
}

#[test]
fn an_earlier_pass_goes_with_consent_only() {
    let station = Station::new();
    assert_eq!(issue(&station, &[]).0, 0);
    let first = station.tenant.pass(ADELE).unwrap().id;
    let (exit, line) = last(&mut station.without_yes(&["--json", "tap", "issue", ADELE]));
    assert_eq!((exit, code(&line)), (3, "cli/consent-missing"), "{line}");
    assert!(line["error"]["question"].as_str().unwrap().ends_with("A new pass takes its place. Issue it?"), "{line}");
    assert!(line["error"]["question"].as_str().unwrap().contains("has a pass already, which works until"), "{line}");
    assert_eq!(station.tenant.pass(ADELE).unwrap().id, first);
    assert_eq!(issue(&station, &[]).0, 0);
    assert_ne!(station.tenant.pass(ADELE).unwrap().id, first);
    // Where nobody may look, there may be one.
    station.tenant.add_fault(Fault::always("GET", PASSES, Act::status(403)));
    let (exit, line) = last(&mut station.without_yes(&["--json", "tap", "issue", ADELE]));
    assert_eq!((exit, code(&line)), (3, "cli/consent-missing"), "{line}");
    // And without one there is nothing to ask.
    let station = Station::new();
    assert_eq!(last(&mut station.without_yes(&["--json", "tap", "issue", ADELE])).0, 0);
    assert_eq!(last(&mut station.without_yes(&["--json", "tap", "remove", ADELE])).0, 3);
}

#[test]
fn refusals_and_lost_answers_end_as_they_should() {
    for (act, exit, expected, posts) in [
        (Act::status(403), 4, "tenant/pass-forbidden", 1),
        (Act::status(400), 4, "tenant/refused", 1),
        (Act::status(404), 6, "tenant/not-found", 1),
        (Act::throttled(Some(90)), 6, "tenant/throttled", 1),
        (Act::status(500), 6, "tenant/pass-unknown", 1),
        (Act::CloseBefore, 6, "tenant/pass-unknown", 1),
        (Act::CloseAfter, 6, "tenant/pass-unknown", 1),
        (Act::Garbage, 6, "tenant/pass-unknown", 1),
        (Act::Oversize, 6, "tenant/pass-unknown", 1),
    ] {
        let station = Station::new();
        station.tenant.add_fault(Fault::once("POST", PASSES, act.clone()));
        let (found, line) = issue(&station, &[]);
        assert_eq!((found, code(&line)), (exit, expected), "{act:?}: {line}");
        assert_eq!(station.tenant.calls("POST", PASSES), posts, "{act:?}");
        assert_eq!(issue(&station, &[]).0, 0, "{act:?}: the same command again");
    }
    let station = Station::new();
    for user in ["grady_fabrikam.example#EXT#@contoso.example", "admin@contoso.example"] {
        station.tenant.change(|script| script.application.acts_on_administrators = false);
        assert_eq!(station.json(&["tap", "issue", user]).0, 4, "{user}");
    }
    station.tenant.change(|script| script.users[0].own_account = true);
    let (_, line) = issue(&station, &[]);
    assert_eq!(code(&line), "tenant/pass-forbidden");
    station.tenant.change(|script| script.application.permissions.retain(|granted| !granted.contains("TAP")));
    for command in ["list", "remove"] {
        assert_eq!(code(&station.json(&["tap", command, ADELE]).1), "tenant/pass-forbidden", "{command}");
    }
}

/// A disk that is full: nobody has seen the pass, and that is said.
#[test]
#[cfg(target_os = "linux")]
fn a_pass_that_could_not_be_written_is_told() {
    for extra in [&[][..], &["--json"]] {
        let station = Station::new();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let run = station.command(&[&["tap", "issue", ADELE], extra].concat()).stdout(full).output().unwrap();
        assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
    }
}
