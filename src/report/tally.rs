//! What is counted while a report is written.

use serde::{Deserialize, Serialize};

use super::Row;
use crate::aaguid::Aaguid;

/// Users without an answer who are named.
const MOST_NAMED: usize = 100;

/// How many passkeys there are of one model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Users who were asked about, those of them without an answer, and what was written of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Users who were asked about.
    pub users: u64,
    /// Rows that were written.
    pub rows: u64,
    /// Users whose passkeys could not be read.
    pub unread: u64,
    /// The first of them.
    pub named: Vec<String>,
    models: Vec<ModelCount>,
}

impl Tally {
    /// A row was written.
    pub fn count(&mut self, row: &Row<'_>) {
        self.rows = self.rows.saturating_add(1);
        let Some(passkey) = row.passkey else { return };
        let same = |count: &&mut ModelCount| count.aaguid == passkey.aaguid && count.model == passkey.model;
        match self.models.iter_mut().find(same) {
            Some(count) => count.passkeys = count.passkeys.saturating_add(1),
            None => self.models.push(ModelCount { model: passkey.model.clone(), aaguid: passkey.aaguid, passkeys: 1 }),
        }
    }

    /// A user's passkeys could not be read.
    pub fn miss(&mut self, upn: &str) {
        self.unread = self.unread.saturating_add(1);
        if self.named.len() < MOST_NAMED {
            self.named.push(upn.to_owned());
        }
    }

    /// How many there are of each model, the most frequent first.
    pub fn models(&self) -> Vec<&ModelCount> {
        let mut models: Vec<&ModelCount> = self.models.iter().collect();
        models.sort_by_key(|count| std::cmp::Reverse(count.passkeys));
        models
    }
}
