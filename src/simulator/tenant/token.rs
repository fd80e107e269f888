//! The token endpoint: client credentials by secret or by certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};

use crate::simulator::tenant::script::Application;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Clocks may differ by so many seconds.
const SKEW: i64 = 300;
/// The longest life of an assertion that is accepted, in seconds.
const LONGEST: i64 = 24 * 3600;

/// A refusal of the sign-in host: status, `error`, AADSTS code, text.
pub(super) type Denial = (u16, &'static str, u32, &'static str);

/// The certificate of an application.
#[derive(Debug)]
pub(super) struct AppCertificate {
    key: Vec<u8>,
    thumbprint: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: String,
    nbf: i64,
    exp: i64,
}

impl AppCertificate {
    /// The first certificate of a PEM text.
    pub(super) fn from_pem(pem: &str) -> Result<Self, String> {
        let begin = pem.find("-----BEGIN CERTIFICATE-----").ok_or("no CERTIFICATE block")?;
        let block =
            pem.get(begin..).and_then(|rest| rest.split_inclusive("-----END CERTIFICATE-----").next()).unwrap_or_default();
        let certificate = Certificate::from_pem(block).map_err(|error| error.to_string())?;
        let der = certificate.to_der().map_err(|error| error.to_string())?;
        let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes().to_vec();
        Ok(Self { key, thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(der)) })
    }
}

/// Checks a token request.
pub(super) fn check(
    form: &[(String, String)],
    application: &Application,
    certificate: Option<&AppCertificate>,
    audience: &str,
    now: Timestamp,
) -> Result<(), Denial> {
    let field = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        return Err((400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."));
    }
    if !field("scope").is_some_and(|scope| scope.ends_with("/.default")) {
        return Err((400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid."));
    }
    if !field("client_id").is_some_and(|id| id.eq_ignore_ascii_case(&application.client_id)) {
        return Err((400, "unauthorized_client", 700_016, "Application was not found in the directory."));
    }
    match (field("client_secret"), field("client_assertion")) {
        (Some(secret), None) if secret == application.client_secret => Ok(()),
        (Some(_), None) => Err((401, "invalid_client", 7_000_215, "Invalid client secret provided.")),
        (None, Some(assertion)) if field("client_assertion_type") == Some(ASSERTION_TYPE) => {
            let holds = certificate.and_then(|certificate| holds(assertion, certificate, application, audience, now));
            holds.ok_or((401, "invalid_client", 700_027, "Client assertion failed signature validation."))
        }
        _ => Err((
            401,
            "invalid_client",
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
    }
}

fn holds(assertion: &str, certificate: &AppCertificate, application: &Application, audience: &str, now: Timestamp) -> Option<()> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = part(header)?;
    let claims: Claims = part(claims)?;
    let algorithm: &dyn VerificationAlgorithm = match header.alg.as_str() {
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        _ => return None,
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(algorithm, &certificate.key).verify(signed.as_bytes(), &signature).ok()?;
    let now = now.as_second();
    let timely = claims.nbf <= now.saturating_add(SKEW) && claims.exp > now && claims.exp.saturating_sub(now) <= LONGEST;
    let ours = claims.iss == application.client_id && claims.sub == application.client_id && claims.aud == audience;
    let named = header.thumbprint.as_deref() == Some(&certificate.thumbprint);
    (timely && ours && named && !claims.jti.is_empty()).then_some(())
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
