//! The program hands PINs over: sealed, in letters, on a printer, in clear; and what it still holds.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::batches::{on, people, roster};
use crate::leaks::{forms, holds};
use crate::station::{Station, last, results};
use crate::support::world::ADELE;

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// What a run said that is no place for a PIN, and every file but these.
fn nowhere_else(station: &Station, run: &Output, pin: &str, but: &[&Path]) {
    for (form, needle) in forms(pin) {
        assert!(!holds(&run.stdout, &needle), "stdout holds the PIN as {form}");
        assert!(!holds(&run.stderr, &needle), "stderr holds the PIN as {form}");
        for (path, bytes) in station.files().iter().filter(|(path, _)| !but.contains(&path.as_path())) {
            assert!(!holds(bytes, &needle), "{} holds the PIN as {form}", path.display());
            assert!(!text(path).contains(pin), "{} is named by the PIN", path.display());
        }
    }
}

fn result(run: &Output) -> Value {
    let results = results(&run.stdout);
    assert_eq!((run.status.code(), results.len()), (Some(0), 1), "{}", String::from_utf8_lossy(&run.stdout));
    results[0]["result"].clone()
}

/// An identity that is not the station's: its file and its public half.
fn reader(station: &Station) -> (PathBuf, String) {
    let path = station.path("reader/identity.txt");
    let recipient = keywright::handover::AgeSafe::open_or_create(&path).unwrap().recipient().to_string();
    (path, recipient)
}

#[test]
fn sealed_for_somebody_and_opened_elsewhere() {
    let station = Station::new();
    let (identity, recipient) = reader(&station);
    let place = text(&station.path("sealed"));
    let run = station.enroll(&["--json", "-vvv", "--seal-to", &recipient, "--sealed", &place]);
    let told = result(&run);
    assert!(told.get("temporaryPin").is_none(), "{told}");
    let file = told["handOver"]["file"].as_str().unwrap().to_owned();
    assert_eq!((&told["handOver"]["means"], &told["handOver"]["confirmed"]), (&"sealed".into(), &true.into()));
    let sealed = station.path("sealed").join(&file);
    let open = |identity: &[&str]| last(&mut station.command(&[&["--json", "pins", "open", &text(&sealed)], identity].concat()));
    let (exit, opened) = open(&["--identity", &text(&identity)]);
    let pin = opened["result"]["temporaryPin"].as_str().unwrap().to_owned();
    assert!(exit == 0 && station.key().pin_is(&pin), "{opened}");
    assert_eq!(opened["result"]["upn"], ADELE);
    nowhere_else(&station, &run, &pin, &[]);
    let (exit, refused) = open(&[]);
    assert_eq!((exit, &refused["error"]["code"]), (2, &"hand-over/other-recipient".into()), "not for this station");
    let (_, held) = station.json(&["pins", "list"]);
    assert_eq!(held["result"]["pins"], Value::Array(vec![]), "nothing is held any more");
}

#[test]
fn what_a_way_needs_is_checked_before_anything_begins() {
    let station = Station::new();
    let place = text(&station.path("sealed"));
    let (_, recipient) = reader(&station);
    for (flags, code) in [
        (&["--seal-to", "nobody", "--sealed", &place][..], "hand-over/recipient"),
        (&["--seal-to", &recipient], "cli/hand-over"),
        (&["--hand-over", "sealed", "--sealed", &place], "cli/hand-over"),
        (&["--seal-to", &recipient, "--sealed", &text(&station.path("profile.toml"))], "hand-over/file"),
        (&["--pins-in-clear", &text(&station.path("profile.toml"))], "hand-over/file"),
        #[cfg(feature = "letters")]
        (&["--hand-over", "letter"], "cli/hand-over"),
        #[cfg(feature = "letters")]
        (&["--letters", &place, "--letter-font", &text(&station.path("profile.toml"))], "hand-over/material"),
    ] {
        let (_, told) = station.json(&[&["enroll", ADELE], flags].concat());
        assert_eq!(told["error"]["code"], code, "{flags:?}: {told}");
    }
    assert!(station.tenant.passkeys(ADELE).is_empty());
    assert!(!station.path("key").exists() || !station.key().state().forced_change, "no key was touched");
}

#[test]
fn in_clear_only_by_that_flag_and_with_a_warning() {
    let station = Station::new();
    let file = station.path("pins.csv");
    let run = station.enroll(&["--pins-in-clear", &text(&file)]);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(String::from_utf8_lossy(&run.stderr).contains("in clear"), "it warns");
    let table = std::fs::read_to_string(&file).unwrap();
    let pin = table.lines().nth(1).unwrap().split("\",\"").nth(6).unwrap().to_owned();
    assert!(station.key().pin_is(&pin) && !pin.starts_with('0'), "{table}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    nowhere_else(&station, &run, &pin, &[&file]);
}

#[test]
fn a_batch_warns_once_of_pins_in_clear() {
    let station = Station::of(people(2));
    let (roster, file) = (roster(&station, 2), station.path("pins.csv"));
    let run = on(&station, &["batch", "run", &roster, "--pins-in-clear", &text(&file)]).output().unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert_eq!((run.status.code(), said.matches("PINs are written in clear").count()), (Some(0), 1), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3, "a head and a row for each");
}

#[cfg(feature = "letters")]
mod letters {
    use std::process::Command;

    use super::*;

    fn read(pdf: &Path) -> String {
        let run = Command::new("pdftotext").arg(pdf).arg("-").output().expect("pdftotext of poppler-utils");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).unwrap()
    }

    fn pin_of(letter: &str) -> String {
        let digits = |line: &&str| line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_digit());
        letter.lines().find(digits).unwrap_or_else(|| panic!("no PIN in {letter}")).to_owned()
    }

    /// A directory with an `lp` that keeps what it is given, or complains.
    fn printer(station: &Station, works: bool) -> PathBuf {
        let place = station.path("printer");
        std::fs::create_dir_all(&place).unwrap();
        let body = if works {
            "n=$(ls \"$here\" | grep -c pdf); cat > \"$here/$n.pdf\"; printf '%s\\n' \"$@\" > \"$here/arguments\"; env > \"$here/environment\""
        } else {
            "cat > /dev/null; echo 'the printer is on fire' >&2; exit 1"
        };
        let program = place.join("lp");
        std::fs::write(&program, format!("#!/bin/sh\nhere={}\n{body}\n", place.display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        place
    }

    fn with_printer(station: &Station, words: &[&str]) -> Command {
        let mut command = station.command(&[&["--json"], words].concat());
        command.env("PATH", format!("{}:/usr/bin:/bin", station.path("printer").display()));
        command
    }

    #[test]
    fn a_letter_is_written_where_it_was_asked_for() {
        let station = Station::new();
        let profile = station.path("profile.toml");
        let text_before = std::fs::read_to_string(&profile).unwrap();
        std::fs::write(&profile, format!("hand_over = \"letter\"\nletters = \"out\"\ncompany = \"Contoso Ltd\"\n{text_before}"))
            .unwrap();
        let run = station.enroll(&["--json", "-vvv"]);
        let told = result(&run);
        let letter = station.path("out").join(told["handOver"]["file"].as_str().unwrap());
        let said = read(&letter);
        let pin = pin_of(&said);
        assert!(station.key().pin_is(&pin) && said.contains("Adele Vance") && said.contains("Contoso Ltd"), "{said}");
        assert!(told.get("temporaryPin").is_none() && told["handOver"]["confirmed"] == true, "{told}");
        assert_eq!(std::fs::metadata(&letter).unwrap().permissions().mode() & 0o777, 0o600);
        // Not even the letter itself holds it as plain bytes.
        nowhere_else(&station, &run, &pin, &[]);
    }

    #[test]
    fn a_printed_letter_is_kept_until_somebody_has_looked_at_it() {
        let station = Station::new();
        let printer = printer(&station, true);
        let mut enroll = with_printer(&station, &["enroll", ADELE, "--print=front desk"]);
        let run = enroll.env("KEYWRIGHT_NEW_PIN", "hunter2").output().unwrap();
        let told = result(&run);
        assert_eq!((&told["handOver"]["means"], &told["handOver"]["confirmed"]), (&"letter".into(), &false.into()));
        let pin = pin_of(&read(&printer.join("0.pdf")));
        assert!(station.key().pin_is(&pin));
        let arguments = std::fs::read_to_string(printer.join("arguments")).unwrap();
        assert_eq!(arguments.lines().collect::<Vec<_>>(), ["-s", "-t", "keywright", "-d", "front desk"]);
        let environment = std::fs::read_to_string(printer.join("environment")).unwrap();
        assert!(!environment.contains("hunter2") && !environment.contains("KEYWRIGHT_"), "{environment}");
        nowhere_else(&station, &run, &pin, &[]);

        let held = |station: &Station| station.json(&["pins", "list"]).1["result"]["pins"].clone();
        let row = &held(&station)[0];
        let job = row["job"].to_string();
        assert_eq!((&row["why"], &row["upn"], &row["copies"]), (&"not-confirmed".into(), &ADELE.into(), &1.into()), "{row}");
        let (_, again) = last(&mut with_printer(&station, &["pins", "letter", &job, "--print"]));
        assert_eq!(again["result"]["secondCopy"], true, "{again}");
        assert_eq!(pin_of(&read(&printer.join("1.pdf"))), pin);
        let (exit, done) = station.json(&["pins", "confirm", &job]);
        assert_eq!((exit, done["result"]["confirmed"][0].to_string()), (0, job.clone()), "{done}");
        assert_eq!(held(&station), Value::Array(vec![]));
        for words in [&["pins", "show", &job][..], &["pins", "confirm", &job]] {
            assert_ne!(station.json(words).0, 0, "the copy is destroyed: {words:?}");
        }
        assert_eq!(station.tenant.passkeys(ADELE).len(), 1);
    }

    #[test]
    fn what_the_printer_did_not_take_is_kept() {
        let station = Station::new();
        printer(&station, false);
        let place = text(&station.path("out"));
        for flags in [&["--print"][..], &["--print", "--letters", &place]] {
            let (exit, told) = last(&mut with_printer(&station, &[&["enroll", ADELE], flags].concat()));
            assert_eq!((exit, &told["error"]["code"]), (1, &"hand-over/printer".into()), "{told}");
            assert!(told["error"]["message"].as_str().unwrap().contains("on fire"), "{told}");
        }
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0, "no letter without its print");
        let row = station.json(&["pins", "list"]).1["result"]["pins"][0].clone();
        assert_eq!((&row["why"], &row["copies"]), (&"not-handed-over".into(), &2.into()), "{row}");
        let job = row["job"].to_string();
        assert_eq!(station.json(&["pins", "confirm", &job]).1["error"]["code"], "job/nothing-delivered");
        let (_, shown) = station.json(&["pins", "show", &job]);
        assert!(station.key().pin_is(shown["result"]["temporaryPin"].as_str().unwrap()), "{shown}");
        assert_eq!(shown["result"]["secondCopy"], true);
        assert_eq!(station.json(&["pins", "list"]).1["result"]["pins"], Value::Array(vec![]));
    }
}
