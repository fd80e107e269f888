//! The training tenant for clients that are not ours: bare HTTP, its own paths, its strictness, its shipped judge.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright::clock::{Clock, ManualClock};
use keywright::identity::IdentityProvider;
use keywright::simulator::OwnJudge;
use keywright::simulator::key::test_root_der;
use keywright::simulator::tenant::{AttestationJudge, AttestationLevel, Script, Submission, TrainingTenant};
use keywright::webauthn::Roots;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::support::soft_key::SoftKey;
use crate::support::tenant::{Desk, Outsider, client};

const ADELE: &str = "adele@contoso.example";

/// One request over bare TCP: status and body.
fn send(desk: &Desk, method: &str, target: &str, token: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(desk.tenant.address()).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

fn token(desk: &Desk) -> String {
    let app = Script::default().application;
    let form = format!(
        "client_id={}&client_secret={}&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        app.client_id, app.client_secret
    );
    let (status, body) = send(desk, "POST", "/contoso.example/oauth2/v2.0/token", "", &form);
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn the_documented_sample_is_refused() {
    let desk = Desk::new(Script::default());
    let body = include_str!("../data/graph/v1-fido2Methods-POST-request.json");
    let (status, answer) = send(&desk, "POST", &format!("/v1.0/users/{ADELE}/authentication/fido2Methods"), &token(&desk), body);
    assert_eq!(status, 400);
    assert!(answer["error"]["innerError"]["request-id"].is_string(), "{answer}");
}

#[test]
fn bodies_that_the_schema_does_not_have() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let token = token(&desk);
    let path = format!("/v1.0/users/{}/authentication/fido2Methods", user.id);
    let rows: [(u16, fn(&mut Value)); 8] = [
        (201, |_| ()),
        (400, |body| body["displayName"] = "1234567890123456789012345678901".into()),
        (400, |body| body["displayName"] = " ".into()),
        (400, |body| body["publicKeyCredential"]["rawId"] = "AAAA".into()),
        (400, |body| body["publicKeyCredential"]["type"] = "public-key".into()),
        (400, |body| body["publicKeyCredential"]["response"]["transports"] = json!(["usb"])),
        (400, |body| {
            body["publicKeyCredential"]["id"] = format!("{}=", body["publicKeyCredential"]["id"].as_str().unwrap()).into();
        }),
        (201, |body| body["publicKeyCredential"]["clientExtensionResults"] = json!({"hmacCreateSecret": true})),
    ];
    for (number, (expected, change)) in (1..).zip(rows) {
        let offer = desk.entra.creation_options(&user, None).unwrap();
        let registration = SoftKey::new(&offer, number).register(&offer);
        let mut body = json!({
            "displayName": "123456789012345678901234567890",
            "publicKeyCredential": {
                "id": registration.credential_id,
                "response": {
                    "clientDataJSON": URL_SAFE_NO_PAD.encode(&registration.client_data_json),
                    "attestationObject": URL_SAFE_NO_PAD.encode(&registration.attestation_object),
                },
            },
        });
        change(&mut body);
        let (status, answer) = send(&desk, "POST", &path, &token, &body.to_string());
        assert_eq!(status, expected, "{number}: {answer}");
    }
}

#[test]
fn options_by_every_name() {
    let desk = Desk::new(Script::default());
    let token = token(&desk);
    for (target, expected) in [
        ("v1.0/users/{}/authentication/fido2Methods/creationOptions", 200),
        ("beta/users/{}/authentication/fido2Methods/creationOptions", 200),
        ("beta/users/{}/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=43200)", 200),
        ("beta/users/{}/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=4)", 400),
        ("beta/users/{}/authentication/fido2Methods/creationOptions?challengeTimeoutInMinutes=5", 405),
        ("v1.0/users/{}/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=10)", 400),
        ("v1.0/users/{}/authentication/fido2Methods/creationOptionsX", 404),
        ("v1.0/users/nobody/authentication/fido2Methods/creationOptions", 404),
        ("v2.0/users/{}", 404),
    ] {
        let target = format!("/{}", target.replace("{}", ADELE));
        assert_eq!(send(&desk, "GET", &target, &token, "").0, expected, "{target}");
    }
    assert_eq!(send(&desk, "GET", &format!("/v1.0/users/{ADELE}"), "stolen", "").0, 401);
    assert_eq!(send(&desk, "PATCH", &format!("/v1.0/users/{ADELE}/authentication/fido2Methods/x"), &token, "").0, 405);
}

#[test]
fn an_assertion_over_http() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let key = SoftKey::new(&offer, 1);
    desk.entra.register(&user, &key.register(&offer)).unwrap();
    let (status, list) = send(&desk, "GET", &format!("/training/passkeys/{ADELE}"), "", "");
    assert_eq!((status, list["rpId"].as_str()), (200, Some("login.microsoft.com")));
    let assertion = key.sign_in(ADELE, 5);
    let mut body = json!({
        "userId": ADELE,
        "credentialId": list["passkeys"][0]["credentialId"],
        "clientDataJSON": URL_SAFE_NO_PAD.encode(&assertion.client_data_json),
        "authenticatorData": URL_SAFE_NO_PAD.encode(&assertion.authenticator_data),
        "signature": URL_SAFE_NO_PAD.encode(&assertion.signature),
    });
    let (status, answer) = send(&desk, "POST", "/training/assertion", "", &body.to_string());
    assert_eq!((status, answer["verified"].as_bool()), (200, Some(true)), "{answer}");
    body["authenticatorData"] = "AAAA".into();
    let (status, answer) = send(&desk, "POST", "/training/assertion", "", &body.to_string());
    assert_eq!((status, answer["verified"].as_bool()), (400, Some(false)), "{answer}");
}

#[test]
fn both_judges_agree() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let ours = OwnJudge { roots: Roots::Of { der: vec![test_root_der().to_vec()], at: desk.clock.now() } };
    let rows: [(fn(&mut SoftKey), Option<AttestationLevel>); 5] = [
        (|_| (), Some(AttestationLevel::Attested)),
        (|key| key.self_attested = true, Some(AttestationLevel::NotAttested)),
        (|key| key.flip_signature = true, None),
        (|key| key.aaguid.0[0] ^= 1, None),
        (|key| key.flags = 0x41, None),
    ];
    for (number, (change, expected)) in (1..).zip(rows) {
        let offer = desk.entra.creation_options(&user, None).unwrap();
        let mut key = SoftKey::new(&offer, number);
        change(&mut key);
        let registration = key.register(&offer);
        let submission = Submission {
            client_data_json: &registration.client_data_json,
            attestation_object: &registration.attestation_object,
            challenge: &offer.options.challenge,
            rp_id: &offer.options.rp.id,
            algorithms: &[-7, -257],
        };
        assert_eq!(ours.judge(&submission).ok(), expected, "ours, {number}");
        assert_eq!(Outsider.judge(&submission).ok(), expected, "the other, {number}");
    }
}

#[test]
fn it_starts_on_this_machine_only_and_stops() {
    let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
    let start = |address: &str| {
        let judge = Box::new(OwnJudge::default());
        TrainingTenant::start(address, Script::default(), clock.clone(), Box::new(StdRng::seed_from_u64(1)), judge)
    };
    assert!(start("0.0.0.0:0").is_err());
    let tenant = start("127.0.0.1:0").unwrap();
    let profile = tenant.profile_toml();
    let (mut entra, _) = client(&profile, clock.clone());
    entra.sign_in().unwrap();
    let address = tenant.address();
    // A client that says nothing does not keep the tenant from stopping.
    let silent = TcpStream::connect(address).unwrap();
    drop(tenant);
    assert!(TcpStream::connect(address).is_err());
    drop(silent);
}
