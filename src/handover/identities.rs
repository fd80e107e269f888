//! What opens sealed hand-overs: age identities and SSH private keys, from files.

use std::io::{BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use age::secrecy::SecretString;
use age::{Callbacks, ssh, x25519};
use zeroize::Zeroizing;

use crate::handover::HandOverError;

/// Longest identity file: an RSA key of 16,384 bits has 13 kB.
const LONGEST: u64 = 64 * 1024;

/// Asks for the passphrase of an SSH key; `None` if nobody answers.
pub type AskPassphrase = Arc<dyn Fn(&str) -> Option<Zeroizing<String>> + Send + Sync>;

#[derive(Clone)]
struct Passphrase(AskPassphrase);

impl Callbacks for Passphrase {
    fn display_message(&self, _message: &str) {}

    fn confirm(&self, _message: &str, _yes: &str, _no: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _description: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        (self.0)(description).map(|text| SecretString::from(text.to_string()))
    }
}

/// Reads an identity file: age identities one a line, or one SSH private key.
///
/// # Errors
/// [`HandOverError::Identity`], [`HandOverError::File`].
pub fn read(path: &Path, ask: &AskPassphrase) -> Result<Vec<Box<dyn age::Identity>>, HandOverError> {
    let fault = |reason: &str| HandOverError::Identity { path: path.to_owned(), reason: reason.to_owned() };
    // Room for all of it: a text that grows leaves a copy behind.
    let room = usize::try_from(LONGEST).unwrap_or(usize::MAX).saturating_add(64);
    let mut text = Zeroizing::new(String::with_capacity(room));
    let file = std::fs::File::open(path).map_err(|error| HandOverError::file(path, &error))?;
    file.take(LONGEST).read_to_string(&mut text).map_err(|_| fault("it is no text"))?;
    if text.contains("PRIVATE KEY-----") {
        let name = path.display().to_string();
        let key = ssh::Identity::from_buffer(BufReader::new(text.as_bytes()), Some(name))
            .map_err(|_| fault("it is no SSH private key"))?;
        if let ssh::Identity::Unsupported(_) = &key {
            return Err(fault("an SSH key of that kind cannot open it; ed25519 and rsa can"));
        }
        return Ok(vec![Box::new(key.with_callbacks(Passphrase(Arc::clone(ask))))]);
    }
    let mut found: Vec<Box<dyn age::Identity>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let identity: x25519::Identity = line.parse().map_err(|reason: &str| fault(reason))?;
        found.push(Box::new(identity));
    }
    if found.is_empty() { Err(fault("it is empty")) } else { Ok(found) }
}
