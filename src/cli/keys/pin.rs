//! `keys pin`.

use super::super::CliError;
use super::super::args::PinCommand;
use super::super::pins::Pins;
use super::super::results::{PinChangeForced, PinChanged, PinSet, PinTries};
use super::super::station::Station;
use super::{opened, title};
use crate::ctap::{Authenticator, Blank, CtapError, Feature, PinRetries, Pinned, SealOutcome};
use crate::enroll::Desk;
use crate::ui::{Block, Sheet};

/// Runs the command.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>, command: &PinCommand) -> Result<(), CliError> {
    let mut key = opened(desk)?;
    let identity = key.identity()?;
    let title = title(key.link(), &identity);
    let pins = |source| Pins::new(source, station.face.as_ref());
    let said = |line: &str| vec![Block::Line(format!("{title}: {line}"))];
    let sheet = match command {
        PinCommand::Set(source) => {
            let line = set(key, &mut pins(*source)?)?;
            Sheet::new(&PinSet { pin_set: true, identity }, said(&line))
        }
        PinCommand::Change(source) => {
            let line = change(key, &mut pins(*source)?)?;
            Sheet::new(&PinChanged { pin_changed: true, identity }, said(&line))
        }
        PinCommand::ForceChange(source) => {
            let line = force(key, &mut pins(*source)?)?;
            Sheet::new(&PinChangeForced { pin_change_forced: true, identity }, said(&line))
        }
        PinCommand::Retries => {
            let PinRetries { left, power_cycle } = retries(key)?;
            let cycle = if power_cycle == Some(true) { " Take it out and put it back before the next try." } else { "" };
            let told = PinTries { pin_retries: left, power_cycle_needed: power_cycle, identity };
            Sheet::new(&told, said(&format!("{left} tries of the PIN are left.{cycle}")))
        }
    };
    station.face.show(&sheet);
    Ok(())
}

fn set(key: Authenticator, pins: &mut Pins<'_>) -> Result<String, CliError> {
    let blank = Blank::new(key).map_err(|key| {
        let feature = if key.info().client_pin().is_none() { Feature::Pin } else { Feature::FirstPin };
        CtapError::Unsupported(feature)
    })?;
    blank.set_pin(pins.new_one()?).map_err(|failed| failed.error)?;
    Ok("the PIN is set.".into())
}

fn change(mut key: Authenticator, pins: &mut Pins<'_>) -> Result<String, CliError> {
    need_pin(&key)?;
    let (current, new) = (pins.current()?, pins.new_one()?);
    key.change_pin(&current, &new)?;
    Ok("the PIN is changed.".into())
}

fn force(key: Authenticator, pins: &mut Pins<'_>) -> Result<String, CliError> {
    need_pin(&key)?;
    if !key.info().can_force_pin_change() {
        return Err(CtapError::Unsupported(Feature::MinPinLength).into());
    }
    if key.info().change_forced() {
        return Ok("the PIN has to be changed before the key is used; that was so already.".into());
    }
    let mut pinned = Pinned::unlock(key, pins.current()?).map_err(|failed| failed.error)?;
    let token = pinned.token_for_config()?;
    match pinned.seal(token).map_err(|failed| failed.error)? {
        SealOutcome::Sealed(_) => Ok("the PIN has to be changed before the key is used; read back from the key.".into()),
        SealOutcome::NotSupported(_) => Err(CtapError::Unsupported(Feature::MinPinLength).into()),
    }
}

fn retries(mut key: Authenticator) -> Result<PinRetries, CliError> {
    need_pin(&key)?;
    Ok(key.pin_retries()?)
}

fn need_pin(key: &Authenticator) -> Result<(), CliError> {
    match key.info().client_pin() {
        Some(true) => Ok(()),
        Some(false) => Err(CtapError::Unsupported(Feature::SetPin).into()),
        None => Err(CtapError::Unsupported(Feature::Pin).into()),
    }
}
