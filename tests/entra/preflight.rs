//! What is known before the touch.

use keywright::identity::{Finding, IdentityProvider, KeyModel, Verdict};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{
    Act, Fault, KeyRestrictions, PasskeyProfile, Script, Target, TrainingGroup, TrainingStrength,
};

use crate::support::tenant::Desk;

/// The training key's usual model.
pub(crate) const STANDARD: KeyModel = KeyModel { aaguid: Model::STANDARD.aaguid, packed: true };

/// A model that Microsoft lists, one without certification, and one that is in no table.
const LISTED: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";
const UNCERTIFIED: &str = "244eb29e-e090-4e49-81fe-1f20f8d3b8f4";

fn all(script: Script, user: &str, model: &KeyModel) -> Vec<Finding> {
    let mut desk = Desk::new(script);
    let user = desk.entra.user(user).unwrap();
    desk.entra.preflight(&user, model).unwrap().findings
}

fn findings(script: Script, user: &str, model: &KeyModel) -> Vec<(&'static str, Verdict, String)> {
    let findings = all(script, user, model).into_iter();
    findings.map(|finding| (finding.check, finding.verdict, finding.sentence)).collect()
}

/// The one check that did not pass, as a person reads it.
fn trouble(change: impl FnOnce(&mut Script), model: &KeyModel) -> Finding {
    let mut script = Script::default();
    change(&mut script);
    let found = all(script, "adele@contoso.example", model).into_iter();
    let mut found: Vec<Finding> = found.filter(|finding| finding.verdict != Verdict::Pass).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn without(permission: &'static str) -> impl Fn(&mut Script) {
    move |script| script.application.withheld.push(permission.into())
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
                without("GroupMember.Read.All")(script);
            }),
            vec![("policy/targets", Verdict::Unknown)],
        ),
        (
            "groups unreadable but not needed",
            Box::new(|script| {
                script.policy.include_targets.push(target("g", &[]));
                without("GroupMember.Read.All")(script);
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
    let both = [("policy/read", Verdict::Unknown), ("policy/strengths", Verdict::Unknown)];
    assert_eq!(troubles(without("Policy.Read.AuthenticationMethod"), &STANDARD), both);
    assert_eq!(troubles(without("UserAuthMethod-Passkey.Read.All"), &STANDARD), [("methods/count", Verdict::Unknown)]);
    let basic = |script: &mut Script| script.application.permissions[0] = "User.ReadBasic.All".into();
    assert_eq!(troubles(basic, &STANDARD), [("user/enabled", Verdict::Unknown), ("user/member", Verdict::Unknown)]);
}

#[test]
fn the_policy_and_the_strengths_are_hidden_one_by_one() {
    for (path, check) in [("*/fido2", "policy/read"), ("*/authenticationStrengthPolicies", "policy/strengths")] {
        for act in [Act::status(403), Act::status(404), Act::status(400), Act::Garbage] {
            let name = format!("{path} {act:?}");
            let hide = |script: &mut Script| script.faults.push(Fault::always("GET", path, act));
            let found = trouble(hide, &STANDARD);
            assert_eq!((found.check, found.verdict), (check, Verdict::Unknown), "{name}");
            assert!(found.remedy.contains("Policy.Read.AuthenticationMethod"), "{found:?}");
        }
    }
}

/// Each unknown names the permission that would show it, and who grants that.
#[test]
fn what_is_missing_is_named() {
    for permission in ["Policy.Read.AuthenticationMethod", "UserAuthMethod-Passkey.Read.All", "GroupMember.Read.All"] {
        let mut script = Script::default();
        script.policy.exclude_targets = vec![target("g", &[])];
        without(permission)(&mut script);
        let found = all(script, "adele@contoso.example", &STANDARD).into_iter();
        let unknown: Vec<Finding> = found.filter(|finding| finding.verdict != Verdict::Pass).collect();
        assert!(!unknown.is_empty(), "{permission}");
        for finding in unknown {
            assert_eq!(finding.verdict, Verdict::Unknown, "{finding:?}");
            assert!(finding.remedy.contains(permission) && finding.remedy.contains("Administrator"), "{finding:?}");
        }
    }
}

#[test]
fn groups_have_names() {
    let named = |script: &mut Script| {
        script.groups = vec![
            TrainingGroup { id: "g".into(), display_name: "Interns".into(), devices: 0 },
            TrainingGroup { id: "h".into(), display_name: "Key \u{1b}users".into(), devices: 0 },
        ];
    };
    let excluded = trouble(
        |script| {
            named(script);
            script.policy.exclude_targets = vec![target("G", &[])];
            script.users[0].groups = vec!["g".into()];
        },
        &STANDARD,
    );
    assert!(excluded.sentence.ends_with(r#"excludes adele@contoso.example through the group "Interns""#), "{excluded:?}");
    assert!(excluded.remedy.contains("owner of the group"), "{excluded:?}");
    let not_included = |change: fn(&mut Script)| {
        trouble(
            |script| {
                named(script);
                script.policy.include_targets = ["h", "unnamed"].map(|id| target(id, &[])).to_vec();
                script.users[0].groups = vec!["g".into()];
                change(script);
            },
            &STANDARD,
        )
    };
    let found = not_included(|_| ()).sentence;
    assert!(found.ends_with(r#"it includes the group "Key  users", the group unnamed"#), "{found}");
    let found = not_included(|script| script.faults.push(Fault::always("GET", "*/groups/*", Act::status(403)))).sentence;
    assert!(found.ends_with("it includes the group h, the group unnamed"), "{found}");
    let many = |script: &mut Script| script.policy.include_targets = (0..9).map(|id| target(&format!("x{id}"), &[])).collect();
    assert!(not_included(many).sentence.ends_with("and 4 more"));
    let own = trouble(
        |script| {
            let id = script.users[0].id.clone();
            script.policy.exclude_targets = vec![Target { target_type: "user".into(), ..target(&id, &[]) }];
        },
        &STANDARD,
    );
    assert!(own.sentence.contains("the account adele@contoso.example itself"), "{own:?}");
}

/// A group that cannot be read may bring rules that take the model.
#[test]
fn nothing_is_in_the_way_for_certain_while_groups_are_hidden() {
    let found = trouble(
        |script| {
            script.policy.passkey_profiles[0].key_restrictions = restrict("block", true);
            script.policy.include_targets.push(target("g", &["elsewhere"]));
            without("GroupMember.Read.All")(script);
        },
        &STANDARD,
    );
    assert_eq!((found.check, found.verdict), ("policy/aaguid", Verdict::Unknown));
    assert!(found.remedy.contains("GroupMember.Read.All"), "{found:?}");
}

#[test]
fn attestation_is_judged_by_public_facts() {
    let demanding = |script: &mut Script| {
        script.policy.passkey_profiles[0].attestation_enforcement = "registrationOnly".into();
        script.policy.passkey_profiles[0].name = "Proven keys".into();
    };
    let of = |aaguid: &str| KeyModel { aaguid: aaguid.parse().unwrap(), packed: true };
    assert_eq!(troubles(demanding, &of(LISTED)), vec![]);
    let warned = trouble(demanding, &of(UNCERTIFIED));
    assert_eq!((warned.check, warned.verdict), ("policy/attestation", Verdict::Warn));
    assert!(warned.sentence.contains("Proven keys") && warned.sentence.contains("CanoKey"), "{warned:?}");
    assert!(warned.sentence.contains("no FIDO certification"), "{warned:?}");
    let unknown = trouble(demanding, &STANDARD);
    assert_eq!((unknown.check, unknown.verdict), ("policy/attestation", Verdict::Unknown));
    assert!(unknown.sentence.contains(&STANDARD.aaguid.to_string()), "{unknown:?}");
}

#[test]
fn strengths_that_leave_the_model_out_are_named() {
    let strength = |name: &str, models: &[&str]| TrainingStrength {
        id: format!("id of {name}"),
        display_name: name.into(),
        built_in: false,
        combinations: vec!["password, sms".into(), "fido2".into()],
        models: models.iter().map(|model| model.parse().unwrap()).collect(),
    };
    let own = STANDARD.aaguid.to_string();
    let rows: [(Vec<TrainingStrength>, Option<&str>); 6] = [
        (vec![], None),
        (vec![strength("Any", &[])], None),
        (vec![strength("Ours", &[&own, LISTED])], None),
        (vec![TrainingStrength { built_in: true, ..strength("Built in", &[LISTED]) }], None),
        (vec![TrainingStrength { combinations: vec!["password, sms".into()], ..strength("Old", &[LISTED]) }], None),
        (
            vec![strength("Vault", &[LISTED]), strength("Ours", &[&own]), strength("Safe", &[LISTED])],
            Some(r#"the authentication strength "Vault", "Safe" leaves the model"#),
        ),
    ];
    for (strengths, expected) in rows {
        let name = format!("{strengths:?}");
        let Some(words) = expected else {
            assert_eq!(troubles(|script| script.strengths = strengths, &STANDARD), vec![], "{name}");
            continue;
        };
        let found = trouble(|script| script.strengths = strengths, &STANDARD);
        assert_eq!((found.check, found.verdict), ("policy/strengths", Verdict::Warn), "{name}");
        assert!(found.sentence.contains(words) && found.remedy.contains("Conditional Access Administrator"), "{found:?}");
    }
}

#[test]
fn what_would_stop_everything_stops_here() {
    let fault = Fault::always("GET", "/v1.0/policies/*", Act::status(503));
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    let user = desk.entra.user("adele@contoso.example").unwrap();
    assert!(desk.entra.preflight(&user, &STANDARD).is_err());
}
