//! Hooks of the built program: what they read, in what order, and that none of them stops anything.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::batches::{people, roster, upn};
use crate::leaks::{forms, holds};
use crate::schema::check_lines;
use crate::station::{Station, results};
use crate::support::world::ADELE;

/// Writes a hook; in it `$log` is the file that it writes to.
fn hook(station: &Station, body: &str) -> String {
    let (path, log) = (station.path("hook"), station.path("hook.log"));
    std::fs::write(&path, format!("#!/bin/sh\nlog='{}'\n{body}\n", log.display())).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn read(station: &Station) -> Vec<Value> {
    let text = std::fs::read_to_string(station.path("hook.log")).unwrap_or_default();
    check_lines(&text);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The steps of these lines, and `result` or `error` at the end.
fn steps(lines: &[Value]) -> Vec<String> {
    let word = |line: &Value| match line["step"].as_str() {
        Some(step) => step.to_owned(),
        None => if line["result"].is_object() { "result" } else { "error" }.to_owned(),
    };
    lines.iter().map(word).collect()
}

const ALL: [&str; 7] = ["preflight", "pin", "make", "verify", "seal", "register", "result"];

#[test]
fn a_hook_reads_every_step_in_order_and_no_secret() {
    let station = Station::new();
    let path = hook(&station, "cat >> \"$log\"; env >> \"$log.env\"");
    let run = station.command(&["enroll", ADELE, "--json", "--hook", &path]).env("KEYWRIGHT_PIN", "99887766").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout));
    let pin = results(&run.stdout)[0]["result"]["temporaryPin"].as_str().unwrap().to_owned();
    let lines = read(&station);
    assert_eq!(steps(&lines), ALL);
    assert!(lines.iter().all(|line| line["job"] == 1 && line["upn"] == ADELE && line["serial"] == "20260001"), "{lines:?}");
    for file in ["hook.log", "hook.log.env"] {
        let bytes = std::fs::read(station.path(file)).unwrap();
        for (form, needle) in forms(&pin) {
            assert!(!holds(&bytes, &needle), "{file} holds the PIN as {form}");
        }
    }
    let variables = std::fs::read_to_string(station.path("hook.log.env")).unwrap();
    assert!(variables.contains("PATH=") && !variables.contains("KEYWRIGHT_"), "{variables}");
}

#[test]
fn a_hook_that_fails_or_is_slow_stops_nothing_and_is_told() {
    for (body, told, missing) in [
        ("cat >> \"$log\"; echo 'no ticket' >&2; exit 3", "it ended with exit status: 3: no ticket", ""),
        ("line=$(cat); case $line in *make*) exec sleep 60;; esac; echo \"$line\" >> \"$log\"", "within 1 seconds", "make"),
        ("cat >> \"$log\"; sleep 60 & exit 1", "it ended with exit status: 1", ""),
        ("exit 0", "", "all"),
    ] {
        let station = Station::new();
        let profile = station.path("profile.toml");
        let path = hook(&station, body);
        let text = std::fs::read_to_string(&profile).unwrap();
        std::fs::write(&profile, format!("hook = [\"{path}\", \"; rm -r x\"]\nhook_seconds = 1\n{text}")).unwrap();
        let run = station.command(&["enroll", ADELE, "--json"]).output().unwrap();
        let out = String::from_utf8(run.stdout).unwrap();
        assert!(run.status.success(), "{body}: {out}");
        check_lines(&out);
        assert_eq!(station.tenant.passkeys(ADELE).len(), 1);
        assert!(out.contains(told) && out.contains("the hook failed") != told.is_empty(), "{body}: {out}");
        let expected: Vec<_> = ALL.into_iter().filter(|step| *step != missing && missing != "all").collect();
        assert_eq!(steps(&read(&station)), expected, "{body}");
    }
}

#[test]
fn of_several_keys_at_once_each_line_names_its_own_job() {
    let station = Station::of(people(4));
    let (path, roster) = (hook(&station, "cat >> \"$log\""), roster(&station, 4));
    assert!(station.command(&["batch", "run", &roster, "--import-only"]).output().unwrap().status.success());
    // The last one is nobody by the time the keys are made.
    station.tenant.change(|script| script.users.retain(|user| user.upn != upn(4)));
    let mut command = station.command(&["batch", "resume", "--json", "--hook", &path]);
    let run = command.env("KEYWRIGHT_TRAINING_KEYS", "2").output().unwrap();
    assert_eq!(run.status.code(), Some(7), "{}", String::from_utf8_lossy(&run.stdout));
    let lines = read(&station);
    let jobs: BTreeSet<i64> = lines.iter().filter_map(|line| line["job"].as_i64()).collect();
    assert_eq!(jobs.len(), 3);
    for job in jobs {
        let own: Vec<Value> = lines.iter().filter(|line| line["job"] == job).cloned().collect();
        let of = |member: &str| own.iter().map(|line| line[member].as_str().unwrap_or("none")).collect::<BTreeSet<_>>();
        assert_eq!((of("upn").len(), of("serial").len()), (1, 1), "{own:?}");
        // The preflight ends as the job is opened, and what follows is of that job.
        assert!(ALL.iter().filter(|step| **step != "preflight").all(|step| steps(&own).contains(&(*step).to_owned())), "{own:?}");
        assert_eq!(steps(&own).last().unwrap(), "result", "{own:?}");
    }
    let failed: Vec<&Value> = lines.iter().filter(|line| line["error"].is_object()).collect();
    assert_eq!(failed.len(), 1, "{lines:?}");
    assert_eq!((&failed[0]["upn"], &failed[0]["error"]["code"]), (&upn(4).into(), &"tenant/user-unknown".into()));
}

#[test]
fn a_hook_that_is_not_there_is_told_before_anything_begins() {
    let station = Station::new();
    let (exit, line) = station.json(&["enroll", ADELE, "--hook", "./gone"]);
    assert_eq!((exit, line["error"]["code"].as_str()), (2, Some("cli/no-hook")), "{line}");
    assert!(!station.path("ledger.db").exists());
}

#[test]
fn what_ends_an_enrolment_is_told_as_an_error() {
    let station = Station::new();
    let path = hook(&station, "cat >> \"$log\"");
    let run = station
        .command(&["enroll", ADELE, "--json", "--hook", &path])
        .env("KEYWRIGHT_TRAINING_TOUCH", "denied")
        .output()
        .unwrap();
    assert!(!run.status.success());
    let lines = read(&station);
    assert_eq!(steps(&lines).last().map(String::as_str), Some("error"), "{lines:?}");
    assert_eq!(lines.last().unwrap()["job"], 1);
}
