//! A setting of a key in a result: what was requested, what is effective.

use serde::Serialize;

use crate::ctap::{Reading, Requirement, Wish};

/// A setting that was asked for, and what the key shows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Hardened {
    /// `always-uv`, `enterprise-attestation`, `long-touch-reset`, `min-pin-length-readers` or `min-pin-length`.
    pub setting: &'static str,
    /// What was asked for.
    pub requested: Requested,
    /// What was read back; `null` if the key took it and does not tell.
    pub effective: Option<Reading>,
    /// It is so, as far as the key tells.
    pub met: bool,
    /// A key without it would not have been taken.
    pub demanded: bool,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Requested {
    /// That it is on.
    Switch(bool),
    /// A length in code points.
    Length(u8),
    /// Ids of relying parties.
    Readers(Vec<String>),
}

impl Hardened {
    /// A wish and the reading that followed it.
    pub fn of(Requirement { wish, demand }: &Requirement, effective: Option<Reading>) -> Self {
        let requested = match wish {
            Wish::AlwaysUv | Wish::EnterpriseAttestation | Wish::LongTouchReset => Requested::Switch(true),
            Wish::MinPinReaders { rp_ids } => Requested::Readers(rp_ids.clone()),
            Wish::MinPinLength { least } => Requested::Length(*least),
        };
        Self { setting: wish.word(), requested, effective, met: wish.met(effective), demanded: *demand }
    }
}
