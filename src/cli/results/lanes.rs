//! What the commands about batches at work write.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::results;
use crate::batch::{Exported, Refusal, Standing};
use crate::ledger::{BatchId, Failure, JobId, TaskId};

results! {
    /// `batch run` and `batch resume`, when no lane works any more.
    BatchWorked<'a> {
        /// The batch.
        batch: BatchId,
        /// Its tasks.
        total: usize,
        /// Done, in this run or before.
        done: usize,
        /// Given up, in this run or before.
        failed: &'a [BatchFailure<'a>],
        /// Waiting for another run.
        waiting: usize,
        /// Those of them that only the station can go on with which began them, and what to do.
        others: &'a [BatchFailure<'a>],
        /// In the hands of other stations.
        elsewhere: usize,
        /// The lanes.
        lanes: Vec<BatchLane<'a>>,
    }

    /// A task that was given up, or waits for another station.
    BatchFailure<'a> {
        /// Row of the roster.
        row: u32,
        /// User principal name.
        upn: &'a str,
        /// Stable code.
        code: &'a str,
        /// The sentence.
        message: &'a str,
        /// The next step.
        next: &'a str,
    }

    /// What one lane did with its time.
    BatchLane<'a> {
        /// Port or reader.
        lane: &'a str,
        /// Keys that it finished.
        keys: u32,
        /// Seconds from its first key to the end of its last one.
        seconds: u64,
        /// Per mille of them in which a key was at work.
        at_work: u64,
        /// Per mille of them in which hands were waited for.
        hands: u64,
    }

    /// `batch status`.
    BatchList<'a> {
        /// Every batch.
        batches: Vec<BatchRow<'a>>,
    }

    /// A batch.
    BatchRow<'a> {
        /// Its number.
        batch: BatchId,
        /// Its roster.
        roster: &'a str,
        /// Its tenant.
        tenant: &'a str,
        /// When it was opened.
        #[cfg_attr(test, schemars(with = "crate::shape::Moment"))]
        opened: Timestamp,
        /// Its tasks.
        total: usize,
        /// Done.
        done: usize,
        /// Given up.
        failed: usize,
        /// Waiting.
        waiting: usize,
        /// In work.
        working: usize,
        /// Not to be done any more.
        cancelled: usize,
    }

    /// `batch status BATCH`.
    BatchStatus<'a> {
        /// The batch.
        batch: BatchId,
        /// Its roster.
        roster: &'a str,
        /// Its tasks.
        tasks: Vec<BatchTask<'a>>,
    }

    /// A task.
    BatchTask<'a> {
        /// Its number.
        task: TaskId,
        /// Row of the roster.
        row: u32,
        /// User principal name.
        upn: &'a str,
        /// Where it stands.
        state: Standing,
        /// Its latest job.
        job: Option<JobId>,
        /// Serial number of its key.
        serial: Option<&'a str>,
        /// Why it was given up.
        failure: Option<&'a Failure>,
    }

    /// `batch retry`.
    BatchRetried<'a> {
        /// The batch.
        batch: BatchId,
        /// The rows that wait again.
        rows: &'a [u32],
    }

    /// `batch undo`.
    BatchUndone<'a> {
        /// The batch.
        batch: BatchId,
        /// Whose passkeys were removed.
        removed: &'a [String],
        /// Who had none of this batch.
        without: &'a [String],
        /// Whose passkeys stay, and why.
        refused: &'a [Refusal],
    }

    /// `batch export`.
    BatchExport<'a> {
        /// The batch.
        batch: BatchId,
        /// Its rows.
        rows: &'a [Exported],
        /// The file that they are in, if not here alone.
        file: Option<&'a Path>,
    }
}
