//! Public keys of credentials in COSE form (RFC 9052, RFC 9053), as far as their signatures are checked here.

use minicbor::Decoder;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::AttestationError;

/// ECDSA on P-256 with SHA-256.
pub(super) const ES256: i64 = -7;
/// EdDSA, which is Ed25519 here.
pub(super) const EDDSA: i64 = -8;
/// ECDSA on P-384 with SHA-384.
pub(super) const ES384: i64 = -35;
/// RSASSA-PKCS1-v1_5 with SHA-256.
pub(super) const RS256: i64 = -257;

const KTY_OKP: i64 = 1;
const KTY_EC2: i64 = 2;
const CURVE_P256: i64 = 1;
const CURVE_P384: i64 = 2;
const CURVE_ED25519: i64 = 6;
const MALFORMED: AttestationError = AttestationError::Malformed("public key of the credential");

/// A COSE key: its algorithm, and what a signature is checked with if that is supported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoseKey {
    /// COSE algorithm number.
    pub algorithm: i64,
    kty: i64,
    curve: Option<i64>,
    x: Vec<u8>,
    y: Vec<u8>,
}

impl CoseKey {
    /// Reads one; members that are of no use here are passed over.
    ///
    /// # Errors
    /// [`AttestationError::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestationError> {
        let bad = |_| MALFORMED;
        let mut decoder = Decoder::new(bytes);
        let (mut kty, mut algorithm, mut curve) = (None, None, None);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..decoder.map().map_err(bad)?.ok_or(MALFORMED)? {
            match decoder.i64().map_err(bad)? {
                1 => kty = Some(decoder.i64().map_err(bad)?),
                3 => algorithm = Some(decoder.i64().map_err(bad)?),
                // For RSA, label -1 is the modulus.
                -1 if kty != Some(3) => curve = Some(decoder.i64().map_err(bad)?),
                -2 if kty != Some(3) => x = decoder.bytes().map_err(bad)?.to_vec(),
                -3 if kty != Some(3) => y = decoder.bytes().map_err(bad)?.to_vec(),
                _ => decoder.skip().map_err(bad)?,
            }
        }
        let (Some(kty), Some(algorithm)) = (kty, algorithm) else { return Err(MALFORMED) };
        Ok(Self { algorithm, kty, curve, x, y })
    }

    /// Checks a signature of this key; those of ECDSA in DER.
    ///
    /// # Errors
    /// [`AttestationError::Signature`], or that the key is of a kind that is not checked here.
    pub fn verify(&self, message: &[u8], signed: &[u8]) -> Result<(), AttestationError> {
        let (algorithm, size): (&'static dyn VerificationAlgorithm, usize) = match (self.algorithm, self.kty, self.curve) {
            (ES256, KTY_EC2, Some(CURVE_P256)) => (&signature::ECDSA_P256_SHA256_ASN1, 32),
            (ES384, KTY_EC2, Some(CURVE_P384)) => (&signature::ECDSA_P384_SHA384_ASN1, 48),
            (EDDSA, KTY_OKP, Some(CURVE_ED25519)) => (&signature::ED25519, 32),
            _ => return Err(AttestationError::Unsupported("kind of credential key")),
        };
        let point = if self.kty == KTY_OKP {
            self.x.clone()
        } else {
            if self.x.len() != size || self.y.len() != size {
                return Err(MALFORMED);
            }
            [&[0x04], self.x.as_slice(), self.y.as_slice()].concat()
        };
        UnparsedPublicKey::new(algorithm, point).verify(message, signed).map_err(|_| AttestationError::Signature)
    }
}
