//! Sign-in by secret and by certificate, and the life of a token.

use std::sync::Arc;
use std::time::Duration;

use keywright::clock::ManualClock;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::identity::{IdentityError, IdentityProvider};
use keywright::secret::SecretText;
use keywright::simulator::tenant::{Act, Fault, RunningTenant, Script};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::tenant::{Desk, client, start};

const ADELE: &str = "adele@contoso.example";
const TOKEN: &str = "*/oauth2/v2.0/token";

fn by_certificate(file: &str, alg: &str) -> Result<(), IdentityError> {
    let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
    let mut script = Script::default();
    script.application.certificate = Some("tests/data/entra/application.pem".into());
    let tenant = start(script, clock.clone());
    let profile: String =
        tenant.profile_toml().lines().filter(|line| !line.starts_with("client_secret")).map(|line| format!("{line}\n")).collect();
    let profile =
        Profile::from_toml(&format!("{profile}certificate = \"tests/data/entra/{file}\"\ncertificate_alg = \"{alg}\""))?;
    let tools = Tools::new(clock, Box::new(StdRng::seed_from_u64(1)));
    Entra::new(profile, None, tools)?.sign_in()
}

#[test]
fn certificates() {
    for alg in ["PS256", "RS256"] {
        by_certificate("application.pem", alg).unwrap();
        by_certificate("application-pkcs1.pem", alg).unwrap();
        let error = by_certificate("stranger.pem", alg).unwrap_err();
        assert!(
            matches!(&error, IdentityError::SignIn(refusal) if refusal.sentence.contains("AADSTS700027") && refusal.sentence.contains("clock")),
            "{error}"
        );
    }
    for (file, word) in [("curve.pem", "RSA"), ("README.md", "CERTIFICATE"), ("nothing.pem", "cannot be read")] {
        let error = by_certificate(file, "PS256").unwrap_err();
        assert!(matches!(&error, IdentityError::Profile(reason) if reason.contains(word)), "{error}");
    }
}

/// A profile of a tenant without its secret, with these lines instead.
fn profile_with(tenant: &RunningTenant, lines: &str) -> String {
    let kept = tenant.profile_toml();
    let kept: String = kept.lines().filter(|line| !line.starts_with("client_secret")).map(|line| format!("{line}\n")).collect();
    format!("{kept}{lines}")
}

fn scene(script: Script) -> (RunningTenant, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
    (start(script, clock.clone()), clock)
}

#[test]
fn certificates_of_pkcs12_files() {
    let mut script = Script::default();
    script.application.certificate = Some("tests/data/entra/application.pem".into());
    let (tenant, clock) = scene(script);
    let folder = tempfile::tempdir().unwrap();
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "training\n").unwrap();
    let by_file = format!("certificate_password_file = {password_file:?}");
    // File, lines, what is typed, word of the error.
    let rows: [(&str, &str, &[&str], Option<&str>); 9] = [
        ("application-open.pfx", "", &[], None),
        ("application.pfx", "", &["training"], None),
        ("application.pfx", "", &["trainimg", "training"], None),
        ("application-old.pfx", "", &["training"], None),
        ("application-old.pfx", &by_file, &[], None),
        ("application.pfx", "", &[], Some("needs a password")),
        ("application.pfx", "", &["wrong"], Some("password is wrong")),
        ("curve.pfx", "", &[], Some("RSA")),
        ("../attestation/authority.der", "", &["training"], Some("cannot be opened")),
    ];
    for (file, lines, typed, word) in rows {
        let profile = profile_with(&tenant, &format!("certificate = \"tests/data/entra/{file}\"\n{lines}"));
        let mut typed = typed.iter();
        let words: Vec<SecretText> = typed.by_ref().map(|word| SecretText::new(*word)).collect();
        let mut words = words.into_iter();
        let tools = Tools {
            certificate_password: Box::new(move || words.next()),
            ..Tools::new(clock.clone(), Box::new(StdRng::seed_from_u64(1)))
        };
        let outcome = Entra::new(Profile::from_toml(&profile).unwrap(), None, tools).and_then(|mut entra| entra.sign_in());
        match word {
            None => outcome.unwrap(),
            Some(word) => assert!(
                matches!(&outcome, Err(IdentityError::Profile(reason)) if reason.contains(word) && !reason.contains("training")),
                "{file}: {outcome:?}"
            ),
        }
    }
}

#[test]
fn the_token_of_another_issuer_is_read_anew_each_time() {
    let (tenant, clock) = scene(Script::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "training-federated-token\n").unwrap();
    let profile = profile_with(&tenant, &format!("federated_token_file = {file:?}"));
    let (mut entra, _) = client(&profile, clock.clone());
    entra.sign_in().unwrap();
    for (text, word) in [("stale", "AADSTS700027"), ("", "federated token"), ("two\nlines", "federated token")] {
        std::fs::write(&file, text).unwrap();
        clock.advance(Duration::from_hours(1));
        let error = entra.sign_in().unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    std::fs::write(&file, "training-federated-token").unwrap();
    entra.sign_in().unwrap();
    std::fs::remove_file(&file).unwrap();
    clock.advance(Duration::from_hours(1));
    assert!(matches!(entra.sign_in(), Err(IdentityError::Profile(_))));
}

#[test]
fn managed_identities_of_a_machine_and_of_app_service() {
    let (tenant, clock) = scene(Script::default());
    let at = |path: &str| format!("sign_in = \"managed-identity\"\nidentity_endpoint = \"{}{path}\"", tenant.url());
    let (imds, app_service) = (at(""), at("/training/identity"));
    let entra = |lines: &str, secret: Option<&str>, own: bool| {
        let profile = profile_with(&tenant, lines);
        let profile: String =
            profile.lines().filter(|line| !own || !line.starts_with("client_id")).map(|line| format!("{line}\n")).collect();
        let tools = Tools {
            identity_header: secret.map(SecretText::new),
            ..Tools::new(clock.clone(), Box::new(StdRng::seed_from_u64(1)))
        };
        Entra::new(Profile::from_toml(&profile)?, None, tools)
    };
    for own in [true, false] {
        entra(&imds, None, own).unwrap().user(ADELE).unwrap();
        entra(&app_service, Some("training-identity-header"), own).unwrap().user(ADELE).unwrap();
    }
    // Numbers come as texts; App Service tells the end and no length.
    let mut one = entra(&app_service, Some("training-identity-header"), true).unwrap();
    one.sign_in().unwrap();
    clock.advance(Duration::from_secs(3200));
    one.sign_in().unwrap();
    assert_eq!(tenant.calls("GET", "/training/identity"), 3);
    clock.advance(Duration::from_secs(200));
    one.sign_in().unwrap();
    assert_eq!(tenant.calls("GET", "/training/identity"), 4);
    let refused = entra(&app_service, Some("wrong"), true).unwrap().sign_in().unwrap_err();
    assert!(refused.to_string().contains("Identity not found"), "{refused}");
    // The service is being updated.
    for status in [404, 410, 429, 500] {
        tenant.add_fault(Fault::once("GET", "/metadata/*", Act::status(status)));
        entra(&imds, None, true).unwrap().sign_in().unwrap();
    }
    for wrong in ["https://identity.example", "http://10.0.0.1", "nonsense"] {
        let lines = format!("sign_in = \"managed-identity\"\nidentity_endpoint = \"{wrong}\"");
        assert!(matches!(entra(&lines, None, true), Err(IdentityError::Profile(_))), "{wrong}");
    }
    let nobody = "sign_in = \"managed-identity\"\nidentity_endpoint = \"http://127.0.0.1:9\"";
    let error = entra(nobody, None, true).unwrap().sign_in().unwrap_err();
    assert!(error.to_string().contains("no managed identity"), "{error}");
}

#[test]
fn secrets() {
    let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
    let tenant = start(Script::default(), clock.clone());
    let folder = tempfile::tempdir().unwrap();
    for (text, code) in [("training-secret\n", None), ("wrong", Some("AADSTS7000215"))] {
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        let profile =
            tenant.profile_toml().replace("client_secret = \"training-secret\"", &format!("client_secret_file = {path:?}"));
        let (mut entra, _) = client(&profile, clock.clone());
        let outcome = entra.sign_in();
        match code {
            None => outcome.unwrap(),
            Some(code) => assert!(outcome.unwrap_err().to_string().contains(code)),
        }
        let tools = || Tools::new(clock.clone(), Box::new(StdRng::seed_from_u64(1)));
        let handed_in = Some(SecretText::new("training-secret"));
        let mut entra = Entra::new(Profile::from_toml(&profile).unwrap(), handed_in, tools()).unwrap();
        entra.sign_in().expect("a secret that is handed in goes first");
    }
    for (wrong, code) in [("tenant = \"fabrikam.example\"", "AADSTS90002"), ("client_id = \"other\"", "AADSTS700016")] {
        let name = wrong.split_once(' ').unwrap().0;
        let profile: String = tenant
            .profile_toml()
            .lines()
            .map(|line| format!("{}\n", if line.starts_with(name) { wrong } else { line }))
            .collect();
        let (mut entra, _) = client(&profile, clock.clone());
        let error = entra.sign_in().unwrap_err().to_string();
        assert!(error.contains(code), "{error}");
    }
}

#[test]
fn a_token_is_renewed_five_minutes_before_its_end() {
    let mut desk = Desk::new(Script::default());
    for (advance, tokens) in [(0, 1), (3290, 1), (10, 2), (3290, 2)] {
        desk.clock.advance(Duration::from_secs(advance));
        desk.entra.user(ADELE).unwrap();
        assert_eq!(desk.tenant.calls("POST", TOKEN), tokens);
    }
}

#[test]
fn a_revoked_token_is_renewed_once() {
    let mut desk = Desk::new(Script::default());
    desk.entra.user(ADELE).unwrap();
    desk.tenant.revoke_tokens();
    desk.entra.user(ADELE).unwrap();
    assert_eq!(desk.tenant.calls("POST", TOKEN), 2);
}

#[test]
fn trouble_at_the_sign_in_host() {
    for (fault, waits, ok) in [
        (Fault::once("POST", TOKEN, Act::status(503)), &[1][..], true),
        (Fault::once("POST", TOKEN, Act::CloseBefore), &[1][..], true),
        (Fault::once("POST", TOKEN, Act::throttled(Some(7))), &[7][..], true),
        (Fault::always("POST", TOKEN, Act::status(503)), &[1][..], false),
        (Fault::always("POST", TOKEN, Act::throttled(Some(600))), &[][..], false),
        (Fault::always("POST", TOKEN, Act::status(400)), &[][..], false),
        (Fault::always("POST", TOKEN, Act::Garbage), &[][..], false),
        (Fault::always("POST", TOKEN, Act::Redirect { location: "http://127.0.0.1:9/".into() }), &[][..], false),
    ] {
        let mut desk = Desk::new(Script { faults: vec![fault.clone()], ..Script::default() });
        assert_eq!(desk.entra.sign_in().is_ok(), ok, "{fault:?}");
        let waits: Vec<Duration> = waits.iter().map(|seconds| Duration::from_secs(*seconds)).collect();
        assert_eq!(desk.take_pauses(), waits, "{fault:?}");
        assert_eq!(desk.tenant.calls("POST", TOKEN), waits.len() + 1);
    }
}
