//! The attestation object (WebAuthn level 3 section 6.5.4): written around the raw spans that the authenticator gave, so
//! that nothing signed is ever re-encoded.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::AttestationError;

/// More than any attestation object has.
const MOST_BYTES: usize = 65_536;
/// Longest name of a format (level 3 section 8.1: 32 octets).
const LONGEST_FORMAT: usize = 32;
const MALFORMED: AttestationError = AttestationError::Malformed("attestation object");

/// An attestation object and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationObject {
    bytes: Vec<u8>,
    format: String,
    statement: Vec<u8>,
    auth_data: Vec<u8>,
}

impl AttestationObject {
    /// Writes one: `format`, the raw CBOR of the statement, the authenticator data. Canonical order.
    pub fn from_parts(format: &str, statement: &[u8], auth_data: &[u8]) -> Self {
        let mut encoder = Encoder::new(Vec::new());
        // Writing to a vector cannot fail.
        let _ = encoder.map(3).and_then(|e| e.str("fmt")?.str(format)?.str("attStmt"));
        encoder.writer_mut().extend_from_slice(statement);
        let _ = encoder.str("authData").and_then(|e| e.bytes(auth_data));
        Self {
            bytes: encoder.into_writer(),
            format: format.to_owned(),
            statement: statement.to_vec(),
            auth_data: auth_data.to_vec(),
        }
    }

    /// Reads one, members in any order. Nothing may be left over.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestationError> {
        if bytes.len() > MOST_BYTES {
            return Err(MALFORMED);
        }
        let mut decoder = Decoder::new(bytes);
        let (mut format, mut statement, mut auth_data) = (None, None, None);
        if decoder.map().map_err(bad)? != Some(3) {
            return Err(MALFORMED);
        }
        for _ in 0..3 {
            match decoder.str().map_err(bad)? {
                "fmt" if format.is_none() => format = Some(decoder.str().map_err(bad)?.to_owned()),
                "attStmt" if statement.is_none() => {
                    if decoder.datatype().map_err(bad)? != Type::Map {
                        return Err(MALFORMED);
                    }
                    let start = decoder.position();
                    decoder.skip().map_err(bad)?;
                    statement = Some(bytes.get(start..decoder.position()).ok_or(MALFORMED)?.to_vec());
                }
                "authData" if auth_data.is_none() => auth_data = Some(decoder.bytes().map_err(bad)?.to_vec()),
                _ => return Err(MALFORMED),
            }
        }
        if decoder.position() != bytes.len() {
            return Err(MALFORMED);
        }
        let (Some(format), Some(statement), Some(auth_data)) = (format, statement, auth_data) else { return Err(MALFORMED) };
        if format.len() > LONGEST_FORMAT {
            return Err(MALFORMED);
        }
        Ok(Self { bytes: bytes.to_vec(), format, statement, auth_data })
    }

    /// Name of the format, such as `packed`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// Raw CBOR of the statement.
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }

    /// Authenticator data.
    pub fn auth_data(&self) -> &[u8] {
        &self.auth_data
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

fn bad(_: minicbor::decode::Error) -> AttestationError {
    MALFORMED
}
