//! authenticatorReset and authenticatorSelection (CTAP 2.3 sections 6.6 and 6.9).

use std::time::Duration;

use crate::ctap::cbor::Map;
use crate::ctap::commands::Command;
use crate::ctap::{Authenticator, CtapError, Feature, Status};

/// Longer than any authenticator waits for a touch before it gives up by itself.
const TOUCH: Duration = Duration::from_secs(40);

impl Authenticator {
    /// Wipes the authenticator: every credential, the PIN, every setting. It wants a touch, within seconds of being
    /// powered.
    ///
    /// # Errors
    /// [`CtapError::ResetWindowMissed`] if it came too late. After a link error nobody knows: ask getInfo.
    pub fn reset(&mut self) -> Result<(), CtapError> {
        let kind = self.link().kind;
        if !self.info().resets_over(kind) {
            return Err(CtapError::Unsupported(Feature::ResetOver(kind)));
        }
        match self.call(Command::Reset, &Map::new(), TOUCH) {
            Err(error) if error.is(Status::NOT_ALLOWED) => return Err(CtapError::ResetWindowMissed),
            result => result?,
        };
        self.proven = None;
        self.refresh()?;
        Ok(())
    }

    /// Waits for a touch, so that a person can say which of several keys is meant.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] before CTAP 2.1.
    pub fn selection(&mut self) -> Result<(), CtapError> {
        let old = ["U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE"];
        if self.info().versions.iter().all(|version| old.contains(&version.as_str())) {
            return Err(CtapError::Unsupported(Feature::Selection));
        }
        self.call(Command::Selection, &Map::new(), TOUCH).map(|_| ())
    }
}
