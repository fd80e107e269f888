//! What the metadata says of one model.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::aaguid::Aaguid;

/// Statuses that mean that a model, or the keys that vouch for it, cannot be relied on (MDS 3.0 section 3.1.4).
const TROUBLES: &[&str] = &[
    "USER_VERIFICATION_BYPASS",
    "ATTESTATION_KEY_COMPROMISE",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_KEY_PHYSICAL_COMPROMISE",
    "REVOKED",
];

/// One model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What the FIDO Alliance has said of it.
    pub reports: Vec<Report>,
    /// Certificates (DER) that its attestation leads to.
    pub roots: Vec<Vec<u8>>,
}

/// One status report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its word, such as `FIDO_CERTIFIED_L1`; a word that is not known here is one all the same.
    pub status: String,
    /// Since when, as the metadata has it.
    #[serde(default)]
    pub effective_date: Option<String>,
}

impl Entry {
    /// The reports that speak against the model.
    pub fn troubles(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| TROUBLES.contains(&report.status.as_str()))
    }
}

/// An entry as it is written; those of U2F and UAF have no AAGUID.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    aaguid: Option<Aaguid>,
    metadata_statement: Option<Statement>,
    #[serde(default)]
    status_reports: Vec<Report>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    description: String,
    #[serde(default)]
    attestation_root_certificates: Vec<String>,
}

impl Raw {
    /// The entry of a FIDO2 model. A root that cannot be read is not there: what leads to it is not trusted.
    pub(super) fn of_model(self) -> Option<(Aaguid, Entry)> {
        let (name, roots) = self
            .metadata_statement
            .map(|statement| (statement.description, statement.attestation_root_certificates))
            .unwrap_or_default();
        let read = |text: String| STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).ok();
        let roots = roots.into_iter().filter_map(read).collect();
        Some((self.aaguid?, Entry { name, reports: self.status_reports, roots }))
    }
}
