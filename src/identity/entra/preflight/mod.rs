//! Everything that the tenant lets one know before the touch: user, policy, strengths, number of passkeys.

mod account;
mod findings;
mod rules;
mod strengths;

use crate::identity::entra::fido2_methods;
use crate::identity::entra::graph::Graph;
use crate::identity::entra::policy::{self, GroupNames, Membership, Policy, Reach};
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, KeyModel, Preflight, User, Verdict};

use findings::{Findings, POLICY_ADMIN, TARGETS, readable};

/// From here on a person should know; Microsoft gives no number for security keys.
const MANY_PASSKEYS: usize = 10;
/// Targets that one sentence names.
const MAX_TARGETS: usize = 5;

/// Makes all checks. Only trouble that every later call would meet too is an error. `operator` is the object id of whoever is
/// signed in; `None` for an application.
pub(super) fn preflight(
    graph: &mut Graph,
    user: &User,
    model: &KeyModel,
    operator: Option<&str>,
) -> Result<Preflight, IdentityError> {
    let mut findings = Findings::default();
    account::judge(&mut findings, user, operator);
    match readable(policy::read(graph))? {
        Ok(policy) => {
            switches(&mut findings, &policy);
            targets(graph, &mut findings, &policy, user, model)?;
        }
        Err(reason) => {
            let sentence = format!("the passkey policy cannot be read: {reason}");
            findings.hidden("policy/read", sentence, "Policy.Read.AuthenticationMethod");
        }
    }
    strengths::judge(graph, &mut findings, model.aaguid)?;
    count(graph, &mut findings, user)?;
    Ok(Preflight { findings: findings.0 })
}

fn count(graph: &mut Graph, findings: &mut Findings, user: &User) -> Result<(), IdentityError> {
    let check = "methods/count";
    match readable(fido2_methods::list(graph, user))? {
        Ok(methods) if methods.len() >= MANY_PASSKEYS => {
            let sentence = format!("{} has {} passkeys already", user.upn, methods.len());
            let remedy = "Remove those that are not used: `keywright passkeys list USER`, `keywright passkeys remove`.";
            findings.add(check, Verdict::Warn, sentence, remedy);
        }
        Ok(methods) => findings.pass(check, format!("{} has {} passkeys", user.upn, methods.len())),
        Err(reason) => {
            let sentence = format!("the user's passkeys cannot be read: {reason}");
            findings.hidden(check, sentence, "UserAuthMethod-Passkey.Read.All");
        }
    }
    Ok(())
}

fn switches(findings: &mut Findings, policy: &Policy) {
    let check = "policy/method-enabled";
    match policy.state.as_deref() {
        Some(state) if state.eq_ignore_ascii_case("enabled") => findings.pass(check, "passkeys are enabled in the tenant"),
        Some(state) if state.eq_ignore_ascii_case("disabled") => {
            findings.add(check, Verdict::Fail, "passkeys are disabled in the tenant", POLICY_ADMIN);
        }
        state => {
            let state = tame(state.unwrap_or_default());
            let sentence = format!("the passkey policy is in the state {state:?}, which keywright does not know");
            findings.add(check, Verdict::Unknown, sentence, POLICY_ADMIN);
        }
    }
    let check = "policy/self-service";
    match policy.is_self_service_registration_allowed {
        Some(true) => findings.pass(check, "self-service set-up is allowed, which the provisioning API needs"),
        Some(false) => {
            let sentence = "the passkey policy has \"Allow self-service set up\" off; the provisioning API needs it on";
            findings.add(check, Verdict::Fail, sentence, POLICY_ADMIN);
        }
        None => {
            let sentence = "the passkey policy does not say whether self-service set-up is allowed";
            findings.add(check, Verdict::Unknown, sentence, POLICY_ADMIN);
        }
    }
}

/// Whom the policy means, and by which rules.
fn targets(
    graph: &mut Graph,
    findings: &mut Findings,
    policy: &Policy,
    user: &User,
    model: &KeyModel,
) -> Result<(), IdentityError> {
    let check = "policy/targets";
    let (member, mut names) = membership(graph, policy, user)?;
    match policy.reach(&member) {
        Reach::Excluded(target) => {
            let title = target.title(graph, &mut names, Some(user));
            let sentence = format!("the passkey policy excludes {} through {title}", user.upn);
            findings.add(check, Verdict::Fail, sentence, TARGETS);
        }
        Reach::NotIncluded => {
            let shown = policy.include_targets().iter().take(MAX_TARGETS);
            let titles: Vec<String> = shown.map(|target| target.title(graph, &mut names, Some(user))).collect();
            let rest = policy.include_targets().len().saturating_sub(titles.len());
            let who = match (titles.is_empty(), rest) {
                (true, _) => "nobody".to_owned(),
                (false, 0) => titles.join(", "),
                (false, rest) => format!("{} and {rest} more", titles.join(", ")),
            };
            let sentence = format!("no target of the passkey policy includes {}: it includes {who}", user.upn);
            findings.add(check, Verdict::Fail, sentence, TARGETS);
        }
        Reach::Unsure => {
            let sentence = format!("whether the passkey policy includes {} depends on groups that cannot be read", user.upn);
            findings.hidden(check, sentence, "GroupMember.Read.All");
        }
        Reach::Included { rules, more } => {
            findings.pass(check, format!("the passkey policy includes {}", user.upn));
            rules::judge(findings, rules, more, model);
        }
    }
    Ok(())
}

/// The user's own id and, where a target may mean one, the user's groups.
fn membership(graph: &mut Graph, policy: &Policy, user: &User) -> Result<(Membership, GroupNames), IdentityError> {
    let (mut ids, mut names) = (vec![user.id.clone()], GroupNames::default());
    if !policy.needs_groups() {
        return Ok((Membership { ids, complete: true }, names));
    }
    let groups = readable(policy::of_user(graph, user))?;
    let complete = groups.is_ok();
    let groups = groups.unwrap_or_default();
    names.learn(&groups);
    ids.extend(groups.into_iter().map(|group| group.id));
    Ok((Membership { ids, complete }, names))
}
