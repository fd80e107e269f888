//! Taking up an unfinished job: the journal says where it stopped, the key and the tenant say what is true.

use super::EnrolError;
use super::consent::EraseConsent;
use super::flow::{End, Enrolment, Finished, Freshness, Order, Stage, Then, Work};
use super::preflight::model_name;
use super::progress::{Phase, Progress};
use super::replug::{is_blank, same};
use super::stages::blank;
use crate::ctap::{Authenticator, Blank, CtapError, Failed, Look, Pinned, Sameness, Sealed, Status};
use crate::identity::{IdentityError, User};
use crate::ledger::{Intent, JobId, JobState, Outcome, Place};
use crate::ui::Event;
use crate::webauthn::CredentialId;

/// With fewer tries than this left no stored PIN is tried: the last ones belong to the key's user.
pub(super) const LEAST_RETRIES: u8 = 4;

/// The job's key as it was found, with its temporary PIN if that still works.
pub(super) enum Found {
    Blank(Blank),
    Pinned(Pinned),
    Sealed(Sealed),
    /// It has a PIN, but none of the job's.
    Foreign(Authenticator),
}

impl Enrolment<'_> {
    pub(super) fn resume_job(&mut self, id: JobId, user: User, order: &Order) -> Result<End, EnrolError> {
        let job = self.ledger.claim(id)?;
        self.same_place(&job)?;
        let progress = Progress::of(&self.ledger.entries(job.id)?);
        self.desk.tell(&Event::Resuming { job: job.id.0, upn: user.upn.clone(), state: progress.words().into() });
        let work = Work { id: job.id, model: "Security key".into(), order: job.order, user };
        let stage = match progress.phase {
            Phase::Untouched => {
                self.ledger.close(work.id, JobState::Ended)?;
                return self.start(work.user, order);
            }
            Phase::Registered(registration, method) => Stage::HandOver { registration, method: Some(method), pin: None },
            Phase::Deposited(registration) => Stage::HandOver { registration, method: None, pin: None },
            // It may have been on the way back when the last run ended: nobody agreed to a PIN that stays valid.
            Phase::Sealed(_) if !progress.forced && !work.order.unforced_pin_consent && !order.unforced_pin_agreed => {
                Stage::Undo(None, Then::Stop(EnrolError::UnforcedPinConsent))
            }
            Phase::RegisterUnsure(registration) => Stage::Register { key: None, registration, ask_first: true },
            // What was never sent cannot have arrived.
            Phase::Sealed(registration) => Stage::Register { key: None, registration, ask_first: progress.sent },
            phase => self.stage_with_key(&work, order, phase)?,
        };
        self.drive(&work, order, stage)
    }

    /// The stage for a phase that needs the key in hand.
    fn stage_with_key(&mut self, work: &Work, order: &Order, phase: Phase) -> Result<Stage, EnrolError> {
        if order.keyless {
            return Err(EnrolError::KeyNeeded { job: work.id, reason: None });
        }
        let found = self.found_key(work)?;
        let stage = match (found, phase) {
            (Found::Blank(blank), _) => Stage::SetPin(blank, Freshness::Claimed),
            (Found::Foreign(key), Phase::EraseUnsure | Phase::PinUnsure) => self.erase_again(work, order, key)?,
            (Found::Foreign(_), _) => return Err(EnrolError::PinUnknown(work.id)),
            (Found::Sealed(sealed), Phase::SealUnsure(registration)) => {
                // Read back now instead of then.
                let ticket = self.ledger.before(work.id, &Intent::Seal, None)?;
                self.ledger.after(ticket, &Outcome::Sealed { effective: true })?;
                Stage::Register { key: Some(Finished::Sealed(sealed)), registration, ask_first: false }
            }
            (Found::Sealed(sealed), _) => Stage::Undo(Some(Finished::Sealed(sealed)), Then::Remake),
            (Found::Pinned(pinned), Phase::Made(registration) | Phase::SealUnsure(registration))
                if self.desk.clock.now() < registration.expires =>
            {
                return Ok(Stage::Seal(pinned, registration));
            }
            (Found::Pinned(pinned), Phase::PinUnsure | Phase::PinSet | Phase::EraseUnsure | Phase::Blank) => {
                self.make_again(work, order, pinned)?
            }
            (Found::Pinned(pinned), _) => Stage::Clean(pinned, Then::Remake),
        };
        Ok(stage)
    }

    /// The tenant's rules may have changed since: they are checked again before the touch.
    fn make_again(&mut self, work: &Work, order: &Order, pinned: Pinned) -> Result<Stage, EnrolError> {
        let offer = self.tenant_allows(&work.user, pinned.info(), order)?;
        match self.no_strangers(order, pinned, Freshness::Claimed)? {
            Stage::Harden(pinned, _) => Ok(Stage::Harden(pinned, Some(offer))),
            other => Ok(other),
        }
    }

    /// The wipe was agreed to for this very key, but the key that is there has a PIN that this job did not set.
    fn erase_again(&mut self, work: &Work, order: &Order, key: Authenticator) -> Result<Stage, EnrolError> {
        let mut key = same(&self.desk, key, &work.order.key, Look::Later)?;
        let consent = EraseConsent::obtain(&self.desk, &mut key, order.erase_agreed)?;
        Ok(Stage::Erase(key, consent))
    }

    /// Finds the job's key. Where no serial number proves it, a temporary PIN that works does.
    pub(super) fn found_key(&mut self, work: &Work) -> Result<Found, EnrolError> {
        let mut key = self.desk.find_key_again(&work.order.key)?;
        if let Sameness::Different(rung) = key.identity()?.compare(&work.order.key, Look::Later) {
            return Err(EnrolError::WrongKey(Some(rung)));
        }
        self.desk.tell(&Event::KeyFound {
            name: model_name(&key),
            serial: work.order.key.shown_serial().map(Into::into),
            aaguid: work.order.key.aaguid.to_string(),
        });
        let Progress { phase, pins, .. } = Progress::of(&self.ledger.entries(work.id)?);
        if is_blank(&key) {
            let expected = matches!(phase, Phase::Untouched | Phase::EraseUnsure | Phase::Blank | Phase::PinUnsure);
            if !expected {
                // Somebody else wiped it, or it is another one out of the same box.
                key = same(&self.desk, key, &work.order.key, Look::Later)?;
            }
            return Ok(Found::Blank(blank(key)?));
        }
        if key.info().change_forced() {
            let key = same(&self.desk, key, &work.order.key, Look::Later)?;
            let pin = self.kept_pin(work.id, pins.last().copied())?;
            return Ok(Sealed::resume(key, pin).map_or_else(Found::Foreign, Found::Sealed));
        }
        if let Some(number) = pins.first().copied() {
            if key.pin_retries()?.left < LEAST_RETRIES {
                return Ok(Found::Foreign(key));
            }
            let pin = self.kept_pin(work.id, Some(number))?;
            return match Pinned::unlock(key, pin) {
                Ok(pinned) => Ok(Found::Pinned(pinned)),
                Err(Failed { state, error: CtapError::Status(Status::PIN_INVALID) }) => Ok(Found::Foreign(state)),
                Err(Failed { error, .. }) => Err(error.into()),
            };
        }
        Ok(Found::Foreign(key))
    }

    /// Ends a job that will not be finished. Its key has to be wiped before it is used again.
    ///
    /// # Errors
    /// [`EnrolError::KeyInJob`] if the tenant holds its passkey: that one has to be removed first.
    pub fn abandon(&mut self, id: JobId) -> Result<(), EnrolError> {
        let job = self.ledger.claim(id)?;
        self.same_tenant(&job)?;
        let Progress { phase, mut strays, .. } = Progress::of(&self.ledger.entries(id)?);
        match phase {
            Phase::Deposited(_) => self
                .desk
                .notice("another station may register its passkey: write its file anew, or remove the passkey in the tenant"),
            // Nothing was posted from here, and there is no tenant to ask.
            _ if job.order.place == Place::Make => {}
            Phase::Sealed(registration) | Phase::RegisterUnsure(registration) | Phase::Registered(registration, _) => {
                strays.push(registration.credential_id);
            }
            _ => {}
        }
        if !strays.is_empty() && self.holds_any(&job.order.user_id, &strays)? {
            return Err(EnrolError::KeyInJob { job: id, upn: job.order.upn });
        }
        Ok(self.ledger.close(id, JobState::Ended)?)
    }

    fn holds_any(&mut self, user: &str, passkeys: &[CredentialId]) -> Result<bool, EnrolError> {
        let user = match self.provider.user(user) {
            Ok(user) => user,
            // The passkeys of a user who is gone are gone as well.
            Err(IdentityError::UserUnknown(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        for passkey in passkeys {
            if self.provider.find(&user, passkey)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
