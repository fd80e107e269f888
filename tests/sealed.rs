//! Sealed hand-overs are opened by an identity of each kind, by `age` itself, and by nobody else.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "in a test a broken assumption is a failure"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use keywright::handover::identities::{self, AskPassphrase};
use keywright::handover::sealed::{self, Content};
use keywright::handover::{HandOverError, SealTo};
use keywright::secret::Pin;
use zeroize::Zeroizing;

const PIN: &str = "70281946";
const KINDS: [&str; 4] = ["age", "ed25519", "rsa", "locked"];

fn content(upn: &str) -> Content {
    Content {
        keywright: 1,
        job: 42,
        upn: upn.into(),
        name: Some("Adele \"Vance\"\u{1b}".into()),
        model: "YubiKey 5C NFC".into(),
        serial: Some("31415926".into()),
        passkey_name: "Key".into(),
        pin_must_be_changed: true,
        sealed: "2026-11-24T10:00:00Z".parse().unwrap(),
    }
}

/// The identity of a kind, as a file, and its public half.
fn identity(directory: &Path, kind: &str) -> (PathBuf, String) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/handover").join(kind);
    if kind == "age" {
        let path = directory.join("age");
        let safe = keywright::handover::AgeSafe::open_or_create(&path).unwrap();
        return (path, safe.recipient().to_string());
    }
    // `age` wants a key that only its owner can read.
    let path = directory.join(kind);
    std::fs::copy(&fixture, &path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    (path, std::fs::read_to_string(fixture.with_extension("pub")).unwrap())
}

fn asked(answer: Option<&'static str>) -> AskPassphrase {
    Arc::new(move |_| answer.map(|text| Zeroizing::new(text.to_owned())))
}

fn seal(to: &[&str], content: &Content) -> Vec<u8> {
    let recipients = SealTo::read_all(to.iter().copied()).unwrap();
    sealed::seal(&recipients, content, &Pin::new(Zeroizing::new(PIN.into())).unwrap()).unwrap()
}

#[test]
fn opened_by_its_recipients_and_by_nobody_else() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KINDS.map(|kind| (kind, identity(directory.path(), kind)));
    let file = directory.path().join("pin.age");
    for (kind, (_, public)) in &keys {
        std::fs::write(&file, seal(&[public], &content("adele@contoso.example"))).unwrap();
        for (other, (path, _)) in &keys {
            let identities = identities::read(path, &asked(Some("for tests"))).unwrap();
            match sealed::open(&file, &identities) {
                Ok(opened) => {
                    assert_eq!(kind, other);
                    assert_eq!((opened.pin.expose(), opened.content.upn.as_str()), (PIN, "adele@contoso.example"));
                }
                Err(error) => {
                    assert_ne!(kind, other, "{error}");
                    assert_eq!(error, HandOverError::OtherRecipient(file.clone()));
                }
            }
        }
    }
    // Several at once: each opens it.
    let publics: Vec<&str> = keys.iter().map(|(_, (_, public))| public.as_str()).collect();
    std::fs::write(&file, seal(&publics, &content("a@b.example"))).unwrap();
    for (kind, (path, _)) in &keys {
        let opened = sealed::open(&file, &identities::read(path, &asked(Some("for tests"))).unwrap());
        assert!(opened.is_ok(), "{kind}");
    }
    for answer in [None, Some("wrong")] {
        let identities = identities::read(&keys[3].1.0, &asked(answer)).unwrap();
        assert!(sealed::open(&file, &identities).is_err(), "the passphrase is needed");
    }
}

#[test]
fn age_itself_opens_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pin.age");
    for kind in ["age", "ed25519", "rsa"] {
        let (path, public) = identity(directory.path(), kind);
        std::fs::write(&file, seal(&[&public], &content("adele@contoso.example"))).unwrap();
        let run = Command::new("age").arg("--decrypt").arg("-i").arg(path).arg(&file).stdin(Stdio::null()).output();
        let run = run.expect("the Debian package age");
        assert!(run.status.success(), "{kind}: {}", String::from_utf8_lossy(&run.stderr));
        let said: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!((&said["temporaryPin"], &said["upn"]), (&PIN.into(), &"adele@contoso.example".into()), "{kind}");
    }
}

#[test]
fn its_length_tells_nothing_of_the_pin() {
    let directory = tempfile::tempdir().unwrap();
    let (_, public) = identity(directory.path(), "ed25519");
    let recipients = SealTo::read_all([public.as_str()]).unwrap();
    let length = |pin: &str| {
        sealed::seal(&recipients, &content("a@b.example"), &Pin::new(Zeroizing::new(pin.into())).unwrap()).unwrap().len()
    };
    // age adds a line of random length to the head; the content is the same for each.
    let lengths = ["1234", "70281946", &"7".repeat(63)].map(|pin| (0..40).map(|_| length(pin)).min().unwrap());
    assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() < 100, "{lengths:?}");
}

#[test]
fn what_is_no_sealed_hand_over_is_told_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let (path, public) = identity(directory.path(), "ed25519");
    let identities = identities::read(&path, &asked(None)).unwrap();
    let file = directory.path().join("f");
    let good = seal(&[&public], &content("a@b.example"));
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, &bad).unwrap();
        if let Ok(opened) = sealed::open(&file, &identities) {
            // Armor has bytes that mean nothing, such as a line's end.
            assert_eq!(opened.pin.expose(), PIN);
        }
        std::fs::write(&file, &good[..at]).unwrap();
        assert!(sealed::open(&file, &identities).is_err(), "cut at {at}");
    }
    for (bad, length) in [(&b""[..], 1), (b"age-encryption.org/v1\n", 1), (b"x", 2_000_000)] {
        std::fs::write(&file, bad.repeat(length)).unwrap();
        assert!(matches!(sealed::open(&file, &identities), Err(HandOverError::Form { .. })));
    }
    for (text, reason) in [
        ("", "empty"),
        ("ssh-ed25519 AAAA", "identity"),
        ("AGE-SECRET-KEY-1QQQQ", "identity"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "SSH"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = identities::read(&file, &asked(None)).err().expect(text).to_string();
        assert!(error.contains(reason) && !error.contains("QQQQ"), "{error}");
    }
}
