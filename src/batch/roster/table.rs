//! Rosters as tables: comma, semicolon or tab; with or without a line of names; quoted cells; `#` begins a comment.

use csv::{ReaderBuilder, StringRecord};

use super::columns::Column;
use super::{MOST_COLUMNS, MOST_OF_ROW, Roster, RosterError, too_large};

/// Candidates, in the order that decides between equals.
const DELIMITERS: [u8; 3] = *b";\t,";
/// Length of a GUID.
const GUID: usize = 36;

/// Reads the rows of `text`.
pub(super) fn read(roster: &mut Roster, text: &str) -> Result<(), RosterError> {
    let (begin, named) = separator(text);
    let delimiter = named.unwrap_or_else(|| guess(text));
    let body = text.get(begin..).unwrap_or_default();
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .comment(Some(b'#'))
        .flexible(true)
        .has_headers(false)
        .from_reader(body.as_bytes());
    let mut record = StringRecord::new();
    let mut lines = Lines::new(text);
    let mut shape: Option<Shape> = None;
    loop {
        let from = offset(reader.position()).saturating_add(begin);
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            // The text is UTF-8 and rows may have any length, so there is nothing else to stumble over.
            Err(error) => return Err(RosterError::Unreadable { name: roster.name.clone(), reason: error.to_string() }),
        }
        let line = lines.of_row(from);
        let length = offset(reader.position()).saturating_add(begin).saturating_sub(lines.at);
        if length > MOST_OF_ROW || record.len() > MOST_COLUMNS {
            let what = format!("row {line} has {length} bytes and {} cells", record.len());
            return Err(too_large(&roster.name, what));
        }
        if record.iter().all(|cell| cell.trim().is_empty()) || record.get(0).is_some_and(|cell| cell.trim().starts_with('#')) {
            continue;
        }
        if shape.is_none() {
            let found = Shape::of(roster, line, &record)?;
            let is_row = matches!(found, Shape::Nameless);
            shape = Some(found);
            if !is_row {
                continue;
            }
        }
        if let Some(shape) = &shape {
            shape.row(roster, line, &record)?;
        }
    }
}

fn offset(position: &csv::Position) -> usize {
    usize::try_from(position.byte()).unwrap_or(usize::MAX)
}

/// Line numbers of rows, as an editor counts them.
struct Lines<'a> {
    text: &'a [u8],
    /// How far it has been counted: the beginning of the row.
    at: usize,
    line: u32,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, line: 1 }
    }

    /// The line in which a row begins that was read from this place on: behind what a reader of tables skips.
    fn of_row(&mut self, from: usize) -> u32 {
        let mut comment = false;
        while let Some(byte) = self.text.get(self.at) {
            if self.at >= from && !comment {
                match byte {
                    b'\r' | b'\n' => {}
                    b'#' => comment = true,
                    _ => break,
                }
            }
            if *byte == b'\n' {
                self.line = self.line.saturating_add(1);
                comment = false;
            }
            self.at = self.at.saturating_add(1);
        }
        self.line
    }
}

/// What the cells of each row mean.
enum Shape {
    /// By the line of names.
    Named(Vec<Option<Column>>),
    /// The first cell is the user.
    Nameless,
}

impl Shape {
    /// By the first row.
    fn of(roster: &mut Roster, line: u32, record: &StringRecord) -> Result<Self, RosterError> {
        let columns: Vec<Option<Column>> = record.iter().map(|cell| Column::named(cell.trim())).collect();
        let wrong = |reason| RosterError::Columns { name: roster.name.clone(), reason };
        if !columns.iter().flatten().any(|column| column.is_user()) {
            if is_user_name(record.get(0).unwrap_or_default().trim()) {
                return Ok(Self::Nameless);
            }
            return Err(wrong(format!("row {line} has neither a name for the column of users nor a user in its first cell")));
        }
        for (place, column) in columns.iter().enumerate() {
            if let Some(column) = column
                && columns.iter().take(place).any(|other| other.as_ref() == Some(column))
            {
                return Err(wrong(format!("two of them say {}", column.word())));
            }
        }
        let unknown = record.iter().zip(&columns).filter(|(cell, column)| column.is_none() && !cell.trim().is_empty());
        roster.unused(unknown.map(|(cell, _)| cell.trim()));
        Ok(Self::Named(columns))
    }

    fn row(&self, roster: &mut Roster, line: u32, record: &StringRecord) -> Result<(), RosterError> {
        match self {
            Self::Named(columns) => {
                let known = columns.iter().zip(record).filter_map(|(column, cell)| column.map(|column| (column, cell.trim())));
                roster.take(line, &known.collect::<Vec<_>>())
            }
            Self::Nameless => {
                let user = uncommented(record.get(0).unwrap_or_default());
                let more = record.iter().skip(1).map(str::trim).take_while(|cell| !cell.starts_with('#'));
                let note = "a file without a line of names has the users in its first column, and the others are not used";
                if more.filter(|cell| !cell.is_empty()).count() > 0 && !roster.warnings.iter().any(|warning| warning == note) {
                    roster.warnings.push(note.to_owned());
                }
                roster.take(line, &[(Column::User, user)])
            }
        }
    }
}

/// A cell without the comment behind it. In a name a `#` follows a letter, as in `…#EXT#@…`; a comment follows a blank.
fn uncommented(cell: &str) -> &str {
    cell.split(" #").next().unwrap_or_default().split("\t#").next().unwrap_or_default().trim()
}

/// Whether it looks like a user principal name, a mail address or an object id.
pub(super) fn is_user_name(text: &str) -> bool {
    text.contains('@') || (text.len() == GUID && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
}

/// `sep=;`, as some spreadsheets begin a table: where the table begins, and its delimiter.
fn separator(text: &str) -> (usize, Option<u8>) {
    let line = text.split('\n').next().unwrap_or_default();
    let word = line.trim_end_matches('\r');
    match word.as_bytes() {
        [s, e, p, b'=', named] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") && DELIMITERS.contains(named) => {
            (line.len().saturating_add(1).min(text.len()), Some(*named))
        }
        _ => (0, None),
    }
}

/// The delimiter that makes most of the first row: most names of columns, then most cells.
fn guess(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).unwrap_or_default();
    let first = first.get(..first.floor_char_boundary(MOST_OF_ROW)).unwrap_or_default();
    let score = |delimiter: u8| {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(first.as_bytes());
        let mut record = StringRecord::new();
        // A row that cannot be divided by it has no cells of it.
        let cells = reader.read_record(&mut record).map_or(0, |_| record.len());
        let names = record.iter().filter(|cell| Column::named(cell.trim()).is_some()).count();
        (names, cells)
    };
    // Of equals the last one wins.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}
