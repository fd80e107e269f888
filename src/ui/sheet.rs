//! A result to show: the same facts as lines for people and as one object for scripts.

use std::fmt::Write as _;

use console::measure_text_width;
use serde::Serialize;
use serde_json::Value;

use super::streams::harmless;

/// What a command found or did.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// For scripts: the `result` member.
    pub object: Value,
    /// For people.
    pub blocks: Vec<Block>,
}

/// A part of a sheet, in the order in which it is shown.
#[derive(Clone, Debug)]
pub enum Block {
    /// Aligned `name: value` lines.
    Fields(Vec<(String, String)>),
    /// A table with a line of names.
    Table {
        /// Column names.
        head: Vec<&'static str>,
        /// Rows, one cell a column.
        rows: Vec<Vec<String>>,
    },
    /// One line of text.
    Line(String),
    /// Text that is a result in itself (a completion script, a profile) and goes out as it is.
    Raw(String),
}

impl Sheet {
    /// A sheet whose object is the serialised `value`.
    pub fn new(value: &impl Serialize, blocks: Vec<Block>) -> Self {
        Self { object: serde_json::to_value(value).unwrap_or(Value::Null), blocks }
    }

    /// The lines for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            block.write(&mut text);
        }
        text
    }
}

impl Block {
    /// Fields from names and values; a value that is missing is left out.
    pub fn fields<N: Into<String>>(rows: impl IntoIterator<Item = (N, Option<String>)>) -> Self {
        Self::Fields(rows.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect())
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Fields(rows) => {
                let width = rows.iter().map(|(name, _)| measure_text_width(name)).max().unwrap_or(0);
                for (name, value) in rows {
                    let gap = width.saturating_sub(measure_text_width(name));
                    let _ = writeln!(text, "{name}: {:gap$}{}", "", harmless(value));
                }
            }
            Self::Table { head, rows } => table(text, head, rows),
            Self::Line(line) => {
                text.push_str(&harmless(line));
                text.push('\n');
            }
            Self::Raw(raw) => text.push_str(raw),
        }
    }
}

fn table(text: &mut String, head: &[&'static str], rows: &[Vec<String>]) {
    let head = head.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| harmless(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain(std::iter::once(&head)).filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(&head).chain(&rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let gap = width.saturating_sub(measure_text_width(cell));
            format!("{cell}{:gap$}", "")
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_tables_are_aligned() {
        let fields =
            Block::fields([("serial", Some("42".to_owned())), ("temporary PIN", Some("1\n2".to_owned())), ("gone", None)]);
        let table = Block::Table {
            head: vec!["ID", "NAME"],
            rows: vec![vec!["long-id".into(), "ü".into()], vec!["b\u{9b}".into(), "c".into()]],
        };
        let sheet = Sheet::new(&(), vec![fields, table, Block::Line("end\u{1b}".into())]);
        let expected = "serial:        42\ntemporary PIN: 1 2\nID       NAME\nlong-id  ü\nb\u{fffd}       c\nend\u{fffd}\n";
        assert_eq!(sheet.text(), expected);
    }
}
