//! The states an authenticator goes through while it is provisioned, as types: what a state does not allow cannot be
//! written down.

use std::fmt;

use crate::ctap::commands::{MinPinLength, Setting};
use crate::ctap::{Authenticator, Config, CredentialManagement, CtapError, Feature, GetAssertion, Info, MakeCredential};
use crate::ctap::{Permission, PinToken, Status};
use crate::secret::Pin;

/// A step that did not succeed: the state before it, and why.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failed<S> {
    /// The state, unchanged as far as anybody knows.
    pub state: S,
    /// Why.
    pub error: CtapError,
}

/// An authenticator without a PIN.
#[derive(Debug)]
pub struct Blank(Authenticator);

/// An authenticator whose PIN is set and known, and may be used.
pub struct Pinned {
    authenticator: Authenticator,
    pin: Pin,
}

/// An authenticator that wants its PIN changed: no token can be had any more. The PIN is known.
pub struct Sealed {
    authenticator: Authenticator,
    pin: Pin,
}

/// How sealing ended.
#[derive(Debug)]
pub enum SealOutcome {
    /// getInfo shows that the PIN has to be changed.
    Sealed(Sealed),
    /// This model cannot force a PIN change. Nothing was changed.
    NotSupported(Pinned),
}

/// The state after the PIN rules were changed: a minimum longer than the PIN forces a change by itself.
#[derive(Debug)]
pub enum Ruled {
    /// The PIN may still be used.
    Pinned(Pinned),
    /// The PIN has to be changed.
    Sealed(Sealed),
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pinned").field(&self.authenticator).finish()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sealed").field(&self.authenticator).finish()
    }
}

#[cfg(test)]
impl Pinned {
    /// One whose PIN was never asked for.
    pub(crate) fn played(authenticator: Authenticator) -> Self {
        let pin = Pin::new(zeroize::Zeroizing::new("24681357".into())).unwrap();
        Self { authenticator, pin }
    }
}

impl Blank {
    /// Takes an authenticator over that can have a PIN and has none.
    ///
    /// # Errors
    /// The authenticator, if it has a PIN or cannot have one.
    #[expect(clippy::result_large_err, reason = "the authenticator is handed back, not an error")]
    pub fn new(authenticator: Authenticator) -> Result<Self, Authenticator> {
        if authenticator.info().client_pin() == Some(false) { Ok(Self(authenticator)) } else { Err(authenticator) }
    }

    /// Sets the first PIN. Status 0x37 ([`Status::PIN_POLICY_VIOLATION`]) asks for another one.
    ///
    /// # Errors
    /// The state and why; the PIN is dropped. After a link error nobody knows whether it was set; [`CtapError::NotReadBack`]: it was.
    #[expect(clippy::result_large_err, reason = "the state is handed back")]
    pub fn set_pin(mut self, pin: Pin) -> Result<Pinned, Failed<Self>> {
        match self.0.send_set_pin(&pin).and_then(|()| self.0.read_back().map(|_| ())) {
            Ok(()) => Ok(Pinned { authenticator: self.0, pin }),
            Err(error) => Err(Failed { state: self, error }),
        }
    }

    /// Changes a setting. Without a PIN no proof is needed, unless the authenticator always wants user verification.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn configure(&mut self, setting: &Setting) -> Result<(), CtapError> {
        self.0.send_setting(None, setting)
    }

    /// Changes the rules for PINs.
    ///
    /// # Errors
    /// [`CtapError`]; the minimum can only grow.
    pub fn set_min_pin_length(&mut self, rules: &MinPinLength) -> Result<(), CtapError> {
        self.0.send_min_pin_length(None, rules)
    }

    /// What getInfo last said.
    pub const fn info(&self) -> &Info {
        self.0.info()
    }

    /// The authenticator alone.
    pub fn into_authenticator(self) -> Authenticator {
        self.0
    }
}

impl Pinned {
    /// Tries the PIN, once: a wrong one costs one of the tries.
    ///
    /// # Errors
    /// The authenticator and why: [`CtapError::ChangeForced`] if the PIN has to be changed first, which is found
    /// out without a try where the authenticator says so.
    #[expect(clippy::result_large_err, reason = "the authenticator is handed back")]
    pub fn unlock(mut authenticator: Authenticator, pin: Pin) -> Result<Self, Failed<Authenticator>> {
        match authenticator.try_pin(&pin) {
            Ok(()) => Ok(Self { authenticator, pin }),
            Err(error) => Err(Failed { state: authenticator, error }),
        }
    }

    /// The PIN.
    pub const fn pin(&self) -> &Pin {
        &self.pin
    }

    /// What getInfo last said.
    pub const fn info(&self) -> &Info {
        self.authenticator.info()
    }

    /// The authenticator, for what needs no PIN.
    pub const fn authenticator(&mut self) -> &mut Authenticator {
        &mut self.authenticator
    }

    /// The authenticator alone; the PIN is forgotten.
    pub fn into_authenticator(self) -> Authenticator {
        self.authenticator
    }

    /// The PIN alone; the link is closed.
    pub fn into_pin(self) -> Pin {
        self.pin
    }

    /// A token for making one credential for `rp_id`.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn token_for_make(&mut self, rp_id: &str) -> Result<PinToken<MakeCredential>, CtapError> {
        self.token(Some(rp_id))
    }

    /// A token for one assertion for `rp_id`.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn token_for_assertion(&mut self, rp_id: &str) -> Result<PinToken<GetAssertion>, CtapError> {
        self.token(Some(rp_id))
    }

    /// A token for managing credentials.
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] if this model cannot list its credentials.
    pub fn token_for_credentials(&mut self) -> Result<PinToken<CredentialManagement>, CtapError> {
        if !self.info().can_manage_credentials() {
            return Err(CtapError::Unsupported(Feature::CredentialManagement));
        }
        self.token(None)
    }

    /// A token for authenticatorConfig. Ask [`Info::can_force_pin_change`] before one for [`seal`](Self::seal).
    ///
    /// # Errors
    /// [`CtapError::Unsupported`] if this model cannot be configured.
    pub fn token_for_config(&mut self) -> Result<PinToken<Config>, CtapError> {
        if !self.info().can_configure() {
            return Err(CtapError::Unsupported(Feature::Config));
        }
        self.token(None)
    }

    pub(crate) fn token<P: Permission>(&mut self, rp_id: Option<&str>) -> Result<PinToken<P>, CtapError> {
        self.authenticator.pin_token(&self.pin, rp_id)
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// [`CtapError`].
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn configure(&mut self, token: PinToken<Config>, setting: &Setting) -> Result<(), CtapError> {
        let first = self.authenticator.send_setting(Some(&token), setting);
        self.or_under_the_other_protocol(first, &token, |state| {
            let token = state.token_for_config()?;
            state.authenticator.send_setting(Some(&token), setting)
        })
    }

    /// Changes the rules for PINs.
    ///
    /// # Errors
    /// The state and why.
    #[expect(clippy::result_large_err, reason = "the state is handed back")]
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn set_min_pin_length(mut self, token: PinToken<Config>, rules: &MinPinLength) -> Result<Ruled, Failed<Self>> {
        match self.send_rules(&token, rules) {
            Ok(()) if !self.info().change_forced() && rules.force_change => {
                Err(Failed { state: self, error: CtapError::NotForced })
            }
            Ok(()) => Ok(self.ruled()),
            Err(error) => Err(Failed { state: self, error }),
        }
    }

    /// The state that getInfo shows after a change of the settings.
    pub(crate) fn ruled(self) -> Ruled {
        if self.info().change_forced() { Ruled::Sealed(self.into_sealed()) } else { Ruled::Pinned(self) }
    }

    /// Makes the authenticator ask for a new PIN before anything else, and makes sure that it does.
    ///
    /// # Errors
    /// The state and why: [`CtapError::NotForced`] if getInfo does not show what was accepted.
    #[expect(clippy::result_large_err, reason = "the state is handed back")]
    pub fn seal(self, token: PinToken<Config>) -> Result<SealOutcome, Failed<Self>> {
        if !self.info().can_force_pin_change() {
            return Ok(SealOutcome::NotSupported(self));
        }
        let force = MinPinLength { force_change: true, ..MinPinLength::default() };
        match self.set_min_pin_length(token, &force) {
            Ok(Ruled::Sealed(sealed)) => Ok(SealOutcome::Sealed(sealed)),
            Ok(Ruled::Pinned(state)) => Err(Failed { state, error: CtapError::NotForced }),
            Err(failed) if refuses_the_command(&failed.error) => Ok(SealOutcome::NotSupported(failed.state)),
            Err(failed) => Err(failed),
        }
    }

    fn send_rules(&mut self, token: &PinToken<Config>, rules: &MinPinLength) -> Result<(), CtapError> {
        let first = self.authenticator.send_min_pin_length(Some(token), rules);
        self.or_under_the_other_protocol(first, token, |state| {
            let token = state.token_for_config()?;
            state.authenticator.send_min_pin_length(Some(&token), rules)
        })
    }

    /// The first result, or that of `again` if a fresh token was refused and another PIN protocol may do better.
    pub(crate) fn or_under_the_other_protocol<P: Permission, T>(
        &mut self,
        first: Result<T, CtapError>,
        token: &PinToken<P>,
        again: impl FnOnce(&mut Self) -> Result<T, CtapError>,
    ) -> Result<T, CtapError> {
        let error = match first {
            Err(error) if error.is(Status::PIN_AUTH_INVALID) => error,
            result => return result,
        };
        if !self.authenticator.distrust(token.protocol()) {
            return Err(error);
        }
        let second = again(self);
        if second.is_err() {
            self.authenticator.proven = None;
        }
        second
    }

    fn into_sealed(self) -> Sealed {
        Sealed { authenticator: self.authenticator, pin: self.pin }
    }
}

impl Sealed {
    /// Takes an authenticator over that asks for a PIN change and whose PIN is known from before. The PIN is not tried.
    ///
    /// # Errors
    /// The authenticator, if it does not ask for a PIN change.
    #[expect(clippy::result_large_err, reason = "the authenticator is handed back, not an error")]
    pub fn resume(authenticator: Authenticator, pin: Pin) -> Result<Self, Authenticator> {
        if authenticator.info().change_forced() { Ok(Self { authenticator, pin }) } else { Err(authenticator) }
    }

    /// Tries that are left for the PIN.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn retries(&mut self) -> Result<u8, CtapError> {
        Ok(self.authenticator.pin_retries()?.left)
    }

    /// The PIN that has to be changed.
    pub const fn pin(&self) -> &Pin {
        &self.pin
    }

    /// What getInfo last said.
    pub const fn info(&self) -> &Info {
        self.authenticator.info()
    }

    /// The authenticator alone; the PIN is forgotten.
    pub fn into_authenticator(self) -> Authenticator {
        self.authenticator
    }

    /// The PIN alone; the link is closed.
    pub fn into_pin(self) -> Pin {
        self.pin
    }

    /// Changes the PIN, which ends the state.
    ///
    /// # Errors
    /// The state and why. [`CtapError::StillForced`]: the PIN was changed, and the state carries the new one.
    #[expect(clippy::result_large_err, reason = "the state is handed back")]
    pub fn replace_pin(mut self, new: Pin) -> Result<Pinned, Failed<Self>> {
        if let Err(error) = self.authenticator.change_pin(&self.pin, &new) {
            return Err(Failed { state: self, error });
        }
        self.pin = new;
        match self.authenticator.read_back() {
            Ok(info) if !info.change_forced() => Ok(Pinned { authenticator: self.authenticator, pin: self.pin }),
            Ok(_) => Err(Failed { state: self, error: CtapError::StillForced }),
            Err(error) => Err(Failed { state: self, error }),
        }
    }
}

/// Whether an authenticator that announces setMinPINLength turns out not to have it.
fn refuses_the_command(error: &CtapError) -> bool {
    [Status::INVALID_COMMAND, Status::INVALID_SUBCOMMAND, Status::UNSUPPORTED_OPTION].into_iter().any(|status| error.is(status))
        || *error == CtapError::Unsupported(Feature::MinPinLength)
}
