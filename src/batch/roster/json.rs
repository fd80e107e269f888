//! Rosters as JSON: an array of objects or names, or one object a line.

use serde_json::{Map, Value};

use super::columns::Column;
use super::fault::{Fault, RowError};
use super::{MOST_COLUMNS, MOST_OF_ROW, Roster, RosterError, too_large};

/// Reads the rows of `text`.
pub(super) fn read(roster: &mut Roster, text: &str) -> Result<(), RosterError> {
    let mut unknown = Vec::new();
    let begin = text.len().saturating_sub(text.trim_start().len());
    if text.get(begin..).is_some_and(|rest| rest.starts_with('[')) {
        array(roster, text, begin, &mut unknown)?;
    } else {
        lines(roster, text, &mut unknown)?;
    }
    roster.unused(unknown.iter().map(String::as_str));
    Ok(())
}

fn lines(roster: &mut Roster, text: &str, unknown: &mut Vec<String>) -> Result<(), RosterError> {
    for (line, number) in text.lines().zip(1..) {
        if line.len() > MOST_OF_ROW {
            return Err(too_large(&roster.name, format!("row {number} has {} bytes", line.len())));
        }
        match serde_json::from_str(line) {
            Ok(value) => element(roster, number, value, unknown)?,
            Err(_) if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
            Err(error) => roster.faults.push(unreadable(number, format!("it is no JSON: {error}"))),
        }
    }
    Ok(())
}

/// Walks through an array element by element, so that each has its line and no more than one is held at a time.
fn array(roster: &mut Roster, text: &str, begin: usize, unknown: &mut Vec<String>) -> Result<(), RosterError> {
    let mut walk = Walk { text, at: begin.saturating_add(1), counted: 0, line: 1 };
    let mut first = true;
    loop {
        match (walk.peek(), first) {
            (Some(']'), _) => break,
            (Some(','), false) => walk.at = walk.at.saturating_add(1),
            (Some(_), true) => {}
            (Some(other), false) => return Err(walk.broken(&roster.name, format!("{other:?} stands where a comma or ] belongs"))),
            (None, _) => return Err(walk.broken(&roster.name, "the array does not end".into())),
        }
        first = false;
        if walk.peek().is_none() {
            continue;
        }
        let line = walk.line();
        let mut values = serde_json::Deserializer::from_str(walk.rest()).into_iter::<Value>();
        let value = match values.next() {
            Some(Ok(value)) => value,
            Some(Err(error)) => return Err(walk.broken(&roster.name, error.to_string())),
            None => return Err(walk.broken(&roster.name, "the array does not end".into())),
        };
        let length = values.byte_offset();
        if length > MOST_OF_ROW {
            return Err(too_large(&roster.name, format!("the entry in line {line} has {length} bytes")));
        }
        walk.at = walk.at.saturating_add(length);
        element(roster, line, value, unknown)?;
    }
    walk.at = walk.at.saturating_add(1);
    if walk.peek().is_some() { Err(walk.broken(&roster.name, "something stands behind the array".into())) } else { Ok(()) }
}

/// A place in the text and its line.
struct Walk<'a> {
    text: &'a str,
    at: usize,
    counted: usize,
    line: u32,
}

impl<'a> Walk<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is no blank; moves there.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
        trimmed.chars().next()
    }

    fn line(&mut self) -> u32 {
        let breaks = self.text.get(self.counted..self.at).unwrap_or_default().matches('\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.counted = self.at;
        self.line
    }

    fn broken(&mut self, name: &str, reason: String) -> RosterError {
        RosterError::Form { name: name.to_owned(), line: self.line(), reason }
    }
}

fn unreadable(line: u32, reason: String) -> Fault {
    Fault::new(line, "", &RowError::Unreadable(reason))
}

fn element(roster: &mut Roster, line: u32, value: Value, unknown: &mut Vec<String>) -> Result<(), RosterError> {
    match value {
        Value::String(user) => roster.take(line, &[(Column::User, user.trim())]),
        Value::Object(members) => object(roster, line, &members, unknown),
        _ => {
            roster.faults.push(unreadable(line, "it is neither an object nor a name".into()));
            Ok(())
        }
    }
}

fn object(roster: &mut Roster, line: u32, members: &Map<String, Value>, unknown: &mut Vec<String>) -> Result<(), RosterError> {
    if members.len() > MOST_COLUMNS {
        return Err(too_large(&roster.name, format!("the entry in line {line} has {} members", members.len())));
    }
    let mut cells: Vec<(Column, String)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let Some(column) = Column::named(name) else {
            if !unknown.contains(name) && unknown.len() < MOST_COLUMNS {
                unknown.push(name.clone());
            }
            continue;
        };
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                roster.faults.push(unreadable(line, format!("its {} is neither text nor a number", column.word())));
                return Ok(());
            }
        };
        if cells.iter().any(|(other, _)| *other == column) {
            roster.faults.push(unreadable(line, format!("two members say {}", column.word())));
            return Ok(());
        }
        cells.push((column, text));
    }
    let cells: Vec<(Column, &str)> = cells.iter().map(|(column, text)| (*column, text.as_str())).collect();
    roster.take(line, &cells)
}
