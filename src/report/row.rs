//! A line of a report: a passkey of a user, or a user without one.

use serde::Serialize;

use crate::aaguid::Aaguid;
use crate::identity::{Method, User};
use crate::metadata::{exposures, model};

/// The columns of Export-Fido2Info.ps1, in its order.
pub(super) const COMPAT: [&str; 8] =
    ["AaGuid", "CreatedDateTime", "DisplayName", "Id", "Model", "UserID", "UserPrincipalName", "UserDisplayName"];
/// What follows them.
pub(super) const MORE: [&str; 7] =
    ["AttestationLevel", "PasskeyType", "LastUsedDateTime", "SerialNumber", "Certification", "Advisories", "AllowedByPolicy"];

/// A passkey and whose it is.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// Whose.
    pub user: &'a User,
    /// The passkey; `None` for a user without one.
    pub passkey: Option<&'a Method>,
    /// Serial number of its key, as the ledger has it.
    pub serial: Option<String>,
    /// Whether the policy of today accepts it; `None` where that is not known.
    pub allowed: Option<bool>,
}

/// A row for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WrittenRow<'a> {
    /// Object id.
    user_id: &'a str,
    /// User principal name.
    user_principal_name: &'a str,
    /// Name for people.
    user_display_name: Option<&'a str>,
    /// The passkey; null for a user without one.
    passkey: Option<&'a Method>,
    /// Serial number of its key, as the ledger has it.
    serial: Option<String>,
    /// How its model is certified.
    certification: Option<&'static str>,
    /// What concerns its model; with a question mark where it depends on the firmware.
    advisories: Vec<String>,
    /// Whether the policy of today accepts it; null where that is not known.
    allowed_by_policy: Option<bool>,
}

impl<'a> Row<'a> {
    fn aaguid(&self) -> Option<Aaguid> {
        self.passkey.and_then(|passkey| passkey.aaguid)
    }

    fn certification(&self) -> Option<&'static str> {
        self.aaguid().and_then(model).map(|model| model.certification.word())
    }

    /// What concerns the model; with a question mark where it depends on what the tenant does not know, such as the firmware.
    pub(super) fn advisories(&self) -> Vec<String> {
        let found = self.aaguid().map(|aaguid| exposures(aaguid, None)).unwrap_or_default();
        found.into_iter().map(|one| format!("{}{}", one.advisory.id, if one.certain { "" } else { "?" })).collect()
    }

    /// What its model is called: by the tenant, or publicly.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let public = self.aaguid().and_then(model).map(|model| model.name);
        self.passkey.and_then(|passkey| passkey.model.as_deref()).into_iter().chain(public)
    }

    /// The cells, with those of `MORE` if there is `more`.
    pub(super) fn cells(&self, more: bool) -> Vec<String> {
        let text = |cell: Option<&str>| cell.unwrap_or_default().to_owned();
        let passkey = self.passkey;
        let of_passkey = |cell: fn(&Method) -> Option<&str>| text(passkey.and_then(cell));
        let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let mut cells = vec![
            self.aaguid().map(|aaguid| aaguid.to_string()).unwrap_or_default(),
            time(passkey.and_then(|passkey| passkey.created)),
            of_passkey(|passkey| passkey.display_name.as_deref()),
            of_passkey(|passkey| Some(&passkey.id)),
            of_passkey(|passkey| passkey.model.as_deref()),
            self.user.id.clone(),
            self.user.upn.clone(),
            text(self.user.display_name.as_deref()),
        ];
        if more {
            let allowed = self.passkey.map(|_| self.allowed.map_or("unknown", |allowed| if allowed { "yes" } else { "no" }));
            cells.extend([
                of_passkey(|passkey| passkey.attestation_level.as_deref()),
                of_passkey(|passkey| passkey.passkey_type.as_deref()),
                time(passkey.and_then(|passkey| passkey.last_used)),
                text(self.serial.as_deref()),
                text(self.certification()),
                self.advisories().join(" "),
                text(allowed),
            ]);
        }
        cells
    }

    /// The row for programs.
    pub fn written(&self) -> WrittenRow<'a> {
        WrittenRow {
            user_id: &self.user.id,
            user_principal_name: &self.user.upn,
            user_display_name: self.user.display_name.as_deref(),
            passkey: self.passkey,
            serial: self.serial.clone(),
            certification: self.certification(),
            advisories: self.advisories(),
            allowed_by_policy: self.allowed,
        }
    }
}
