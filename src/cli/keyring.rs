//! The keyring of the operating system: Keychain, Credential Manager, Secret Service.

use keyring::{Entry, Error};
use zeroize::Zeroizing;

use crate::identity::entra::Vault;
use crate::secret::SecretText;

const SERVICE: &str = "keywright";

/// The keyring of whoever runs the program.
#[derive(Debug)]
pub(super) struct SystemKeyring;

/// Whether one answers.
///
/// # Errors
/// Why not, in the system's words.
pub(super) fn status() -> Result<(), String> {
    SystemKeyring::entry("doctor").map(|_| ())
}

impl SystemKeyring {
    fn entry(name: &str) -> Result<Entry, String> {
        if let Err(error) = Entry::store_status() {
            return Err(format!("no keyring answers ({error})"));
        }
        Entry::new(SERVICE, name).map_err(words)
    }
}

impl Vault for SystemKeyring {
    fn load(&mut self, name: &str) -> Result<Option<SecretText>, String> {
        match Self::entry(name)?.get_secret().map(Zeroizing::new) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().map(SecretText::new)),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(words(error)),
        }
    }

    fn keep(&mut self, name: &str, secret: &SecretText) -> Result<(), String> {
        // As bytes: as text it would take twice the room on Windows, where there is little.
        Self::entry(name)?.set_secret(secret.expose().as_bytes()).map_err(words)
    }

    fn remove(&mut self, name: &str) -> Result<(), String> {
        let Ok(entry) = Self::entry(name) else { return Ok(()) };
        match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(words(error)),
        }
    }
}

/// What went wrong, without what the error carries along: that may be the secret.
fn words(error: Error) -> String {
    match error {
        Error::BadEncoding(_) | Error::BadDataFormat(..) => "what it holds is damaged".into(),
        Error::Ambiguous(_) => "it holds more than one entry of keywright for this tenant".into(),
        other => other.to_string(),
    }
}
