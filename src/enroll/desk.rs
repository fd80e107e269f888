//! What an enrolment works with: the traits, handed in together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::CryptoRng;

use super::EnrolError;
use super::choice::Selector;
use crate::clock::SharedClock;
use crate::ctap::{Authenticator, Bus, Cancel, Change, CtapError, Link, LinkError, LinkKind, Tools, Wait};
use crate::ui::{Event, Ui};

/// Makes a generator for whoever needs one of their own.
pub type Generator = Box<dyn CryptoRng + Send>;
/// Hands out generators.
pub type GeneratorSource = Arc<dyn Fn() -> Generator + Send + Sync>;

/// A key that has just been put in may need this long until all of its interfaces answer (ykman allows 5 s).
const SETTLE: Duration = Duration::from_secs(3);
/// Between two tries to open it.
const SETTLE_STEP: Duration = Duration::from_millis(100);

/// Where keys come and go, with a person in front of it. Everything that touches a key goes through here.
pub struct Desk<'a> {
    /// Ports and readers.
    pub bus: &'a mut dyn Bus,
    /// The person.
    pub ui: Arc<dyn Ui>,
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub generators: GeneratorSource,
    /// Stop request.
    pub cancel: Cancel,
    /// How long to wait for hands.
    pub patience: Duration,
    /// Which key is meant; `None` for the only one.
    pub selector: Option<Selector>,
    /// Somebody is there: where several keys could be meant, a touch decides.
    pub attended: bool,
}

impl fmt::Debug for Desk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("selector", &self.selector).field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Desk<'_> {
    /// Tells the person.
    pub fn tell(&self, event: &Event) {
        self.ui.tell(event);
    }

    /// Tells that something was dealt with.
    pub fn notice(&self, sentence: impl Into<String>) {
        self.tell(&Event::Notice { sentence: sentence.into() });
    }

    /// Opens a link and reads what the authenticator says about itself.
    ///
    /// # Errors
    /// [`CtapError`].
    pub fn open(&mut self, link: &Link) -> Result<Authenticator, CtapError> {
        let transport = self.bus.open(link)?;
        let (ui, long) = (Arc::clone(&self.ui), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&long);
        let tools = Tools {
            clock: Arc::clone(&self.clock),
            rng: (self.generators)(),
            cancel: self.cancel.clone(),
            on_wait: Box::new(move |wait: Wait| ui.tell(&Event::KeyWaits { wait, long: seen.load(Ordering::Relaxed) })),
        };
        let authenticator = Authenticator::open(transport, tools)?;
        long.store(authenticator.info().long_touch_for_reset(), Ordering::Relaxed);
        Ok(authenticator)
    }

    /// Opens a link that has just appeared: its interfaces may need a moment.
    ///
    /// # Errors
    /// What the last try said.
    pub fn open_settling(&mut self, link: &Link) -> Result<Authenticator, CtapError> {
        let until = self.clock.monotonic().saturating_add(SETTLE);
        loop {
            match self.open(link) {
                Err(CtapError::Link(LinkError::Busy | LinkError::Gone | LinkError::Timeout | LinkError::AccessDenied(_)))
                    if self.clock.monotonic() < until && !self.cancel.requested() =>
                {
                    self.clock.sleep(SETTLE_STEP);
                }
                done => return done,
            }
        }
    }

    /// Has the key that is there taken out, because another one is needed.
    ///
    /// # Errors
    /// [`EnrolError::NotRemoved`].
    pub fn make_room(&mut self) -> Result<(), EnrolError> {
        let Some(link) = self.bus.links()?.into_iter().next() else { return Ok(()) };
        self.tell(&Event::RemoveKey { reader: link.kind != LinkKind::Usb });
        let until = self.clock.monotonic().saturating_add(self.patience);
        loop {
            let left = until.saturating_sub(self.clock.monotonic());
            match self.bus.wait(left, &self.cancel)? {
                Some(Change::Removed(_)) => return Ok(()),
                Some(_) if !left.is_zero() => {}
                _ => return Err(EnrolError::NotRemoved),
            }
        }
    }

    /// Finds the one key that is meant, waiting for it if none is there.
    ///
    /// # Errors
    /// [`EnrolError::NoKey`], [`EnrolError::NoSuchKey`], [`EnrolError::SeveralKeys`], [`EnrolError::NoTouch`], or what
    /// opening it said.
    pub fn find_key(&mut self) -> Result<Authenticator, EnrolError> {
        let mut links = self.bus.links()?;
        if links.is_empty() {
            self.tell(&Event::InsertKey);
            let until = self.clock.monotonic().saturating_add(self.patience);
            while links.is_empty() {
                let left = until.saturating_sub(self.clock.monotonic());
                if left.is_zero() || self.bus.wait(left, &self.cancel)?.is_none() {
                    return Err(EnrolError::NoKey);
                }
                links = self.bus.links()?;
            }
        }
        self.choose(links)
    }
}

/// A link as one line for a person.
pub fn link_line(link: &Link) -> String {
    match &link.product {
        Some(product) => format!("{product} at {}", link.path),
        None => link.path.clone(),
    }
}
