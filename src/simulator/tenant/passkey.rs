//! The passkeys that the training tenant holds.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::aaguid::Aaguid;
use crate::simulator::tenant::judge::AttestationLevel;
use crate::simulator::tenant::script::{Spelling, TrainingUser};
use crate::webauthn::{AttestationObject, AuthData, CoseKey, CredentialId, base64url};

/// The model of passkeys that are there from the start: a YubiKey 5 NFC.
const STOCK_MODEL: Aaguid =
    Aaguid([0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13, 0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a]);

/// The registration that was accepted, byte-exact: anybody can judge it once more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Accepted {
    /// The challenge as it was handed out.
    pub challenge: String,
    /// Client data.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// Attestation object.
    #[serde(with = "base64url")]
    pub attestation_object: Vec<u8>,
}

/// A registered passkey.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TrainingPasskey {
    /// Credential id.
    pub credential_id: CredentialId,
    /// Name that it was registered with.
    pub display_name: String,
    /// Model.
    pub aaguid: Aaguid,
    /// When it was registered.
    pub created: Timestamp,
    /// What its attestation proved.
    pub attestation: AttestationLevel,
    /// How it came here; `None` for those that were there from the start.
    pub accepted: Option<Accepted>,
    /// Signature counter that was seen last.
    pub sign_count: u32,
    /// When somebody signed in with it last.
    #[serde(default)]
    pub last_used: Option<Timestamp>,
}

impl TrainingPasskey {
    /// The passkeys that a user starts with.
    pub(super) fn stock(user: &TrainingUser, now: Timestamp) -> Vec<Self> {
        (0..user.passkeys)
            .map(|number| Self {
                credential_id: CredentialId(Sha256::digest(format!("{} {number}", user.id)).to_vec()),
                display_name: format!("Key {number}"),
                aaguid: STOCK_MODEL,
                created: now,
                attestation: AttestationLevel::Attested,
                accepted: None,
                sign_count: 0,
                last_used: None,
            })
            .collect()
    }

    /// Its id as Graph names it.
    pub fn method_id(&self) -> String {
        spell(&self.credential_id, Spelling::Digit, 0)
    }

    /// Key for assertions; `None` for those that were there from the start.
    pub(super) fn public_key(&self) -> Option<CoseKey> {
        let attestation = AttestationObject::parse(&self.accepted.as_ref()?.attestation_object).ok()?;
        let credential = AuthData::parse(attestation.auth_data()).ok()?.credential?;
        CoseKey::parse(&credential.public_key).ok()
    }

    /// `fido2AuthenticationMethod`; only beta tells when it was last used.
    pub(super) fn to_json(&self, beta: bool) -> Value {
        let level = match self.attestation {
            AttestationLevel::Attested => "attested",
            AttestationLevel::NotAttested => "notAttested",
        };
        let mut body = json!({
            "@odata.type": "#microsoft.graph.fido2AuthenticationMethod",
            "id": self.method_id(),
            "displayName": self.display_name,
            "createdDateTime": seconds(self.created),
            "aaGuid": self.aaguid,
            "model": if self.aaguid == STOCK_MODEL { "YubiKey 5 Series with NFC" } else { "Training key" },
            "attestationCertificates": [],
            "attestationLevel": level,
            "passkeyType": "deviceBound",
        });
        if let (true, Some(members)) = (beta, body.as_object_mut()) {
            members.insert("lastUsedDateTime".to_owned(), self.last_used.map(seconds).into());
        }
        body
    }
}

/// A time in whole seconds, as most of Graph's are.
pub(super) fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

/// A credential id as Graph writes it; `turn` chooses for [`Spelling::Mixed`].
pub(super) fn spell(id: &CredentialId, spelling: Spelling, turn: usize) -> String {
    let padded = STANDARD.encode(&id.0);
    let plain = URL_SAFE_NO_PAD.encode(&id.0);
    match (spelling, turn % 3) {
        (Spelling::Plain, _) | (Spelling::Mixed, 2) => plain,
        (Spelling::Padded, _) | (Spelling::Mixed, 1) => padded,
        (Spelling::Digit | Spelling::Mixed, _) => format!("{plain}{}", padded.len().saturating_sub(plain.len())),
    }
}
