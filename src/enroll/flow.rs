//! One enrolment as a walk over stages. A stage owns what proves that it may run (a blank key, a key whose PIN is
//! known, a verified registration) and names the stage that follows; every act stands in the journal before it happens.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::consent::EraseConsent;
use super::desk::Desk;
use super::elsewhere::Outbox;
use super::error::EnrolError;
use super::handing::HandOver;
use super::hardening::HardeningRules;
use super::notice::Notice;
use super::outcome::outcome_of;
use super::progress::{Phase, Progress};
use crate::aaguid::Aaguid;
use crate::ctap::{Authenticator, Blank, LinkError, Pinned, Sealed};
use crate::handover::pin::{Alphabet, Safe};
use crate::identity::{IdentityProvider, Offer, Registration, User};
use crate::ledger::{Intent, Job, JobId, JobState, Ledger, NewJob, Outcome, TaskId, Ticket};
use crate::metadata::Severity;
use crate::metadata::blob::Blob;
use crate::secret::{Pin, SealedPin};
use crate::ui::{Event, Step, Summary};

/// Passkeys made in one run at most: a new one is made only when a challenge ran out under way.
const MAKES: u8 = 3;

/// When a key is wiped first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetPolicy {
    /// Unless it is fresh from the box.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all: a key that is not fresh is refused.
    Never,
}

/// Wishes for the temporary PIN; the key's own limits come on top.
#[derive(Clone, Copy, Debug, Default)]
pub struct PinWishes {
    /// What it is made of.
    pub alphabet: Alphabet,
    /// Fewest characters; 0 for no wish.
    pub minimum: usize,
    /// A spreadsheet must not change it.
    pub for_spreadsheet: bool,
}

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// User principal name or object id.
    pub user: String,
    /// When to wipe.
    pub reset: ResetPolicy,
    /// Losing what a used key holds was agreed to on the command line.
    pub erase_agreed: bool,
    /// A key that cannot force a PIN change was agreed to on the command line.
    pub unforced_pin_agreed: bool,
    /// Advisories from this severity on stop the enrolment.
    pub deny_advisory: Option<Severity>,
    /// Signed metadata: an attestation has to lead to a root of its model, if the model is in it.
    pub metadata: Option<Arc<Blob>>,
    /// When a key proves its model by it.
    pub proof: Proof,
    /// Name of the passkey in the tenant; `None` for model and serial number.
    pub display_name: Option<String>,
    /// Wishes for the temporary PIN.
    pub pin: PinWishes,
    /// How the key is hardened.
    pub hardening: HardeningRules,
    /// Models whose surprises at the first sign-in were told: shared by the enrolments that are made with clones of this.
    pub foretold: Arc<Mutex<BTreeSet<Aaguid>>>,
    /// A longer life for the challenge than the tenant's default.
    pub challenge_life: Option<Duration>,
    /// A message to the user once the passkey is registered.
    pub notice: Option<Notice>,
    /// What tells the passkey's name from that of the user's other key, if the key has no serial number to do so.
    pub mark: Option<String>,
    /// Id of the user's passkey that goes once the new one is verified and its PIN is handed over.
    pub replaces: Option<String>,
    /// The task of a batch that it is for, leased by the ledger that the enrolment writes to.
    pub task: Option<TaskId>,
    /// How far one call goes; another one goes on from there.
    pub until: Until,
    /// No key can be had: what cannot be done without one ends with [`EnrolError::KeyNeeded`].
    pub keyless: bool,
}

/// When a key proves that it is of the model that it says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// When its passkey is made.
    #[default]
    WhenMade,
    /// Before anything on it changes, which costs a touch.
    Beforehand,
}

/// How far one call of [`Enrolment::start_part`] or [`Enrolment::resume_part`] goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// To the end.
    #[default]
    HandedOver,
    /// Until the key may leave its port: its passkey is made, and its PIN has to be changed.
    Sealed,
    /// Until the tenant has the passkey.
    Registered,
}

/// Where a call ended. A job that is not handed over stays open, and nobody has a claim on it any more.
#[derive(Clone, Debug)]
pub enum End {
    /// Everything is done.
    HandedOver(Box<Summary>),
    /// The key may leave its port; the job waits for the registration of its passkey.
    Sealed(JobId),
    /// The tenant has the passkey; the job waits for its hand-over.
    Registered(JobId),
}

/// Everything that one enrolment needs.
pub struct Enrolment<'a> {
    /// Ports, readers and the person.
    pub desk: Desk<'a>,
    /// The tenant.
    pub provider: &'a mut dyn IdentityProvider,
    /// The record.
    pub ledger: &'a mut dyn Ledger,
    /// Seals PINs.
    pub safe: &'a dyn Safe,
    /// Name of the tenant, for the record.
    pub tenant: String,
    /// Who runs this, for the record.
    pub operator: String,
    /// Where registrations go that another station will post; `None` where they are posted from here.
    pub outbox: Option<&'a mut dyn Outbox>,
    /// The way a PIN goes to its user.
    pub handing: &'a mut dyn HandOver,
}

impl fmt::Debug for Enrolment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment").field("desk", &self.desk).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// The job at hand.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) id: JobId,
    pub(super) order: NewJob,
    pub(super) user: User,
    pub(super) model: String,
}

/// A key whose passkey is made: sealed, or (with consent) not.
pub(super) enum Finished {
    Sealed(Sealed),
    Unforced(Pinned),
}

/// Whether the key was wiped by this job, or only looked fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Wiped,
    Claimed,
}

/// What follows an undone registration.
#[derive(Debug)]
pub(super) enum Then {
    Remake,
    Stop(EnrolError),
}

/// The next thing to do, with what it needs.
pub(super) enum Stage {
    Erase(Authenticator, EraseConsent),
    SetPin(Blank, Freshness),
    Harden(Pinned, Option<Offer>),
    Make(Pinned, Option<Offer>),
    Clean(Pinned, Then),
    Seal(Pinned, Registration),
    Register { key: Option<Finished>, registration: Registration, ask_first: bool },
    Undo(Option<Finished>, Then),
    HandOver { registration: Registration, method: Option<String>, pin: Option<Pin> },
}

/// What a stage leads to.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and it is moved at once")]
enum Next {
    Stage(Stage),
    End(End),
}

fn summary_of(end: End) -> Result<Summary, EnrolError> {
    match end {
        End::HandedOver(summary) => Ok(*summary),
        End::Sealed(_) | End::Registered(_) => Err(EnrolError::NotHandedOver),
    }
}

impl Enrolment<'_> {
    /// Enrols a key for a user, or finishes what an earlier run left open for the same user. With
    /// [`ResetPolicy::Always`] it starts anew; the older job ends when its key is wiped for this one.
    ///
    /// # Errors
    /// [`EnrolError`]; what was begun can be resumed.
    pub fn run(&mut self, order: &Order) -> Result<Summary, EnrolError> {
        let user = self.provider.user(&order.user)?;
        let whole = Order { until: Until::HandedOver, ..order.clone() };
        let end = match self.unfinished(&user, order.task)? {
            Some(job) if order.reset != ResetPolicy::Always => self.resume_job(job.id, user, &whole)?,
            _ => self.start(user, &whole)?,
        };
        summary_of(end)
    }

    /// Enrols a key as far as the order says, without a look at what the same user has unfinished.
    ///
    /// # Errors
    /// What [`Enrolment::run`] can return.
    pub fn start_part(&mut self, order: &Order) -> Result<End, EnrolError> {
        let user = self.provider.user(&order.user)?;
        self.start(user, order)
    }

    /// Finishes an unfinished job.
    ///
    /// # Errors
    /// What [`Enrolment::run`] can return.
    pub fn resume(&mut self, id: JobId, order: &Order) -> Result<Summary, EnrolError> {
        let whole = Order { until: Until::HandedOver, ..order.clone() };
        summary_of(self.resume_part(id, &whole)?)
    }

    /// Goes on with an unfinished job, as far as the order says.
    ///
    /// # Errors
    /// What [`Enrolment::run`] can return, and [`EnrolError::KeyNeeded`] without a key.
    pub fn resume_part(&mut self, id: JobId, order: &Order) -> Result<End, EnrolError> {
        let job = self.ledger.claim(id)?;
        self.same_tenant(&job)?;
        let user = self.provider.user(&job.order.user_id)?;
        self.resume_job(id, user, order)
    }

    pub(super) fn start(&mut self, user: User, order: &Order) -> Result<End, EnrolError> {
        self.begins(Step::Preflight);
        self.handing.check(&user)?;
        let key = self.desk.find_key()?;
        let (work, stage) = self.preflight(key, user, order)?;
        self.drive(&work, order, stage)
    }

    /// Walks the stages to the end. A job that changed nothing does not stay open.
    pub(super) fn drive(&mut self, work: &Work, order: &Order, mut stage: Stage) -> Result<End, EnrolError> {
        let mut makes = 0_u8;
        loop {
            if matches!(stage, Stage::Make(..)) {
                makes = makes.saturating_add(1);
                if makes > MAKES {
                    return Err(EnrolError::StaleChallenge);
                }
            }
            stage = match self.advance(work, order, stage) {
                Ok(Next::Stage(stage)) => stage,
                Ok(Next::End(end)) => return Ok(end),
                Err(error) => {
                    self.desk.tell(&Event::KeyIdle);
                    self.end_if_untouched(work.id);
                    return Err(error);
                }
            };
        }
    }

    /// One stage. A stop request is heard before each, so that no command is begun that would be broken off at once.
    fn advance(&mut self, work: &Work, order: &Order, stage: Stage) -> Result<Next, EnrolError> {
        if self.desk.cancel.requested() {
            return Err(LinkError::Cancelled.into());
        }
        let next = match stage {
            Stage::HandOver { registration, method, .. } if order.until != Until::HandedOver => {
                // Directories are slow to list what they took: the wait for it is part of the registration.
                if method.is_some() {
                    self.read_back(&work.user, &registration.credential_id)?;
                }
                return self.part(work, End::Registered);
            }
            Stage::Register { .. } if order.until == Until::Sealed => return self.part(work, End::Sealed),
            Stage::HandOver { registration, method, pin } => {
                let summary = self.hand_over(work, order, &registration, method, pin)?;
                return Ok(Next::End(End::HandedOver(Box::new(summary))));
            }
            Stage::Erase(key, consent) => self.erase(work, key, &consent),
            Stage::SetPin(blank, freshness) => self.set_pin(work, order, blank, freshness),
            Stage::Harden(pinned, offer) => self.harden(work, pinned, offer),
            Stage::Make(pinned, offer) => self.make(work, order, pinned, offer),
            Stage::Clean(pinned, then) => self.clean(work, pinned, then),
            Stage::Seal(pinned, registration) => self.seal(work, order, pinned, registration),
            Stage::Register { key, registration, .. } if self.outbox.is_some() => self.deposit(work, key, registration),
            Stage::Register { key, registration, ask_first } => self.register(work, key, registration, ask_first),
            Stage::Undo(key, then) => self.undo(work, order, key, then),
        };
        next.map(Next::Stage)
    }

    /// Gives the job up for whoever goes on with it.
    fn part(&mut self, work: &Work, end: fn(JobId) -> End) -> Result<Next, EnrolError> {
        self.ledger.release(work.id)?;
        Ok(Next::End(end(work.id)))
    }

    pub(super) fn end_if_untouched(&mut self, job: JobId) {
        let untouched = self.ledger.entries(job).is_ok_and(|entries| Progress::of(&entries).phase == Phase::Untouched);
        if untouched && let Err(error) = self.ledger.close(job, JobState::Ended) {
            log::warn!("job {job} changed nothing but could not be ended: {error}");
        }
    }

    /// Another tenant's answers say nothing about a job.
    pub(super) fn same_tenant(&self, job: &Job) -> Result<(), EnrolError> {
        if job.order.tenant == self.tenant {
            return Ok(());
        }
        Err(EnrolError::OtherTenant { job: job.id, tenant: job.order.tenant.clone() })
    }

    /// The open job of a user; for a task of a batch its own, or one that is for no task.
    pub(super) fn unfinished(&mut self, user: &User, task: Option<TaskId>) -> Result<Option<Job>, EnrolError> {
        let mut open = self.ledger.jobs_of_user(&user.id, Some(JobState::Open))?;
        open.retain(|job| job.order.user_id == user.id && job.order.tenant == self.tenant);
        if task.is_none() {
            return Ok(open.into_iter().next());
        }
        let own = open.iter().position(|job| job.order.task == task);
        let other = || open.iter().position(|job| job.order.task.is_none());
        Ok(own.or_else(other).map(|index| open.swap_remove(index)))
    }

    /// Writes the intent, acts, writes the outcome. An act without its row does not happen.
    pub(super) fn journaled<T>(
        &mut self,
        job: JobId,
        intent: &Intent,
        pin: Option<&SealedPin>,
        act: impl FnOnce(&mut Self) -> Result<(T, Outcome), EnrolError>,
    ) -> Result<T, EnrolError> {
        let ticket = self.ledger.before(job, intent, pin)?;
        match act(self) {
            Ok((value, outcome)) => {
                self.ledger.after(ticket, &outcome)?;
                Ok(value)
            }
            Err(error) => Err(self.record_failure(ticket, error)),
        }
    }

    /// Records how an act failed and hands the error on; a ledger that fails as well must not hide the first reason.
    pub(super) fn record_failure(&mut self, ticket: Ticket, error: EnrolError) -> EnrolError {
        self.write_down(ticket, &outcome_of(&error));
        error
    }

    pub(super) fn write_down(&mut self, ticket: Ticket, outcome: &Outcome) {
        if let Err(error) = self.ledger.after(ticket, outcome) {
            log::warn!("the outcome could not be written down: {error}");
        }
    }

    pub(super) fn begins(&self, step: Step) {
        self.desk.tell(&Event::StepBegins { step });
    }

    pub(super) fn done(&self, step: Step, note: impl Into<String>) {
        self.desk.tell(&Event::KeyIdle);
        self.desk.tell(&Event::StepDone { step, note: note.into() });
    }
}
