//! The passkeys that the training tenant holds.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::aaguid::Aaguid;
use crate::simulator::tenant::judge::AttestationLevel;
use crate::simulator::tenant::script::{Spelling, TrainingUser};
use crate::webauthn::{CoseKey, CredentialId};

/// The model of passkeys that are there from the start: a YubiKey 5 NFC.
const STOCK_MODEL: Aaguid =
    Aaguid([0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13, 0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a]);

/// A registered passkey.
#[derive(Clone, Debug)]
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
    /// Key for assertions; `None` for those that were there from the start.
    pub public_key: Option<CoseKey>,
    /// Signature counter that was seen last.
    pub sign_count: u32,
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
                public_key: None,
                sign_count: 0,
            })
            .collect()
    }

    /// Its id as Graph names it.
    pub fn method_id(&self) -> String {
        spell(&self.credential_id, Spelling::Digit, 0)
    }

    /// `fido2AuthenticationMethod`.
    pub(super) fn to_json(&self) -> Value {
        let level = match self.attestation {
            AttestationLevel::Attested => "attested",
            AttestationLevel::NotAttested => "notAttested",
        };
        json!({
            "@odata.type": "#microsoft.graph.fido2AuthenticationMethod",
            "id": self.method_id(),
            "displayName": self.display_name,
            "createdDateTime": seconds(self.created),
            "aaGuid": self.aaguid,
            "model": if self.aaguid == STOCK_MODEL { "YubiKey 5 Series with NFC" } else { "Training key" },
            "attestationCertificates": [],
            "attestationLevel": level,
            "passkeyType": "deviceBound",
        })
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
