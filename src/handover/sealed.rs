//! PINs sealed with age for people who are not here: one armored file a hand-over, which this station cannot open again.
//! `keywright pins open` shows it elsewhere, and so does `age --decrypt`.
//!
//! The content is one JSON object, filled up with spaces to a multiple of 512 bytes, so that the length of a file tells
//! nothing of a PIN.

use std::fmt;
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::Path;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Decryptor, Encryptor};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::tray::Tray;
use crate::enroll::{Confirmation, Delivery, HandOver, Handing, NotDelivered};
use crate::handover::{HandOverError, SealTo};
use crate::identity::User;
use crate::secret::Pin;

/// What a content is filled up to a multiple of.
const BLOCK: usize = 512;
/// Longest content, and the room that is reserved for it, so that it is never moved and leaves no copy behind.
const ROOM: usize = 8 * 1024;
/// Longest sealed file: a hundred recipients with RSA keys, armored.
const MOST_SEALED: u64 = 256 * 1024;

/// The content of a sealed hand-over, its PIN aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Version of this form.
    pub keywright: u8,
    /// Number of the job in the ledger that it comes from.
    pub job: i64,
    /// User principal name.
    pub upn: String,
    /// Name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Model of the key.
    pub model: String,
    /// Its serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// Name of the passkey in the tenant.
    pub passkey_name: String,
    /// The key refuses to sign in until the PIN is changed.
    pub pin_must_be_changed: bool,
    /// When it was sealed.
    pub sealed: jiff::Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    #[serde(flatten)]
    content: &'a Content,
    temporary_pin: &'a str,
}

/// Seals PINs into a directory.
#[derive(Debug)]
pub struct Sealed {
    recipients: Vec<SealTo>,
    tray: Tray,
}

impl Sealed {
    /// For these recipients, into this directory. Both are checked now.
    ///
    /// # Errors
    /// [`HandOverError::Recipient`], [`HandOverError::File`].
    pub fn new(recipients: Vec<SealTo>, directory: &Path) -> Result<Self, HandOverError> {
        // A seal that nobody opens finds out what age says of the recipients together.
        armored(&recipients, &[])?;
        Ok(Self { recipients, tray: Tray::open(directory)? })
    }
}

impl HandOver for Sealed {
    fn means(&self) -> &'static str {
        "sealed"
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::ByItself
    }

    fn check(&mut self, _user: &User) -> Result<(), NotDelivered> {
        Ok(())
    }

    fn deliver(&mut self, handing: &Handing<'_>) -> Result<Delivery, NotDelivered> {
        let content = Content {
            keywright: 1,
            job: handing.job.0,
            upn: handing.summary.upn.clone(),
            name: handing.user.display_name.clone(),
            model: handing.summary.model.clone(),
            serial: handing.summary.serial.clone(),
            passkey_name: handing.summary.display_name.clone(),
            pin_must_be_changed: handing.summary.pin_change_forced,
            sealed: handing.now,
        };
        let put = || {
            let file = seal(&self.recipients, &content, handing.pin)?;
            self.tray.put(handing.job, "pin", "age", &file)
        };
        put().map(Some).map(Delivery::Put).map_err(|error| NotDelivered::by(&error))
    }
}

/// Seals a PIN with what its recipients have to know.
///
/// # Errors
/// [`HandOverError::Seal`].
pub fn seal(recipients: &[SealTo], content: &Content, pin: &Pin) -> Result<Vec<u8>, HandOverError> {
    let mut plain = Zeroizing::new(Vec::with_capacity(ROOM));
    serde_json::to_writer_pretty(&mut *plain, &Whole { content, temporary_pin: pin.expose() })
        .map_err(|error| HandOverError::Seal(error.to_string()))?;
    plain.push(b'\n');
    let filled = plain.len().checked_next_multiple_of(BLOCK).filter(|length| *length <= ROOM);
    let filled = filled.ok_or_else(|| HandOverError::Seal("there is too much to say".into()))?;
    plain.resize(filled, b' ');
    let file = armored(recipients, &plain);
    // As with the safe: age leaves the content in buffers that it frees, so the same calls write a blank over it.
    armored(recipients, &Zeroizing::new(vec![b' '; filled]))?;
    file
}

#[inline(never)]
fn armored(recipients: &[SealTo], plain: &[u8]) -> Result<Vec<u8>, HandOverError> {
    let encryptor = Encryptor::with_recipients(recipients.iter().map(SealTo::recipient))
        .map_err(|error| HandOverError::Recipient { shown: "the list".into(), reason: error.to_string() })?;
    let write = || -> io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(plain)?;
        writer.finish()?.finish()
    };
    write().map_err(|error| HandOverError::Seal(error.to_string()))
}

/// A sealed hand-over that was opened.
#[expect(missing_debug_implementations, reason = "it holds a PIN")]
pub struct Opened {
    /// What it says.
    pub content: Content,
    /// The PIN.
    pub pin: Pin,
}

/// Borrowed from the buffer that is wiped: what keywright draws needs no escapes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    temporary_pin: &'a str,
}

/// Opens a sealed hand-over, armored or not.
///
/// # Errors
/// [`HandOverError::File`], [`HandOverError::Form`], [`HandOverError::OtherRecipient`].
pub fn open(path: &Path, identities: &[Box<dyn age::Identity>]) -> Result<Opened, HandOverError> {
    let form = |reason| HandOverError::Form { path: path.to_owned(), reason };
    let file = std::fs::File::open(path).map_err(|error| HandOverError::file(path, &error))?;
    let armored = ArmoredReader::new(BufReader::new(file.take(MOST_SEALED)));
    let decryptor = Decryptor::new_buffered(BufReader::new(armored)).map_err(|_| form("it is none, or damaged"))?;
    let identities = identities.iter().map(|identity| -> &dyn age::Identity { &**identity });
    let mut reader = decryptor.decrypt(identities).map_err(|error| match error {
        age::DecryptError::NoMatchingKeys | age::DecryptError::KeyDecryptionFailed => {
            HandOverError::OtherRecipient(path.to_owned())
        }
        _ => form("it is damaged"),
    })?;
    let mut plain = Zeroizing::new(vec![0_u8; ROOM]);
    let mut length = 0_usize;
    while let Some(room) = plain.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room).map_err(|_| form("it is damaged"))? {
            0 => break,
            more => length = length.saturating_add(more),
        }
    }
    if length >= ROOM {
        return Err(form("it is too long"));
    }
    let plain = plain.get(..length).unwrap_or_default();
    // The reader's own words may quote what it read.
    let content: Content = serde_json::from_slice(plain).map_err(|_| form("its content is none that this keywright knows"))?;
    let secret: Secret = serde_json::from_slice(plain).map_err(|_| form("it holds no PIN"))?;
    if content.keywright != 1 {
        return Err(form("it was made by a newer keywright"));
    }
    let pin = Pin::new(Zeroizing::new(secret.temporary_pin.to_owned())).map_err(|_| form("it holds no PIN"))?;
    Ok(Opened { content, pin })
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} of {}", self.job, self.upn)
    }
}
