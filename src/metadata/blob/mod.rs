//! The BLOB of the FIDO Metadata Service (MDS 3.0 section 3.1): a JSON Web Signature over what is known of every certified model. Nothing in
//! it is believed before its signature leads to one of the roots.

mod entry;
mod signature;
#[cfg(test)]
#[cfg(feature = "simulator")]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::Deserialize;

use super::MetadataError;
use crate::aaguid::Aaguid;

pub use entry::{Entry, Report};

/// Longest BLOB that is looked at, in bytes; one of 2026 has 6 million.
pub const LONGEST: usize = 32 << 20;

/// Roots that may vouch for metadata: GlobalSign Root R3 and R46 (`README.md`). DER.
pub const FIDO_ROOTS: &[&[u8]] = &[include_bytes!("../roots/globalsign-r3.der"), include_bytes!("../roots/globalsign-r46.der")];
/// The root of rehearsals; nothing else trusts it.
#[cfg(feature = "simulator")]
pub const TRAINING_ROOTS: &[&[u8]] = &[include_bytes!("../roots/training.der")];
/// Without a training key nobody vouches for one.
#[cfg(not(feature = "simulator"))]
pub const TRAINING_ROOTS: &[&[u8]] = &[];

/// Metadata whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its number; every BLOB has a higher one than the last.
    pub number: u64,
    /// When the next one is due.
    pub next_update: Date,
    entries: BTreeMap<Aaguid, Entry>,
}

#[derive(Deserialize)]
struct Payload {
    no: u64,
    #[serde(rename = "nextUpdate")]
    next_update: Date,
    entries: Vec<entry::Raw>,
}

impl Blob {
    /// Reads one: signed by `mds.fidoalliance.org`, whose certificate has to lead to one of `roots` (DER) and be valid at `at`.
    pub fn read(text: &[u8], roots: &[&[u8]], at: Timestamp) -> Result<Self, MetadataError> {
        let payload = signature::verified(text, roots, at)?;
        let payload: Payload = serde_json::from_slice(&payload).map_err(form)?;
        let mut entries = BTreeMap::new();
        for (aaguid, entry) in payload.entries.into_iter().filter_map(entry::Raw::of_model) {
            if entries.insert(aaguid, entry).is_some() {
                return Err(MetadataError::Form(format!("it has two entries for {aaguid}")));
            }
        }
        Ok(Self { number: payload.no, next_update: payload.next_update, entries })
    }

    /// The number that one says it has, whoever signed it.
    pub fn claimed_number(text: &[u8]) -> Result<u64, MetadataError> {
        #[derive(Deserialize)]
        struct Numbered {
            no: u64,
        }
        let parts = signature::Parts::of(text)?;
        Ok(serde_json::from_slice::<Numbered>(&parts.payload()?).map_err(form)?.no)
    }

    /// What it says of a model.
    pub fn entry(&self, aaguid: Aaguid) -> Option<&Entry> {
        self.entries.get(&aaguid)
    }

    /// Every model with what it says of it.
    pub fn entries(&self) -> impl Iterator<Item = (Aaguid, &Entry)> {
        self.entries.iter().map(|(aaguid, entry)| (*aaguid, entry))
    }

    /// How many models it has.
    pub fn models(&self) -> usize {
        self.entries.len()
    }

    /// The next one is due, or overdue.
    pub fn is_due(&self, at: Timestamp) -> bool {
        Offset::UTC.to_datetime(at).date() >= self.next_update
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn form(error: serde_json::Error) -> MetadataError {
    MetadataError::Form(error.to_string())
}
