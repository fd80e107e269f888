//! The rules that count for a user, and whether the key's model satisfies one set of them.

use super::findings::{Findings, POLICY_ADMIN};
use crate::aaguid::Aaguid;
use crate::identity::entra::policy::Rules;
use crate::identity::{KeyModel, Verdict};
use crate::metadata::{self, Model};

/// What would have to be granted to know every rule.
const GROUP_READER: &str = "GroupMember.Read.All";

/// Narrows the sets of rules down check by check: the first check that leaves none is the one in the way. With `more`,
/// further sets may count that cannot be told, so that nothing is certain to be in the way.
pub(super) fn judge(findings: &mut Findings, rules: Vec<Rules>, more: bool, model: &KeyModel) {
    if rules.is_empty() {
        let sentence = "the passkey policy names profiles for this user that it does not hold";
        findings.add("policy/profiles", Verdict::Unknown, sentence, POLICY_ADMIN);
        return;
    }
    let all = names(&rules);
    let device_bound: Vec<Rules> = rules.into_iter().filter(|one| one.device_bound).collect();
    if device_bound.is_empty() {
        return obstacle(findings, "policy/profiles", more, format!("only synced passkeys are accepted by {all}"));
    }
    let asked = names(&device_bound);
    findings.pass("policy/profiles", format!("security keys are accepted by {asked}"));
    let unsure = device_bound.iter().any(|one| one.accepts(model.aaguid).is_none());
    let accepting: Vec<Rules> = device_bound.into_iter().filter(|one| one.accepts(model.aaguid) == Some(true)).collect();
    let title = metadata::title(model.aaguid);
    if accepting.is_empty() && unsure {
        let sentence = format!(
            "whether the model {title} is accepted by {asked} cannot be told: its restriction is of a kind that keywright does not know"
        );
        findings.add("policy/aaguid", Verdict::Unknown, sentence, POLICY_ADMIN);
        return;
    }
    if accepting.is_empty() {
        return obstacle(findings, "policy/aaguid", more, format!("the model {title} is not accepted by {asked}"));
    }
    findings.pass("policy/aaguid", format!("the model {title} is accepted by {}", names(&accepting)));
    attestation(findings, &accepting, more, model);
}

fn names(rules: &[Rules]) -> String {
    let mut names: Vec<&str> = rules.iter().map(|one| one.name.as_str()).collect();
    names.dedup();
    names.join(", ")
}

fn obstacle(findings: &mut Findings, check: &'static str, more: bool, sentence: String) {
    if more {
        findings.hidden(
            check,
            format!("{sentence}; whether other profiles count depends on groups that cannot be read"),
            GROUP_READER,
        );
    } else {
        findings.add(check, Verdict::Fail, sentence, POLICY_ADMIN);
    }
}

fn attestation(findings: &mut Findings, accepting: &[Rules], more: bool, model: &KeyModel) {
    let check = "policy/attestation";
    if accepting.iter().any(|one| !one.attested) {
        return findings.pass(check, "no attestation is demanded");
    }
    let asking = names(accepting);
    if !model.packed {
        let sentence = format!("{asking} demands attestation in the packed format, which this model does not make");
        return obstacle(findings, check, more, sentence);
    }
    let (verdict, sentence) = eligible(metadata::model(model.aaguid).as_ref(), model.aaguid);
    let remedy = if verdict == Verdict::Pass { "" } else { "Try it with one key first, or take a model of Microsoft's list." };
    findings.add(check, verdict, format!("{asking} demands attestation: {sentence}"), remedy);
}

/// Whether Microsoft will know the model. Its list lags behind the FIDO metadata by weeks, and ours behind both.
fn eligible(known: Option<&Model>, aaguid: Aaguid) -> (Verdict, String) {
    match known {
        Some(model) if model.listed => (Verdict::Pass, format!("{} is on Microsoft's list of eligible models", model.name)),
        Some(model) => {
            let short = model.short_of();
            let why = if short.is_empty() { String::new() } else { format!(" ({})", short.join(", ")) };
            (Verdict::Warn, format!("{} is not on Microsoft's list of eligible models{why}", model.name))
        }
        None => (
            Verdict::Unknown,
            format!("nothing is publicly known of the model {aaguid}; the tenant looks it up in the FIDO metadata"),
        ),
    }
}
