//! Signed metadata: taken only when it is right, never an older one, and then the way to the maker's root is part of every enrolment.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";
const STANDARD: &str = "c11a6286-5d17-4f31-bd07-df991459965c";

fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mds").join(name).to_str().unwrap().to_owned()
}

/// In a rehearsal whose ledger, and what is beside it, stays.
fn run(place: &Place, words: &[&str]) -> Run {
    place.run(&[&["--simulate", "--json", "--ledger", "ledger.db", "--yes"], words].concat())
}

fn update(place: &Place, name: &str) -> Run {
    run(place, &["metadata", "update", "--file", &file(name)])
}

#[test]
fn it_is_taken_shown_and_never_goes_back() {
    let place = Place::new();
    let none = run(&place, &["metadata", "show"]).done().last();
    assert!(none["result"]["kept"].is_null() && none["result"]["shipped"].as_str().unwrap().starts_with("blob 291"), "{none}");
    let taken = update(&place, "training-300.jwt").done().last();
    assert_eq!(
        (&taken["result"]["kept"]["number"], &taken["result"]["before"]),
        (&300.into(), &serde_json::Value::Null),
        "{taken}"
    );
    update(&place, "training-299.jwt").failed("metadata/rolled-back", 1);
    update(&place, "no-12.jwt").failed("metadata/not-valid-now", 1);
    update(&place, "README.md").failed("metadata/form", 1);
    update(&place, "not-there").failed("metadata/file", 1);
    let again = update(&place, "training-300.jwt").done().last();
    assert_eq!(again["result"]["before"], 300, "{again}");

    let shown = run(&place, &["metadata", "show", STANDARD]).done().last();
    let [one] = shown["result"]["models"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!((&one["name"], &one["roots"], &one["eligible"]), (&"Training Key".into(), &1.into(), &serde_json::Value::Null));
    assert_eq!(one["reports"][1]["status"], "FIDO_CERTIFIED_L2", "{one}");
    let named = run(&place, &["metadata", "show", "security KEY nfc by yubico"]).done().last();
    assert!(named["result"]["models"].as_array().unwrap().len() > 1, "{named}");
    run(&place, &["metadata", "show", "no such model"]).failed("cli/unknown-model", 2);
    run(&place, &["metadata", "show", "00000000-0000-0000-0000-000000000001"]).failed("cli/unknown-model", 2);
}

/// What the training root vouches for is nothing outside of a rehearsal.
#[test]
fn the_training_root_is_trusted_in_rehearsals_alone() {
    let place = Place::new();
    place.run(&["--json", "metadata", "update", "--file", &file("training-300.jwt")]).failed("metadata/chain", 1);
    update(&place, "training-300.jwt").done();
    place.run(&["--json", "--ledger", "ledger.db", "metadata", "show"]).failed("metadata/chain", 1);
}

#[test]
fn an_attestation_is_followed_to_the_root_of_its_model() {
    let place = Place::new();
    let plain = run(&place, &["enroll", ADELE]).done().out.clone();
    assert!(plain.contains("attestation are sound\""), "{plain}");
    let place = Place::new();
    update(&place, "training-300.jwt").done();
    let followed = run(&place, &["enroll", ADELE]).done().out.clone();
    assert!(followed.contains("up to a root of its model"), "{followed}");

    let place = Place::new();
    update(&place, "training-301.jwt").done();
    run(&place, &["enroll", ADELE]).failed("attestation/untrusted", 4);
    assert_eq!(place.judged(), 0, "nothing was registered");
}

/// With everything that it could have wrong: whatever was on the key is on it afterwards.
#[test]
fn a_key_proves_its_model_before_anything_on_it_changes() {
    let prove = ["enroll", ADELE, "--prove-attestation"];
    for (metadata, code) in [(None, "policy/unproven"), (Some("training-301.jwt"), "attestation/untrusted")] {
        let place = Place::new();
        if let Some(name) = metadata {
            update(&place, name).done();
        }
        assert!(place.key().wear("00112233", 1));
        run(&place, &prove).failed(code, 4);
        let key = place.key();
        assert!(key.pin_is("00112233") && key.state().resident == 1, "{code}: the key was changed");
        assert_eq!(place.judged(), 0);
    }
    // A model that the metadata does not have.
    let place = Place::new();
    update(&place, "training-300.jwt").done();
    let words = [&["--simulate", "--json", "--ledger", "ledger.db", "--yes"], &prove[..]].concat();
    let mut command = place.command(&words);
    Run::of(&command.env("KEYWRIGHT_TRAINING_MODEL", "minimum-pin-6").output().unwrap()).failed("policy/unproven", 4);

    for used in [false, true] {
        let place = Place::new();
        update(&place, "training-300.jwt").done();
        assert!(!used || place.key().wear("00112233", 1));
        let proven = run(&place, &prove).done().out.clone();
        assert!(proven.contains("proves its model") && proven.contains("up to a root of its model"), "{proven}");
        let place_of = |text: &str| proven.find(text).unwrap();
        assert!(place_of("proves its model") < place_of("\"job-opened\""), "{proven}");
        assert_eq!(place.key().state().resident, 1, "nothing of the trial stays");
    }
}

#[test]
fn what_the_fido_alliance_takes_back_is_told_and_refused_like_an_advisory() {
    for (metadata, deny, ends) in [
        ("training-300.jwt", Some("low"), Ok(false)),
        ("training-302.jwt", None, Ok(true)),
        ("training-302.jwt", Some("critical"), Ok(true)),
        ("training-302.jwt", Some("high"), Err("policy/advisory")),
    ] {
        let place = Place::new();
        update(&place, metadata).done();
        let info = run(&place, &["keys", "info"]).done().last();
        let check = run(&place, &["policy", "check", ADELE]).done().last();
        let told = ends != Ok(false);
        assert_eq!(info["result"]["fidoStatus"].as_array().map(Vec::len), Some(usize::from(told)), "{info}");
        let checks = check["result"]["checks"].as_array().unwrap();
        assert_eq!(checks.iter().any(|check| check["check"] == "key/fido-status" && check["verdict"] == "warn"), told, "{check}");
        let words = ["enroll", ADELE];
        let enrolled = run(&place, &deny.map_or(words.to_vec(), |deny| [&words[..], &["--deny-advisory", deny]].concat()));
        match ends {
            Ok(told) => assert_eq!(enrolled.done().out.contains("ATTESTATION_KEY_COMPROMISE"), told),
            Err(code) => {
                enrolled.failed(code, 4);
                assert!(!place.key().state().pin_set, "it was not changed");
            }
        }
    }
}

#[test]
fn whether_a_key_can_prove_its_model_is_among_the_checks_of_the_policy() {
    let profile = "prove_attestation = true\n";
    for (metadata, aaguid, verdict) in [
        (None, None, "fail"),
        (Some("training-300.jwt"), None, "pass"),
        (Some("training-300.jwt"), Some("c11a6286-5d17-4f31-bd07-df991459965c"), "pass"),
        (Some("training-300.jwt"), Some("2fc0579f-8113-47ea-b116-bb5a8db9202a"), "fail"),
    ] {
        let place = Place::new();
        if let Some(name) = metadata {
            update(&place, name).done();
        }
        std::fs::write(place.path().join("p.toml"), profile).unwrap();
        let words = ["--profile", "p.toml", "policy", "check", ADELE];
        let words = aaguid.map_or(words.to_vec(), |aaguid| [&words[..], &["--aaguid", aaguid]].concat());
        let run = run(&place, &words);
        assert_eq!(run.exit, if verdict == "fail" { 4 } else { 0 }, "{}", run.out);
        let line = run.last();
        let check = line["result"]["checks"].as_array().unwrap().iter().find(|check| check["check"] == "key/proof").unwrap();
        assert_eq!(check["verdict"], verdict, "{line}");
    }
}

#[test]
fn every_key_of_a_batch_proves_its_model() {
    let place = Place::new();
    update(&place, "training-300.jwt").done();
    std::fs::write(place.path().join("roster.csv"), "upn\nadele@contoso.example\nuser00001@contoso.example\n").unwrap();
    let words = ["--simulate", "--json", "--ledger", "ledger.db", "--yes", "batch", "run", "roster.csv", "--prove-attestation"];
    let mut command = place.command(&words);
    let proven = Run::of(&command.env("KEYWRIGHT_TRAINING_USERS", "1").output().unwrap()).done().out.clone();
    assert_eq!(proven.matches("proves its model").count(), 2, "{proven}");
    assert_eq!(proven.matches("up to a root of its model").count(), 2, "{proven}");
}

#[test]
fn what_somebody_changed_stops_an_enrolment_before_the_key_is_touched() {
    let place = Place::new();
    update(&place, "training-300.jwt").done();
    let kept = place.path().join("metadata.jwt");
    let mut text = std::fs::read(&kept).unwrap();
    text[2000] ^= 1;
    std::fs::write(&kept, text).unwrap();
    let refused = run(&place, &["enroll", ADELE]);
    assert!(refused.out.contains("\"metadata/") && refused.exit == 1, "{}", refused.out);
    assert!(!place.key().state().pin_set && place.key().history().is_empty(), "the key was not asked anything");
    update(&place, "training-300.jwt").done();
    run(&place, &["enroll", ADELE]).done();
}

/// Serves one answer on loopback.
fn served(status: &str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(&body);
    });
    url
}

#[test]
fn it_is_fetched() {
    let place = Place::new();
    let fetch = |url: &str| run(&place, &["metadata", "update", "--url", url]);
    let taken = fetch(&served("200 OK", std::fs::read(file("training-300.jwt")).unwrap())).done().last();
    assert_eq!(taken["result"]["kept"]["number"], 300, "{taken}");
    fetch(&served("200 OK", b"<html>Sign in to the network</html>".to_vec())).failed("metadata/form", 1);
    fetch(&served("404 Not Found", Vec::new())).failed("metadata/unreachable", 6);
    fetch("http://127.0.0.1:9/").failed("metadata/unreachable", 6);
    fetch("nowhere").failed("metadata/unreachable", 6);
    let kept = run(&place, &["metadata", "show"]).done().last();
    assert_eq!(kept["result"]["kept"]["number"], 300, "what failed changes nothing: {kept}");
}
