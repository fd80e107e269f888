//! The commands as they are typed: shapes and help, no decisions.

#[cfg(feature = "simulator")]
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};

use crate::metadata::Severity;

use super::batch::BatchCommand;
use super::hand_over::HandOverArgs;
use super::hardening::HardenArgs;
use super::held::PinsCommand;
use super::inventory::InventoryCommand;
use super::ledger::LedgerCommand;
use super::metadata::MetadataCommand;
use super::passkeys::PasskeysCommand;
use super::policy::PolicyCommand;
use super::profiles::ProfilesCommand;
use super::report::ReportCommand;
use super::tap::TapCommand;
use super::two_places::PlacesArgs;

/// The commands. Each is described in full only when it is the one that was named.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
    /// Provision a key for a user: wipe, temporary PIN, passkey, forced PIN change, registration
    Enroll(EnrollArgs),
    /// Provision keys for a roster of users
    #[command(subcommand)]
    Batch(BatchCommand),
    /// Finish what was interrupted
    Resume(ResumeArgs),
    /// The key in the port or on the reader
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Whose key is which, by the ledger, and whether the tenant agrees
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// The passkeys that the tenant holds for a user
    #[command(subcommand)]
    Passkeys(PasskeysCommand),
    /// Reports about the whole tenant
    #[command(subcommand)]
    Report(ReportCommand),
    /// A user's Temporary Access Pass, for the days until a key has arrived
    #[command(subcommand)]
    Tap(TapCommand),
    /// The tenant's passkey policy
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// What is publicly known of models of keys
    #[command(subcommand)]
    Metadata(MetadataCommand),
    /// Profiles: settings of other programs taken over
    #[command(subcommand)]
    Profiles(ProfilesCommand),
    /// Temporary PINs: those that the ledger holds, and those that were sealed for somebody
    #[command(subcommand)]
    Pins(PinsCommand),
    /// The record of what was done
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Sign in to the tenant as a person, or try the application's own sign-in
    Login {
        /// Only show the address, and open no browser
        #[arg(long, env = "KEYWRIGHT_NO_BROWSER", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
        no_browser: bool,
    },
    /// Forget the sign-in
    Logout,
    /// Show who is signed in, with what rights, and what each missing right stops
    Whoami,
    /// Check everything that could stop you, and say what to do about it
    Doctor,
    /// The training tenant
    #[cfg(feature = "simulator")]
    #[command(subcommand)]
    Simulator(SimulatorCommand),
    /// Print the completion script of a shell
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page, or write the pages of all commands into a directory
    Man {
        /// Where to write the pages.
        directory: Option<PathBuf>,
    },
}

/// `enroll`.
#[derive(Debug, Default, Args)]
pub(super) struct EnrollArgs {
    /// The user: user principal name or object id; with --prepare also several, or files with one a line
    #[arg(value_name = "USER", required_unless_present_any = ["offline", "submit"])]
    pub(super) users: Vec<String>,
    /// How it is done.
    #[command(flatten)]
    pub(super) wishes: WishArgs,
    /// How the PIN reaches its user.
    #[command(flatten)]
    pub(super) handing: HandOverArgs,
    /// Make the key ready now and register it when its parcel has arrived: `batch activate SERIAL`
    #[arg(long, group = "part", conflicts_with = "out")]
    pub(super) activate_later: bool,
    /// The two places.
    #[command(flatten)]
    pub(super) places: PlacesArgs,
}

/// How keys are made: the same for one and for many.
#[derive(Debug, Default, Args)]
pub(super) struct WishArgs {
    /// Whether the key is wiped first: auto leaves a fresh key as it is
    #[arg(long, value_name = "WHEN", env = "KEYWRIGHT_RESET", hide_env_values = true)]
    pub(super) reset: Option<ResetWhen>,
    /// Go on with a key that cannot force a PIN change, although staff then know a valid PIN
    #[arg(long, env = "KEYWRIGHT_ALLOW_UNFORCED_PIN", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) allow_unforced_pin: bool,
    /// Refuse keys that an advisory of this severity or a worse one concerns, or may: low, moderate, high or critical
    #[arg(long, value_name = "SEVERITY", env = "KEYWRIGHT_DENY_ADVISORY", hide_env_values = true)]
    pub(super) deny_advisory: Option<Severity>,
    /// Have the key prove its model before anything on it changes, by the signed metadata (`metadata update`): one touch more
    #[arg(long, env = "KEYWRIGHT_PROVE_ATTESTATION", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) prove_attestation: bool,
    /// Name of the passkey in the tenant, 1 to 30 characters
    #[arg(long, value_name = "NAME")]
    pub(super) display_name: Option<String>,
    /// Length of the temporary PIN; the key's minimum wins
    #[arg(long, value_name = "N", env = "KEYWRIGHT_PIN_LENGTH", hide_env_values = true, value_parser = clap::value_parser!(u8).range(4..=63))]
    pub(super) pin_length: Option<u8>,
    /// Characters of the temporary PIN
    #[arg(long, value_name = "SET", env = "KEYWRIGHT_PIN_ALPHABET", hide_env_values = true)]
    pub(super) pin_alphabet: Option<PinAlphabet>,
    /// How the key is hardened.
    #[command(flatten)]
    pub(super) hardening: HardenArgs,
}

/// When the key is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ResetWhen {
    /// If it holds anything.
    Auto,
    /// In any case.
    Always,
    /// Never: a key that holds something is refused.
    Never,
}

/// Characters of a temporary PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum PinAlphabet {
    /// 0 to 9.
    Digits,
    /// Digits and small letters without those that look alike or move between keyboard layouts.
    Safe,
}

/// `resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
    /// The job; without it, the one that is open
    pub(super) job: Option<i64>,
    /// Only list what is open
    #[arg(long, conflicts_with = "job")]
    pub(super) list: bool,
    /// End this job without finishing it; its key has to be wiped before it is used again
    #[arg(long, value_name = "JOB", conflicts_with_all = ["job", "list"])]
    pub(super) abandon: Option<i64>,
    /// How the PIN reaches its user.
    #[command(flatten)]
    pub(super) handing: HandOverArgs,
}

/// `keys`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum KeysCommand {
    /// List the keys that are there
    List {
        /// Ask each key as well: its AAGUID, its own serial number, and whether it has a PIN
        #[arg(long)]
        ask: bool,
    },
    /// Show everything that a key says about itself
    Info,
    /// Wipe a key: PIN and every passkey on it
    Reset,
    /// The key's PIN
    #[command(subcommand)]
    Pin(PinCommand),
    /// Make the settings of a key stricter, by the profile and these flags
    Harden {
        /// Which settings.
        #[command(flatten)]
        hardening: HardenArgs,
        /// Where the PIN comes from.
        #[command(flatten)]
        pin: PinSource,
    },
    /// The passkeys on the key
    #[command(subcommand)]
    Credentials(CredentialsCommand),
}

/// `keys pin`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum PinCommand {
    /// Set the PIN of a key that has none
    Set(PinSource),
    /// Change the PIN
    Change(PinSource),
    /// Make the key demand a new PIN before it is used again
    ForceChange(PinSource),
    /// Show how many tries are left
    Retries,
}

/// Where PINs come from; never from the command line, which every process can read.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct PinSource {
    /// Read PINs from standard input, a line each (the current one first); otherwise from KEYWRIGHT_PIN and
    /// KEYWRIGHT_NEW_PIN, otherwise by asking
    #[arg(long)]
    pub(super) pin_stdin: bool,
}

/// `keys credentials`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum CredentialsCommand {
    /// List the passkeys on the key
    List(PinSource),
    /// Delete a passkey from the key
    Delete {
        /// Credential id, base64url, or its beginning; it may begin with a dash.
        #[arg(allow_hyphen_values = true)]
        credential: String,
        /// Where the PIN comes from.
        #[command(flatten)]
        pin: PinSource,
    },
    /// Change the user name that a passkey on the key shows
    Rename {
        /// Credential id, base64url, or its beginning; it may begin with a dash.
        #[arg(allow_hyphen_values = true)]
        credential: String,
        /// New account name, such as a user principal name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// New name for people.
        #[arg(long, value_name = "NAME")]
        display_name: Option<String>,
        /// Where the PIN comes from.
        #[command(flatten)]
        pin: PinSource,
    },
}

/// `simulator`.
#[cfg(feature = "simulator")]
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum SimulatorCommand {
    /// Serve the training tenant; prints a profile that `--profile` takes, then serves until Ctrl-C
    Tenant {
        /// Loopback address and port; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// Users, policies and faults, as TOML
        #[arg(long, value_name = "FILE")]
        script: Option<PathBuf>,
    },
}
