//! The PIN in every form that it could leak in, searched for in everything that a run writes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::station::{Station, results};

/// Every form: text, numbers, hex in both cases, base64 in both alphabets, and the 64-byte block that the key gets, in all of these.
pub(crate) fn forms(pin: &str) -> Vec<(String, Vec<u8>)> {
    let mut padded = pin.as_bytes().to_vec();
    padded.resize(64, 0);
    // The last is how a list of bytes looks when it is printed for debugging.
    let decimal: Vec<String> = pin.bytes().map(|byte| byte.to_string()).collect();
    let mut forms = vec![("text".to_owned(), pin.into()), ("a list of numbers".to_owned(), decimal.join(", ").into())];
    for (what, bytes) in [("PIN", pin.as_bytes()), ("padded PIN", &padded)] {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        forms.push((format!("{what} in upper-case hex"), hex.to_uppercase().into_bytes()));
        forms.push((format!("{what} in hex"), hex.into_bytes()));
        for (engine, name) in
            [(&STANDARD, "base64"), (&STANDARD_NO_PAD, "base64 without padding"), (&URL_SAFE_NO_PAD, "base64url")]
        {
            forms.push((format!("{what} in {name}"), engine.encode(bytes).into_bytes()));
        }
    }
    forms
}

pub(crate) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn no_form_of_the_pin_anywhere_but_in_the_hand_over() {
    for used in [false, true] {
        let station = Station::new();
        if used {
            assert!(station.key().wear("20071969", 1));
        }
        let run = station.enroll(&["--json", "-vvv"]);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let results = results(&run.stdout);
        let pin = results[0]["result"]["temporaryPin"].as_str().unwrap().to_owned();
        assert!(station.key().pin_is(&pin));
        assert!(run.stderr.len() > 2_000, "the most verbose level says a lot");
        let talk: Vec<u8> = run
            .stdout
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| !holds(line, b"\"result\""))
            .flatten()
            .copied()
            .collect();
        let files = station.files();
        assert!(files.iter().any(|(path, _)| path.ends_with("ledger.db")), "the ledger was searched");
        for (form, needle) in forms(&pin) {
            assert!(!holds(&run.stderr, &needle), "stderr holds the PIN as {form}");
            assert!(!holds(&talk, &needle), "an event on stdout holds the PIN as {form}");
            for (path, bytes) in &files {
                assert!(!holds(bytes, &needle), "{} holds the PIN as {form}", path.display());
            }
        }
    }
}

#[test]
fn no_form_of_the_pin_while_the_job_is_open() {
    let station = Station::new();
    // Registered, shown, but not closed: the write-ahead copy is still in the ledger.
    let run = station
        .command(&["enroll", crate::support::world::ADELE, "--json", "-vvv"])
        .env("KEYWRIGHT_TRAINING_FAULT", "full:11")
        .output();
    let run = run.unwrap();
    assert!(!run.status.success());
    let results = results(&run.stdout);
    let pin = results[0]["result"]["temporaryPin"].as_str().unwrap().to_owned();
    assert!(station.key().pin_is(&pin));
    for (form, needle) in forms(&pin) {
        assert!(!holds(&run.stderr, &needle), "stderr holds the PIN as {form}");
        for (path, bytes) in &station.files() {
            assert!(!holds(bytes, &needle), "{} holds the PIN as {form}", path.display());
        }
    }
}

/// A pipe that nobody reads, a disk that is full: what could not be handed over is not destroyed.
#[test]
#[cfg(target_os = "linux")]
fn a_pin_that_could_not_be_written_is_kept() {
    for extra in [&[][..], &["--json"]] {
        let station = Station::new();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let run = station.command(&[&["enroll", crate::support::world::ADELE], extra].concat()).stdout(full).output().unwrap();
        assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
        let again = station.enroll(&["--json"]);
        let results = results(&again.stdout);
        let result = &results[0]["result"];
        assert!(station.key().pin_is(result["temporaryPin"].as_str().unwrap()));
        assert_eq!(result["secondCopy"], true);
        assert_eq!(station.tenant.passkeys(crate::support::world::ADELE).len(), 1);
    }
}
