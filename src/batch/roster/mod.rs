//! Rosters: whom to provision. Reading (`text`, `table`, `json`) is pure and bounded; checking (`check`, `people`) finds every fault
//! before anything is done; a plan holds what would be done and the facts that it was made of.

mod check;
mod columns;
mod error;
mod fault;
mod json;
mod names;
mod people;
mod plan;
mod row;
mod several;
mod source;
mod table;
mod tasks;
#[cfg(test)]
mod tests;
mod text;

pub use error::RosterError;
pub use fault::{Fault, RowError};
pub use names::names;
pub use people::{AskError, Inquiry, Passkey, Person};
pub use plan::Plan;
pub use row::Row;
pub use several::Wishes;
pub use source::{Source, only_group, read};
pub use tasks::Checked;

/// The catalogue rows of rosters.
pub use error::ALL;
/// The catalogue rows of single rows.
pub use fault::ALL as ROWS;

/// Largest roster in bytes.
const MOST_BYTES: usize = 32 << 20;
/// Most rows of a roster.
const MOST_ROWS: usize = 200_000;
/// Most bytes of one row.
const MOST_OF_ROW: usize = 16 << 10;
/// Most columns.
const MOST_COLUMNS: usize = 64;

/// A roster as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// What it is called: the file, `standard input` or the group.
    pub name: String,
    /// The rows that could be read, in their order.
    pub rows: Vec<Row>,
    /// What is wrong with rows.
    pub faults: Vec<Fault>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Roster {
    /// Reads a roster's bytes: a table or JSON, in any encoding that spreadsheets write.
    ///
    /// # Errors
    /// [`RosterError`], where there are no rows to speak of.
    pub fn of(name: &str, bytes: Vec<u8>) -> Result<Self, RosterError> {
        if bytes.len() > MOST_BYTES {
            return Err(too_large(name, format!("more than {} MiB", MOST_BYTES >> 20)));
        }
        let decoded = text::decode(name, bytes)?;
        let mut roster = Self { name: name.to_owned(), ..Self::default() };
        roster.warnings.extend(decoded.warning.map(str::to_owned));
        if decoded.text.trim_start().starts_with(['[', '{']) {
            json::read(&mut roster, &decoded.text)?;
        } else {
            table::read(&mut roster, &decoded.text)?;
        }
        roster.rows.shrink_to_fit();
        if roster.rows.is_empty() && roster.faults.is_empty() { Err(RosterError::Empty(roster.name)) } else { Ok(roster) }
    }

    /// Takes a row in; one that cannot be read becomes a fault.
    fn take(&mut self, line: u32, cells: &row::Cells<'_>) -> Result<(), RosterError> {
        if self.rows.len().saturating_add(self.faults.len()) >= MOST_ROWS {
            return Err(too_large(&self.name, format!("more than {MOST_ROWS} rows")));
        }
        match Row::of(line, cells, &mut self.faults) {
            Some(row) => self.rows.push(row),
            None => log::debug!("row {line} of {} has a fault", self.name),
        }
        Ok(())
    }

    /// Says that these columns are not used.
    fn unused<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let names: Vec<String> = names.into_iter().map(|name| name.chars().take(40).collect()).collect();
        match names.as_slice() {
            [] => {}
            [one] => self.warnings.push(format!("the column {one:?} is not known and not used")),
            several => self.warnings.push(format!("the columns {} are not known and not used", several.join(", "))),
        }
    }
}

fn too_large(name: &str, what: String) -> RosterError {
    RosterError::TooLarge { name: name.to_owned(), what }
}
