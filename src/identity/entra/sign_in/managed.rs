//! Managed identities: on a machine of Azure the platform vouches for an application. Asked of the metadata service of a
//! virtual machine (IMDS), or of the endpoint that App Service and its kin give to a process.

use reqwest::header::HeaderName;
use reqwest::{Method, Url};

use crate::identity::IdentityError;
use crate::identity::entra::http::{Body, Call, Http, Lost};
use crate::identity::entra::profile::{Profile, is_link_local, is_loopback, wrong};
use crate::identity::entra::retry::{LONGEST_WAIT, Repeat, TRIES, back_off};
use crate::identity::entra::sign_in::grant::{self, Grant};
use crate::secret::SecretText;

const IMDS: &str = "http://169.254.169.254";
const IMDS_PATH: &str = "/metadata/identity/oauth2/token";

/// A managed identity: the machine's own, or the one of a client id.
pub(super) struct Managed {
    url: Url,
    header: HeaderName,
    /// The secret of App Service's endpoint; the other one wants a plain word.
    secret: SecretText,
}

impl Managed {
    pub(super) fn new(profile: &Profile, graph: &Url, secret: Option<SecretText>) -> Result<Self, IdentityError> {
        let given = profile.identity_endpoint.as_deref();
        let mut url =
            Url::parse(given.unwrap_or(IMDS)).map_err(|error| wrong(format!("identity_endpoint is not a URL: {error}")))?;
        if !is_loopback(&url) && !is_link_local(&url) {
            return Err(wrong("identity_endpoint has to be an address of this machine or a link-local one"));
        }
        let (version, header, secret) = if let Some(secret) = secret.filter(|_| given.is_some()) {
            ("2019-08-01", HeaderName::from_static("x-identity-header"), secret)
        } else {
            url.set_path(IMDS_PATH);
            ("2018-02-01", HeaderName::from_static("metadata"), SecretText::new("true"))
        };
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", graph.as_str());
        if !profile.client_id.is_empty() {
            url.query_pairs_mut().append_pair("client_id", &profile.client_id);
        }
        Ok(Self { url, header, secret })
    }

    /// Asks; again only if somebody is there who is busy.
    pub(super) fn fetch(&self, http: &mut Http) -> Result<Grant, IdentityError> {
        let mut number = 1_u32;
        loop {
            let secrets = vec![(self.header.clone(), self.secret.expose())];
            let call = Call { method: Method::GET, url: &self.url, secrets, body: &Body::Empty };
            let answer = match http.once(&call, true) {
                Ok(answer) => answer,
                Err(Lost::NotSent(IdentityError::Network(reason))) => {
                    let sentence = format!(
                        "no managed identity is offered here: {} does not answer ({reason})",
                        self.url.origin().ascii_serialization()
                    );
                    return Err(IdentityError::Network(sentence));
                }
                Err(lost) => return Err(lost.into_error()),
            };
            // 404 and 410: the service is being updated.
            let again = Repeat::Safe.again(answer.status) || matches!(answer.status, 404 | 410);
            let wait = answer.retry_after.unwrap_or_else(|| back_off(number, &mut *http.tools.rng));
            if !again || number >= TRIES || wait > LONGEST_WAIT {
                return grant::granted(&answer, http.tools.clock.now());
            }
            http.pause(wait)?;
            number = number.saturating_add(1);
        }
    }
}
