//! Results about profiles.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::results;

results! {
    /// `profiles import`.
    ProfilesImported<'a> {
        /// The file that was read.
        file: &'a Path,
        /// The profiles that were written.
        profiles: &'a [ProfileWritten],
    }

    /// A profile that was written.
    ProfileWritten {
        /// Its name.
        profile: String,
        /// Its file.
        path: PathBuf,
        /// What was taken over.
        taken: Vec<SettingTaken>,
        /// What has no counterpart, or needs none.
        left: Vec<SettingLeft>,
    }
}

/// A setting that was taken over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli) struct SettingTaken {
    /// Where it stood.
    pub(in crate::cli) from: String,
    /// What it became.
    pub(in crate::cli) into: String,
}

/// A setting that was not taken over.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::cli) struct SettingLeft {
    /// Where it stood.
    pub(in crate::cli) from: String,
    /// Why.
    pub(in crate::cli) why: &'static str,
}
