//! How a report is written down, piece by piece.

use serde::{Deserialize, Serialize};

use super::csv::csv_line;
use super::row::{COMPAT, MORE};
use super::{Row, Tally};

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// CSV, delimited by `;`.
    Csv,
    /// CSV with the columns of Export-Fido2Info.ps1 and no other.
    ExportFido2Info,
    /// A list of objects.
    Json,
    /// A table, and one with the totals.
    Markdown,
}

impl Form {
    /// What stands before the first row.
    pub fn head(self) -> String {
        let mut text = String::new();
        match self {
            Self::Csv | Self::ExportFido2Info => csv_line(&mut text, ';', self.columns().map(ToOwned::to_owned)),
            Self::Json => text.push('['),
            Self::Markdown => {
                markdown_line(&mut text, self.columns().map(ToOwned::to_owned));
                markdown_line(&mut text, self.columns().map(|_| "---".to_owned()));
            }
        }
        text
    }

    /// A row; `first` if none stands before it.
    pub fn row(self, text: &mut String, row: &Row<'_>, first: bool) {
        match self {
            Self::Csv | Self::ExportFido2Info => csv_line(text, ';', row.cells(self == Self::Csv)),
            Self::Json => {
                text.push_str(if first { "\n" } else { ",\n" });
                text.push_str(&serde_json::to_string(&row.written()).unwrap_or_default());
            }
            Self::Markdown => markdown_line(text, row.cells(true)),
        }
    }

    /// What stands after the last row.
    pub fn tail(self, tally: &Tally) -> String {
        let mut text = String::new();
        match self {
            Self::Csv | Self::ExportFido2Info => {}
            Self::Json => text.push_str("\n]\n"),
            Self::Markdown => {
                text.push('\n');
                for row in [["Passkeys", "AAGUID", "Model"], ["---:", "---", "---"]] {
                    markdown_line(&mut text, row.map(ToOwned::to_owned));
                }
                for count in tally.models() {
                    let aaguid = count.aaguid.map(|aaguid| aaguid.to_string());
                    let model = count.model.clone();
                    markdown_line(&mut text, [count.passkeys.to_string(), aaguid.unwrap_or_default(), model.unwrap_or_default()]);
                }
            }
        }
        text
    }

    fn columns(self) -> impl Iterator<Item = &'static str> {
        let more = if self == Self::ExportFido2Info { &[][..] } else { &MORE };
        COMPAT.into_iter().chain(more.iter().copied())
    }
}

/// A line of a table; what would end a cell, or be taken for markup, is escaped.
fn markdown_line(text: &mut String, cells: impl IntoIterator<Item = String>) {
    text.push('|');
    for cell in cells {
        text.push(' ');
        for letter in cell.chars() {
            match letter {
                letter if letter.is_control() => text.push(' '),
                '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' => text.extend(['\\', letter]),
                letter => text.push(letter),
            }
        }
        text.push_str(" |");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_markup() {
        let mut text = String::new();
        markdown_line(&mut text, ["a|b".to_owned(), "<img src=x>\n# x".to_owned(), "[x](y)".to_owned()]);
        assert_eq!(text, "| a\\|b | \\<img src=x\\> # x | \\[x\\](y) |\n");
    }
}
