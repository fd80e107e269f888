//! Two places: a key is made ready at a station without network, and its passkey is registered by another one that has it
//! (`docs/two-places.md`). Here is what both do to key, tenant and ledger; files and their seals are none of this module's
//! business.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::EnrolError;
use super::flow::{Enrolment, Finished, Stage, Then, Work};
use super::progress::{Phase, Progress};
use super::stages::hex;
use crate::identity::{Registration, User};
use crate::ledger::{Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Place};
use crate::ui::{Event, Step};
use crate::webauthn::{AttestationError, AttestationObject, ClientData, CreationOptions, Expected};

/// A passkey that is on its key and in no tenant yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The job that made it, as it was opened.
    pub order: NewJob,
    /// What is to be posted.
    pub registration: Registration,
    /// The key forces a PIN change, read back from it.
    pub pin_change_forced: bool,
}

/// Takes what is to be registered elsewhere.
pub trait Outbox {
    /// Writes it down so that it survives a power cut. A second time for the same user replaces the first.
    ///
    /// # Errors
    /// Why it could not be written.
    fn put(&mut self, made: &Made) -> Result<(), String>;
}

/// What a ledger knows of a challenge that was fetched beforehand.
#[derive(Clone, Debug)]
pub enum Use {
    /// No key was asked with it.
    Free,
    /// A job is under way with it.
    Open(JobId),
    /// Its passkey was made, written down for the other station, and its key handed over.
    Made(Box<Made>),
    /// It served in a job that ended without a passkey to register.
    Spent(JobId),
}

/// How the registration of what was made elsewhere ended. What is not here is an error: nobody knows, or later may be better.
#[derive(Debug)]
pub enum Submitted {
    /// The tenant has it, under this id.
    Registered(String),
    /// It was registered by an earlier run, under this id.
    Before(String),
    /// It will not be registered.
    Refused(EnrolError),
}

/// What became of a challenge, by the jobs of one user in one tenant.
///
/// # Errors
/// [`LedgerError`].
pub fn use_of(ledger: &mut dyn Ledger, tenant: &str, user: &str, challenge: &str) -> Result<Use, LedgerError> {
    let jobs = ledger.jobs_of_user(user, None)?;
    use_among(ledger, &jobs, tenant, user, challenge)
}

/// As [`use_of`], among jobs that were read already.
///
/// # Errors
/// [`LedgerError`].
pub fn use_among(ledger: &mut dyn Ledger, jobs: &[Job], tenant: &str, user: &str, challenge: &str) -> Result<Use, LedgerError> {
    let hash = challenge_hash(challenge);
    let mut found = Use::Free;
    for job in jobs {
        if job.order.tenant != tenant || job.order.user_id != user || job.order.place == Place::Register {
            continue;
        }
        let entries = ledger.entries(job.id)?;
        let asked = entries.iter().any(|entry| {
            let made = matches!(&entry.intent, Intent::Make { challenge_sha256, .. } if *challenge_sha256 == hash);
            made && !matches!(entry.outcome, Some(Outcome::Failed { .. }))
        });
        if job.state == JobState::Open {
            return Ok(Use::Open(job.id));
        }
        if asked {
            found = made_by(ledger, job)?.map_or(Use::Spent(job.id), |made| Use::Made(Box::new(made)));
        }
    }
    Ok(found)
}

/// As [`made_by`], of a job by its number.
///
/// # Errors
/// [`LedgerError`].
pub fn made_in(ledger: &mut dyn Ledger, id: JobId) -> Result<Option<Made>, LedgerError> {
    let job = ledger.job(id)?;
    made_by(ledger, &job)
}

/// What a job wrote down for another station. Of a job that was ended its maker does not want it registered any more.
///
/// # Errors
/// [`LedgerError`].
pub fn made_by(ledger: &mut dyn Ledger, job: &Job) -> Result<Option<Made>, LedgerError> {
    if job.order.place != Place::Make || job.state == JobState::Ended {
        return Ok(None);
    }
    let progress = Progress::of(&ledger.entries(job.id)?);
    let Phase::Deposited(registration) = progress.phase else { return Ok(None) };
    Ok(Some(Made { order: job.order.clone(), registration, pin_change_forced: progress.forced }))
}

fn challenge_hash(challenge: &str) -> String {
    hex(&Sha256::digest(challenge.as_bytes()))
}

impl Enrolment<'_> {
    /// Instead of the registration: writes it down for the station that has a network.
    pub(super) fn deposit(
        &mut self,
        work: &Work,
        key: Option<Finished>,
        registration: Registration,
    ) -> Result<Stage, EnrolError> {
        self.begins(Step::Deposit);
        if self.desk.clock.now() >= registration.expires {
            return Ok(self.expired(work, key));
        }
        if key.is_none() && self.was_wiped(work) {
            self.desk.notice("somebody has wiped the key since: the passkey is made anew");
            return Ok(Stage::Undo(None, Then::Remake));
        }
        let pin_change_forced = matches!(key, Some(Finished::Sealed(_))) || Progress::of(&self.ledger.entries(work.id)?).forced;
        let made = Made { order: work.order.clone(), registration: registration.clone(), pin_change_forced };
        let intent = Intent::Deposit { registration: registration.clone() };
        self.journaled(work.id, &intent, None, |this| {
            let Some(outbox) = this.outbox.as_deref_mut() else { return Err(EnrolError::OtherPlace(work.id)) };
            outbox.put(&made).map_err(EnrolError::Results)?;
            Ok(((), Outcome::Done))
        })?;
        self.done(Step::Deposit, "the passkey is in the file for the station that registers it");
        Ok(Stage::HandOver { registration, method: None, pin: key.map(Finished::into_pin) })
    }

    /// A job is gone on with where it began: with an outbox, or without one.
    pub(super) fn same_place(&self, job: &Job) -> Result<(), EnrolError> {
        let here = if self.outbox.is_some() { Place::Make } else { Place::Here };
        if job.order.place == here { Ok(()) } else { Err(EnrolError::OtherPlace(job.id)) }
    }

    /// Registers a passkey that another station made by these options. Never twice: a run that was broken off is taken up, and
    /// asks the tenant first.
    ///
    /// # Errors
    /// [`EnrolError`] if the outcome is not known or another moment may be better; the same call goes on then.
    pub fn submit(&mut self, made: &Made, options: &CreationOptions) -> Result<Submitted, EnrolError> {
        if let Err(error) = sound(made, options) {
            return Ok(Submitted::Refused(error.into()));
        }
        match self.earlier(made)? {
            Some(Earlier::Open(job)) => return self.resubmit(job),
            Some(Earlier::Registered(method)) => return Ok(Submitted::Before(method)),
            Some(Earlier::Another) => return Ok(Submitted::Refused(EnrolError::ChallengeUsed)),
            None => {}
        }
        let user = self.provider.user(&made.order.user_id)?;
        let order = NewJob { place: Place::Register, operator: self.operator.clone(), task: None, ..made.order.clone() };
        let id = self.ledger.open_job(&order)?;
        let (upn, serial) = (order.upn.clone(), order.key.shown_serial().map(ToOwned::to_owned));
        self.desk.tell(&Event::JobOpened { job: id.0, upn, serial });
        self.post(id, order, user, made.registration.clone(), false)
    }

    /// Goes on with the registration of what another station made.
    ///
    /// # Errors
    /// As [`Enrolment::submit`].
    pub fn resubmit(&mut self, id: JobId) -> Result<Submitted, EnrolError> {
        let job = self.ledger.claim(id)?;
        self.same_tenant(&job)?;
        if job.order.place != Place::Register {
            return Err(EnrolError::OtherPlace(id));
        }
        match Progress::of(&self.ledger.entries(id)?).phase {
            Phase::Registered(registration, method) => {
                let user = self.provider.user(&job.order.user_id)?;
                self.finish(id, &user, &registration, method)
            }
            Phase::RegisterUnsure(registration) => {
                let user = self.provider.user(&job.order.user_id)?;
                self.post(id, job.order, user, registration, true)
            }
            _ => {
                self.ledger.close(id, JobState::Ended)?;
                Ok(Submitted::Refused(EnrolError::NothingPosted(id)))
            }
        }
    }

    fn post(
        &mut self,
        id: JobId,
        order: NewJob,
        user: User,
        registration: Registration,
        ask_first: bool,
    ) -> Result<Submitted, EnrolError> {
        let work = Work { id, order, user, model: "Security key".into() };
        let refusal = match self.register(&work, None, registration, ask_first) {
            Ok(Stage::HandOver { registration, method: Some(method), .. }) => {
                return self.finish(id, &work.user, &registration, method);
            }
            Ok(Stage::Undo(_, Then::Stop(error))) => error,
            Ok(_) => EnrolError::PreparedExpired(work.user.upn.clone()),
            Err(error) => {
                self.end_if_untouched(id);
                return Err(error);
            }
        };
        self.withdraw_strays(&work)?;
        self.ledger.close(id, JobState::Ended)?;
        Ok(Submitted::Refused(refusal))
    }

    fn finish(&mut self, id: JobId, user: &User, registration: &Registration, method: String) -> Result<Submitted, EnrolError> {
        self.read_back(user, &registration.credential_id)?;
        self.ledger.close(id, JobState::Done)?;
        Ok(Submitted::Registered(method))
    }

    /// What earlier runs made of the same passkey, or of another one for the same challenge.
    fn earlier(&mut self, made: &Made) -> Result<Option<Earlier>, EnrolError> {
        let mut another = None;
        for job in self.ledger.jobs_of_user(&made.order.user_id, None)? {
            let same = job.order.tenant == self.tenant && job.order.user_id == made.order.user_id;
            if !same || job.order.place != Place::Register || job.state == JobState::Ended {
                continue;
            }
            let phase = Progress::of(&self.ledger.entries(job.id)?).phase;
            if job.state == JobState::Open && phase == Phase::Untouched {
                // Broken off before anything was posted.
                self.ledger.claim(job.id)?;
                self.ledger.close(job.id, JobState::Ended)?;
                continue;
            }
            let (Phase::RegisterUnsure(posted) | Phase::Registered(posted, _)) = &phase else { continue };
            if posted.client_data_json != made.registration.client_data_json {
                continue;
            }
            if posted.credential_id != made.registration.credential_id {
                another = Some(Earlier::Another);
                continue;
            }
            return Ok(Some(match (job.state, phase) {
                (JobState::Done, Phase::Registered(_, method)) => Earlier::Registered(method),
                _ => Earlier::Open(job.id),
            }));
        }
        Ok(another)
    }
}

enum Earlier {
    Open(JobId),
    Registered(String),
    Another,
}

/// A file from outside says that this was verified; here it is verified again.
fn sound(made: &Made, options: &CreationOptions) -> Result<(), AttestationError> {
    let sent = &made.registration;
    ClientData::check(&sent.client_data_json, options)?;
    let expected = Expected::by_hash(options, Sha256::digest(&sent.client_data_json).into());
    let object = AttestationObject::parse(&sent.attestation_object)?;
    let found = object.verify(&expected.with_credential_id(sent.credential_id.clone()))?.aaguid;
    let expected = made.order.key.aaguid;
    if found == expected { Ok(()) } else { Err(AttestationError::OtherModel { expected, found }) }
}
