//! The way a temporary PIN goes to its user: the seam, the screen, and what the journal says of it.
//!
//! A hand-over that was broken off is done again, and the journal then shows a second copy. Only one that was confirmed
//! destroys the sealed copy.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::EnrolError;
use super::flow::Enrolment;
use super::progress::Progress;
use crate::advice::{Advice, Advised};
use crate::ctap::LinkError;
use crate::identity::User;
use crate::ledger::{Intent, JobId, JobState, Outcome};
use crate::secret::Pin;
use crate::ui::{Answer, Event, HandedBy, Question, Summary, Ui};

/// What is handed over, and to whom.
#[expect(missing_debug_implementations, reason = "it holds a PIN")]
pub struct Handing<'a> {
    /// The job.
    pub job: JobId,
    /// Its user.
    pub user: &'a User,
    /// The enrolment.
    pub summary: &'a Summary,
    /// The PIN.
    pub pin: &'a Pin,
    /// Now.
    pub now: Timestamp,
}

/// Where a PIN went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The face showed it, together with the summary.
    Shown,
    /// Somewhere else; the record keeps this about it, such as the name of a file. It names neither PIN nor user.
    Put(Option<String>),
}

/// Who says that a PIN has reached its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody has to: it lies where it belongs and would survive a power cut.
    ByItself,
    /// A person is asked; where nobody is there, whatever reads the output has it.
    Asked,
    /// A person has to, now or later (`keywright pins confirm`). Until then the sealed copy stays.
    Needed,
}

/// A way of handing PINs over.
pub trait HandOver: Send {
    /// Its word in the journal and in results: `screen`, `letter`, `sealed`, `clear`.
    fn means(&self) -> &'static str;

    /// Who says that a PIN has reached its user.
    fn confirmation(&self) -> Confirmation;

    /// Checks before the key is touched whether it can be done for this user.
    ///
    /// # Errors
    /// [`NotDelivered`].
    fn check(&mut self, user: &User) -> Result<(), NotDelivered>;

    /// Hands a PIN over. When it returns, what was written would survive a power cut. Done a second time, it makes a second
    /// copy and leaves the first one alone.
    ///
    /// # Errors
    /// [`NotDelivered`]: the sealed copy stays.
    fn deliver(&mut self, handing: &Handing<'_>) -> Result<Delivery, NotDelivered>;
}

/// Why a PIN was not handed over, in the words of whoever was to do it.
#[derive(Clone, Debug)]
pub struct NotDelivered {
    /// The sentence with details; never a PIN.
    pub sentence: String,
    /// The row of the catalogue.
    pub advice: &'static Advice,
}

impl NotDelivered {
    /// From an error of the layer that knows how it is done.
    pub fn by(error: &impl Advised) -> Self {
        Self { sentence: error.to_string(), advice: error.advice() }
    }
}

impl std::error::Error for NotDelivered {}

impl fmt::Display for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Advised for NotDelivered {
    fn advice(&self) -> &'static Advice {
        self.advice
    }
}

/// The screen, or whatever stands in its place: the face shows the PIN with the summary.
pub struct Screen {
    ui: Arc<dyn Ui>,
}

impl Screen {
    /// Of this face.
    pub fn new(ui: Arc<dyn Ui>) -> Self {
        Self { ui }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

impl HandOver for Screen {
    fn means(&self) -> &'static str {
        "screen"
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::Asked
    }

    fn check(&mut self, _user: &User) -> Result<(), NotDelivered> {
        Ok(())
    }

    fn deliver(&mut self, handing: &Handing<'_>) -> Result<Delivery, NotDelivered> {
        match self.ui.hand_over(handing.summary, handing.pin) {
            Ok(()) => Ok(Delivery::Shown),
            Err(error) => Err(NotDelivered::by(&EnrolError::NotShown(error.to_string()))),
        }
    }
}

impl Enrolment<'_> {
    /// Hands the PIN of a job over, and destroys its sealed copy once that is confirmed. What was confirmed before is not
    /// handed over again.
    pub(super) fn hand(&mut self, job: JobId, user: &User, mut summary: Summary, pin: &Pin) -> Result<Summary, EnrolError> {
        if Progress::of(&self.ledger.entries(job)?).confirmed {
            self.desk.notice("the PIN was handed over before, and that was confirmed: there is no second copy");
            return self.handed(job, user, summary);
        }
        let means = self.handing.means();
        let ticket = self.ledger.before(job, &Intent::HandOver { means: means.into() }, None)?;
        let handing = Handing { job, user, summary: &summary, pin, now: self.desk.clock.now() };
        let delivery = match self.handing.deliver(&handing) {
            Ok(delivery) => delivery,
            Err(error) => return Err(self.record_failure(ticket, error.into())),
        };
        let confirmed = match self.handing.confirmation() {
            Confirmation::ByItself => true,
            rule => match self.desk.ui.ask(&Question::HandedOver) {
                // Who stops at this question has not said yes.
                _ if self.desk.cancel.requested() => return Err(self.record_failure(ticket, LinkError::Cancelled.into())),
                Some(Answer::No) => return Err(self.record_failure(ticket, EnrolError::NotHandedOver)),
                Some(Answer::Yes) => true,
                None => rule == Confirmation::Asked,
            },
        };
        let file = match delivery {
            Delivery::Shown => {
                self.ledger.after(ticket, &Outcome::Done)?;
                return self.handed(job, user, summary);
            }
            Delivery::Put(file) => file,
        };
        self.ledger.after(ticket, &Outcome::Delivered { file: file.clone(), confirmed })?;
        summary.hand_over = Some(HandedBy { job: job.0, means, file, confirmed });
        if confirmed {
            return self.handed(job, user, summary);
        }
        self.desk.notice(format!(
            "the PIN stays sealed in the ledger until somebody has looked at it: `keywright pins confirm {job}`"
        ));
        self.ledger.release(job)?;
        self.desk.tell(&Event::KeyIdle);
        self.tell_result(&summary);
        Ok(summary)
    }

    fn handed(&mut self, job: JobId, user: &User, summary: Summary) -> Result<Summary, EnrolError> {
        self.retire_older(job, user, summary.method_id.as_deref())?;
        self.ledger.close(job, JobState::Done)?;
        self.desk.tell(&Event::KeyIdle);
        if summary.hand_over.is_some() {
            self.tell_result(&summary);
        }
        Ok(summary)
    }

    /// The PIN is where it belongs: that the rest cannot be shown changes nothing.
    fn tell_result(&self, summary: &Summary) {
        if let Err(error) = self.desk.ui.finish(summary) {
            log::warn!("the result could not be shown: {error}");
        }
    }
}
