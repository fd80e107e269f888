//! Ports, readers, the rights to use them, and the keys in them.

use super::{finding, of_error, pass};
use crate::advice::Advised as _;
use crate::cli::station::Station;
use crate::ctap::{CtapError, LinkError, LinkKind};
use crate::enroll::link_line;
use crate::identity::{Finding, Verdict};

/// Where udev looks for rules (udev(7)).
#[cfg(target_os = "linux")]
const RULES: [&str; 4] = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d"];

/// Makes the checks.
pub(super) fn check(station: &Station, findings: &mut Vec<Finding>) {
    places(station, findings);
    #[cfg(target_os = "linux")]
    if !station.settings.training_key {
        findings.push(rules(&RULES.map(std::path::Path::new)));
    }
    each_key(station, findings);
}

/// Whether a rule opens FIDO keys on USB to people: systemd marks them (`60-fido-id.rules`), libfido2 and this program name them.
#[cfg(target_os = "linux")]
fn rules(directories: &[&std::path::Path]) -> Finding {
    let known = |name: &str| name.ends_with("-fido-id.rules") || name.ends_with("-u2f.rules") || name.contains("keywright");
    let names = directories.iter().filter_map(|directory| std::fs::read_dir(directory).ok()).flatten().flatten();
    let mut found: Vec<String> =
        names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| known(name)).collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        return finding("udev", Verdict::Warn, "No udev rule opens security keys on USB to people.", PERMISSION);
    }
    pass("udev", format!("Security keys on USB are opened by {}.", found.join(", ")))
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
fn each_key(station: &Station, findings: &mut Vec<Finding>) {
    let mut bus = match station.bus() {
        Ok(bus) => bus,
        Err(error) => return findings.push(of_error("keys", Verdict::Fail, &error)),
    };
    let links = bus.links();
    let mut desk = station.desk(bus.as_mut());
    match links {
        Ok(links) if links.is_empty() => {
            findings.push(finding("keys", Verdict::Warn, "No security key is there.", "Put one in and run this again."));
        }
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
        LinkError::Busy if !usb => HELD,
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
/// Who holds cards besides FIDO programs.
const HELD: &str = "Close browsers and key tools that may hold it; GnuPG lets go of cards with `gpgconf --kill scdaemon`.";
/// How a person gets the right to use the smart-card service.
const ADMISSION: &str = "The smart-card service lets in only who sits at the machine (polkit). Allow your user the actions \
                         org.debian.pcsc-lite.access_pcsc and access_card; docs/platforms.md has the rule.";

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_key_has_a_remedy_of_its_link() {
        let denied = LinkError::AccessDenied("/dev/hidraw3".into());
        for (error, usb, part) in [
            (&denied, true, "udev"),
            (&denied, false, "polkit"),
            (&LinkError::Busy, true, "browsers"),
            (&LinkError::Busy, false, "scdaemon"),
            (&LinkError::NoService, false, "pcscd"),
        ] {
            assert!(remedy(error, usb).contains(part), "{error}");
        }
    }

    #[test]
    fn rules_that_open_keys_are_known_by_their_names() {
        for (name, verdict) in [
            (None, Verdict::Warn),
            (Some("50-printers.rules"), Verdict::Warn),
            (Some("60-fido-id.rules"), Verdict::Pass),
            (Some("70-u2f.rules"), Verdict::Pass),
            (Some("70-keywright-headless.rules"), Verdict::Pass),
        ] {
            let directory = tempfile::tempdir().unwrap();
            if let Some(name) = name {
                std::fs::write(directory.path().join(name), "").unwrap();
            }
            let nowhere = directory.path().join("nowhere");
            assert_eq!(rules(&[&nowhere, directory.path()]).verdict, verdict, "{name:?}");
        }
    }
}
