//! `batch status`, `retry`, `undo` and `export`: what the ledger holds of a batch, and changing one's mind about it.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::super::CliError;
use super::super::enrolling::operator;
use super::super::results::{BatchExport, BatchList, BatchRetried, BatchRow, BatchStatus, BatchTask, BatchUndone};
use super::super::station::Station;
use crate::advice::Exit;
use crate::batch::{Exported, Refusal, Standing, TaskOutcome, Undone, csv, undo};
use crate::ledger::{Batch, BatchId, Batches, TaskState};
use crate::ui::{Block, Question, Sheet};

/// Which batch, and which of its rows.
#[derive(Debug, Args)]
pub(in crate::cli) struct Selection {
    /// The batch; without it, the latest one
    batch: Option<i64>,
    /// Only this row of the roster; can be repeated
    #[arg(long = "row", value_name = "N")]
    rows: Vec<u32>,
}

/// `batch undo`.
#[derive(Debug, Args)]
pub(in crate::cli) struct UndoArgs {
    /// Which.
    #[command(flatten)]
    selection: Selection,
    /// Also where it is the last passkey of its user
    #[arg(long)]
    last: bool,
}

/// `batch export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// Which.
    #[command(flatten)]
    selection: Selection,
    /// The form
    #[arg(long, value_name = "FORM", default_value = "csv")]
    format: Form,
    /// A file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Comma-separated, for spreadsheets.
    Csv,
    /// One array of objects.
    Json,
}

/// The batch that is meant: by its number, else the latest.
pub(super) fn meant(ledger: &mut dyn Batches, number: Option<i64>) -> Result<Batch, CliError> {
    let mut batches = ledger.batches()?;
    let place = match number {
        Some(number) => batches.iter().position(|batch| batch.id == BatchId(number)),
        None => batches.len().checked_sub(1),
    };
    place.map(|place| batches.swap_remove(place)).ok_or(CliError::NoBatch(number))
}

impl Selection {
    pub(super) fn number(&self) -> Option<i64> {
        self.batch
    }

    fn outcomes(&self, ledger: &mut dyn Batches, batch: &Batch) -> Result<Vec<TaskOutcome>, CliError> {
        let tasks =
            ledger.tasks(batch.id)?.into_iter().filter(|task| self.rows.is_empty() || self.rows.contains(&task.order.row));
        tasks.map(|task| Ok(TaskOutcome::of(ledger, task)?)).collect()
    }
}

/// Shows every batch, or one with its tasks.
pub(super) fn status(station: &Station, selection: &Selection) -> Result<(), CliError> {
    let mut ledger = station.ledger()?;
    if selection.number().is_none() && selection.rows.is_empty() {
        return list(station, &mut *ledger);
    }
    let batch = meant(&mut *ledger, selection.number())?;
    let outcomes = selection.outcomes(&mut *ledger, &batch)?;
    let row = |outcome: &TaskOutcome| {
        let serial = outcome.job.as_ref().and_then(|job| job.order.key.shown_serial()).unwrap_or("-").to_owned();
        let failure = outcome.task.failure.as_ref();
        let said = failure.map(|failure| format!("{} {}", failure.sentence, failure.next)).unwrap_or_default();
        vec![outcome.task.order.row.to_string(), outcome.task.order.upn.clone(), word(outcome.standing()).into(), serial, said]
    };
    let rows = outcomes.iter().map(row).collect();
    let table = Block::Table { head: vec!["ROW", "USER", "STATE", "SERIAL", "WHAT HAPPENED AND WHAT TO DO"], rows };
    let tasks = outcomes.iter().map(|outcome| BatchTask {
        task: outcome.task.id,
        row: outcome.task.order.row,
        upn: &outcome.task.order.upn,
        state: outcome.standing(),
        job: outcome.task.job,
        serial: outcome.job.as_ref().and_then(|job| job.order.key.shown_serial()),
        failure: outcome.task.failure.as_ref(),
    });
    let told = BatchStatus { batch: batch.id, roster: &batch.order.roster, tasks: tasks.collect() };
    station.face.show(&Sheet::new(&told, vec![table]));
    Ok(())
}

fn list(station: &Station, ledger: &mut dyn Batches) -> Result<(), CliError> {
    let batches = ledger.batches()?;
    let mut told = Vec::new();
    for batch in &batches {
        let tasks = ledger.tasks(batch.id)?;
        let count = |state: TaskState| tasks.iter().filter(|task| task.state == state).count();
        told.push(BatchRow {
            batch: batch.id,
            roster: &batch.order.roster,
            tenant: &batch.order.tenant,
            opened: batch.opened,
            total: tasks.len(),
            done: count(TaskState::Done),
            failed: count(TaskState::Failed),
            waiting: count(TaskState::Waiting),
            working: count(TaskState::Working),
            cancelled: count(TaskState::Cancelled),
        });
    }
    let row = |row: &BatchRow<'_>| {
        let numbers = [row.total, row.done, row.failed, row.waiting, row.working].map(|number| number.to_string());
        let first = [row.batch.to_string(), row.roster.to_owned(), row.opened.to_string()];
        first.into_iter().chain(numbers).collect::<Vec<_>>()
    };
    let block = if told.is_empty() {
        Block::Line("There is no batch.".into())
    } else {
        let head = vec!["BATCH", "ROSTER", "OPENED", "KEYS", "DONE", "GIVEN UP", "WAITING", "IN WORK"];
        Block::Table { head, rows: told.iter().map(row).collect() }
    };
    station.face.show(&Sheet::new(&BatchList { batches: told }, vec![block]));
    Ok(())
}

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "waiting",
        Standing::Begun => "begun",
        Standing::Working => "in work",
        Standing::Done => "done",
        Standing::Failed => "given up",
        Standing::Cancelled => "cancelled",
        Standing::Undone => "undone",
    }
}

/// Lets what was given up wait for the next run.
pub(super) fn retry(station: &Station, selection: &Selection) -> Result<(), CliError> {
    let mut ledger = station.open_ledger()?()?;
    let batch = meant(&mut *ledger, selection.number())?;
    let mut retried = Vec::new();
    for task in ledger.tasks(batch.id)? {
        let named = selection.rows.contains(&task.order.row);
        let given_up = task.state == TaskState::Failed || (named && task.state == TaskState::Cancelled);
        if given_up && (selection.rows.is_empty() || named) {
            ledger.retry(task.id)?;
            retried.push(task.order.row);
        }
    }
    let line = match retried.len() {
        0 => format!("Nothing of batch {} was given up.", batch.id),
        number => format!("{number} rows of batch {} wait again: `keywright batch resume {}` goes on.", batch.id, batch.id),
    };
    station.face.show(&Sheet::new(&BatchRetried { batch: batch.id, rows: &retried }, vec![Block::Line(line)]));
    Ok(())
}

/// Takes back what a batch registered.
pub(super) fn take_back(station: &Station, args: &UndoArgs) -> Result<Exit, CliError> {
    let mut ledger = station.ledger()?;
    let batch = meant(&mut *ledger, args.selection.number())?;
    let outcomes = args.selection.outcomes(&mut *ledger, &batch)?;
    let registered = outcomes.iter().filter(|outcome| outcome.passkey.is_some() && !outcome.undone).count();
    let waiting = outcomes.iter().filter(|outcome| outcome.passkey.is_none()).count();
    let what = format!("What batch {} made ({registered} passkeys; {waiting} rows without one are cancelled)", batch.id);
    station.consent(&Question::Remove { what, place: "the tenant".into() })?;
    let mut provider = station.provider()?;
    let (mut removed, mut cancelled, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in &outcomes {
        if station.cancel.requested() {
            return Err(CliError::Interrupted);
        }
        let upn = outcome.task.order.upn.clone();
        match undo(&mut *ledger, &mut provider, outcome, args.last, &operator()) {
            Ok(Undone::Removed) => removed.push(upn),
            Ok(Undone::Nothing) => cancelled.push(upn),
            Err(error) => refused.push(Refusal::new(upn, &error)),
        }
    }
    let mut blocks = vec![Block::Line(format!(
        "{} passkeys of batch {} are removed from the tenant. Their keys have to be wiped before they serve somebody else.",
        removed.len(),
        batch.id
    ))];
    blocks.extend(
        refused
            .iter()
            .map(|refusal| Block::Line(format!("{}: {} [{}] {}", refusal.upn, refusal.message, refusal.code, refusal.next))),
    );
    let told = BatchUndone { batch: batch.id, removed: &removed, without: &cancelled, refused: &refused };
    station.face.show(&Sheet::new(&told, blocks));
    Ok(if refused.is_empty() { Exit::Done } else { Exit::Partly })
}

/// Writes the results for other programs.
pub(super) fn export(station: &Station, args: &ExportArgs) -> Result<(), CliError> {
    let mut ledger = station.ledger()?;
    let batch = meant(&mut *ledger, args.selection.number())?;
    let rows: Vec<Exported> = args.selection.outcomes(&mut *ledger, &batch)?.iter().map(Exported::of).collect();
    let text = match args.format {
        Form::Csv => csv(&rows),
        Form::Json => format!("{}\n", serde_json::to_string_pretty(&rows).unwrap_or_default()),
    };
    let block = match &args.out {
        Some(path) => {
            fs::write(path, &text).map_err(|error| CliError::file(path, &error))?;
            Block::Line(format!("{} rows of batch {} are in {}.", rows.len(), batch.id, path.display()))
        }
        None => Block::Raw(text),
    };
    let told = BatchExport { batch: batch.id, rows: &rows, file: args.out.as_deref() };
    station.face.show(&Sheet::new(&told, vec![block]));
    Ok(())
}
