//! Where something happens while several keys are worked on at once, and how far a batch is.

use serde::Serialize;

/// Where, and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spot {
    /// Port or reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Task of the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<i64>,
    /// User principal name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
}

impl Spot {
    /// A port or reader.
    pub fn lane(name: &str) -> Self {
        Self { lane: Some(name.to_owned()), ..Self::default() }
    }

    /// The words before a line: port, then user.
    pub(super) fn words(&self) -> String {
        let parts: Vec<&str> = [&self.lane, &self.upn].into_iter().flatten().map(String::as_str).collect();
        parts.join(" ")
    }
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Totals {
    /// Tasks of the batch.
    pub total: usize,
    /// Done.
    pub done: usize,
    /// Given up.
    pub failed: usize,
    /// Keys that are ready and wait for their registration or hand-over.
    pub ready: usize,
    /// Keys that have to come back.
    pub missing: usize,
}
