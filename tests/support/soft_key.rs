//! A key in a few lines, for tests of the tenant's side: registrations as a sound key makes them, or with one thing wrong.

use keywright::aaguid::Aaguid;
use keywright::identity::{Offer, Registration};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::Assertion;
use keywright::webauthn::CredentialId;
use minicbor::Encoder;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha256};

/// What a registration is made from; a test changes one thing.
pub struct SoftKey {
    pub origin: String,
    pub rp_id: String,
    pub kind: &'static str,
    pub flags: u8,
    pub alg: i16,
    pub aaguid: Aaguid,
    pub credential_id: Vec<u8>,
    /// Signed by the credential itself instead of the batch key.
    pub self_attested: bool,
    pub flip_signature: bool,
    key: EcdsaKeyPair,
}

impl SoftKey {
    /// A sound one for this offer. `id` fills the credential id.
    pub fn new(offer: &Offer, id: u8) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        Self {
            origin: format!("https://{}", offer.options.rp.id),
            rp_id: offer.options.rp.id.clone(),
            kind: "webauthn.create",
            flags: 0x45,
            alg: -7,
            aaguid: Model::STANDARD.aaguid,
            credential_id: vec![id; 32],
            self_attested: false,
            flip_signature: false,
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &SystemRandom::new()).unwrap(),
        }
    }

    /// The registration for this offer.
    pub fn register(&self, offer: &Offer) -> Registration {
        let client_data_json = self.client_data(self.kind, &offer.options.challenge);
        let auth_data = self.auth_data();
        let message = [&auth_data[..], &Sha256::digest(&client_data_json)[..]].concat();
        let signer = if self.self_attested { &self.key } else { &batch_key() };
        let mut signature = signer.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec();
        if self.flip_signature {
            *signature.last_mut().unwrap() ^= 1;
        }
        let mut e = Encoder::new(Vec::new());
        e.map(3).unwrap().str("fmt").unwrap().str("packed").unwrap().str("attStmt").unwrap();
        e.map(if self.self_attested { 2 } else { 3 }).unwrap();
        e.str("alg").unwrap().i8(-7).unwrap().str("sig").unwrap().bytes(&signature).unwrap();
        if !self.self_attested {
            e.str("x5c").unwrap().array(1).unwrap().bytes(Model::STANDARD.leaf).unwrap();
        }
        e.str("authData").unwrap().bytes(&auth_data).unwrap();
        Registration {
            display_name: "Training key 1".into(),
            credential_id: CredentialId(self.credential_id.clone()),
            attestation_object: e.into_writer(),
            client_data_json,
            expires: offer.expires,
        }
    }

    /// A sign-in with the credential.
    pub fn sign_in(&self, user: &str, counter: u32) -> Assertion {
        let client_data_json = self.client_data("webauthn.get", "AAECAwQFBgcICQoLDA0ODw");
        let mut authenticator_data = Sha256::digest(&self.rp_id).to_vec();
        authenticator_data.push(5);
        authenticator_data.extend(counter.to_be_bytes());
        let signed = [&authenticator_data[..], &Sha256::digest(&client_data_json)[..]].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap().as_ref().to_vec();
        Assertion {
            user_id: user.into(),
            credential_id: CredentialId(self.credential_id.clone()),
            client_data_json,
            authenticator_data,
            signature,
        }
    }

    fn client_data(&self, kind: &str, challenge: &str) -> Vec<u8> {
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{}","crossOrigin":false}}"#, self.origin).into_bytes()
    }

    fn auth_data(&self) -> Vec<u8> {
        let mut data = Sha256::digest(&self.rp_id).to_vec();
        data.push(self.flags);
        data.extend([0, 0, 0, 1]);
        if self.flags & 0x40 != 0 {
            data.extend(self.aaguid.0);
            data.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
            data.extend(&self.credential_id);
            let point = self.key.public_key().as_ref();
            let mut e = Encoder::new(data);
            e.map(5).unwrap().i8(1).unwrap().i8(2).unwrap().i8(3).unwrap().i16(self.alg).unwrap().i8(-1).unwrap().i8(1).unwrap();
            e.i8(-2).unwrap().bytes(&point[1..33]).unwrap().i8(-3).unwrap().bytes(&point[33..]).unwrap();
            data = e.into_writer();
        }
        data
    }
}

/// The key that every leaf of the training models certifies.
fn batch_key() -> EcdsaKeyPair {
    let secret = include_bytes!("../../src/simulator/key/attestation/batch.key");
    // The point stands in the leaf after the header of its bit string.
    let leaf = Model::STANDARD.leaf;
    let at = leaf.windows(4).position(|window| window == [0x03, 0x42, 0x00, 0x04]).unwrap();
    let point: Vec<u8> = leaf.iter().skip(at).skip(3).take(65).copied().collect();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, secret, &point, &SystemRandom::new()).unwrap()
}
