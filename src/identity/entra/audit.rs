//! The directory's own record of a user's passkeys (`directoryAudits`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::aaguid::Aaguid;
use crate::identity::entra::credential_ids::readings;
use crate::identity::entra::graph::Version;
use crate::identity::entra::reply::tame;
use crate::identity::entra::{Entra, stands_for};
use crate::identity::{IdentityError, Method, User};

/// The directory keeps its log for 30 days at most.
const DAYS: i64 = 30;
/// Most credentials that are looked for one by one: the log takes five requests in ten seconds.
const MOST_CREDENTIALS: usize = 10;
/// How a filter on whom or what an event is about begins.
const TARGET: &str = "targetResources/any(t:t/";

/// An event of the log that is about a user's passkeys or security info.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PasskeyEvent {
    /// When it happened.
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub at: Option<Timestamp>,
    /// What happened, in the directory's words, e.g. `Add Passkey (device-bound)`.
    pub activity: String,
    /// Who wrote it down, e.g. `Device Registration Service`.
    pub service: Option<String>,
    /// `success`, `failure`, or a value we do not know yet.
    pub result: Option<String>,
    /// The directory's reason, which names the method for security info.
    pub reason: Option<String>,
    /// The user or application that did it.
    pub by: Option<String>,
    /// The credential that it is about, as the log spells it.
    pub key_id: Option<String>,
    /// The passkey of the user that this credential is, by the id that the list shows; `None` if it is not there any more.
    pub passkey: Option<String>,
    /// Model.
    pub aaguid: Option<Aaguid>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventBody {
    activity_date_time: Option<String>,
    activity_display_name: Option<String>,
    logged_by_service: Option<String>,
    result: Option<String>,
    result_reason: Option<String>,
    initiated_by: Option<Initiator>,
    target_resources: Option<Vec<Target>>,
    additional_details: Option<Vec<Detail>>,
}

#[derive(Deserialize)]
struct Initiator {
    user: Option<Person>,
    app: Option<Application>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    user_principal_name: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Application {
    display_name: Option<String>,
    app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    key: Option<String>,
    value: Option<String>,
}

impl Entra {
    /// What the directory's log holds of a user's passkeys, newest first. Events appear minutes after they happened, and
    /// only those under the user's present principal name are found.
    ///
    /// # Errors
    /// [`IdentityError::Forbidden`] without `AuditLog.Read.All`, and every other.
    pub fn passkey_events(&mut self, user: &User, methods: &[Method]) -> Result<Vec<PasskeyEvent>, IdentityError> {
        let since = self.graph.http.tools.clock.now().saturating_sub(SignedDuration::from_hours(24 * DAYS));
        let since = Timestamp::from_second(since.unwrap_or(Timestamp::UNIX_EPOCH).as_second()).unwrap_or_default();
        let name = user.upn.replace('\'', "''");
        let bodies = match self.audits(&format!("activityDateTime ge {since} and {TARGET}userPrincipalName eq '{name}')")) {
            // Clients use this filter, but the documents do not name it: a tenant may refuse it.
            Err(IdentityError::Refused(reply)) => {
                log::debug!(target: "keywright::entra", "the log does not find users by name: {reply}");
                self.documented_audits(since, user, methods)?
            }
            other => other?,
        };
        let mut events: Vec<PasskeyEvent> = bodies.into_iter().filter_map(|body| event(body, methods)).collect();
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        Ok(events)
    }

    /// The same by the filters that are documented: the user's object id, which not every service writes down, and the
    /// credential ids of the passkeys that are there. Those that are gone are not found.
    fn documented_audits(&mut self, since: Timestamp, user: &User, methods: &[Method]) -> Result<Vec<EventBody>, IdentityError> {
        let mut events = self.audits(&format!("activityDateTime ge {since} and {TARGET}id eq '{}')", user.id))?;
        let credentials = methods.iter().flat_map(|method| readings(&method.id)).take(MOST_CREDENTIALS);
        for credential in credentials {
            let key_id = STANDARD.encode(&credential.0);
            let found = self.audits(&format!("activityDateTime ge {since} and {TARGET}displayName eq '{key_id}')"))?;
            events.extend(found);
        }
        Ok(events)
    }

    fn audits(&mut self, filter: &str) -> Result<Vec<EventBody>, IdentityError> {
        let mut url = self.graph.url(Version::V1, &["auditLogs", "directoryAudits"])?;
        url.query_pairs_mut().append_pair("$filter", filter);
        self.graph.list(&url)
    }
}

/// The event, if it is about passkeys or security info.
fn event(body: EventBody, methods: &[Method]) -> Option<PasskeyEvent> {
    let activity = body.activity_display_name.unwrap_or_default();
    let lower = activity.to_lowercase();
    let of_passkey = lower.contains("passkey");
    if !of_passkey && !lower.contains("security info") {
        return None;
    }
    let target = body.target_resources.and_then(|targets| targets.into_iter().next());
    let key_id = target.and_then(|target| target.display_name).filter(|id| of_passkey && !readings(id).is_empty());
    let passkey = key_id.as_deref().and_then(|id| {
        let credentials = readings(id);
        methods.iter().find(|method| credentials.iter().any(|credential| stands_for(&method.id, credential)))
    });
    let aaguid = body
        .additional_details
        .into_iter()
        .flatten()
        .find(|detail| detail.key.as_deref().is_some_and(|key| key.eq_ignore_ascii_case("AAGuid")));
    let text = |text: Option<String>| text.map(|text| tame(&text)).filter(|text| !text.is_empty());
    let by = body.initiated_by.and_then(|by| {
        let user = by.user.and_then(|user| text(user.user_principal_name).or_else(|| text(user.display_name)));
        user.or_else(|| by.app.and_then(|app| text(app.display_name).or_else(|| text(app.app_id))))
    });
    Some(PasskeyEvent {
        at: body.activity_date_time.and_then(|at| at.parse().ok()),
        activity: tame(&activity),
        service: text(body.logged_by_service),
        result: text(body.result),
        reason: text(body.result_reason),
        by,
        passkey: passkey.map(|method| method.id.clone()),
        key_id: text(key_id),
        aaguid: aaguid.and_then(|detail| detail.value).and_then(|value| value.trim().parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str, methods: &[Method]) -> Vec<PasskeyEvent> {
        let body: serde_json::Value = serde_json::from_str(text).unwrap();
        let bodies: Vec<EventBody> = serde_json::from_value(body["value"].clone()).unwrap();
        bodies.into_iter().filter_map(|body| event(body, methods)).collect()
    }

    fn method(id: &str) -> Method {
        serde_json::from_value(serde_json::json!({ "id": id })).unwrap()
    }

    #[test]
    fn a_registration_is_matched_with_the_passkey_in_either_spelling() {
        let text = include_str!("../../../tests/data/graph/v1-directoryAudits-addPasskey.derived.json");
        let held = [method("_jpuR-TGZgk6aQCLF3BQjA2"), method("7ebzDmVTSreLsJkrjm1mNA2")];
        let found = events(text, &held);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].passkey.as_deref(), Some("7ebzDmVTSreLsJkrjm1mNA2"));
        assert_eq!(found[0].key_id.as_deref(), Some("7ebzDmVTSreLsJkrjm1mNA=="));
        assert_eq!(found[0].by.as_deref(), Some("Provisioning tool"));
        assert_eq!(found[0].aaguid.unwrap().to_string(), "2fc0579f-8113-47ea-b116-bb5a8db9202a");
        assert_eq!(events(text, &held[..1])[0].passkey, None, "a passkey that is gone");
        let older = text.replace("Add Passkey (device-bound)", "Add Passkey (device-bound) security key");
        assert_eq!(events(&older, &held).len(), 1);
    }

    #[test]
    fn other_events_are_left_out_and_odd_ones_survived() {
        let documented = include_str!("../../../tests/data/graph/v1-directoryAudits-LIST-200.json");
        assert_eq!(events(documented, &[]), []);
        let odd = r#"{"value":[{"activityDisplayName":"Admin deleted security info","targetResources":[{"displayName":null}],
            "initiatedBy":{"user":{"userPrincipalName":"a\u001b@b"},"app":null},"additionalDetails":null},{}]}"#;
        let found = events(odd, &[]);
        assert_eq!((found.len(), found[0].by.as_deref(), found[0].at), (1, Some("a @b"), None));
    }
}
