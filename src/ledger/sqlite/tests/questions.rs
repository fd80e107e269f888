//! What a batch asks again and again is answered by an index, and a roster of 100,000 rows is taken in within seconds.

use std::time::Duration;

use super::super::batches::{BEGUN, FRESH, OF_SERIAL};
use super::super::{OF_USER, SERIAL};
use super::{open, outside, scratch};
use crate::ledger::contract::{roster, task};
use crate::ledger::sqlite::rows;
use crate::ledger::{Batches as _, Ledger as _, NewTask, Settled, TaskState, Wanted};

#[test]
fn no_question_of_a_batch_reads_a_whole_table() {
    let (_directory, place) = scratch();
    drop(open(&place));
    let file = outside(&place);
    let questions = [
        BEGUN.to_owned(),
        FRESH.to_owned(),
        OF_SERIAL.to_owned(),
        format!("{} {OF_USER} ORDER BY id", rows::JOB),
        format!("{} {SERIAL} ORDER BY id", rows::JOB),
        format!("{} WHERE state = ?1 ORDER BY id", rows::JOB),
        format!("{} WHERE batch = ?2 ORDER BY id", rows::TASK),
        format!("{} WHERE id = ?2 ORDER BY id", rows::TASK),
    ];
    for question in questions {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
        let values = vec![rusqlite::types::Null; plan.parameter_count()];
        let plan = plan.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
        let plan: Vec<String> = plan.collect::<rusqlite::Result<_>>().unwrap();
        let whole: Vec<&String> = plan.iter().filter(|line| line.starts_with("SCAN") && !line.contains("json_each")).collect();
        assert!(whole.is_empty(), "{question}: {plan:#?}");
    }
}

/// Asked for by name, on a machine that does nothing else: beside other tests it says nothing about speed.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn a_large_roster_is_taken_in_within_seconds() {
    let (_directory, place) = scratch();
    let tasks: Vec<NewTask> = (1..=100_000).map(large).collect();
    let mut ledger = open(&place);
    let mut timed = std::time::Instant::now();
    let mut lap = |what: &str, seconds: u64| {
        assert!(timed.elapsed() < Duration::from_secs(seconds), "{what}: {:?}", timed.elapsed());
        timed = std::time::Instant::now();
    };
    let batch = ledger.open_batch(&roster(), &tasks).unwrap();
    lap("taking it in", 4);
    for _ in 0..100 {
        let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
        ledger.settle(task.id, &Settled::Done).unwrap();
    }
    lap("a hundred leases and settlements", 3);
    assert_eq!(ledger.tasks(batch).unwrap().iter().filter(|task| task.state == TaskState::Done).count(), 100);
    lap("a list of all", 2);
    assert_eq!(ledger.verify(None).unwrap().links, 100_101);
    lap("the chain", 3);
}

fn large(row: u32) -> NewTask {
    NewTask {
        user_id: format!("6e7b768e-07e2-4810-8459-4850{row:08}"),
        upn: format!("first.lastname{row}@contoso.example"),
        serial: row.is_multiple_of(2).then(|| format!("2{row:07}")),
        ticket: Some(format!("INC{row:07}")),
        ..task(row)
    }
}
