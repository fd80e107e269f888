//! Authentication strengths that leave the model out: it can be registered, but does not sign in everywhere.

use super::findings::{Findings, STRENGTH_ADMIN, readable};
use crate::aaguid::Aaguid;
use crate::identity::entra::graph::Graph;
use crate::identity::entra::policy::{Strength, read_strengths};
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, Verdict};
use crate::metadata;

const CHECK: &str = "policy/strengths";
/// Names that one sentence lists.
const MAX_NAMES: usize = 5;

pub(super) fn judge(graph: &mut Graph, findings: &mut Findings, model: Aaguid) -> Result<(), IdentityError> {
    let strengths = match readable(read_strengths(graph))? {
        Ok(strengths) => strengths,
        Err(reason) => {
            let sentence = format!("the authentication strengths cannot be read: {reason}");
            findings.hidden(CHECK, sentence, "Policy.Read.AuthenticationMethod");
            return Ok(());
        }
    };
    let of = |verdict: Option<bool>| -> Vec<&Strength> {
        strengths.iter().filter(|strength| strength.leaves_out(model) == verdict).collect()
    };
    let (closed, untold) = (of(Some(true)), of(None));
    if !closed.is_empty() {
        let (title, names) = (metadata::title(model), names(&closed));
        let sentence =
            format!("{names} leaves the model {title} out: where Conditional Access asks for it, the key does not sign in");
        findings.add(CHECK, Verdict::Warn, sentence, STRENGTH_ADMIN);
    } else if untold.is_empty() {
        findings.pass(CHECK, "no authentication strength leaves the model out");
    } else {
        let sentence = format!("which models are accepted by {} is not told", names(&untold));
        findings.add(CHECK, Verdict::Unknown, sentence, STRENGTH_ADMIN);
    }
    Ok(())
}

fn names(strengths: &[&Strength]) -> String {
    let shown = strengths.iter().take(MAX_NAMES).map(|strength| format!("{:?}", tame(strength.name()))).collect::<Vec<_>>();
    let rest = strengths.len().saturating_sub(shown.len());
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("the authentication strength {}{more}", shown.join(", "))
}
