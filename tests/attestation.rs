//! Attestations, genuine and forged, before our verifier and before a judge that is not ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(missing_docs, clippy::arithmetic_side_effects, reason = "a test")]
#![cfg(feature = "simulator")]

mod support;

use std::path::Path;

use jiff::Timestamp;
use keywright::aaguid::Aaguid;
use keywright::simulator::OwnJudge;
use keywright::simulator::key::{Model, test_other_root_der, test_root_der};
use keywright::simulator::tenant::{AttestationJudge, AttestationLevel, Submission};
use keywright::webauthn::{
    AttestationError, AttestationObject, AuthData, ClientData, CreationOptions, CredentialId, Expected, RelyingParty, Roots,
    Trust, UserEntity,
};
use minicbor::Encoder;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use sha2::{Digest, Sha256};
use support::judge::{Case, judge};

const RP_ID: &str = "login.microsoft.com";
const ORIGIN: &str = "https://login.microsoft.com";
/// Bytes of which the base64url has a `-` and a `_`.
const CHALLENGE: &str = "-_-_c29tZSBjaGFsbGVuZ2U";
const ES256: i64 = -7;
const ES384: i64 = -35;
const RS256: i64 = -257;
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const AT: u8 = 0x40;
const ED: u8 = 0x80;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new("tests/data/attestation").join(name)).unwrap()
}

fn options() -> CreationOptions {
    CreationOptions {
        rp: RelyingParty { id: RP_ID.into(), name: "Microsoft".into() },
        user: UserEntity { id: vec![1, 2, 3], name: "adele@contoso.example".into(), display_name: "Adele".into() },
        challenge: CHALLENGE.into(),
        algorithms: vec![ES256, RS256],
        exclude: vec![],
        hmac_secret: true,
        cred_protect: None,
    }
}

fn roots(der: &[u8], at: &str) -> Roots {
    Roots::Of { der: vec![der.to_vec()], at: at.parse::<Timestamp>().unwrap() }
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Signer {
    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, pkcs8: &[u8]) -> Self {
        Self::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8, &SystemRandom::new()).unwrap())
    }

    /// The batch key; its public half is what every leaf certifies.
    fn batch() -> Self {
        let secret = std::fs::read("src/simulator/key/attestation/batch.key").unwrap();
        let leaf = Model::STANDARD.leaf;
        // The point stands in the leaf after the header of its bit string.
        let header = [0x03, 0x42, 0x00, 0x04];
        let at = leaf.windows(4).position(|window| window == header).unwrap();
        let point = &leaf[at + 3..at + 68];
        let rng = SystemRandom::new();
        Self::Ecdsa(EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &secret, point, &rng).unwrap())
    }

    fn fresh() -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        Self::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let rng = SystemRandom::new();
        match self {
            Self::Ecdsa(key) => key.sign(&rng, message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &rng, message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn cose(&self) -> Vec<u8> {
        let Self::Ecdsa(key) = self else { panic!("credentials of the tests are on P-256") };
        let point = key.public_key().as_ref();
        let mut e = Encoder::new(Vec::new());
        e.map(5).unwrap().i8(1).unwrap().i8(2).unwrap().i8(3).unwrap().i8(-7).unwrap().i8(-1).unwrap().i8(1).unwrap();
        e.i8(-2).unwrap().bytes(&point[1..33]).unwrap().i8(-3).unwrap().bytes(&point[33..]).unwrap();
        e.into_writer()
    }
}

/// An attestation as a sound key makes it; a row of the table forges one thing.
struct Forge {
    signer: Signer,
    credential: Signer,
    rp_id: &'static str,
    flags: u8,
    aaguid: Aaguid,
    id: Vec<u8>,
    algorithm: i64,
    x5c: Option<Vec<Vec<u8>>>,
    format: &'static str,
    after_auth_data: Vec<u8>,
    flip_signature: bool,
    after_object: Vec<u8>,
    lose: usize,
}

impl Forge {
    fn sound() -> Self {
        Self {
            signer: Signer::batch(),
            credential: Signer::fresh(),
            rp_id: RP_ID,
            flags: UP | UV | AT,
            aaguid: Model::STANDARD.aaguid,
            id: vec![7; 32],
            algorithm: ES256,
            x5c: Some(vec![Model::STANDARD.leaf.to_vec()]),
            format: "packed",
            after_auth_data: vec![],
            flip_signature: false,
            after_object: vec![],
            lose: 0,
        }
    }

    fn leaf(name: &str) -> Self {
        Self { x5c: Some(vec![file(name)]), ..Self::sound() }
    }

    fn self_attested() -> Self {
        let credential = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let key = || Signer::ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING, credential.as_ref());
        Self { signer: key(), credential: key(), x5c: None, ..Self::sound() }
    }

    fn auth_data(&self) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id).to_vec();
        data.push(self.flags);
        data.extend_from_slice(&9_u32.to_be_bytes());
        if self.flags & AT != 0 {
            data.extend_from_slice(&self.aaguid.0);
            data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&self.id);
            data.extend_from_slice(&self.credential.cose());
        }
        if self.flags & ED != 0 {
            data.extend_from_slice(&minicbor::to_vec(std::collections::BTreeMap::from([("hmac-secret", true)])).unwrap());
        }
        data.extend_from_slice(&self.after_auth_data);
        data
    }

    fn make(&self, client_data: &ClientData) -> Vec<u8> {
        let data = self.auth_data();
        let mut signature = self.signer.sign(&[data.as_slice(), &client_data.hash()].concat());
        if self.flip_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let mut statement = Encoder::new(Vec::new());
        if self.format == "none" {
            statement.map(0).unwrap();
        } else {
            statement.map(if self.x5c.is_some() { 3 } else { 2 }).unwrap();
            statement.str("alg").unwrap().i64(self.algorithm).unwrap().str("sig").unwrap().bytes(&signature).unwrap();
            if let Some(x5c) = &self.x5c {
                statement.str("x5c").unwrap().array(u64::try_from(x5c.len()).unwrap()).unwrap();
                for certificate in x5c {
                    statement.bytes(certificate).unwrap();
                }
            }
        }
        let mut object = AttestationObject::from_parts(self.format, &statement.into_writer(), &data).into_bytes();
        object.extend_from_slice(&self.after_object);
        object.truncate(object.len() - self.lose);
        object
    }
}

/// Our verdict and the judge's.
fn verdicts(forge: &Forge, trusted: &Roots) -> (Result<Trust, AttestationError>, Result<(), String>) {
    let options = options();
    let client_data = ClientData::create(&options);
    let object = forge.make(&client_data);
    let expected = Expected::by_hash(&options, client_data.hash()).with_roots(trusted.clone());
    let ours = AttestationObject::parse(&object).and_then(|object| object.verify(&expected)).map(|verified| verified.trust);
    let root = match trusted {
        Roots::NotAtHand => None,
        Roots::Of { der, .. } => Some(der[0].as_slice()),
    };
    let case = Case {
        challenge: CHALLENGE,
        origin: ORIGIN,
        rp_id: RP_ID,
        client_data_json: client_data.as_bytes(),
        attestation_object: &object,
        exclude: &[],
        root,
    };
    (ours, judge(&case).map(|_| ()))
}

#[test]
fn sound_ones_pass_before_both() {
    let root = || roots(test_root_der(), "2026-11-23T00:00:00Z");
    let rows = [
        ("no roots", Forge::sound(), Roots::NotAtHand, Trust::Leaf),
        ("chain", Forge::sound(), root(), Trust::Chain),
        ("extensions", Forge { flags: UP | UV | AT | ED, ..Forge::sound() }, root(), Trust::Chain),
        ("no AAGUID extension", Forge::leaf("no-aaguid.der"), root(), Trust::Chain),
        ("self", Forge::self_attested(), Roots::NotAtHand, Trust::SelfAttested),
        ("none", Forge { format: "none", ..Forge::sound() }, Roots::NotAtHand, Trust::None),
        (
            "certificate in the middle",
            Forge { x5c: Some(vec![file("below-middle.der"), file("middle.der")]), ..Forge::sound() },
            root(),
            Trust::Chain,
        ),
        (
            "RSA",
            Forge {
                signer: Signer::Rsa(RsaKeyPair::from_pkcs8(&file("rsa.pk8")).unwrap()),
                algorithm: RS256,
                ..Forge::leaf("rsa.der")
            },
            root(),
            Trust::Chain,
        ),
    ];
    for (name, forge, trusted, expected) in rows {
        let (ours, judge) = verdicts(&forge, &trusted);
        assert_eq!(ours, Ok(expected), "{name}");
        assert_eq!(judge, Ok(()), "{name}");
    }
    // The judge does not know this one.
    let signer = Signer::ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING, &file("p384.pk8"));
    let (ours, _) = verdicts(&Forge { signer, algorithm: ES384, ..Forge::leaf("p384.der") }, &root());
    assert_eq!(ours, Ok(Trust::Chain));
    // The leaf itself may be the root.
    let (ours, _) = verdicts(&Forge::sound(), &roots(Model::STANDARD.leaf, "2026-11-23T00:00:00Z"));
    assert_eq!(ours, Ok(Trust::Chain));
}

#[test]
fn forged_ones_fail_before_both() {
    use AttestationError::{
        AlgorithmMismatch, Certificate, CertificateModel, FlagMissing, Malformed, NotValidNow, OtherRelyingParty, Signature,
        Untrusted,
    };
    /// Whether the judge looks at this at all.
    #[derive(PartialEq)]
    enum Judge {
        Refuses,
        DoesNotLook,
    }
    use Judge::{DoesNotLook, Refuses};
    let rule = Certificate;
    let rows = vec![
        ("signature", Forge { flip_signature: true, ..Forge::sound() }, Signature, Refuses),
        ("other signer", Forge { signer: Signer::fresh(), ..Forge::sound() }, Signature, Refuses),
        (
            "other model's leaf",
            Forge { x5c: Some(vec![Model::PORT_ONLY.leaf.to_vec()]), ..Forge::sound() },
            CertificateModel,
            Refuses,
        ),
        ("other AAGUID", Forge { aaguid: Model::PORT_ONLY.aaguid, ..Forge::sound() }, CertificateModel, Refuses),
        ("algorithm of the statement", Forge { algorithm: RS256, ..Forge::sound() }, AlgorithmMismatch, DoesNotLook),
        ("relying party", Forge { rp_id: "login.example", ..Forge::sound() }, OtherRelyingParty, Refuses),
        ("no touch", Forge { flags: UV | AT, ..Forge::sound() }, FlagMissing("a touch"), Refuses),
        ("no PIN", Forge { flags: UP | AT, ..Forge::sound() }, FlagMissing("that the PIN was checked"), Refuses),
        ("no credential", Forge { flags: UP | UV, ..Forge::sound() }, FlagMissing("that it made a credential"), Refuses),
        ("truncated by one", Forge { lose: 1, ..Forge::sound() }, Malformed("attestation object"), Refuses),
        ("truncated to half", Forge { lose: 400, ..Forge::sound() }, Malformed("attestation object"), Refuses),
        ("trailing byte", Forge { after_object: vec![0], ..Forge::sound() }, Malformed("attestation object"), Refuses),
        (
            "trailing in authData",
            Forge { after_auth_data: vec![0xA0], ..Forge::sound() },
            Malformed("authenticator data"),
            DoesNotLook,
        ),
        (
            "ED without extensions",
            Forge { flags: UP | UV | AT | ED, after_auth_data: vec![0xFF], ..Forge::sound() },
            Malformed("authenticator data"),
            DoesNotLook,
        ),
        ("empty x5c", Forge { x5c: Some(vec![]), ..Forge::sound() }, Malformed("attestation statement"), Refuses),
        (
            "x5c is no certificate",
            Forge { x5c: Some(vec![vec![0x30, 0x00]]), ..Forge::sound() },
            Malformed("attestation certificate"),
            Refuses,
        ),
        ("self, by another key", Forge { signer: Signer::fresh(), ..Forge::self_attested() }, Signature, Refuses),
        ("self, other algorithm", Forge { algorithm: RS256, ..Forge::self_attested() }, AlgorithmMismatch, Refuses),
        ("unit", Forge::leaf("other-unit.der"), rule("its subject has another unit"), Refuses),
        ("country", Forge::leaf("no-country.der"), rule("its subject has no country"), Refuses),
        ("common name", Forge::leaf("no-common-name.der"), rule("its subject has no common name"), Refuses),
        ("authority", Forge::leaf("authority.der"), rule("it is one of an authority"), Refuses),
        ("critical", Forge::leaf("critical-aaguid.der"), rule("its AAGUID extension is critical"), Refuses),
        ("expired", Forge::leaf("expired.der"), NotValidNow, Refuses),
        (
            "not an authority in the middle",
            Forge { x5c: Some(vec![file("below-middle-no-authority.der"), file("middle-no-authority.der")]), ..Forge::sound() },
            Untrusted,
            Refuses,
        ),
        ("the middle is missing", Forge::leaf("below-middle.der"), Untrusted, Refuses),
    ];
    let root = roots(test_root_der(), "2026-11-23T00:00:00Z");
    for (name, forge, expected, others) in rows {
        let (ours, judge) = verdicts(&forge, &root);
        assert_eq!(ours, Err(expected), "{name}");
        if others == Refuses {
            assert!(judge.is_err(), "the judge accepts: {name}");
        }
    }
    let other = roots(test_other_root_der(), "2026-11-23T00:00:00Z");
    let (ours, judge) = verdicts(&Forge::sound(), &other);
    assert_eq!(ours, Err(Untrusted));
    assert!(judge.is_err());
    let (ours, _) = verdicts(&Forge::sound(), &roots(test_root_der(), "2051-01-01T00:00:00Z"));
    assert_eq!(ours, Err(NotValidNow));
}

#[test]
fn what_the_enrolment_expects_is_checked() {
    let asked = options();
    let client_data = ClientData::create(&asked);
    let object = AttestationObject::parse(&Forge::sound().make(&client_data)).unwrap();
    let id = CredentialId(vec![7; 32]);
    let model = Model::STANDARD.aaguid;
    let verified = object.verify(&Expected::new(&asked, &client_data, model).with_credential_id(id.clone())).unwrap();
    assert_eq!((&verified.credential_id, verified.aaguid, verified.algorithm, verified.counter), (&id, model, ES256, 9));
    assert!(!verified.flags.backup_eligible() && !verified.flags.backed_up());

    let other = Model::PORT_ONLY.aaguid;
    let excluding = CreationOptions { exclude: vec![id], ..asked.clone() };
    let algorithms = CreationOptions { algorithms: vec![RS256], ..asked.clone() };
    let challenge = ClientData::create(&CreationOptions { challenge: "YQ".into(), ..asked.clone() });
    for (expected, error) in [
        (Expected::new(&asked, &client_data, other), AttestationError::OtherModel { expected: other, found: model }),
        (Expected::new(&excluding, &client_data, model), AttestationError::Excluded),
        (Expected::new(&algorithms, &client_data, model), AttestationError::Algorithm(ES256)),
        (Expected::new(&asked, &challenge, model), AttestationError::Signature),
        (Expected::new(&asked, &client_data, model).with_credential_id(CredentialId(vec![8])), AttestationError::OtherCredential),
    ] {
        assert_eq!(object.verify(&expected).unwrap_err(), error);
    }
}

#[test]
fn judge_holds_challenge_origin_and_exclusion() {
    let options = options();
    let client_data = ClientData::create(&options);
    let object = Forge::sound().make(&client_data);
    let known = [vec![7; 32]];
    let case = Case {
        challenge: CHALLENGE,
        origin: ORIGIN,
        rp_id: RP_ID,
        client_data_json: client_data.as_bytes(),
        attestation_object: &object,
        exclude: &[],
        root: Some(test_root_der()),
    };
    assert_eq!(judge(&case).unwrap().credential_id, known[0]);
    for wrong in [
        Case { challenge: "YW5vdGhlciBjaGFsbGVuZ2U", ..case },
        Case { origin: "https://login.example", ..case },
        Case { rp_id: "login.example", ..case },
        Case { exclude: &known, ..case },
        Case { root: Some(test_other_root_der()), ..case },
    ] {
        judge(&wrong).unwrap_err();
    }
}

#[test]
fn the_shipped_judge_tells_who_vouches() {
    let client_data = ClientData::create(&options());
    let trusting = |der| OwnJudge { roots: roots(der, "2026-11-23T00:00:00Z") };
    for (judge, forge, expected) in [
        (OwnJudge::default(), Forge::sound(), Some(AttestationLevel::Attested)),
        (trusting(test_root_der()), Forge::sound(), Some(AttestationLevel::Attested)),
        (trusting(test_other_root_der()), Forge::sound(), None),
        (OwnJudge::default(), Forge::self_attested(), Some(AttestationLevel::NotAttested)),
        (OwnJudge::default(), Forge { format: "none", ..Forge::sound() }, Some(AttestationLevel::NotAttested)),
        (OwnJudge::default(), Forge { flip_signature: true, ..Forge::sound() }, None),
        (OwnJudge::default(), Forge { rp_id: "login.example", ..Forge::sound() }, None),
    ] {
        let submission = Submission {
            client_data_json: client_data.as_bytes(),
            attestation_object: &forge.make(&client_data),
            challenge: CHALLENGE,
            rp_id: RP_ID,
            algorithms: &[ES256],
        };
        assert_eq!(judge.judge(&submission).ok(), expected);
        assert!(judge.judge(&Submission { challenge: "YQ", ..submission }).is_err());
    }
}

proptest! {
    #[test]
    fn parsers_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = AttestationObject::parse(&bytes);
        let _ = AuthData::parse(&bytes);
        let _ = ClientData::read(&bytes);
    }

    #[test]
    fn damaged_objects_never_panic(at in 0_usize..1_000, to in any::<u8>(), cut in 0_usize..1_000) {
        let asked = options();
        let client_data = ClientData::create(&asked);
        let mut object = Forge::sound().make(&client_data);
        let at = at.min(object.len() - 1);
        object[at] = to;
        object.truncate(object.len() - cut.min(object.len()) / 8 * usize::from(cut % 2 == 0));
        let expected = Expected::by_hash(&asked, client_data.hash()).with_roots(roots(test_root_der(), "2026-11-23T00:00:00Z"));
        if let Ok(object) = AttestationObject::parse(&object) {
            let _ = object.verify(&expected);
        }
    }

    #[test]
    fn what_is_written_is_read(format in "[a-z-]{1,32}", data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let object = AttestationObject::from_parts(&format, &[0xA1, 0x61, 0x61, 0x01], &data);
        prop_assert_eq!(AttestationObject::parse(object.as_bytes()).unwrap(), object);
    }
}
