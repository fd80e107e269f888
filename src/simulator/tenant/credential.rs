//! Attestation objects, authenticator data and public keys, read by the tenant's own strict reader (WebAuthn level 3
//! sections 6.1 and 6.5): the code that makes credentials must not judge itself.

use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::aaguid::Aaguid;

/// User present.
pub(super) const UP: u8 = 0x01;
/// User verified.
pub(super) const UV: u8 = 0x04;
/// Backup eligible: a synced passkey.
pub(super) const BE: u8 = 0x08;
const AT: u8 = 0x40;
const ED: u8 = 0x80;

/// A public key with which assertions are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// COSE algorithm number.
    pub alg: i64,
    /// Uncompressed P-256 point; empty for other algorithms.
    point: Vec<u8>,
}

/// An attestation object.
#[derive(Debug)]
pub(super) struct Attestation<'a> {
    pub(super) fmt: String,
    pub(super) auth_data: &'a [u8],
}

/// Authenticator data with attested credential data.
#[derive(Debug)]
pub(super) struct AuthData {
    pub(super) rp_id_hash: [u8; 32],
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    pub(super) attested: Option<Attested>,
}

#[derive(Debug)]
pub(super) struct Attested {
    pub(super) aaguid: Aaguid,
    pub(super) credential_id: Vec<u8>,
    pub(super) key: PublicKey,
}

impl PublicKey {
    /// Checks an ES256 signature in DER.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.alg == -7 && UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.point).verify(message, signature).is_ok()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn cbor(error: minicbor::decode::Error) -> String {
    format!("malformed CBOR: {error}")
}

impl<'a> Attestation<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        if decoder.map().map_err(cbor)? != Some(3) {
            return Err("the attestation object has to have three members".into());
        }
        let (mut fmt, mut statement, mut auth_data) = (None, false, None);
        for _ in 0..3 {
            match decoder.str().map_err(cbor)? {
                "fmt" => fmt = Some(decoder.str().map_err(cbor)?.to_owned()),
                "attStmt" => {
                    if decoder.datatype().map_err(cbor)? != Type::Map {
                        return Err("attStmt is no map".into());
                    }
                    decoder.skip().map_err(cbor)?;
                    statement = true;
                }
                "authData" => auth_data = Some(decoder.bytes().map_err(cbor)?),
                _ => return Err("the attestation object has a member that it cannot have".into()),
            }
        }
        match (fmt, auth_data) {
            (Some(fmt), Some(auth_data)) if statement && decoder.position() == bytes.len() => Ok(Self { fmt, auth_data }),
            _ => Err("the attestation object is not complete, or goes on after its end".into()),
        }
    }
}

impl AuthData {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let short = || "authData is cut short".to_owned();
        let (hash, rest) = bytes.split_first_chunk::<32>().ok_or_else(short)?;
        let ([flags], rest) = rest.split_first_chunk::<1>().ok_or_else(short)?;
        let (count, mut rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let mut attested = None;
        if flags & AT != 0 {
            let (credential, after) = Attested::read(rest)?;
            attested = Some(credential);
            rest = after;
        }
        if flags & ED != 0 {
            let mut decoder = Decoder::new(rest);
            decoder.map().map_err(cbor)?;
            let mut decoder = Decoder::new(rest);
            decoder.skip().map_err(cbor)?;
            rest = rest.get(decoder.position()..).ok_or_else(short)?;
        }
        if !rest.is_empty() {
            return Err("authData goes on after its end".into());
        }
        Ok(Self { rp_id_hash: *hash, flags: *flags, sign_count: u32::from_be_bytes(*count), attested })
    }
}

impl Attested {
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let short = || "the attested credential data is cut short".to_owned();
        let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
        let (credential_id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(short)?;
        if credential_id.is_empty() || credential_id.len() > 1023 {
            return Err("the credential id has not 1 to 1023 bytes".into());
        }
        let (key, used) = cose_key(rest)?;
        let credential = Self { aaguid: Aaguid(*aaguid), credential_id: credential_id.to_vec(), key };
        Ok((credential, rest.get(used..).ok_or_else(short)?))
    }
}

/// A COSE key and its length.
fn cose_key(bytes: &[u8]) -> Result<(PublicKey, usize), String> {
    let mut decoder = Decoder::new(bytes);
    let members = decoder.map().map_err(cbor)?.ok_or("a COSE key of indefinite length")?;
    let (mut kty, mut alg, mut crv, mut x, mut y) = (None, None, None, None, None);
    for _ in 0..members {
        match decoder.i64().map_err(cbor)? {
            1 => kty = Some(decoder.i64().map_err(cbor)?),
            3 => alg = Some(decoder.i64().map_err(cbor)?),
            -1 if kty == Some(2) => crv = Some(decoder.i64().map_err(cbor)?),
            -2 if kty == Some(2) => x = Some(decoder.bytes().map_err(cbor)?),
            -3 if kty == Some(2) => y = Some(decoder.bytes().map_err(cbor)?),
            _ => decoder.skip().map_err(cbor)?,
        }
    }
    let alg = alg.ok_or("a COSE key without an algorithm")?;
    let point = match (alg, kty, crv, x, y) {
        (-7, Some(2), Some(1), Some(x), Some(y)) if x.len() == 32 && y.len() == 32 => [&[4][..], x, y].concat(),
        (-7, ..) => return Err("a COSE key that is no point of P-256".into()),
        _ => Vec::new(),
    };
    Ok((PublicKey { alg, point }, decoder.position()))
}
