//! What the key remembers without power: in memory, or in a file that survives the death of the process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use opensk::api::persist::{Attestation, AttestationId, Persist, PersistIter, keys};
use opensk::ctap::status_code::{Ctap2StatusCode, CtapResult};
use serde::{Deserialize, Serialize};

use super::attestation::{BATCH_KEY, ENTERPRISE_KEY, ENTERPRISE_LEAF};
use super::model::Model;

/// The file: everything, rewritten as a whole and put in place by a rename.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    version: u32,
    model: String,
    power_ups: u64,
    entries: BTreeMap<usize, Vec<u8>>,
}

const IMAGE_VERSION: u32 = 1;

/// Why a file is not the memory of this key.
#[derive(Debug, thiserror::Error)]
pub(super) enum FlashError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("not the memory of a training key: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the memory of a training key of model {0}")]
    OtherModel(String),
}

/// The engine's store.
#[derive(Debug)]
pub(super) struct Flash {
    entries: BTreeMap<usize, Vec<u8>>,
    power_ups: u64,
    file: Option<PathBuf>,
    changed: bool,
    slug: &'static str,
    aaguid: [u8; 16],
    leaf: &'static [u8],
    maximum_pin: Option<u8>,
}

impl Flash {
    /// Empty, or what the file holds if there is one.
    pub(super) fn open(model: &Model, file: Option<PathBuf>) -> Result<Self, FlashError> {
        let image = match &file {
            Some(path) => read(path)?,
            None => None,
        };
        if let Some(image) = &image
            && (image.model != model.slug || image.version != IMAGE_VERSION)
        {
            return Err(FlashError::OtherModel(image.model.clone()));
        }
        let (entries, power_ups) = image.map(|image| (image.entries, image.power_ups)).unwrap_or_default();
        Ok(Self {
            entries,
            power_ups,
            file,
            changed: false,
            slug: model.slug,
            aaguid: model.aaguid.0,
            leaf: model.leaf,
            maximum_pin: model.maximum_pin,
        })
    }

    /// Counts a power-up and returns the count: never the same twice for one file.
    pub(super) fn count_power_up(&mut self) -> u64 {
        self.power_ups = self.power_ups.saturating_add(1);
        self.changed = true;
        self.power_ups
    }

    /// Writes what changed since the last call. A command's changes appear in the file all at once or not at all.
    pub(super) fn flush(&mut self) -> Result<(), FlashError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let Some(path) = &self.file else { return Ok(()) };
        let image = Image {
            version: IMAGE_VERSION,
            model: self.slug.to_owned(),
            power_ups: self.power_ups,
            entries: self.entries.clone(),
        };
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        fs::write(&beside, serde_json::to_vec(&image)?)?;
        fs::rename(&beside, path)?;
        Ok(())
    }

    /// Number of resident credentials.
    pub(super) fn resident(&self) -> usize {
        self.entries.range(keys::CREDENTIALS).count()
    }
}

fn read(path: &Path) -> Result<Option<Image>, FlashError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Persist for Flash {
    fn find(&self, key: usize) -> CtapResult<Option<Vec<u8>>> {
        Ok(self.entries.get(&key).cloned())
    }

    fn insert(&mut self, key: usize, value: &[u8]) -> CtapResult<()> {
        // The PIN is encrypted on the wire; its length is first seen here.
        if key == keys::PIN_PROPERTIES
            && let (Some(maximum), Some(length)) = (self.maximum_pin, value.first())
            && *length > maximum
        {
            return Err(Ctap2StatusCode::CTAP2_ERR_PIN_POLICY_VIOLATION);
        }
        self.changed = true;
        self.entries.insert(key, value.to_vec());
        Ok(())
    }

    fn remove(&mut self, key: usize) -> CtapResult<()> {
        self.changed |= self.entries.remove(&key).is_some();
        Ok(())
    }

    fn iter(&self) -> CtapResult<PersistIter<'_>> {
        Ok(Box::new(self.entries.keys().copied().map(Ok)))
    }

    fn aaguid(&self) -> CtapResult<[u8; 16]> {
        Ok(self.aaguid)
    }

    fn get_attestation(&self, id: AttestationId) -> CtapResult<Option<Attestation>> {
        let (key, leaf) = match id {
            AttestationId::Batch => (BATCH_KEY, self.leaf),
            AttestationId::Enterprise => (ENTERPRISE_KEY, ENTERPRISE_LEAF),
        };
        Ok(Some(Attestation { wrapped_private_key: key.to_vec(), certificate: leaf.to_vec() }))
    }
}
