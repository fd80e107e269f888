//! What the training tenant still knows after its process has ended, if its script names a file for it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::simulator::tenant::challenge::Challenge;
use crate::simulator::tenant::passkey::TrainingPasskey;

const VERSION: u32 = 1;

/// The passkeys by object id of their user.
pub(super) type Passkeys = BTreeMap<String, Vec<TrainingPasskey>>;

/// The file: everything, rewritten as a whole and put in place by a rename.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    version: u32,
    passkeys: Passkeys,
    #[serde(default)]
    challenges: Vec<Challenge>,
}

#[derive(Serialize)]
struct ImageOf<'a> {
    version: u32,
    passkeys: &'a Passkeys,
    challenges: &'a [&'a Challenge],
}

/// What the file holds; `None` if there is no file yet.
pub(super) fn read(path: &Path) -> io::Result<Option<(Passkeys, Vec<Challenge>)>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let strange = |reason: String| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: not the memory of a training tenant: {reason}", path.display()))
    };
    let image: Image = serde_json::from_slice(&bytes).map_err(|error| strange(error.to_string()))?;
    if image.version == VERSION {
        Ok(Some((image.passkeys, image.challenges)))
    } else {
        Err(strange(format!("version {}", image.version)))
    }
}

/// Replaces what the file holds.
pub(super) fn write(path: &Path, passkeys: &Passkeys, challenges: &[&Challenge]) -> io::Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    fs::write(&beside, serde_json::to_vec(&ImageOf { version: VERSION, passkeys, challenges })?)?;
    fs::rename(&beside, path)
}
