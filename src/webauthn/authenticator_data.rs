//! Authenticator data: what the authenticator signs (WebAuthn level 3 section 6.1). Fixed head, then spans.

use minicbor::Decoder;
use minicbor::data::Type;

use crate::aaguid::Aaguid;

use super::{AttestationError, CredentialId};

/// Longest credential id (level 3 section 4).
const LONGEST_ID: usize = 1023;
const MALFORMED: AttestationError = AttestationError::Malformed("authenticator data");

/// The flags byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Somebody touched the key.
    pub const fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    /// The PIN or a finger was checked.
    pub const fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// The credential may be backed up.
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// The credential is backed up.
    pub const fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Attested credential data follows.
    pub const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Extension outputs follow.
    pub const fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Attested credential data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential {
    /// The model.
    pub aaguid: Aaguid,
    /// The credential id.
    pub id: CredentialId,
    /// The public key: the raw span of the COSE key.
    pub public_key: Vec<u8>,
}

/// Authenticator data, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorData {
    /// SHA-256 of the relying party id.
    pub rp_id_hash: [u8; 32],
    /// Flags.
    pub flags: Flags,
    /// Signature counter.
    pub counter: u32,
    /// Present in a registration.
    pub attested: Option<AttestedCredential>,
    /// Extension outputs: the raw span of the map.
    pub extensions: Option<Vec<u8>>,
}

impl AuthenticatorData {
    /// Takes it apart. Nothing may be left over.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestationError> {
        let mut rest = bytes;
        let rp_id_hash = *take::<32>(&mut rest)?;
        let [flags] = *take::<1>(&mut rest)?;
        let flags = Flags(flags);
        let counter = u32::from_be_bytes(*take::<4>(&mut rest)?);
        let attested = if flags.attested() { Some(attested(&mut rest)?) } else { None };
        let extensions = if flags.extensions() { Some(map(&mut rest)?.to_vec()) } else { None };
        if rest.is_empty() { Ok(Self { rp_id_hash, flags, counter, attested, extensions }) } else { Err(MALFORMED) }
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], AttestationError> {
    let (head, tail) = rest.split_first_chunk().ok_or(MALFORMED)?;
    *rest = tail;
    Ok(head)
}

fn attested(rest: &mut &[u8]) -> Result<AttestedCredential, AttestationError> {
    let aaguid = Aaguid(*take(rest)?);
    let length = usize::from(u16::from_be_bytes(*take(rest)?));
    if length == 0 || length > LONGEST_ID {
        return Err(MALFORMED);
    }
    let (id, tail) = rest.split_at_checked(length).ok_or(MALFORMED)?;
    *rest = tail;
    Ok(AttestedCredential { aaguid, id: CredentialId(id.to_vec()), public_key: map(rest)?.to_vec() })
}

/// One CBOR map of definite length, as a raw span.
fn map<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], AttestationError> {
    let mut decoder = Decoder::new(rest);
    if !matches!(decoder.datatype(), Ok(Type::Map)) || decoder.skip().is_err() {
        return Err(MALFORMED);
    }
    let (span, tail) = rest.split_at_checked(decoder.position()).ok_or(MALFORMED)?;
    *rest = tail;
    Ok(span)
}
