//! The user's part: does an assertion of a registered passkey hold? Asked by tests and by clients that are not ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::simulator::tenant::passkey::TrainingPasskey;
use crate::simulator::tenant::registration::{check_auth_data, check_client_data};
use crate::webauthn::{AuthData, ClientData, CredentialId, base64url};

/// An assertion, as a client sends it to `/training/assertion`: binary members in base64url without padding.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Assertion {
    /// Object id or principal name of the user.
    pub user_id: String,
    /// Credential id.
    pub credential_id: CredentialId,
    /// Client data, byte-exact.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// Authenticator data.
    #[serde(with = "base64url")]
    pub authenticator_data: Vec<u8>,
    /// Signature in DER.
    #[serde(with = "base64url")]
    pub signature: Vec<u8>,
}

/// Checks an assertion as a sign-in would (WebAuthn level 3 section 7.2). The challenge is the client's own affair: this
/// tenant has no sign-in page that could have issued one.
pub(super) fn check(assertion: &Assertion, rp_id: &str, passkeys: &mut [TrainingPasskey], now: Timestamp) -> Result<(), String> {
    let passkey = passkeys.iter_mut().find(|passkey| passkey.credential_id == assertion.credential_id);
    let passkey = passkey.ok_or("the user has no such passkey")?;
    let key = passkey.public_key().ok_or("the passkey was there from the start and has no key")?;
    let client_data = ClientData::read(&assertion.client_data_json).map_err(|error| error.to_string())?;
    check_client_data(&client_data, "webauthn.get", rp_id)?;
    if URL_SAFE_NO_PAD.decode(&client_data.challenge).map_or(0, |bytes| bytes.len()) < 16 {
        return Err("the challenge has less than 16 bytes".into());
    }
    let data = AuthData::parse(&assertion.authenticator_data).map_err(|error| error.to_string())?;
    check_auth_data(&data, rp_id)?;
    if data.counter != 0 && data.counter <= passkey.sign_count {
        return Err("the signature counter went back".into());
    }
    let signed = [&assertion.authenticator_data[..], &Sha256::digest(&assertion.client_data_json)[..]].concat();
    key.verify(&signed, &assertion.signature).map_err(|_| "the signature does not hold")?;
    passkey.sign_count = data.counter;
    passkey.last_used = Some(now);
    Ok(())
}
