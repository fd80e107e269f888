//! `doctor`: everything that could stop you, checked and explained.

mod keys;
mod station;
mod tenant;

use super::results::Checkup;
use super::station::Station;
use crate::advice::{Advised, Exit};
use crate::identity::{Finding, Verdict};
use crate::ui::{Block, Problem, Sheet, sentence};

/// Makes every check; fails if one of them did.
pub(super) fn run(station: &Station) -> Exit {
    let mut findings = Vec::new();
    keys::check(station, &mut findings);
    tenant::check(station, &mut findings);
    station::check(station, &mut findings);
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    station.face.show(&Sheet::new(&Checkup { checks: &findings, ok: !failed }, vec![table(&findings)]));
    if failed { Exit::Failed } else { Exit::Done }
}

/// Findings for people.
pub(super) fn table(findings: &[Finding]) -> Block {
    let rows = findings.iter().map(|finding| {
        let word = match finding.verdict {
            Verdict::Pass => "ok",
            Verdict::Warn => "look",
            Verdict::Fail => "wrong",
            Verdict::Unknown => "unknown",
        };
        let remedy = if finding.remedy.is_empty() { String::new() } else { format!(" {}", finding.remedy) };
        vec![word.to_owned(), finding.check.to_owned(), format!("{}{remedy}", sentence(&finding.sentence))]
    });
    Block::Table { head: vec!["VERDICT", "CHECK", "FOUND"], rows: rows.collect() }
}

/// A check that went well.
pub(super) fn pass(check: &'static str, sentence: impl Into<String>) -> Finding {
    Finding { check, verdict: Verdict::Pass, sentence: sentence.into(), remedy: String::new() }
}

/// A check that ended with an error: its sentence, and its next step as the remedy.
pub(super) fn of_error(check: &'static str, verdict: Verdict, error: &dyn Advised) -> Finding {
    let Problem { message, next, .. } = Problem::of(error);
    Finding { check, verdict, sentence: message, remedy: next.to_owned() }
}

/// A check that has something to say.
pub(super) fn finding(check: &'static str, verdict: Verdict, sentence: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding { check, verdict, sentence: sentence.into(), remedy: remedy.into() }
}
