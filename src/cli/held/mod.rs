//! `pins`: the PINs that the ledger holds, and those that were sealed for somebody.

mod list;
mod open;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::enrolling::{journal, with};
use super::hand_over::{HandOverArgs, letters};
use super::results::HandOversConfirmed;
use super::station::Station;
use super::{CliError, two_places};
use crate::batch::PreparedTenant;
use crate::enroll::{HandOver, Why, held};
use crate::identity::{IdentityProvider, User};
use crate::ledger::{Job, JobId};
use crate::ui::{Block, Sheet};

/// `pins`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum PinsCommand {
    /// Print the recipient of this station: what others seal files for it with
    Recipient,
    /// List the PINs that the ledger still holds, and why
    List,
    /// Show a PIN that the ledger holds once more; the record says so
    Show {
        /// The job, as `pins list` shows it.
        job: i64,
    },
    /// Make or print a letter with a PIN that the ledger holds; the record says so
    Letter {
        /// The job, as `pins list` shows it.
        job: i64,
        /// Where to.
        #[command(flatten)]
        handing: HandOverArgs,
    },
    /// Say that PINs have reached their users: their sealed copies are destroyed
    Confirm(ConfirmArgs),
    /// Open PINs that were sealed for you
    Open(OpenArgs),
}

/// `pins confirm`.
#[derive(Debug, Args)]
pub(super) struct ConfirmArgs {
    /// The jobs, as `pins list` shows them
    #[arg(value_name = "JOB", required_unless_present = "all")]
    jobs: Vec<i64>,
    /// Every job that waits for it
    #[arg(long, conflicts_with = "jobs")]
    all: bool,
}

/// `pins open`.
#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// The sealed files
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// An age identity or an SSH private key; without it, the identity of this station. Can be repeated
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &PinsCommand) -> Result<(), CliError> {
    match command {
        PinsCommand::Recipient => two_places::recipient(station),
        PinsCommand::List => list::list(station),
        PinsCommand::Show { job } => {
            let job = find(station, *job)?;
            let user = User {
                id: job.order.user_id.clone(),
                upn: job.order.upn.clone(),
                display_name: None,
                enabled: None,
                kind: None,
                language: None,
            };
            again(station, &job, &user, &mut station.screen())
        }
        PinsCommand::Letter { job, handing } => {
            let job = find(station, *job)?;
            let mut letters = letters(station, handing)?;
            let user = station.provider()?.user(&job.order.user_id)?;
            again(station, &job, &user, &mut *letters)
        }
        PinsCommand::Confirm(args) => confirm(station, args),
        PinsCommand::Open(args) => open::open(station, &args.files, &args.identity),
    }
}

fn find(station: &Station, job: i64) -> Result<Job, CliError> {
    Ok(station.ledger()?.job(JobId(job))?)
}

fn again(station: &Station, job: &Job, user: &User, handing: &mut dyn HandOver) -> Result<(), CliError> {
    let ledger = &mut *journal(station)?;
    let (mut provider, tenant) = (tenant_of(station, std::slice::from_ref(job))?, job.order.tenant.clone());
    with(station, &mut *provider, tenant, ledger, None, handing, |enrolment| {
        enrolment.hand_again(job.id, user)?;
        Ok(())
    })
}

/// Whom jobs need when their hand-over is done: nobody, unless an older passkey is to be removed then.
fn tenant_of(station: &Station, jobs: &[Job]) -> Result<Box<dyn IdentityProvider>, CliError> {
    if jobs.iter().any(|job| job.order.replaces.is_some()) {
        return Ok(Box::new(station.provider()?));
    }
    Ok(Box::new(PreparedTenant::new(&[])))
}

fn confirm(station: &Station, args: &ConfirmArgs) -> Result<(), CliError> {
    let ledger = &mut *journal(station)?;
    let jobs: Vec<JobId> = if args.all {
        let waits = |why| matches!(why, Why::NotConfirmed | Why::NotClosed);
        held(ledger)?.into_iter().filter(|held| waits(held.why)).map(|held| held.job.id).collect()
    } else {
        args.jobs.iter().copied().map(JobId).collect()
    };
    let mut screen = station.screen();
    let known = jobs.iter().map(|job| ledger.job(*job)).collect::<Result<Vec<_>, _>>()?;
    let mut provider = tenant_of(station, &known)?;
    with(station, &mut *provider, String::new(), ledger, None, &mut screen, |enrolment| {
        Ok(jobs.iter().try_for_each(|job| enrolment.confirm(*job))?)
    })?;
    let numbers: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    let line = match numbers.as_slice() {
        [] => "No PIN waits to be confirmed.".to_owned(),
        some => format!("Confirmed, and the sealed copies destroyed: {}.", some.join(", ")),
    };
    station.face.show(&Sheet::new(&HandOversConfirmed { confirmed: &jobs }, vec![Block::Line(line)]));
    Ok(())
}
