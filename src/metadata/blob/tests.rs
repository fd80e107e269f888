//! The verifier, held against a real BLOB and against everything that somebody might offer instead.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::super::store::Store;
use super::*;
use crate::advice::Advised as _;

const AT: &str = "2026-11-27T00:00:00Z";
const MODEL: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";

fn data(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mds").join(name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a test signs, and how.
struct Draft {
    header: Value,
    payload: String,
}

impl Draft {
    fn new() -> Self {
        let entry = json!({
            "aaguid": MODEL,
            "metadataStatement": {"description": "A key", "attestationRootCertificates": [STANDARD.encode(data("leaf.der"))]},
            "statusReports": [{"status": "FIDO_CERTIFIED_L1", "effectiveDate": "2025-01-01"}, {"status": "REVOKED"}],
        });
        let payload =
            json!({"legalHeader": "", "no": 300, "nextUpdate": "2026-12-01", "entries": [entry, {"aaid": "1234#5678"}]});
        Self { header: Self::header("leaf.der"), payload: payload.to_string() }
    }

    fn header(leaf: &str) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "x5c": [STANDARD.encode(data(leaf))]})
    }

    fn by(leaf: &str) -> Self {
        Self { header: Self::header(leaf), ..Self::new() }
    }

    fn of(payload: &str) -> Self {
        Self { payload: payload.into(), ..Self::new() }
    }

    fn with(mut self, member: &str, value: Value) -> Self {
        self.header[member] = value;
        self
    }

    fn sign(&self) -> String {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &data("leaf.pk8"), &random).unwrap();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(self.header.to_string()), URL_SAFE_NO_PAD.encode(&self.payload));
        let signature = key.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn code(read: Result<Blob, MetadataError>) -> &'static str {
    read.map_or_else(|error| error.advice().code, |_| "taken")
}

fn training(text: &str) -> Result<Blob, MetadataError> {
    Blob::read(text.as_bytes(), TRAINING_ROOTS, at(AT))
}

#[test]
fn a_real_one_is_read() {
    let blob = Blob::read(&data("no-12.jwt"), FIDO_ROOTS, at("2022-02-01T00:00:00Z")).unwrap();
    assert_eq!((blob.number, blob.next_update.to_string().as_str(), blob.models()), (12, "2022-03-01", 49));
    assert!(!blob.is_due(at("2022-02-28T23:59:59Z")) && blob.is_due(at("2022-03-01T00:00:00Z")));
    let entry = blob.entry(MODEL.parse().unwrap()).unwrap();
    assert!(entry.name.starts_with("YubiKey") && !entry.roots.is_empty() && entry.troubles().count() == 0, "{entry:?}");
    assert!(entry.reports.iter().any(|report| report.status == "FIDO_CERTIFIED_L1"), "{entry:?}");
}

#[test]
fn a_real_one_is_refused_when_anything_about_it_is_wrong() {
    let good = String::from_utf8(data("no-12.jwt")).unwrap();
    let flip = |place: usize| {
        let mut text = good.clone().into_bytes();
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let now = "2022-02-01T00:00:00Z";
    let payload = good.find('.').unwrap();
    let rows = [
        ("before its certificate", good.clone(), "2021-04-12T00:00:00Z", FIDO_ROOTS, "metadata/not-valid-now"),
        ("after it", good.clone(), AT, FIDO_ROOTS, "metadata/not-valid-now"),
        ("another root", good.clone(), now, TRAINING_ROOTS, "metadata/chain"),
        ("no root", good.clone(), now, &[], "metadata/chain"),
        ("one character of the payload", flip(payload + 5000), now, FIDO_ROOTS, "metadata/signature"),
        ("one of its end", flip(good.rfind('.').unwrap() - 1), now, FIDO_ROOTS, "metadata/signature"),
        ("one of the signature", flip(good.rfind('.').unwrap() + 20), now, FIDO_ROOTS, "metadata/signature"),
        ("half of it", good[..good.len() / 2].into(), now, FIDO_ROOTS, "metadata/form"),
        ("no signature", good[..=good.rfind('.').unwrap()].into(), now, FIDO_ROOTS, "metadata/signature"),
        ("a shorter signature", good.trim_end()[..good.trim_end().len() - 3].into(), now, FIDO_ROOTS, "metadata/form"),
    ];
    for (name, text, time, roots, expected) in rows {
        assert_eq!(code(Blob::read(text.as_bytes(), roots, at(time))), expected, "{name}");
    }
}

#[test]
fn only_what_the_service_signed_is_taken() {
    let deep = format!(
        "{{\"no\":1,\"nextUpdate\":\"2027-01-01\",\"entries\":[{{\"x\":{}{}}}]}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let twice =
        format!("{{\"no\":1,\"nextUpdate\":\"2027-01-01\",\"entries\":[{{\"aaguid\":\"{MODEL}\"}},{{\"aaguid\":\"{MODEL}\"}}]}}");
    let rows = [
        ("right", Draft::new(), "taken"),
        ("an old certificate", Draft::by("leaf-old.der"), "metadata/not-valid-now"),
        ("another name", Draft::by("leaf-other-name.der"), "metadata/other-signer"),
        ("the name in the subject alone", Draft::by("leaf-no-name.der"), "metadata/other-signer"),
        ("a root of the same name", Draft::by("leaf-other-root.der"), "metadata/chain"),
        ("an authority as its signer", Draft::by("leaf-authority.der"), "metadata/chain"),
        ("signed by itself", Draft::by("leaf-itself.der"), "metadata/chain"),
        ("no algorithm", Draft::new().with("alg", json!("none")), "metadata/algorithm"),
        ("a shared secret", Draft::new().with("alg", json!("HS256")), "metadata/algorithm"),
        ("the other algorithm", Draft::new().with("alg", json!("RS256")), "metadata/signature"),
        ("no certificate", Draft::new().with("x5c", json!([])), "metadata/form"),
        ("no certificates", Draft::new().with("x5c", Value::Null), "metadata/form"),
        ("no certificate in it", Draft::new().with("x5c", json!(["AAAA"])), "metadata/chain"),
        ("no base64", Draft::new().with("x5c", json!(["-"])), "metadata/form"),
        ("nine certificates", Draft::new().with("x5c", json!(vec!["AAAA"; 9])), "metadata/form"),
        ("something critical", Draft::new().with("crit", json!(["exp"])), "metadata/form"),
        ("a header without end", Draft::new().with("x", json!("x".repeat(70_000))), "metadata/form"),
        ("no object", Draft::of("[]"), "metadata/form"),
        ("nothing", Draft::of(""), "metadata/form"),
        ("no number", Draft::of("{\"nextUpdate\":\"2027-01-01\",\"entries\":[]}"), "metadata/form"),
        ("a number below nought", Draft::of("{\"no\":-1,\"nextUpdate\":\"2027-01-01\",\"entries\":[]}"), "metadata/form"),
        ("no date", Draft::of("{\"no\":1,\"nextUpdate\":\"soon\",\"entries\":[]}"), "metadata/form"),
        ("two numbers", Draft::of("{\"no\":1,\"no\":2,\"nextUpdate\":\"2027-01-01\",\"entries\":[]}"), "metadata/form"),
        ("a model twice", Draft::of(&twice), "metadata/form"),
        (
            "an id that is none",
            Draft::of("{\"no\":1,\"nextUpdate\":\"2027-01-01\",\"entries\":[{\"aaguid\":\"1\"}]}"),
            "metadata/form",
        ),
        ("deep where nobody looks", Draft::of(&deep), "taken"),
        ("deep where somebody looks", Draft::of(&"[".repeat(10_000)), "metadata/form"),
    ];
    for (name, draft, expected) in rows {
        assert_eq!(code(training(&draft.sign())), expected, "{name}");
    }
    let good = Draft::new().sign();
    let texts = [
        ("empty", String::new(), "metadata/form"),
        ("a page", "<html>".into(), "metadata/form"),
        ("dots", "...".into(), "metadata/form"),
        ("a part more", format!("{good}.{good}"), "metadata/form"),
        ("a line end", format!("{good}\r\n"), "taken"),
        ("too long", "A".repeat(LONGEST + 1), "metadata/too-long"),
    ];
    for (name, text, expected) in texts {
        assert_eq!(code(training(&text)), expected, "{name}");
    }
    assert_eq!(code(Blob::read(&[0xFF, b'.', b'.'], TRAINING_ROOTS, at(AT))), "metadata/form");
    assert_eq!(
        code(Blob::read(good.as_bytes(), FIDO_ROOTS, at(AT))),
        "metadata/chain",
        "the training root is for rehearsals alone"
    );
}

#[test]
fn what_is_said_against_a_model_is_found() {
    let blob = training(&Draft::new().sign()).unwrap();
    let entry = blob.entry(MODEL.parse().unwrap()).unwrap();
    assert_eq!(entry.troubles().map(|report| report.status.as_str()).collect::<Vec<_>>(), ["REVOKED"]);
    assert_eq!((blob.models(), &entry.roots), (1, &vec![data("leaf.der")]));
}

#[test]
fn the_number_never_goes_back_and_a_changed_file_is_seen() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::in_directory(&place.path().join("data"));
    let numbered = |number: u64| Draft::of(&json!({"no": number, "nextUpdate": "2026-12-01", "entries": []}).to_string()).sign();
    let take = |text: &str| store.take(text.as_bytes(), TRAINING_ROOTS, at(AT)).map(|taken| (taken.blob.number, taken.before));
    assert!(store.load(TRAINING_ROOTS, at(AT)).unwrap().is_none());
    assert_eq!(take(&numbered(5)).unwrap(), (5, None));
    assert_eq!(take(&numbered(5)).unwrap(), (5, Some(5)));
    assert_eq!(take(&numbered(4)).unwrap_err().advice().code, "metadata/rolled-back");
    assert_eq!(take("no metadata").unwrap_err().advice().code, "metadata/form");
    assert_eq!(store.load(TRAINING_ROOTS, at(AT)).unwrap().unwrap().number, 5, "what was refused changes nothing");
    assert_eq!(take(&numbered(6)).unwrap(), (6, Some(5)));

    let kept = std::fs::read_to_string(store.path()).unwrap();
    let other = numbered(7);
    let forged = format!("{}.{}", other.rsplit_once('.').unwrap().0, kept.rsplit_once('.').unwrap().1);
    std::fs::write(store.path(), forged).unwrap();
    assert_eq!(store.load(TRAINING_ROOTS, at(AT)).unwrap_err().advice().code, "metadata/signature");
    std::fs::write(store.path(), "nothing").unwrap();
    assert_eq!(take(&numbered(2)).unwrap(), (2, None), "a file that is none holds nobody up");
}
