//! `enroll --activate-later` and `batch activate`: a key that travels opens nothing until its parcel has arrived
//! (`docs/shipping.md`).

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::CliError;
use super::args::EnrollArgs;
use super::enrolling::{journal, order, with};
use super::results::KeysMade;
use super::settings::EnrollSettings;
use super::station::Station;
use super::two_places::{LIFE, begun, show_submission};
use crate::advice::Exit;
use crate::batch::{self, LaterTenant, PreparedFile, Results, ResultsFile, Shelf, ShelfError, Submission};
use crate::enroll::made_in;
use crate::handover::parcel;
use crate::identity::IdentityProvider as _;
use crate::ledger::JobId;
use crate::secret::private::make_directory;
use crate::ui::{Block, Sheet};

/// `batch activate`.
#[derive(Debug, Args)]
pub(super) struct ActivateArgs {
    /// Serial numbers of the keys whose parcels have arrived
    #[arg(value_name = "SERIAL", required_unless_present = "job")]
    serials: Vec<String>,
    /// The key that this job made, for one without a serial number
    #[arg(long, value_name = "JOB", conflicts_with = "serials")]
    job: Option<i64>,
    /// A results file of another station (`enroll --offline`), in place of what this one made
    #[arg(long, value_name = "RESULTS", conflicts_with = "job")]
    bundle: Option<PathBuf>,
}

/// Makes a key ready and keeps its registration for later.
pub(super) fn make(station: &Station, args: &EnrollArgs) -> Result<Exit, CliError> {
    let [name] = args.users.as_slice() else { return Err(CliError::SeveralUsers(args.users.len())) };
    let (safe, shelf) = (station.safe()?, shelf(station)?);
    let mut provider = station.provider()?;
    let (tenant, minutes) = (provider.profile().tenant.clone(), provider.profile().challenge_minutes.unwrap_or(LIFE));
    let user = provider.user(name)?;
    let mut ledger = journal(station)?;
    let (waybill, kept) = shelf.next(&mut *ledger, &safe, &tenant, &user, station.clock.now()).map_err(|error| match error {
        ShelfError::Parcel(error) => CliError::from(error),
        ShelfError::Ledger(error) => error.into(),
    })?;
    let prepared = if let Some(file) = kept {
        file
    } else {
        let life = Duration::from_secs(u64::from(minutes).saturating_mul(60));
        let one = batch::prepare_one(&mut provider, &safe, &tenant, &user.id, &[], life)?;
        make_directory(shelf.directory()).map_err(|error| CliError::file(shelf.directory(), &error))?;
        let file = PreparedFile::new(&tenant, station.clock.now(), &safe, vec![one]);
        // On disk before the key is touched: whoever goes on after a power cut needs the same challenge.
        parcel::write_new(&waybill.prepared, &parcel::seal(&[&safe.recipient()], &file)?)?;
        file
    };
    let wishes = EnrollSettings::resolve(Some(&args.wishes), station.settings.profile()?)?.handed_by(&args.handing);
    let mut handing = station.handing(&args.handing)?;
    let order = order(station, user.id.clone(), wishes)?;
    let mut outbox = begun(ResultsFile::begin(waybill.parcel.clone(), &prepared, &safe, &mut *ledger))?;
    let mut later = LaterTenant::new(&mut provider, &prepared);
    let made =
        with(
            station,
            &mut later,
            tenant,
            &mut *ledger,
            Some(&mut outbox),
            &mut *handing,
            |enrolment| Ok(enrolment.run(&order)?),
        )?;
    let next = "The key opens nothing yet. When its parcel has arrived: `keywright batch activate SERIAL` at this station.";
    let result = KeysMade { made: &[made.upn], before: &[], refused: &[], file: &waybill.parcel };
    station.face.show(&Sheet::new(&result, vec![Block::Line(next.into())]));
    Ok(Exit::Done)
}

/// Registers the passkeys of keys whose parcels have arrived.
pub(super) fn activate(station: &Station, args: &ActivateArgs) -> Result<Exit, CliError> {
    let safe = station.safe()?;
    let there = || -> Result<Vec<Results>, CliError> {
        Ok(match &args.bundle {
            Some(file) => vec![Results::open(&safe, &parcel::read(file)?)?],
            None => shelf(station)?.parcels(&safe)?,
        })
    };
    let mut wanted = Vec::new();
    for serial in &args.serials {
        let by_serial = |one: &batch::ResultOf| {
            one.made.as_ref().and_then(|made| made.order.key.shown_serial()).is_some_and(|has| has.eq_ignore_ascii_case(serial))
        };
        // A key that was made ready twice, the first time in vain, has its latest passkey only.
        let latest = batch::pick(there()?, by_serial).pop();
        wanted.push(latest.ok_or_else(|| CliError::NoParcel(format!("the key with serial number {serial}")))?);
    }
    if let Some(job) = args.job {
        let made = made_in(&mut *station.ledger()?, JobId(job))?;
        let by_job = |one: &batch::ResultOf| match (&one.made, &made) {
            (Some(there), Some(made)) => there.registration.credential_id == made.registration.credential_id,
            _ => false,
        };
        wanted.push(batch::pick(there()?, by_job).pop().ok_or_else(|| CliError::NoParcel(format!("job {job}")))?);
    }
    let mut provider = station.provider()?;
    let tenant = provider.profile().tenant.clone();
    let done = with(station, &mut provider, tenant, &mut *journal(station)?, None, &mut station.screen(), |enrolment| {
        let mut all = Submission::default();
        for results in &wanted {
            let one = batch::submit_all(enrolment, &safe, results)?;
            all.registered.extend(one.registered);
            all.before.extend(one.before);
            all.refused.extend(one.refused);
        }
        Ok(all)
    })?;
    Ok(show_submission(station, &done))
}

fn shelf(station: &Station) -> Result<Shelf, CliError> {
    Ok(Shelf::new(station.parcels()?))
}
