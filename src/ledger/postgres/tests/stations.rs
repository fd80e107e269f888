//! Many stations at one ledger: each task is done once, whoever dies or is slow.
#![expect(clippy::print_stdout, reason = "figures, and what a process of its own tells the one that started it")]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock as _, SystemClock};
use crate::ledger::contract::{self, order, sealed};
use crate::ledger::postgres::tests::{FOREVER, another_station, let_leases_expire, number, outside, place};
use crate::ledger::postgres::{Address, LeaseTimes, PostgresLedger, PostgresPlace};
use crate::ledger::{
    BatchId, Batches as _, Intent, JobId, JobState, Ledger as _, LedgerError, NewBatch, NewJob, NewTask, Outcome, Settled,
    TaskId, TaskState, Wanted,
};

const TASKS: u32 = 1000;

fn batch(ledger: &mut PostgresLedger, count: u32) -> BatchId {
    let order = NewBatch {
        tenant: "contoso.example".into(),
        operator: "desk".into(),
        roster: "people.csv".into(),
        settings: serde_json::json!({}),
    };
    let tasks: Vec<NewTask> = (1..=count).map(|row| NewTask { row, upn: format!("user{row}"), ..NewTask::default() }).collect();
    ledger.open_batch(&order, &tasks).unwrap()
}

fn job_for(task: TaskId) -> NewJob {
    NewJob { task: Some(task), ..order("a") }
}

/// Leases until nothing is left, with a job and its steps for each task; returns how many it did.
fn work_through(ledger: &mut PostgresLedger, batch: BatchId) -> u32 {
    let mut done = 0;
    while let Some(task) = ledger.lease(batch, &Wanted::Next).unwrap() {
        assert_eq!((task.state, task.job), (TaskState::Working, None));
        let job = ledger.open_job(&job_for(task.id)).unwrap();
        let ticket = ledger.before(job, &Intent::Seal, None).unwrap();
        ledger.after(ticket, &Outcome::Sealed { effective: true }).unwrap();
        ledger.close(job, JobState::Done).unwrap();
        done += 1;
    }
    done
}

fn each_done_once(place: &PostgresPlace, batch: BatchId, count: u32) {
    let mut ledger = place.open().unwrap();
    let tasks = ledger.tasks(batch).unwrap();
    assert_eq!(tasks.len(), usize::try_from(count).unwrap());
    assert!(tasks.iter().all(|task| task.state == TaskState::Done && task.tries == 1));
    let mut client = outside(place.address());
    for (what, query) in [
        ("jobs", "SELECT count(*) FROM keywright.job WHERE state = 'done'"),
        ("tasks of jobs", "SELECT count(DISTINCT task) FROM keywright.job"),
        ("settlements", "SELECT count(*) FROM keywright.settlement"),
    ] {
        assert_eq!(number(&mut client, query), i64::from(count), "{what}");
    }
    assert_eq!(number(&mut client, "SELECT (SELECT count(*) FROM keywright.claim) + (SELECT count(*) FROM keywright.lease)"), 0);
    ledger.verify(None).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn of_eight_stations_racing_for_a_thousand_tasks_each_is_done_once() {
    let place = place();
    let batch = batch(&mut place.open().unwrap(), TASKS);
    let done = AtomicU32::new(0);
    let clock = SystemClock::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| done.fetch_add(work_through(&mut another_station(&place), batch), Ordering::SeqCst));
        }
    });
    let seconds = clock.monotonic().as_secs_f64();
    println!("eight stations: {TASKS} tasks in {seconds:.1} s, {:.0} a second", f64::from(TASKS) / seconds);
    assert_eq!(done.into_inner(), TASKS);
    each_done_once(&place, batch, TASKS);
}

#[test]
#[ignore = "a measurement: hw-tests/bench/run"]
fn claims_a_second() {
    let place = place();
    contract::races::claims_a_second("PostgreSQL", &mut || Box::new(another_station(&place)));
}

/// Part of a process of its own: what to do there.
const PART: &str = "KEYWRIGHT_TEST_PART";

fn process(address: &Address, part: &str) -> Child {
    let name = "ledger::postgres::tests::stations::in_a_process_of_its_own";
    let url = super::url_of(address.database());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(PART, format!("{part} {url}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the line in which a process says how far it is.
fn said(child: &mut Child, beginning: &str) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.find_map(|line| line.strip_prefix(beginning).map(ToOwned::to_owned)).unwrap()
}

#[test]
#[ignore = "is run by tests of this file, in a process of its own"]
fn in_a_process_of_its_own() {
    let Ok(part) = std::env::var(PART) else { return };
    let (part, url) = part.split_once(' ').unwrap();
    let place = PostgresPlace::new(Address::parse(url).unwrap(), FOREVER);
    let mut ledger = place.open().unwrap();
    let batch = ledger.batches().unwrap()[0].id;
    if part == "race" {
        println!("\ndid {}", work_through(&mut ledger, batch));
        return;
    }
    let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
    let job = ledger.open_job(&job_for(task.id)).unwrap();
    let _ = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&sealed(7))).unwrap();
    println!("\ndid {}", job.0);
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn processes_race_as_well() {
    let place = place();
    let batch = batch(&mut place.open().unwrap(), 200);
    let stations = [(); 3].map(|()| process(place.address(), "race"));
    let done = stations.map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).unwrap();
        told.lines().find_map(|line| line.strip_prefix("did ")).unwrap().parse::<u32>().unwrap()
    });
    assert_eq!(done.iter().sum::<u32>(), 200);
    each_done_once(&place, batch, 200);
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn what_a_killed_station_had_begun_is_taken_up_first_once_its_lease_is_over() {
    let place = place();
    let mut ours = place.open().unwrap();
    let batch = batch(&mut ours, 3);
    let mut station = process(place.address(), "die");
    let job = JobId(said(&mut station, "did ").parse().unwrap());
    station.kill().unwrap();
    station.wait().unwrap();
    assert_eq!(ours.claim(job).unwrap_err(), LedgerError::Claimed(job), "nobody knows yet that it is dead");
    let task = ours.job(job).unwrap().order.task.unwrap();
    assert_eq!(ours.lease(batch, &Wanted::Task(task)).unwrap(), None);
    assert_eq!(ours.task(task).unwrap().state, TaskState::Working);
    let fresh = ours.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_ne!(fresh.id, task);

    let_leases_expire(place.address());
    let mut other = another_station(&place);
    let found = other.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_eq!((found.id, found.job, found.state), (task, Some(job), TaskState::Working));
    assert!(matches!(other.open_job(&job_for(task)), Err(LedgerError::Rule(_))), "no second job beside it");
    other.claim(job).unwrap();
    let entries = other.entries(job).unwrap();
    assert!(entries.len() == 1 && entries[0].outcome.is_none(), "in doubt, as it was left");
    assert_eq!(other.pin(job, 1).unwrap(), Some(sealed(7)));
    other.close(job, JobState::Done).unwrap();
    assert_eq!(other.task(task).unwrap().state, TaskState::Done);
    other.verify(None).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn who_lost_a_lease_writes_nothing_more() {
    let place = place();
    let mut slow = place.open().unwrap();
    let batch = batch(&mut slow, 2);
    let task = slow.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    let job = slow.open_job(&job_for(task)).unwrap();
    let ticket = slow.before(job, &Intent::Seal, None).unwrap();
    let_leases_expire(place.address());
    let head = slow.verify(None).unwrap().head;

    let mut other = another_station(&place);
    assert_eq!(other.lease(batch, &Wanted::Next).unwrap().unwrap().id, task);
    other.claim(job).unwrap();
    let lost = |result: Result<(), LedgerError>| assert!(matches!(result, Err(LedgerError::LeaseLost(_))), "{result:?}");
    lost(slow.before(job, &Intent::Seal, None).map(drop));
    lost(slow.after(ticket, &Outcome::Done));
    lost(slow.close(job, JobState::Done));
    lost(slow.release(job));
    lost(slow.settle(task, &Settled::Waiting));
    assert_eq!(slow.claim(job).unwrap_err(), LedgerError::Claimed(job));
    assert_eq!(slow.verify(None).unwrap().head, head, "not one row");
    // Whoever took it over gives it back, and it can be taken up again.
    drop(other);
    slow.claim(job).unwrap();
    slow.close(job, JobState::Ended).unwrap();
    slow.settle(task, &Settled::Waiting).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn an_expired_lease_that_nobody_took_is_still_ours() {
    let place = place();
    let mut slow = place.open().unwrap();
    let job = slow.open_job(&order("a")).unwrap();
    let_leases_expire(place.address());
    let _ = slow.before(job, &Intent::Seal, None).unwrap();
    assert_eq!(another_station(&place).claim(job).unwrap_err(), LedgerError::Claimed(job), "and the write made it last on");
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_pulse_keeps_what_is_worked_on_slowly() {
    let times = LeaseTimes { length: Duration::from_secs(10_000), beat: Duration::from_millis(20) };
    let place = PostgresPlace::new(super::database(), times);
    let mut slow = place.open().unwrap();
    let batch = batch(&mut slow, 1);
    let task = slow.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    let job = slow.open_job(&job_for(task)).unwrap();
    let mut client = outside(place.address());
    let clock = SystemClock::new();
    // Three times in a row: all that beats need is time.
    for _ in 0..3 {
        let_leases_expire(place.address());
        let alive = "SELECT (SELECT count(*) FROM keywright.claim WHERE until > clock_timestamp())
            + (SELECT count(*) FROM keywright.lease WHERE until > clock_timestamp())";
        while number(&mut client, alive) < 2 {
            assert!(clock.monotonic() < Duration::from_secs(20), "no beat came");
        }
        assert_eq!(another_station(&place).claim(job).unwrap_err(), LedgerError::Claimed(job));
        assert_eq!(another_station(&place).lease(batch, &Wanted::Next).unwrap(), None);
    }
    // The pulse ends with what it is for.
    drop(slow);
    let gone = "SELECT count(*) FROM keywright.claim";
    assert_eq!(number(&mut client, gone), 0);
    another_station(&place).claim(job).unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_batch_is_not_closed_while_somebody_leases_from_it() {
    let place = place();
    let mut ours = place.open().unwrap();
    for _ in 0..10 {
        let batch = batch(&mut ours, 1);
        let leased = thread::scope(|scope| {
            let lessee = scope.spawn(|| {
                let mut other = another_station(&place);
                let leased = other.lease(batch, &Wanted::Next);
                (leased, other)
            });
            let closed = ours.close_batch(batch);
            let (leased, other) = lessee.join().unwrap();
            assert_ne!(closed.is_ok(), matches!(leased, Ok(Some(_))), "{closed:?} {leased:?}");
            other
        });
        drop(leased);
    }
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_hundred_thousand_tasks_are_taken_in_at_once() {
    let place = place();
    let mut ledger = place.open().unwrap();
    let clock = SystemClock::new();
    let batch = batch(&mut ledger, 100_000);
    let taken = clock.monotonic();
    let told = ledger.tasks(batch).unwrap().len();
    let told_in = clock.monotonic().saturating_sub(taken);
    let links = ledger.verify(None).unwrap().links;
    let verified = clock.monotonic().saturating_sub(taken).saturating_sub(told_in);
    println!("100,000 tasks: taken in within {taken:.1?}, told in {told_in:.1?}, verified in {verified:.1?}");
    assert_eq!((told, links), (100_000, 100_001));
    // 5 s is what is promised of a built program; here nothing is optimised and other tests run beside it.
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}
