//! Events as sentences: what the faces for people say.

use std::fmt::Write as _;
use std::time::Duration;

use crate::ctap::Wait;
use crate::identity::{Finding, Verdict};

use super::streams::harmless;
use super::{Event, HandedBy, Step, Summary, Totals};

/// How a sentence is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Something goes on until something else is said.
    Busy,
    /// A person has to do something now.
    Act,
    /// Something ended well.
    Done,
    /// Good to know.
    Note,
    /// A person should look.
    Warn,
    /// What went on has ended; nothing to say.
    Idle,
}

/// What is said about an event, safe to show.
pub(super) fn say(event: &Event) -> (Tone, String) {
    let (tone, text) = put(event);
    (tone, harmless(&text))
}

fn put(event: &Event) -> (Tone, String) {
    match event {
        Event::InsertKey => (Tone::Act, "Put the security key in a USB port or on the reader.".into()),
        Event::TooManyKeys { keys } => {
            (Tone::Act, format!("More than one key is there: leave only the one that is meant ({}).", keys.join("; ")))
        }
        Event::ChooseKey { keys } => (Tone::Act, format!("Touch the key that is meant ({}).", keys.join("; "))),
        Event::KeyFound { name, serial, aaguid } => (Tone::Done, found(name, serial.as_deref(), aaguid)),
        Event::StepBegins { step } => (Tone::Busy, begin(*step).into()),
        Event::StepDone { note, .. } => (Tone::Done, sentence(note)),
        Event::Found { finding } => judge(finding),
        Event::Surprise { surprise } => {
            (Tone::Note, format!("At the first sign-in: {} {}", sentence(surprise.sentence), surprise.next))
        }
        Event::RemoveKey { reader: false } => (Tone::Act, "Take the key out.".into()),
        Event::RemoveKey { reader: true } => (Tone::Act, "Take the key off the reader.".into()),
        Event::ReturnKey { reader, window, long } => (Tone::Act, put_back(*reader, window.as_secs(), *long)),
        Event::KeyBack { .. } => (Tone::Busy, "The key is back: asking it for the reset.".into()),
        Event::NewChance { reason } => (Tone::Warn, sentence(reason)),
        Event::KeyWaits { wait: Wait::Touch, long: false } => (Tone::Act, "Touch the key now.".into()),
        Event::KeyWaits { wait: Wait::Touch, long: true } => (Tone::Act, "Press the key and hold it for 5 seconds.".into()),
        Event::KeyWaits { wait: Wait::Working, .. } => (Tone::Busy, "The key is working: do not remove it.".into()),
        Event::KeyWaits { wait: Wait::Other(status), .. } => {
            (Tone::Busy, format!("The key is busy (status {status}): do not remove it."))
        }
        Event::KeyIdle | Event::JobOpened { .. } => (Tone::Idle, String::new()),
        Event::Notice { sentence: said } => (Tone::Note, sentence(said)),
        Event::Resuming { job, upn, state } => {
            (Tone::Note, format!("Going on with job {job} for {upn}, which stopped at: {state}."))
        }
        Event::SignIn { url, code: Some(code), life, .. } => (
            Tone::Act,
            format!("Open {url} in a browser, on any machine, and enter the code {code} within {} minutes.", life.as_secs() / 60),
        ),
        Event::SignIn { url, opened: true, .. } => {
            (Tone::Act, format!("Sign in at the browser that has opened. If none has, open this address on this machine: {url}"))
        }
        Event::SignIn { url, .. } => (Tone::Act, format!("Open this address with a browser of this machine and sign in: {url}")),
        Event::TaskBegins { row, upn } => (Tone::Busy, format!("This key is for {upn} (row {row}).")),
        Event::TaskDone => (Tone::Done, "Registered and handed over.".into()),
        Event::TaskFailed { code, message, next } => (Tone::Warn, format!("Given up: {} [{code}] {next}", sentence(message))),
        Event::KeyRefused { reason } => (Tone::Warn, format!("This key is not taken: {}", sentence(reason))),
        Event::KeyMissing { serial, reason } => (Tone::Warn, missing(serial.as_deref(), reason)),
        Event::LaneRests => (Tone::Done, "Nothing is left to do here.".into()),
        Event::Progress { totals } => (Tone::Busy, progress(totals)),
        Event::Surveyed { users, of, left } => (Tone::Busy, surveyed(*users, *of, *left)),
        Event::TenantWaits { delay } => (Tone::Busy, format!("The tenant asks to wait for {} seconds.", delay.as_secs())),
    }
}

fn put_back(reader: bool, window: u64, long: bool) -> String {
    let place = if reader { "Put the same key back on the reader" } else { "Put the same key back in" };
    if long {
        format!("{place}. When it blinks, press it within {window} seconds and hold it for 5.")
    } else {
        format!("{place}, then touch it within {window} seconds when it blinks.")
    }
}

/// A text with a capital at its beginning and a full stop at its end.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    // The name of an account or of a setting keeps its spelling.
    let is_name = text.split_whitespace().next().is_some_and(|word| word.contains(['@', '_']));
    let first = rest.next().into_iter();
    let mut sentence: String = if is_name { first.collect() } else { first.flat_map(char::to_uppercase).collect() };
    sentence.extend(rest);
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

fn found(name: &str, serial: Option<&str>, aaguid: &str) -> String {
    let serial = serial.map_or_else(|| "no serial number".into(), |serial| format!("serial number {serial}"));
    format!("Found {name}, {serial}, AAGUID {aaguid}.")
}

fn missing(serial: Option<&str>, reason: &str) -> String {
    let key = serial.map_or_else(|| "The key".into(), |serial| format!("The key with serial number {serial}"));
    format!("{key} has to come back, to any port: {}", sentence(reason))
}

fn surveyed(users: u64, of: Option<u64>, left: Option<Duration>) -> String {
    let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
    let left = match left.map(|left| left.as_secs()) {
        None => String::new(),
        Some(left @ ..90) => format!(", about {left} seconds left"),
        Some(left) => format!(", about {} minutes left", left.div_ceil(60)),
    };
    format!("{users}{of} users were asked about{left}.")
}

fn progress(totals: &Totals) -> String {
    let Totals { total, done, failed, ready, missing } = totals;
    let mut text = format!("{done} of {total} done");
    for (number, words) in [(ready, "on their way"), (missing, "need their key back"), (failed, "given up")] {
        if *number > 0 {
            let _ = write!(text, ", {number} {words}");
        }
    }
    text.push('.');
    text
}

fn begin(step: Step) -> &'static str {
    match step {
        Step::Preflight => "Checking the user, the policy and the key.",
        Step::Erase => "Wiping the key.",
        Step::Pin => "Setting a temporary PIN.",
        Step::Harden => "Hardening the key.",
        Step::Make => "Making the passkey.",
        Step::Verify => "Checking what the key made.",
        Step::Seal => "Forcing a PIN change.",
        Step::Register => "Registering the passkey with the tenant.",
        Step::Deposit => "Writing the passkey down for the station that registers it.",
        Step::HandOver => "Handing the PIN over.",
    }
}

fn judge(finding: &Finding) -> (Tone, String) {
    let tone = match finding.verdict {
        Verdict::Pass => Tone::Done,
        Verdict::Warn | Verdict::Fail | Verdict::Unknown => Tone::Warn,
    };
    let remedy = if finding.remedy.is_empty() { String::new() } else { format!(" {}", finding.remedy) };
    (tone, format!("{}{remedy}", sentence(&finding.sentence)))
}

/// A summary's lines, the PIN aside.
pub(super) fn summary_fields(summary: &Summary) -> Vec<(String, String)> {
    let forced = if summary.pin_change_forced { "yes, read back from the key" } else { "no: this key cannot" };
    let rows = [
        ("user", Some(summary.upn.clone())),
        ("model", Some(summary.model.clone())),
        ("serial", Some(summary.serial.clone().unwrap_or_else(|| "none".into()))),
        ("aaguid", Some(summary.aaguid.clone())),
        ("passkey name", Some(summary.display_name.clone())),
        ("passkey id", summary.method_id.clone()),
        ("to be registered before", summary.register_before.map(|end| end.to_string())),
        ("PIN change forced", Some(forced.into())),
        ("temporary PIN", summary.hand_over.as_ref().map(whereabouts)),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Where a PIN is that is not on the screen.
fn whereabouts(handed: &HandedBy) -> String {
    let means = match handed.means {
        "letter" => "in a letter",
        "sealed" => "sealed for its recipients",
        "clear" => "in clear",
        other => other,
    };
    let file = handed.file.as_ref().map(|file| format!(", {file}")).unwrap_or_default();
    let held = if handed.confirmed { String::new() } else { format!(", job {} waits to be confirmed", handed.job) };
    format!("{means}{file}{held}")
}

/// What the person who hands the key over has to know about the PIN.
pub(super) fn pin_note(summary: &Summary) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if summary.second_copy {
        notes.push("This PIN was shown before: this is a second copy, and the record says so.");
    }
    if summary.register_before.is_some() {
        notes.push("The passkey is not registered yet: its user can sign in when the results file has been submitted.");
    }
    notes.push(if summary.pin_change_forced {
        "The PIN is temporary: the key refuses to sign in until its user has changed it."
    } else {
        "This key cannot force a PIN change: tell its user to change the PIN before first use, since you know it too."
    });
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_key_or_a_server_reaches_the_terminal_raw() {
        let evil = || "a\u{1b}]0;x\u{7}\r\n\u{9b}2J\u{202e}b".to_owned();
        let finding = Finding { check: "c", verdict: Verdict::Warn, sentence: evil(), remedy: evil() };
        let step = Step::Preflight;
        for event in [
            Event::TooManyKeys { keys: vec![evil()] },
            Event::KeyFound { name: evil(), serial: Some(evil()), aaguid: evil() },
            Event::StepDone { step, note: evil() },
            Event::Found { finding },
            Event::NewChance { reason: evil() },
            Event::Notice { sentence: evil() },
            Event::Resuming { job: 1, upn: evil(), state: evil() },
        ] {
            let (_, said) = say(&event);
            assert!(said.contains("2J") && harmless(&said) == said, "{said:?}");
        }
    }

    #[test]
    fn sentences_have_a_capital_and_a_full_stop() {
        for (text, shown) in [
            ("the key is gone", "The key is gone."),
            ("Wipe it?", "Wipe it?"),
            ("überlauf", "Überlauf."),
            ("pin_length in the profile is 3", "pin_length in the profile is 3."),
            ("adele@contoso.example may", "adele@contoso.example may."),
            ("", "."),
        ] {
            assert_eq!(sentence(text), shown);
        }
    }
}
