//! A batch at the ports, from the outside.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::place::{Place, Run};

const USERS: &str = "6";

fn roster(place: &Place, users: impl IntoIterator<Item = u32>) {
    let rows: String = users.into_iter().map(|user| format!("user{user:05}@contoso.example\n")).collect();
    std::fs::write(place.path().join("roster.csv"), format!("upn\n{rows}")).unwrap();
}

fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = place.command(&[&["--simulate", "--ledger", "ledger.db"], arguments].concat());
    command.env("KEYWRIGHT_TRAINING_USERS", USERS).env("KEYWRIGHT_TRAINING_KEYS", "2");
    command
}

fn batch(place: &Place, arguments: &[&str]) -> Run {
    let run = Run::of(&command(place, arguments).output().unwrap());
    place.judged();
    run
}

#[test]
fn a_roster_becomes_keys_and_the_results_can_be_exported_and_taken_back() {
    let place = Place::new();
    roster(&place, 1..=4);
    let run = batch(&place, &["--json", "batch", "run", "roster.csv"]).done();
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let worked = &run.last()["result"];
    assert_eq!((&worked["done"], &worked["total"], &worked["waiting"]), (&4.into(), &4.into(), &0.into()), "{}", run.out);
    let pins = lines.iter().filter_map(|line| line["result"]["temporaryPin"].as_str());
    assert_eq!(pins.count(), 4);
    let places: BTreeSet<&str> = lines.iter().filter_map(|line| line["lane"].as_str()).collect();
    assert!(places.is_subset(&BTreeSet::from(["1-1", "1-2"])) && !places.is_empty(), "{places:?}");
    assert!(lines.iter().any(|line| line["event"] == "task-done" && line["upn"] == "user00003@contoso.example"));
    assert_eq!(place.judged(), 4);

    let csv = batch(&place, &["batch", "export"]).done().out;
    assert_eq!(csv.lines().count(), 5, "{csv}");
    assert!(csv.lines().skip(1).all(|row| row.contains("\"done\"") && row.contains("\"true\"")), "{csv}");
    let refused = batch(&place, &["--json", "batch", "undo", "1", "--row", "2"]);
    refused.failed("cli/consent-missing", 3);
    let kept = batch(&place, &["--json", "--yes", "batch", "undo", "1", "--row", "2"]);
    assert_eq!((kept.exit, &kept.last()["result"]["refused"][0]["code"]), (7, &"batch/last-passkey".into()), "{}", kept.out);
    let undone = batch(&place, &["--json", "--yes", "batch", "undo", "1", "--row", "2", "--last"]).done().last();
    assert_eq!(undone["result"]["removed"], serde_json::json!(["user00001@contoso.example"]), "{undone}");
    let listed = batch(&place, &["--json", "passkeys", "list", "user00001@contoso.example"]).done().last();
    assert_eq!(listed["result"]["passkeys"], serde_json::json!([]));
    let status = batch(&place, &["--json", "batch", "status", "1"]).done().last();
    let standings: Vec<&str> =
        status["result"]["tasks"].as_array().unwrap().iter().map(|task| task["state"].as_str().unwrap()).collect();
    assert_eq!(standings, ["undone", "done", "done", "done"]);
    batch(&place, &["ledger", "verify"]).done();
}

#[test]
fn what_was_given_up_stands_in_a_table_and_can_be_tried_again() {
    let place = Place::new();
    roster(&place, 1..=3);
    batch(&place, &["batch", "run", "roster.csv", "--import-only"]).done();
    // The third user is gone when the keys are made.
    let mut command = command(&place, &["batch", "resume"]);
    let run = Run::of(&command.env("KEYWRIGHT_TRAINING_USERS", "2").output().unwrap());
    assert_eq!(run.exit, 7, "{}{}", run.out, run.talk);
    let row = run.out.lines().find(|line| line.contains("user00003@contoso.example")).expect("a table of what failed");
    assert!(row.contains("there is no user"), "{}", run.out);
    assert!(run.out.contains("2 of 3"), "{}", run.out);
    batch(&place, &["batch", "retry"]).done();
    let run = batch(&place, &["batch", "resume"]).done();
    assert!(run.out.contains("3 of 3"), "{}", run.out);
    assert_eq!(place.judged(), 3);
    batch(&place, &["batch", "status", "9"]).failed("cli/no-batch", 2);
}

#[cfg(unix)]
#[test]
fn ctrl_c_parks_the_lanes_and_resume_goes_on() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    roster(&place, 1..=6);
    let mut child = command(&place, &["--json", "batch", "run", "roster.csv"])
        .env("KEYWRIGHT_TRAINING_LATENCY", "10")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.contains("\"task-done\"")).expect("a task that is done");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let run = batch(&place, &["--json", "batch", "resume"]).done();
    assert_eq!(run.last()["result"]["done"], 6, "{}", run.out);
    assert_eq!(place.judged(), 6, "everybody has one passkey");
    batch(&place, &["ledger", "verify"]).done();
}

/// The wishes are those of the plan, also for who resumes; what may surprise is told once for a model, not once for a user.
#[test]
fn the_keys_of_a_batch_are_hardened() {
    let place = Place::new();
    roster(&place, 1..=3);
    let settings = ["--min-pin-length", "9", "--always-uv", "--long-touch-reset", "--accept-less", "long-touch-reset"];
    batch(&place, &[&["batch", "run", "roster.csv", "--import-only"][..], &settings].concat()).done();
    let run = batch(&place, &["--json", "batch", "resume"]).done();
    let lines: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let made: Vec<&Value> =
        lines.iter().map(|line| &line["result"]).filter(|result| result["temporaryPin"].is_string()).collect();
    assert_eq!(made.len(), 3, "{}", run.out);
    for result in made {
        assert_eq!(result["temporaryPin"].as_str().unwrap().len(), 9, "{result}");
        let met: Vec<bool> = result["hardening"].as_array().unwrap().iter().map(|one| one["met"].as_bool().unwrap()).collect();
        assert_eq!(met, [true, false, true], "{result}");
        assert!(result["firstSignIn"].as_array().unwrap().iter().any(|one| one["word"] == "always-uv"), "{result}");
    }
    let told = lines.iter().filter(|line| line["event"] == "surprise" && line["word"] == "always-uv").count();
    assert_eq!(told, 1, "{}", run.out);
    let csv = batch(&place, &["batch", "export"]).done().out;
    assert_eq!(csv.matches("\"always-uv=true, long-touch-reset=false, min-pin-length=9\"").count(), 3, "{csv}");
}

/// Whose key it is says the roster's work order, which key it is says the serial number.
#[test]
fn a_scanner_picks_the_user_and_confirms_the_key() {
    let scans = "WO-2\n20260001\nuser00001@contoso.example\n20260002\n";
    for device in [false, true] {
        let place = Place::new();
        let rows = "upn,ticket\nuser00001@contoso.example,WO-1\nuser00002@contoso.example,WO-2\n";
        std::fs::write(place.path().join("roster.csv"), rows).unwrap();
        let words = ["--json", "batch", "run", "roster.csv", "--match", "scan"];
        let run = if device {
            std::fs::write(place.path().join("scanner"), scans).unwrap();
            Run::of(&command(&place, &[&words[..], &["--scanner", "scanner"]].concat()).output().unwrap())
        } else {
            let mut child = command(&place, &words).stdin(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(scans.as_bytes()).unwrap();
            Run::of(&child.wait_with_output().unwrap())
        };
        let run = run.done();
        let made = |upn: &str| {
            let results = run.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["result"].clone());
            let of_user: Vec<Value> = results.filter(|result| result["upn"] == upn).collect();
            of_user.first().map(|result| result["serial"].clone())
        };
        assert_eq!(made("user00002@contoso.example"), Some("20260001".into()), "{}", run.out);
        assert_eq!(made("user00001@contoso.example"), Some("20260002".into()), "{}", run.out);
        assert_eq!(place.judged(), 2);
    }
}
