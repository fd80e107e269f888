//! `keys harden`.

use super::super::CliError;
use super::super::args::PinSource;
use super::super::hardening::{HardenArgs, rules};
use super::super::pins::Pins;
use super::super::results::KeyHardened;
use super::super::station::Station;
use super::{opened, title};
use crate::ctap::{Authenticator, CtapError, Feature, Pinned, Requirement, Ruled};
use crate::enroll::{Desk, EnrolError, hardening_findings};
use crate::identity::Verdict;
use crate::ui::{Block, Hardened, Sheet};

/// Makes the settings of the key stricter, as the profile and the flags wish. What is demanded and cannot be is refused before
/// anything changes.
pub(super) fn run(station: &Station, desk: &mut Desk<'_>, args: &HardenArgs, pin: PinSource) -> Result<(), CliError> {
    let rules = rules(Some(args), station.settings.profile()?)?;
    let mut key = opened(desk)?;
    let identity = key.identity()?;
    let title = title(key.link(), &identity);
    let wishes = rules.of(identity.aaguid);
    if wishes.is_empty() {
        return Err(CliError::NothingToHarden);
    }
    if let Some(failure) = hardening_findings(&wishes, Some(key.info())).into_iter().find(|one| one.verdict == Verdict::Fail) {
        return Err(EnrolError::CannotHarden(failure.sentence).into());
    }
    match key.info().client_pin() {
        Some(true) if key.info().change_forced() => return Err(CtapError::ChangeForced.into()),
        Some(true) => {}
        Some(false) => return Err(CtapError::Unsupported(Feature::SetPin).into()),
        None => return Err(CtapError::Unsupported(Feature::Pin).into()),
    }
    let pinned = unlocked(key, station, pin)?;
    let (hardening, pin_change_forced) = carry_out(pinned, &wishes)?;
    if let Some((_, wanted)) = hardening.iter().zip(&wishes).find(|(done, _)| done.demanded && !done.met) {
        return Err(EnrolError::NotHardened(wanted.wish.words()).into());
    }
    let mut lines: Vec<Block> = hardening.iter().zip(&wishes).map(|(done, wanted)| line(&title, done, wanted)).collect();
    if pin_change_forced {
        lines.push(Block::Line(format!("{title}: its PIN is shorter than that, and has to be changed before the key is used.")));
    }
    station.face.show(&Sheet::new(&KeyHardened { hardening, pin_change_forced, identity }, lines));
    Ok(())
}

fn unlocked(key: Authenticator, station: &Station, pin: PinSource) -> Result<Pinned, CliError> {
    let pin = Pins::new(pin, station.face.as_ref())?.current()?;
    Ok(Pinned::unlock(key, pin).map_err(|failed| failed.error)?)
}

/// What came of each wish, and whether the PIN has to be changed now.
fn carry_out(mut pinned: Pinned, wishes: &[Requirement]) -> Result<(Vec<Hardened>, bool), CliError> {
    let mut done = Vec::new();
    for wanted in wishes {
        let (ruled, effective) = pinned.harden(&wanted.wish).map_err(|failed| failed.error)?;
        done.push(Hardened::of(wanted, effective));
        pinned = match ruled {
            Ruled::Pinned(pinned) => pinned,
            // The shortest length of PINs comes last, since nothing can be set after it.
            Ruled::Sealed(_) => return Ok((done, true)),
        };
    }
    Ok((done, false))
}

fn line(title: &str, done: &Hardened, wanted: &Requirement) -> Block {
    let words = wanted.wish.words();
    Block::Line(match (done.met, done.effective) {
        (true, Some(_)) => format!("{title}: {words}; read back from the key."),
        (true, None) => format!("{title}: {words}; the key took it, which cannot be read back."),
        (false, _) => format!("{title}: was to be set so that it {words}, and is not."),
    })
}
