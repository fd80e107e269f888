//! `batch`: many users, many keys.

mod roster;
mod settings;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CliError;
use super::args::WishArgs;
use super::results::BatchTaken;
use super::station::Station;
use crate::advice::Exit;
use crate::ui::{Block, Sheet};

use roster::{Outlook, RosterArgs};

/// `batch`.
#[derive(Debug, Subcommand)]
pub(super) enum BatchCommand {
    /// Check a roster, and plan it or take it into the ledger
    Run(RunArgs),
}

/// `batch run`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("end").required(true).args(["plan", "import_only"]))]
pub(super) struct RunArgs {
    /// Whom it is about.
    #[command(flatten)]
    roster: RosterArgs,
    /// Write what would be done to a file, for --apply, and do nothing else
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    plan: Option<PathBuf>,
    /// Only take the roster into the ledger, as a batch with a number
    #[arg(long)]
    import_only: bool,
    /// How keys are made.
    #[command(flatten)]
    wishes: WishArgs,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &BatchCommand) -> Result<Exit, CliError> {
    match command {
        BatchCommand::Run(args) => run_roster(station, args),
    }
}

fn run_roster(station: &Station, args: &RunArgs) -> Result<Exit, CliError> {
    let (plan, warnings) = match roster::outlook(station, &args.roster, &args.wishes, args.plan.is_some())? {
        Outlook::Planned(plan, warnings) => (plan, warnings),
        Outlook::Faulty(exit) => return Ok(exit),
    };
    if let Some(file) = &args.plan {
        roster::write(station, &plan, &warnings, file)?;
        return Ok(Exit::Done);
    }
    let (order, tasks) = plan.into_batch(super::enrolling::operator());
    let batch = station.ledger()?.open_batch(&order, &tasks)?;
    let taken = BatchTaken { batch, roster: &order.roster, tasks: tasks.len(), warnings: &warnings };
    let mut blocks = roster::warned(&warnings);
    blocks.push(Block::Line(format!(
        "Batch {batch} is in the ledger: {} keys are to be made for {}.",
        tasks.len(),
        order.roster
    )));
    station.face.show(&Sheet::new(&taken, blocks));
    Ok(Exit::Done)
}
