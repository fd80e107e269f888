//! `batch`: many users, many keys.

mod roster;
mod settings;
mod standing;
mod working;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::CliError;
use super::args::WishArgs;
use super::results::BatchTaken;
use super::shipping::{self, ActivateArgs};
use super::station::Station;
use crate::advice::Exit;
use crate::ui::{Block, Event, Sheet};

use roster::{Outlook, RosterArgs};
use standing::{ExportArgs, Selection, UndoArgs};
use working::LaneArgs;

/// `batch`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum BatchCommand {
    /// Make keys for everybody of a roster, as many at once as there are ports and readers
    Run(Box<RunArgs>),
    /// Show the batches, or one of them with its rows
    Status(Selection),
    /// Go on with a batch
    Resume {
        /// The batch; without it, the latest one
        batch: Option<i64>,
        /// How keys are worked on.
        #[command(flatten)]
        lanes: LaneArgs,
    },
    /// Let what was given up wait for the next `batch resume`
    Retry(Selection),
    /// Remove from the tenant what a batch registered, and cancel what is left of it
    Undo(UndoArgs),
    /// Write the results of a batch for other programs; never a PIN
    Export(ExportArgs),
    /// Register the passkeys of keys that were made with --activate-later, now that their parcels have arrived
    Activate(ActivateArgs),
}

/// `batch run`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("end").args(["plan", "import_only"]))]
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
    /// How keys are worked on.
    #[command(flatten)]
    lanes: LaneArgs,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &BatchCommand) -> Result<Exit, CliError> {
    match command {
        BatchCommand::Activate(args) => shipping::activate(station, args),
        BatchCommand::Run(args) => run_roster(station, args),
        BatchCommand::Status(selection) => standing::status(station, selection).map(|()| Exit::Done),
        BatchCommand::Resume { batch, lanes } => {
            let batch = standing::meant(&mut *station.ledger()?, *batch)?;
            working::work(station, &batch, lanes)
        }
        BatchCommand::Retry(selection) => standing::retry(station, selection).map(|()| Exit::Done),
        BatchCommand::Undo(args) => standing::take_back(station, args),
        BatchCommand::Export(args) => standing::export(station, args).map(|()| Exit::Done),
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
    let batch = station.open_ledger()?()?.open_batch(&order, &tasks)?;
    if !args.import_only {
        for warning in &warnings {
            station.face.tell(&Event::Notice { sentence: warning.clone() });
        }
        let batch = standing::meant(&mut *station.ledger()?, Some(batch.0))?;
        return working::work(station, &batch, &args.lanes);
    }
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
