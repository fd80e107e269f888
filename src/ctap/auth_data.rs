//! Authenticator data (WebAuthn level 3 section 6.1), as far as the driver needs it.

use crate::aaguid::Aaguid;
use crate::ctap::ReplyError;
use crate::ctap::cbor::{Value, first_item};

const WHAT: &str = "authData";
const EXTENSIONS: &str = "authData.extensions";

/// Authenticator data, taken apart. The bytes themselves are kept by whoever parsed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthData {
    /// SHA-256 of the relying party id.
    pub rp_id_hash: [u8; 32],
    /// Flags as they stand: UP 01, UV 04, BE 08, BS 10, AT 40, ED 80.
    pub flags: u8,
    /// Signature counter.
    pub counter: u32,
    /// The new credential, if there is one.
    pub credential: Option<AttestedCredential>,
    /// Extension outputs.
    pub extensions: ExtensionOutputs,
}

/// A new credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential {
    /// Model.
    pub aaguid: Aaguid,
    /// Credential id.
    pub id: Vec<u8>,
    /// Public key as raw COSE.
    pub public_key: Vec<u8>,
}

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
    /// Everything, as raw CBOR; empty if there is nothing.
    pub raw: Vec<u8>,
}

impl AuthData {
    /// Whether the user's presence was tested.
    pub const fn user_present(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Whether the user was verified.
    pub const fn user_verified(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Takes it apart.
    ///
    /// # Errors
    /// [`ReplyError`] for every length that does not add up.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReplyError> {
        const SHORT: ReplyError = ReplyError::WrongLength(WHAT);
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (flags, rest) = rest.split_first().ok_or(SHORT)?;
        let (counter, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (credential, rest) = if flags & 0x40 == 0 {
            (None, rest)
        } else {
            let (credential, rest) = attested(rest)?;
            (Some(credential), rest)
        };
        let extensions = match (flags & 0x80 != 0, rest) {
            (true, rest) => ExtensionOutputs::parse(Value::parse(rest)?)?,
            (false, []) => ExtensionOutputs::default(),
            (false, _) => return Err(ReplyError::Trailing),
        };
        Ok(Self { rp_id_hash: *rp_id_hash, flags: *flags, counter: u32::from_be_bytes(*counter), credential, extensions })
    }
}

fn attested(bytes: &[u8]) -> Result<(AttestedCredential, &[u8]), ReplyError> {
    const SHORT: ReplyError = ReplyError::WrongLength("attestedCredentialData");
    let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(SHORT)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(SHORT)?;
    let (public_key, rest) = first_item(rest)?;
    public_key.members("credentialPublicKey")?;
    Ok((AttestedCredential { aaguid: Aaguid(*aaguid), id: id.to_vec(), public_key: public_key.raw().to_vec() }, rest))
}

impl ExtensionOutputs {
    fn parse(value: Value<'_>) -> Result<Self, ReplyError> {
        let mut outputs = Self { raw: value.raw().to_vec(), ..Self::default() };
        for (name, value) in value.fields(EXTENSIONS)? {
            // An assertion answers the last two with bytes: not ours to read, kept in `raw`.
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
