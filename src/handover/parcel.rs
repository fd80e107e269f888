//! Files that go from one station to another, sealed with age: only the station they are meant for opens them.
//!
//! age says nothing of who sealed a file. What comes back to the station that made the first file bears that station's own stamp
//! (HMAC-SHA-256 under a key drawn from its identity by HKDF, RFC 5869), which nobody else can make.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::iter;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use age::{Decryptor, Encryptor, x25519};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::advice::{Advice, Advised};
use crate::secret::private;

/// Longest content of a file: 4000 users with challenges of 7 kB and attestations of 2 kB.
const MOST: usize = 64 << 20;
/// What every age file begins with.
const HEAD: &[u8] = b"age-encryption.org/v1\n";
/// A seal adds its head and 16 bytes to every 64 KiB.
const MOST_SEALED: usize = MOST + (MOST >> 11);

/// A station that files are sealed for: its public half, `age1…`.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// As age takes it.
    pub(super) fn station(&self) -> &x25519::Recipient {
        &self.0
    }
}

impl FromStr for Recipient {
    type Err = ParcelError;

    fn from_str(text: &str) -> Result<Self, ParcelError> {
        text.trim().parse().map(Self).map_err(|reason: &str| ParcelError::Recipient(reason.to_owned()))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<x25519::Recipient> for Recipient {
    fn from(recipient: x25519::Recipient) -> Self {
        Self(recipient)
    }
}

/// Seals a value, as JSON, for these stations.
///
/// # Errors
/// [`ParcelError::TooLong`], [`ParcelError::Seal`].
pub fn seal(stations: &[&Recipient], value: &impl Serialize) -> Result<Vec<u8>, ParcelError> {
    let fault = |error: String| ParcelError::Seal(error);
    let json = Zeroizing::new(serde_json::to_vec(value).map_err(|error| fault(error.to_string()))?);
    if json.len() > MOST {
        return Err(ParcelError::TooLong);
    }
    let recipients = stations.iter().map(|station| -> &dyn age::Recipient { &station.0 });
    let encryptor = Encryptor::with_recipients(recipients).map_err(|error| fault(error.to_string()))?;
    let mut sealed = Vec::with_capacity(json.len());
    let write = |sealed: &mut Vec<u8>| -> io::Result<()> {
        let mut writer = encryptor.wrap_output(sealed)?;
        writer.write_all(&json)?;
        writer.finish().map(drop)
    };
    write(&mut sealed).map_err(|error| fault(error.to_string()))?;
    Ok(sealed)
}

/// Opens what was sealed for this identity.
pub(super) fn open<T: DeserializeOwned>(identity: &x25519::Identity, sealed: &[u8]) -> Result<T, ParcelError> {
    if !sealed.starts_with(HEAD) {
        return Err(ParcelError::Form("it is no file of keywright"));
    }
    let identity: &dyn age::Identity = identity;
    let reader = Decryptor::new_buffered(sealed)
        .map_err(|_| ParcelError::Form("it is damaged"))?
        .decrypt(iter::once(identity))
        .map_err(|_| ParcelError::OtherStation)?;
    let mut json = Zeroizing::new(Vec::with_capacity(sealed.len()));
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    reader.take(most).read_to_end(&mut json).map_err(|_| ParcelError::Form("it is damaged"))?;
    // The reader's own words may quote what it read.
    serde_json::from_slice(&json).map_err(|_| ParcelError::Form("its content is none that this keywright knows"))
}

/// Reads a sealed file.
///
/// # Errors
/// [`ParcelError::File`], [`ParcelError::TooLong`].
pub fn read(path: &Path) -> Result<Vec<u8>, ParcelError> {
    let fault = |error: io::Error| ParcelError::File { path: path.to_owned(), reason: error.to_string() };
    let most = u64::try_from(MOST_SEALED).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes)).map_err(fault)?;
    if bytes.len() > MOST_SEALED { Err(ParcelError::TooLong) } else { Ok(bytes) }
}

/// Whether a new file can have this name.
///
/// # Errors
/// [`ParcelError::Exists`].
pub fn free(path: &Path) -> Result<(), ParcelError> {
    if path.exists() { Err(ParcelError::Exists(path.to_owned())) } else { Ok(()) }
}

/// Writes a sealed file that must not be there yet. Durable when it returns.
///
/// # Errors
/// [`ParcelError::Exists`], [`ParcelError::File`].
pub fn write_new(path: &Path, sealed: &[u8]) -> Result<(), ParcelError> {
    free(path)?;
    rewrite(path, sealed)
}

/// Writes a sealed file, whole, in the place of an older one. Durable when it returns.
///
/// # Errors
/// [`ParcelError::File`].
pub fn rewrite(path: &Path, sealed: &[u8]) -> Result<(), ParcelError> {
    private::replace(path, sealed).map_err(|error| ParcelError::File { path: path.to_owned(), reason: error.to_string() })
}

/// What can go wrong with a file between stations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParcelError {
    /// Not the public half of an age identity.
    #[error("the recipient is none: {0}")]
    Recipient(String),
    /// Sealed for another station.
    #[error("the file is sealed for another station")]
    OtherStation,
    /// Not what it should be.
    #[error("the file cannot be used: {0}")]
    Form(&'static str),
    /// More than a file may hold.
    #[error("the file holds more than a file may hold")]
    TooLong,
    /// Something else is in its place.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// It cannot be read or written.
    #[error("{} cannot be used: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Sealing failed.
    #[error("the file could not be sealed: {0}")]
    Seal(String),
}

advice! {
    RECIPIENT: "parcel/recipient", Usage, "The recipient is none.", "Run `keywright pins recipient` at the other station and give what it prints to --recipient.";
    OTHER_STATION: "parcel/other-station", Usage, "The file is sealed for another station.", "Use it at the station whose recipient it was made for; `keywright pins recipient` prints that of this one. Check --ledger, beside which the identity lies.";
    FORM: "parcel/form", Usage, "The file cannot be used.", "Copy it once more from where it was made, and use the same version of keywright in both places.";
    TOO_LONG: "parcel/too-long", Usage, "The file holds more than a file may hold.", "Use several files, of up to 4000 users each.";
    EXISTS: "parcel/exists", Usage, "Something else is in the place of the file.", "Name another file with --out, or take that one away.";
    FILE: "parcel/file", Failed, "The file cannot be read or written.", "Check the path, its permissions and the space that is left.";
    SEAL: "parcel/seal", Failed, "The file could not be sealed.", "Run the command again; if it happens again, report it with the output of -vv.";
}

impl Advised for ParcelError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Recipient(_) => &RECIPIENT,
            Self::OtherStation => &OTHER_STATION,
            Self::Form(_) => &FORM,
            Self::TooLong => &TOO_LONG,
            Self::Exists(_) => &EXISTS,
            Self::File { .. } => &FILE,
            Self::Seal(_) => &SEAL,
        }
    }
}
