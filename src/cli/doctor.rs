//! `doctor`: everything that could stop you, checked and explained.

use super::CliError;
use super::hand_over::HandOverArgs;
use super::results::Checkup;
use super::station::Station;
use crate::advice::{Advised, Exit};
use crate::ctap::{CtapError, LinkError, LinkKind};
use crate::enroll::link_line;
use crate::identity::{Finding, Verdict};
use crate::ledger::JobState;
use crate::ui::{Block, Problem, Sheet, sentence};

/// Makes every check; fails if one of them did.
pub(super) fn run(station: &Station) -> Exit {
    let mut findings = Vec::new();
    places(station, &mut findings);
    keys(station, &mut findings);
    profile(station, &mut findings);
    findings.push(ledger(station));
    findings.push(match station.safe() {
        Ok(_) => pass("safe", "Temporary PINs can be sealed to this station."),
        Err(error) => of_error("safe", Verdict::Fail, &error),
    });
    findings.push(match station.handing(&HandOverArgs::default()) {
        Ok(handing) => pass("hand-over", format!("PINs go their way: {}.", handing.means())),
        Err(error) => of_error("hand-over", Verdict::Fail, &error),
    });
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

/// Ports, readers and the services behind them.
fn places(station: &Station, findings: &mut Vec<Finding>) {
    if station.settings.training_key {
        findings.push(pass("ports", "The training key needs no port."));
        return;
    }
    for report in station.system_bus().survey() {
        let check = if report.place == "USB" { "ports" } else { "readers" };
        findings.push(match report.found {
            Ok(found) if found.is_empty() => pass(check, format!("{}: nothing is there.", report.place)),
            Ok(found) => pass(check, format!("{}: {}.", report.place, found.join(", "))),
            // The other kind of link may be all that is needed.
            Err(error) => {
                let remedy = remedy(&error, report.place == "USB").to_owned();
                Finding { remedy, ..of_error(check, Verdict::Warn, &error) }
            }
        });
    }
}

/// Every key that is there: can it be opened and asked?
fn keys(station: &Station, findings: &mut Vec<Finding>) {
    let mut bus = match station.bus() {
        Ok(bus) => bus,
        Err(error) => return findings.push(of_error("keys", Verdict::Fail, &error)),
    };
    let links = bus.links();
    let mut desk = station.desk(bus.as_mut());
    match links {
        Ok(links) if links.is_empty() => findings.push(Finding {
            check: "keys",
            verdict: Verdict::Warn,
            sentence: "No security key is there.".into(),
            remedy: "Put one in and run this again.".into(),
        }),
        Ok(links) => findings.extend(links.iter().map(|link| match desk.open(link) {
            Ok(key) => pass("keys", format!("{} answers, AAGUID {}.", link_line(link), key.info().aaguid)),
            Err(CtapError::Link(error)) => {
                let remedy = remedy(&error, link.kind == LinkKind::Usb).to_owned();
                Finding { remedy, ..of_error("keys", Verdict::Fail, &error) }
            }
            Err(error) => of_error("keys", Verdict::Fail, &error),
        })),
        Err(error) => findings.push(of_error("keys", Verdict::Warn, &error)),
    }
}

/// The next step; for a permission it is one of the platform and the kind of link.
fn remedy(error: &LinkError, usb: bool) -> &'static str {
    match error {
        LinkError::AccessDenied(_) if usb => PERMISSION,
        LinkError::AccessDenied(_) if cfg!(target_os = "linux") => ADMISSION,
        other => other.advice().next,
    }
}

/// How a person gets the right to talk to keys on USB.
#[cfg(target_os = "linux")]
const PERMISSION: &str = "At a desk, install the udev rules for FIDO keys (`apt-get install libfido2-1`, or `libu2f-udev` on \
                          older systems); without a desk (SSH, a server, a container), install keywright's \
                          udev/70-keywright-headless.rules and join the group `keywright`. Then take the key out and put it back.";
/// How a person gets the right to talk to keys on USB.
#[cfg(not(target_os = "linux"))]
const PERMISSION: &str = "Allow the terminal to watch input devices (on macOS: Privacy & Security, Input Monitoring).";
/// How a person gets the right to use the smart-card service.
const ADMISSION: &str = "The smart-card service lets in only who sits at the machine (polkit). Allow your user the actions \
                         org.debian.pcsc-lite.access_pcsc and access_card; docs/platforms.md has the rule.";

fn profile(station: &Station, findings: &mut Vec<Finding>) {
    if station.settings.training_tenant {
        findings.push(pass("profile", "The training tenant needs no profile."));
    } else {
        match station.tenant_profile() {
            Ok(profile) => {
                let path =
                    station.settings.profile().ok().and_then(|file| file.path.as_deref()).map(|path| path.display().to_string());
                let origin = path.unwrap_or_else(|| "flags and variables".into());
                findings.push(pass(
                    "profile",
                    format!("Tenant {} as application {}, from {origin}.", profile.tenant, profile.client_id),
                ));
            }
            // Keys can be looked after without a tenant.
            Err(error @ CliError::NoProfile(_)) if station.settings.profile_name.is_none() => {
                findings.push(of_error("profile", Verdict::Warn, &error));
                return;
            }
            Err(error) => {
                findings.push(of_error("profile", Verdict::Fail, &error));
                return;
            }
        }
    }
    findings.push(match station.provider().and_then(|mut tenant| Ok(tenant.sign_in()?)) {
        Ok(()) => pass("sign-in", "The tenant gave a token."),
        Err(error) => of_error("sign-in", Verdict::Fail, &error),
    });
}

fn ledger(station: &Station) -> Finding {
    let counted = station.ledger().and_then(|mut ledger| {
        let open = ledger.jobs(Some(JobState::Open))?.len();
        let place = station.ledger_place()?;
        let server = place.server()?.map(|server| format!(" ({server})")).unwrap_or_default();
        Ok((format!("{place}{server}"), open))
    });
    match counted {
        Ok((place, 0)) => pass("ledger", format!("{place}; nothing is unfinished.")),
        Ok((place, open)) => Finding {
            check: "ledger",
            verdict: Verdict::Warn,
            sentence: format!("{place}; {open} unfinished."),
            remedy: "See them with `keywright resume --list`.".into(),
        },
        Err(error) => of_error("ledger", Verdict::Fail, &error),
    }
}
