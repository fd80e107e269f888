//! Out and in again: the reset needs a fresh power-up, and the key that comes back has to be the key that went out.
//!
//! The handle is closed before the wait (an open one resets a card behind our back), the reset window counts from the
//! arrival, and the identity ladder decides (`KeyIdentity::compare`, CTAP 2.3 section 6.6).

use std::time::Duration;

use super::consent::EraseConsent;
use super::desk::{Desk, link_line};
use super::error::EnrolError;
use crate::ctap::{Authenticator, Change, CtapError, KeyIdentity, Link, LinkKind, Look, PowerCycle, Sameness};
use crate::ui::{Answer, Event, Question};

/// What people are told, since every model has it.
const TOLD: Duration = Duration::from_secs(5);
/// The reset window of the specification (CTAP 2.3 section 6.6).
const WINDOW: Duration = Duration::from_secs(10);
/// That of YubiKeys before firmware 5.5.2 (Yubico's SDK documentation).
const OLD_WINDOW: Duration = Duration::from_secs(5);
/// USB vendor id of Yubico, on whose keys the version of the link is the firmware's.
const YUBICO: u16 = 0x1050;
/// A window that was missed gives a new chance this often.
const CHANCES: u8 = 3;

/// Resets a key: power-up, proof that it is the same key, then the reset itself. `before_reset` runs when the key has
/// been proven and nothing has been sent yet; if it fails, nothing is sent.
///
/// # Errors
/// [`EnrolError`]; unless it is [`EnrolError::Key`] or [`EnrolError::NotBlank`] the key was not changed.
pub fn reset(
    desk: &mut Desk<'_>,
    key: Authenticator,
    consent: &EraseConsent,
    before_reset: &mut dyn FnMut() -> Result<(), EnrolError>,
) -> Result<Authenticator, EnrolError> {
    let mut key = key;
    let mut announced = false;
    for _ in 0..CHANCES {
        key = power_up(desk, key, consent.key())?;
        if !announced {
            before_reset()?;
            announced = true;
        }
        match key.reset() {
            Ok(()) => {
                desk.tell(&Event::KeyIdle);
                return if is_blank(&key) { Ok(key) } else { Err(EnrolError::NotBlank) };
            }
            Err(CtapError::ResetWindowMissed) => {
                desk.tell(&Event::NewChance { reason: "the key was in for too long before the reset was asked for".into() });
            }
            Err(error) => {
                desk.tell(&Event::KeyIdle);
                return Err(EnrolError::touch(error));
            }
        }
    }
    Err(CtapError::ResetWindowMissed.into())
}

/// No PIN is set.
pub fn is_blank(key: &Authenticator) -> bool {
    key.info().client_pin() == Some(false)
}

fn power_up(desk: &mut Desk<'_>, mut key: Authenticator, identity: &KeyIdentity) -> Result<Authenticator, EnrolError> {
    let link = key.link().clone();
    // What a job did to its key since it began shows in getInfo: what goes out is what has to come back.
    let out = key.identity()?;
    if let Sameness::Different(rung) = out.compare(identity, Look::Later) {
        return Err(EnrolError::WrongKey(Some(rung)));
    }
    if link.kind == LinkKind::SmartCard && key.power_cycle()? == PowerCycle::Done {
        return same(desk, key, &out, Look::Replug);
    }
    let (window, long) = (window(&link, key.facts().version), key.info().long_touch_for_reset());
    drop(key);
    let reader = link.kind != LinkKind::Usb;
    desk.tell(&Event::RemoveKey { reader });
    wait_for_removal(desk, &link)?;
    desk.tell(&Event::ReturnKey { reader, window: TOLD, long });
    wait_for_return(desk, &link, &out, window)
}

/// How long after its arrival the key accepts a reset.
fn window(link: &Link, version: Option<(u8, u8, u8)>) -> Duration {
    let old = link.vendor_id == Some(YUBICO) && version.is_some_and(|version| version < (5, 5, 2));
    if old { OLD_WINDOW } else { WINDOW }
}

fn wait_for_removal(desk: &mut Desk<'_>, link: &Link) -> Result<(), EnrolError> {
    let until = desk.clock.monotonic().saturating_add(desk.patience);
    loop {
        let left = until.saturating_sub(desk.clock.monotonic());
        if left.is_zero() {
            return Err(EnrolError::NotRemoved);
        }
        match desk.bus.wait(left, &desk.cancel)? {
            Some(Change::Removed(gone)) if gone.path == link.path => return Ok(()),
            Some(_) => {}
            None => return Err(EnrolError::NotRemoved),
        }
    }
}

/// Waits for the key to come back. Another key in its place ends the wait; another key in another place, where somebody
/// else may be at work, does not.
fn wait_for_return(
    desk: &mut Desk<'_>,
    before: &Link,
    identity: &KeyIdentity,
    window: Duration,
) -> Result<Authenticator, EnrolError> {
    let until = desk.clock.monotonic().saturating_add(desk.patience);
    loop {
        let left = until.saturating_sub(desk.clock.monotonic());
        if left.is_zero() {
            return Err(EnrolError::NotReturned);
        }
        let (link, at) = match desk.bus.wait(left, &desk.cancel)? {
            Some(Change::Arrived { link, at }) if could_be(&link, before) => (link, at),
            Some(_) => continue,
            None => return Err(EnrolError::NotReturned),
        };
        let key = desk.open_settling(&link).map_err(EnrolError::from).and_then(|key| same(desk, key, identity, Look::Replug));
        match key {
            Err(error) if link.port != before.port => {
                desk.notice(format!("{} is not the key that is waited for: {error}", link_line(&link)));
            }
            Err(error) => return Err(error),
            Ok(key) => {
                let passed = desk.clock.monotonic().saturating_sub(at);
                desk.tell(&Event::KeyBack { left: window.saturating_sub(passed) });
                return Ok(key);
            }
        }
    }
}

/// Whether to look at what came: whatever is in the key's own place, and elsewhere a USB key that the system does not tell
/// from it. A card in another reader is left alone, since asking it would disturb whoever works there.
fn could_be(link: &Link, before: &Link) -> bool {
    let alike = (link.vendor_id, link.product_id, &link.usb_serial) == (before.vendor_id, before.product_id, &before.usb_serial);
    link.kind == before.kind && (link.port == before.port || (link.kind == LinkKind::Usb && alike))
}

/// Lets only the same key pass: the ladder decides, a person where it cannot.
///
/// # Errors
/// [`EnrolError::WrongKey`], or [`EnrolError::IdentityUnknown`] if nobody is there to ask.
pub(super) fn same(
    desk: &Desk<'_>,
    mut key: Authenticator,
    before: &KeyIdentity,
    look: Look,
) -> Result<Authenticator, EnrolError> {
    let now = key.identity()?;
    match now.compare(before, look) {
        Sameness::Same(_) => Ok(key),
        Sameness::Different(rung) => Err(EnrolError::WrongKey(Some(rung))),
        Sameness::Unknown => match desk.ui.ask(&Question::SameKey { key: link_line(key.link()) }) {
            Some(Answer::Yes) => Ok(key),
            Some(Answer::No) => Err(EnrolError::WrongKey(None)),
            None => Err(EnrolError::IdentityUnknown),
        },
    }
}
