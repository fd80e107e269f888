//! A letter goes to `lp` on its standard input: nothing of it is put on a disk here. The job has no name that tells anything.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::handover::HandOverError;

/// Longest that `lp` may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks whether it has ended.
const STEP: Duration = Duration::from_millis(20);
/// Longest complaint that is passed on, in bytes.
const COMPLAINT: u64 = 400;
/// Variables that hold secrets, which are none of the printer's business.
const SECRETS: [&str; 2] = ["IDENTITY_HEADER", "AZURE_CLIENT_SECRET"];

/// Where letters are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Printer {
    /// Where `lp` prints by itself.
    Usual,
    /// On the printer of this name.
    Named(String),
}

/// Prints a PDF.
pub(super) fn print(pdf: &[u8], printer: &Printer, clock: &SharedClock) -> Result<(), HandOverError> {
    let fault = HandOverError::Printer;
    let mut command = Command::new("lp");
    command.args(["-s", "-t", "keywright"]);
    if let Printer::Named(printer) = printer {
        command.args(["-d", printer]);
    }
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEYWRIGHT_") || SECRETS.iter().any(|secret| name == *secret) {
            command.env_remove(name);
        }
    }
    let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| fault(format!("`lp` cannot be started: {error}")))?;
    let Some(mut input) = child.stdin.take() else { return Err(fault("`lp` takes nothing".into())) };
    let (written, ended) = thread::scope(|scope| {
        // Apart, so that a program that does not read is not waited for without end.
        let writer = scope.spawn(move || input.write_all(pdf));
        let ended = wait(&mut child, clock);
        (writer.join(), ended)
    });
    let status = ended.map_err(fault)?;
    if !status.success() {
        return Err(fault(format!("`lp` ended with {status}{}", complaint(&mut child))));
    }
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(fault(format!("`lp` did not take all of it: {error}"))),
        Err(_) => Err(fault("`lp` did not take it".into())),
    }
}

fn wait(child: &mut Child, clock: &SharedClock) -> Result<ExitStatus, String> {
    let until = clock.monotonic().saturating_add(PATIENCE);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if clock.monotonic() < until => clock.sleep(STEP),
            other => {
                // Its end is waited for, so that whoever writes to it is let go.
                let _ = child.kill();
                let _ = child.wait();
                return Err(match other {
                    Err(error) => format!("`lp` cannot be waited for: {error}"),
                    _ => format!("`lp` did not end within {} s", PATIENCE.as_secs()),
                });
            }
        }
    }
}

fn complaint(child: &mut Child) -> String {
    let mut text = Vec::new();
    let Some(stderr) = child.stderr.take() else { return String::new() };
    if stderr.take(COMPLAINT).read_to_end(&mut text).is_err() || text.is_empty() {
        return String::new();
    }
    let words: String = String::from_utf8_lossy(&text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(": {}", words.trim())
}
