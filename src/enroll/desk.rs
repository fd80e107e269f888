//! What an enrolment works with: the traits, handed in together.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::CryptoRng;

use super::EnrolError;
use crate::clock::SharedClock;
use crate::ctap::{Authenticator, Bus, Cancel, CtapError, Link, LinkError, Tools, Wait};
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
    /// Which key is meant: a part of its serial, path, reader, port or product; `None` if it is the only one.
    pub selector: Option<String>,
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

    /// Finds the one key that is meant, waiting for it if none is there.
    ///
    /// # Errors
    /// [`EnrolError::NoKey`], [`EnrolError::SeveralKeys`], or what opening it said.
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
            let link = self.choose(links)?;
            return Ok(self.open_settling(&link)?);
        }
        let link = self.choose(links)?;
        Ok(self.open(&link)?)
    }

    /// The links that the selector means; a serial number that only the key itself knows is asked for.
    fn choose(&mut self, links: Vec<Link>) -> Result<Link, EnrolError> {
        let mut fitting = match self.selector.clone() {
            None => links,
            Some(selector) => {
                let by_name: Vec<Link> = links.iter().filter(|link| named(link, &selector)).cloned().collect();
                if by_name.is_empty() {
                    links.into_iter().filter(|link| self.has_serial(link, &selector)).collect()
                } else {
                    by_name
                }
            }
        };
        match (fitting.pop(), fitting.len()) {
            (Some(link), 0) => Ok(link),
            (None, _) => Err(EnrolError::NoKey),
            (Some(last), others) => {
                let keys = fitting.iter().chain([&last]).map(link_line).collect();
                self.tell(&Event::TooManyKeys { keys });
                Err(EnrolError::SeveralKeys(others.saturating_add(1)))
            }
        }
    }

    fn has_serial(&mut self, link: &Link, selector: &str) -> bool {
        let identity = self.open(link).and_then(|mut key| key.identity());
        identity.is_ok_and(|identity| identity.shown_serial().is_some_and(|serial| serial.eq_ignore_ascii_case(selector)))
    }
}

fn named(link: &Link, selector: &str) -> bool {
    let wanted = selector.to_lowercase();
    let names = [Some(&link.path), link.usb_serial.as_ref(), link.port.as_ref(), link.product.as_ref()];
    names.into_iter().flatten().any(|name| name.to_lowercase().contains(&wanted))
}

/// A link as one line for a person.
pub fn link_line(link: &Link) -> String {
    match &link.product {
        Some(product) => format!("{product} at {}", link.path),
        None => link.path.clone(),
    }
}
