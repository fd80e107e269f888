//! One row: cells become values, or faults.

use super::columns::Column;
use super::fault::{Fault, RowError};

/// Longest name of a user in bytes; the directory allows 113 characters.
const MOST_OF_USER: usize = 512;
/// Longest cell of any other column in bytes.
const MOST_OF_CELL: usize = 1024;
/// Longest serial number.
const MOST_OF_SERIAL: usize = 64;
/// Most UTF-16 units of a passkey's name.
pub(super) const MOST_OF_NAME: usize = 30;

/// A row as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Line of the file, from 1; in a group the place of the member.
    pub line: u32,
    /// User principal name, object id or mail address.
    pub user: String,
    /// Serial number of the key that is meant for the user.
    pub serial: Option<String>,
    /// Name of the passkey.
    pub display_name: Option<String>,
    /// Length of the temporary PIN.
    pub pin_length: Option<u8>,
    /// Profile.
    pub profile: Option<String>,
    /// Number of a ticket.
    pub ticket: Option<String>,
    /// Anything.
    pub note: Option<String>,
    /// Which passkey of the user goes once the new one is verified.
    pub replaces: Option<String>,
}

/// The cells of a row: each with its column, in any order.
pub(super) type Cells<'a> = [(Column, &'a str)];

impl Row {
    /// Reads a row. `None` if it has a fault; all of its faults are added.
    pub(super) fn of(line: u32, cells: &Cells<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        let of = |column: Column| cells.iter().find(|(of, text)| *of == column && !text.is_empty()).map(|(_, text)| *text);
        // The order of columns is the order in which they are believed.
        let user = cells.iter().filter(|(column, text)| column.is_user() && !text.is_empty()).min_by_key(|(column, _)| *column);
        let user = user.map(|(_, text)| *text).unwrap_or_default();
        let mut wrong = Vec::new();
        if user.is_empty() {
            wrong.push(RowError::NoUser);
        }
        for (column, text) in cells {
            wrong.extend(flaw(*column, text));
        }
        let pin_length = of(Column::PinLength).map(|text| match text.parse::<u8>() {
            Ok(length @ 4..=63) => Ok(length),
            _ => Err(RowError::PinLength(cut(text))),
        });
        let pin_length = pin_length.transpose().map_err(|error| wrong.push(error)).ok().flatten();
        let units = of(Column::DisplayName).map_or(0, |name| name.encode_utf16().count());
        if units > MOST_OF_NAME {
            wrong.push(RowError::NameTooLong(units));
        }
        if !wrong.is_empty() {
            faults.extend(wrong.iter().map(|error| Fault::new(line, user, error)));
            return None;
        }
        let owned = |column| of(column).map(str::to_owned);
        Some(Self {
            line,
            user: user.to_owned(),
            serial: owned(Column::Serial),
            display_name: owned(Column::DisplayName),
            pin_length,
            profile: owned(Column::Profile),
            ticket: owned(Column::Ticket),
            note: owned(Column::Note),
            replaces: owned(Column::Replaces),
        })
    }
}

/// What is wrong with a cell's content as such.
fn flaw(column: Column, text: &str) -> Option<RowError> {
    let most = if column.is_user() { MOST_OF_USER } else { MOST_OF_CELL };
    let reason = if text.len() > most {
        "it is too long"
    } else if text.chars().any(char::is_control) {
        "it has characters that nobody can see"
    } else if column.is_user() && text.contains(char::is_whitespace) {
        "a user's name has no blanks"
    } else if column == Column::Serial && !text.is_empty() {
        serial_flaw(text)?
    } else {
        return None;
    };
    Some(RowError::Cell { column: column.word(), value: cut(text), reason })
}

fn serial_flaw(text: &str) -> Option<&'static str> {
    if text.len() > MOST_OF_SERIAL || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/".contains(&byte)) {
        return Some("a serial number has letters, digits and dashes");
    }
    // What a spreadsheet makes of a long number: 2.02E+07.
    let (digits, power) = text.split_once("E+").or_else(|| text.split_once("e+"))?;
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (number(digits) && number(power)).then_some("a spreadsheet has shortened the number")
}

/// A value as it is told: not all of it.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
