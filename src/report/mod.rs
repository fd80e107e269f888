//! Reports about a whole tenant, written row by row: nothing is collected but what is counted.

mod csv;
mod draft;
mod filter;
mod form;
mod row;
mod tally;

pub use csv::csv_line;
pub use draft::{Bookmark, Draft};
pub use filter::{ANY, Filter, Owning};
pub use form::Form;
pub use row::{Row, WrittenRow};
pub use tally::{ModelCount, Tally};
