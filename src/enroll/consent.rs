//! Agreement as a value: without one of these nothing is wiped and no lasting PIN is handed out.

use super::desk::{Desk, link_line};
use super::error::EnrolError;
use crate::ctap::{Authenticator, KeyIdentity};
use crate::ledger::Intent;
use crate::ui::{Answer, Question};

/// Somebody agreed to lose what this very key holds, or there is nothing to lose. A reset goes to no other key.
#[derive(Debug)]
pub struct EraseConsent {
    key: KeyIdentity,
    loss: String,
    how: &'static str,
}

impl EraseConsent {
    /// Asks, unless it was agreed on the command line or there is nothing to lose.
    ///
    /// # Errors
    /// [`EnrolError::EraseConsent`] if the answer is no or nobody is there to ask.
    pub fn obtain(desk: &Desk<'_>, key: &mut Authenticator, agreed: bool) -> Result<Self, EnrolError> {
        match loss(key) {
            None => Ok(Self { key: key.identity()?, loss: "nothing".into(), how: "nothing to lose" }),
            Some(loss) => Self::ask(desk, key, loss, agreed),
        }
    }

    /// As [`EraseConsent::obtain`], with a loss that is known already.
    ///
    /// # Errors
    /// [`EnrolError::EraseConsent`].
    pub(super) fn ask(desk: &Desk<'_>, key: &mut Authenticator, loss: String, agreed: bool) -> Result<Self, EnrolError> {
        let identity = key.identity()?;
        if agreed {
            return Ok(Self { key: identity, loss, how: "--yes" });
        }
        match desk.ui.ask(&Question::EraseKey { key: link_line(key.link()), loss: loss.clone() }) {
            Some(Answer::Yes) => Ok(Self { key: identity, loss, how: "asked" }),
            Some(Answer::No) | None => Err(EnrolError::EraseConsent(loss)),
        }
    }

    /// For a job's key that holds nothing but what this very job put there.
    pub(super) fn own_work(key: &KeyIdentity) -> Self {
        Self { key: key.clone(), loss: "what this job put on it".into(), how: "own work" }
    }

    /// The key that it was given for.
    pub(super) fn key(&self) -> &KeyIdentity {
        &self.key
    }

    /// The journal row.
    pub(super) fn intent(&self) -> Intent {
        Intent::Erase { loss: self.loss.clone(), consent: self.how.into() }
    }
}

fn loss(key: &Authenticator) -> Option<String> {
    let info = key.info();
    let verified_user = info.client_pin() == Some(true) || info.option("uv") == Some(true);
    verified_user.then(|| "its PIN and every passkey on it".into())
}

/// Somebody agreed that staff will know a PIN that stays valid.
#[derive(Debug)]
pub(super) struct UnforcedPinConsent(());

impl UnforcedPinConsent {
    pub(super) fn obtain(desk: &Desk<'_>, key: &Authenticator, agreed: bool) -> Result<Self, EnrolError> {
        if agreed {
            return Ok(Self(()));
        }
        match desk.ui.ask(&Question::UnforcedPin { key: link_line(key.link()) }) {
            Some(Answer::Yes) => Ok(Self(())),
            Some(Answer::No) | None => Err(EnrolError::UnforcedPinConsent),
        }
    }
}
