//! Where the platform keeps configuration and data.

use std::path::PathBuf;

use etcetera::{BaseStrategy as _, choose_base_strategy};

use super::CliError;

/// Directory of the profiles: `NAME.toml` each.
pub(super) fn profiles() -> Result<PathBuf, CliError> {
    let base = choose_base_strategy().map_err(|_| CliError::NoHome)?;
    Ok(base.config_dir().join("keywright").join("profiles"))
}

/// Directory of the ledger and the station's identity.
pub(super) fn data() -> Result<PathBuf, CliError> {
    let base = choose_base_strategy().map_err(|_| CliError::NoHome)?;
    Ok(base.data_dir().join("keywright"))
}
