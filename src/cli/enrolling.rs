//! `enroll` and `resume`: settings become an order, and the heart carries it out.

use std::env;

use super::CliError;
use super::args::{EnrollArgs, PinAlphabet, ResetWhen, ResumeArgs};
use super::results::{JobDone, JobEnded, JobList};
use super::settings::EnrollSettings;
use super::station::Station;
use crate::batch::PreparedTenant;
use crate::enroll::{Enrolment, HandOver, Order, Outbox, PinWishes, Proof, ResetPolicy, Submitted};
use crate::handover::pin::Alphabet;
use crate::identity::IdentityProvider;
use crate::ledger::{Batches, Job, JobId, JobState, Ledger, LedgerError, Place};
use crate::ui::{Block, Sheet};

/// Enrols a key for a user.
pub(super) fn enroll(station: &Station, args: &EnrollArgs) -> Result<(), CliError> {
    let wishes = EnrollSettings::resolve(Some(&args.wishes), station.settings.profile()?)?.handed_by(&args.handing);
    let [user] = args.users.as_slice() else { return Err(CliError::SeveralUsers(args.users.len())) };
    let order = order(station, user.clone(), wishes)?;
    let mut handing = station.handing(&args.handing)?;
    with_enrolment(station, &mut *handing, |enrolment| Ok(enrolment.run(&order).map(drop)?))
}

/// Ends a job that will not be finished.
pub(super) fn abandon(station: &Station, job: i64) -> Result<(), CliError> {
    match known(station, JobId(job))?.filter(|one| one.state == JobState::Open && one.order.place == Place::Make) {
        // There may be no network and no profile where it was made.
        Some(one) => {
            let tenant = one.order.tenant.clone();
            let ledger = &mut *journal(station)?;
            let screen = &mut station.screen();
            with(station, &mut PreparedTenant::new(&[]), tenant, ledger, None, screen, |enrolment| {
                Ok(enrolment.abandon(one.id)?)
            })?;
        }
        None => with_enrolment(station, &mut station.screen(), |enrolment| Ok(enrolment.abandon(JobId(job))?))?,
    }
    let line = format!("Job {job} is ended and its PIN destroyed. Its key has to be wiped before it is used again.");
    station.face.show(&Sheet::new(&JobEnded { ended: job }, vec![Block::Line(line)]));
    Ok(())
}

/// Finishes a job, or the one that is open.
pub(super) fn resume(station: &Station, args: &ResumeArgs) -> Result<(), CliError> {
    let wishes = EnrollSettings::resolve(None, station.settings.profile()?)?;
    let order = order(station, String::new(), wishes)?;
    let Some(job) = args.job.map(JobId).map_or_else(|| only_open(station), |job| Ok(Some(job)))? else {
        let line = Block::Line("Nothing is unfinished.".into());
        station.face.show(&Sheet::new(&JobList { jobs: Vec::new() }, vec![line]));
        return Ok(());
    };
    if place(station, job)? != Place::Register {
        let mut handing = station.handing(&args.handing)?;
        return with_enrolment(station, &mut *handing, |enrolment| Ok(enrolment.resume(job, &order).map(drop)?));
    }
    let submitted = resubmit(station, job)?;
    let line = match submitted {
        Submitted::Registered(method) | Submitted::Before(method) => {
            format!("Job {job} is done: the tenant holds passkey {method}.")
        }
        Submitted::Refused(error) => return Err(error.into()),
    };
    station.face.show(&Sheet::new(&JobDone { job }, vec![Block::Line(line)]));
    Ok(())
}

fn resubmit(station: &Station, job: JobId) -> Result<Submitted, CliError> {
    let mut provider = station.provider()?;
    let tenant = provider.profile().tenant.clone();
    with(station, &mut provider, tenant, &mut *journal(station)?, None, &mut station.screen(), |enrolment| {
        Ok(enrolment.resubmit(job)?)
    })
}

/// Which part of an enrolment a job is.
fn place(station: &Station, job: JobId) -> Result<Place, CliError> {
    Ok(known(station, job)?.map(|job| job.order.place).unwrap_or_default())
}

/// A job, if the ledger has it.
fn known(station: &Station, job: JobId) -> Result<Option<Job>, CliError> {
    match station.ledger()?.job(job) {
        Ok(job) => Ok(Some(job)),
        Err(LedgerError::NoJob(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn only_open(station: &Station) -> Result<Option<JobId>, CliError> {
    let open = station.ledger()?.jobs(Some(JobState::Open))?;
    match open.as_slice() {
        [job] => Ok(Some(job.id)),
        [] => Ok(None),
        several => Err(CliError::SeveralUnfinished(several.iter().map(|job| job.id.to_string()).collect())),
    }
}

pub(super) fn order(station: &Station, user: String, wishes: EnrollSettings) -> Result<Order, CliError> {
    Ok(Order {
        user,
        reset: match wishes.reset {
            ResetWhen::Auto => ResetPolicy::Auto,
            ResetWhen::Always => ResetPolicy::Always,
            ResetWhen::Never => ResetPolicy::Never,
        },
        erase_agreed: station.settings.yes,
        unforced_pin_agreed: wishes.allow_unforced_pin,
        deny_advisory: wishes.deny_advisory,
        proof: if wishes.prove_attestation { Proof::Beforehand } else { Proof::WhenMade },
        display_name: wishes.display_name,
        pin: PinWishes {
            alphabet: match wishes.pin_alphabet {
                PinAlphabet::Digits => Alphabet::Digits,
                PinAlphabet::Safe => Alphabet::Unmistakable,
            },
            minimum: wishes.pin_length.map_or(0, usize::from),
            for_spreadsheet: wishes.for_spreadsheet,
        },
        notice: wishes.notice,
        hardening: wishes.hardening,
        metadata: station.metadata()?,
        ..Order::default()
    })
}

fn with_enrolment(
    station: &Station,
    handing: &mut dyn HandOver,
    act: impl FnOnce(&mut Enrolment<'_>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut provider = station.provider()?;
    let tenant = provider.profile().tenant.clone();
    with(station, &mut provider, tenant, &mut *journal(station)?, None, handing, act)
}

/// An enrolment with this tenant, this ledger, where another station registers this outbox, and this way for PINs.
pub(super) fn with<T>(
    station: &Station,
    provider: &mut dyn IdentityProvider,
    tenant: String,
    ledger: &mut dyn Ledger,
    outbox: Option<&mut dyn Outbox>,
    handing: &mut dyn HandOver,
    act: impl FnOnce(&mut Enrolment<'_>) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let safe = station.safe()?;
    let mut bus = station.bus()?;
    let desk = station.desk(bus.as_mut());
    // Borrowed anew, since an option of a reference does not shorten by itself.
    let outbox = outbox.map(|outbox| -> &mut dyn Outbox { outbox });
    let operator = operator();
    act(&mut Enrolment { desk, provider, ledger, safe: &safe, tenant, operator, outbox, handing })
}

/// The ledger; in a rehearsal with the fault that was asked for.
pub(super) fn journal(station: &Station) -> Result<Box<dyn Batches + Send>, CliError> {
    Ok(station.open_ledger()?()?)
}

/// Who runs this, as the session says.
pub(super) fn operator() -> String {
    let name =
        ["SUDO_USER", "USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env::var(name).ok().filter(|name| !name.is_empty()));
    name.unwrap_or_else(|| "unknown".into())
}
