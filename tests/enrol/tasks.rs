//! Enrolments for tasks of a batch: whatever dies when, a task is done once.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use keywright::enroll::Order;
use keywright::ledger::{
    BatchId, Batches as _, Failure, JobState, KeyPart, Ledger as _, LedgerError, NewBatch, NewTask, Settled, TaskId, TaskState,
    Wanted,
};
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};

use crate::deaths::{agreed, check, sure};
use crate::support::world::{World, helpful};

fn order() -> NewBatch {
    NewBatch {
        tenant: "contoso.example".into(),
        operator: "desk".into(),
        roster: "box.csv".into(),
        settings: serde_json::Value::Null,
    }
}

fn task(part: KeyPart) -> NewTask {
    NewTask { row: 1, upn: agreed().user, part, ..NewTask::default() }
}

fn batch(world: &World, parts: &[KeyPart]) -> BatchId {
    world.ledger().open_batch(&order(), &parts.iter().copied().map(task).collect::<Vec<_>>()).unwrap()
}

/// What a lane does: leases, enrols, settles. `None` if nothing waits.
fn work(world: &World, batch: BatchId, point: Option<FaultPoint>, writes: &mut u32) -> Option<bool> {
    let face = sure();
    let point = point.unwrap_or(FaultPoint { write: u32::MAX, fault: LedgerFault::Full });
    // Without the panic hook: a death is no failure of the test.
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let run = catch_unwind(AssertUnwindSafe(|| {
        let task = ledger.lease(batch, &Wanted::Next).ok().flatten()?;
        let order = Order { task: Some(task.id), ..agreed() };
        let summary = world.enroll_with(&face, &order, helpful, &mut ledger).ok();
        if let Some(summary) = &summary {
            check(world, summary, &face.pin(), world.registered(), "a task");
            let _ = ledger.settle(task.id, &Settled::Done);
        }
        Some(summary.is_some())
    }));
    *writes = ledger.writes();
    run.unwrap_or(Some(false))
}

#[test]
fn a_task_is_done_once_whatever_write_is_the_last() {
    for fault in [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter] {
        for write in 1.. {
            let name = format!("{fault:?} at write {write}");
            let world = World::new(&Model::STANDARD);
            let batch = batch(&world, &[KeyPart::Only]);
            let mut writes = 0;
            work(&world, batch, Some(FaultPoint { write, fault }), &mut writes);
            while work(&world, batch, None, &mut 0).is_some() {}
            let mut ledger = world.ledger();
            let tasks = ledger.tasks(batch).unwrap();
            assert_eq!((tasks[0].state, tasks[0].tries), (TaskState::Done, 1), "{name}");
            assert_eq!(world.registered(), 1, "{name}");
            let done = ledger.jobs(Some(JobState::Done)).unwrap();
            assert_eq!((done.len(), done[0].order.task), (1, Some(tasks[0].id)), "{name}");
            assert_eq!(ledger.jobs(Some(JobState::Open)).unwrap().len(), 0, "{name}");
            ledger.verify(None).unwrap();
            if writes < write {
                // Leased; opened; PIN, make, seal, register, hand over, two rows each; closed; settled.
                assert_eq!(writes, 14, "{name}");
                break;
            }
        }
    }
}

#[test]
fn a_spare_key_is_not_taken_for_the_unfinished_first_one() {
    let world = World::new(&Model::STANDARD);
    let batch = batch(&world, &[KeyPart::Primary, KeyPart::Spare]);
    // The first key is pulled, so to say, when its passkey was made.
    let point = FaultPoint { write: 7, fault: LedgerFault::HaltBefore };
    assert_eq!(work(&world, batch, Some(point), &mut 0), Some(false));
    let mut ledger = world.ledger();
    let spare = ledger.tasks(batch).unwrap()[1].id;
    let leased = ledger.lease(batch, &Wanted::Task(spare)).unwrap().unwrap();
    assert_eq!(leased.job, None);
    let face = sure();
    let order = Order { task: Some(spare), ..agreed() };
    world.enroll_with(&face, &order, helpful, &mut ledger).unwrap();
    let jobs: Vec<_> = ledger.jobs(None).unwrap().iter().map(|job| (job.id, job.state)).collect();
    // It is the same key here, which was wiped for the second job.
    assert_eq!((jobs[0].1, jobs[1].1), (JobState::Ended, JobState::Done));
    let tasks = ledger.tasks(batch).unwrap();
    assert_eq!((tasks[1].state, tasks[1].job), (TaskState::Done, Some(jobs[1].0)));
    // The first task, whose job was ended, waits for another key, here as well.
    let leased = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_eq!((leased.id, leased.job), (tasks[0].id, Some(jobs[0].0)));
}

/// A write of a batch as a whole, and whether it was done.
type Whole = (&'static str, fn(&mut FaultyLedger, Option<BatchId>) -> Result<(), LedgerError>, fn(&World) -> bool);

#[test]
fn a_batch_is_taken_in_given_another_chance_and_closed_wholly_or_not_at_all() {
    let failed = || Settled::Failed(Failure { code: "key/gone".into(), sentence: "Gone.".into(), next: "Put it back.".into() });
    let tasks = |world: &World| world.ledger().tasks(BatchId(1)).unwrap();
    let writes: [Whole; 3] = [
        (
            "open-batch",
            |ledger, _| ledger.open_batch(&order(), &[task(KeyPart::Primary), task(KeyPart::Spare)]).map(drop),
            |world| world.ledger().batches().unwrap().len() == 1,
        ),
        (
            "retry",
            |ledger, _| ledger.retry(TaskId(1)),
            |world| world.ledger().task(TaskId(1)).unwrap().state == TaskState::Waiting,
        ),
        (
            "close-batch",
            |ledger, batch| ledger.close_batch(batch.expect("a batch")),
            |world| world.ledger().batches().unwrap()[0].closed,
        ),
    ];
    for (name, write, done) in writes {
        for fault in [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter] {
            let world = World::new(&Model::STANDARD);
            let taken = (name != "open-batch").then(|| batch(&world, &[KeyPart::Primary, KeyPart::Spare]));
            if let Some(batch) = taken {
                let mut ledger = world.ledger();
                let task = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
                ledger.settle(task.id, &failed()).unwrap();
            }
            let at = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
            let told = std::sync::Arc::clone(&at);
            let halt = Box::new(move |write: &str| {
                write.clone_into(&mut told.lock().unwrap());
                resume_unwind(Box::new("dead"))
            });
            let mut ledger = FaultyLedger::new(Box::new(world.ledger()), FaultPoint { write: 1, fault }, halt);
            let died = catch_unwind(AssertUnwindSafe(|| write(&mut ledger, taken)));
            drop(ledger);
            let name = format!("{name} {fault:?}");
            match fault {
                LedgerFault::Full => assert!(matches!(died, Ok(Err(LedgerError::Full(_)))), "{name}"),
                _ => assert!(died.is_err() && name.starts_with(&*at.lock().unwrap()), "{name}"),
            }
            assert_eq!(done(&world), fault == LedgerFault::HaltAfter, "{name}");
            world.ledger().verify(None).unwrap();
            if !done(&world) {
                let never = FaultPoint { write: u32::MAX, fault };
                write(&mut FaultyLedger::new(Box::new(world.ledger()), never, Box::new(|_: &str| {})), taken).unwrap();
            }
            assert!(done(&world), "{name}");
            assert_eq!(tasks(&world).len(), 2, "{name}: all of its tasks, once");
            world.ledger().verify(None).unwrap();
        }
    }
}
