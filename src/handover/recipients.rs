//! Whom a PIN is sealed for: age recipients and SSH public keys.

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::str::FromStr;

use age::{ssh, x25519};

use crate::handover::HandOverError;

/// Longest file of recipients.
const LONGEST: u64 = 256 * 1024;
/// Most recipients of one seal.
const MOST: usize = 100;

/// Somebody who opens sealed hand-overs: a manager, a personnel department, a safe.
#[derive(Clone)]
pub struct SealTo(Kind);

#[derive(Clone)]
enum Kind {
    X25519(x25519::Recipient),
    Ssh(ssh::Recipient),
}

impl SealTo {
    /// As age takes it.
    pub(super) fn recipient(&self) -> &dyn age::Recipient {
        match &self.0 {
            Kind::X25519(recipient) => recipient,
            Kind::Ssh(recipient) => recipient,
        }
    }

    /// Reads what was given: recipients themselves, or files with one a line (empty lines and `#` comments are left out).
    ///
    /// # Errors
    /// [`HandOverError::Recipient`], [`HandOverError::File`].
    pub fn read_all<'a>(given: impl IntoIterator<Item = &'a str>) -> Result<Vec<Self>, HandOverError> {
        let mut found = Vec::new();
        for text in given {
            match text.parse() {
                Ok(recipient) => found.push(recipient),
                Err(_) if Path::new(text).is_file() => read_file(Path::new(text), &mut found)?,
                Err(error) => return Err(error),
            }
        }
        if found.len() > MOST {
            return Err(HandOverError::Recipient { shown: "the list".into(), reason: format!("it has more than {MOST}") });
        }
        Ok(found)
    }
}

fn read_file(path: &Path, found: &mut Vec<SealTo>) -> Result<(), HandOverError> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.map_err(|error| HandOverError::file(path, &error))?;
    let before = found.len();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        found.push(line.parse()?);
    }
    if found.len() == before {
        return Err(HandOverError::File { path: path.to_owned(), reason: "it names no recipient".into() });
    }
    Ok(())
}

impl FromStr for SealTo {
    type Err = HandOverError;

    fn from_str(text: &str) -> Result<Self, HandOverError> {
        let text = text.trim();
        let fault = |reason: &str| HandOverError::Recipient { shown: beginning(text), reason: reason.to_owned() };
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY") || text.contains("PRIVATE KEY") {
            let shown = "what was given".to_owned();
            return Err(HandOverError::Recipient { shown, reason: "it is the secret half, which nobody should see".into() });
        }
        if text.starts_with("ssh-") {
            return text.parse().map(Kind::Ssh).map(Self).map_err(|error| match error {
                ssh::ParseRecipientKeyError::RsaModulusTooLarge => fault("its RSA modulus is too large"),
                ssh::ParseRecipientKeyError::RsaModulusTooSmall => fault("its RSA modulus is too small"),
                _ => fault("it is no SSH public key of kind ed25519 or rsa"),
            });
        }
        text.parse().map(Kind::X25519).map(Self).map_err(fault)
    }
}

/// Enough to tell which one is meant.
fn beginning(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(24).collect();
    if shown.len() < text.len() { format!("{shown}…") } else { shown }
}

impl fmt::Display for SealTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::X25519(recipient) => recipient.fmt(f),
            Kind::Ssh(recipient) => recipient.fmt(f),
        }
    }
}

impl fmt::Debug for SealTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const SSH: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@rust";

    #[test]
    fn recipients_are_read_from_words_and_files() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("recipients.txt");
        std::fs::write(&path, format!("# a safe\n\n{AGE}\r\n  {SSH}\n")).unwrap();
        let found = SealTo::read_all([AGE, path.to_str().unwrap()]).unwrap();
        let kinds: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!((kinds.len(), kinds[0].as_str(), kinds[1].as_str()), (3, AGE, AGE));
        assert!(kinds[2].starts_with("ssh-ed25519 "));
        std::fs::write(&path, "# nobody\n").unwrap();
        assert!(matches!(SealTo::read_all([path.to_str().unwrap()]), Err(HandOverError::File { .. })));
    }

    #[test]
    fn what_is_no_recipient_is_told_without_a_secret() {
        let secret = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
        for text in ["", "age1", &AGE[..40], "ssh-dss AAAA", "ssh-rsa AAAA", "nobody@contoso.example", secret, "a\u{1b}[2J"] {
            let error = text.parse::<SealTo>().unwrap_err().to_string();
            assert!(!error.contains("GFPYY") && !error.contains('\u{1b}'), "{error}");
        }
    }
}
