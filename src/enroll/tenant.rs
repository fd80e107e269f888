//! The stages that change the tenant: register and ask back, undo what was refused, hand over.

use super::EnrolError;
use super::flow::{Enrolment, Finished, Order, Stage, Then, Work};
use super::held::summary_of;
use super::outcome::outcome_of;
use super::progress::{Phase, Progress};
use super::replug::is_blank;
use super::resume::Found;
use crate::ctap::{KeyIdentity, Look, Pinned, Sameness};
use crate::identity::{IdentityError, KeyModel, LOOK_STEP, LOOKS, Method, Preflight, RegisterError, Registration, User};
use crate::ledger::{Intent, JobId, Outcome, Place};
use crate::secret::Pin;
use crate::ui::{Step, Summary};
use crate::webauthn::{AttestationObject, CredentialId};

/// POSTs of one registration, the ones whose outcome was unknown and found missing included.
const POSTS: u8 = 2;
const REMOVE_IT: &str = "no key has it any more: remove it with `keywright passkeys remove`";

impl Enrolment<'_> {
    pub(super) fn register(
        &mut self,
        work: &Work,
        key: Option<Finished>,
        registration: Registration,
        mut ask_first: bool,
    ) -> Result<Stage, EnrolError> {
        self.begins(Step::Register);
        for posts_left in (0..=POSTS).rev() {
            let ticket = self.ledger.before(work.id, &Intent::Register { registration: registration.clone() }, None)?;
            let looks = if ask_first { LOOKS } else { 0 };
            let answer = match self.look_for(&work.user, &registration.credential_id, looks) {
                Ok(Some(method)) => Ok(method),
                Err(error) => return Err(self.record_failure(ticket, RegisterError::Unknown(error).into())),
                Ok(None) if posts_left == 0 => {
                    let lost = IdentityError::Network("every answer was lost".into());
                    return Err(self.record_failure(ticket, RegisterError::Unknown(lost).into()));
                }
                Ok(None) if self.desk.clock.now() >= registration.expires => {
                    self.record_failure(ticket, EnrolError::StaleChallenge);
                    return Ok(self.expired(work, key));
                }
                Ok(None) if key.is_none() && work.order.place == Place::Here && self.was_wiped(work) => {
                    self.record_failure(ticket, EnrolError::PinUnknown(work.id));
                    self.desk.notice("somebody has wiped the key since: the passkey is made anew");
                    return Ok(Stage::Undo(None, Then::Remake));
                }
                Ok(None) => self.provider.register(&work.user, &registration),
            };
            match answer {
                Ok(method) => {
                    self.ledger.after(ticket, &Outcome::Registered { method: method.id.clone() })?;
                    return Ok(self.registered(key, registration, method.id));
                }
                Err(RegisterError::Unknown(error)) => {
                    self.desk.notice(format!("the answer was lost ({error}): asking whether the passkey arrived"));
                    self.record_failure(ticket, RegisterError::Unknown(error).into());
                    ask_first = true;
                }
                Err(RegisterError::Refused(error)) => {
                    self.record_failure(ticket, RegisterError::Refused(error.clone()).into());
                    return self.refused(work, key, registration, error, looks);
                }
            }
        }
        Err(EnrolError::NotReadBack)
    }

    /// Whether the job's key is there and holds nothing any more. One that is elsewhere is taken to be as it was.
    pub(super) fn was_wiped(&mut self, work: &Work) -> bool {
        let links = self.desk.bus.links().unwrap_or_default();
        links.iter().any(|link| {
            let Ok(mut key) = self.desk.open(link) else { return false };
            let same = |now: KeyIdentity| matches!(now.compare(&work.order.key, Look::Later), Sameness::Same(_));
            is_blank(&key) && key.identity().is_ok_and(same)
        })
    }

    pub(super) fn expired(&self, work: &Work, key: Option<Finished>) -> Stage {
        if work.order.place != Place::Register {
            self.desk.notice("the challenge ran out before the registration: the passkey is made anew");
        }
        Stage::Undo(key, Then::Remake)
    }

    /// A refusal is final for this passkey, unless it is about the sign-in or the moment, or the tenant holds it after all.
    fn refused(
        &mut self,
        work: &Work,
        key: Option<Finished>,
        registration: Registration,
        error: IdentityError,
        looks: u8,
    ) -> Result<Stage, EnrolError> {
        if passing(&error) {
            return Err(RegisterError::Refused(error).into());
        }
        let found = match self.look_for(&work.user, &registration.credential_id, looks.max(1)) {
            // Who may not list may still be believed a plain refusal, as long as no answer was lost before it.
            Err(IdentityError::Forbidden(_)) if looks == 0 => None,
            other => other?,
        };
        if let Some(method) = found {
            let intent = Intent::Register { registration: registration.clone() };
            let ticket = self.ledger.before(work.id, &intent, None)?;
            self.ledger.after(ticket, &Outcome::Registered { method: method.id.clone() })?;
            return Ok(self.registered(key, registration, method.id));
        }
        if self.desk.clock.now() >= registration.expires {
            return Ok(self.expired(work, key));
        }
        if work.order.place == Place::Here {
            self.desk.notice(format!("the tenant refused the passkey ({error}): it is removed from the key"));
        }
        let reason = self.reason(work, &registration, error);
        Ok(Stage::Undo(key, Then::Stop(reason)))
    }

    /// Reads the tenant's rules once more: a refusal says nothing of them, and they may have changed since the preflight.
    fn reason(&mut self, work: &Work, registration: &Registration, error: IdentityError) -> EnrolError {
        if !matches!(error, IdentityError::Refused(_) | IdentityError::Forbidden(_)) {
            return RegisterError::Refused(error).into();
        }
        let packed = AttestationObject::parse(&registration.attestation_object).is_ok_and(|object| object.format() == "packed");
        let model = KeyModel { aaguid: work.order.key.aaguid, packed };
        // What the user was when the job began may be what has changed.
        let user = self.provider.user(&work.user.id).unwrap_or_else(|_| work.user.clone());
        let checked =
            self.provider.preflight(&user, &model).inspect_err(|again| log::debug!("the rules cannot be read: {again}"));
        match checked.ok().and_then(Preflight::suspect) {
            Some(suspect) => EnrolError::Refused { error, suspect: Box::new(suspect) },
            None => RegisterError::Refused(error).into(),
        }
    }

    fn registered(&self, key: Option<Finished>, registration: Registration, method: String) -> Stage {
        self.done(Step::Register, "the tenant has the passkey");
        Stage::HandOver { registration, method: Some(method), pin: key.map(Finished::into_pin) }
    }

    fn look_for(&mut self, user: &User, credential: &CredentialId, looks: u8) -> Result<Option<Method>, IdentityError> {
        for look in 0..looks {
            if look > 0 {
                self.desk.clock.sleep(LOOK_STEP);
            }
            if let Some(method) = self.provider.find(user, credential)? {
                return Ok(Some(method));
            }
        }
        Ok(None)
    }

    /// Takes back what the tenant will not have: the key is opened again, the passkey deleted.
    pub(super) fn undo(&mut self, work: &Work, order: &Order, key: Option<Finished>, then: Then) -> Result<Stage, EnrolError> {
        let pinned = match key {
            None if order.keyless => {
                let reason = match then {
                    Then::Remake => EnrolError::StaleChallenge,
                    Then::Stop(reason) => reason,
                };
                return Err(EnrolError::KeyNeeded { job: work.id, reason: Some(Box::new(reason)) });
            }
            Some(Finished::Sealed(sealed)) => self.reopen(work, order, sealed)?,
            Some(Finished::Unforced(pinned)) => pinned,
            None => match self.found_key(work)? {
                Found::Sealed(sealed) => self.reopen(work, order, sealed)?,
                Found::Pinned(pinned) => pinned,
                Found::Blank(blank) => return self.undone(work, blank, then),
                Found::Foreign(_) => return Err(EnrolError::PinUnknown(work.id)),
            },
        };
        Ok(Stage::Clean(pinned, then))
    }

    /// Reads the passkey back. The tenant took it; who may not list passkeys has only its word for that.
    pub(super) fn read_back(&mut self, user: &User, credential: &CredentialId) -> Result<Option<Method>, EnrolError> {
        match self.look_for(user, credential, LOOKS) {
            Ok(Some(method)) => Ok(Some(method)),
            Ok(None) => Err(EnrolError::NotReadBack),
            Err(IdentityError::Forbidden(_)) => {
                self.desk.notice("the tenant took the passkey, but does not let this sign-in list it: it was not read back");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the passkey back, sends the message that was asked for, hands the PIN over, and destroys its sealed copy once it has
    /// reached its user.
    pub(super) fn hand_over(
        &mut self,
        work: &Work,
        order: &Order,
        registration: &Registration,
        method: Option<String>,
        pin: Option<Pin>,
    ) -> Result<Summary, EnrolError> {
        let model = match &method {
            Some(_) => self.read_back(&work.user, &registration.credential_id)?.and_then(|method| method.model),
            None => None,
        };
        self.withdraw_strays(work)?;
        self.begins(Step::HandOver);
        let progress = Progress::of(&self.ledger.entries(work.id)?);
        let pin = match pin {
            Some(pin) => pin,
            None => self.kept_pin(work.id, progress.pins.first().copied())?,
        };
        let model = model.unwrap_or_else(|| work.model.clone());
        let mut summary =
            Summary { upn: work.user.upn.clone(), ..summary_of(&work.order, registration, method, model, &progress) };
        // Who is told that the key is registered can use it; of what another station will register nobody knows.
        if summary.method_id.is_some() {
            summary.notice = self.notify(work, order, &summary, &pin);
        }
        self.hand(work.id, &work.user, summary, &pin)
    }

    /// Before a job is closed: what it sent without ever hearing of it must not stay in the tenant.
    pub(super) fn withdraw_strays(&mut self, work: &Work) -> Result<(), EnrolError> {
        let strays = Progress::of(&self.ledger.entries(work.id)?).strays;
        strays.iter().try_for_each(|stray| self.withdraw(work, stray))
    }

    /// Removes a passkey that was sent, seemed not to have arrived, and was made anew: a directory may show late what it
    /// took. Trouble with it must not keep the PIN from its user.
    fn withdraw(&mut self, work: &Work, stray: &CredentialId) -> Result<(), EnrolError> {
        let removed = match self.provider.find(&work.user, stray) {
            Ok(None) => {
                self.desk.notice(format!("{stray} was sent but did not arrive; should it turn up, {REMOVE_IT}"));
                return Ok(());
            }
            Ok(Some(method)) => {
                let ticket = self.ledger.before(work.id, &Intent::Withdraw { credential_id: stray.clone() }, None)?;
                let removed = self.provider.remove(&work.user, &method.id);
                let outcome = removed.as_ref().map_or_else(|error| outcome_of(&error.clone().into()), |()| Outcome::Done);
                self.write_down(ticket, &outcome);
                removed
            }
            Err(error) => Err(error),
        };
        self.desk.notice(match removed {
            Ok(()) => "an earlier passkey of this job had arrived late: it is removed from the tenant".to_owned(),
            Err(error) => format!("whether the tenant also took {stray} is not known ({error}); if so, {REMOVE_IT}"),
        });
        Ok(())
    }

    /// Opens the sealed copy beside a journal row.
    pub(super) fn kept_pin(&mut self, job: JobId, number: Option<i64>) -> Result<Pin, EnrolError> {
        let number = number.ok_or(EnrolError::PinUnknown(job))?;
        let sealed = self.ledger.pin(job, number)?.ok_or(EnrolError::PinUnknown(job))?;
        Ok(self.safe.open(&sealed)?)
    }

    pub(super) fn is_registered(&mut self, job: JobId) -> Result<bool, EnrolError> {
        let phase = Progress::of(&self.ledger.entries(job)?).phase;
        Ok(matches!(phase, Phase::Registered(..) | Phase::RegisterUnsure(_) | Phase::Deposited(_)))
    }
}

impl Finished {
    pub(super) fn into_pin(self) -> Pin {
        match self {
            Self::Sealed(sealed) => sealed.into_pin(),
            Self::Unforced(pinned) => Pinned::into_pin(pinned),
        }
    }
}

/// Refusals that say nothing about the passkey: it can be sent again later.
pub(super) fn passing(error: &IdentityError) -> bool {
    matches!(
        error,
        IdentityError::SignIn(_)
            | IdentityError::Unauthorized(_)
            | IdentityError::Throttled { .. }
            | IdentityError::Unavailable(_)
            | IdentityError::Network(_)
            | IdentityError::Interrupted
    )
}
