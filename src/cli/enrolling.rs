//! `enroll` and `resume`: settings become an order, and the heart carries it out.

use std::env;

use serde_json::json;

use super::CliError;
use super::args::{EnrollArgs, PinAlphabet, ResetWhen};
#[cfg(feature = "simulator")]
use super::rehearsal;
use super::settings::EnrollSettings;
use super::station::Station;
use crate::enroll::{Enrolment, Order, PinWishes, ResetPolicy};
use crate::handover::pin::Alphabet;
use crate::ledger::{JobId, JobState, Ledger};
use crate::ui::{Block, Sheet};

/// Enrols a key for a user.
pub(super) fn enroll(station: &Station, args: &EnrollArgs) -> Result<(), CliError> {
    let wishes = EnrollSettings::resolve(Some(args), station.settings.profile()?)?;
    let order = order(station, args.user.clone(), wishes);
    with_enrolment(station, |enrolment| Ok(enrolment.run(&order).map(drop)?))
}

/// Ends a job that will not be finished.
pub(super) fn abandon(station: &Station, job: i64) -> Result<(), CliError> {
    with_enrolment(station, |enrolment| Ok(enrolment.abandon(JobId(job))?))?;
    let line = format!("Job {job} is ended and its PIN destroyed. Its key has to be wiped before it is used again.");
    station.face.show(&Sheet::new(&json!({ "ended": job }), vec![Block::Line(line)]));
    Ok(())
}

/// Finishes a job, or the one that is open.
pub(super) fn resume(station: &Station, job: Option<i64>) -> Result<(), CliError> {
    let wishes = EnrollSettings::resolve(None, station.settings.profile()?)?;
    let order = order(station, String::new(), wishes);
    let Some(job) = job.map(JobId).map_or_else(|| only_open(station), |job| Ok(Some(job)))? else {
        let line = Block::Line("Nothing is unfinished.".into());
        station.face.show(&Sheet::new(&json!({ "jobs": [] }), vec![line]));
        return Ok(());
    };
    with_enrolment(station, |enrolment| Ok(enrolment.resume(job, &order).map(drop)?))
}

fn only_open(station: &Station) -> Result<Option<JobId>, CliError> {
    let open = station.ledger()?.jobs(Some(JobState::Open))?;
    match open.as_slice() {
        [job] => Ok(Some(job.id)),
        [] => Ok(None),
        several => Err(CliError::SeveralUnfinished(several.iter().map(|job| job.id.to_string()).collect())),
    }
}

pub(super) fn order(station: &Station, user: String, wishes: EnrollSettings) -> Order {
    Order {
        user,
        reset: match wishes.reset {
            ResetWhen::Auto => ResetPolicy::Auto,
            ResetWhen::Always => ResetPolicy::Always,
            ResetWhen::Never => ResetPolicy::Never,
        },
        erase_agreed: station.settings.yes,
        unforced_pin_agreed: wishes.allow_unforced_pin,
        display_name: wishes.display_name,
        pin: PinWishes {
            alphabet: match wishes.pin_alphabet {
                PinAlphabet::Digits => Alphabet::Digits,
                PinAlphabet::Safe => Alphabet::Unmistakable,
            },
            minimum: wishes.pin_length.map_or(0, usize::from),
        },
        challenge_life: None,
        notice: wishes.notice,
    }
}

fn with_enrolment(station: &Station, act: impl FnOnce(&mut Enrolment<'_>) -> Result<(), CliError>) -> Result<(), CliError> {
    let mut provider = station.provider()?;
    let mut ledger = journal(station)?;
    let safe = station.safe()?;
    let mut bus = station.bus()?;
    act(&mut Enrolment {
        desk: station.desk(bus.as_mut()),
        tenant: provider.profile().tenant.clone(),
        provider: &mut provider,
        ledger: &mut *ledger,
        safe: &safe,
        operator: operator(),
    })
}

/// The ledger; in a rehearsal with the fault that was asked for.
fn journal(station: &Station) -> Result<Box<dyn Ledger>, CliError> {
    let ledger = Box::new(station.ledger()?);
    #[cfg(feature = "simulator")]
    if station.settings.training_key {
        return rehearsal::journal(ledger, &station.face);
    }
    Ok(ledger)
}

/// Who runs this, as the session says.
fn operator() -> String {
    let name =
        ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| "unknown".into())
}
