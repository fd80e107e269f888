//! The two streams of the program: results go to one, talk to the other. A reader that has gone away is an error only where
//! a PIN is handed over.

use std::io::{self, IsTerminal as _, Write as _};

/// Writes a result to standard output. The text ends with a line break, so that nothing of it stays in a buffer.
pub(super) fn result(text: &str) {
    let _ = result_that_counts(text);
}

/// As [`result`], and says whether it got there.
pub(super) fn result_that_counts(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

/// Writes talk to standard error.
pub(super) fn talk(text: &str) {
    let mut stream = io::stderr().lock();
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// Whether talk goes to a terminal.
pub fn talk_is_seen() -> bool {
    io::stderr().is_terminal()
}

/// Whether somebody can type.
pub fn keyboard_is_there() -> bool {
    io::stdin().is_terminal()
}

/// Turns colours on or off, for both streams.
pub fn set_colours(on: bool) {
    console::set_colors_enabled(on);
    console::set_colors_enabled_stderr(on);
}

/// A text from outside, made safe to show: control characters and those that turn the writing direction are replaced,
/// so that neither a key nor a server can move the cursor or fake a line.
pub(super) fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\n' {
                ' '
            } else if is_unruly(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Whether a character steers a terminal or hides what is written. All of them have four hex digits.
pub(super) fn is_unruly(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_from_outside_cannot_steer_the_terminal() {
        for (text, shown) in [
            ("YubiKey 5", "YubiKey 5"),
            ("\u{1b}[2Jkey", "\u{fffd}[2Jkey"),
            ("a\nerror: b", "a error: b"),
            ("abc\u{202e}cba", "abc\u{fffd}cba"),
            ("Müller 鍵", "Müller 鍵"),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }
}
