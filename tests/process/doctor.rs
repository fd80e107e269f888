//! `doctor`: what stands in the way of an enrolment, found before there is one.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use jiff::SignedDuration;
use keywright::clock::{Clock as _, ManualClock, SystemClock};
use keywright::simulator::tenant::{Act, Fault, Script};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use serde_json::Value;

use crate::station::{Station, last};

/// The exit code, and each check that is not passed: its name, verdict and what was found.
fn doctor(station: &Station, variables: &[(&str, &str)]) -> (i32, Vec<(String, String, String)>) {
    let (exit, line) = last(station.command(&["--json", "doctor"]).envs(variables.iter().copied()));
    let checks = line["result"]["checks"].as_array().unwrap();
    let text = |check: &Value, member: &str| check[member].as_str().unwrap().to_owned();
    for check in checks {
        assert!(check["verdict"] == "pass" || !text(check, "remedy").is_empty(), "{check}");
    }
    assert_eq!(line["result"]["ok"], exit == 0);
    let all = checks.iter().filter(|check| check["verdict"] != "pass");
    (exit, all.map(|check| (text(check, "check"), text(check, "verdict"), text(check, "sentence"))).collect())
}

/// The one check that is not passed has this name and verdict, and its sentence has this in it.
fn found(station: &Station, variables: &[(&str, &str)], check: &str, verdict: &str, part: &str) {
    let (exit, checks) = doctor(station, variables);
    let meant = checks.iter().find(|(name, ..)| name == check).unwrap_or_else(|| panic!("{check} passed: {checks:?}"));
    assert!(meant.1 == verdict && meant.2.contains(part), "{checks:?}");
    assert_eq!(exit, i32::from(checks.iter().any(|(_, verdict, _)| verdict == "fail")), "{checks:?}");
}

#[test]
fn nothing_is_wrong_where_nothing_is() {
    let station = Station::new();
    assert_eq!(doctor(&station, &[]), (0, vec![]));
    let (_, line) = station.json(&["doctor"]);
    let names: Vec<&str> =
        line["result"]["checks"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ports",
            "keys",
            "profile",
            "proxy",
            "network",
            "clock",
            "sign-in",
            "rights",
            "policy",
            "ledger",
            "safe",
            "hand-over",
            "keyring",
            "metadata",
        ]
    );
}

#[test]
fn a_clock_that_is_wrong_is_told_before_a_sign_in_fails_for_it() {
    for (apart, verdict, part) in
        [(-200, "warn", "seconds ahead"), (200, "warn", "seconds behind"), (400, "fail", "seconds behind")]
    {
        let now = SystemClock::new().now().saturating_add(SignedDuration::from_secs(apart)).unwrap();
        let station = Station::at(Script::default(), Arc::new(ManualClock::new(now)));
        found(&station, &[], "clock", verdict, part);
    }
}

#[test]
fn each_thing_that_the_tenant_lacks_is_named() {
    type Edit = fn(&mut Script);
    let rows: [(Edit, &str, &str, &str); 7] = [
        (|script| script.policy.state = "disabled".into(), "policy", "fail", "disabled"),
        (|script| script.policy.is_self_service_registration_allowed = false, "policy", "fail", "self-service"),
        (|script| withhold(script, "Policy.Read.AuthenticationMethod"), "policy", "unknown", "cannot be read"),
        (|script| withhold(script, "Policy.Read.AuthenticationMethod"), "rights", "warn", "Policy.Read.AuthenticationMethod"),
        (|script| withhold(script, "UserAuthMethod-Passkey.ReadWrite.All"), "rights", "fail", "nobody can be enrolled"),
        (|script| script.application.client_secret = "another".into(), "sign-in", "fail", "client secret is wrong"),
        (|script| script.application.client_secret = "another".into(), "policy", "unknown", "without a sign-in"),
    ];
    for (edit, check, verdict, part) in rows {
        let station = Station::new();
        station.tenant.change(edit);
        found(&station, &[], check, verdict, part);
    }
}

fn withhold(script: &mut Script, permission: &str) {
    script.application.permissions.retain(|held| held != permission);
}

#[test]
fn a_proxy_is_named_without_its_password() {
    let station = Station::new();
    let run = station.command(&["doctor"]).env("HTTPS_PROXY", "http://me:s3cr3t@proxy.example:3128").output().unwrap();
    let out = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success() && out.contains("proxy.example:3128") && !out.contains("s3cr3t"), "{out}");
}

#[test]
fn what_is_broken_at_the_station_is_told() {
    let station = Station::new();
    station.enroll(&[]);
    let (_, line) = station.json(&["metadata", "show"]);
    let metadata = line["result"]["file"].as_str().unwrap().to_owned();
    std::fs::write(&metadata, "e30.e30.AAAA").unwrap();
    found(&station, &[], "metadata", "fail", "metadata");
    std::fs::remove_file(metadata).unwrap();
    let profile = std::fs::read_to_string(station.path("profile.toml")).unwrap();
    std::fs::write(station.path("profile.toml"), format!("prove_attestation = true\n{profile}")).unwrap();
    found(&station, &[], "metadata", "fail", "prove their model");
    std::fs::write(station.path("profile.toml"), profile).unwrap();
    std::fs::write(station.path("ledger.db"), "no database, and long enough not to be an empty one").unwrap();
    found(&station, &[], "ledger", "fail", "ledger");
}

/// Answers on a port of its own, each connection in this way, for as long as the test lives.
fn listener(answer: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().flatten().for_each(answer));
    port
}

/// Speaks TLS with a certificate that nobody trusts.
fn untrusted(mut stream: TcpStream) {
    let chain = CertificateDer::pem_slice_iter(include_bytes!("../data/tls/untrusted.pem")).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../data/tls/untrusted.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain.unwrap(), key).unwrap();
    let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
    let _ = tls.complete_io(&mut stream);
}

#[test]
fn what_stands_between_here_and_the_tenant_is_told_apart() {
    let free = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let garbage = listener(|mut stream| drop(stream.write_all(b"HTTP/1.1 302 Found\r\nlocation: http://login.hotel/\r\n\r\n")));
    for (host, part) in [
        (format!("https://127.0.0.1:{free}"), "does not take the connection"),
        (format!("https://127.0.0.1:{garbage}"), "does not speak TLS"),
        (format!("https://127.0.0.1:{}", listener(untrusted)), "is not trusted"),
        (format!("https://127.0.0.1:{}", listener(drop)), "cannot be reached"),
        // Too long for a name, which is found out without asking anybody.
        (format!("https://{}.invalid", "a".repeat(64)), "leads nowhere"),
    ] {
        let station = Station::new();
        let profile = format!("tenant = \"contoso.example\"\nclient_id = \"app\"\nauthority = {host:?}\ngraph = {host:?}\n");
        std::fs::write(station.path("profile.toml"), profile).unwrap();
        found(&station, &[("KEYWRIGHT_CLIENT_SECRET", "s")], "network", "fail", part);
    }
    // A host that answers with an error was reached.
    let station = Station::new();
    station.tenant.add_fault(Fault::always("GET", "*", Act::status(404)));
    assert!(!doctor(&station, &[]).1.iter().any(|(check, ..)| check == "network"));
}
