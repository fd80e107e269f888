//! Which passkey of a user a new one takes the place of.

use std::fmt;

use super::roster::Passkey;
use crate::identity::User;
use crate::identity::entra::{readings, stands_for};
use crate::ledger::{Intent, Ledger, LedgerError, Outcome};
use crate::webauthn::CredentialId;

/// Which passkey goes once the new one is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that was registered first.
    Oldest,
    /// The one that this ledger registered on the key with this serial number.
    Serial(String),
    /// The one with this id, in any spelling.
    Method(String),
}

impl From<&str> for Choice {
    fn from(text: &str) -> Self {
        match text.split_once(':') {
            _ if text.eq_ignore_ascii_case("oldest") => Self::Oldest,
            Some((word, serial)) if word.eq_ignore_ascii_case("serial") => Self::Serial(serial.trim().to_owned()),
            _ => Self::Method(text.to_owned()),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oldest => f.write_str("oldest"),
            Self::Serial(serial) => write!(f, "serial:{serial}"),
            Self::Method(id) => f.write_str(id),
        }
    }
}

impl Choice {
    /// The id of the one that is meant among a user's passkeys, which are given oldest first. `None` if it is none of them, or
    /// not one of them alone.
    pub(super) fn among(
        &self,
        passkeys: &[Passkey],
        user: &User,
        ledger: &mut dyn Ledger,
    ) -> Result<Option<String>, LedgerError> {
        let credentials = match self {
            Self::Oldest => {
                return Ok(passkeys.first().filter(|passkey| passkey.created.is_some()).map(|passkey| passkey.id.clone()));
            }
            Self::Method(id) if passkeys.iter().any(|passkey| passkey.id == *id) => return Ok(Some(id.clone())),
            Self::Method(id) => readings(id),
            Self::Serial(serial) => credentials_of(ledger, user, serial)?,
        };
        let fits = |passkey: &&Passkey| credentials.iter().any(|credential| stands_for(&passkey.id, credential));
        let mut fitting = passkeys.iter().filter(fits);
        Ok(match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only.id.clone()),
            _ => None,
        })
    }
}

/// Credentials that the ledger registered or gave away to be registered, or may have, for the user on the key with this serial
/// number.
///
/// # Errors
/// [`LedgerError`].
pub fn credentials_of(ledger: &mut dyn Ledger, user: &User, serial: &str) -> Result<Vec<CredentialId>, LedgerError> {
    let all = serials_of(ledger, user)?.into_iter();
    Ok(all.filter(|(_, on)| on.as_deref() == Some(serial)).map(|(credential, _)| credential).collect())
}

/// All such credentials of the user, each with the serial number of its key.
///
/// # Errors
/// [`LedgerError`].
pub fn serials_of(ledger: &mut dyn Ledger, user: &User) -> Result<Vec<(CredentialId, Option<String>)>, LedgerError> {
    let mut credentials = Vec::new();
    for job in ledger.jobs_of_user(&user.id, None)? {
        let posted = ledger.entries(job.id)?.into_iter().filter_map(|entry| match (entry.intent, entry.outcome) {
            (Intent::Register { .. }, Some(Outcome::Failed { .. })) => None,
            (Intent::Register { registration } | Intent::Deposit { registration }, _) => Some(registration.credential_id),
            _ => None,
        });
        credentials.extend(posted.map(|credential| (credential, job.order.key.shown_serial().map(ToOwned::to_owned))));
    }
    Ok(credentials)
}
