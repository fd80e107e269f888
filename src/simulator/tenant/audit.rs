//! The directory's audit log, as far as it tells of passkeys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::passkey::{TrainingPasskey, seconds};
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

const READ: &[&str] = &["AuditLog.Read.All", "Directory.Read.All"];
/// Events that are kept; older ones are forgotten first.
const MAX_EVENTS: usize = 10_000;
const ADDED: &str = "Add Passkey (device-bound)";

/// An entry of the log.
#[derive(Clone, Debug)]
pub(super) struct AuditEvent {
    at: Timestamp,
    activity: &'static str,
    service: &'static str,
    operation: &'static str,
    upn: String,
    /// Object id of the user; the device registration service leaves it out.
    user: Option<String>,
    /// What the target is called: a key id in padded base64, or the user.
    target: String,
    details: Vec<(&'static str, String)>,
}

impl AuditEvent {
    fn to_json(&self, number: usize, application: &str) -> Value {
        let details: Vec<Value> = self.details.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
        json!({
            "id": format!("training-{number}"),
            "category": "UserManagement",
            "correlationId": format!("00000000-0000-4000-9000-{number:012x}"),
            "result": "success",
            "resultReason": "",
            "activityDisplayName": self.activity,
            "activityDateTime": seconds(self.at),
            "loggedByService": self.service,
            "operationType": self.operation,
            "initiatedBy": {"user": null, "app": {"appId": application, "displayName": "Provisioning tool", "servicePrincipalId": null, "servicePrincipalName": null}},
            "targetResources": [{
                "id": self.user, "displayName": self.target, "type": "User", "userPrincipalName": self.upn,
                "groupType": null, "modifiedProperties": [],
            }],
            "additionalDetails": details,
        })
    }
}

/// The parts of `$filter` that clients of the passkey events use: conditions joined by `and`.
struct Filter {
    since: Option<Timestamp>,
    upn: Option<String>,
    user: Option<String>,
    target: Option<String>,
    beginning: Option<String>,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut filter = Self { since: None, upn: None, user: None, target: None, beginning: None };
        for part in text.split(" and ").map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || Refusal::bad(format!("Invalid filter clause: {part}"));
            let within = |head: &str, tail: &str| {
                let text = part.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
                text.map(|text| text.replace("''", "'"))
            };
            if let Some(time) = part.strip_prefix("activityDateTime ge ") {
                filter.since = Some(time.parse().map_err(|_| bad())?);
            } else if let Some(name) = within("targetResources/any(t:t/userPrincipalName eq '", "')") {
                filter.upn = Some(name);
            } else if let Some(id) = within("targetResources/any(t:t/id eq '", "')") {
                filter.user = Some(id);
            } else if let Some(name) = within("targetResources/any(t:t/displayName eq '", "')") {
                filter.target = Some(name);
            } else if let Some(text) = within("startswith(activityDisplayName,'", "')") {
                filter.beginning = Some(text);
            } else {
                return Err(bad());
            }
        }
        Ok(filter)
    }

    fn takes(&self, event: &AuditEvent) -> bool {
        self.since.is_none_or(|since| event.at >= since)
            && self.upn.as_ref().is_none_or(|upn| event.upn.eq_ignore_ascii_case(upn))
            && self.user.as_ref().is_none_or(|id| event.user.as_ref() == Some(id))
            && self.target.as_ref().is_none_or(|name| event.target == *name)
            && self.beginning.as_ref().is_none_or(|beginning| event.activity.starts_with(beginning))
    }
}

impl Tenant {
    /// The log, newest first. Events appear with the delay of the script.
    pub(super) fn audits(&mut self, request: &Request) -> Result<Response, Refusal> {
        if request.method != "GET" {
            return Err(Refusal::no_method());
        }
        self.require(READ)?;
        let text = request.query.iter().find(|(name, _)| name == "$filter").map_or("", |(_, text)| text.as_str());
        let filter = Filter::parse(text)?;
        let delay = SignedDuration::from_secs(self.script.audit_delay.try_into().unwrap_or(i64::MAX));
        let seen = self.clock.now().saturating_sub(delay).unwrap_or(Timestamp::MIN);
        let events = self.audits.iter().enumerate().rev().filter(|(_, event)| event.at <= seen && filter.takes(event));
        let application = &self.script.application.client_id;
        let list = events.map(|(number, event)| event.to_json(number, application)).collect();
        self.page(request, list)
    }

    /// What the two services write down about a registration.
    pub(super) fn log_registration(&mut self, user: &TrainingUser, passkey: &TrainingPasskey) {
        let details = vec![("WebAuthnInfo", String::new()), ("AAGuid", passkey.aaguid.to_string())];
        self.log_event(AuditEvent {
            at: self.clock.now(),
            activity: ADDED,
            service: "Device Registration Service",
            operation: "Add",
            upn: user.upn.clone(),
            user: None,
            target: STANDARD.encode(&passkey.credential_id.0),
            details,
        });
        self.log_security_info(user, "Admin registered security info", "Add");
    }

    /// What is written down about a removal.
    pub(super) fn log_removal(&mut self, user: &TrainingUser) {
        self.log_security_info(user, "Admin deleted security info", "Delete");
    }

    fn log_security_info(&mut self, user: &TrainingUser, activity: &'static str, operation: &'static str) {
        self.log_event(AuditEvent {
            at: self.clock.now(),
            activity,
            service: "Authentication Methods",
            operation,
            upn: user.upn.clone(),
            user: Some(user.id.clone()),
            target: user.display_name.clone(),
            details: Vec::new(),
        });
    }

    fn log_event(&mut self, event: AuditEvent) {
        if self.audits.len() >= MAX_EVENTS {
            self.audits.remove(0);
        }
        self.audits.push(event);
    }
}
