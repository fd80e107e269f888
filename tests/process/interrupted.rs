//! Ctrl-C while lanes are at work: each finishes the command that its key is at and parks, and the next run goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use crate::batches::{Opened, check, on, people, roster};
use crate::station::{Station, results};
use keywright::clock::SystemClock;
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{BatchId, TaskState};

/// People of the batch: more than there are ports, so that somebody always waits.
const PEOPLE: usize = 6;

#[test]
fn ctrl_c_parks_every_lane_and_the_next_run_goes_on() {
    for text in [
        "\"task-begins\"",
        "\"step-begins\",\"step\":\"make\"",
        "\"step-done\",\"step\":\"seal\"",
        "\"step-done\",\"step\":\"register\"",
    ] {
        let station = Station::of(people(PEOPLE));
        let file = roster(&station, PEOPLE);
        // Keys take their time, so that the signal finds them at work.
        let mut run = on(&station, &["batch", "run", &file]);
        let (mut said, exit) = stopped(run.env("KEYWRIGHT_TRAINING_LATENCY", "20"), text);
        assert_eq!(exit, Some(130), "{text}: {said}");
        let mut lines = results(said.as_bytes());
        let last = lines.last().expect("a result").clone();
        let number = |name: &str| usize::try_from(last["result"][name].as_u64().unwrap()).unwrap();
        let failed = last["result"]["failed"].as_array().unwrap().len();
        assert!(number("waiting") > 0, "{text}: {last}");
        assert_eq!((number("done") + number("waiting"), failed, number("elsewhere")), (PEOPLE, 0, 0), "{text}: {last}");
        // Parked: nobody holds anything, whatever was begun.
        let states: Vec<_> = ledger(&station).tasks(BatchId(1)).unwrap().iter().map(|task| task.state).collect();
        assert!(states.iter().all(|state| matches!(state, TaskState::Waiting | TaskState::Done)), "{text}: {states:?}");

        let output = on(&station, &["batch", "resume"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{text}: {}", String::from_utf8_lossy(&output.stdout));
        said.push_str(&String::from_utf8(output.stdout).unwrap());
        lines = results(said.as_bytes());
        check(&mut *ledger(&station), &station, PEOPLE, &lines, text);
    }
}

fn ledger(station: &Station) -> Opened {
    Box::new(SqliteLedger::open(&station.path("ledger.db"), std::sync::Arc::new(SystemClock::new())).unwrap())
}

/// Runs a command and sends it SIGINT as soon as it says this. Gives everything that it said, and its exit code.
fn stopped(command: &mut Command, text: &str) -> (String, Option<i32>) {
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut said, mut sent) = (String::new(), false);
    while !sent && stdout.read_line(&mut said).unwrap() > 0 {
        if said.lines().last().is_some_and(|line| line.contains(text)) {
            let kill = format!("kill -INT {}", child.id());
            assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
            sent = true;
        }
    }
    stdout.read_to_string(&mut said).unwrap();
    assert!(sent, "it never said {text}: {said}");
    (said, child.wait().unwrap().code())
}
