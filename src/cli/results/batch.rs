//! What `batch` writes.

use std::path::Path;

use serde::Serialize;

use super::results;
use crate::batch::roster::Fault;
use crate::ledger::{BatchId, NewTask};

results! {
    /// `batch run --plan`.
    BatchPlanned<'a> {
        /// What the roster is called.
        roster: &'a str,
        /// How many users are in it.
        users: usize,
        /// What would be done, a key each.
        tasks: &'a [NewTask],
        /// What a person should know.
        warnings: &'a [String],
        /// Where the plan is.
        file: &'a Path,
        /// SHA-256 over the plan, hexadecimal.
        digest: &'a str,
    }

    /// `batch run --import-only`.
    BatchTaken<'a> {
        /// Number of the batch.
        batch: BatchId,
        /// What the roster is called.
        roster: &'a str,
        /// How many keys are to be made.
        tasks: usize,
        /// What a person should know.
        warnings: &'a [String],
    }

    /// `batch run` of a roster with faults, or of a plan that does not fit any more; nothing was done.
    RosterFaults<'a> {
        /// What the roster is called.
        roster: &'a str,
        /// Everything that is wrong, by row; row 0 is the plan as a whole.
        faults: &'a [Fault],
        /// What a person should know.
        warnings: &'a [String],
    }
}
