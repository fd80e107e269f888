//! `keys`: the key in the port or on the reader.

mod credentials;
mod harden;
mod info;
mod list;
mod pin;
mod reset;

use super::CliError;
use super::args::KeysCommand;
use super::station::Station;
use crate::ctap::{Authenticator, KeyIdentity, Link};
use crate::enroll::{Desk, link_line};

/// Runs the command.
pub(super) fn run(station: &Station, command: &KeysCommand) -> Result<(), CliError> {
    let mut bus = station.bus()?;
    let mut desk = station.desk(bus.as_mut());
    match command {
        KeysCommand::List { ask } => list::run(station, &mut desk, *ask),
        KeysCommand::Info => info::run(station, &mut desk),
        KeysCommand::Reset => reset::run(station, &mut desk),
        KeysCommand::Pin(command) => pin::run(station, &mut desk, command),
        KeysCommand::Harden { hardening, pin } => harden::run(station, &mut desk, hardening, *pin),
        KeysCommand::Credentials(command) => credentials::run(station, &mut desk, command),
    }
}

/// A key as a person knows it: what it is called, and its serial number.
fn title(link: &Link, identity: &KeyIdentity) -> String {
    match identity.shown_serial() {
        Some(serial) => format!("{}, serial number {serial}", link.product.as_deref().unwrap_or("the key")),
        None => link_line(link),
    }
}

/// Opens the key that is meant.
fn opened(desk: &mut Desk<'_>) -> Result<Authenticator, CliError> {
    Ok(desk.find_key()?)
}
