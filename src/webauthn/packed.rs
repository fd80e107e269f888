//! The `packed` attestation statement (WebAuthn level 3 section 8.2).

use jiff::Timestamp;
use minicbor::Decoder;

use super::certificate::{self, Certificate};
use super::cose::CoseKey;
use super::{AttestationError, AttestedCredential, Roots, Trust};

const MALFORMED: AttestationError = AttestationError::Malformed("attestation statement");

/// A statement, taken apart.
struct Statement<'a> {
    algorithm: i64,
    signature: &'a [u8],
    x5c: Option<Vec<&'a [u8]>>,
}

impl<'a> Statement<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, AttestationError> {
        let bad = |_| MALFORMED;
        let mut decoder = Decoder::new(bytes);
        let (mut algorithm, mut signature, mut x5c) = (None, None, None);
        for _ in 0..decoder.map().map_err(bad)?.ok_or(MALFORMED)? {
            match decoder.str().map_err(bad)? {
                "alg" => algorithm = Some(decoder.i64().map_err(bad)?),
                "sig" => signature = Some(decoder.bytes().map_err(bad)?),
                "x5c" => {
                    let length = decoder.array().map_err(bad)?.ok_or(MALFORMED)?;
                    if length == 0 || usize::try_from(length).map_or(true, |length| length > certificate::LONGEST_PATH) {
                        return Err(MALFORMED);
                    }
                    let path: Result<Vec<_>, _> = (0..length).map(|_| decoder.bytes()).collect();
                    x5c = Some(path.map_err(bad)?);
                }
                // ECDAA was withdrawn after level 1; nothing else may stand here.
                _ => return Err(MALFORMED),
            }
        }
        if decoder.position() != bytes.len() {
            return Err(MALFORMED);
        }
        let (Some(algorithm), Some(signature)) = (algorithm, signature) else { return Err(MALFORMED) };
        Ok(Self { algorithm, signature, x5c })
    }
}

/// The verification procedure of section 8.2, and the chain if there are roots.
pub(super) fn verify(
    statement: &[u8],
    signed: &[u8],
    credential: &AttestedCredential,
    key: &CoseKey,
    roots: &Roots,
) -> Result<Trust, AttestationError> {
    let statement = Statement::parse(statement)?;
    let Some(path) = statement.x5c else {
        if statement.algorithm != key.algorithm {
            return Err(AttestationError::AlgorithmMismatch);
        }
        key.verify(signed, statement.signature)?;
        return Ok(Trust::SelfAttested);
    };
    let chain = path.into_iter().map(Certificate::parse).collect::<Result<Vec<_>, _>>()?;
    let leaf = chain.first().ok_or(MALFORMED)?;
    leaf.verify(statement.algorithm, signed, statement.signature)?;
    leaf.check_leaf(credential.aaguid)?;
    match roots {
        Roots::NotAtHand => Ok(Trust::Leaf),
        Roots::Of { der, at } => chain_to(&chain, der, *at),
    }
}

fn chain_to(chain: &[Certificate<'_>], roots: &[Vec<u8>], at: Timestamp) -> Result<Trust, AttestationError> {
    certificate::check_chain(chain, roots, at)?;
    Ok(Trust::Chain)
}
