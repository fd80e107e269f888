//! What every store has to keep when many work at once, and what its chain proves.

use std::thread;

use super::batches::{failure, job_for, roster, task};
use super::{Opening, order, sealed};
use crate::clock::{Clock as _, SystemClock};
use crate::ledger::{BatchId, Batches, Intent, JobState, LedgerError, NewTask, Outcome, Settled, TaskState, Wanted};

/// Tasks of the race, and how many race for them.
const TASKS: u32 = 48;
const STATIONS: usize = 8;

pub(super) fn kept_by(open: Opening<'_>) {
    many_stations_do_each_task_once(open);
    the_chain_holds_and_grows(open);
}

fn many_stations_do_each_task_once(open: Opening<'_>) {
    let tasks: Vec<NewTask> = (1..=TASKS).map(task).collect();
    let batch = open().open_batch(&roster(), &tasks).unwrap();
    let stations: Vec<_> = (0..STATIONS).map(|_| open()).collect();
    let works: Vec<_> = stations.into_iter().map(|station| thread::spawn(move || work(station, batch))).collect();
    let done: usize = works.into_iter().map(|work| work.join().unwrap()).sum();
    assert_eq!(done, tasks.len());
    let mut ledger = open();
    for task in ledger.tasks(batch).unwrap() {
        assert_eq!((task.state, task.tries), (TaskState::Done, 1), "{task:?}");
        let jobs = ledger.jobs(None).unwrap();
        assert_eq!(jobs.iter().filter(|job| job.order.task == Some(task.id)).count(), 1, "one job a task");
    }
    ledger.verify(None).unwrap();
}

/// One station, until nothing waits.
fn work(mut station: Box<dyn Batches + Send>, batch: BatchId) -> usize {
    let mut done = 0;
    while let Some(task) = station.lease(batch, &Wanted::Next).unwrap() {
        let job = job_for(&mut *station, task.id).unwrap();
        let ticket = station.before(job, &Intent::SetPin { draw: 1 }, Some(&sealed(1))).unwrap();
        station.after(ticket, &Outcome::Done).unwrap();
        station.close(job, JobState::Done).unwrap();
        station.settle(task.id, &Settled::Done).unwrap();
        done += 1;
    }
    done
}

/// So many stations lease tasks and say that they are done, which is what lanes do beside each other; told as a row of
/// a table.
#[expect(clippy::print_stdout, reason = "a measurement")]
pub(in crate::ledger) fn claims_a_second(store: &str, open: Opening<'_>) {
    const ROUNDS: usize = 7;
    const EACH: u32 = 400;
    for stations in [1, 2, 4, 8] {
        let mut rates: Vec<u128> = (0..ROUNDS).map(|_| claims(stations, EACH, open)).collect();
        rates.sort_unstable();
        println!("performance claims | {store} | {stations} | {} |", rates[ROUNDS / 2]);
    }
}

fn claims(stations: usize, tasks: u32, open: Opening<'_>) -> u128 {
    let tasks: Vec<NewTask> = (1..=tasks).map(task).collect();
    let batch = open().open_batch(&roster(), &tasks).unwrap();
    let stations: Vec<_> = (0..stations).map(|_| open()).collect();
    let clock = SystemClock::new();
    thread::scope(|scope| {
        for mut station in stations {
            scope.spawn(move || {
                while let Some(task) = station.lease(batch, &Wanted::Next).unwrap() {
                    station.settle(task.id, &Settled::Done).unwrap();
                }
            });
        }
    });
    u128::from(u32::try_from(tasks.len()).unwrap()) * 1_000_000 / clock.monotonic().as_micros()
}

fn the_chain_holds_and_grows(open: Opening<'_>) {
    let mut ledger = open();
    let first = ledger.verify(None).unwrap();
    assert_eq!(first.since, None);
    let mut expected = first.links;
    let mut grown = |ledger: &mut dyn Batches, by: u64, what: &str| {
        let now = ledger.verify(Some(&first.head)).unwrap();
        expected += by;
        assert_eq!((now.links, now.since), (expected, Some(expected - first.links)), "{what}");
    };
    let batch = ledger.open_batch(&roster(), &[task(1), task(2)]).unwrap();
    grown(&mut *ledger, 3, "a batch and its tasks");
    let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    grown(&mut *ledger, 0, "a lease is no step");
    let job = job_for(&mut *ledger, task).unwrap();
    let ticket = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&sealed(9))).unwrap();
    ledger.after(ticket, &Outcome::Done).unwrap();
    grown(&mut *ledger, 3, "a job, an entry, an outcome");
    ledger.release(job).unwrap();
    ledger.claim(job).unwrap();
    grown(&mut *ledger, 0, "a claim is no step");
    ledger.close(job, JobState::Done).unwrap();
    grown(&mut *ledger, 2, "a closing, which settles the task");
    let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap().id;
    ledger.settle(task, &Settled::Waiting).unwrap();
    grown(&mut *ledger, 0, "what waited waits");
    ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
    ledger.settle(task, &Settled::Failed(failure())).unwrap();
    ledger.retry(task).unwrap();
    ledger.close_batch(batch).unwrap();
    grown(&mut *ledger, 3, "a failure, a retry, a closed batch");
    let now = ledger.verify(Some(&format!(" {}\n", first.head.to_uppercase()))).unwrap();
    assert_eq!(open().verify(Some(&now.head)).unwrap().since, Some(0));
    for strange in ["", "00", &first.head[1..], &"0".repeat(64)] {
        let told = ledger.verify(Some(strange)).err();
        assert!(matches!(told, Some(LedgerError::Tampered { .. })), "{strange}: {told:?}");
    }
    let other = ledger.open_job(&order("after")).unwrap();
    ledger.close(other, JobState::Ended).unwrap();
    grown(&mut *ledger, 2, "a job without a task");
}
