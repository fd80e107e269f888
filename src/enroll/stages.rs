//! The stages that change the key: wipe, PIN, passkey, seal.

use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::EnrolError;
use super::consent::EraseConsent;
use super::flow::{Enrolment, Finished, Freshness, Order, PinWishes, Stage, Then, Work};
use super::hardening::pin_wishes;
use super::outcome::half_done;
use super::proof::leads_to;
use super::replug;
use super::resume::LEAST_RETRIES;
use crate::ctap::{Authenticator, Blank, CredentialManagement, CtapError, Failed, Info, NewCredential, PinToken, Pinned};
use crate::ctap::{SealOutcome, Sealed, Status};
use crate::handover::pin::PinTerms;
use crate::identity::{Offer, Registration};
use crate::ledger::{Intent, JobState, Outcome};
use crate::secret::Pin;
use crate::ui::Step;
use crate::webauthn::{AttestationObject, ClientData, CreationOptions, Expected, Trust};

/// Draws that a key may refuse as weak (`docs/flow.md`).
const DRAWS: u8 = 5;
/// A challenge with less life than this is fetched anew before the touch (`docs/flow.md`).
const LEAST_LIFE: Duration = Duration::from_mins(2);

impl Enrolment<'_> {
    pub(super) fn erase(&mut self, work: &Work, key: Authenticator, consent: &EraseConsent) -> Result<Stage, EnrolError> {
        self.begins(Step::Erase);
        let intent = consent.intent();
        let mut ticket = None;
        let ledger = &mut *self.ledger;
        let wiped = replug::reset(&mut self.desk, key, consent, &mut || {
            ticket = Some(ledger.before(work.id, &intent, None)?);
            Ok(())
        });
        match (wiped, ticket) {
            (Ok(key), Some(ticket)) => {
                self.ledger.after(ticket, &Outcome::Done)?;
                self.end_superseded(work)?;
                self.done(Step::Erase, "the key is blank");
                blank(key).map(|blank| Stage::SetPin(blank, Freshness::Wiped))
            }
            (Ok(_), None) => Err(EnrolError::NotBlank),
            (Err(error), Some(ticket)) => Err(self.record_failure(ticket, error)),
            (Err(error), None) => Err(error),
        }
    }

    /// What other jobs had put on this key is gone with the wipe.
    fn end_superseded(&mut self, work: &Work) -> Result<(), EnrolError> {
        for job in self.jobs_of_key(&work.order.key)? {
            if job.id != work.id && !self.is_registered(job.id)? {
                self.ledger.claim(job.id)?;
                self.ledger.close(job.id, JobState::Ended)?;
                self.desk.notice(format!("job {} for {} was ended: its key was wiped for this one", job.id, job.order.upn));
            }
        }
        Ok(())
    }

    pub(super) fn set_pin(
        &mut self,
        work: &Work,
        order: &Order,
        mut blank: Blank,
        freshness: Freshness,
    ) -> Result<Stage, EnrolError> {
        self.begins(Step::Pin);
        for draw in 1..=DRAWS {
            let pin = self.draw(work, order, blank.info())?;
            let sealed = self.safe.seal(&pin)?;
            let ticket = self.ledger.before(work.id, &Intent::SetPin { draw }, Some(&sealed))?;
            match blank.set_pin(pin) {
                Ok(pinned) => {
                    self.ledger.after(ticket, &Outcome::Done)?;
                    self.done(Step::Pin, "the key has a temporary PIN");
                    return self.no_strangers(order, pinned, freshness);
                }
                Err(Failed { state, error }) => {
                    let weak = error == CtapError::Status(Status::PIN_POLICY_VIOLATION);
                    let error = self.record_failure(ticket, EnrolError::Key(error));
                    if !weak {
                        return Err(error);
                    }
                    blank = state;
                }
            }
        }
        Err(EnrolError::WeakPins(DRAWS))
    }

    fn draw(&mut self, work: &Work, order: &Order, info: &Info) -> Result<Pin, EnrolError> {
        let avoid = [work.user.upn.as_str(), work.order.key.shown_serial().unwrap_or_default()];
        let wishes = pin_wishes(order.pin, &work.order.hardening, info);
        Ok(pin_terms(wishes, info, &avoid).draw(&mut *(self.desk.generators)())?)
    }

    /// A key that only looked fresh may hold somebody's passkeys, which only its PIN tells: those need a consent as well.
    pub(super) fn no_strangers(&mut self, order: &Order, mut pinned: Pinned, freshness: Freshness) -> Result<Stage, EnrolError> {
        if freshness == Freshness::Wiped || !pinned.info().can_manage_credentials() {
            return Ok(Stage::Harden(pinned, None));
        }
        let token = pinned.token_for_credentials()?;
        let existing = pinned.credentials(token)?.metadata()?.existing;
        if existing == 0 {
            return Ok(Stage::Harden(pinned, None));
        }
        let mut key = pinned.into_authenticator();
        let consent = EraseConsent::ask(&self.desk, &mut key, format!("{existing} passkeys"), order.erase_agreed)?;
        Ok(Stage::Erase(key, consent))
    }

    pub(super) fn make(
        &mut self,
        work: &Work,
        order: &Order,
        mut pinned: Pinned,
        offer: Option<Offer>,
    ) -> Result<Stage, EnrolError> {
        self.begins(Step::Make);
        let offer = match offer {
            Some(offer) if offer.life_left(self.desk.clock.now()) >= LEAST_LIFE => offer,
            _ => self.provider.creation_options(&work.user, order.challenge_life)?,
        };
        if offer.life_left(self.desk.clock.now()).is_zero() {
            return Err(match self.outbox {
                Some(_) => EnrolError::PreparedExpired(work.user.upn.clone()),
                None => EnrolError::StaleChallenge,
            });
        }
        let client_data = ClientData::create(&offer.options);
        let request = new_credential(&offer.options, client_data.hash());
        let intent =
            Intent::Make { challenge_sha256: hex(&Sha256::digest(offer.options.challenge.as_bytes())), expires: offer.expires };
        let token = pinned.token_for_make(&offer.options.rp.id)?;
        let mut trust = Trust::None;
        let registration = self.journaled(work.id, &intent, None, |this| {
            let attested = pinned.make_credential(token, &request).map_err(EnrolError::touch)?;
            this.done(Step::Make, "the key made a passkey");
            this.begins(Step::Verify);
            let object = AttestationObject::from_parts(&attested.fmt, &attested.att_stmt, &attested.auth_data);
            let aaguid = pinned.info().aaguid;
            let roots = this.roots_of(order, aaguid);
            let expected = Expected::new(&offer.options, &client_data, aaguid).with_roots(roots.clone());
            let verified = object.verify(&expected)?;
            leads_to(&roots, &verified.trust)?;
            trust = verified.trust;
            let registration = Registration {
                display_name: work.order.display_name.clone(),
                credential_id: verified.credential_id.clone(),
                attestation_object: object.into_bytes(),
                client_data_json: client_data.into_bytes(),
                expires: offer.expires,
            };
            Ok((registration.clone(), Outcome::Made { registration }))
        })?;
        let note = match trust {
            Trust::Chain => "the passkey and its attestation are sound, up to a root of its model",
            _ => "the passkey and its attestation are sound",
        };
        self.done(Step::Verify, note);
        Ok(Stage::Seal(pinned, registration))
    }

    /// Deletes what must not stay on the key; a key that cannot delete is wiped again.
    pub(super) fn clean(&mut self, work: &Work, mut pinned: Pinned, then: Then) -> Result<Stage, EnrolError> {
        if !pinned.info().can_manage_credentials() {
            self.desk.notice("this key cannot delete a single passkey, so it is wiped once more");
            return match self.erase(work, pinned.into_authenticator(), &EraseConsent::own_work(&work.order.key))? {
                Stage::SetPin(blank, _) => self.undone(work, blank, then),
                other => Ok(other),
            };
        }
        let token = pinned.token_for_credentials()?;
        let intent = Intent::DeleteCredential { credential_id: None };
        let ticket = self.ledger.before(work.id, &intent, None)?;
        if let Err(error) = delete_all(&mut pinned, token, &work.order.rp_id) {
            let error = EnrolError::Key(error);
            self.write_down(ticket, &half_done(&error));
            return Err(error);
        }
        self.ledger.after(ticket, &Outcome::Done)?;
        match then {
            Then::Remake => Ok(Stage::Harden(pinned, None)),
            Then::Stop(reason) => Err(reason),
        }
    }

    /// A blank key holds nothing that could be taken back.
    pub(super) fn undone(&mut self, work: &Work, blank: Blank, then: Then) -> Result<Stage, EnrolError> {
        match then {
            Then::Remake => Ok(Stage::SetPin(blank, Freshness::Claimed)),
            Then::Stop(reason) => {
                self.withdraw_strays(work)?;
                self.ledger.close(work.id, JobState::Ended)?;
                Err(reason)
            }
        }
    }

    pub(super) fn seal(
        &mut self,
        work: &Work,
        order: &Order,
        mut pinned: Pinned,
        registration: Registration,
    ) -> Result<Stage, EnrolError> {
        self.begins(Step::Seal);
        let token = if pinned.info().can_force_pin_change() { Some(pinned.token_for_config()?) } else { None };
        let ticket = self.ledger.before(work.id, &Intent::Seal, None)?;
        let outcome = match token {
            None => Ok(SealOutcome::NotSupported(pinned)),
            Some(token) => pinned.seal(token),
        };
        let key = match outcome {
            Ok(SealOutcome::Sealed(sealed)) => Finished::Sealed(sealed),
            Ok(SealOutcome::NotSupported(pinned)) => Finished::Unforced(pinned),
            // It took the command, but getInfo does not show it: what counts is what the key does.
            Err(Failed { state, error: CtapError::NotForced }) => Finished::Unforced(state),
            Err(Failed { error, .. }) => return Err(self.record_failure(ticket, EnrolError::Key(error))),
        };
        let effective = matches!(key, Finished::Sealed(_));
        self.ledger.after(ticket, &Outcome::Sealed { effective })?;
        if effective {
            self.done(Step::Seal, "the PIN must be changed before the key can be used");
        } else if work.order.unforced_pin_consent || order.unforced_pin_agreed {
            self.done(Step::Seal, "this key cannot force a PIN change: the temporary PIN stays valid until it is changed");
        } else {
            return Ok(Stage::Undo(Some(key), Then::Stop(EnrolError::UnforcedPinConsent)));
        }
        Ok(Stage::Register { key: Some(key), registration, ask_first: false })
    }

    /// Gives a sealed key a new temporary PIN, which clears the forced change, so that it can be worked on again.
    pub(super) fn reopen(&mut self, work: &Work, order: &Order, mut sealed: Sealed) -> Result<Pinned, EnrolError> {
        if sealed.retries()? < LEAST_RETRIES {
            return Err(EnrolError::PinUnknown(work.id));
        }
        for draw in 1..=DRAWS {
            let pin = self.draw(work, order, sealed.info())?;
            let copy = self.safe.seal(&pin)?;
            let ticket = self.ledger.before(work.id, &Intent::ReplacePin { draw }, Some(&copy))?;
            match sealed.replace_pin(pin) {
                Ok(pinned) => {
                    self.ledger.after(ticket, &Outcome::Done)?;
                    return Ok(pinned);
                }
                Err(Failed { error: CtapError::StillForced, .. }) => {
                    self.ledger.after(ticket, &Outcome::Done)?;
                    return Err(CtapError::StillForced.into());
                }
                Err(Failed { state, error }) => {
                    let weak = error == CtapError::Status(Status::PIN_POLICY_VIOLATION);
                    let error = self.record_failure(ticket, EnrolError::Key(error));
                    if !weak {
                        return Err(error);
                    }
                    sealed = state;
                }
            }
        }
        Err(EnrolError::WeakPins(DRAWS))
    }
}

/// Deletes whatever the key holds for a relying party. The key was blank or proven empty when the job began, so it is the
/// job's own, whatever user handle the tenant gave it.
fn delete_all(pinned: &mut Pinned, token: PinToken<CredentialManagement>, rp_id: &str) -> Result<(), CtapError> {
    let mut credentials = pinned.credentials(token)?;
    for found in credentials.credentials(&Sha256::digest(rp_id.as_bytes()).into())? {
        credentials.delete(&found.id)?;
    }
    Ok(())
}

/// The rules for a temporary PIN on this key.
pub(super) fn pin_terms<'a>(wishes: PinWishes, info: &Info, avoid: &'a [&'a str]) -> PinTerms<'a> {
    PinTerms {
        alphabet: wishes.alphabet,
        key_minimum: info.min_pin_length(),
        key_maximum: info.max_pin_length(),
        profile_minimum: wishes.minimum,
        avoid,
        for_spreadsheet: wishes.for_spreadsheet,
    }
}

/// A key that must be blank by now.
pub(super) fn blank(key: Authenticator) -> Result<Blank, EnrolError> {
    Blank::new(key).map_err(|_| EnrolError::NotBlank)
}

/// What Entra ID's options come to on the key: a resident key under the PIN, packed attestation first.
fn new_credential(options: &CreationOptions, client_data_hash: [u8; 32]) -> NewCredential {
    NewCredential {
        client_data_hash,
        rp_id: options.rp.id.clone(),
        rp_name: options.rp.name.clone(),
        user_id: options.user.id.clone(),
        user_name: options.user.name.clone(),
        user_display_name: options.user.display_name.clone(),
        algorithms: options.algorithms.clone(),
        exclude: options.exclude.iter().map(|id| id.0.clone()).collect(),
        cred_protect: options.cred_protect,
        hmac_secret: options.hmac_secret,
        formats: vec!["packed".into()],
        ..NewCredential::default()
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
