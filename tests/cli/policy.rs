//! `policy show` and `policy check` from the outside.

use serde_json::Value;

use crate::enrolling::Served;
use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";
const YUBIKEY: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";

/// The check of that name in a result.
fn check<'a>(result: &'a Value, name: &str) -> &'a Value {
    let checks = result["result"]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no {name} in {result}"))
}

/// A tenant of a script, and what a command says about it.
struct Scripted<'a> {
    place: &'a Place,
    profile: String,
    _tenant: Served,
}

impl<'a> Scripted<'a> {
    fn new(place: &'a Place, script: &str) -> Self {
        std::fs::write(place.path().join("rules.toml"), script).unwrap();
        let (tenant, profile) = Served::start_with(place, &["--script", "rules.toml"]);
        Self { place, profile, _tenant: tenant }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.place.run(&[&["--simulate=key", "--profile", self.profile.as_str()], arguments].concat())
    }

    fn exit(&self, arguments: &[&str]) -> (i32, Value) {
        let run = self.run(&[&["--json"], arguments].concat());
        (run.exit, run.last())
    }
}

#[test]
fn a_key_that_will_do_is_told_so_and_nothing_changes() {
    let place = Place::new();
    let run = place.run(&["--simulate", "policy", "check", ADELE]).done();
    assert!(run.out.contains("Nothing is in the way of this key for adele@contoso.example."), "{}", run.out);
    let result = place.run(&["--simulate", "--json", "policy", "check", ADELE]).done().last();
    assert_eq!((&result["result"]["ok"], &result["result"]["unknown"]), (&true.into(), &0.into()), "{result}");
    for name in ["key/resident-keys", "user/exists", "policy/targets", "policy/strengths", "tenant/creation-options"] {
        assert_eq!(check(&result, name)["verdict"], "pass", "{name}");
    }
    let info = place.run(&["--simulate", "--json", "keys", "info"]).done().last();
    assert_eq!(info["result"]["info"]["options"]["clientPin"], false);
}

#[test]
fn a_model_is_checked_without_a_key() {
    let place = Place::new();
    let run = place.run(&["--simulate", "--json", "policy", "check", "tina@contoso.example", "--aaguid", YUBIKEY]).done();
    let result = run.last();
    assert_eq!(result["result"]["model"]["name"], "YubiKey 5 Series with NFC");
    assert_eq!(check(&result, "key/forced-pin-change")["verdict"], "warn");
    assert_eq!(check(&result, "methods/count")["verdict"], "warn");
    assert_eq!((&result["result"]["warned"], &result["result"]["key"]), (&2.into(), &Value::Null));
    let nobody_knows = "00000000-0000-0000-0000-000000000001";
    let run = place.run(&["--simulate", "policy", "check", ADELE, "--aaguid", nobody_knows]).done();
    assert!(run.out.contains("unknown") && run.out.contains("not known: 7"), "{}", run.out);
    place.run(&["--simulate", "policy", "check", ADELE, "--aaguid", "blue"]).failed("cli/usage", 2);
}

#[test]
fn what_fails_ends_with_4() {
    let place = Place::new();
    for (user, name) in
        [("diego@contoso.example", "user/enabled"), ("grady_fabrikam.example#EXT#@contoso.example", "user/member")]
    {
        let run = place.run(&["--simulate", "--json", "policy", "check", user]);
        assert_eq!(run.exit, 4, "{}", run.out);
        let result = run.last();
        assert_eq!((&check(&result, name)["verdict"], &result["result"]["ok"]), (&"fail".into(), &false.into()), "{user}");
    }
    place.run(&["--simulate", "policy", "check", "nobody@contoso.example"]).failed("tenant/user-unknown", 4);
    let people = place.run(&["--simulate", "policy", "check", "diego@contoso.example"]);
    assert!(people.exit == 4 && people.out.contains("cannot be enrolled") && people.talk.is_empty(), "{}", people.out);
}

#[test]
fn each_obstacle_is_named_by_its_name() {
    let place = Place::new();
    let tenant = Scripted::new(
        &place,
        &format!(
            r#"
            [[groups]]
            id = "b1a6f9b6-0000-4000-8000-000000000001"
            display_name = "Interns"
            [[strengths]]
            id = "b1a6f9b6-0000-4000-8000-000000000002"
            display_name = "Vault"
            models = ["{YUBIKEY}"]
            [[policy.excludeTargets]]
            id = "b1a6f9b6-0000-4000-8000-000000000001"
            [[users]]
            id = "1"
            upn = "ina@contoso.example"
            display_name = "Ina"
            groups = ["b1a6f9b6-0000-4000-8000-000000000001"]
            [[users]]
            id = "2"
            upn = "bo@contoso.example"
            display_name = "Bo"
            "#
        ),
    );
    let (exit, result) = tenant.exit(&["policy", "check", "ina@contoso.example"]);
    assert_eq!(exit, 4);
    assert!(check(&result, "policy/targets")["sentence"].as_str().unwrap().contains(r#"the group "Interns""#), "{result}");
    let remedy = check(&result, "tenant/creation-options")["remedy"].as_str().unwrap();
    assert!(remedy.contains("checks that failed"), "{remedy}");
    let (exit, result) = tenant.exit(&["policy", "check", "bo@contoso.example"]);
    assert_eq!((exit, &check(&result, "policy/strengths")["verdict"]), (0, &"warn".into()), "{result}");
    assert!(check(&result, "policy/strengths")["sentence"].as_str().unwrap().contains(r#""Vault""#), "{result}");
    let (exit, _) = tenant.exit(&["policy", "check", "bo@contoso.example", "--aaguid", YUBIKEY]);
    assert_eq!(exit, 0);
}

#[test]
fn what_is_hidden_is_unknown_and_ends_with_0() {
    let place = Place::new();
    let tenant = Scripted::new(&place, "[application]\nwithheld = [\"Policy.Read.AuthenticationMethod\"]\n");
    let (exit, result) = tenant.exit(&["policy", "check", ADELE]);
    assert_eq!((exit, &result["result"]["ok"], &result["result"]["unknown"]), (0, &true.into(), &2.into()), "{result}");
    assert!(tenant.run(&["policy", "check", ADELE]).done().out.contains("Nothing that can be seen"));
    tenant.run(&["policy", "show"]).failed("tenant/policy-hidden", 4);
    tenant.run(&["enroll", ADELE]).done();
}

#[test]
fn who_may_not_register_is_told_before_the_touch() {
    let place = Place::new();
    let tenant = Scripted::new(&place, "[application]\nwithheld = [\"UserAuthMethod-Passkey.ReadWrite.All\"]\n");
    let (exit, result) = tenant.exit(&["policy", "check", ADELE]);
    let offered = check(&result, "tenant/creation-options");
    assert_eq!((exit, &offered["verdict"]), (4, &"fail".into()), "{result}");
    assert!(offered["remedy"].as_str().unwrap().contains("UserAuthMethod-Passkey.ReadWrite.All"), "{offered}");
}

#[test]
fn the_wishes_of_the_profile_are_held_against_the_key() {
    let place = Place::new();
    place.fed(&["--simulate", "keys", "pin", "set", "--pin-stdin"], "48213930\n").done();
    let profile = place.path().join("never.toml");
    std::fs::write(&profile, "reset = \"never\"\npin_length = 12\n").unwrap();
    let profile = profile.to_str().unwrap();
    let run = place.run(&["--simulate", "--profile", profile, "--json", "policy", "check", ADELE]);
    assert_eq!((run.exit, &check(&run.last(), "key/reset")["verdict"]), (4, &"fail".into()), "{}", run.out);
    assert!(check(&run.last(), "key/pin-length")["sentence"].as_str().unwrap().contains("12"), "{}", run.out);
    let run = place.run(&["--simulate", "--json", "policy", "check", ADELE]).done();
    assert!(check(&run.last(), "key/reset")["sentence"].as_str().unwrap().contains("wiped first"), "{}", run.out);
}

#[test]
fn the_policy_reads_as_a_person_reads_it() {
    let place = Place::new();
    let tenant = Scripted::new(
        &place,
        &format!(
            r#"
            [[groups]]
            id = "b1a6f9b6-0000-4000-8000-000000000001"
            display_name = "Key users"
            [[strengths]]
            id = "b1a6f9b6-0000-4000-8000-000000000002"
            display_name = "Vault"
            models = ["{YUBIKEY}", "00000000-0000-0000-0000-000000000001"]
            [[policy.includeTargets]]
            id = "b1a6f9b6-0000-4000-8000-000000000001"
            [[policy.excludeTargets]]
            id = "b1a6f9b6-0000-4000-8000-000000000009"
            [[policy.passkeyProfiles]]
            attestationEnforcement = "registrationOnly"
            keyRestrictions = {{ isEnforced = true, enforcementType = "allow", aaGuids = ["{YUBIKEY}"] }}
            "#
        ),
    );
    let shown = tenant.run(&["policy", "show"]).done().out;
    for line in [
        r#"Passkeys may be had by the group "Key users", but not by the group b1a6f9b6-0000-4000-8000-000000000009."#,
        r#"Profile "Default passkey profile": security keys, of 1 allowed models only, with proven attestation."#,
        "October 2027",
        "YubiKey 5 Series with NFC",
        "not known",
        r#"the strength "Vault", only 2 of all models sign in"#,
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let policy = &tenant.exit(&["policy", "show"]).1["result"]["policy"];
    assert_eq!(policy["included"][0]["title"], r#"the group "Key users""#, "{policy}");
    assert_eq!(policy["profiles"][0]["restriction"]["models"][0]["name"], "YubiKey 5 Series with NFC", "{policy}");
    assert_eq!(policy["strengths"][0]["models"][1]["name"], Value::Null, "{policy}");
}
