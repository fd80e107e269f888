//! The signature of a BLOB: JWS compact serialisation (RFC 7515 section 3.1) with the signer's certificates in the header.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use serde::Deserialize;
use serde::de::IgnoredAny;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::UintRef;

use super::{LONGEST, MetadataError, form};

/// Whose certificate it has to be (MDS 3.0 section 3.2).
const SIGNER: &str = "mds.fidoalliance.org";
/// Most certificates of a header, and its longest text.
const MOST_CERTIFICATES: usize = 8;
const LONGEST_HEADER: usize = 64 << 10;
/// Bytes of each of the two numbers of an ES256 signature.
const HALF: usize = 32;

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    x5c: Vec<String>,
    /// Extensions that have to be understood; none is.
    crit: Option<IgnoredAny>,
}

/// The three parts, still in base64url.
pub(super) struct Parts<'a> {
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
    signed: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(text: &'a [u8]) -> Result<Self, MetadataError> {
        if text.len() > LONGEST {
            return Err(MetadataError::TooLong(LONGEST));
        }
        let text = str::from_utf8(text).map_err(|_| wrong("it is not text"))?.trim_ascii();
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| wrong("it has no signature"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| wrong("it has no signature"))?;
        if header.len() > LONGEST_HEADER || payload.contains('.') {
            return Err(wrong("it has not the three parts of a JSON Web Signature"));
        }
        Ok(Self { header, payload, signature, signed })
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, MetadataError> {
        decoded(self.payload)
    }
}

/// The payload, once it is known who signed it.
pub(super) fn verified(text: &[u8], roots: &[&[u8]], at: Timestamp) -> Result<Vec<u8>, MetadataError> {
    let parts = Parts::of(text)?;
    let header: Header = serde_json::from_slice(&decoded(parts.header)?).map_err(form)?;
    if header.crit.is_some() {
        return Err(wrong("its header asks for something that is not known here"));
    }
    let (algorithm, signature) = match header.alg.as_str() {
        "RS256" => (algorithms::RSA_PKCS1_2048_8192_SHA256, decoded(parts.signature)?),
        "ES256" => (algorithms::ECDSA_P256_SHA256, sequence_of(&decoded(parts.signature)?).ok_or(MetadataError::Signature)?),
        other => return Err(MetadataError::Algorithm(other.chars().filter(|c| !c.is_control()).take(20).collect())),
    };
    let chain = certificates(&header.x5c)?;
    let (leaf, rest) = chain.split_first().ok_or_else(|| wrong("its header has no certificate"))?;
    let leaf = EndEntityCert::try_from(leaf).map_err(chain_error)?;
    check_signer(&leaf, rest, roots, at)?;
    check_signature(&leaf, algorithm, parts.signed.as_bytes(), &signature)?;
    parts.payload()
}

fn certificates(texts: &[String]) -> Result<Vec<CertificateDer<'static>>, MetadataError> {
    if texts.len() > MOST_CERTIFICATES {
        return Err(wrong("its header has too many certificates"));
    }
    let read = |text: &String| STANDARD.decode(text).map(CertificateDer::from);
    texts.iter().map(read).collect::<Result<_, _>>().map_err(|_| wrong("a certificate of its header cannot be read"))
}

fn check_signer(
    leaf: &EndEntityCert<'_>,
    rest: &[CertificateDer<'_>],
    roots: &[&[u8]],
    at: Timestamp,
) -> Result<(), MetadataError> {
    let roots: Vec<CertificateDer<'_>> = roots.iter().map(|der| CertificateDer::from(*der)).collect();
    let anchors = roots.iter().map(anchor_from_trusted_cert).collect::<Result<Vec<_>, _>>().map_err(chain_error)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)));
    let usage = KeyUsage::server_auth();
    leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, rest, time, usage, None, None).map_err(chain_error)?;
    let name = ServerName::try_from(SIGNER).map_err(|_| MetadataError::OtherSigner(SIGNER))?;
    leaf.verify_is_valid_for_subject_name(&name).map_err(|_| MetadataError::OtherSigner(SIGNER))
}

fn check_signature(
    leaf: &EndEntityCert<'_>,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), MetadataError> {
    leaf.verify_signature(algorithm, message, signature).map_err(|_| MetadataError::Signature)
}

/// JWS has the two numbers of an ECDSA signature side by side (RFC 7518 section 3.4), X.509 as a sequence.
fn sequence_of(signature: &[u8]) -> Option<Vec<u8>> {
    if signature.len() != HALF.checked_mul(2)? {
        return None;
    }
    let (r, s) = signature.split_at_checked(HALF)?;
    let number = |bytes| UintRef::new(bytes).ok()?.to_der().ok();
    let body = [number(r)?, number(s)?].concat();
    // At most 70 bytes: the length fits into one.
    Some([&[0x30, u8::try_from(body.len()).ok()?][..], &body].concat())
}

fn decoded(text: &str) -> Result<Vec<u8>, MetadataError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong("it is not base64url"))
}

fn wrong(what: &str) -> MetadataError {
    MetadataError::Form(what.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn chain_error(error: webpki::Error) -> MetadataError {
    match error {
        webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
            MetadataError::NotValidNow(error.to_string())
        }
        _ => MetadataError::Chain(error.to_string()),
    }
}
