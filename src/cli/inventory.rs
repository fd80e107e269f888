//! `inventory`: whose key is which, and whether the tenant agrees.

use clap::Subcommand;
use serde::Serialize;

use super::CliError;
use super::station::Station;
use crate::advice::Exit;
use crate::batch::inventory::{self, Difference, Holding, ReconcileError};
use crate::ctap::KeyIdentity;
use crate::ledger::place::LedgerPlace;
use crate::ui::{Block, Event, Sheet};

/// `inventory`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum InventoryCommand {
    /// List the keys that the ledger gave out
    List {
        /// Also those that were used again since, and jobs that were given up
        #[arg(long)]
        all: bool,
    },
    /// Whose key is this
    Find {
        /// Serial number, or a part of one, of a user name, a passkey id or an AAGUID
        #[arg(allow_hyphen_values = true)]
        text: String,
    },
    /// Compare the ledger with the tenant
    Reconcile,
}

/// `inventory list` and `inventory find`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Inventory {
    /// The keys, oldest first.
    keys: Vec<Holding>,
}

/// `inventory reconcile`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Comparison {
    /// Users of the ledger that were asked about.
    users: usize,
    /// Passkeys that the tenant has of them.
    passkeys: usize,
    /// What does not fit.
    differences: Vec<Difference>,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &InventoryCommand) -> Result<Exit, CliError> {
    match command {
        InventoryCommand::List { all } => {
            let mut keys = inventory::all(&mut *station.ledger()?)?;
            keys.retain(|one| *all || one.state.counts());
            show(station, keys, "The ledger has given out no key.");
        }
        InventoryCommand::Find { text } => {
            let keys = inventory::find(&mut *station.ledger()?, text)?;
            if keys.is_empty() {
                return Err(CliError::NotInInventory(text.clone()));
            }
            show(station, keys, "");
        }
        InventoryCommand::Reconcile => return reconcile(station),
    }
    Ok(Exit::Done)
}

/// Whose key this is. Looking for that makes no ledger, and one that cannot be read is told and stops nothing.
pub(super) fn holder(station: &Station, key: &KeyIdentity) -> Option<Holding> {
    let found = station.ledger_place().and_then(|place| {
        let none = matches!(&place, LedgerPlace::File(path) if !path.exists());
        if none { Ok(None) } else { Ok(inventory::holder(&mut *station.ledger()?, key)?) }
    });
    found.unwrap_or_else(|error| {
        station.face.tell(&Event::Notice { sentence: format!("whose key this is cannot be looked up: {error}") });
        None
    })
}

fn show(station: &Station, keys: Vec<Holding>, none: &str) {
    let cell = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let rows = keys.iter().map(|one| {
        let part = one.part.map(|part| format!("{part:?}").to_lowercase());
        vec![
            cell(one.serial.as_deref()),
            one.upn.clone(),
            one.state.word().to_owned(),
            one.model.map_or_else(|| one.aaguid.to_string(), ToOwned::to_owned),
            one.since.strftime("%Y-%m-%d").to_string(),
            one.job.to_string(),
            cell(part.as_deref().filter(|part| *part != "only")),
            cell(one.passkey.as_deref()),
        ]
    });
    let block = if keys.is_empty() {
        Block::Line(none.into())
    } else {
        let head = vec!["SERIAL", "USER", "STATE", "MODEL", "SINCE", "JOB", "PART", "PASSKEY"];
        Block::Table { head, rows: rows.collect() }
    };
    station.face.show(&Sheet::new(&Inventory { keys }, vec![block]));
}

fn reconcile(station: &Station) -> Result<Exit, CliError> {
    let mut tenant = station.provider()?;
    let name = tenant.profile().tenant.clone();
    let found = inventory::reconcile(&mut *station.ledger()?, &mut tenant, &name).map_err(|error| match error {
        ReconcileError::Ledger(error) => CliError::from(error),
        ReconcileError::Tenant(error) => error.into(),
    })?;
    let exit = if found.is_partial() { Exit::Partly } else { Exit::Done };
    let rows = found.differences.iter().map(|one| {
        let kind = serde_json::to_value(one.kind).ok().and_then(|kind| kind.as_str().map(ToOwned::to_owned)).unwrap_or_default();
        vec![kind, one.serial.clone().unwrap_or_else(|| "-".into()), format!("{}. {}", one.sentence, one.next)]
    });
    let mut blocks = vec![Block::Table { head: vec!["KIND", "SERIAL", "FOUND"], rows: rows.collect() }];
    if found.differences.is_empty() {
        blocks.clear();
    }
    let (users, passkeys, many) = (found.users, found.passkeys, found.differences.len());
    blocks.push(Block::Line(format!("{users} users of the ledger, {passkeys} passkeys in the tenant; does not fit: {many}.")));
    let told = Comparison { users, passkeys, differences: found.differences };
    station.face.show(&Sheet::new(&told, blocks));
    Ok(exit)
}
