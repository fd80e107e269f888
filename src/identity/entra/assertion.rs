//! Client assertions: the certificate way to sign in (RFC 7523, Microsoft's certificate credentials).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use ring::error::KeyRejected;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::profile::{CertificateAlg, wrong};
use crate::secret::SecretText;

/// An assertion is used at once; the rest is for clocks that disagree.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
const PEM_MARK: &[u8] = b"-----BEGIN";
/// How far our clock may be ahead of the tenant's.
const SKEW: SignedDuration = SignedDuration::from_mins(2);

/// A private key and the certificate that the tenant knows it by.
pub(super) struct ClientCertificate {
    key: RsaKeyPair,
    thumbprint: String,
    alg: CertificateAlg,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(rename = "x5t#S256")]
    thumbprint: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: &'a str,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl ClientCertificate {
    /// From a file in either form. `password` is asked for, as often as it has one to offer, where an empty one does not
    /// open a PKCS#12 file.
    pub(super) fn from_file(
        bytes: &[u8],
        alg: CertificateAlg,
        password: &mut dyn FnMut() -> Option<SecretText>,
    ) -> Result<Self, IdentityError> {
        let is_pem = bytes.windows(PEM_MARK.len()).any(|text| text == PEM_MARK);
        // PKCS#12 is a DER sequence, whose length takes more than one byte.
        if bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|length| length & 0x80 != 0) && !is_pem {
            return Self::from_pkcs12(bytes, alg, password);
        }
        Self::from_pem(bytes, alg)
    }

    fn from_pkcs12(
        bytes: &[u8],
        alg: CertificateAlg,
        password: &mut dyn FnMut() -> Option<SecretText>,
    ) -> Result<Self, IdentityError> {
        let mut word = SecretText::new("");
        let mut asked = false;
        loop {
            match KeyStore::from_pkcs12(bytes, word.expose(), Pkcs12ImportPolicy::Relaxed) {
                Ok(store) => {
                    let chain = store.private_key_chain().map(|(_, chain)| chain);
                    let chain = chain.ok_or_else(|| wrong("the PKCS#12 file holds no private key with its certificate"))?;
                    let certificate =
                        chain.certs().first().ok_or_else(|| wrong("the PKCS#12 file holds no certificate of its key"))?;
                    return Self::new(RsaKeyPair::from_pkcs8(chain.key().as_der()), certificate.as_der(), alg);
                }
                Err(error) => {
                    let Some(next) = password() else {
                        let reason = if asked { "its password is wrong" } else { "it needs a password" };
                        return Err(wrong(format!("the PKCS#12 file cannot be opened: {reason} ({error})")));
                    };
                    (word, asked) = (next, true);
                }
            }
        }
    }

    fn new(pair: Result<RsaKeyPair, KeyRejected>, certificate: &[u8], alg: CertificateAlg) -> Result<Self, IdentityError> {
        let key = pair.map_err(|error| wrong(format!("the certificate's key has to be RSA with 2048 bits or more: {error}")))?;
        Ok(Self { key, thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(certificate)), alg })
    }

    /// From the text of a PEM file with key and certificate, in any order. Of several certificates the first is the key's.
    fn from_pem(pem: &[u8], alg: CertificateAlg) -> Result<Self, IdentityError> {
        let certificate =
            CertificateDer::from_pem_slice(pem).map_err(|_| wrong("the certificate file holds no CERTIFICATE block"))?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| wrong("the certificate file holds no private key that is not encrypted"))?;
        let pair = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(wrong("the certificate's key has to be RSA")),
        };
        Self::new(pair, &certificate, alg)
    }

    /// A signed assertion for `audience`, the token endpoint.
    pub(super) fn assertion(
        &self,
        audience: &str,
        client_id: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<Zeroizing<String>, IdentityError> {
        let (alg, padding): (_, &dyn RsaEncoding) = match self.alg {
            CertificateAlg::PS256 => ("PS256", &RSA_PSS_SHA256),
            CertificateAlg::RS256 => ("RS256", &RSA_PKCS1_SHA256),
        };
        let at = |shift| now.saturating_add(shift).unwrap_or(now).as_second();
        let header = part(&Header { alg, typ: "JWT", thumbprint: &self.thumbprint })?;
        let claims = part(&Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: id,
            nbf: at(-SKEW),
            iat: now.as_second(),
            exp: at(LIFE),
        })?;
        let signed = format!("{header}.{claims}");
        let mut signature = vec![0_u8; self.key.public().modulus_len()];
        // The salt comes from ring's own source: it takes no other.
        let random = SystemRandom::new();
        self.key
            .sign(padding, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| wrong("the certificate's key cannot sign"))?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

fn part(value: &impl Serialize) -> Result<String, IdentityError> {
    serde_json::to_vec(value).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|error| wrong(error.to_string()))
}
