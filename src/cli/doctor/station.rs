//! What the station keeps: ledger, sealed PINs, the ways that PINs go, the keyring, metadata.

use super::{finding, of_error, pass};
use crate::cli::hand_over::HandOverArgs;
use crate::cli::station::Station;
use crate::identity::{Finding, Verdict};
use crate::ledger::JobState;
use crate::metadata::MetadataError;

const UPDATE: &str = "Run `keywright metadata update`.";

/// Makes the checks.
pub(super) fn check(station: &Station, findings: &mut Vec<Finding>) {
    findings.push(ledger(station));
    findings.push(match station.safe() {
        Ok(_) => pass("safe", "Temporary PINs can be sealed to this station."),
        Err(error) => of_error("safe", Verdict::Fail, &error),
    });
    findings.push(match station.handing(&HandOverArgs::default()) {
        Ok(handing) => pass("hand-over", format!("PINs go their way: {}.", handing.means())),
        Err(error) => of_error("hand-over", Verdict::Fail, &error),
    });
    findings.push(keyring());
    findings.push(metadata(station));
}

/// Only a person's sign-in outlives a command, and only there.
#[cfg(feature = "keyring")]
fn keyring() -> Finding {
    match crate::cli::keyring::status() {
        Ok(()) => pass("keyring", "A person's sign-in is kept in the keyring of this system."),
        Err(reason) => finding(
            "keyring",
            Verdict::Warn,
            format!("A person's sign-in ends with the command: {reason}."),
            "Unlock the keyring or start its service; applications with a certificate need none.",
        ),
    }
}

/// Only a person's sign-in would outlive a command there.
#[cfg(not(feature = "keyring"))]
fn keyring() -> Finding {
    pass("keyring", "This build has none: a person's sign-in ends with the command.")
}

/// Whether attestations can be followed to a root, and how old the word of the FIDO Alliance is.
fn metadata(station: &Station) -> Finding {
    let check = "metadata";
    let now = station.clock.now();
    let kept = station.metadata_store().and_then(|store| Ok(store.load(station.metadata_roots(), now)?));
    let wanted = station.settings.profile.as_ref().is_ok_and(|profile| profile.switch("prove_attestation").unwrap_or(false));
    match kept {
        Ok(None) if wanted => {
            finding(check, Verdict::Fail, "The profile wants keys to prove their model, and no signed metadata is here.", UPDATE)
        }
        Ok(None) => pass(check, "No signed metadata is here, so attestations are not followed to a root of their model."),
        Ok(Some(blob)) if blob.is_due(now) => {
            let sentence =
                format!("The signed metadata has number {}, and its next was due on {}.", blob.number, blob.next_update);
            finding(check, Verdict::Warn, sentence, UPDATE)
        }
        Ok(Some(blob)) => {
            pass(check, format!("The signed metadata has number {}; its next is due on {}.", blob.number, blob.next_update))
        }
        Err(error @ crate::cli::CliError::Metadata(MetadataError::NotValidNow(_))) if !wanted => {
            of_error(check, Verdict::Warn, &error)
        }
        Err(error) => of_error(check, Verdict::Fail, &error),
    }
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
        Ok((place, open)) => {
            let sentence = format!("{place}; {open} unfinished.");
            finding("ledger", Verdict::Warn, sentence, "See them with `keywright resume --list`.")
        }
        Err(error) => of_error("ledger", Verdict::Fail, &error),
    }
}
