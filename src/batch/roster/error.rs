//! Why there is no roster at all. What is wrong with single rows is a [`super::Fault`].

use crate::advice::{Advice, Advised};

/// Why a roster, or a plan that was made of one, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// It cannot be read.
    #[error("{name} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        name: String,
        /// What the system said.
        reason: String,
    },
    /// It is larger than any roster.
    #[error("{name} is larger than a roster can be: {what}")]
    TooLarge {
        /// Which.
        name: String,
        /// What is too large.
        what: String,
    },
    /// Its characters cannot be told.
    #[error("{name} is in no encoding that is known: {reason}")]
    Encoding {
        /// Which.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// JSON that is none.
    #[error("line {line} of {name} is no JSON: {reason}")]
    Form {
        /// Which.
        name: String,
        /// Where, from 1.
        line: u32,
        /// What the parser said.
        reason: String,
    },
    /// No column says who the users are, or two say the same thing.
    #[error("the columns of {name} make no roster: {reason}")]
    Columns {
        /// Which.
        name: String,
        /// What is wrong with them.
        reason: String,
    },
    /// Nobody is in it.
    #[error("nobody is in {0}")]
    Empty(String),
    /// More than can be prepared at once.
    #[error("{count} users are named, and at most {most} are prepared at once")]
    Crowd {
        /// How many.
        count: usize,
        /// The most.
        most: usize,
    },
    /// A row that would be left out otherwise.
    #[error("line {line} of {name}: {reason}")]
    Row {
        /// Which.
        name: String,
        /// Where, from 1.
        line: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// No such group.
    #[error("the tenant has no group {0}")]
    NoGroup(String),
    /// Several groups of that name.
    #[error("{} groups are called {name}: {}", .ids.len(), .ids.join(", "))]
    SeveralGroups {
        /// The name.
        name: String,
        /// Their object ids.
        ids: Vec<String>,
    },
    /// A plan that cannot be written or read.
    #[error("the plan {name} cannot be used: {reason}")]
    PlanFile {
        /// Which.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A plan that is not as it was written.
    #[error("the plan {0} is not as it was written: its digest does not fit")]
    PlanEdited(String),
}

advice! {
    UNREADABLE: "roster/unreadable", Usage, "The roster cannot be read.", "Check the path and its permissions; `-` reads standard input, `group:NAME` a group of the tenant.";
    TOO_LARGE: "roster/too-large", Usage, "The roster is larger than a roster can be.", "Divide it; if it is not that large, look for a quotation mark that is not closed.";
    ENCODING: "roster/encoding", Usage, "The roster is in no encoding that is known.", "Save it as UTF-8, such as \"CSV UTF-8\" of a spreadsheet.";
    FORM: "roster/form", Usage, "The roster is no JSON.", "Correct it: an array of objects or names, or one object a line.";
    COLUMNS: "roster/columns", Usage, "The columns make no roster.", "Give the columns names in the first line; docs/batch.md has a table of them.";
    EMPTY: "roster/empty", Usage, "Nobody is in the roster.", "Check that it is the right file or group.";
    CROWD: "roster/crowd", Usage, "More users are named than are prepared at once.", "Prepare them in several files.";
    ROW: "roster/row", Usage, "A row of the roster cannot be used.", "Correct the row, or begin it with `#` to leave it out.";
    NO_GROUP: "roster/no-group", Usage, "The tenant has no such group.", "Check the spelling of the group's name, or name it by its object id.";
    SEVERAL_GROUPS: "roster/several-groups", Usage, "Several groups have that name.", "Name the group by its object id, one of those above.";
    PLAN_FILE: "roster/plan-file", Usage, "The plan cannot be written or read.", "Name a file that is not there yet for --plan, and one that --plan wrote for --apply.";
    PLAN_EDITED: "roster/plan-edited", Usage, "The plan is not as it was written; nothing was done.", "Change the roster instead, and make a plan of it anew with --plan.";
}

impl Advised for RosterError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Unreadable { .. } => &UNREADABLE,
            Self::TooLarge { .. } => &TOO_LARGE,
            Self::Encoding { .. } => &ENCODING,
            Self::Form { .. } => &FORM,
            Self::Columns { .. } => &COLUMNS,
            Self::Empty(_) => &EMPTY,
            Self::Crowd { .. } => &CROWD,
            Self::Row { .. } => &ROW,
            Self::NoGroup(_) => &NO_GROUP,
            Self::SeveralGroups { .. } => &SEVERAL_GROUPS,
            Self::PlanFile { .. } => &PLAN_FILE,
            Self::PlanEdited(_) => &PLAN_EDITED,
        }
    }
}
