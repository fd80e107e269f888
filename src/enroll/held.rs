//! PINs that the ledger still holds: which, why, a copy of one once more, and the word that one has reached its user.

use jiff::Timestamp;

use super::EnrolError;
use super::first_sign_in::of_words;
use super::flow::Enrolment;
use super::hardening::told;
use super::preflight::name_of;
use super::progress::{Phase, Progress};
use crate::identity::{Registration, User};
use crate::ledger::{Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome};
use crate::ui::Summary;

/// Why a PIN is still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The key is not ready or not registered: the enrolment has to be finished.
    Unfinished,
    /// The key is ready for its user, who has not got the PIN.
    NotHandedOver,
    /// It was handed over in a way that somebody has to look after, and nobody has said so.
    NotConfirmed,
    /// It was handed over for good; the job only has to be closed.
    NotClosed,
}

/// A PIN that the ledger holds, sealed.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its job.
    pub job: Job,
    /// Why.
    pub why: Why,
    /// How far the job got, in a few words.
    pub state: &'static str,
    /// When it was sealed.
    pub since: Timestamp,
    /// How often it was handed over or may have been.
    pub copies: usize,
}

/// Every PIN that the ledger holds, the oldest job first.
///
/// # Errors
/// [`LedgerError`].
pub fn held(ledger: &mut dyn Ledger) -> Result<Vec<Held>, LedgerError> {
    let mut found = Vec::new();
    for job in ledger.jobs(Some(JobState::Open))? {
        let entries = ledger.entries(job.id)?;
        let progress = Progress::of(&entries);
        let Some(entry) = entries.iter().find(|entry| progress.pins.contains(&entry.number)) else { continue };
        let ready = matches!(progress.phase, Phase::Registered(..) | Phase::Deposited(_));
        let why = match (ready, progress.confirmed, progress.delivered) {
            (false, ..) => Why::Unfinished,
            (true, true, _) => Why::NotClosed,
            (true, false, true) => Why::NotConfirmed,
            (true, false, false) => Why::NotHandedOver,
        };
        found.push(Held { why, state: progress.words(), since: entry.at, copies: progress.copies, job });
    }
    Ok(found)
}

/// What is told of an enrolment at its end.
pub(super) fn summary_of(
    order: &NewJob,
    registration: &Registration,
    method: Option<String>,
    model: String,
    progress: &Progress,
) -> Summary {
    Summary {
        upn: order.upn.clone(),
        serial: order.key.shown_serial().map(Into::into),
        model,
        aaguid: order.key.aaguid.to_string(),
        register_before: method.is_none().then_some(registration.expires),
        method_id: method,
        display_name: registration.display_name.clone(),
        credential_id: registration.credential_id.to_string(),
        pin_change_forced: progress.forced,
        second_copy: progress.copies > 0,
        notice: None,
        hand_over: None,
        hardening: told(&order.hardening, progress),
        first_sign_in: of_words(&order.surprises),
    }
}

impl Enrolment<'_> {
    /// Hands the PIN of a job over once more, without the key and without the tenant. The record says that it is a second copy.
    ///
    /// # Errors
    /// [`EnrolError::NotReady`] if the key is not registered, or written down for who registers it; what a hand-over can say.
    pub fn hand_again(&mut self, id: JobId, user: &User) -> Result<Summary, EnrolError> {
        let job = self.ledger.claim(id)?;
        let progress = Progress::of(&self.ledger.entries(id)?);
        let (registration, method) = match &progress.phase {
            Phase::Registered(registration, method) => (registration, Some(method.clone())),
            Phase::Deposited(registration) => (registration, None),
            _ => return Err(EnrolError::NotReady(id)),
        };
        self.handing.check(user)?;
        let pin = self.kept_pin(id, progress.pins.first().copied())?;
        let model = name_of(None, job.order.key.aaguid);
        let summary = Summary { upn: user.upn.clone(), ..summary_of(&job.order, registration, method, model, &progress) };
        self.hand(id, user, summary, &pin)
    }

    /// Takes somebody's word that a PIN has reached its user, removes the passkey that the new one replaces, and destroys the
    /// sealed copy.
    ///
    /// # Errors
    /// [`EnrolError::NotReady`], [`EnrolError::NothingDelivered`] if nobody was given it.
    pub fn confirm(&mut self, id: JobId) -> Result<(), EnrolError> {
        let job = self.ledger.claim(id)?;
        let progress = Progress::of(&self.ledger.entries(id)?);
        let method = match progress.phase {
            Phase::Registered(_, method) => Some(method),
            Phase::Deposited(_) => None,
            _ => return Err(EnrolError::NotReady(id)),
        };
        if !progress.confirmed {
            if !progress.delivered {
                return Err(EnrolError::NothingDelivered(id));
            }
            let ticket = self.ledger.before(id, &Intent::Confirm { operator: self.operator.clone() }, None)?;
            self.ledger.after(ticket, &Outcome::Done)?;
        }
        if let Some(method) = method {
            self.retire_confirmed(&job, &method)?;
        }
        Ok(self.ledger.close(id, JobState::Done)?)
    }
}
