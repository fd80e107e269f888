//! What may surprise a user at the first sign-in.

use serde::Serialize;

/// Something that a key does, or a platform does not, and that its user will meet on the first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Surprise {
    /// Its stable word, such as `forced-pin-change`.
    pub word: &'static str,
    /// What happens.
    pub sentence: &'static str,
    /// What to do about it.
    pub next: &'static str,
    /// Where that is from.
    pub source: &'static str,
    /// The source is the platform's or the specification's own; otherwise it is what others have met.
    pub documented: bool,
    /// It comes from this key or its settings; otherwise it counts for every key.
    pub particular: bool,
}
