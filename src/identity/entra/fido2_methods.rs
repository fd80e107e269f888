//! `fido2Methods`: creation options, registration, list, removal.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::identity::entra::Entra;
use crate::identity::entra::batch::batch_together;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::http::Answer;
use crate::identity::entra::options::{self, OptionsBody};
use crate::identity::entra::post::post;
use crate::identity::entra::profile::{CHALLENGE_MINUTES, wrong};
use crate::identity::entra::reply;
use crate::identity::{IdentityError, Method, Offer, RegisterError, Registration, SendError, User, passkey_name};

/// Most passkeys of a user that are listed.
const MAX_METHODS: usize = 10_000;
const COLLECTION: [&str; 2] = ["authentication", "fido2Methods"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RegistrationBody<'a> {
    display_name: &'a str,
    public_key_credential: Credential,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    id: String,
    response: AttestationResponse,
    client_extension_results: NoExtensions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttestationResponse {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
}

#[derive(Serialize)]
struct NoExtensions {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MethodBody {
    id: String,
    display_name: Option<String>,
    model: Option<String>,
    aa_guid: Option<String>,
    // An old sample of the documents has `creationDateTime`.
    #[serde(alias = "creationDateTime")]
    created_date_time: Option<String>,
    last_used_date_time: Option<String>,
    attestation_level: Option<String>,
    passkey_type: Option<String>,
}

impl From<MethodBody> for Method {
    fn from(body: MethodBody) -> Self {
        Self {
            id: body.id,
            display_name: body.display_name,
            model: body.model.filter(|model| !model.is_empty()),
            aaguid: body.aa_guid.and_then(|text| text.parse().ok()),
            created: body.created_date_time.and_then(|text| text.parse::<Timestamp>().ok()),
            last_used: body.last_used_date_time.and_then(|text| text.parse::<Timestamp>().ok()),
            attestation_level: body.attestation_level,
            passkey_type: body.passkey_type,
        }
    }
}

/// Creation options: v1.0, or beta when another life than five minutes is asked for.
pub(super) fn creation_options(graph: &mut Graph, user: &User, life: Option<Duration>) -> Result<Offer, IdentityError> {
    let call = life.map(|life| format!("creationOptions(challengeTimeoutInMinutes={})", minutes(life)));
    let (version, name) = call.as_deref().map_or((graph.version, "creationOptions"), |name| (Version::Beta, name));
    let url = graph.user_url(version, &user.id, &[COLLECTION[0], COLLECTION[1], name])?;
    match graph.get::<OptionsBody>(&url) {
        Ok(body) => options::offer(body),
        // Graph says so of the user, not of the options.
        Err(IdentityError::NotFound(reply)) if reply.code.to_ascii_lowercase().contains("resourcenotfound") => {
            Err(IdentityError::UserUnknown(user.upn.clone()))
        }
        Err(error) => Err(error),
    }
}

fn minutes(life: Duration) -> u32 {
    let minutes = u32::try_from(life.as_secs().div_ceil(60)).unwrap_or(u32::MAX);
    minutes.clamp(*CHALLENGE_MINUTES.start(), *CHALLENGE_MINUTES.end())
}

/// Posts a credential and says whether it was taken, refused, or nobody knows.
pub(super) fn register(graph: &mut Graph, user: &User, registration: &Registration) -> Result<Method, RegisterError> {
    let name = passkey_name(&registration.display_name);
    let body = RegistrationBody {
        display_name: &name,
        public_key_credential: Credential {
            id: registration.credential_id.to_string(),
            response: AttestationResponse {
                client_data_json: URL_SAFE_NO_PAD.encode(&registration.client_data_json),
                attestation_object: URL_SAFE_NO_PAD.encode(&registration.attestation_object),
            },
            client_extension_results: NoExtensions {},
        },
    };
    let url = graph.user_url(graph.version, &user.id, &COLLECTION).map_err(RegisterError::Refused)?;
    match post(graph, &url, &body) {
        Ok(answer) => taken(&answer),
        Err(SendError::Refused(error)) => Err(RegisterError::Refused(error)),
        Err(SendError::Unknown(error)) => Err(RegisterError::Unknown(error)),
    }
}

/// The passkey in an answer with success; one that cannot be read leaves it open.
fn taken(answer: &Answer) -> Result<Method, RegisterError> {
    reply::json::<MethodBody>(answer).map(Method::from).map_err(RegisterError::Unknown)
}

/// All passkeys of a user.
pub(super) fn list(graph: &mut Graph, user: &User) -> Result<Vec<Method>, IdentityError> {
    list_of(graph, Version::V1, user)
}

fn list_of(graph: &mut Graph, version: Version, user: &User) -> Result<Vec<Method>, IdentityError> {
    let url = graph.user_url(version, &user.id, &COLLECTION)?;
    methods(graph.list(&url)?)
}

/// All passkeys of each of many users, in their order.
pub(super) fn list_many(
    graph: &mut Graph,
    version: Version,
    users: &[User],
) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
    list_together(&mut [graph], version, users)
}

/// The same with several clients of one tenant at once.
pub(super) fn list_together(
    graphs: &mut [&mut Graph],
    version: Version,
    users: &[User],
) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
    let Some(first) = graphs.first() else { return Err(wrong("nobody to read with")) };
    let urls: Vec<Url> = users.iter().map(|user| first.user_url(version, &user.id, &COLLECTION)).collect::<Result<_, _>>()?;
    let answers = batch_together(graphs, version, &urls)?;
    let Some(first) = graphs.first_mut() else { return Ok(Vec::new()) };
    let lists = answers.iter().map(|answer| match answer.status {
        200 => methods(reply::json(answer).and_then(|page| first.rest_of(page))?),
        _ => Err(reply::error(answer)),
    });
    Ok(lists.collect())
}

fn methods(bodies: Vec<MethodBody>) -> Result<Vec<Method>, IdentityError> {
    if bodies.len() > MAX_METHODS {
        return Err(IdentityError::Malformed(format!("more than {MAX_METHODS} passkeys for one user")));
    }
    Ok(bodies.into_iter().map(Method::from).collect())
}

impl Entra {
    /// The user's passkeys with the time of their last use, which only the beta interface tells.
    ///
    /// # Errors
    /// [`IdentityError`]. The list of [`crate::identity::IdentityProvider::methods`] can be had all the same.
    pub fn methods_with_last_use(&mut self, user: &User) -> Result<Vec<Method>, IdentityError> {
        list_of(&mut self.graph, Version::Beta, user)
    }

    /// Whether a credential for this relying party can be one of the tenant's cloud.
    pub fn accepts_relying_party(&self, id: &str) -> bool {
        self.profile.check_rp(id).is_ok()
    }
}

/// Removes one passkey.
pub(super) fn remove(graph: &mut Graph, user: &User, method: &str) -> Result<(), IdentityError> {
    let url = graph.user_url(Version::V1, &user.id, &[COLLECTION[0], COLLECTION[1], method])?;
    graph.delete(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_lives() {
        for (seconds, expected) in [(0, 5), (300, 5), (301, 6), (3600, 60), (u64::MAX, 43200)] {
            assert_eq!(minutes(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn lists_as_documented_and_as_seen() {
        for (text, model) in [
            (include_str!("../../../tests/data/graph/v1-fido2Methods-LIST-200.json"), Some("NFC key")),
            (include_str!("../../../tests/data/graph/beta-fido2Methods-LIST-200.captured-shape.json"), None),
        ] {
            let body: serde_json::Value = serde_json::from_str(text).unwrap();
            let methods: Vec<MethodBody> = serde_json::from_value(body["value"].clone()).unwrap();
            assert_eq!(Method::from(methods.into_iter().next().unwrap()).model.as_deref(), model);
        }
        let text = include_str!("../../../tests/data/graph/v1-fido2Methods-POST-201.json").replace("deviceBound", "thoughtBound");
        let method = Method::from(serde_json::from_str::<MethodBody>(&text).unwrap());
        assert_eq!(method.passkey_type.as_deref(), Some("thoughtBound"));
        assert_eq!(method.aaguid.unwrap().to_string(), "de1e552d-db1d-4423-a619-566b625cdc84");
    }

    #[test]
    fn an_answer_that_cannot_be_read_leaves_it_open() {
        for (status, body) in [(201, "{}"), (204, "")] {
            let answer = Answer { status, body: body.as_bytes().to_vec().into(), ..Answer::default() };
            assert!(matches!(taken(&answer), Err(RegisterError::Unknown(_))), "{status} {body}");
        }
    }
}
