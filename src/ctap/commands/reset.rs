//! authenticatorReset (CTAP 2.3 section 6.6).

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
        self.read_back()?;
        Ok(())
    }
}
