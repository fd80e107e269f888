//! `pins list`.

use super::super::CliError;
use super::super::results::{HeldPins, HeldRow};
use super::super::station::Station;
use crate::enroll::{Held, Why, held};
use crate::ui::{Block, Sheet};

/// Lists what is held.
pub(super) fn list(station: &Station) -> Result<(), CliError> {
    let found = held(&mut *station.ledger()?)?;
    let row = |held: &Held| {
        let (job, serial) = (held.job.id.to_string(), held.job.order.key.shown_serial().unwrap_or("-").to_owned());
        vec![job, held.job.order.upn.clone(), serial, held.since.to_string(), why(held), next(held)]
    };
    let block = match found.as_slice() {
        [] => Block::Line("The ledger holds no PIN.".into()),
        some => {
            Block::Table { head: vec!["JOB", "USER", "SERIAL", "SEALED", "WHY", "NEXT"], rows: some.iter().map(row).collect() }
        }
    };
    let object = |held: &Held| HeldRow {
        job: held.job.id,
        upn: held.job.order.upn.clone(),
        serial: held.job.order.key.shown_serial().map(ToOwned::to_owned),
        sealed: held.since,
        why: word(held.why),
        state: held.state,
        copies: held.copies,
        next: next(held),
    };
    station.face.show(&Sheet::new(&HeldPins { pins: found.iter().map(object).collect() }, vec![block]));
    Ok(())
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Unfinished => "unfinished",
        Why::NotHandedOver => "not-handed-over",
        Why::NotConfirmed => "not-confirmed",
        Why::NotClosed => "not-closed",
    }
}

fn why(held: &Held) -> String {
    match held.why {
        Why::Unfinished => held.state.to_owned(),
        Why::NotHandedOver => "not handed over".into(),
        Why::NotConfirmed => "handed over, nobody has confirmed it".into(),
        Why::NotClosed => "handed over for good, the job was not closed".into(),
    }
}

fn next(held: &Held) -> String {
    let job = held.job.id;
    match held.why {
        Why::Unfinished | Why::NotHandedOver => format!("keywright resume {job}"),
        Why::NotConfirmed | Why::NotClosed => format!("keywright pins confirm {job}"),
    }
}
