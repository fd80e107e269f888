//! What is publicly known against a key, judged before anything on it changes.

use super::error::EnrolError;
use crate::aaguid::Aaguid;
use crate::ctap::Authenticator;
use crate::identity::{Finding, Verdict};
use crate::metadata::blob::{Blob, Entry, Report};
use crate::metadata::{Exposure, Severity, Version, exposures, firmware_matters};

/// Name of the check.
const CHECK: &str = "key/advisories";
/// Name of the check of what the FIDO Alliance says.
const STATUS: &str = "key/fido-status";
/// How bad it is when the FIDO Alliance takes its word for a model back.
const WITHDRAWN: Severity = Severity::High;
/// USB vendor id of Yubico, on whose keys the version of the link is the firmware's.
const YUBICO: u16 = 0x1050;

/// What concerns a key, or may. Asks it for its firmware if that matters; on a reader that selects another applet for a moment, so
/// it comes before any PIN token.
///
/// # Errors
/// [`EnrolError::Key`] if the link fails.
pub fn exposures_of(key: &mut Authenticator) -> Result<Vec<Exposure>, EnrolError> {
    let aaguid = key.info().aaguid;
    let firmware = if firmware_matters(aaguid) { firmware(key)? } else { None };
    Ok(exposures(aaguid, firmware))
}

/// The firmware as Yubico numbers it: by the link, by the maker's command, or by getInfo. Only asked of models of theirs.
fn firmware(key: &mut Authenticator) -> Result<Option<Version>, EnrolError> {
    let by_link = key.facts().version.filter(|(major, ..)| *major > 0 && key.link().vendor_id == Some(YUBICO));
    if by_link.is_some() {
        return Ok(by_link);
    }
    if let Some(version) = key.yubikey()?.and_then(|told| told.firmware) {
        return Ok(Some(version));
    }
    Ok(key.info().firmware_version.and_then(unpacked))
}

/// 0x050704 is 5.7.4.
fn unpacked(packed: u64) -> Option<Version> {
    let [0, 0, 0, 0, 0, major, minor, patch] = packed.to_be_bytes() else { return None };
    (major > 0).then_some((major, minor, patch))
}

/// One finding an advisory, or one that says that there is none. `deny`: from this severity on it stops an enrolment, also where it
/// cannot be told whether the key is affected.
pub fn findings(exposures: &[Exposure], deny: Option<Severity>) -> Vec<Finding> {
    if exposures.is_empty() {
        let sentence = "no advisory is known that concerns the key".into();
        return vec![Finding { check: CHECK, verdict: Verdict::Pass, sentence, remedy: String::new() }];
    }
    let finding = |Exposure { advisory, certain }: &Exposure| {
        let denied = deny.is_some_and(|least| advisory.severity >= least);
        let concerns = if *certain { "concerns" } else { "may concern" };
        let cve = advisory.cve.filter(|cve| *cve != advisory.id).map(|cve| format!(", {cve}")).unwrap_or_default();
        let how = if *certain { "" } else { "; what the key tells does not say whether it is affected" };
        Finding {
            check: CHECK,
            verdict: match (denied, *certain) {
                (true, _) => Verdict::Fail,
                (false, true) => Verdict::Warn,
                (false, false) => Verdict::Unknown,
            },
            sentence: format!("{} ({}{cve}) {concerns} the key: {}{how}", advisory.id, advisory.severity, advisory.what),
            remedy: format!("Read {}, or use a model that is not affected.", advisory.link),
        }
    };
    exposures.iter().map(finding).collect()
}

/// What the FIDO Alliance has against a model by the signed metadata: one finding each, none where it has nothing. `deny` as in
/// [`findings`]; each of them is of the severity `high`.
pub fn status_findings(metadata: Option<&Blob>, aaguid: Aaguid, deny: Option<Severity>) -> Vec<Finding> {
    let troubles = metadata.and_then(|metadata| metadata.entry(aaguid)).into_iter().flat_map(Entry::troubles);
    let finding = |report: &Report| {
        let since = report.effective_date.as_ref().map(|date| format!(" since {date}")).unwrap_or_default();
        Finding {
            check: STATUS,
            verdict: if deny.is_some_and(|least| WITHDRAWN >= least) { Verdict::Fail } else { Verdict::Warn },
            sentence: format!("the FIDO Alliance says of the model: {}{since}", report.status),
            remedy: "Ask its maker which keys are meant, or use another model.".into(),
        }
    };
    troubles.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_unpacked_only_where_they_are_one() {
        for (packed, version) in [(0x0005_0704, Some((5, 7, 4))), (1, None), (0, None), (0x0105_0704, None), (u64::MAX, None)] {
            assert_eq!(unpacked(packed), version, "{packed:x}");
        }
    }

    #[test]
    fn only_what_is_as_bad_as_was_said_stops() {
        let old = exposures("2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap(), Some((5, 4, 3)));
        let unclear = exposures("c1f9a0bc-1dd2-404a-b27f-8e29047a43fd".parse().unwrap(), Some((5, 7, 1)));
        let none = exposures("2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap(), Some((5, 7, 0)));
        for (exposures, deny, verdict) in [
            (&old, None, Verdict::Warn),
            (&old, Some(Severity::High), Verdict::Warn),
            (&old, Some(Severity::Moderate), Verdict::Fail),
            (&old, Some(Severity::Low), Verdict::Fail),
            (&unclear, None, Verdict::Unknown),
            (&unclear, Some(Severity::Moderate), Verdict::Fail),
            (&none, Some(Severity::Low), Verdict::Pass),
        ] {
            let found = findings(exposures, deny);
            assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [verdict], "{exposures:?} {deny:?}");
        }
    }
}
