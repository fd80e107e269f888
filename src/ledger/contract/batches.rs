//! What every store has to keep of batches.

use serde_json::json;

use super::{Opening, order, rule, shape};
use crate::ledger::{
    BatchId, Batches, Failure, Intent, JobId, JobState, KeyPart, LedgerError, NewBatch, NewTask, Outcome, Settled, Task, TaskId,
    TaskState, Wanted,
};

pub(super) fn kept_by(open: Opening<'_>) {
    a_roster_is_kept_in_the_order_of_its_rows(open);
    unknown_batches_and_tasks_are_named(open);
    the_next_task_is_the_first_that_waits(open);
    a_key_that_the_roster_names_gets_its_task(open);
    a_settled_task_says_how_it_ended(open);
    what_is_left_aside_is_not_given_out(open);
    a_lease_is_needed_to_settle(open);
    a_lease_ends_with_its_opening(open);
    a_job_is_bound_to_its_task(open);
    a_task_with_an_open_job_comes_first(open);
    a_job_that_is_done_settles_its_task(open);
    a_released_job_takes_its_task_along(open);
    what_came_along_with_a_closed_job_waits_again(open);
    a_failed_task_is_taken_up_where_it_stopped(open);
    a_batch_is_closed_when_nothing_is_under_way(open);
}

pub(in crate::ledger) fn roster() -> NewBatch {
    NewBatch {
        tenant: "contoso.example".into(),
        operator: "desk".into(),
        roster: "Sommer Müller.csv".into(),
        settings: json!({ "keysPerUser": 2, "nested": [null, 1.5] }),
    }
}

pub(in crate::ledger) fn task(row: u32) -> NewTask {
    NewTask { row, user_id: format!("user-{row}"), upn: format!("user{row}@contoso.example"), ..NewTask::default() }
}

fn for_key(row: u32, serial: &str) -> NewTask {
    NewTask { serial: Some(serial.into()), ..task(row) }
}

pub(super) fn failure() -> Failure {
    Failure { code: "key/gone".into(), sentence: "The key was removed.".into(), next: "Put it back.".into() }
}

fn opened(open: Opening<'_>, tasks: &[NewTask]) -> (Box<dyn Batches + Send>, BatchId, Vec<TaskId>) {
    let mut ledger = open();
    let batch = ledger.open_batch(&roster(), tasks).unwrap();
    let ids = ledger.tasks(batch).unwrap().iter().map(|task| task.id).collect();
    (ledger, batch, ids)
}

fn next(ledger: &mut dyn Batches, batch: BatchId) -> Option<TaskId> {
    ledger.lease(batch, &Wanted::Next).unwrap().map(|task| task.id)
}

/// Opens a job for a leased task.
pub(in crate::ledger) fn job_for(ledger: &mut dyn Batches, task: TaskId) -> Result<JobId, LedgerError> {
    let mut order = order("task");
    order.task = Some(task);
    ledger.open_job(&order)
}

fn a_roster_is_kept_in_the_order_of_its_rows(open: Opening<'_>) {
    let full = NewTask {
        row: 7,
        serial: Some("00123".into()),
        display_name: Some("Schlüssel".into()),
        pin_length: Some(8),
        profile: Some("branch".into()),
        ticket: Some("INC-1".into()),
        note: Some("third floor; \"west\"".into()),
        part: KeyPart::Primary,
        replaces: Some("AbC-_1".into()),
        ..task(7)
    };
    let tasks = [task(9), full.clone(), NewTask { part: KeyPart::Spare, ..task(7) }, task(2)];
    let before = open().batches().unwrap().len();
    let id = open().open_batch(&roster(), &tasks).unwrap();
    let empty = open().open_batch(&roster(), &[]).unwrap();
    let mut ledger = open();
    let batches = ledger.batches().unwrap();
    let told: Vec<BatchId> = batches.iter().skip(before).map(|batch| batch.id).collect();
    assert_eq!(told, [id, empty]);
    let batch = batches.into_iter().find(|batch| batch.id == id).unwrap();
    assert_eq!((batch.order, batch.closed), (roster(), false));
    let told = ledger.tasks(id).unwrap();
    let orders: Vec<&NewTask> = told.iter().map(|task| &task.order).collect();
    assert_eq!(orders, [&tasks[3], &full, &tasks[2], &tasks[0]]);
    for task in &told {
        let Task { batch, state, job, failure, tries, .. } = task.clone();
        assert_eq!((batch, state, job, failure, tries), (id, TaskState::Waiting, None, None, 0));
        assert_eq!(ledger.task(task.id).unwrap(), *task);
    }
    assert!(ledger.tasks(empty).unwrap().is_empty());
    assert_eq!(ledger.lease(empty, &Wanted::Next).unwrap(), None);
}

fn unknown_batches_and_tasks_are_named(open: Opening<'_>) {
    let (mut ledger, batch, ids) = opened(open, &[task(1)]);
    let (other, no_batch, no_task) = (ledger.open_batch(&roster(), &[]).unwrap(), BatchId(9_999_999), TaskId(9_999_999));
    for error in [ledger.tasks(no_batch).err(), ledger.lease(no_batch, &Wanted::Next).err(), ledger.close_batch(no_batch).err()] {
        assert_eq!(error, Some(LedgerError::NoBatch(no_batch)));
    }
    for error in [
        ledger.task(no_task).err(),
        ledger.settle(no_task, &Settled::Done).err(),
        ledger.retry(no_task).err(),
        ledger.lease(batch, &Wanted::Task(no_task)).err(),
        job_for(&mut *ledger, no_task).err(),
    ] {
        assert_eq!(error, Some(LedgerError::NoTask(no_task)));
    }
    let elsewhere = ledger.lease(other, &Wanted::Task(ids[0])).err();
    assert_eq!(elsewhere, Some(LedgerError::NoTask(ids[0])), "a task of another batch");
}

fn the_next_task_is_the_first_that_waits(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1), for_key(2, "9"), task(3), task(4)]);
    let mut theirs = open();
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    assert_eq!(next(&mut *theirs, batch), Some(ids[2]), "that of row 2 is for its key only");
    assert_eq!(next(&mut *ours, batch), Some(ids[3]));
    assert_eq!(next(&mut *ours, batch), None, "what we have is not given to us again");
    let states = |ledger: &mut dyn Batches| ledger.tasks(batch).unwrap().iter().map(|task| task.state).collect::<Vec<_>>();
    let expected = [TaskState::Working, TaskState::Waiting, TaskState::Working, TaskState::Working];
    assert_eq!(states(&mut *theirs), expected);
    assert_eq!(states(&mut *open()), expected);
    ours.settle(ids[3], &Settled::Waiting).unwrap();
    assert_eq!(next(&mut *theirs, batch), Some(ids[3]));
    assert_eq!(ours.lease(batch, &Wanted::Task(ids[2])).unwrap(), None, "theirs");
    assert_eq!(ours.lease(batch, &Wanted::Task(ids[0])).unwrap().map(|task| task.id), Some(ids[0]), "ours, named");
}

fn a_key_that_the_roster_names_gets_its_task(open: Opening<'_>) {
    let tasks = [task(1), for_key(2, "22"), for_key(3, "33"), for_key(4, "33")];
    let (mut ledger, batch, ids) = opened(open, &tasks);
    let mut of = |serials: &[&str]| {
        let wanted = Wanted::Serial(serials.iter().map(|&serial| serial.into()).collect());
        ledger.lease(batch, &wanted).unwrap().map(|task| task.id)
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["1", "2"]), None, "a part of a number is no number");
    assert_eq!(of(&["abc", "33"]), Some(ids[2]), "any spelling will do");
    assert_eq!(of(&["33"]), Some(ids[3]));
    assert_eq!(of(&["33"]), None);
    assert_eq!(ledger.lease(batch, &Wanted::Task(ids[1])).unwrap().map(|task| task.id), Some(ids[1]), "or by its number");
    assert_eq!(next(&mut *ledger, batch), Some(ids[0]));
    assert_eq!(next(&mut *ledger, batch), None);
}

fn a_settled_task_says_how_it_ended(open: Opening<'_>) {
    let rows = [
        (Settled::Done, TaskState::Done, None, 1),
        (Settled::Failed(failure()), TaskState::Failed, Some(failure()), 1),
        (Settled::Waiting, TaskState::Waiting, None, 0),
        (Settled::Cancelled, TaskState::Cancelled, None, 0),
    ];
    for (settled, state, failed, tries) in rows {
        let (mut ledger, batch, ids) = opened(open, &[task(1)]);
        let leased = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
        assert_eq!((leased.state, &leased.order), (TaskState::Working, &task(1)));
        ledger.settle(ids[0], &settled).unwrap();
        drop(ledger);
        let mut ledger = open();
        let told = ledger.task(ids[0]).unwrap();
        assert_eq!((told.state, told.failure, told.tries), (state, failed, tries), "{settled:?}");
        let again = next(&mut *ledger, batch);
        assert_eq!(again.is_some(), settled == Settled::Waiting, "{settled:?}");

        let retried = open().retry(ids[0]);
        if matches!(state, TaskState::Failed | TaskState::Cancelled) {
            retried.unwrap();
            let leased = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
            assert_eq!((leased.id, leased.failure, leased.tries), (ids[0], None, tries), "{settled:?}");
            ledger.settle(ids[0], &Settled::Failed(failure())).unwrap();
            assert_eq!(ledger.task(ids[0]).unwrap().tries, tries.saturating_add(1));
        } else {
            rule(retried);
        }
    }
}

fn what_is_left_aside_is_not_given_out(open: Opening<'_>) {
    let (mut ledger, batch, ids) = opened(open, &[task(1), task(2), task(3)]);
    // The second one is begun, which puts it first.
    ledger.lease(batch, &Wanted::Task(ids[1])).unwrap().unwrap();
    job_for(&mut *ledger, ids[1]).unwrap();
    drop(ledger);
    let mut ledger = open();
    let mut but = |ids: &[TaskId]| ledger.lease(batch, &Wanted::NextBut(ids.to_vec())).unwrap().map(|task| task.id);
    assert_eq!(but(&[ids[1]]), Some(ids[0]));
    assert_eq!(but(&[ids[1], ids[2]]), None);
    assert_eq!(but(&[ids[2]]), Some(ids[1]));
    assert_eq!(but(&[]), Some(ids[2]));
}

fn a_lease_is_needed_to_settle(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1)]);
    let mut theirs = open();
    rule(ours.settle(ids[0], &Settled::Done));
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    rule(theirs.settle(ids[0], &Settled::Failed(failure())));
    ours.settle(ids[0], &Settled::Done).unwrap();
    ours.settle(ids[0], &Settled::Done).unwrap();
    theirs.settle(ids[0], &Settled::Done).unwrap();
    rule(ours.settle(ids[0], &Settled::Waiting));
    assert_eq!(ours.task(ids[0]).unwrap().tries, 1, "what is done is done once");
}

fn a_lease_ends_with_its_opening(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1), task(2)]);
    let mut theirs = open();
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    assert_eq!(next(&mut *theirs, batch), Some(ids[1]));
    let job = job_for(&mut *ours, ids[0]).unwrap();
    assert_eq!(next(&mut *theirs, batch), None);
    drop(ours);
    let told: Vec<TaskState> = theirs.tasks(batch).unwrap().iter().map(|task| task.state).collect();
    assert_eq!(told, [TaskState::Waiting, TaskState::Working]);
    let leased = theirs.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_eq!((leased.id, leased.job), (ids[0], Some(job)));
    theirs.claim(job).unwrap();
    theirs.close(job, JobState::Ended).unwrap();
    theirs.settle(ids[0], &Settled::Waiting).unwrap();
}

fn a_job_is_bound_to_its_task(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1), task(2)]);
    let mut theirs = open();
    rule(job_for(&mut *ours, ids[0]));
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    rule(job_for(&mut *theirs, ids[0]));
    let job = job_for(&mut *ours, ids[0]).unwrap();
    assert_eq!(ours.job(job).unwrap().order.task, Some(ids[0]));
    assert_eq!(theirs.task(ids[0]).unwrap().job, Some(job));
    rule(job_for(&mut *ours, ids[0]));
    for settled in [Settled::Done, Settled::Cancelled] {
        rule(ours.settle(ids[0], &settled));
    }
    ours.close(job, JobState::Ended).unwrap();
    assert_eq!(ours.task(ids[0]).unwrap().state, TaskState::Working, "the lease stays, for another try");
    let second = job_for(&mut *ours, ids[0]).unwrap();
    assert_eq!(theirs.task(ids[0]).unwrap().job, Some(second), "the latest");
    ours.close(second, JobState::Ended).unwrap();
    ours.settle(ids[0], &Settled::Failed(failure())).unwrap();
    rule(job_for(&mut *ours, ids[0]));
}

fn a_task_with_an_open_job_comes_first(open: Opening<'_>) {
    let tasks = [task(1), task(2), for_key(3, "k"), for_key(4, "k")];
    let (mut ours, batch, ids) = opened(open, &tasks);
    for id in [ids[1], ids[3]] {
        assert!(ours.lease(batch, &Wanted::Task(id)).unwrap().is_some());
        job_for(&mut *ours, id).unwrap();
    }
    drop(ours);
    let mut ledger = open();
    let first = ledger.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_eq!((first.id, first.job.is_some()), (ids[1], true));
    assert_eq!(next(&mut *ledger, batch), Some(ids[0]));
    assert_eq!(next(&mut *ledger, batch), None);
    let first = ledger.lease(batch, &Wanted::Serial(vec!["k".into()])).unwrap().unwrap();
    assert_eq!((first.id, first.job.is_some()), (ids[3], true));
    for task in ledger.tasks(batch).unwrap() {
        if let Some(job) = task.job {
            ledger.claim(job).unwrap();
            ledger.close(job, JobState::Ended).unwrap();
        }
    }
}

fn a_job_that_is_done_settles_its_task(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1)]);
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    let job = job_for(&mut *ours, ids[0]).unwrap();
    ours.close(job, JobState::Done).unwrap();
    drop(ours);
    let mut ledger = open();
    let told = ledger.task(ids[0]).unwrap();
    assert_eq!((told.state, told.job, told.tries), (TaskState::Done, Some(job), 1));
    assert_eq!(next(&mut *ledger, batch), None, "nobody gets a second key");
    ledger.settle(ids[0], &Settled::Done).unwrap();
    rule(ledger.retry(ids[0]));
}

fn a_released_job_takes_its_task_along(open: Opening<'_>) {
    let (mut lane, batch, ids) = opened(open, &[task(1), task(2)]);
    let mut registrar = open();
    for id in &ids {
        assert_eq!(next(&mut *lane, batch), Some(*id));
        let job = job_for(&mut *lane, *id).unwrap();
        let ticket = lane.before(job, &Intent::Seal, None).unwrap();
        lane.after(ticket, &Outcome::Sealed { effective: true }).unwrap();
        lane.release(job).unwrap();
        assert_eq!(registrar.lease(batch, &Wanted::Task(*id)).unwrap(), None, "it is not free meanwhile");
        registrar.claim(job).unwrap();
        rule(lane.settle(*id, &Settled::Waiting));
        assert_eq!(registrar.task(*id).unwrap().state, TaskState::Working);
    }
    drop(lane);
    let jobs: Vec<JobId> = registrar.tasks(batch).unwrap().iter().map(|task| task.job.unwrap()).collect();
    assert_eq!(next(&mut *open(), batch), None, "its maker may go");
    registrar.close(jobs[0], JobState::Done).unwrap();
    registrar.close(jobs[1], JobState::Ended).unwrap();
    registrar.settle(ids[1], &Settled::Failed(failure())).unwrap();
    let told: Vec<TaskState> = registrar.tasks(batch).unwrap().iter().map(|task| task.state).collect();
    assert_eq!(told, [TaskState::Done, TaskState::Failed]);
}

fn what_came_along_with_a_closed_job_waits_again(open: Opening<'_>) {
    let (mut lane, batch, ids) = opened(open, &[task(1), task(2)]);
    assert_eq!(next(&mut *lane, batch), Some(ids[0]));
    let job = job_for(&mut *lane, ids[0]).unwrap();
    lane.release(job).unwrap();
    let mut registrar = open();
    registrar.claim(job).unwrap();
    registrar.close(job, JobState::Ended).unwrap();
    let named = lane.lease(batch, &Wanted::Task(ids[0])).unwrap();
    assert_eq!(named, None, "the registrar has it as long as it does nothing else");
    assert_eq!(next(&mut *registrar, batch), Some(ids[0]), "before the others, since it is the first that waits");
    registrar.settle(ids[0], &Settled::Waiting).unwrap();
}

fn a_failed_task_is_taken_up_where_it_stopped(open: Opening<'_>) {
    let (mut ours, batch, ids) = opened(open, &[task(1)]);
    assert_eq!(next(&mut *ours, batch), Some(ids[0]));
    let job = job_for(&mut *ours, ids[0]).unwrap();
    ours.settle(ids[0], &Settled::Failed(failure())).unwrap();
    ours.release(job).unwrap();
    assert_eq!(next(&mut *ours, batch), None);
    let mut theirs = open();
    theirs.retry(ids[0]).unwrap();
    let leased = theirs.lease(batch, &Wanted::Next).unwrap().unwrap();
    assert_eq!((leased.id, leased.job), (ids[0], Some(job)));
    theirs.settle(ids[0], &Settled::Failed(failure())).unwrap();
    // Somebody finishes the job by its number.
    ours.claim(job).unwrap();
    ours.close(job, JobState::Done).unwrap();
    let told = theirs.task(ids[0]).unwrap();
    assert_eq!((told.state, told.failure, told.tries), (TaskState::Done, None, 3));
}

fn a_batch_is_closed_when_nothing_is_under_way(open: Opening<'_>) {
    let (mut ledger, batch, ids) = opened(open, &[task(1), task(2), task(3)]);
    assert_eq!(next(&mut *ledger, batch), Some(ids[0]));
    rule(open().close_batch(batch));
    let job = job_for(&mut *ledger, ids[0]).unwrap();
    ledger.settle(ids[0], &Settled::Failed(failure())).unwrap();
    rule(ledger.close_batch(batch));
    ledger.close(job, JobState::Ended).unwrap();
    ledger.close_batch(batch).unwrap();
    rule(ledger.close_batch(batch));
    rule(ledger.lease(batch, &Wanted::Next));
    rule(ledger.lease(batch, &Wanted::Task(ids[1])));
    rule(ledger.retry(ids[0]));
    drop(ledger);
    let mut ledger = open();
    assert!(ledger.batches().unwrap().iter().any(|one| one.id == batch && one.closed));
    let told: Vec<TaskState> = ledger.tasks(batch).unwrap().iter().map(|task| task.state).collect();
    assert_eq!(told, [TaskState::Failed, TaskState::Waiting, TaskState::Waiting], "what waited is told as it is");
    assert_eq!(shape(&ledger.tasks(batch).unwrap()[0].failure), shape(&Some(failure())));
}
