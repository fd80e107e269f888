//! `resume`: what is unfinished, and finishing it.

use super::CliError;
use super::results::{JobList, JobRow};
use super::station::Station;
use crate::ledger::{Intent, Job, JobState, Ledger, LedgerError};
use crate::ui::{Block, Sheet};

/// Lists what is unfinished.
pub(super) fn list(station: &Station) -> Result<(), CliError> {
    let mut ledger = station.ledger()?;
    let jobs = ledger.jobs(Some(JobState::Open))?;
    let states = jobs.iter().map(|job| last_step(&mut *ledger, job)).collect::<Result<Vec<_>, _>>()?;
    let told = jobs.iter().zip(&states).map(|(job, state)| JobRow {
        job: job.id,
        upn: job.order.upn.clone(),
        serial: job.order.key.shown_serial().map(ToOwned::to_owned),
        opened: job.opened,
        tenant: job.order.tenant.clone(),
        last: state.clone(),
    });
    let told = JobList { jobs: told.collect() };
    let rows = jobs.iter().zip(&states).map(|(job, state)| {
        let serial = job.order.key.shown_serial().unwrap_or("-");
        vec![job.id.to_string(), job.order.upn.clone(), serial.to_owned(), job.opened.to_string(), state.clone()]
    });
    let block = if jobs.is_empty() {
        Block::Line("Nothing is unfinished.".into())
    } else {
        Block::Table { head: vec!["JOB", "USER", "SERIAL", "BEGUN", "LAST STEP"], rows: rows.collect() }
    };
    station.face.show(&Sheet::new(&told, vec![block]));
    Ok(())
}

/// The last thing that a job's journal says, in words.
fn last_step(ledger: &mut dyn Ledger, job: &Job) -> Result<String, LedgerError> {
    let Some(entry) = ledger.entries(job.id)?.pop() else { return Ok("nothing done yet".into()) };
    let step = match entry.intent {
        Intent::Erase { .. } => "wiping the key",
        Intent::SetPin { .. } | Intent::ReplacePin { .. } => "setting the PIN",
        Intent::Harden { .. } => "hardening the key",
        Intent::Make { .. } => "making the passkey",
        Intent::Seal => "forcing the PIN change",
        Intent::Register { .. } => "registering",
        Intent::Deposit { .. } => "writing the passkey down for another station",
        Intent::DeleteCredential { .. } => "deleting an unused passkey",
        Intent::Withdraw { .. } => "removing an unused passkey from the tenant",
        Intent::Retire { .. } => "removing the passkey that was replaced",
        Intent::Notice { .. } => "sending the message to the user",
        Intent::HandOver { .. } => "handing the PIN over",
        Intent::Confirm { .. } => "confirming the hand-over",
    };
    Ok(if entry.outcome.is_some() { format!("{step}, ended") } else { format!("{step}, not known how it ended") })
}
