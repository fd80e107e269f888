//! The passkey policy in words.

use keywright::identity::IdentityError;
use keywright::identity::entra::PolicyOverview;
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions, Script, Target};

use crate::support::tenant::Desk;

fn overview(change: impl FnOnce(&mut Script)) -> PolicyOverview {
    let mut script = Script::default();
    change(&mut script);
    Desk::new(script).entra.policy().unwrap()
}

#[test]
fn what_the_policy_comes_to() {
    type Change = fn(&mut Script);
    let rows: [(Change, &str); 13] = [
        (|_| (), "Passkeys may be had by all users."),
        (|_| (), "security keys, of every model, attestation is not asked for."),
        (|_| (), "The old properties beside the profiles decide nothing any more; Microsoft removes them in October 2027."),
        (|script| script.policy.state = "disabled".into(), "Passkeys are disabled"),
        (|script| script.policy.state = "dreaming".into(), "Whether passkeys are enabled cannot be told"),
        (|script| script.policy.is_self_service_registration_allowed = false, "Self-service set-up is off"),
        (|script| script.policy.include_targets.clear(), "the policy includes nobody"),
        (
            |script| {
                let target = Target { id: "u".into(), target_type: "user".into(), ..Target::default() };
                script.policy.exclude_targets = vec![target];
            },
            "by all users, but not by the user u.",
        ),
        (|script| script.policy.passkey_profiles[0].passkey_types = "synced".into(), "synced passkeys only, no security keys"),
        (
            |script| script.policy.passkey_profiles[0].passkey_types = "deviceBound,synced".into(),
            "security keys and synced passkeys",
        ),
        (
            |script| {
                let none = KeyRestrictions { is_enforced: true, enforcement_type: "allow".into(), aa_guids: vec![] };
                script.policy.passkey_profiles[0].key_restrictions = none;
            },
            "of no model, since the list of allowed ones is empty",
        ),
        (
            |script| {
                let odd = KeyRestrictions { is_enforced: true, enforcement_type: "admire".into(), aa_guids: vec![] };
                script.policy.passkey_profiles[0].key_restrictions = odd;
            },
            "a restriction of the kind \"admire\", which keywright does not know",
        ),
        (
            |script| {
                script.policy.passkey_profiles.clear();
                script.policy.is_attestation_enforced = true;
                let aa_guids = vec!["2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap()];
                script.policy.key_restrictions =
                    KeyRestrictions { is_enforced: true, enforcement_type: "block".into(), aa_guids };
            },
            "For all of them: security keys, of every model but 1, with proven attestation.",
        ),
    ];
    for (change, words) in rows {
        let meaning = overview(change).meaning.join("\n");
        assert!(meaning.contains(words), "{words}: {meaning}");
    }
    let legacy = overview(|script| script.policy.passkey_profiles.clear()).meaning.join("\n");
    assert!(legacy.contains("so the old properties decide; Microsoft removes them in October 2027"), "{legacy}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let hidden =
        overview(|script| script.faults.push(Fault::always("GET", "*/authenticationStrengthPolicies", Act::status(403))));
    assert!(hidden.strengths.is_none());
    assert!(hidden.meaning.iter().any(|line| line.contains("strengths leave models out cannot be read")), "{hidden:?}");
    let mut script = Script::default();
    script.application.withheld.push("Policy.Read.AuthenticationMethod".into());
    assert!(matches!(Desk::new(script).entra.policy(), Err(IdentityError::PolicyHidden(_))));
    let gone = Script { faults: vec![Fault::always("GET", "*/fido2", Act::status(503))], ..Script::default() };
    assert!(matches!(Desk::new(gone).entra.policy(), Err(IdentityError::Unavailable(_))));
}
