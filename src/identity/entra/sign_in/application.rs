//! An application signs in as itself: client credentials (OAuth 2.0 section 4.4) with a secret, a certificate, or a token
//! that another issuer gave it (workload identity federation).

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::identity::IdentityError;
use crate::identity::entra::assertion::ClientCertificate;
use crate::identity::entra::guid::guid;
use crate::identity::entra::http::Http;
use crate::identity::entra::profile::{Profile, wrong};
use crate::identity::entra::sign_in::{Endpoint, Form};
use crate::secret::SecretText;

/// Secrets and certificate files are small; anything larger is the wrong file.
const MAX_FILE: u64 = 128 * 1024;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an application proves itself with.
pub(super) enum Application {
    Secret(SecretText),
    Certificate(Box<ClientCertificate>),
    /// Read anew each time: its issuer replaces it every hour or so.
    Federated(PathBuf),
}

impl Application {
    /// Reads what the profile names. `handed_in` is a secret from elsewhere and goes first.
    pub(super) fn new(
        profile: &mut Profile,
        handed_in: Option<SecretText>,
        ask: &mut dyn FnMut() -> Option<SecretText>,
    ) -> Result<Self, IdentityError> {
        if let Some(secret) = handed_in.or_else(|| profile.client_secret.take()) {
            return Ok(Self::Secret(secret));
        }
        if let Some(path) = &profile.client_secret_file {
            return Ok(Self::Secret(line_of(path, "the client secret")?));
        }
        if let Some(path) = &profile.certificate {
            let password = profile.certificate_password_file.as_deref().map(|path| line_of(path, "the password")).transpose()?;
            let mut password = password;
            let mut password = || password.take().or_else(&mut *ask);
            let certificate = ClientCertificate::from_file(&read(path)?, profile.certificate_alg, &mut password)?;
            return Ok(Self::Certificate(Box::new(certificate)));
        }
        if let Some(path) = &profile.federated_token_file {
            return Ok(Self::Federated(path.clone()));
        }
        Err(wrong(
            "it names no way to sign in: certificate, client_secret_file or federated_token_file, or sign_in = \"browser\", \
             \"device-code\" or \"managed-identity\"",
        ))
    }

    /// The fields of a request for a token, without scope.
    pub(super) fn form(&self, http: &mut Http, endpoint: &Endpoint) -> Result<Form, IdentityError> {
        let plain = |text: &str| Zeroizing::new(text.to_owned());
        let mut form = vec![("grant_type", plain("client_credentials"))];
        match self {
            Self::Secret(secret) => form.push(("client_secret", plain(secret.expose()))),
            Self::Certificate(certificate) => {
                let id = guid(&mut *http.tools.rng);
                let now = http.tools.clock.now();
                let assertion = certificate.assertion(endpoint.url.as_str(), &endpoint.client_id, &id, now)?;
                form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
                form.push(("client_assertion", assertion));
            }
            Self::Federated(path) => {
                form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
                form.push(("client_assertion", plain(line_of(path, "the federated token")?.expose())));
            }
        }
        Ok(form)
    }
}

fn line_of(path: &Path, what: &str) -> Result<SecretText, IdentityError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong(format!("{} is not text", path.display())))?;
    let line = text.trim();
    if line.is_empty() || line.lines().count() > 1 {
        return Err(wrong(format!("{} has to hold {what} and nothing else", path.display())));
    }
    Ok(SecretText::new(line))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    let unreadable = |error: std::io::Error| wrong(format!("{} cannot be read: {error}", path.display()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(8 * 1024));
    File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)).map_err(unreadable)?;
    Ok(bytes)
}
