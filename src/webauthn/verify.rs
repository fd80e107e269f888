//! The check of a registration before it goes to the tenant, and by the tenant.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::aaguid::Aaguid;

use super::cose::CoseKey;
use super::{AttestationError, AttestationObject, AuthData, ClientData, CreationOptions, CredentialId, Flags, packed};

/// The roots that are trusted for a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// Nobody knows them: the chain is not followed.
    #[default]
    NotAtHand,
    /// These.
    Of {
        /// Certificates (DER). An attestation certificate itself may be among them.
        der: Vec<Vec<u8>>,
        /// The time at which the chain must be valid.
        at: Timestamp,
    },
}

/// What a registration is held against.
#[derive(Clone, Debug)]
pub struct Expected {
    rp_id_hash: [u8; 32],
    client_data_hash: [u8; 32],
    algorithms: Vec<i64>,
    exclude: Vec<CredentialId>,
    aaguid: Option<Aaguid>,
    credential_id: Option<CredentialId>,
    user_verified: bool,
    roots: Roots,
}

impl Expected {
    /// By the options, the client data as it was hashed for the key, and the model that the key said it is.
    pub fn new(options: &CreationOptions, client_data: &ClientData, aaguid: Aaguid) -> Self {
        Self { aaguid: Some(aaguid), ..Self::by_hash(options, client_data.hash()) }
    }

    /// By the options and the hash of the client data, from any model: what a relying party knows.
    pub fn by_hash(options: &CreationOptions, client_data_hash: [u8; 32]) -> Self {
        Self {
            rp_id_hash: Sha256::digest(options.rp.id.as_bytes()).into(),
            client_data_hash,
            algorithms: options.algorithms.clone(),
            exclude: options.exclude.clone(),
            aaguid: None,
            credential_id: None,
            user_verified: true,
            roots: Roots::NotAtHand,
        }
    }

    /// A credential that is made to be looked at, by touch alone, for a relying party that nobody is.
    pub fn of_trial(rp_id: &str, client_data_hash: [u8; 32], algorithms: &[i64], aaguid: Aaguid) -> Self {
        Self {
            rp_id_hash: Sha256::digest(rp_id.as_bytes()).into(),
            client_data_hash,
            algorithms: algorithms.to_vec(),
            exclude: Vec::new(),
            aaguid: Some(aaguid),
            credential_id: None,
            user_verified: false,
            roots: Roots::NotAtHand,
        }
    }

    /// The credential must have this id.
    #[must_use]
    pub fn with_credential_id(self, id: CredentialId) -> Self {
        Self { credential_id: Some(id), ..self }
    }

    /// The attestation must lead to one of these roots.
    #[must_use]
    pub fn with_roots(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }
}

/// How far an attestation was followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Format `none`: the key vouches for nothing.
    None,
    /// Signed by the new credential itself: sound, and says nothing of the model.
    SelfAttested,
    /// Signed by an attestation certificate that keeps the rules; no roots were at hand.
    Leaf,
    /// Signed by an attestation certificate that leads to a trusted root.
    Chain,
    /// A format that is not checked here.
    Unchecked(String),
}

/// A registration that is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The credential id.
    pub credential_id: CredentialId,
    /// The model.
    pub aaguid: Aaguid,
    /// COSE algorithm of the credential.
    pub algorithm: i64,
    /// Flags; backup eligibility and state are reported, not judged.
    pub flags: Flags,
    /// Signature counter.
    pub counter: u32,
    /// The public key: the raw span of the COSE key.
    pub public_key: Vec<u8>,
    /// Extension outputs: the raw span of the map.
    pub extensions: Option<Vec<u8>>,
    /// How far the attestation was followed.
    pub trust: Trust,
}

impl AttestationObject {
    /// Checks everything that can be checked without the tenant. A `packed` statement is verified, another format is
    /// passed on as [`Trust::Unchecked`].
    pub fn verify(&self, expected: &Expected) -> Result<Verified, AttestationError> {
        let data = AuthData::parse(self.auth_data())?;
        if data.rp_id_hash != expected.rp_id_hash {
            return Err(AttestationError::OtherRelyingParty);
        }
        if !data.flags.user_present() {
            return Err(AttestationError::FlagMissing("a touch"));
        }
        if expected.user_verified && !data.flags.user_verified() {
            return Err(AttestationError::FlagMissing("that the PIN was checked"));
        }
        let credential = data.credential.ok_or(AttestationError::FlagMissing("that it made a credential"))?;
        let credential_id = CredentialId(credential.id.clone());
        if let Some(model) = expected.aaguid
            && model != credential.aaguid
        {
            return Err(AttestationError::OtherModel { expected: model, found: credential.aaguid });
        }
        if expected.credential_id.as_ref().is_some_and(|id| *id != credential_id) {
            return Err(AttestationError::OtherCredential);
        }
        if expected.exclude.contains(&credential_id) {
            return Err(AttestationError::Excluded);
        }
        let key = CoseKey::parse(&credential.public_key)?;
        if !expected.algorithms.contains(&key.algorithm) {
            return Err(AttestationError::Algorithm(key.algorithm));
        }
        let signed = [self.auth_data(), &expected.client_data_hash].concat();
        let trust = match self.format() {
            "none" if self.statement() == [0xA0] => Trust::None,
            "none" => return Err(AttestationError::Malformed("attestation statement")),
            "packed" => packed::verify(self.statement(), &signed, &credential, &key, &expected.roots)?,
            other => Trust::Unchecked(other.to_owned()),
        };
        Ok(Verified {
            credential_id,
            aaguid: credential.aaguid,
            algorithm: key.algorithm,
            flags: data.flags,
            counter: data.counter,
            public_key: credential.public_key,
            extensions: data.extensions,
            trust,
        })
    }
}
