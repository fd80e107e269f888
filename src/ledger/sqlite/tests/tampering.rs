//! Whoever can write to the file can change it; the chain says where.

use std::path::Path;

use super::{open, outside, scratch};
use crate::ledger::contract::{job_for, order, roster, sealed, task};
use crate::ledger::{Batches as _, Failure, Intent, JobState, Ledger as _, LedgerError, Outcome, Settled, Wanted};

/// A ledger with a row of every kind, and its head. Links: 1 batch 1; 2, 3 tasks 1 and 2; 4 job 1; 5 and 6 its entry 1 and how
/// it ended; 7 and 8 its entry 2; 9 job 1 is done; 10 task 1 is done; 11 task 2 failed; 12 it waits; 13 batch 2; 14 it is
/// closed; 15 job 2; 16 its entry 1, which is open; 17 and 18 job 3, which ended.
fn lived(place: &Path) -> String {
    let mut ledger = open(place);
    let batch = ledger.open_batch(&roster(), &[task(1), task(2)]).unwrap();
    let first = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    let job = job_for(&mut ledger, first).unwrap();
    for intent in [Intent::Seal, Intent::HandOver { means: "screen".into() }] {
        let ticket = ledger.before(job, &intent, None).unwrap();
        ledger.after(ticket, &Outcome::Done).unwrap();
    }
    ledger.close(job, JobState::Done).unwrap();
    let second = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    let failure = Failure { code: "key/gone".into(), sentence: "Gone.".into(), next: "Again.".into() };
    ledger.settle(second, &Settled::Failed(failure)).unwrap();
    ledger.retry(second).unwrap();
    let batch = ledger.open_batch(&roster(), &[]).unwrap();
    ledger.close_batch(batch).unwrap();
    let open = ledger.open_job(&order("b")).unwrap();
    let _ = ledger.before(open, &Intent::SetPin { draw: 1 }, Some(&sealed(1))).unwrap();
    let last = ledger.open_job(&order("c")).unwrap();
    ledger.close(last, JobState::Ended).unwrap();
    let verified = ledger.verify(None).unwrap();
    assert_eq!(verified.links, 18);
    verified.head
}

/// As somebody does it who knows SQLite: the triggers go first.
fn tamper(place: &Path, script: &str) {
    let outside = outside(place);
    outside.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF").unwrap();
    let triggers: Vec<String> = outside
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    for trigger in triggers {
        outside.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    outside.execute_batch(script).unwrap();
}

const SECOND_DONE: &str = "INSERT INTO settlement VALUES (2, 3, '2026-11-23T10:00:00Z', 'done', NULL)";

#[test]
fn the_first_row_that_does_not_fit_is_named() {
    let rows: &[(&str, &str, &str)] = &[
        ("UPDATE entry SET intent = '{\"step\":\"seal\" }' WHERE job = 1 AND number = 1", "job 1, entry 1", "as it was written"),
        ("UPDATE outcome SET at = '2026-11-24T10:00:00Z' WHERE number = 2", "job 1, outcome of entry 2", "as it was written"),
        ("UPDATE job SET orders = replace(orders, 'contoso', 'fabrikam') WHERE id = 3", "job 3, its opening", "as it was written"),
        ("UPDATE job SET opened = '2025-11-23T10:00:00Z' WHERE id = 2", "job 2, its opening", "as it was written"),
        ("UPDATE task SET orders = json_set(orders, '$.serial', '5') WHERE id = 2", "task 2, its opening", "as it was written"),
        ("UPDATE task SET batch = 2 WHERE id = 2", "task 2, its opening", "as it was written"),
        ("UPDATE batch SET orders = '{}'", "batch 1, its opening", "as it was written"),
        ("UPDATE entry SET at = CAST(x'ff' AS TEXT) WHERE job = 2", "job 2, entry 1", "cannot be read"),
        // Rows that are gone.
        ("DELETE FROM outcome WHERE number = 1", "job 1, outcome of entry 1", "the row is gone"),
        ("DELETE FROM outcome WHERE number = 1; DELETE FROM link WHERE position = 6", "job 1, entry 2", "link 6"),
        (
            "DELETE FROM outcome WHERE number = 1; DELETE FROM link WHERE position = 6;
             UPDATE link SET position = -position WHERE position > 6; UPDATE link SET position = -position - 1 WHERE position < 0",
            "job 1, entry 2",
            "where it was written",
        ),
        ("DELETE FROM outcome; DELETE FROM entry WHERE job = 1; DELETE FROM job WHERE id = 1", "job 1, its opening", "gone"),
        ("DELETE FROM settlement WHERE number = 2", "task 2, settlement 2", "the row is gone"),
        ("DELETE FROM link", "job 1, its opening", "not in the chain"),
        // Rows that were never written.
        ("INSERT INTO entry VALUES (2, 2, '', '')", "job 2, entry 2", "not in the chain"),
        ("INSERT INTO outcome VALUES (2, 1, '', '')", "job 2, outcome of entry 1", "not in the chain"),
        ("INSERT INTO job (opened, orders) VALUES ('', '')", "job 4, its opening", "not in the chain"),
        ("INSERT INTO batch (opened, orders) VALUES ('', '')", "batch 3, its opening", "not in the chain"),
        ("INSERT INTO task (batch, orders) VALUES (1, '')", "task 3, its opening", "not in the chain"),
        (SECOND_DONE, "task 2, settlement 3", "not in the chain"),
        (
            "INSERT INTO outcome VALUES (2, 1, '', '');
             UPDATE link SET position = -position WHERE position > 16; UPDATE link SET position = 1 - position WHERE position < 0;
             INSERT INTO link VALUES (17, 'outcome', 2, 1, zeroblob(32))",
            "job 2, outcome of entry 1",
            "as it was written",
        ),
        ("INSERT INTO link VALUES (19, 'entry', 1, 1, zeroblob(32))", "job 1, entry 1", "where it was written"),
        ("INSERT INTO link VALUES (19, 'wish', 1, 1, zeroblob(32))", "wish 1/1", "the row is gone"),
        // Rows in each other's place.
        (
            "UPDATE entry SET intent = (SELECT intent FROM entry AS other WHERE other.job = 1 AND other.number = 3 - entry.number)
             WHERE job = 1",
            "job 1, entry 1",
            "as it was written",
        ),
        (
            "UPDATE link SET position = 99 WHERE position = 5; UPDATE link SET position = 5 WHERE position = 7;
             UPDATE link SET position = 7 WHERE position = 99",
            "job 1, entry 2",
            "where it was written",
        ),
        // States.
        ("UPDATE job SET state = 'ended' WHERE id = 1", "job 1, its closing", "as it was written"),
        ("UPDATE job SET closed = '2026-11-23T11:00:00Z' WHERE id = 3", "job 3, its closing", "as it was written"),
        ("UPDATE job SET state = 'open', closed = NULL WHERE id = 1", "job 1, its closing", "the row is gone"),
        ("UPDATE job SET state = 'done', closed = '' WHERE id = 2", "job 2, its closing", "not in the chain"),
        ("UPDATE task SET state = 'waiting' WHERE id = 1", "task 1, its state", "last settlement"),
        ("UPDATE task SET state = 'cancelled' WHERE id = 2", "task 2, its state", "last settlement"),
        ("UPDATE settlement SET state = 'cancelled' WHERE task = 1", "task 1, settlement 1", "as it was written"),
        ("UPDATE settlement SET failure = '{}' WHERE number = 1 AND task = 2", "task 2, settlement 1", "as it was written"),
        ("UPDATE batch SET closed = NULL WHERE id = 2", "batch 2, its closing", "the row is gone"),
        ("UPDATE batch SET closed = '' WHERE id = 1", "batch 1, its closing", "not in the chain"),
        ("UPDATE link SET hash = zeroblob(32) WHERE position = 18", "job 3, its closing", "as it was written"),
    ];
    let (_directory, untouched) = scratch();
    let head = lived(&untouched);
    for (script, name, why) in rows {
        let place = untouched.with_extension("copy");
        std::fs::copy(&untouched, &place).unwrap();
        tamper(&place, script);
        for noted in [None, Some(head.as_str())] {
            match open(&place).verify(noted) {
                Err(LedgerError::Tampered { row, fault }) => {
                    assert_eq!(row, *name, "{script}: {fault}");
                    assert!(fault.contains(why), "{script}: {fault}");
                }
                other => panic!("{script}: {other:?}"),
            }
        }
    }
}

/// The last rows and their links can be taken away without a trace in the file itself.
#[test]
fn an_end_that_was_cut_off_shows_by_the_head_that_was_noted() {
    let (_directory, place) = scratch();
    let head = lived(&place);
    tamper(&place, "DELETE FROM job WHERE id = 3; DELETE FROM link WHERE position > 16");
    let mut ledger = open(&place);
    let kept = ledger.verify(None).unwrap();
    assert_eq!(kept.links, 16);
    let Err(LedgerError::Tampered { row, .. }) = ledger.verify(Some(&head)) else { panic!() };
    assert!(row.contains("after 16 rows"), "{row}");
    assert_eq!(ledger.verify(Some(&kept.head)).unwrap().since, Some(0));
}

#[test]
fn what_is_no_step_may_go() {
    let (_directory, place) = scratch();
    let head = lived(&place);
    tamper(&place, "DELETE FROM lease; DELETE FROM holder; DELETE FROM pin");
    assert_eq!(open(&place).verify(Some(&head)).unwrap().since, Some(0));
}
