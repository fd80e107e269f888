//! Lines of CSV (RFC 4180) in which no cell is taken for a formula.

use std::fmt::Write as _;

/// Adds a line, ended by CR and LF. Every cell is quoted.
pub fn csv_line(text: &mut String, delimiter: char, cells: impl IntoIterator<Item = String>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            text.push(delimiter);
        }
        let _ = write!(text, "\"{}\"", plain(&cell).replace('"', "\"\""));
    }
    text.push_str("\r\n");
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe before it.
fn plain(cell: &str) -> String {
    let cell: String = cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let begins = cell.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if begins { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_becomes_a_formula() {
        for (cell, shown) in [
            ("adele@contoso.example", "adele@contoso.example"),
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            (" +1", "' +1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "' =1"),
            ("a\r\nb", "a  b"),
            ("", ""),
        ] {
            assert_eq!(plain(cell), shown);
        }
        let mut text = String::new();
        csv_line(&mut text, ';', ["a\"b".to_owned(), "=1".to_owned()]);
        assert_eq!(text, "\"a\"\"b\";\"'=1\"\r\n");
    }
}
