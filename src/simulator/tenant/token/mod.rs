//! The sign-in host: its token endpoint with every grant that this program knows, and what stands beside it.

mod access;
mod person;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};

use crate::simulator::tenant::envelope::sign_in_refusal;
use crate::simulator::tenant::script::Application;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response, form};

pub(super) use access::Tokens;
pub(super) use person::Visits;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Clocks may differ by so many seconds.
const SKEW: i64 = 300;
/// The longest life of an assertion that is accepted, in seconds.
const LONGEST: i64 = 24 * 3600;

/// Life of an access token in seconds.
const TOKEN_SECONDS: i64 = 3599;

/// A refusal of the sign-in host.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) status: u16,
    /// The member `error`.
    pub(super) error: String,
    /// The AADSTS code; 0 for none.
    pub(super) code: u32,
    pub(super) text: String,
    /// What the next sign-in has to answer, as JSON.
    pub(super) claims: Option<String>,
}

impl Denial {
    pub(super) fn new(status: u16, error: &str, code: u32, text: &str) -> Self {
        Self { status, error: error.to_owned(), code, text: text.to_owned(), claims: None }
    }
}

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

/// The fields of a request to the sign-in host.
pub(super) struct Form(pub(super) Vec<(String, String)>);

impl Form {
    /// A field, if it is there.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl Tenant {
    /// The token endpoint.
    pub(super) fn token(&mut self, request: &Request) -> Response {
        let form = Form(form(&request.body));
        let audience = format!("{}{}", self.base, request.path);
        let granted = self.check_tenant(request).and_then(|()| self.check_application(&form)).and_then(|()| {
            match form.field("grant_type") {
                Some("client_credentials") => self.application(&form, &audience),
                Some("refresh_token") => self.refresh(&form),
                Some("authorization_code") => self.redeem(&form),
                Some("urn:ietf:params:oauth:grant-type:device_code") => self.poll(&form),
                _ => Err(Denial::new(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")),
            }
        });
        granted.unwrap_or_else(|denial| self.denied(&denial))
    }

    /// A managed identity, asked for in the form of a virtual machine or of App Service; numbers come as texts.
    pub(super) fn managed_identity(&mut self, request: &Request, app_service: bool) -> Response {
        let header =
            if app_service { ("x-identity-header", self.script.sign_in.identity_header.as_str()) } else { ("metadata", "true") };
        let (known, wanted) = (|name: &str| request.query.iter().find(|(field, _)| field == name), header);
        let allowed = request.headers.iter().any(|(name, value)| (name.as_str(), value.as_str()) == wanted);
        let of_graph = known("resource").is_some_and(|(_, resource)| resource.trim_end_matches('/') == self.base);
        let version = if app_service { "2019-08-01" } else { "2018-02-01" };
        let right = known("api-version").is_some_and(|(_, text)| text == version);
        let client = known("client_id").is_none_or(|(_, id)| id.eq_ignore_ascii_case(&self.script.application.client_id));
        if !allowed || !of_graph || !right || !client {
            return (400, json!({"error": "invalid_request", "error_description": "Identity not found"})).into();
        }
        let token = self.application_token("");
        let until = self.clock.now().as_second().saturating_add(TOKEN_SECONDS);
        let mut body =
            json!({"access_token": token, "expires_on": until.to_string(), "resource": self.base, "token_type": "Bearer"});
        if let (false, Some(members)) = (app_service, body.as_object_mut()) {
            members.insert("expires_in".to_owned(), TOKEN_SECONDS.to_string().into());
            members.insert("refresh_token".to_owned(), "".into());
        }
        (200, body).into()
    }

    /// The sign-in host's own form of an error.
    pub(super) fn denied(&mut self, denial: &Denial) -> Response {
        let id = self.request_id();
        sign_in_refusal(denial, &self.date(), &id)
    }

    fn check_tenant(&self, request: &Request) -> Result<(), Denial> {
        if request.segments.first().is_some_and(|tenant| tenant.eq_ignore_ascii_case(&self.script.tenant)) {
            return Ok(());
        }
        Err(Denial::new(400, "invalid_request", 90002, "Tenant not found."))
    }

    fn check_application(&self, form: &Form) -> Result<(), Denial> {
        if !form.field("client_id").is_some_and(|id| id.eq_ignore_ascii_case(&self.script.application.client_id)) {
            return Err(Denial::new(400, "unauthorized_client", 700_016, "Application was not found in the directory."));
        }
        if !form.field("scope").is_some_and(|scope| scope.split(' ').any(|one| one.ends_with("/.default"))) {
            return Err(Denial::new(
                400,
                "invalid_scope",
                70011,
                "The provided value for the input parameter 'scope' is not valid.",
            ));
        }
        Ok(())
    }

    /// Client credentials.
    fn application(&mut self, form: &Form, audience: &str) -> Result<Response, Denial> {
        let application = &self.script.application;
        match (form.field("client_secret"), form.field("client_assertion")) {
            (Some(secret), None) if secret == application.client_secret => {}
            (Some(_), None) => return Err(Denial::new(401, "invalid_client", 7_000_215, "Invalid client secret provided.")),
            (None, Some(assertion)) if form.field("client_assertion_type") == Some(ASSERTION_TYPE) => {
                let certificate = self.certificate.as_ref();
                let now = self.clock.now();
                let holds = assertion == self.script.sign_in.federated_token
                    || certificate.and_then(|certificate| holds(assertion, certificate, application, audience, now)).is_some();
                if !holds {
                    return Err(Denial::new(401, "invalid_client", 700_027, "Client assertion failed signature validation."));
                }
            }
            _ => {
                let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                return Err(Denial::new(401, "invalid_client", 7_000_218, text));
            }
        }
        let token = self.application_token(form.field("claims").unwrap_or_default());
        Ok((200, json!({"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token})).into())
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
