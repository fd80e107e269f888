//! Plain lines, for a pipe, a log or a screen that cannot be redrawn: talk on standard error, results on standard output.

use std::fmt::Write as _;
use std::io;

use zeroize::Zeroizing;

use crate::ctap::{Cancel, Wait};
use crate::secret::Pin;

use super::prompt::Keyboard;
use super::streams::{harmless, result, result_that_counts, talk};
use super::words::{Tone, pin_note, say, summary_fields};
use super::{Answer, Block, Event, Face, Problem, Question, Revealed, Sheet, Spot, Summary, Ui};

/// The face of plain lines.
#[derive(Debug)]
pub struct Plain {
    keyboard: Option<Keyboard>,
    verbose: bool,
}

impl Plain {
    /// A face that asks nobody, or the person at the terminal. `verbose` adds what others only look up.
    pub fn new(person: Option<&Cancel>, verbose: bool) -> Self {
        Self { keyboard: person.map(|cancel| Keyboard::new(cancel.clone())), verbose }
    }
}

impl Ui for Plain {
    fn tell(&self, event: &Event) {
        tell("", event);
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        // Lines of several keys are many: what a key does by itself is left out.
        if matches!(event, Event::StepBegins { .. } | Event::StepDone { .. } | Event::KeyBack { .. }) {
            return;
        }
        // Without a key in a port, going on is how every task of a batch gets to its end.
        if spot.lane.is_none() && matches!(event, Event::Resuming { .. }) {
            return;
        }
        let words = spot.words();
        tell(&if words.is_empty() { words } else { format!("[{}] ", harmless(&words)) }, event);
    }

    fn ring(&self) {
        if self.keyboard.is_some() {
            talk("\u{7}");
        }
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        self.keyboard.as_ref()?.decide(question)
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        hand_over(summary, pin)
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        finish(summary)
    }
}

fn tell(before: &str, event: &Event) {
    // In lines that stay, what the key is busy with is noise; what it wants of a person is not.
    if matches!(event, Event::KeyWaits { wait, .. } if *wait != Wait::Touch) {
        return;
    }
    let (tone, sentence) = say(event);
    match tone {
        Tone::Idle => {}
        Tone::Warn => talk(&format!("{before}warning: {sentence}\n")),
        Tone::Busy | Tone::Act | Tone::Done | Tone::Note => talk(&format!("{before}{sentence}\n")),
    }
}

impl Face for Plain {
    fn show(&self, sheet: &Sheet) {
        result(&sheet.text());
    }

    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
        reveal(sheet, revealed)
    }

    fn complain(&self, problem: &Problem) {
        talk(&complaint(problem, self.verbose, &|word| word.to_owned()));
    }

    fn secret(&self, prompt: &str) -> Option<Zeroizing<String>> {
        self.keyboard.as_ref()?.secret(prompt)
    }

    fn has_person(&self) -> bool {
        self.keyboard.is_some()
    }
}

/// Writes the result of an enrolment. The line with the PIN is built in memory that is wiped.
pub(super) fn hand_over(summary: &Summary, pin: &Pin) -> io::Result<()> {
    let fields = summary_fields(summary);
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    result_that_counts(&Sheet { object: serde_json::Value::Null, blocks: vec![Block::Fields(fields)] }.text())?;
    secret_line("temporary PIN", width, pin.expose())?;
    for note in pin_note(summary) {
        talk(&format!("{note}\n"));
    }
    Ok(())
}

/// Writes the result of an enrolment whose PIN went another way.
pub(super) fn finish(summary: &Summary) -> io::Result<()> {
    let fields = Block::Fields(summary_fields(summary));
    result_that_counts(&Sheet { object: serde_json::Value::Null, blocks: vec![fields] }.text())?;
    for note in pin_note(summary) {
        talk(&format!("{note}\n"));
    }
    Ok(())
}

/// Writes a result with a secret in it. Fields before it are aligned with it.
pub(super) fn reveal(sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
    let names = sheet.blocks.iter().filter_map(|block| match block {
        Block::Fields(rows) => rows.iter().map(|(name, _)| name.len()).max(),
        _ => None,
    });
    let width = names.max().unwrap_or(0);
    result_that_counts(&sheet.text())?;
    secret_line(revealed.name, width, revealed.secret.expose())
}

/// A line with a secret, built in memory that is wiped.
fn secret_line(name: &str, width: usize, secret: &str) -> io::Result<()> {
    let mut line = Zeroizing::new(String::with_capacity(256));
    for part in [name, ": ", &" ".repeat(width.saturating_sub(name.len())), secret, "\n"] {
        line.push_str(part);
    }
    result_that_counts(&line)
}

/// An error as it is shown: the sentence with its code, a blank line, the next step.
pub(super) fn complaint(problem: &Problem, verbose: bool, red: &dyn Fn(&str) -> String) -> String {
    let mut text = format!("{} {} [{}]\n", red("error:"), harmless(&problem.message), problem.code);
    if let (true, Some(detail)) = (verbose, &problem.detail) {
        let _ = writeln!(text, "  {}", harmless(detail));
    }
    if let Some(question) = &problem.question {
        let _ = writeln!(text, "  nobody was there to answer: {}", harmless(question));
    }
    let _ = writeln!(text, "\nhint: {}", problem.next);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_cannot_steer_the_terminal() {
        let evil = "a\u{1b}[2J\nhint: b";
        let problem = Problem {
            code: "key/other",
            message: evil.into(),
            next: "Next.",
            detail: Some(evil.into()),
            question: Some(evil.into()),
        };
        let text = complaint(&problem, true, &|word| word.to_owned());
        let harmless = "a\u{fffd}[2J hint: b";
        let lines = [
            format!("error: {harmless} [key/other]\n  {harmless}\n"),
            format!("  nobody was there to answer: {harmless}\n\nhint: Next.\n"),
        ];
        assert_eq!(text, lines.concat());
    }
}
