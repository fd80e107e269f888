//! Everything that can be known before the touch: user, policy, model, number of passkeys.

use serde::Deserialize;

use crate::identity::entra::fido2_methods;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::policy::{Policy, Reach, Rules};
use crate::identity::entra::reply::tame;
use crate::identity::{Finding, IdentityError, KeyModel, Preflight, User, Verdict};

/// From here on a person should know; Microsoft gives no number for security keys.
const MANY_PASSKEYS: usize = 10;
const POLICY_ADMIN: &str =
    "An Authentication Policy Administrator can change it: Entra admin center, Authentication methods, Passkey (FIDO2).";
const POLICY_READER: &str = "Grant Policy.Read.AuthenticationMethod to have it checked beforehand.";

#[derive(Deserialize)]
struct Group {
    id: String,
}

/// The checks, in the order in which they are made.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, verdict: Verdict, sentence: impl Into<String>, remedy: &str) {
        self.0.push(Finding { check, verdict, sentence: sentence.into(), remedy: remedy.to_owned() });
    }
}

/// Makes all checks. Only trouble that every later call would meet too is an error.
pub(super) fn preflight(graph: &mut Graph, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError> {
    let mut findings = Findings::default();
    account(&mut findings, user);
    match readable(read_policy(graph))? {
        Ok(policy) => judge(graph, &mut findings, &policy, user, model)?,
        Err(reason) => {
            findings.add("policy/read", Verdict::Unknown, format!("the passkey policy cannot be read: {reason}"), POLICY_READER);
        }
    }
    match readable(fido2_methods::list(graph, user))? {
        Ok(methods) if methods.len() >= MANY_PASSKEYS => {
            let sentence = format!("{} has {} passkeys already", user.upn, methods.len());
            findings.add(
                "methods/count",
                Verdict::Warn,
                sentence,
                "Remove those that are not used: `keywright passkeys list USER`, `keywright passkeys remove`.",
            );
        }
        Ok(methods) => findings.add("methods/count", Verdict::Pass, format!("{} has {} passkeys", user.upn, methods.len()), ""),
        Err(reason) => findings.add(
            "methods/count",
            Verdict::Unknown,
            format!("the user's passkeys cannot be read: {reason}"),
            "Grant UserAuthMethod-Passkey.Read.All.",
        ),
    }
    Ok(Preflight { findings: findings.0 })
}

/// Parts what one missing permission spoils from what spoils everything.
fn readable<T>(outcome: Result<T, IdentityError>) -> Result<Result<T, IdentityError>, IdentityError> {
    match outcome {
        Err(
            error @ (IdentityError::Forbidden(_)
            | IdentityError::NotFound(_)
            | IdentityError::NotOffered(_)
            | IdentityError::Refused(_)
            | IdentityError::Malformed(_)),
        ) => Ok(Err(error)),
        Err(error) => Err(error),
        Ok(value) => Ok(Ok(value)),
    }
}

fn account(findings: &mut Findings, user: &User) {
    let upn = &user.upn;
    match user.enabled {
        Some(true) => findings.add("user/enabled", Verdict::Pass, format!("{upn} may sign in"), ""),
        Some(false) => findings.add(
            "user/enabled",
            Verdict::Fail,
            format!("the account {upn} is disabled"),
            "Have a User Administrator enable the account first.",
        ),
        None => findings.add(
            "user/enabled",
            Verdict::Unknown,
            format!("whether {upn} may sign in cannot be read"),
            "Grant User.Read.All to have it checked.",
        ),
    }
    // A guest's name keeps the mark of its home tenant even where the type was changed to member.
    let external = upn.to_ascii_uppercase().contains("#EXT#");
    match user.kind.as_deref() {
        Some(kind) if external || kind.eq_ignore_ascii_case("guest") => findings.add(
            "user/member",
            Verdict::Fail,
            format!("{upn} is a guest ({}), and guests cannot have passkeys registered here", tame(kind)),
            "Register the key in the tenant that the account comes from.",
        ),
        None if external => findings.add(
            "user/member",
            Verdict::Fail,
            format!("{upn} comes from another tenant"),
            "Register the key in that tenant.",
        ),
        Some(kind) if kind.eq_ignore_ascii_case("member") => {
            findings.add("user/member", Verdict::Pass, format!("{upn} is a member"), "");
        }
        Some(kind) => findings.add(
            "user/member",
            Verdict::Warn,
            format!("{upn} is of the kind {}, which keywright does not know", tame(kind)),
            "",
        ),
        None => findings.add(
            "user/member",
            Verdict::Unknown,
            format!("whether {upn} is a guest cannot be read"),
            "Grant User.Read.All to have it checked.",
        ),
    }
}

fn read_policy(graph: &mut Graph) -> Result<Policy, IdentityError> {
    let url =
        graph.url(Version::V1, &["policies", "authenticationMethodsPolicy", "authenticationMethodConfigurations", "fido2"])?;
    graph.get(&url)
}

/// The user's groups and, since targets may name users, the user's own id.
fn groups(graph: &mut Graph, user: &User) -> Result<Vec<String>, IdentityError> {
    let mut url = graph.user_url(Version::V1, &user.id, &["transitiveMemberOf", "microsoft.graph.group"])?;
    url.query_pairs_mut().append_pair("$select", "id");
    let groups: Vec<Group> = graph.list(&url)?;
    Ok(groups.into_iter().map(|group| group.id).chain([user.id.clone()]).collect())
}

fn judge(
    graph: &mut Graph,
    findings: &mut Findings,
    policy: &Policy,
    user: &User,
    model: &KeyModel,
) -> Result<(), IdentityError> {
    switches(findings, policy);
    let groups = if policy.needs_groups() { readable(groups(graph, user))? } else { Ok(vec![user.id.clone()]) };
    match policy.reach(groups.as_deref().ok()) {
        Reach::Excluded(target) => {
            findings.add(
                "policy/targets",
                Verdict::Fail,
                format!("the passkey policy excludes {} through {}", user.upn, tame(&target)),
                POLICY_ADMIN,
            );
        }
        Reach::NotIncluded => findings.add(
            "policy/targets",
            Verdict::Fail,
            format!("no target of the passkey policy includes {}", user.upn),
            POLICY_ADMIN,
        ),
        Reach::Unsure => findings.add(
            "policy/targets",
            Verdict::Unknown,
            format!("whether the passkey policy includes {} depends on groups that cannot be read", user.upn),
            "Grant GroupMember.Read.All to have it checked.",
        ),
        Reach::Included(rules) => {
            findings.add("policy/targets", Verdict::Pass, format!("the passkey policy includes {}", user.upn), "");
            judge_model(findings, rules, model);
        }
    }
    Ok(())
}

fn switches(findings: &mut Findings, policy: &Policy) {
    match policy.state.as_deref() {
        Some(state) if state.eq_ignore_ascii_case("enabled") => {
            findings.add("policy/method-enabled", Verdict::Pass, "passkeys are enabled in the tenant", "");
        }
        Some(state) if state.eq_ignore_ascii_case("disabled") => {
            findings.add("policy/method-enabled", Verdict::Fail, "passkeys are disabled in the tenant", POLICY_ADMIN);
        }
        state => {
            let sentence = format!(
                "the passkey policy is in the state {:?}, which keywright does not know",
                tame(state.unwrap_or_default())
            );
            findings.add("policy/method-enabled", Verdict::Unknown, sentence, "");
        }
    }
    match policy.is_self_service_registration_allowed {
        Some(true) => findings.add(
            "policy/self-service",
            Verdict::Pass,
            "self-service set-up is allowed, which the provisioning API needs",
            "",
        ),
        Some(false) => findings.add(
            "policy/self-service",
            Verdict::Fail,
            "the passkey policy has \"Allow self-service set up\" off; the provisioning API needs it on",
            POLICY_ADMIN,
        ),
        None => findings.add(
            "policy/self-service",
            Verdict::Unknown,
            "the passkey policy does not say whether self-service set-up is allowed",
            "",
        ),
    }
}

/// Narrows the sets of rules down check by check: the first check that leaves none is the one in the way.
fn judge_model(findings: &mut Findings, rules: Vec<Rules>, model: &KeyModel) {
    let names = |rules: &[Rules]| rules.iter().map(|one| tame(&one.name)).collect::<Vec<_>>().join(", ");
    if rules.is_empty() {
        findings.add(
            "policy/profiles",
            Verdict::Unknown,
            "the passkey policy names profiles for this user that it does not hold",
            POLICY_ADMIN,
        );
        return;
    }
    let all = names(&rules);
    let device_bound: Vec<Rules> = rules.into_iter().filter(|one| one.device_bound).collect();
    if device_bound.is_empty() {
        findings.add("policy/profiles", Verdict::Fail, format!("only synced passkeys are accepted by {all}"), POLICY_ADMIN);
        return;
    }
    let asked = names(&device_bound);
    findings.add("policy/profiles", Verdict::Pass, format!("security keys are accepted by {asked}"), "");
    let unsure = device_bound.iter().any(|one| one.accepts(model.aaguid).is_none());
    let accepting: Vec<Rules> = device_bound.into_iter().filter(|one| one.accepts(model.aaguid) == Some(true)).collect();
    if accepting.is_empty() {
        let verdict = if unsure { Verdict::Unknown } else { Verdict::Fail };
        findings.add(
            "policy/aaguid",
            verdict,
            format!("the model with AAGUID {} is not accepted by {asked}", model.aaguid),
            POLICY_ADMIN,
        );
        return;
    }
    findings.add(
        "policy/aaguid",
        Verdict::Pass,
        format!("the model with AAGUID {} is accepted by {}", model.aaguid, names(&accepting)),
        "",
    );
    if accepting.iter().any(|one| !one.attested) {
        findings.add("policy/attestation", Verdict::Pass, "no attestation is demanded", "");
    } else if model.packed {
        let sentence =
            format!("{} demands attestation; the tenant will look the model up in the FIDO metadata", names(&accepting));
        findings.add("policy/attestation", Verdict::Unknown, sentence, "");
    } else {
        let sentence = format!("{} demands attestation in the packed format, which this model does not make", names(&accepting));
        findings.add("policy/attestation", Verdict::Fail, sentence, POLICY_ADMIN);
    }
}
