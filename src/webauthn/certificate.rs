//! Attestation certificates: the rules of WebAuthn level 3 section 8.2.1 for the leaf, and the way to a root.

use std::time::Duration;

use jiff::Timestamp;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::{Certificate as X509, Version};

use crate::aaguid::Aaguid;

use super::AttestationError;
use super::cose::{EDDSA, ES256, ES384, RS256};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const COUNTRY: ObjectIdentifier = oid("2.5.4.6");
const ORGANIZATION: ObjectIdentifier = oid("2.5.4.10");
const UNIT: ObjectIdentifier = oid("2.5.4.11");
const COMMON_NAME: ObjectIdentifier = oid("2.5.4.3");
/// id-fido-gen-ce-aaguid.
const AAGUID_EXTENSION: ObjectIdentifier = oid("1.3.6.1.4.1.45724.1.1.4");
/// What an extension may be critical and still be understood: basic constraints, key usage, extended key usage.
const UNDERSTOOD: &[ObjectIdentifier] = &[oid("2.5.29.19"), oid("2.5.29.15"), oid("2.5.29.37")];

const EC_KEY: ObjectIdentifier = oid("1.2.840.10045.2.1");
const P256: ObjectIdentifier = oid("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = oid("1.3.132.0.34");
const RSA_KEY: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = oid("1.3.101.112");

const ECDSA_SHA256: ObjectIdentifier = oid("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = oid("1.2.840.10045.4.3.3");
const RSA_SHA256: ObjectIdentifier = oid("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = oid("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = oid("1.2.840.113549.1.1.13");

/// Longest certificate and longest path that are looked at.
const MOST_BYTES: usize = 16_384;
pub(super) const LONGEST_PATH: usize = 8;
const MALFORMED: AttestationError = AttestationError::Malformed("attestation certificate");

/// The kind of a certificate's public key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    P256,
    P384,
    Rsa,
    Ed25519,
}

/// A certificate, with the bytes that its issuer signed exactly as they came.
pub(super) struct Certificate<'a> {
    der: &'a [u8],
    signed: &'a [u8],
    parsed: X509,
}

impl<'a> Certificate<'a> {
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, AttestationError> {
        let bad = |_| MALFORMED;
        if der.len() > MOST_BYTES {
            return Err(MALFORMED);
        }
        let parsed = X509::from_der(der).map_err(bad)?;
        let mut reader = SliceReader::new(der).map_err(bad)?;
        let signed = reader
            .sequence(|inner: &mut SliceReader<'a>| {
                let signed = inner.tlv_bytes()?;
                inner.tlv_bytes()?;
                inner.tlv_bytes()?;
                Ok::<_, x509_cert::der::Error>(signed)
            })
            .map_err(bad)?;
        Ok(Self { der, signed, parsed })
    }

    /// Checks the rules for a leaf, and the model that it names if it names one.
    pub(super) fn check_leaf(&self, model: Aaguid) -> Result<(), AttestationError> {
        let rule = |kept: bool, rule| if kept { Ok(()) } else { Err(AttestationError::Certificate(rule)) };
        let tbs = self.parsed.tbs_certificate();
        rule(tbs.version() == Version::V3, "it is not of version 3")?;
        let country = self.subject(COUNTRY);
        rule(country.is_some_and(|c| c.len() == 2 && c.chars().all(|c| c.is_ascii_alphabetic())), "its subject has no country")?;
        rule(self.subject(ORGANIZATION).is_some_and(|o| !o.is_empty()), "its subject has no organization")?;
        rule(self.subject(UNIT).as_deref() == Some("Authenticator Attestation"), "its subject has another unit")?;
        rule(self.subject(COMMON_NAME).is_some_and(|cn| !cn.is_empty()), "its subject has no common name")?;
        rule(!self.is_ca()?, "it is one of an authority")?;
        let mut extensions = tbs.extensions().into_iter().flatten().filter(|extension| extension.extn_id == AAGUID_EXTENSION);
        if let Some(extension) = extensions.next() {
            rule(extensions.next().is_none(), "it names two models")?;
            rule(!extension.critical, "its AAGUID extension is critical")?;
            let named = OctetString::from_der(extension.extn_value.as_bytes()).map_err(|_| MALFORMED)?;
            if named.as_bytes() != model.0 {
                return Err(AttestationError::CertificateModel);
            }
        }
        Ok(())
    }

    fn subject(&self, attribute: ObjectIdentifier) -> Option<String> {
        let found = self.parsed.tbs_certificate().subject().iter().find(|pair| pair.oid == attribute)?;
        String::from_utf8(found.value.value().to_vec()).ok()
    }

    fn is_ca(&self) -> Result<bool, AttestationError> {
        let constraints = self.parsed.tbs_certificate().get_extension::<BasicConstraints>().map_err(|_| MALFORMED)?;
        Ok(constraints.is_some_and(|(_, constraints)| constraints.ca))
    }

    /// Checks a signature of this certificate's key by COSE algorithm.
    pub(super) fn verify(&self, cose: i64, message: &[u8], signed: &[u8]) -> Result<(), AttestationError> {
        let algorithm: &'static dyn VerificationAlgorithm = match (cose, self.key_kind()?) {
            (ES256, KeyKind::P256) => &signature::ECDSA_P256_SHA256_ASN1,
            (ES384, KeyKind::P384) => &signature::ECDSA_P384_SHA384_ASN1,
            (RS256, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (EDDSA, KeyKind::Ed25519) => &signature::ED25519,
            (ES256 | ES384 | RS256 | EDDSA, _) => return Err(AttestationError::AlgorithmMismatch),
            _ => return Err(AttestationError::Unsupported("signature algorithm")),
        };
        self.verify_with(algorithm, message, signed)
    }

    fn verify_with(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signed: &[u8],
    ) -> Result<(), AttestationError> {
        let key = self.key_info().subject_public_key.as_bytes().ok_or(MALFORMED)?;
        UnparsedPublicKey::new(algorithm, key).verify(message, signed).map_err(|_| AttestationError::Signature)
    }

    fn key_info(&self) -> &SubjectPublicKeyInfoOwned {
        self.parsed.tbs_certificate().subject_public_key_info()
    }

    fn key_kind(&self) -> Result<KeyKind, AttestationError> {
        let algorithm = &self.key_info().algorithm;
        let curve = || algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        match algorithm.oid {
            RSA_KEY => Ok(KeyKind::Rsa),
            ED25519 => Ok(KeyKind::Ed25519),
            EC_KEY if curve() == Some(P256) => Ok(KeyKind::P256),
            EC_KEY if curve() == Some(P384) => Ok(KeyKind::P384),
            _ => Err(AttestationError::Unsupported("kind of certificate key")),
        }
    }

    /// Whether `issuer` signed this certificate, as an authority that may have `below` authorities under it.
    fn issued_by(&self, issuer: &Certificate<'_>, below: usize) -> Result<bool, AttestationError> {
        if self.parsed.tbs_certificate().issuer() != issuer.parsed.tbs_certificate().subject() || !issuer.may_issue(below)? {
            return Ok(false);
        }
        let algorithm: &'static dyn VerificationAlgorithm = match (self.parsed.signature_algorithm().oid, issuer.key_kind()?) {
            (ECDSA_SHA256, KeyKind::P256) => &signature::ECDSA_P256_SHA256_ASN1,
            (ECDSA_SHA384, KeyKind::P256) => &signature::ECDSA_P256_SHA384_ASN1,
            (ECDSA_SHA256, KeyKind::P384) => &signature::ECDSA_P384_SHA256_ASN1,
            (ECDSA_SHA384, KeyKind::P384) => &signature::ECDSA_P384_SHA384_ASN1,
            (RSA_SHA256, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (RSA_SHA384, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (RSA_SHA512, KeyKind::Rsa) => &signature::RSA_PKCS1_2048_8192_SHA512,
            (ED25519, KeyKind::Ed25519) => &signature::ED25519,
            _ => return Err(AttestationError::Unsupported("signature of a certificate")),
        };
        let signed = self.parsed.signature().as_bytes().ok_or(MALFORMED)?;
        Ok(issuer.verify_with(algorithm, self.signed, signed).is_ok())
    }

    fn may_issue(&self, below: usize) -> Result<bool, AttestationError> {
        let tbs = self.parsed.tbs_certificate();
        let usage = tbs.get_extension::<KeyUsage>().map_err(|_| MALFORMED)?;
        if usage.is_some_and(|(_, usage)| !usage.key_cert_sign()) {
            return Ok(false);
        }
        let constraints = tbs.get_extension::<BasicConstraints>().map_err(|_| MALFORMED)?;
        Ok(match constraints {
            Some((_, constraints)) => {
                constraints.ca && constraints.path_len_constraint.is_none_or(|most| below <= usize::from(most))
            }
            // Roots of version 1 have no extensions at all.
            None => tbs.version() == Version::V1,
        })
    }

    /// Checks that it is valid at that time and has no critical extension that is not understood.
    fn check_use(&self, at: Timestamp) -> Result<(), AttestationError> {
        let tbs = self.parsed.tbs_certificate();
        let at = Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0));
        let validity = tbs.validity();
        if at < validity.not_before.to_unix_duration() || at > validity.not_after.to_unix_duration() {
            return Err(AttestationError::NotValidNow);
        }
        let strange = |extension: &x509_cert::ext::Extension| extension.critical && !UNDERSTOOD.contains(&extension.extn_id);
        if tbs.extensions().is_some_and(|all| all.iter().any(strange)) {
            return Err(AttestationError::Certificate("it has a critical extension that nobody here understands"));
        }
        Ok(())
    }
}

/// Follows the chain, leaf first, to one of the roots; a certificate of the chain may itself be on the list of roots.
pub(super) fn check_chain(chain: &[Certificate<'_>], roots: &[Vec<u8>], at: Timestamp) -> Result<(), AttestationError> {
    let roots: Vec<Certificate<'_>> = roots.iter().filter_map(|der| Certificate::parse(der).ok()).collect();
    for (depth, certificate) in chain.iter().take(LONGEST_PATH).enumerate() {
        certificate.check_use(at)?;
        if roots.iter().any(|root| root.der == certificate.der) {
            return Ok(());
        }
        for root in &roots {
            // A root with a key that cannot be checked does not hide the next one.
            if certificate.issued_by(root, depth) == Ok(true) {
                return Ok(());
            }
        }
        let Some(issuer) = chain.get(depth.saturating_add(1)) else { break };
        if !certificate.issued_by(issuer, depth)? {
            return Err(AttestationError::Untrusted);
        }
    }
    Err(AttestationError::Untrusted)
}
