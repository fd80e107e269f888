//! Authenticator data: what an authenticator signs (WebAuthn level 3 section 6.1). A fixed head, then spans.

use crate::aaguid::Aaguid;
use crate::cbor::{SpanError, is_map, split_item};

/// Longest credential id in bytes (WebAuthn level 3 section 4).
const LONGEST_ID: usize = 1023;

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

    /// The credential may be backed up: a synced passkey.
    pub const fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    /// The credential is backed up.
    pub const fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// Attested credential data follows.
    const fn attested(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Extension outputs follow.
    const fn extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// Authenticator data, taken apart. The bytes themselves, which the signature is over, are kept by whoever parsed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthData {
    /// SHA-256 of the relying party id.
    pub rp_id_hash: [u8; 32],
    /// Flags.
    pub flags: Flags,
    /// Signature counter.
    pub counter: u32,
    /// The new credential, if there is one.
    pub credential: Option<AttestedCredential>,
    /// Extension outputs: the raw map.
    pub extensions: Option<Vec<u8>>,
}

/// A new credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential {
    /// The model.
    pub aaguid: Aaguid,
    /// Credential id, 1 to 1023 bytes.
    pub id: Vec<u8>,
    /// The public key: the raw map in COSE form.
    pub public_key: Vec<u8>,
}

/// How authenticator data breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthDataError {
    /// It ends before the counter does.
    #[error("authData is cut short")]
    Short,
    /// It ends within the attested credential data.
    #[error("the attested credential data is cut short")]
    CredentialShort,
    /// The credential id is empty or too long.
    #[error("the credential id has not 1 to 1023 bytes")]
    CredentialId,
    /// The public key is no map.
    #[error("the public key of the credential is no CBOR map")]
    PublicKey,
    /// The extension outputs are no map.
    #[error("the extension outputs are no CBOR map")]
    Extensions,
    /// The CBOR in it is broken.
    #[error("the CBOR in authData does not hold: {0}")]
    Cbor(#[from] SpanError),
    /// Something follows.
    #[error("authData goes on after its end")]
    Trailing,
}

impl AuthData {
    /// Takes it apart. Nothing may be left over.
    ///
    /// # Errors
    /// [`AuthDataError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AuthDataError> {
        const SHORT: AuthDataError = AuthDataError::Short;
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (flags, rest) = rest.split_first().ok_or(SHORT)?;
        let (counter, mut rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let flags = Flags(*flags);
        let credential = if flags.attested() { Some(attested(&mut rest)?) } else { None };
        let extensions = if flags.extensions() { Some(map(&mut rest, AuthDataError::Extensions)?) } else { None };
        if !rest.is_empty() {
            return Err(AuthDataError::Trailing);
        }
        Ok(Self { rp_id_hash: *rp_id_hash, flags, counter: u32::from_be_bytes(*counter), credential, extensions })
    }
}

fn attested(rest: &mut &[u8]) -> Result<AttestedCredential, AuthDataError> {
    const SHORT: AuthDataError = AuthDataError::CredentialShort;
    let (aaguid, tail) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
    let (length, tail) = tail.split_first_chunk::<2>().ok_or(SHORT)?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (id, tail) = tail.split_at_checked(length).ok_or(SHORT)?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(AuthDataError::CredentialId);
    }
    *rest = tail;
    Ok(AttestedCredential { aaguid: Aaguid(*aaguid), id: id.to_vec(), public_key: map(rest, AuthDataError::PublicKey)? })
}

/// The map that comes next, raw.
fn map(rest: &mut &[u8], otherwise: AuthDataError) -> Result<Vec<u8>, AuthDataError> {
    let (item, tail) = split_item(rest)?;
    *rest = tail;
    if is_map(item) { Ok(item.to_vec()) } else { Err(otherwise) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[0xA2, 0x01, 0x02, 0x03, 0x26];

    fn data(flags: u8, tail: &[&[u8]]) -> Vec<u8> {
        [&[9; 32][..], &[flags, 0, 0, 1, 2], &tail.concat()].concat()
    }

    fn credential(claimed: u16, id: &[u8], key: &[u8]) -> Vec<u8> {
        [&[7; 16][..], &claimed.to_be_bytes(), id, key].concat()
    }

    #[test]
    fn parts_are_found() {
        let extensions = [&[0xA1, 0x6B][..], b"hmac-secret", &[0xF5]].concat();
        let parsed = AuthData::parse(&data(0xC5, &[&credential(3, &[8; 3], KEY), &extensions])).unwrap();
        assert_eq!((parsed.rp_id_hash, parsed.counter, parsed.extensions), ([9; 32], 0x0102, Some(extensions)));
        let flags = parsed.flags;
        assert!(flags.user_present() && flags.user_verified() && !flags.backup_eligible() && !flags.backed_up());
        let expected = AttestedCredential { aaguid: Aaguid([7; 16]), id: vec![8; 3], public_key: KEY.to_vec() };
        assert_eq!(parsed.credential, Some(expected));
        let bare = AuthData::parse(&data(0x19, &[])).unwrap();
        assert!(bare.credential.is_none() && bare.extensions.is_none());
        assert!(bare.flags.backup_eligible() && bare.flags.backed_up() && !bare.flags.user_verified());
        let longest = AuthData::parse(&data(0x41, &[&credential(1023, &[1; 1023], KEY)])).unwrap();
        assert_eq!(longest.credential.unwrap().id.len(), 1023);
    }

    #[test]
    fn what_breaks_the_rules_is_named() {
        let rows = [
            (vec![], AuthDataError::Short),
            (vec![0; 36], AuthDataError::Short),
            (data(0x41, &[&[0; 17]]), AuthDataError::CredentialShort),
            (data(0x41, &[&credential(u16::MAX, &[1; 16], KEY)]), AuthDataError::CredentialShort),
            (data(0x41, &[&credential(0, &[], KEY)]), AuthDataError::CredentialId),
            (data(0x41, &[&credential(1024, &[1; 1024], KEY)]), AuthDataError::CredentialId),
            (data(0x41, &[&credential(1, &[1], &[])]), AuthDataError::Cbor(SpanError::Truncated)),
            (data(0x41, &[&credential(1, &[1], &[0x01])]), AuthDataError::PublicKey),
            (data(0x41, &[&credential(1, &[1], &[0xBF, 0xFF])]), AuthDataError::Cbor(SpanError::Indefinite)),
            (data(0x41, &[&credential(1, &[1], &[0x81; 200])]), AuthDataError::Cbor(SpanError::TooDeep)),
            (data(0x41, &[&credential(1, &[1], &[0xFC])]), AuthDataError::Cbor(SpanError::Malformed)),
            (data(0x81, &[&[0x80]]), AuthDataError::Extensions),
            (data(0x81, &[]), AuthDataError::Cbor(SpanError::Truncated)),
            (data(0x01, &[&[0]]), AuthDataError::Trailing),
            (data(0x41, &[&credential(1, &[1], KEY), &[0]]), AuthDataError::Trailing),
        ];
        for (bytes, expected) in rows {
            assert_eq!(AuthData::parse(&bytes).unwrap_err(), expected, "{bytes:02x?}");
        }
    }
}
