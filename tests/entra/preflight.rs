//! What is known before the touch.

use keywright::identity::{IdentityProvider, KeyModel, Verdict};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions, PasskeyProfile, Script, Target};

use crate::support::tenant::Desk;

/// The training key's usual model.
pub(crate) const STANDARD: KeyModel = KeyModel { aaguid: Model::STANDARD.aaguid, packed: true };

fn findings(script: Script, user: &str, model: &KeyModel) -> Vec<(&'static str, Verdict, String)> {
    let mut desk = Desk::new(script);
    let user = desk.entra.user(user).unwrap();
    let preflight = desk.entra.preflight(&user, model).unwrap();
    preflight.findings.into_iter().map(|finding| (finding.check, finding.verdict, finding.sentence)).collect()
}

/// The checks that did not pass.
fn troubles(change: impl FnOnce(&mut Script), model: &KeyModel) -> Vec<(&'static str, Verdict)> {
    let mut script = Script::default();
    change(&mut script);
    let all = findings(script, "adele@contoso.example", model);
    all.into_iter().filter(|(_, verdict, _)| *verdict != Verdict::Pass).map(|(check, verdict, _)| (check, verdict)).collect()
}

fn restrict(kind: &str, listed: bool) -> KeyRestrictions {
    let aa_guids = if listed { vec![STANDARD.aaguid] } else { vec!["2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap()] };
    KeyRestrictions { is_enforced: true, enforcement_type: kind.into(), aa_guids }
}

fn target(id: &str, profiles: &[&str]) -> Target {
    Target { id: id.into(), allowed_passkey_profiles: profiles.iter().map(|id| (*id).to_owned()).collect(), ..Target::default() }
}

#[test]
fn users() {
    for (user, expected) in [
        ("adele@contoso.example", vec![]),
        ("admin@contoso.example", vec![]),
        ("grady_fabrikam.example#EXT#@contoso.example", vec![("user/member", Verdict::Fail)]),
        ("diego@contoso.example", vec![("user/enabled", Verdict::Fail)]),
        ("tina@contoso.example", vec![("methods/count", Verdict::Warn)]),
    ] {
        let all = findings(Script::default(), user, &STANDARD);
        let found: Vec<_> = all
            .iter()
            .filter(|(_, verdict, _)| *verdict != Verdict::Pass)
            .map(|(check, verdict, _)| (*check, *verdict))
            .collect();
        assert_eq!(found, expected, "{user}");
    }
}

#[test]
fn switches_and_targets() {
    let rows: [(&str, Box<dyn FnOnce(&mut Script)>, Vec<(&str, Verdict)>); 9] = [
        ("off", Box::new(|script| script.policy.state = "disabled".into()), vec![("policy/method-enabled", Verdict::Fail)]),
        ("odd", Box::new(|script| script.policy.state = "dreaming".into()), vec![("policy/method-enabled", Verdict::Unknown)]),
        (
            "self-service",
            Box::new(|script| script.policy.is_self_service_registration_allowed = false),
            vec![("policy/self-service", Verdict::Fail)],
        ),
        ("nobody", Box::new(|script| script.policy.include_targets.clear()), vec![("policy/targets", Verdict::Fail)]),
        (
            "group without",
            Box::new(|script| script.policy.include_targets = vec![target("g", &[])]),
            vec![("policy/targets", Verdict::Fail)],
        ),
        (
            "group with",
            Box::new(|script| {
                script.policy.include_targets = vec![target("G", &[])];
                script.users[0].groups = vec!["a".into(), "g".into()];
            }),
            vec![],
        ),
        (
            "excluded",
            Box::new(|script| {
                script.policy.exclude_targets = vec![target("g", &[])];
                script.users[0].groups = vec!["g".into()];
            }),
            vec![("policy/targets", Verdict::Fail)],
        ),
        (
            "groups unreadable",
            Box::new(|script| {
                script.policy.exclude_targets = vec![target("g", &[])];
                script.application.permissions.retain(|one| one != "GroupMember.Read.All");
            }),
            vec![("policy/targets", Verdict::Unknown)],
        ),
        (
            "groups unreadable but not needed",
            Box::new(|script| {
                script.policy.include_targets.push(target("g", &[]));
                script.application.permissions.retain(|one| one != "GroupMember.Read.All");
            }),
            vec![],
        ),
    ];
    for (name, change, expected) in rows {
        assert_eq!(troubles(change, &STANDARD), expected, "{name}");
    }
}

#[test]
fn profiles_and_models() {
    let second = |change: fn(&mut PasskeyProfile)| {
        move |script: &mut Script| {
            let mut profile = PasskeyProfile { id: "2".into(), name: "Second".into(), ..PasskeyProfile::default() };
            change(&mut profile);
            script.policy.passkey_profiles = vec![profile];
            script.policy.include_targets = vec![target("all_users", &["2"])];
        }
    };
    let unpacked = KeyModel { packed: false, ..STANDARD };
    let aaguid = vec![("policy/aaguid", Verdict::Fail)];
    assert_eq!(troubles(second(|_| ()), &unpacked), vec![]);
    assert_eq!(
        troubles(second(|profile| profile.passkey_types = "synced".into()), &STANDARD),
        [("policy/profiles", Verdict::Fail)]
    );
    assert_eq!(troubles(second(|profile| profile.passkey_types = "deviceBound,synced".into()), &STANDARD), vec![]);
    assert_eq!(troubles(second(|profile| profile.key_restrictions = restrict("allow", true)), &STANDARD), vec![]);
    assert_eq!(troubles(second(|profile| profile.key_restrictions = restrict("allow", false)), &STANDARD), aaguid);
    assert_eq!(troubles(second(|profile| profile.key_restrictions = restrict("block", true)), &STANDARD), aaguid);
    assert_eq!(troubles(second(|profile| profile.key_restrictions = restrict("block", false)), &STANDARD), vec![]);
    assert_eq!(
        troubles(second(|profile| profile.key_restrictions = restrict("admire", true)), &STANDARD),
        [("policy/aaguid", Verdict::Unknown)]
    );
    let attested = second(|profile| profile.attestation_enforcement = "registrationOnly".into());
    assert_eq!(troubles(attested, &STANDARD), [("policy/attestation", Verdict::Unknown)]);
    assert_eq!(troubles(attested, &unpacked), [("policy/attestation", Verdict::Fail)]);
    // One profile that accepts is enough.
    let either = |script: &mut Script| {
        second(|profile| profile.key_restrictions = restrict("block", true))(script);
        script.policy.passkey_profiles.push(PasskeyProfile { id: "3".into(), ..PasskeyProfile::default() });
        script.policy.include_targets[0].allowed_passkey_profiles.push("3".into());
    };
    assert_eq!(troubles(either, &STANDARD), vec![]);
    let lost = |script: &mut Script| script.policy.include_targets = vec![target("all_users", &["nowhere"])];
    assert_eq!(troubles(lost, &STANDARD), [("policy/profiles", Verdict::Unknown)]);
}

#[test]
fn the_old_properties_count_without_profiles() {
    let legacy = |change: fn(&mut Script)| {
        move |script: &mut Script| {
            script.policy.passkey_profiles.clear();
            change(script);
        }
    };
    let unpacked = KeyModel { packed: false, ..STANDARD };
    assert_eq!(troubles(legacy(|_| ()), &STANDARD), vec![]);
    assert_eq!(
        troubles(legacy(|script| script.policy.key_restrictions = restrict("block", true)), &STANDARD),
        [("policy/aaguid", Verdict::Fail)]
    );
    assert_eq!(
        troubles(legacy(|script| script.policy.is_attestation_enforced = true), &unpacked),
        [("policy/attestation", Verdict::Fail)]
    );
}

#[test]
fn what_cannot_be_read_is_no_obstacle() {
    let forget =
        |permission: &'static str| move |script: &mut Script| script.application.permissions.retain(|one| one != permission);
    assert_eq!(troubles(forget("Policy.Read.AuthenticationMethod"), &STANDARD), [("policy/read", Verdict::Unknown)]);
    assert_eq!(troubles(forget("UserAuthMethod-Passkey.Read.All"), &STANDARD), [("methods/count", Verdict::Unknown)]);
    let basic = |script: &mut Script| script.application.permissions[0] = "User.ReadBasic.All".into();
    assert_eq!(troubles(basic, &STANDARD), [("user/enabled", Verdict::Unknown), ("user/member", Verdict::Unknown)]);
}

#[test]
fn what_would_stop_everything_stops_here() {
    let fault = Fault::always("GET", "/v1.0/policies/*", Act::status(503));
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    let user = desk.entra.user("adele@contoso.example").unwrap();
    assert!(desk.entra.preflight(&user, &STANDARD).is_err());
}
