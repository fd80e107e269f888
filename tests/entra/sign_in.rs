//! Sign-in by secret and by certificate, and the life of a token.

use std::sync::Arc;
use std::time::Duration;

use keywright::clock::ManualClock;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::identity::{IdentityError, IdentityProvider};
use keywright::secret::SecretText;
use keywright::simulator::tenant::{Act, Fault, Script};
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
