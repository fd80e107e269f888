//! A file that version 1 of the program wrote.

use std::path::Path;

use super::{open, outside, scratch};
use crate::ledger::contract::{self, order, sealed};
use crate::ledger::{JobId, JobState, Ledger as _, LedgerError, Outcome};

/// As the program of version 1 made it: its script, its statements, its pragmas.
fn version_one(place: &Path) {
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let file = outside(place);
    file.execute_batch("PRAGMA journal_mode = WAL; PRAGMA application_id = 0x4B575254").unwrap();
    file.execute_batch(include_str!("../schema-1.sql")).unwrap();
    file.execute_batch("PRAGMA user_version = 1").unwrap();
    let orders = |upn: &str| serde_json::to_string(&order(upn)).unwrap();
    for (at, upn) in [("2026-11-20T08:00:00Z", "adele"), ("2026-11-20T08:00:00.5Z", "ben"), ("2026-11-20T09:00:00Z", "cleo")] {
        file.execute("INSERT INTO job (opened, orders) VALUES (?1, ?2)", [at, &orders(upn)]).unwrap();
    }
    file.execute_batch(
        "INSERT INTO job (opened, orders) VALUES ('2026-11-20T09:30:00Z', 'no order');
         INSERT INTO entry VALUES (1, 1, '2026-11-20T08:00:01Z', '{\"step\":\"seal\"}');
         INSERT INTO outcome VALUES (1, 1, '2026-11-20T08:00:02Z', '{\"outcome\":\"sealed\",\"effective\":true}');
         INSERT INTO entry VALUES (2, 1, '2026-11-20T08:00:03Z', '{\"step\":\"set-pin\",\"draw\":1}');
         INSERT INTO entry VALUES (1, 2, '2026-11-20T08:00:04Z', '{\"step\":\"hand-over\",\"means\":\"screen\"}');
         INSERT INTO outcome VALUES (1, 2, '2026-11-20T08:00:05Z', '{\"outcome\":\"done\"}');
         UPDATE job SET state = 'done', closed = '2026-11-20T08:00:06Z' WHERE id = 1;
         UPDATE job SET state = 'ended', closed = '2026-11-20T09:00:01Z' WHERE id = 3;
         UPDATE job SET state = 'ended', closed = '2026-11-20T09:30:01Z' WHERE id = 4;",
    )
    .unwrap();
    file.execute("INSERT INTO pin VALUES (2, 1, ?1)", [sealed(7).0]).unwrap();
}

#[test]
fn a_ledger_of_version_one_goes_on_and_is_in_the_chain() {
    let (_directory, place) = scratch();
    version_one(&place);
    let mut ledger = open(&place);
    let states: Vec<JobState> = [1, 2, 3].iter().map(|id| ledger.job(JobId(*id)).unwrap().state).collect();
    assert_eq!(states, [JobState::Done, JobState::Open, JobState::Ended]);
    assert_eq!(ledger.job(JobId(4)).err(), Some(LedgerError::Corrupt("job 4".into())), "as it was");
    // Four openings, three closings, three entries, two outcomes.
    let moved = ledger.verify(None).unwrap();
    assert_eq!(moved.links, 12);
    assert_eq!(open(&place).verify(Some(&moved.head)).unwrap().since, Some(0), "once is enough");

    let job = ledger.claim(JobId(2)).unwrap();
    assert_eq!((job.order.upn.as_str(), job.order.task), ("ben", None));
    assert_eq!(ledger.pin(job.id, 1).unwrap(), Some(sealed(7)));
    ledger.after(crate::ledger::Ticket::issued(job.id, 1), &Outcome::Done).unwrap();
    ledger.close(job.id, JobState::Done).unwrap();
    assert_eq!(ledger.verify(Some(&moved.head)).unwrap().since, Some(2));
    assert_eq!(ledger.jobs_of_user(&job.order.user_id, None).unwrap().len(), 3);
    let version: i64 = outside(&place).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[test]
fn a_row_of_version_one_that_is_changed_later_is_named() {
    let (_directory, place) = scratch();
    version_one(&place);
    drop(open(&place));
    outside(&place).execute_batch("DROP TRIGGER outcome_as_written; UPDATE outcome SET at = '' WHERE number = 2").unwrap();
    let told = open(&place).verify(None);
    assert!(matches!(&told, Err(LedgerError::Tampered { row, .. }) if row == "job 1, outcome of entry 2"), "{told:?}");
}

#[test]
fn a_ledger_that_cannot_be_moved_stays_at_version_one() {
    let (_directory, place) = scratch();
    version_one(&place);
    outside(&place).execute_batch("CREATE TABLE link (url TEXT)").unwrap();
    assert!(super::SqliteLedger::open(&place, super::clock()).is_err());
    let file = outside(&place);
    let version: i64 = file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    file.execute_batch("DROP TABLE link").unwrap();
    assert_eq!(open(&place).verify(None).unwrap().links, 12);
}

#[test]
fn a_ledger_of_version_one_keeps_the_contract() {
    let (_directory, place) = scratch();
    version_one(&place);
    // What cannot be read stands in the way of every list of jobs, then as now.
    outside(&place).execute_batch("DROP TRIGGER job_stays; PRAGMA foreign_keys = OFF; DELETE FROM job WHERE id = 4").unwrap();
    contract::kept_by(&mut || Box::new(open(&place)));
}
