//! Running the built program until a point at which it is killed.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use serde_json::Value;

use crate::station::results;

/// What the program says when it has come to its point; the write follows in brackets.
const HALTED: &str = "halted at the fault point (";

/// How a run ended.
pub(crate) enum Killed {
    /// It was killed at this write.
    At(String),
    /// It came to its end by itself, with this exit code.
    No(i32),
}

/// Runs a command; with a fault point until it is killed there. Gives the results, and the exit code
/// unless it was killed.
pub(crate) fn run(command: &mut Command, point: Option<&str>) -> (Vec<Value>, Option<i32>) {
    let (results, end) = run_to(command, point);
    match end {
        Killed::At(_) => (results, None),
        Killed::No(code) => (results, Some(code)),
    }
}

/// The same; says where it was killed.
pub(crate) fn run_to(command: &mut Command, point: Option<&str>) -> (Vec<Value>, Killed) {
    if let Some(point) = point {
        command.env("KEYWRIGHT_TRAINING_FAULT", point);
    }
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut halted) = (String::new(), None);
    loop {
        let begin = said.len();
        if stdout.read_line(&mut said).unwrap() == 0 {
            break;
        }
        if let Some((_, rest)) = said[begin..].split_once(HALTED) {
            halted = rest.split_once(')').map(|(write, _)| write.to_owned());
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    let end = match (halted, status.code()) {
        (Some(write), _) => Killed::At(write),
        (None, Some(code)) => Killed::No(code),
        (None, None) => panic!("{point:?}: {said}"),
    };
    (results(said.as_bytes()), end)
}
