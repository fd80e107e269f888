//! Many jobs: rosters, and enrolments in two places (`docs/two-places.md`).

mod export;
pub mod inventory;
pub mod lanes;
mod later;
mod offline;
mod outcome;
mod prepare;
mod prepared;
mod replace;
mod results;
pub mod roster;
pub mod run;
mod submit;
mod undo;

use crate::advice::Advised;

pub use export::{Exported, csv};
pub use later::{LaterTenant, Shelf, ShelfError, Waybill, pick};
pub use offline::{Made, make_all};
pub use outcome::{Standing, TaskOutcome};
pub use prepare::{Preparation, prepare, prepare_one};
pub use prepared::{Prepared, PreparedFile, PreparedTenant};
pub use replace::{Choice, credentials_of, serials_of};
pub use results::{BeginError, ResultOf, Results, ResultsFile};
pub use roster::{RosterError, names};
pub use submit::{Submission, submit_all};
pub use undo::{ALL, UndoError, Undone, undo};

/// Somebody for whom it was not done, and why.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Refusal {
    /// User principal name, or what the roster says.
    pub upn: String,
    /// Stable code.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// The next step.
    pub next: &'static str,
}

impl Refusal {
    /// By an error.
    pub fn new(upn: impl Into<String>, error: &impl Advised) -> Self {
        let advice = error.advice();
        Self { upn: upn.into(), code: advice.code, message: error.to_string(), next: advice.next }
    }
}
