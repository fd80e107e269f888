//! A test suite that others wrote for their keys, run against the key that our own tests trust.

mod controller;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Client, UsbKey};

use crate::controller::Controller;

/// So many of its tests apply to this key; the others leave themselves out, for want of fingerprints, NFC, extensions and a newer
/// `cryptography`.
const KNOWN: u32 = 45;
/// What does not apply and does not see that by itself: it wants PIN_NOT_SET for getPINRetries on a key without a PIN, as its
/// authors' keys answer; the engine tells the number of retries.
const LEFT_OUT: &str = "tests/device/test_clientpin.py::test_set_and_reset";
/// Longer than the suite takes on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

#[test]
fn the_training_key_passes_the_device_tests_of_python_fido2() {
    let home = tempfile::tempdir().unwrap();
    let (keys, talk) = (home.path().join("keys"), home.path().join("talk"));
    fs::create_dir(&keys).unwrap();
    let mut key = UsbKey::on_socket(&keys.join("key"), Model::STANDARD, 60);
    key.plug();
    let controller = Controller::start(&key);

    let output = File::create(&talk).unwrap();
    let mut child = suite(&controller.address())
        .env("KEYWRIGHT_KEYS", &keys)
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .expect("Python");
    let end = Instant::now() + LIMIT;
    let status = loop {
        controller.serve(&mut key);
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            break child.wait().unwrap();
        }
    };
    let talk = fs::read_to_string(talk).unwrap();
    let summary = talk.lines().last().unwrap_or_default();
    // Past the harness, which swallows what a good test prints.
    let _ = writeln!(io::stderr(), "python-fido2's own device tests: {summary}");
    assert!(status.success() && passed(summary) >= KNOWN, "fewer than {KNOWN} passed:\n{talk}");
}

/// The suite as its authors run it, with our plugin for the way to the key.
fn suite(controller: &str) -> Command {
    let python = Client::new().python().to_owned();
    let source = python.ancestors().nth(2).unwrap().join("fido2-source");
    assert!(source.is_dir(), "run hw-tests/setup first: {} is not there", source.display());
    let mut command = Command::new(python);
    command.current_dir(source).args(["-m", "pytest", "-q", "-p", "hid_socket", "-p", "no:cacheprovider", "tests/device"]);
    command.args(["--controller", controller, "--deselect", LEFT_OUT]);
    command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The number before "passed" in pytest's last line.
fn passed(summary: &str) -> u32 {
    let words: Vec<_> = summary.split(' ').collect();
    let found = words.windows(2).find(|pair| pair[1].trim_end_matches(',') == "passed");
    found.and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}
