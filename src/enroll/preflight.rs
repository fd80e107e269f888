//! Everything that can be known before the touch: the user, the tenant's rules, the model's abilities, the consents.
//! Nothing on the key or in the tenant has changed when this fails.

use super::EnrolError;
use super::consent::{EraseConsent, UnforcedPinConsent};
use super::flow::{Enrolment, Freshness, Order, ResetPolicy, Stage, Work};
use super::replug::is_blank;
use super::stages::pin_terms;
use crate::ctap::{Authenticator, Blank, Info, KeyIdentity, Link, LinkKind, Look, Sameness};
use crate::identity::{KeyModel, Offer, User, Verdict, passkey_name, passkey_name_of};
use crate::ledger::{Job, JobState, NewJob};
use crate::ui::{Event, Step};

/// COSE number of ES256, which every FIDO2 key has.
const ES256: i64 = -7;

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
        let wipe = must_wipe(&key, order.reset)?;
        suitable(key.info(), key.link(), wipe)?;
        pin_terms(order, key.info(), &[]).length()?;
        let offer = self.tenant_allows(&user, key.info(), order)?;
        let forces = key.info().can_force_pin_change();
        if !forces {
            UnforcedPinConsent::obtain(&self.desk, &key, order.unforced_pin_agreed)?;
        }
        let consent = if wipe { Some(EraseConsent::obtain(&self.desk, &mut key, order.erase_agreed)?) } else { None };
        let serial = identity.shown_serial().map(str::to_owned);
        let display_name = match &order.display_name {
            Some(name) => passkey_name(name),
            None => passkey_name_of(&model, serial.as_deref()),
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
        };
        let id = self.ledger.open_job(&job)?;
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

    /// The tenant's half: findings, then creation options, which prove permission, user and policy at once.
    pub(super) fn tenant_allows(&mut self, user: &User, info: &Info, order: &Order) -> Result<Offer, EnrolError> {
        let model = KeyModel { aaguid: info.aaguid, packed: info.attestation_formats().contains(&"packed") };
        let checked = self.provider.preflight(user, &model)?;
        for finding in checked.findings.iter().filter(|finding| finding.verdict != Verdict::Pass) {
            self.desk.tell(&Event::Found { finding: finding.clone() });
        }
        if let Some(failure) = checked.failure() {
            return Err(EnrolError::Policy(failure.clone()));
        }
        let offer = self.provider.creation_options(user, order.challenge_life)?;
        if !offer.options.algorithms.iter().any(|wanted| signs_with(info, *wanted)) {
            return Err(EnrolError::Unsuitable("it has none of the signature algorithms that the tenant asks for".into()));
        }
        Ok(offer)
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

    /// Unfinished jobs of this very key.
    pub(super) fn jobs_of_key(&mut self, identity: &KeyIdentity) -> Result<Vec<Job>, EnrolError> {
        let open = self.ledger.jobs(Some(JobState::Open))?;
        Ok(open.into_iter().filter(|job| matches!(identity.compare(&job.order.key, Look::Later), Sameness::Same(_))).collect())
    }
}

fn must_wipe(key: &Authenticator, policy: ResetPolicy) -> Result<bool, EnrolError> {
    match policy {
        ResetPolicy::Always => Ok(true),
        ResetPolicy::Auto => Ok(!is_blank(key) || key.info().option("uv") == Some(true)),
        ResetPolicy::Never if is_blank(key) => Ok(false),
        ResetPolicy::Never => Err(EnrolError::Unsuitable("it is not fresh and --reset never was given".into())),
    }
}

/// The model's half: what it has to be able to do at all.
fn suitable(info: &Info, link: &Link, wipe: bool) -> Result<(), EnrolError> {
    let refuse = |reason: &str| Err(EnrolError::Unsuitable(reason.into()));
    if info.option("rk") != Some(true) {
        return refuse("it cannot keep a passkey (no resident keys)");
    }
    if info.client_pin().is_none() {
        return refuse("it has no PIN");
    }
    if info.option("noMcGaPermissionsWithClientPin") == Some(true) {
        return refuse("it makes passkeys with a fingerprint only, not with a PIN");
    }
    if !signs_with(info, ES256) {
        return refuse("it does not sign with ES256");
    }
    if wipe && !info.resets_over(link.kind) {
        return refuse(match link.kind {
            LinkKind::Usb => "it cannot be reset over USB: use a reader",
            LinkKind::Nfc | LinkKind::SmartCard => "it cannot be reset on a reader: use a USB port",
        });
    }
    Ok(())
}

/// A model that does not say which algorithms it has is left to answer for itself.
fn signs_with(info: &Info, algorithm: i64) -> bool {
    info.algorithms.as_ref().is_none_or(|list| list.contains(&algorithm))
}

/// What people call this key: the product text of USB, else its AAGUID.
pub(super) fn model_name(key: &Authenticator) -> String {
    match key.link().product.as_deref().map(str::trim) {
        Some(product) if !product.is_empty() => product.into(),
        _ => "Security key".into(),
    }
}
