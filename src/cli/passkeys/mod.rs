//! `passkeys`: what the tenant holds for a user.

mod credential_file;
mod list;
mod register;
mod remove;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand};

use super::CliError;
use super::station::Station;
use crate::advice::Exit;
use crate::identity::Method;

/// `passkeys`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum PasskeysCommand {
    /// List a user's passkeys
    List(ListArgs),
    /// Register a passkey that was made elsewhere
    Register(RegisterArgs),
    /// Remove passkeys of a user from the tenant
    Remove(RemoveArgs),
}

/// `passkeys list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The user: user principal name or object id
    user: String,
    /// Ask the beta API when each was last used
    #[arg(long)]
    last_used: bool,
    /// Show what the directory's audit log says of them
    #[arg(long)]
    audit: bool,
}

/// `passkeys register`.
#[derive(Debug, Args)]
pub(super) struct RegisterArgs {
    /// The user: user principal name or object id
    user: String,
    /// JSON file with the passkey, or - for standard input
    #[arg(long, value_name = "FILE|-")]
    file: String,
    /// Name of the passkey in the tenant, 1 to 30 characters; without it, the one in the file
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Go on although nobody can tell here who knows the PIN of its key
    #[arg(long, env = "KEYWRIGHT_ALLOW_UNFORCED_PIN", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    allow_unforced_pin: bool,
}

/// `passkeys remove`.
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The user: user principal name or object id
    user: String,
    /// Which ones
    #[command(flatten)]
    which: Which,
    /// Remove them even if the user has no passkey then
    #[arg(long)]
    last: bool,
    /// Only show what would go and what would stay
    #[arg(long)]
    dry_run: bool,
}

/// One way to say which passkeys go.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Ids of passkeys, as `list` shows them; -- goes before one that begins with -
    ids: Vec<String>,
    /// Those that this ledger registered for the user on the key with this serial number
    #[arg(long)]
    serial: Option<String>,
    /// All but this one; may be given several times
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    all_but: Vec<String>,
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &PasskeysCommand) -> Result<Exit, CliError> {
    match command {
        PasskeysCommand::List(args) => list::run(station, args)?,
        PasskeysCommand::Register(args) => register::run(station, args)?,
        PasskeysCommand::Remove(args) => return remove::run(station, args),
    }
    Ok(Exit::Done)
}

/// What people call a passkey: its name with the beginning of its id, which tells it from another of the same name.
fn title(method: &Method) -> String {
    let name = method.display_name.as_deref().or(method.model.as_deref()).unwrap_or("passkey");
    let beginning: String = method.id.chars().take(8).collect();
    format!("{name} ({beginning}…)")
}

/// A cell of a table.
fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}
