//! `keys reset`: the same procedure as in an enrolment, without a user.

use super::super::CliError;
use super::super::results::KeyReset;
use super::super::station::Station;
use super::{opened, title};
use crate::ctap::{CtapError, Feature};
use crate::enroll::{self, Desk, EraseConsent};
use crate::ui::{Block, Sheet};

/// Wipes the key that is meant, and no other.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>) -> Result<(), CliError> {
    let mut key = opened(desk)?;
    let identity = key.identity()?;
    let title = title(key.link(), &identity);
    let kind = key.link().kind;
    if !key.info().resets_over(kind) {
        return Err(CtapError::Unsupported(Feature::ResetOver(kind)).into());
    }
    let consent = EraseConsent::obtain(desk, &mut key, station.settings.yes)?;
    let key = enroll::reset(desk, key, &consent, &mut || Ok(()))?;
    let line = format!("{title} is wiped: no PIN, no passkeys.");
    let result = KeyReset { reset: true, identity, pin_set: key.info().client_pin() };
    station.face.show(&Sheet::new(&result, vec![Block::Line(line)]));
    Ok(())
}
