//! What the extensions of an authenticator answered (CTAP 2.3 section 12).

use crate::ctap::cbor::Value;
use crate::ctap::{AuthData, ReplyError};

/// What the extensions answered: *effective*, where the request is only what was wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionOutputs {
    /// credProtect: the level.
    pub cred_protect: Option<u64>,
    /// hmac-secret: whether it was switched on (makeCredential).
    pub hmac_secret: Option<bool>,
    /// minPinLength: shortest PIN in code points, if the relying party may know.
    pub min_pin_length: Option<u64>,
    /// credBlob: whether it was stored (makeCredential).
    pub cred_blob: Option<bool>,
}

impl ExtensionOutputs {
    /// Reads those in authenticator data; unknown ones stay in its raw map.
    ///
    /// # Errors
    /// [`ReplyError`] if one of those named here has another type.
    pub fn of(data: &AuthData) -> Result<Self, ReplyError> {
        let mut outputs = Self::default();
        let Some(map) = &data.extensions else { return Ok(outputs) };
        for (name, value) in Value::parse(map)?.fields("authData.extensions")? {
            // An assertion answers the last two with bytes: not ours to read.
            match name {
                "credProtect" => outputs.cred_protect = Some(value.u64("credProtect")?),
                "minPinLength" => outputs.min_pin_length = Some(value.u64("minPinLength")?),
                "hmac-secret" => outputs.hmac_secret = value.bool("hmac-secret").ok(),
                "credBlob" => outputs.cred_blob = value.bool("credBlob").ok(),
                _ => {}
            }
        }
        Ok(outputs)
    }
}
