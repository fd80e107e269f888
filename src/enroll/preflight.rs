//! Everything that can be known before the touch: the user, the tenant's rules, the model's abilities, the consents.
//! Nothing on the key or in the tenant has changed when this fails.

use std::sync::PoisonError;

use super::EnrolError;
use super::abilities::{Abilities, PIN_LENGTH, signs_with};
use super::advised;
use super::consent::{EraseConsent, UnforcedPinConsent};
use super::elsewhere::made_by;
use super::first_sign_in::surprises;
use super::flow::{Enrolment, Freshness, Order, Stage, Work};
use super::hardening::{is_of_hardening, key_findings, pin_wishes};
use super::replug::is_blank;
use super::stages::pin_terms;
use crate::advice::Advised as _;
use crate::ctap::{Aaguid, Authenticator, Blank, Info, KeyIdentity, Look, Requirement, Sameness};
use crate::identity::{Finding, IdentityError, IdentityProvider, KeyModel, Offer, Preflight, User, Verdict};
use crate::identity::{passkey_name, passkey_name_marked, passkey_name_of};
use crate::ledger::{Job, JobState, NewJob, Place};
use crate::metadata;
use crate::ui::{Event, Step, Surprise};

impl Enrolment<'_> {
    /// Checks everything, gets the consents and opens the job.
    pub(super) fn preflight(&mut self, mut key: Authenticator, user: User, order: &Order) -> Result<(Work, Stage), EnrolError> {
        let identity = key.identity()?;
        let model = model_name(&key);
        self.desk.tell(&Event::KeyFound {
            name: model.clone(),
            serial: identity.shown_serial().map(Into::into),
            aaguid: identity.aaguid.to_string(),
        });
        self.key_is_free(&identity)?;
        if !is_blank(&key) {
            self.key_awaits_nothing(&identity)?;
        }
        let abilities = Abilities::of_key(&key, order.reset);
        let hardening = order.hardening.of(key.info().aaguid);
        self.key_suits(&abilities, key.info(), &hardening, order)?;
        self.nothing_speaks_against(&mut key, order)?;
        let surprises = surprises(&abilities, key.info().aaguid, Some(key.info()), &hardening);
        let wipe = abilities.wipe();
        let offer = self.tenant_allows(&user, key.info(), order)?;
        self.proves_its_model(&mut key, &offer.options.algorithms, order)?;
        self.foretell(order, key.info().aaguid, &surprises);
        let forces = key.info().can_force_pin_change();
        if !forces {
            UnforcedPinConsent::obtain(&self.desk, &key, order.unforced_pin_agreed)?;
        }
        let consent = if wipe { Some(EraseConsent::obtain(&self.desk, &mut key, order.erase_agreed)?) } else { None };
        let serial = identity.shown_serial().map(str::to_owned);
        let display_name = match &order.display_name {
            Some(name) => passkey_name(name),
            None => match (passkey_name_of(&model, serial.as_deref()), &serial, &order.mark) {
                (name, None, Some(mark)) => passkey_name_marked(&name, mark),
                (name, ..) => name,
            },
        };
        let job = NewJob {
            tenant: self.tenant.clone(),
            user_id: user.id.clone(),
            upn: user.upn.clone(),
            operator: self.operator.clone(),
            key: identity,
            rp_id: offer.options.rp.id.clone(),
            user_handle: offer.options.user.id.clone(),
            unforced_pin_consent: !forces,
            display_name,
            replaces: order.replaces.clone(),
            place: if self.outbox.is_some() { Place::Make } else { Place::Here },
            task: order.task,
            hardening,
            surprises: surprises.iter().map(|one| one.word.to_owned()).collect(),
        };
        let id = self.ledger.open_job(&job)?;
        let (upn, serial) = (job.upn.clone(), job.key.shown_serial().map(ToOwned::to_owned));
        self.desk.tell(&Event::JobOpened { job: id.0, upn, serial });
        let work = Work { id, order: job, user, model };
        self.done(Step::Preflight, format!("{} may have a passkey on this key", work.user.upn));
        let stage = match consent {
            Some(consent) => Stage::Erase(key, consent),
            None => match Blank::new(key) {
                Ok(blank) => Stage::SetPin(blank, Freshness::Claimed),
                Err(_) => return Err(EnrolError::NotBlank),
            },
        };
        Ok((work, stage))
    }

    /// The key's half.
    fn key_suits(
        &mut self,
        abilities: &Abilities,
        info: &Info,
        hardening: &[Requirement],
        order: &Order,
    ) -> Result<(), EnrolError> {
        let checked = Preflight { findings: key_findings(abilities, Some(info), hardening, order.pin) };
        self.tell_findings(&checked);
        match checked.failure() {
            None => Ok(()),
            Some(failure) if failure.check == PIN_LENGTH => {
                Ok(pin_terms(pin_wishes(order.pin, hardening, info), info, &[]).length().map(drop)?)
            }
            Some(failure) if is_of_hardening(failure.check) => Err(EnrolError::CannotHarden(failure.sentence.clone())),
            Some(failure) => Err(EnrolError::Unsuitable(failure.sentence.clone())),
        }
    }

    /// What is publicly known against the key.
    fn nothing_speaks_against(&mut self, key: &mut Authenticator, order: &Order) -> Result<(), EnrolError> {
        let mut findings = advised::findings(&advised::exposures_of(key)?, order.deny_advisory);
        findings.extend(advised::status_findings(order.metadata.as_deref(), key.info().aaguid, order.deny_advisory));
        let checked = Preflight { findings };
        self.tell_findings(&checked);
        checked.failure().map_or(Ok(()), |failure| Err(EnrolError::Advisory(failure.sentence.clone())))
    }

    /// The tenant's half: findings, then creation options, which prove permission, user and policy at once.
    pub(super) fn tenant_allows(&mut self, user: &User, info: &Info, order: &Order) -> Result<Offer, EnrolError> {
        let checked = self.provider.preflight(user, &key_model(info))?;
        self.tell_findings(&checked);
        if let Some(failure) = checked.failure() {
            return Err(EnrolError::Policy(failure.clone()));
        }
        let offer = self.provider.creation_options(user, order.challenge_life)?;
        if !offer.options.algorithms.iter().any(|wanted| signs_with(info, *wanted)) {
            return Err(EnrolError::Unsuitable("it has none of the signature algorithms that the tenant asks for".into()));
        }
        Ok(offer)
    }

    fn tell_findings(&self, checked: &Preflight) {
        for finding in checked.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
            self.desk.tell(&Event::Found { finding: finding.clone() });
        }
    }

    /// Tells what comes from this key, once for each model.
    fn foretell(&self, order: &Order, aaguid: Aaguid, surprises: &[Surprise]) {
        if order.foretold.lock().unwrap_or_else(PoisonError::into_inner).insert(aaguid) {
            for surprise in surprises.iter().filter(|one| one.particular) {
                self.desk.tell(&Event::Surprise { surprise: *surprise });
            }
        }
    }

    /// A key in the middle of another job: a registered one must be handed over first. The others are ended when this
    /// key is wiped.
    fn key_is_free(&mut self, identity: &KeyIdentity) -> Result<(), EnrolError> {
        for job in self.jobs_of_key(identity)? {
            if self.is_registered(job.id)? {
                return Err(EnrolError::KeyInJob { job: job.id, upn: job.order.upn });
            }
        }
        Ok(())
    }

    /// A key that was made ready for somebody and is registered by another station is not made ready for somebody else
    /// meanwhile.
    fn key_awaits_nothing(&mut self, identity: &KeyIdentity) -> Result<(), EnrolError> {
        let now = self.desk.clock.now();
        for job in self.of_serial(identity, JobState::Done)? {
            let same =
                job.order.place == Place::Make && matches!(identity.compare(&job.order.key, Look::Later), Sameness::Same(_));
            if same
                && let Some(made) = made_by(self.ledger, &job)?
                && now < made.registration.expires
            {
                return Err(EnrolError::KeyAwaits { upn: job.order.upn, until: made.registration.expires });
            }
        }
        Ok(())
    }

    /// Unfinished jobs of this very key.
    pub(super) fn jobs_of_key(&mut self, identity: &KeyIdentity) -> Result<Vec<Job>, EnrolError> {
        let open = self.of_serial(identity, JobState::Open)?;
        Ok(open.into_iter().filter(|job| matches!(identity.compare(&job.order.key, Look::Later), Sameness::Same(_))).collect())
    }

    /// Jobs of keys that show the same serial number. A key that shows none is never the same as one that was seen before.
    fn of_serial(&mut self, identity: &KeyIdentity, state: JobState) -> Result<Vec<Job>, EnrolError> {
        match identity.shown_serial() {
            Some(serial) => Ok(self.ledger.jobs_of_serial(serial, Some(state))?),
            None => Ok(Vec::new()),
        }
    }
}

/// Everything that can be known of a user and a key, or a model, before the touch. Nothing changes, on the key or in the tenant.
///
/// `key` is what was found out about the key or the model: [`key_findings`].
///
/// # Errors
/// Only what would spoil every call: sign-in, network.
pub fn check(
    provider: &mut dyn IdentityProvider,
    user: &User,
    model: &KeyModel,
    key: Vec<Finding>,
) -> Result<Preflight, IdentityError> {
    let mut findings = key;
    findings.extend(provider.preflight(user, model)?.findings);
    let mut offered = offered(provider, user)?;
    if offered.verdict == Verdict::Fail && findings.iter().any(|finding| finding.verdict == Verdict::Fail) {
        offered.remedy = "The checks that failed before this one may say why.".into();
    }
    findings.push(offered);
    Ok(Preflight { findings })
}

/// Whether the tenant gives creation options, without which nothing can be registered for that user by this sign-in.
fn offered(provider: &mut dyn IdentityProvider, user: &User) -> Result<Finding, IdentityError> {
    let check = "tenant/creation-options";
    match provider.creation_options(user, None) {
        Ok(_) => {
            let sentence = format!("the tenant lets this sign-in register passkeys for {}", user.upn);
            Ok(Finding { check, verdict: Verdict::Pass, sentence, remedy: String::new() })
        }
        Err(error @ (IdentityError::Forbidden(_) | IdentityError::NotOffered(_) | IdentityError::Refused(_))) => {
            let remedy = error.advice().next.to_owned();
            Ok(Finding { check, verdict: Verdict::Fail, sentence: error.to_string(), remedy })
        }
        Err(error) => Err(error),
    }
}

/// What the tenant judges a key by.
pub fn key_model(info: &Info) -> KeyModel {
    KeyModel { aaguid: info.aaguid, packed: info.attestation_formats().contains(&"packed") }
}

/// What people call this key.
pub(super) fn model_name(key: &Authenticator) -> String {
    name_of(key.link().product.as_deref(), key.info().aaguid)
}

/// The product text of USB; on a reader, which has none, the public name of the model.
pub(super) fn name_of(product: Option<&str>, aaguid: Aaguid) -> String {
    match product.map(str::trim) {
        Some(product) if !product.is_empty() => product.into(),
        _ => metadata::model(aaguid).map_or("Security key", |model| model.name).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_on_a_reader_has_the_name_of_its_model() {
        let yubikey: Aaguid = "2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap();
        for (product, aaguid, name) in [
            (Some(" Training Key "), yubikey, "Training Key"),
            (Some(" "), yubikey, "YubiKey 5 Series with NFC"),
            (None, yubikey, "YubiKey 5 Series with NFC"),
            (None, Aaguid([0; 16]), "Security key"),
        ] {
            assert_eq!(name_of(product, aaguid), name, "{product:?}");
        }
    }
}
