//! Which key is meant, where there are several: by name, or by the touch of the person in front of them.

use std::sync::Arc;
use std::time::Duration;

use super::desk::{Desk, link_line};
use super::error::EnrolError;
use crate::aaguid::Aaguid;
use crate::advice::Advised as _;
use crate::ctap::{Authenticator, CtapError, KeyIdentity, Link, Look, Round, Sameness, first_touched};
use crate::ui::Event;

/// How long a touch is waited for.
const TOUCH: Duration = Duration::from_secs(30);
/// Shorter texts are parts of names rather than serial numbers.
const SHORTEST_SERIAL: usize = 6;

/// Which key is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The one that is touched, even if there is only one.
    Touch,
    /// The one with this serial number, AAGUID, path, port or reader, or with this in its path, port, reader or product.
    Named(String),
}

impl From<&str> for Selector {
    fn from(text: &str) -> Self {
        if text.eq_ignore_ascii_case("touch") { Self::Touch } else { Self::Named(text.into()) }
    }
}

impl Desk<'_> {
    /// Opens the key that is meant among these.
    pub(super) fn choose(&mut self, links: Vec<Link>) -> Result<Authenticator, EnrolError> {
        let (fitting, by_touch) = match self.selector.clone() {
            None => (links, false),
            Some(Selector::Touch) => (links, true),
            Some(Selector::Named(name)) => (self.named(&links, &name)?, false),
        };
        match fitting.as_slice() {
            [] => Err(EnrolError::NoKey),
            [only] if !by_touch => Ok(self.open_settling(only)?),
            several if by_touch || self.attended => self.touched(several),
            several => {
                self.tell(&Event::TooManyKeys { keys: several.iter().map(link_line).collect() });
                Err(EnrolError::SeveralKeys(several.len()))
            }
        }
    }

    /// Finds a key that was seen before: where several are there and none is named, the one that proves to be it.
    ///
    /// # Errors
    /// As [`Desk::find_key`].
    pub(super) fn find_key_again(&mut self, before: &KeyIdentity) -> Result<Authenticator, EnrolError> {
        let links = self.bus.links()?;
        if self.selector.is_none() && links.len() > 1 {
            for link in &links {
                // One that cannot be asked is not ruled out: if no other proves to be it, it is asked for below.
                let Ok(mut key) = self.open(link) else { continue };
                if key.identity().is_ok_and(|now| matches!(now.compare(before, Look::Later), Sameness::Same(_))) {
                    return Ok(key);
                }
            }
        }
        self.find_key()
    }

    /// The links that a name means. A whole name goes before a part of one, and what only the key itself can tell is asked
    /// of it before a part of some other name is taken for it.
    fn named(&mut self, links: &[Link], name: &str) -> Result<Vec<Link>, EnrolError> {
        let by = |fits: fn(&str, &str) -> bool| -> Vec<Link> {
            let wanted = name.to_lowercase();
            links.iter().filter(|link| names(link).any(|name| fits(&name.to_lowercase(), &wanted))).cloned().collect()
        };
        let exact = by(|name, wanted| name == wanted);
        if !exact.is_empty() {
            return Ok(exact);
        }
        let parts = by(|name, wanted| name.contains(wanted));
        if !parts.is_empty() && !could_be_asked_for(name) {
            return Ok(parts);
        }
        let mut failure = None;
        let mut asked = Vec::new();
        for link in links {
            match self.is_its_own(link, name) {
                Ok(true) => asked.push(link.clone()),
                Ok(false) => {}
                Err(error) => failure = Some(error),
            }
        }
        match (asked.is_empty(), parts.is_empty(), failure) {
            (false, ..) => Ok(asked),
            (true, false, _) => Ok(parts),
            // The key that is meant may be the one that cannot be asked.
            (true, true, Some(error)) => Err(error.into()),
            (true, true, None) => Err(EnrolError::NoSuchKey(name.into())),
        }
    }

    /// Whether the key calls itself that: its maker's serial number, or its AAGUID.
    fn is_its_own(&mut self, link: &Link, name: &str) -> Result<bool, CtapError> {
        let mut key = self.open(link)?;
        if name.parse::<Aaguid>().is_ok_and(|aaguid| aaguid == key.info().aaguid) {
            return Ok(true);
        }
        Ok(key.identity()?.shown_serial().is_some_and(|serial| serial.eq_ignore_ascii_case(name)))
    }

    /// Asks every key for a touch; the first that is touched is meant.
    fn touched(&mut self, links: &[Link]) -> Result<Authenticator, EnrolError> {
        let (mut keys, mut failure) = (Vec::new(), None);
        for link in links {
            match self.open_settling(link) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    self.notice(left_out(link, &error));
                    failure = Some(error);
                }
            }
        }
        self.tell(&Event::ChooseKey { keys: keys.iter().map(|key| link_line(key.link())).collect() });
        let ui = Arc::clone(&self.ui);
        let tell = move |link: &Link, error: &CtapError| ui.tell(&Event::Notice { sentence: left_out(link, error) });
        let round = first_touched(keys, TOUCH, &self.cancel, &tell);
        self.tell(&Event::KeyIdle);
        match round? {
            Round::Touched(key) => {
                self.notice(format!("{} was touched", link_line(key.link())));
                Ok(*key)
            }
            Round::Untouched => Err(EnrolError::NoTouch),
            Round::Unasked(reason) => match reason.or(failure) {
                Some(reason) if links.len() == 1 => Err(reason.into()),
                _ => Err(EnrolError::SeveralKeys(links.len())),
            },
        }
    }
}

fn names(link: &Link) -> impl Iterator<Item = &str> {
    [Some(&link.path), link.usb_serial.as_ref(), link.port.as_ref(), link.product.as_ref()]
        .into_iter()
        .flatten()
        .map(String::as_str)
}

/// Looks like a serial number or an AAGUID: hexadecimal digits, and dashes between them.
fn could_be_asked_for(name: &str) -> bool {
    name.len() >= SHORTEST_SERIAL && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn left_out(link: &Link, error: &CtapError) -> String {
    format!("{} is left out: {error}. {}", link_line(link), error.advice().next)
}
