//! Results about models of keys.

use std::path::Path;

use jiff::civil::Date;
use serde::Serialize;

use super::results;
use crate::aaguid::Aaguid;
use crate::metadata::Exposure;
use crate::metadata::blob::Report;

results! {
    /// `metadata show`.
    MetadataShown<'a> {
        /// What the program has by itself.
        shipped: &'static str,
        /// The signed metadata of this station; `null` if it has none.
        kept: Option<KeptMetadata>,
        /// Where it is, or would be.
        file: &'a Path,
        /// The models that were asked for.
        models: Vec<ModelFacts<'a>>,
    }

    /// `metadata update`.
    MetadataUpdated<'a> {
        /// The signed metadata that this station has now.
        kept: KeptMetadata,
        /// Number of what it had before.
        before: Option<u64>,
        /// Where it is.
        file: &'a Path,
    }

    /// Signed metadata of the FIDO Alliance.
    KeptMetadata {
        /// Its number.
        number: u64,
        /// When the next one is due.
        #[cfg_attr(test, schemars(with = "String"))]
        next_update: Date,
        /// It is due.
        due: bool,
        /// How many models it has.
        models: usize,
    }

    /// A model of keys.
    ModelFacts<'a> {
        /// Its id.
        aaguid: Aaguid,
        /// Its name.
        name: &'a str,
        /// Microsoft lists it as eligible for attestation with Entra ID; `null` if the program does not know the model.
        eligible: Option<bool>,
        /// A level, `certified`, `none` or `revoked`, as the program has it.
        certification: Option<&'static str>,
        /// What it can do.
        abilities: Vec<&'static str>,
        /// Shortest PIN in code points.
        min_pin_length: Option<u8>,
        /// Links.
        links: Vec<&'static str>,
        /// What is publicly known against it.
        advisories: Vec<Exposure>,
        /// What the FIDO Alliance has said of it, by the signed metadata.
        reports: &'a [Report],
        /// How many roots the signed metadata has for its attestation.
        roots: usize,
    }
}
