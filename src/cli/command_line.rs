//! The command line as a whole: a command, and the options that every command takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand as _, ValueEnum};

use super::args::Command;
use super::tenant_fields::TenantFields;

/// A command line that was understood.
#[derive(Debug)]
pub(super) struct CommandLine {
    /// What to do.
    pub(super) command: Command,
    /// Options of every command.
    pub(super) common: Common,
    /// The tenant, field by field.
    pub(super) tenant: TenantFields,
}

impl CommandLine {
    /// Reads the arguments, the first of which is the program's own name.
    ///
    /// clap copies the options of every command into each command that is there, which was a third of what a short command
    /// needed to start: where the first argument names a command, the others are left away.
    pub(super) fn read(arguments: &[OsString]) -> Result<Self, clap::Error> {
        let whole = Self::shape();
        let named = arguments.get(1).and_then(|word| whole.find_subcommand(word)).cloned();
        let mut shape = named.map_or(whole, |named| Shared::command().subcommand(named));
        let matches = shape.try_get_matches_from_mut(arguments)?;
        Self::of(&matches).map_err(|error| error.format(&mut shape))
    }

    /// All of it, for help and for the pages that describe the program.
    pub(super) fn shape() -> clap::Command {
        Command::augment_subcommands(Shared::command())
    }

    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Shared { common, tenant } = Shared::from_arg_matches(matches)?;
        Ok(Self { command: Command::from_arg_matches(matches)?, common, tenant })
    }
}

/// Provisions FIDO2 security keys for Microsoft Entra ID on behalf of their users.
#[derive(Debug, Parser)]
#[command(name = "keywright", version, max_term_width = 110, propagate_version = false, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 needs a person, 4 refused by policy, 5 key problem,\n\
                        6 tenant or network problem, 7 partly done, 130 interrupted and resumable.")]
struct Shared {
    /// Options of every command.
    #[command(flatten)]
    common: Common,
    /// The tenant, field by field.
    #[command(flatten)]
    tenant: TenantFields,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Profile of the tenant: a name in the configuration directory, or a TOML file
    #[arg(long, value_name = "NAME|FILE", env = "KEYWRIGHT_PROFILE", global = true, hide_env_values = true)]
    pub(super) profile: Option<String>,
    /// Rehearse on the training key, against the training tenant, or both (the default)
    #[arg(
        long,
        value_name = "PART",
        env = "KEYWRIGHT_SIMULATE", hide_env_values = true,
        global = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all"
    )]
    pub(super) simulate: Option<Part>,
    /// Which key: its serial number, AAGUID, path, port or reader (a part will do), or `touch`
    #[arg(long, value_name = "SELECTOR", env = "KEYWRIGHT_KEY", hide_env_values = true, global = true)]
    pub(super) key: Option<String>,
    /// The ledger: a file, or a database of many stations (postgres://USER@HOST/DATABASE)
    #[arg(long, value_name = "PLACE", env = "KEYWRIGHT_LEDGER", hide_env_values = true, global = true)]
    pub(super) ledger: Option<PathBuf>,
    /// Write one JSON object a line to standard output, and ask nothing
    #[arg(long, env = "KEYWRIGHT_JSON", hide_env_values = true, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) json: bool,
    /// Ask nothing: what would be asked ends the command with exit code 3, and the error names the question
    #[arg(long, env = "KEYWRIGHT_NON_INTERACTIVE", hide_env_values = true, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) non_interactive: bool,
    /// A program that is run after each step, with what happened as one line of JSON on its standard input
    #[arg(long, value_name = "PROGRAM", env = "KEYWRIGHT_HOOK", hide_env_values = true, global = true)]
    pub(super) hook: Option<PathBuf>,
    /// Agree to what would be asked, such as the wiping of a used key
    #[arg(short, long, env = "KEYWRIGHT_YES", hide_env_values = true, global = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) yes: bool,
    /// Say more: -v for the tenant's own words, -vv for diagnosis, -vvv for every exchange; never a secret
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// Use colours
    #[arg(long, value_name = "WHEN", env = "KEYWRIGHT_COLOR", hide_env_values = true, global = true, default_value = "auto")]
    pub(super) color: Color,
}

/// What is rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// The training key.
    Key,
    /// The training tenant.
    Tenant,
    /// Both.
    All,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::super::args::{CredentialsCommand, KeysCommand};
    use super::*;

    fn built() -> clap::Command {
        let mut shape = CommandLine::shape();
        shape.build();
        shape
    }

    fn arguments(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    fn every_argument(command: &clap::Command, act: &mut dyn FnMut(&clap::Arg)) {
        command.get_arguments().for_each(&mut *act);
        for below in command.get_subcommands() {
            every_argument(below, act);
        }
    }

    #[test]
    fn the_shapes_fit_together() {
        CommandLine::shape().debug_assert();
    }

    #[test]
    fn a_credential_id_may_begin_with_a_dash() {
        for words in [&["delete", "-2xY_w"][..], &["delete", "--w", "--pin-stdin"], &["rename", "-vz", "--name", "adele"]] {
            let line = CommandLine::read(&arguments(&[&["keywright", "keys", "credentials"], words].concat()));
            let Ok(CommandLine { command: Command::Keys(KeysCommand::Credentials(command)), .. }) = line else {
                panic!("{words:?}: {line:?}")
            };
            let (CredentialsCommand::Delete { credential, .. } | CredentialsCommand::Rename { credential, .. }) = command else {
                panic!("{words:?}")
            };
            assert_eq!(credential, words[1]);
        }
    }

    #[test]
    fn every_variable_is_documented() {
        let page = include_str!("../../docs/command-line.md");
        every_argument(&built(), &mut |argument| {
            if let (Some(variable), Some(flag)) = (argument.get_env(), argument.get_long()) {
                let line = page.lines().find(|line| line.contains(&format!("`{}`", variable.display())));
                assert!(line.is_some_and(|line| line.contains(&format!("`--{flag}`"))), "{flag} {}", variable.display());
            }
        });
    }

    #[test]
    fn every_flag_of_an_enrolment_is_documented() {
        let page = include_str!("../../docs/command-line.md");
        let line = built();
        let enroll = line.find_subcommand("enroll").unwrap();
        let own = enroll.get_arguments().filter(|argument| !argument.is_global_set());
        for flag in own.filter_map(clap::Arg::get_long).filter(|flag| *flag != "help") {
            assert!(page.contains(&format!("`--{flag}`")), "{flag}");
        }
    }

    #[test]
    fn no_flag_takes_a_secret() {
        every_argument(&built(), &mut |argument| {
            let flag = argument.get_long().unwrap_or_default();
            let takes_value = argument.get_action().takes_values();
            let allowed = [
                "pin-length",
                "min-pin-length",
                "min-pin-length-reader",
                "pin-alphabet",
                "pins-in-clear",
                "client-secret-file",
                "certificate-password-file",
            ]
            .contains(&flag);
            assert!(
                allowed || !takes_value || !(flag.contains("pin") || flag.contains("secret") || flag.contains("password")),
                "{flag}"
            );
        });
    }
}
