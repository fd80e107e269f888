//! Reports about a whole tenant, written row by row: nothing is collected but what is counted.

mod csv;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::aaguid::Aaguid;
use crate::identity::{Method, User};
use crate::metadata::exposures;

pub use csv::csv_line;

/// The columns of Export-Fido2Info.ps1, in its order.
const COMPAT: [&str; 8] =
    ["AaGuid", "CreatedDateTime", "DisplayName", "Id", "Model", "UserID", "UserPrincipalName", "UserDisplayName"];
/// What follows them.
const MORE: [&str; 4] = ["AttestationLevel", "PasskeyType", "LastUsedDateTime", "Advisories"];

/// How many passkeys there are of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ModelCount {
    /// What the tenant calls it.
    pub model: Option<String>,
    /// Its AAGUID.
    pub aaguid: Option<Aaguid>,
    /// Passkeys.
    pub passkeys: u64,
}

/// Every passkey of every user as CSV, delimited by `;`.
#[derive(Debug)]
pub struct PasskeyReport {
    compat: bool,
    counts: BTreeMap<(Option<String>, Option<String>), ModelCount>,
}

impl PasskeyReport {
    /// With `compat`, only the eight columns of Export-Fido2Info.ps1.
    pub fn new(compat: bool) -> Self {
        Self { compat, counts: BTreeMap::new() }
    }

    /// The line of the column names.
    pub fn head(&self) -> String {
        let more = if self.compat { &[][..] } else { &MORE };
        let mut text = String::new();
        csv_line(&mut text, ';', COMPAT.iter().chain(more).map(|name| (*name).to_owned()));
        text
    }

    /// The lines of one user's passkeys, which are counted.
    pub fn rows(&mut self, user: &User, passkeys: &[Method]) -> String {
        let mut text = String::new();
        for passkey in passkeys {
            let or_empty = |cell: &Option<String>| cell.clone().unwrap_or_default();
            let aaguid = passkey.aaguid.map(|aaguid| aaguid.to_string());
            let mut cells = vec![
                or_empty(&aaguid),
                passkey.created.map(|time| time.to_string()).unwrap_or_default(),
                or_empty(&passkey.display_name),
                passkey.id.clone(),
                or_empty(&passkey.model),
                user.id.clone(),
                user.upn.clone(),
                or_empty(&user.display_name),
            ];
            if !self.compat {
                cells.extend([
                    or_empty(&passkey.attestation_level),
                    or_empty(&passkey.passkey_type),
                    passkey.last_used.map(|time| time.to_string()).unwrap_or_default(),
                    passkey.aaguid.map(advisories).unwrap_or_default(),
                ]);
            }
            csv_line(&mut text, ';', cells);
            let count = self.counts.entry((passkey.model.clone(), aaguid)).or_insert_with(|| ModelCount {
                model: passkey.model.clone(),
                aaguid: passkey.aaguid,
                passkeys: 0,
            });
            count.passkeys = count.passkeys.saturating_add(1);
        }
        text
    }

    /// How many there are of each model, the most frequent first.
    pub fn models(&self) -> Vec<&ModelCount> {
        let mut models: Vec<&ModelCount> = self.counts.values().collect();
        models.sort_by_key(|count| std::cmp::Reverse(count.passkeys));
        models
    }
}

/// What concerns the model; with a question mark where it depends on what the tenant does not know, such as the firmware.
fn advisories(aaguid: Aaguid) -> String {
    let ids = exposures(aaguid, None).into_iter().map(|one| format!("{}{}", one.advisory.id, if one.certain { "" } else { "?" }));
    ids.collect::<Vec<_>>().join(" ")
}
