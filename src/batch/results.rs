//! A results file: what was made without network, for the station that registers it. No PIN is ever in it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::batch::{Prepared, PreparedFile};
use crate::enroll::{self, Made, Outbox, Use, use_among};
use crate::handover::AgeSafe;
use crate::handover::parcel::{ParcelError, Recipient, read, rewrite, seal};
use crate::ledger::{Ledger, LedgerError};

/// What such a file says it is.
const KIND: &str = "keywright results 1";

/// The content of a results file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    kind: String,
    /// Tenant.
    pub tenant: String,
    /// The users of the prepared file, in its order.
    pub users: Vec<ResultOf>,
}

/// What became of one user's part.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResultOf {
    /// What was prepared, as it came.
    pub prepared: Prepared,
    /// What was made of it, if anything yet.
    pub made: Option<Made>,
}

impl Results {
    /// Opens a file that is sealed for this station.
    ///
    /// # Errors
    /// [`ParcelError`].
    pub fn open(safe: &AgeSafe, sealed: &[u8]) -> Result<Self, ParcelError> {
        let file: Self = safe.open_parcel(sealed)?;
        if file.kind == KIND { Ok(file) } else { Err(ParcelError::Form("it is no results file")) }
    }
}

/// The file as it grows: written anew, whole, with every passkey that is made.
#[derive(Debug)]
pub struct ResultsFile {
    path: PathBuf,
    registrar: Recipient,
    maker: Recipient,
    content: Results,
}

impl ResultsFile {
    /// Begins with what the ledger knows to be made already, and writes that. What this station wrote by the same prepared file
    /// is replaced; nothing else is.
    ///
    /// # Errors
    /// [`ParcelError::Exists`] if something else is there, another [`ParcelError`] if the file cannot be written; what the ledger
    /// says.
    pub fn begin(path: PathBuf, prepared: &PreparedFile, safe: &AgeSafe, ledger: &mut dyn Ledger) -> Result<Self, BeginError> {
        if path.exists() && !is_of(&path, prepared, safe) {
            return Err(ParcelError::Exists(path).into());
        }
        let jobs = ledger.jobs(None)?;
        let mut users = Vec::new();
        for one in &prepared.users {
            let made = match use_among(ledger, &jobs, &prepared.tenant, &one.user.id, &one.options.challenge)? {
                Use::Made(made) => Some(*made),
                Use::Open(job) => enroll::made_in(ledger, job)?,
                Use::Free | Use::Spent(_) => None,
            };
            users.push(ResultOf { prepared: one.clone(), made });
        }
        let content = Results { kind: KIND.into(), tenant: prepared.tenant.clone(), users };
        let file = Self { path, registrar: prepared.registrar.parse()?, maker: safe.recipient(), content };
        file.write()?;
        Ok(file)
    }

    fn write(&self) -> Result<(), ParcelError> {
        rewrite(&self.path, &seal(&[&self.registrar, &self.maker], &self.content)?)
    }
}

/// Whether a file holds the results of the same prepared file. Its maker can read it too, for just that.
fn is_of(path: &Path, prepared: &PreparedFile, safe: &AgeSafe) -> bool {
    let there = read(path).and_then(|sealed| Results::open(safe, &sealed));
    let stamps = |users: &[ResultOf]| users.iter().map(|one| one.prepared.stamp.clone()).collect::<Vec<_>>();
    let expected: Vec<_> = prepared.users.iter().map(|one| one.stamp.clone()).collect();
    there.is_ok_and(|there| there.tenant == prepared.tenant && stamps(&there.users) == expected)
}

impl Outbox for ResultsFile {
    fn put(&mut self, made: &Made) -> Result<(), String> {
        let place = self.content.users.iter_mut().find(|one| one.prepared.user.id == made.order.user_id);
        let place = place.ok_or("the user is not in the prepared file")?;
        place.made = Some(made.clone());
        self.write().map_err(|error| error.to_string())
    }
}

/// Why the file could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The file.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
