//! The contract, and what only a file can get wrong.

mod migration;
mod questions;
mod tampering;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::clock::{ManualClock, SharedClock};
use crate::ledger::contract::{self, order, sealed};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Batches as _, Intent, JobId, JobState, Ledger, LedgerError, Outcome, Settled, Wanted};
use crate::secret::SealedPin;

fn clock() -> SharedClock {
    Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()))
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("deep/down/ledger.sqlite");
    (directory, place)
}

fn open(place: &Path) -> SqliteLedger {
    SqliteLedger::open(place, clock()).unwrap()
}

/// Another program's view of the file.
fn outside(place: &Path) -> Connection {
    Connection::open(place).unwrap()
}

#[test]
fn keeps_the_contract() {
    let (_directory, place) = scratch();
    contract::kept_by(&mut || Box::new(open(&place)));
}

#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn claims_a_second() {
    let (_directory, place) = scratch();
    contract::races::claims_a_second("SQLite", &mut || Box::new(open(&place)));
}

#[test]
fn agrees_with_the_model() {
    contract::agrees_with_the_model(24, &|| {
        let (directory, place) = scratch();
        Box::new(move || {
            let _held = &directory;
            Box::new(open(&place))
        })
    });
}

#[test]
fn times_come_from_the_clock() {
    let (_directory, place) = scratch();
    let clock = Arc::new(ManualClock::new("2026-11-23T10:00:00Z".parse().unwrap()));
    let mut ledger = SqliteLedger::open(&place, clock.clone()).unwrap();
    let job = ledger.open_job(&order("a")).unwrap();
    clock.advance(Duration::from_millis(61_500));
    let _ = ledger.before(job, &Intent::Seal, None).unwrap();
    assert_eq!(ledger.jobs(None).unwrap()[0].opened, "2026-11-23T10:00:00Z".parse().unwrap());
    assert_eq!(ledger.entries(job).unwrap()[0].at, "2026-11-23T10:01:01.5Z".parse().unwrap());
}

/// Every byte that is on the disk for this ledger.
fn bytes(place: &Path) -> Vec<u8> {
    let mut all = std::fs::read(place).unwrap();
    for tail in ["-wal", "-shm"] {
        let mut name = place.as_os_str().to_owned();
        name.push(tail);
        all.extend(std::fs::read(name).unwrap_or_default());
    }
    all
}

/// Whether a marked piece that begins like this is in them.
fn holds(place: &Path, needle: &str) -> bool {
    bytes(place).split(|byte| *byte == b'<').any(|piece| piece.starts_with(needle.as_bytes()))
}

/// A blob whose every 16-byte piece is its own, so that a remnant of it is recognised wherever it was cut.
fn marked(job: JobId, step: u8, parts: u8) -> SealedPin {
    SealedPin((0..parts).flat_map(|part| format!("<{:05}/{step:03}/{part:03}>", job.0).into_bytes()).collect())
}

/// A random life of many jobs at once makes the tree split, merge and move rows, which is what leaves remnants behind.
#[test]
fn a_closed_jobs_pins_are_gone_from_the_files() {
    let mut remnants = 0;
    for seed in 0..6 {
        let (_directory, place) = scratch();
        let mut ledger = open(&place);
        ledger.connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        let mut open: Vec<JobId> = Vec::new();
        for step in 0..150_u8 {
            if open.len() < 12 {
                open.push(ledger.open_job(&order("a")).unwrap());
            }
            let at = rng.random_range(0..open.len());
            if rng.random_bool(0.75) {
                let pin = marked(open[at], step, rng.random_range(12..32));
                let _ = ledger.before(open[at], &Intent::SetPin { draw: 1 }, Some(&pin)).unwrap();
                assert!(holds(&place, &format!("{:05}/{step:03}/", open[at].0)), "the search finds what is there");
            } else {
                let job = open.swap_remove(at);
                ledger.close(job, JobState::Done).unwrap();
                remnants += usize::from(holds(&place, &format!("{:05}/", job.0)));
            }
        }
        for job in open {
            for entry in ledger.entries(job).unwrap() {
                let pin = ledger.pin(job, entry.number).unwrap().unwrap();
                assert!(pin.0.starts_with(format!("<{:05}/", job.0).as_bytes()), "other jobs keep theirs");
            }
        }
    }
    assert_eq!(remnants, 0, "closings that left a part of a sealed PIN on the disk");
}

#[test]
fn what_a_reader_kept_in_the_log_goes_when_the_ledger_is_opened_next() {
    let (_directory, place) = scratch();
    let mut ledger = open(&place);
    ledger.connection.busy_timeout(Duration::ZERO).unwrap();
    let job = ledger.open_job(&order("a")).unwrap();
    let _ = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&marked(job, 1, 20))).unwrap();
    let reader = outside(&place);
    reader.execute_batch("BEGIN; SELECT count(*) FROM job;").unwrap();
    ledger.close(job, JobState::Done).unwrap();
    assert!(holds(&place, "00001/001/"), "the reader still sees the old pages");
    drop(reader);
    drop(open(&place));
    assert!(!holds(&place, "00001/001/"));
}

#[test]
fn a_row_is_never_changed_or_deleted() {
    let (_directory, place) = scratch();
    let mut ledger = open(&place);
    let job = ledger.open_job(&order("a")).unwrap();
    let ticket = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&sealed(1))).unwrap();
    ledger.after(ticket, &Outcome::Done).unwrap();
    let closed = ledger.open_job(&order("b")).unwrap();
    let _ = ledger.before(closed, &Intent::Seal, None).unwrap();
    ledger.close(closed, JobState::Ended).unwrap();
    let batch = ledger.open_batch(&contract::roster(), &[contract::task(1), contract::task(2)]).unwrap();
    let done = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
    ledger.settle(done.id, &Settled::Done).unwrap();
    ledger.close_batch(batch).unwrap();
    let outside = outside(&place);
    for statement in [
        "DELETE FROM job",
        "UPDATE job SET orders = '{}'",
        "UPDATE job SET id = 77",
        "UPDATE job SET state = 'open', closed = NULL WHERE state = 'ended'",
        "UPDATE job SET state = 'done' WHERE state = 'open'",
        "DELETE FROM entry",
        "UPDATE entry SET intent = '{}'",
        "INSERT INTO entry VALUES (2, 2, '', '')",
        "INSERT INTO entry VALUES (1, 0, '', '')",
        "INSERT INTO entry VALUES (99, 1, '', '')",
        "INSERT OR REPLACE INTO entry VALUES (1, 1, '', '')",
        "INSERT OR REPLACE INTO job (id, opened, orders) VALUES (1, '', '')",
        "INSERT INTO entry VALUES (1, 3, '', '')",
        "INSERT OR REPLACE INTO outcome VALUES (1, 1, '', '')",
        "INSERT OR REPLACE INTO pin VALUES (1, 1, x'00')",
        "DELETE FROM outcome",
        "UPDATE outcome SET outcome = '{}'",
        "INSERT INTO outcome VALUES (1, 1, '', '')",
        "INSERT INTO outcome VALUES (1, 2, '', '')",
        "INSERT INTO outcome VALUES (2, 1, '', '')",
        "UPDATE pin SET sealed = x'00'",
        "INSERT INTO pin VALUES (1, 9, x'00')",
        "DELETE FROM link",
        "UPDATE link SET hash = zeroblob(32)",
        "INSERT INTO link VALUES (77, 'entry', 1, 1, zeroblob(32))",
        "INSERT OR REPLACE INTO link VALUES (1, 'entry', 1, 1, zeroblob(32))",
        "DELETE FROM batch",
        "UPDATE batch SET orders = '{}'",
        "UPDATE batch SET closed = NULL",
        "INSERT OR REPLACE INTO batch VALUES (1, '', '', NULL)",
        "DELETE FROM task",
        "UPDATE task SET orders = '{}'",
        "UPDATE task SET batch = 2",
        "UPDATE task SET state = 'done' WHERE id = 2",
        "UPDATE task SET state = 'waiting' WHERE id = 1",
        "INSERT INTO task (batch, orders, state) VALUES (1, '', 'done')",
        "INSERT OR REPLACE INTO task (id, batch, orders) VALUES (1, 1, '')",
        "DELETE FROM settlement",
        "UPDATE settlement SET state = 'cancelled'",
        "INSERT INTO settlement VALUES (1, 3, '', 'waiting', NULL)",
        "INSERT OR REPLACE INTO settlement VALUES (1, 1, '', 'waiting', NULL)",
        "INSERT INTO settlement VALUES (2, 1, '', 'failed', NULL)",
    ] {
        let refused = outside.execute_batch(statement).unwrap_err();
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::ConstraintViolation), "{statement}: {refused}");
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_half_written() {
    let (_directory, place) = scratch();
    let mut ledger = open(&place);
    let job = ledger.open_job(&order("a")).unwrap();
    let pages: i64 = ledger.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    ledger.connection.pragma_update_and_check(None, "max_page_count", pages + 1, |_| Ok(())).unwrap();
    let full = LedgerError::Full(place.display().to_string());
    let large = Intent::HandOver { means: "x".repeat(20_000) };
    assert_eq!(ledger.before(job, &large, None).err(), Some(full.clone()));
    let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
    let sentence = "x".repeat(20_000);
    let told = ledger.after(ticket, &Outcome::Failed { code: "key/gone".into(), sentence });
    assert_eq!(told.err(), Some(full.clone()));
    let mut long = order("b");
    long.display_name = "x".repeat(20_000);
    assert_eq!(ledger.open_job(&long).err(), Some(full));
    ledger.connection.pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(())).unwrap();
    let entries = ledger.entries(job).unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].outcome.is_none());
    let next = ledger.open_job(&long).unwrap();
    ledger.close(next, JobState::Ended).unwrap();
}

#[test]
fn another_writer_is_waited_for_and_then_told() {
    let (_directory, place) = scratch();
    let mut ledger = open(&place);
    ledger.connection.busy_timeout(Duration::from_millis(20)).unwrap();
    let job = ledger.open_job(&order("a")).unwrap();
    let writer = outside(&place);
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = LedgerError::Locked(place.display().to_string());
    assert_eq!(ledger.before(job, &Intent::Seal, None).err(), Some(locked.clone()));
    assert_eq!(ledger.open_job(&order("b")).err(), Some(locked));
    writer.execute_batch("ROLLBACK").unwrap();
    let _ = ledger.before(job, &Intent::Seal, None).unwrap();
}

fn reason(place: &Path) -> String {
    match SqliteLedger::open(place, clock()) {
        Err(LedgerError::Unusable { reason, path }) => {
            assert_eq!(path, place.display().to_string());
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_a_ledger_is_refused_and_left_alone() {
    let (directory, _) = scratch();
    let noise = directory.path().join("noise");
    std::fs::write(&noise, b"this is not a database, but it is long enough to be taken for one ".repeat(40)).unwrap();
    let before = std::fs::read(&noise).unwrap();
    assert!(reason(&noise).contains("not a database"));
    assert_eq!(std::fs::read(&noise).unwrap(), before);

    let foreign = directory.path().join("foreign");
    outside(&foreign).execute_batch("CREATE TABLE bookmark (url TEXT)").unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert!(reason(&foreign).contains("another program"));
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    let newer = directory.path().join("newer");
    drop(open(&newer));
    outside(&newer).execute_batch("PRAGMA user_version = 3").unwrap();
    assert!(reason(&newer).contains("version is 3"));

    assert!(!reason(directory.path()).is_empty(), "a directory is not a ledger");
}

#[test]
fn a_row_that_cannot_be_read_is_named_without_its_content() {
    let (_directory, place) = scratch();
    let mut ledger = open(&place);
    let job = ledger.open_job(&order("a")).unwrap();
    outside(&place).execute_batch("INSERT INTO entry VALUES (1, 1, '2026-11-23T10:00:00Z', '{\"step\":\"adele\"}')").unwrap();
    assert_eq!(ledger.entries(job).err(), Some(LedgerError::Corrupt("job 1, entry 1".into())));
}

#[test]
fn many_openings_at_once_make_one_ledger() {
    let (_directory, place) = scratch();
    std::thread::scope(|scope| {
        for lane in 0..6 {
            let place = &place;
            scope.spawn(move || {
                let mut ledger = open(place);
                for _ in 0..5 {
                    let job = ledger.open_job(&order(&format!("lane {lane}"))).unwrap();
                    let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
                    ledger.after(ticket, &Outcome::Done).unwrap();
                    ledger.close(job, JobState::Done).unwrap();
                }
            });
        }
    });
    assert_eq!(open(&place).jobs(Some(JobState::Done)).unwrap().len(), 30);
    let claims = place.with_file_name("ledger.sqlite.claims");
    assert_eq!(std::fs::read_dir(claims).unwrap().count(), 0, "no claim file is left behind");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_any_of_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (directory, place) = scratch();
    let mut ledger = open(&place);
    ledger.open_job(&order("a")).unwrap();
    for (name, expected) in [
        ("deep", 0o700),
        ("deep/down", 0o700),
        ("deep/down/ledger.sqlite", 0o600),
        ("deep/down/ledger.sqlite-wal", 0o600),
        ("deep/down/ledger.sqlite-shm", 0o600),
        ("deep/down/ledger.sqlite.claims", 0o700),
        ("deep/down/ledger.sqlite.claims/1", 0o600),
    ] {
        assert_eq!(mode(&directory.path().join(name)), expected, "{name}");
    }
    drop(ledger);
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&place));
    assert_eq!(mode(&place), 0o600, "a copy that was made readable is closed again");
}
