//! Keys that travel before they are registered: what waits for its parcel, and the tenant as it is asked while such a key is made.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{PreparedFile, PreparedTenant, ResultOf, Results};
use crate::enroll::{Use, use_of};
use crate::handover::AgeSafe;
use crate::handover::parcel::{self, ParcelError};
use crate::identity::{
    IdentityError, IdentityProvider, KeyModel, Message, Method, Offer, Preflight, RegisterError, Registration, SendError, User,
};
use crate::ledger::{Ledger, LedgerError};
use crate::webauthn::CredentialId;

/// What is left of a challenge's life at least, for a key to be begun with it.
const LEAST: SignedDuration = SignedDuration::from_mins(10);
/// Most parcels of one user.
const MOST: u32 = 10_000;

/// The tenant while a key is made that is registered later: its rules are asked now, and the challenge is the one that was fetched for
/// the journey.
pub struct LaterTenant<'a> {
    tenant: &'a mut dyn IdentityProvider,
    prepared: PreparedTenant<'a>,
}

impl std::fmt::Debug for LaterTenant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaterTenant")
    }
}

impl<'a> LaterTenant<'a> {
    /// This tenant, with these challenges.
    pub fn new(tenant: &'a mut dyn IdentityProvider, file: &'a PreparedFile) -> Self {
        Self { tenant, prepared: PreparedTenant::new(&file.users) }
    }
}

impl IdentityProvider for LaterTenant<'_> {
    fn user(&mut self, name: &str) -> Result<User, IdentityError> {
        self.tenant.user(name)
    }

    fn preflight(&mut self, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError> {
        self.tenant.preflight(user, model)
    }

    fn creation_options(&mut self, user: &User, life: Option<Duration>) -> Result<Offer, IdentityError> {
        self.prepared.creation_options(user, life)
    }

    fn register(&mut self, user: &User, registration: &Registration) -> Result<Method, RegisterError> {
        // Not before its parcel has arrived: this one always says no.
        self.prepared.register(user, registration)
    }

    fn find(&mut self, user: &User, credential: &CredentialId) -> Result<Option<Method>, IdentityError> {
        self.tenant.find(user, credential)
    }

    fn methods(&mut self, user: &User) -> Result<Vec<Method>, IdentityError> {
        self.tenant.methods(user)
    }

    fn remove(&mut self, user: &User, method: &str) -> Result<(), IdentityError> {
        self.tenant.remove(user, method)
    }

    fn send_message(&mut self, user: &User, sender: &str, message: &Message) -> Result<(), SendError> {
        self.tenant.send_message(user, sender, message)
    }
}

/// Where the files of keys on their way lie, beside the station's identity, which alone opens them.
#[derive(Clone, Debug)]
pub struct Shelf {
    directory: PathBuf,
}

/// Two files of one key on its way.
#[derive(Clone, Debug)]
pub struct Waybill {
    /// The challenge.
    pub prepared: PathBuf,
    /// What is to be registered.
    pub parcel: PathBuf,
}

/// Why a shelf cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file.
    #[error(transparent)]
    Parcel(#[from] ParcelError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Shelf {
    /// In this directory, which need not be there yet.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The user's key that was begun and is not ready yet, with its challenge; or where the next one goes.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub fn next(
        &self,
        ledger: &mut dyn Ledger,
        safe: &AgeSafe,
        tenant: &str,
        user: &User,
        now: Timestamp,
    ) -> Result<(Waybill, Option<PreparedFile>), ShelfError> {
        for number in 1..MOST {
            let waybill = self.waybill(&user.id, number);
            if !waybill.prepared.exists() {
                return Ok((waybill, None));
            }
            let file = PreparedFile::open(safe, &parcel::read(&waybill.prepared)?)?;
            let [one] = file.users.as_slice() else { return Err(ParcelError::Form("it is not one user's").into()) };
            if file.tenant != tenant || one.user.id != user.id {
                return Err(ParcelError::Form("it is for somebody else").into());
            }
            match use_of(ledger, tenant, &user.id, &one.options.challenge)? {
                Use::Open(_) => return Ok((waybill, Some(file))),
                Use::Free if one.expires.duration_since(now) > LEAST => return Ok((waybill, Some(file))),
                Use::Free | Use::Made(_) | Use::Spent(_) => {}
            }
        }
        Err(ParcelError::Form("there are too many parcels of this user").into())
    }

    fn waybill(&self, user: &str, number: u32) -> Waybill {
        // Object ids are GUIDs; whatever else a provider says, it names no other place.
        let safe: String = user.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect();
        let path = |kind: &str| self.directory.join(format!("{safe}-{number}.{kind}.age"));
        Waybill { prepared: path("prepared"), parcel: path("parcel") }
    }

    /// Everything that is to be registered, oldest file first.
    ///
    /// # Errors
    /// [`ParcelError`].
    pub fn parcels(&self, safe: &AgeSafe) -> Result<Vec<Results>, ParcelError> {
        let fault = |error: std::io::Error| ParcelError::File { path: self.directory.clone(), reason: error.to_string() };
        if !self.directory.exists() {
            return Ok(Vec::new());
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.to_string_lossy().ends_with(".parcel.age") {
                paths.push((path.metadata().and_then(|data| data.modified()).map_err(fault)?, path));
            }
        }
        paths.sort();
        paths.iter().map(|(_, path)| Results::open(safe, &parcel::read(path)?)).collect()
    }
}

/// The parts of these files that `wanted` means, each as a file of its own.
pub fn pick(files: Vec<Results>, wanted: impl Fn(&ResultOf) -> bool) -> Vec<Results> {
    let files = files.into_iter().map(|mut file| {
        file.users.retain(|one| one.made.is_some() && wanted(one));
        file
    });
    files.filter(|file| !file.users.is_empty()).collect()
}
