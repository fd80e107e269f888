//! Names on the command line, or of a roster of which only the users count.

use std::path::PathBuf;

use super::source::{Source, read};
use super::table::is_user_name;
use super::{Roster, RosterError};

/// Most names at once: a file for another station holds a challenge of seven kilobytes for each.
const MOST_NAMES: usize = 4000;

/// The names that these arguments mean: user principal names and object ids as they are, anything else is a roster's file. Nobody is
/// named twice.
///
/// # Errors
/// [`RosterError`]; a row with a fault is one.
pub fn names(arguments: &[String]) -> Result<Vec<String>, RosterError> {
    let mut all: Vec<String> = Vec::new();
    for argument in arguments {
        if is_user_name(argument) {
            all.push(argument.clone());
        } else {
            let roster = read(&Source::File(PathBuf::from(argument)), &mut std::io::empty())?;
            all.extend(users(roster)?);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| seen.insert(name.to_lowercase()));
    match all.len() {
        0 => Err(RosterError::Empty("the command line".into())),
        1..=MOST_NAMES => Ok(all),
        count => Err(RosterError::Crowd { count, most: MOST_NAMES }),
    }
}

/// The users of a roster, each of which has to look like one.
fn users(roster: Roster) -> Result<impl Iterator<Item = String>, RosterError> {
    let of_row = |line, reason: String| Err(RosterError::Row { name: roster.name.clone(), line, reason });
    if let Some(fault) = roster.faults.first() {
        return of_row(fault.row, fault.message.clone());
    }
    if let Some(row) = roster.rows.iter().find(|row| !is_user_name(&row.user)) {
        return of_row(row.line, format!("{:?} is no user principal name", row.user));
    }
    Ok(roster.rows.into_iter().map(|row| row.user))
}
