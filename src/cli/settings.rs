//! Settings: what was typed, over the environment, over the profile, over the defaults; resolved once, field by field.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{PinAlphabet, ResetWhen, WishArgs};
use super::command_line::{Color, CommandLine, Part};
use super::hand_over::HandOverArgs;
use super::profile_file::ProfileFile;
use super::{CliError, hardening, ledger_address, places};
use crate::enroll::{HardeningRules, Notice, NoticeTemplate};
use crate::ledger::place::LedgerPlace;
use crate::metadata::Severity;

/// The file of the station's own identity.
const IDENTITY: &str = "station-identity.txt";

/// How the program talks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    /// JSON lines.
    pub(super) json: bool,
    /// Nobody is asked.
    pub(super) unattended: bool,
    /// Count of `-v`.
    pub(super) verbose: u8,
    /// Colours.
    pub(super) color: Color,
}

impl Voice {
    /// What the command line says about it.
    pub(super) fn of(line: &CommandLine) -> Self {
        Self {
            json: line.common.json,
            unattended: line.common.non_interactive,
            verbose: line.common.verbose,
            color: line.common.color,
        }
    }
}

/// Where durable things are.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The ledger.
    pub(super) ledger: LedgerPlace,
    /// The station's own identity, which opens sealed PINs.
    pub(super) identity: PathBuf,
}

/// Everything that a command may need, resolved.
#[derive(Debug)]
pub(super) struct Settings {
    /// The training key takes the place of real ones.
    pub(super) training_key: bool,
    /// The training tenant takes the place of a real one.
    pub(super) training_tenant: bool,
    /// Which key is meant.
    pub(super) key: Option<String>,
    /// Agreed beforehand.
    pub(super) yes: bool,
    /// Name or file of the profile as it was given.
    pub(super) profile_name: Option<String>,
    /// The profile with flags and variables over it; an error is kept until a command needs it.
    pub(super) profile: Result<ProfileFile, CliError>,
    /// The hook that was named.
    pub(super) hook: Option<PathBuf>,
    ledger: Option<PathBuf>,
}

impl Places {
    /// The usual names in a directory.
    pub(super) fn within(directory: &Path) -> Self {
        Self { ledger: LedgerPlace::File(directory.join("ledger.db")), identity: directory.join(IDENTITY) }
    }
}

impl Settings {
    /// Resolves. Never fails: what cannot be read fails the command that needs it, and `doctor` reports it.
    pub(super) fn resolve(line: &CommandLine) -> Self {
        let simulate = line.common.simulate;
        let mut profile = ProfileFile::read(line.common.profile.as_deref());
        if let Ok(file) = &mut profile {
            file.overlay(&line.tenant);
            file.complete(|name| std::env::var(name).ok());
        }
        Self {
            training_key: matches!(simulate, Some(Part::Key | Part::All)),
            training_tenant: matches!(simulate, Some(Part::Tenant | Part::All)),
            key: line.common.key.clone(),
            yes: line.common.yes,
            profile_name: line.common.profile.clone(),
            profile,
            hook: line.common.hook.clone(),
            ledger: line.common.ledger.clone(),
        }
    }

    /// A rehearsal must not mix with the real ledger: it has one of its own, unless one is named on purpose.
    pub(super) fn apart(&self) -> bool {
        (self.training_key || self.training_tenant) && self.ledger.is_none()
    }

    /// The ledger, and the identity: beside its file, or where the platform keeps data if it is in a database.
    pub(super) fn places(&self) -> Result<Places, CliError> {
        let expected = "a path or the address of a database";
        let of_profile = self.profile.as_ref().ok().map(|file| file.text("ledger", expected)).transpose()?.flatten();
        let Some(named) = self.ledger.clone().or_else(|| of_profile.map(PathBuf::from)) else {
            return Ok(Places::within(&places::data()?));
        };
        match named.to_str().filter(|text| ledger_address::is_one(text)) {
            Some(url) => {
                let typed = std::env::args_os().any(|word| word.to_str().is_some_and(|word| word.contains(url)));
                Ok(Places { ledger: ledger_address::place(url, typed)?, identity: places::data()?.join(IDENTITY) })
            }
            None => Ok(Places { identity: named.with_file_name(IDENTITY), ledger: LedgerPlace::File(named) }),
        }
    }

    /// The profile, or why there is none.
    pub(super) fn profile(&self) -> Result<&ProfileFile, CliError> {
        match &self.profile {
            Ok(file) => Ok(file),
            Err(CliError::ProfileUnreadable { path, reason }) => {
                Err(CliError::ProfileUnreadable { path: path.clone(), reason: reason.clone() })
            }
            Err(_) => Err(CliError::NoHome),
        }
    }
}

/// Wishes for one enrolment, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EnrollSettings {
    /// When to wipe.
    pub(super) reset: ResetWhen,
    /// A key that cannot force a PIN change is agreed to.
    pub(super) allow_unforced_pin: bool,
    /// Advisories from this severity on stop an enrolment.
    pub(super) deny_advisory: Option<Severity>,
    /// The key proves its model first.
    pub(super) prove_attestation: bool,
    /// Name of the passkey.
    pub(super) display_name: Option<String>,
    /// Length of the temporary PIN.
    pub(super) pin_length: Option<u8>,
    /// Characters of the temporary PIN.
    pub(super) pin_alphabet: PinAlphabet,
    /// It will stand in a table.
    pub(super) for_spreadsheet: bool,
    /// A message to the user.
    pub(super) notice: Option<Notice>,
    /// How the key is hardened.
    pub(super) hardening: HardeningRules,
}

impl EnrollSettings {
    /// For a way of handing over: PINs that will stand in a table have a form that survives it.
    pub(super) fn handed_by(self, handing: &HandOverArgs) -> Self {
        Self { for_spreadsheet: handing.pins_in_clear.is_some(), ..self }
    }

    /// Resolves the flags of `enroll` over the profile.
    pub(super) fn resolve(args: Option<&WishArgs>, profile: &ProfileFile) -> Result<Self, CliError> {
        let reset = match args.and_then(|args| args.reset) {
            Some(reset) => reset,
            None => choice(profile, "reset", "auto, always or never")?.unwrap_or(ResetWhen::Auto),
        };
        let pin_alphabet = match args.and_then(|args| args.pin_alphabet) {
            Some(alphabet) => alphabet,
            None => choice(profile, "pin_alphabet", "digits or safe")?.unwrap_or(PinAlphabet::Digits),
        };
        let deny_advisory = match args.and_then(|args| args.deny_advisory) {
            Some(severity) => Some(severity),
            None => severity(profile)?,
        };
        let pin_length = match args.and_then(|args| args.pin_length) {
            Some(length) => Some(length),
            None => profile.number("pin_length", 4..=63, "a number from 4 to 63")?,
        };
        let display_name = match args.and_then(|args| args.display_name.clone()) {
            Some(name) => Some(name),
            None => profile.text("display_name", "a text")?.map(ToOwned::to_owned),
        };
        let allow_unforced_pin = args.is_some_and(|args| args.allow_unforced_pin) || profile.switch("allow_unforced_pin")?;
        let prove_attestation = args.is_some_and(|args| args.prove_attestation) || profile.switch("prove_attestation")?;
        Ok(Self {
            reset,
            for_spreadsheet: false,
            allow_unforced_pin,
            deny_advisory,
            prove_attestation,
            display_name,
            pin_length,
            pin_alphabet,
            notice: notice(profile)?,
            hardening: hardening::rules(args.map(|args| &args.hardening), profile)?,
        })
    }
}

/// The message that the profile asks for, its template read and checked before anything else happens.
fn notice(profile: &ProfileFile) -> Result<Option<Notice>, CliError> {
    let sender = profile.text("notice_sender", "the mailbox to send messages from")?;
    let Some(path) = profile.text("notice_template", "a path")?.map(Path::new) else { return Ok(None) };
    let missing = || CliError::Setting {
        field: "notice_sender",
        value: "not there".into(),
        expected: "the mailbox to send messages from, since notice_template is set",
    };
    let sender = sender.filter(|sender| !sender.trim().is_empty()).ok_or_else(missing)?.to_owned();
    let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
    let template = NoticeTemplate::parse(&text).map_err(|error| CliError::NoticeTemplate { path: path.to_owned(), error })?;
    Ok(Some(Notice { template, sender }))
}

fn severity(profile: &ProfileFile) -> Result<Option<Severity>, CliError> {
    let (field, expected) = ("deny_advisory", "low, moderate, high or critical");
    let Some(text) = profile.text(field, expected)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| CliError::Setting { field, value: text.to_owned(), expected })
}

fn choice<T: ValueEnum>(profile: &ProfileFile, field: &'static str, expected: &'static str) -> Result<Option<T>, CliError> {
    let Some(text) = profile.text(field, expected)? else { return Ok(None) };
    T::from_str(text, true).map(Some).map_err(|_| CliError::Setting { field, value: text.to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> ProfileFile {
        ProfileFile { station: toml::from_str(text).unwrap(), ..ProfileFile::default() }
    }

    fn args() -> WishArgs {
        WishArgs::default()
    }

    #[test]
    fn each_field_has_its_own_order() {
        let profile = file("reset = \"never\"\npin_length = 12\nallow_unforced_pin = true");
        let typed = WishArgs { reset: Some(ResetWhen::Always), ..args() };
        let settings = EnrollSettings::resolve(Some(&typed), &profile).unwrap();
        assert_eq!(
            (settings.reset, settings.pin_length, settings.pin_alphabet),
            (ResetWhen::Always, Some(12), PinAlphabet::Digits)
        );
        assert!(settings.allow_unforced_pin);
        let settings = EnrollSettings::resolve(Some(&args()), &profile).unwrap();
        assert_eq!(settings.reset, ResetWhen::Never);
        let settings = EnrollSettings::resolve(None, &file("")).unwrap();
        assert_eq!((settings.reset, settings.pin_length, settings.allow_unforced_pin), (ResetWhen::Auto, None, false));
    }

    #[test]
    fn a_word_that_is_none_is_named() {
        let error = EnrollSettings::resolve(Some(&args()), &file("pin_alphabet = \"greek\"")).unwrap_err();
        assert!(error.to_string().contains("pin_alphabet") && error.to_string().contains("greek"), "{error}");
    }
}
