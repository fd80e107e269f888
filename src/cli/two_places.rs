//! `enroll --prepare`, `--offline`, `--submit` and `pins recipient`: an enrolment in two places (`docs/two-places.md`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sha2::{Digest as _, Sha256};

use super::CliError;
use super::args::EnrollArgs;
use super::enrolling::{journal, order, with};
use super::results::{Deadline, KeysMade, PreparedUsers, StationRecipient, Submitted, UserPasskey};
use super::settings::EnrollSettings;
use super::station::Station;
use crate::aaguid::Aaguid;
use crate::advice::Exit;
use crate::batch::{self, BeginError, PreparedFile, PreparedTenant, Refusal, Results, ResultsFile, Submission};
use crate::handover::parcel::{self, Recipient};
use crate::ui::{Block, Sheet};

/// Life of a challenge in minutes if the profile names none: a week.
pub(super) const LIFE: u32 = 7 * 24 * 60;

/// The parts of an enrolment in two places.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "In two places: prepare, make without network, submit")]
pub(super) struct PlacesArgs {
    /// Fetch long challenges for a station without network, into the file --out
    #[arg(long, group = "part", requires_all = ["out", "recipient"])]
    pub(super) prepare: bool,
    /// With --prepare: the station it is for, by what `keywright pins recipient` prints there
    #[arg(long, value_name = "AGE", requires = "prepare")]
    pub(super) recipient: Option<String>,
    /// With --prepare: a model of the keys that will be used, to be asked about now; can be repeated
    #[arg(long = "aaguid", value_name = "AAGUID", requires = "prepare")]
    pub(super) models: Vec<Aaguid>,
    /// Make keys ready by a prepared file, without network; what is to be registered goes into the file --out
    #[arg(long, value_name = "FILE", group = "part", requires = "out")]
    pub(super) offline: Option<PathBuf>,
    /// Register what was made ready elsewhere
    #[arg(long, value_name = "RESULTS", group = "part", conflicts_with_all = ["users", "out"])]
    pub(super) submit: Option<PathBuf>,
    /// The file for the other station
    #[arg(long, value_name = "FILE", requires = "part")]
    pub(super) out: Option<PathBuf>,
}

/// The part of an enrolment in two places that is asked for, if any.
pub(super) fn part(station: &Station, args: &EnrollArgs) -> Option<Result<Exit, CliError>> {
    let places = &args.places;
    match (&places.out, &places.recipient, &places.offline, &places.submit) {
        (Some(out), Some(recipient), ..) => Some(prepare(station, args, recipient, out)),
        (Some(out), None, Some(file), _) => Some(offline(station, args, file, out)),
        (_, _, _, Some(results)) => Some(submit(station, results)),
        _ => None,
    }
}

/// Prints what others seal files for this station with.
pub(super) fn recipient(station: &Station) -> Result<(), CliError> {
    let recipient = station.safe()?.recipient().to_string();
    station.face.show(&Sheet::new(&StationRecipient { recipient: &recipient }, vec![Block::Line(recipient.clone())]));
    Ok(())
}

fn prepare(station: &Station, args: &EnrollArgs, recipient: &str, out: &Path) -> Result<Exit, CliError> {
    let recipient: Recipient = recipient.parse()?;
    let names = batch::names(&args.users)?;
    parcel::free(out)?;
    let safe = station.safe()?;
    let mut provider = station.provider()?;
    let (tenant, minutes) = (provider.profile().tenant.clone(), provider.profile().challenge_minutes.unwrap_or(LIFE));
    let life = Duration::from_secs(u64::from(minutes).saturating_mul(60));
    let (models, cancel) = (args.places.models.as_slice(), &station.cancel);
    let done = batch::prepare(&mut provider, &safe, &tenant, &names, models, life, cancel)?;
    let told = done.users.iter().map(|one| Deadline { upn: one.user.upn.clone(), expires: one.expires }).collect();
    let rows = done.users.iter().map(|one| vec![one.user.upn.clone(), one.expires.to_string()]).collect();
    let (mut blocks, mut check) = (refused(&done.refused), None);
    if !done.users.is_empty() {
        let sealed = parcel::seal(&[&recipient], &PreparedFile::new(&tenant, station.clock.now(), &safe, done.users))?;
        parcel::write_new(out, &sealed)?;
        check = Some(check_value(&sealed));
        blocks.push(Block::Table { head: vec!["USER", "TO BE REGISTERED BEFORE"], rows });
        blocks.push(Block::fields([("file", Some(out.display().to_string())), ("check value", check.clone())]));
    }
    let file = check.is_some().then_some(out);
    let result = PreparedUsers { prepared: told, refused: &done.refused, file, check_value: check.as_deref() };
    station.face.show(&Sheet::new(&result, blocks));
    Ok(if done.refused.is_empty() { Exit::Done } else { Exit::Partly })
}

fn offline(station: &Station, args: &EnrollArgs, file: &Path, out: &Path) -> Result<Exit, CliError> {
    let only = match args.users.as_slice() {
        [] => None,
        [user] => Some(user.as_str()),
        several => return Err(CliError::SeveralUsers(several.len())),
    };
    let sealed = parcel::read(file)?;
    let safe = station.safe()?;
    let prepared = PreparedFile::open(&safe, &sealed)?;
    let wishes = EnrollSettings::resolve(Some(&args.wishes), station.settings.profile()?)?.handed_by(&args.handing);
    let mut handing = station.handing(&args.handing)?;
    let order = order(station, String::new(), wishes)?;
    let mut ledger = journal(station)?;
    let mut outbox = begun(ResultsFile::begin(out.to_owned(), &prepared, &safe, &mut *ledger))?;
    let mut tenant = PreparedTenant::new(&prepared.users);
    let done =
        with(station, &mut tenant, prepared.tenant.clone(), &mut *ledger, Some(&mut outbox), &mut *handing, |enrolment| {
            enrolment.desk.notice(format!(
                "prepared for the tenant {} at {}, check value {}",
                prepared.tenant,
                prepared.made,
                check_value(&sealed)
            ));
            Ok(batch::make_all(enrolment, &prepared, &order, only)?)
        })?;
    let mut blocks = refused(&done.refused);
    for upn in &done.before {
        blocks.push(Block::Line(format!("{upn}: made ready before.")));
    }
    let ready = done.made.len().saturating_add(done.before.len());
    blocks.push(Block::Line(format!(
        "{ready} of {} keys are ready; {} is to be submitted.",
        prepared.users.len(),
        out.display()
    )));
    let result = KeysMade { made: &done.made, before: &done.before, refused: &done.refused, file: out };
    station.face.show(&Sheet::new(&result, blocks));
    Ok(if done.refused.is_empty() { Exit::Done } else { Exit::Partly })
}

fn submit(station: &Station, file: &Path) -> Result<Exit, CliError> {
    let safe = station.safe()?;
    let results = Results::open(&safe, &parcel::read(file)?)?;
    let mut provider = station.provider()?;
    let tenant = provider.profile().tenant.clone();
    let done = with(station, &mut provider, tenant, &mut *journal(station)?, None, &mut station.screen(), |enrolment| {
        Ok(batch::submit_all(enrolment, &safe, &results)?)
    })?;
    Ok(show_submission(station, &done))
}

pub(super) fn begun(file: Result<ResultsFile, BeginError>) -> Result<ResultsFile, CliError> {
    file.map_err(|error| match error {
        BeginError::Parcel(error) => CliError::from(error),
        BeginError::Ledger(error) => error.into(),
    })
}

/// Shows what was registered, and what was not.
pub(super) fn show_submission(station: &Station, done: &Submission) -> Exit {
    let mut blocks = refused(&done.refused);
    let row = |(upn, method): &(String, String), when: &str| vec![upn.clone(), method.clone(), when.to_owned()];
    let now = done.registered.iter().map(|one| row(one, "now"));
    let rows: Vec<_> = now.chain(done.before.iter().map(|one| row(one, "before"))).collect();
    if !rows.is_empty() {
        blocks.push(Block::Table { head: vec!["USER", "PASSKEY", "REGISTERED"], rows });
    }
    for (upn, until) in &done.missing {
        blocks.push(Block::Line(format!("{upn}: no key was made ready yet; there is time until {until}.")));
    }
    let missing = done.missing.iter().map(|(upn, until)| Deadline { upn: upn.clone(), expires: *until }).collect();
    let (registered, before) = (passkeys(&done.registered), passkeys(&done.before));
    station.face.show(&Sheet::new(&Submitted { registered, before, refused: &done.refused, missing }, blocks));
    if done.refused.is_empty() { Exit::Done } else { Exit::Partly }
}

fn passkeys(list: &[(String, String)]) -> Vec<UserPasskey<'_>> {
    list.iter().map(|(upn, method)| UserPasskey { upn, method_id: method }).collect()
}

pub(super) fn refused(list: &[Refusal]) -> Vec<Block> {
    list.iter().map(|one| Block::Line(format!("{}: {} [{}] {}", one.upn, one.message, one.code, one.next))).collect()
}

/// A few digits by which people tell that a file is the one that was made.
fn check_value(sealed: &[u8]) -> String {
    let digits: String = Sha256::digest(sealed).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    digits.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}
