//! Running the built program until a point at which it is killed.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use serde_json::Value;

use crate::station::results;

const HALTED: &str = "halted";

/// Runs a command; with a fault point until it is killed there. Gives the results, and the exit code
/// unless it was killed.
pub(crate) fn run(command: &mut Command, point: Option<&str>) -> (Vec<Value>, Option<i32>) {
    if let Some(point) = point {
        command.env("KEYWRIGHT_TRAINING_FAULT", point);
    }
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut halted) = (String::new(), false);
    loop {
        let begin = said.len();
        if stdout.read_line(&mut said).unwrap() == 0 {
            break;
        }
        if said[begin..].contains(HALTED) {
            halted = true;
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(halted || status.code().is_some(), "{point:?}: {said}");
    (results(said.as_bytes()), status.code().filter(|_| !halted))
}
