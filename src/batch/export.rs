//! The results of a batch for other programs. Never a PIN, and no cell that a spreadsheet would take for a formula.

use serde::Serialize;

use super::{Standing, TaskOutcome};
use crate::ctap::{Reading, Wish};
use crate::ledger::KeyPart;
use crate::report::csv_line;

/// One row of the export.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exported {
    /// Row of the roster.
    pub row: u32,
    /// User principal name.
    pub upn: String,
    /// Object id of the user.
    pub user_id: String,
    /// Where it stands.
    pub state: Standing,
    /// `only`, `primary`, `spare`, or `spare 2` and so on.
    pub key: String,
    /// Serial number of the key.
    pub serial: Option<String>,
    /// Model.
    pub aaguid: Option<String>,
    /// Name of the passkey.
    pub display_name: Option<String>,
    /// Id of the passkey in the tenant.
    pub method_id: Option<String>,
    /// Credential id, base64url.
    pub credential_id: Option<String>,
    /// The key forces a PIN change, read back from it.
    pub pin_change_forced: Option<bool>,
    /// Settings of the key that were asked for, each with what was read back from it: `always-uv=true`, `min-pin-length=9`, or
    /// `…=not told`.
    pub hardening: Vec<String>,
    /// Who made it.
    pub operator: Option<String>,
    /// When it was begun.
    pub begun: Option<String>,
    /// Work order.
    pub ticket: Option<String>,
    /// What the roster says beyond that.
    pub note: Option<String>,
    /// Why it was given up: the stable code.
    pub code: Option<String>,
    /// The sentence.
    pub message: Option<String>,
    /// The next step.
    pub next: Option<String>,
}

impl Exported {
    /// The row of a task.
    pub fn of(outcome: &TaskOutcome) -> Self {
        let TaskOutcome { task, job, passkey, pin_change_forced, hardening, .. } = outcome;
        let key = job.as_ref().map(|job| &job.order.key);
        let failure = task.failure.as_ref();
        Self {
            row: task.order.row,
            upn: task.order.upn.clone(),
            user_id: task.order.user_id.clone(),
            state: outcome.standing(),
            key: match task.order.part {
                KeyPart::Only => "only".into(),
                KeyPart::Primary => "primary".into(),
                KeyPart::Spare => task.order.mark().unwrap_or_default(),
            },
            serial: key.and_then(|key| key.shown_serial().map(ToOwned::to_owned)).or_else(|| task.order.serial.clone()),
            aaguid: key.map(|key| key.aaguid.to_string()),
            display_name: job.as_ref().map(|job| job.order.display_name.clone()).or_else(|| task.order.display_name.clone()),
            method_id: passkey.as_ref().map(|(method, _)| method.clone()),
            credential_id: passkey.as_ref().map(|(_, credential)| credential.to_string()),
            pin_change_forced: passkey.is_some().then_some(*pin_change_forced),
            hardening: hardening.iter().map(setting).collect(),
            operator: job.as_ref().map(|job| job.order.operator.clone()),
            begun: job.as_ref().map(|job| job.opened.to_string()),
            ticket: task.order.ticket.clone(),
            note: task.order.note.clone(),
            code: failure.map(|failure| failure.code.clone()),
            message: failure.map(|failure| failure.sentence.clone()),
            next: failure.map(|failure| failure.next.clone()),
        }
    }
}

fn setting((wish, effective): &(Wish, Option<Reading>)) -> String {
    let told = match effective {
        Some(Reading::Switch(on)) => on.to_string(),
        Some(Reading::Length(length)) => length.to_string(),
        None => "not told".into(),
    };
    format!("{}={told}", wish.word())
}

/// The rows as CSV (RFC 4180) with a head, lines ended by CR and LF.
pub fn csv(rows: &[Exported]) -> String {
    let mut text = String::new();
    let head = [
        "row",
        "upn",
        "userId",
        "state",
        "key",
        "serial",
        "aaguid",
        "displayName",
        "methodId",
        "credentialId",
        "pinChangeForced",
        "hardening",
        "operator",
        "begun",
        "ticket",
        "note",
        "code",
        "message",
        "next",
    ];
    csv_line(&mut text, ',', head.iter().map(|name| (*name).to_owned()));
    for row in rows {
        let value = serde_json::to_value(row).unwrap_or_default();
        csv_line(
            &mut text,
            ',',
            head.iter().map(|name| match value.get(*name) {
                Some(serde_json::Value::String(text)) => text.clone(),
                None | Some(serde_json::Value::Null) => String::new(),
                Some(serde_json::Value::Array(items)) => {
                    items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
                }
                Some(other) => other.to_string(),
            }),
        );
    }
    text
}
