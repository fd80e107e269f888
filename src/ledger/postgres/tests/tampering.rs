//! Rows that somebody changed who can do anything in the database.

use crate::ledger::contract::order;
use crate::ledger::postgres::PostgresPlace;
use crate::ledger::postgres::tests::{emptied, outside, place};
use crate::ledger::{
    Batches as _, Failure, Intent, JobState, Ledger as _, LedgerError, NewBatch, NewTask, Outcome, Settled, Wanted,
};

/// Puts every kind of row into a ledger, and nothing else.
fn fill(place: &PostgresPlace) {
    emptied(place);
    let mut ledger = place.open().unwrap();
    let batch = NewBatch {
        tenant: "contoso.example".into(),
        operator: "desk".into(),
        roster: "people.csv".into(),
        settings: serde_json::json!({}),
    };
    let tasks = [1, 2].map(|row| NewTask { row, upn: format!("user{row}"), ..NewTask::default() });
    let batch = ledger.open_batch(&batch, &tasks).unwrap();
    let job = ledger.open_job(&order("a")).unwrap();
    let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
    ledger.after(ticket, &Outcome::Sealed { effective: true }).unwrap();
    ledger.close(job, JobState::Ended).unwrap();
    let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    let failure = Failure { code: "key/lost".into(), sentence: "lost".into(), next: "buy one".into() };
    ledger.settle(task, &Settled::Failed(failure)).unwrap();
    let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    ledger.settle(task, &Settled::Cancelled).unwrap();
    ledger.close_batch(batch).unwrap();
    ledger.verify(None).unwrap();
}

const TABLES: [&str; 7] = ["batch", "task", "settlement", "job", "entry", "outcome", "link"];

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn the_record_cannot_be_changed_by_mistake_by_anybody() {
    let place = place();
    fill(&place);
    let mut client = outside(place.address());
    let column = |table| match table {
        "settlement" | "outcome" => "at",
        "entry" => "intent",
        "link" => "kind",
        _ => "orders",
    };
    for table in TABLES {
        for harm in [
            format!("UPDATE keywright.{table} SET {} = '{{}}'", column(table)),
            format!("DELETE FROM keywright.{table}"),
            format!("TRUNCATE keywright.{table} CASCADE"),
        ] {
            let error = client.batch_execute(&harm).unwrap_err();
            let said = error.as_db_error().map(|said| (said.code().code().to_owned(), said.message().to_owned())).unwrap();
            assert_eq!(said.0, "P0001", "{harm}: {said:?}");
        }
    }
    for harm in [
        "INSERT INTO keywright.link VALUES (999, 'entry', 1, 9, decode(repeat('00', 32), 'hex'))",
        "INSERT INTO keywright.entry VALUES (1, 2, 'now', '{}')",
        "INSERT INTO keywright.settlement VALUES (1, 7, 'now', 'done', NULL)",
        "INSERT INTO keywright.task (id, batch, orders, state) VALUES (99, 1, '{}', 'done')",
    ] {
        assert!(client.batch_execute(harm).is_err(), "{harm}");
    }
    place.open().unwrap().verify(None).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn what_was_changed_on_purpose_is_found_and_named() {
    let place = place();
    for (harm, row) in [
        ("UPDATE keywright.job SET orders = replace(orders, 'desk', 'mask')", "job 1, its opening"),
        ("UPDATE keywright.job SET closed = '2026-01-01T00:00:00Z'", "job 1, its closing"),
        ("UPDATE keywright.job SET state = 'done'", "job 1, its closing"),
        ("UPDATE keywright.entry SET intent = '{\"step\":\"hand-over\",\"means\":\"screen\"}'", "job 1, entry 1"),
        ("UPDATE keywright.entry SET at = '2026-01-01T00:00:00Z'", "job 1, entry 1"),
        ("UPDATE keywright.outcome SET outcome = '{\"outcome\":\"done\"}'", "job 1, outcome of entry 1"),
        ("DELETE FROM keywright.outcome", "job 1, outcome of entry 1"),
        ("UPDATE keywright.batch SET orders = replace(orders, 'people', 'others')", "batch 1, its opening"),
        ("UPDATE keywright.batch SET closed = NULL", "batch 1, its closing"),
        ("UPDATE keywright.task SET orders = replace(orders, 'user2', 'user3')", "task 2, its opening"),
        ("UPDATE keywright.task SET state = 'waiting' WHERE id = 1", "task 1, its state"),
        ("UPDATE keywright.settlement SET failure = '{}' WHERE task = 1", "task 1, settlement 1"),
        ("DELETE FROM keywright.settlement WHERE task = 2", "task 2, settlement 1"),
        ("UPDATE keywright.link SET hash = decode(repeat('00', 32), 'hex') WHERE position = 1", "batch 1, its opening"),
        ("DELETE FROM keywright.link WHERE position = 4", "job 1, entry 1"),
        ("INSERT INTO keywright.entry VALUES (1, 2, '2026-01-01T00:00:00Z', '{\"step\":\"seal\"}')", "job 1, entry 2"),
        ("INSERT INTO keywright.task (id, batch, orders) VALUES (9, 1, '{}')", "task 9, its opening"),
    ] {
        fill(&place);
        outside(place.address()).batch_execute(&format!("SET session_replication_role = replica; {harm}")).unwrap();
        let error = place.open().unwrap().verify(None).unwrap_err();
        let LedgerError::Tampered { row: named, .. } = &error else { panic!("{harm}: {error:?}") };
        assert!(named.starts_with(row), "{harm}: {error}");
    }
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn what_was_cut_off_is_found_with_the_head_that_was_noted() {
    let place = place();
    fill(&place);
    let head = place.open().unwrap().verify(None).unwrap().head;
    let mut ledger = place.open().unwrap();
    let later = ledger.open_job(&order("b")).unwrap();
    ledger.close(later, JobState::Ended).unwrap();
    assert_eq!(ledger.verify(Some(&head)).unwrap().since, Some(2));
    let noted = ledger.verify(None).unwrap().head;
    let cut = "SET session_replication_role = replica; DELETE FROM keywright.job WHERE id = 2;
        DELETE FROM keywright.link WHERE owner = 2 AND kind LIKE 'job%'";
    outside(place.address()).batch_execute(cut).unwrap();
    ledger.verify(None).unwrap();
    assert!(matches!(ledger.verify(Some(&noted)), Err(LedgerError::Tampered { .. })));
}
