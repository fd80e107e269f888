//! The command line: arguments become settings, settings become a command. No logic of its own beyond that.

mod args;
mod batch;
mod browser;
mod command_line;
mod doctor;
mod enrolling;
mod error;
mod hand_over;
mod hardening;
mod held;
mod hook;
mod inventory;
#[cfg(feature = "keyring")]
mod keyring;
mod keys;
mod ledger;
mod ledger_address;
mod login;
mod logout;
mod manual;
mod metadata;
mod passkeys;
mod pins;
mod places;
mod policy;
mod profile_file;
mod profiles;
#[cfg(feature = "simulator")]
mod rehearsal;
mod report;
mod results;
mod resume;
mod settings;
mod shipping;
mod station;
mod tap;
mod tenant_fields;
#[cfg(feature = "simulator")]
mod training_tenant;
mod two_places;
mod voice;
mod whoami;

use std::ffi::OsString;
use std::sync::Arc;

use crate::advice::{Advised as _, Exit};
use crate::ctap::Cancel;

pub use error::{ALL, CliError};

use args::Command;
#[cfg(feature = "simulator")]
use args::SimulatorCommand;
use command_line::CommandLine;
use settings::{Settings, Voice};
use station::Station;

/// Runs the program with these arguments, the first of which is its own name. `cancel` is what Ctrl-C requests.
pub fn run(arguments: impl IntoIterator<Item = OsString>, cancel: &Cancel) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let line = match CommandLine::read(&arguments) {
        Ok(line) => line,
        Err(error) => return voice::not_understood(&error, &arguments),
    };
    let (face, settings) = (voice::face(Voice::of(&line), cancel), Settings::resolve(&line));
    let face = match voice::with_hook(&face, &settings) {
        Ok(hooked) => hooked,
        Err(error) => {
            face.complain(&error.problem());
            return error.advice().exit;
        }
    };
    let station = Station::new(settings, Arc::clone(&face), cancel);
    match perform(&line.command, &station) {
        Ok(exit) => exit,
        Err(error) => {
            let error = if cancel.requested() { CliError::Interrupted } else { error };
            face.complain(&error.problem());
            // Somebody to answer would have been enough.
            let unanswered = face.unanswered().is_some() && !cancel.requested();
            if unanswered { Exit::Person } else { error.advice().exit }
        }
    }
}

fn perform(command: &Command, station: &Station) -> Result<Exit, CliError> {
    match command {
        Command::Enroll(args) if args.activate_later => return shipping::make(station, args),
        Command::Enroll(args) => match two_places::part(station, args) {
            Some(exit) => return exit,
            None => enrolling::enroll(station, args)?,
        },
        Command::Batch(command) => return batch::run(station, command),
        Command::Pins(command) => held::run(station, command)?,
        Command::Resume(args) if args.list => resume::list(station)?,
        Command::Resume(args) => match args.abandon {
            Some(job) => enrolling::abandon(station, job)?,
            None => enrolling::resume(station, args)?,
        },
        Command::Inventory(command) => return inventory::run(station, command),
        Command::Keys(command) => keys::run(station, command)?,
        Command::Passkeys(command) => return passkeys::run(station, command),
        Command::Report(command) => return report::run(station, command),
        Command::Tap(command) => tap::run(station, command)?,
        #[cfg(feature = "simulator")]
        Command::Simulator(SimulatorCommand::Tenant { listen, script }) => {
            return training_tenant::serve(station, *listen, script.as_deref());
        }
        Command::Profiles(command) => profiles::run(station, command)?,
        Command::Metadata(command) => metadata::run(station, command)?,
        Command::Policy(command) => return policy::run(station, command),
        Command::Ledger(command) => ledger::run(station, command)?,
        Command::Login { no_browser } => login::run(station, *no_browser)?,
        Command::Logout => logout::run(station)?,
        Command::Whoami => whoami::run(station)?,
        Command::Doctor => return Ok(doctor::run(station)),
        Command::Completions { shell } => manual::completions(station.face.as_ref(), *shell),
        Command::Man { directory } => manual::man(station.face.as_ref(), directory.as_deref())?,
    }
    Ok(Exit::Done)
}
