//! How PINs reach their users: flags over the profile, resolved to one way and checked before anything begins.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::CliError;
use super::profile_file::ProfileFile;
use super::station::Station;
use crate::enroll::{HandOver, Screen};
use crate::handover::{ClearFile, SealTo, Sealed};
#[cfg(feature = "letters")]
use crate::handover::{LetterPlan, Letters, Printer};
use crate::ui::{Event, Ui};

/// How the PIN reaches its user.
#[derive(Debug, Default, Args)]
#[cfg_attr(not(feature = "letters"), allow(dead_code, reason = "what letters look like is understood, and refused"))]
#[command(next_help_heading = "How the PIN reaches its user (docs/hand-over.md)")]
pub(super) struct HandOverArgs {
    /// On the screen (default), in a letter, or sealed for somebody who is not here
    #[arg(long, value_name = "WAY", env = "KEYWRIGHT_HAND_OVER", hide_env_values = true)]
    pub(super) hand_over: Option<Way>,
    /// Write letters into this directory, a PDF each
    #[arg(long, value_name = "DIR", env = "KEYWRIGHT_LETTERS", hide_env_values = true)]
    pub(super) letters: Option<PathBuf>,
    /// Print letters with `lp`, on this printer or on the usual one; nothing stays on the disk
    #[arg(long, value_name = "PRINTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) print: Option<String>,
    /// The typeface of letters: a TrueType or OpenType file
    #[arg(long, value_name = "FILE", env = "KEYWRIGHT_LETTER_FONT", hide_env_values = true)]
    pub(super) letter_font: Option<PathBuf>,
    /// Put the key's serial number into letters
    #[arg(long, env = "KEYWRIGHT_LETTER_SERIAL", hide_env_values = true, action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub(super) letter_serial: bool,
    /// Seal PINs for this age recipient or SSH public key, or for those of a file; can be repeated
    #[arg(long, value_name = "RECIPIENT|FILE")]
    pub(super) seal_to: Vec<String>,
    /// The directory for sealed PINs, a file each
    #[arg(long, value_name = "DIR", env = "KEYWRIGHT_SEALED", hide_env_values = true)]
    pub(super) sealed: Option<PathBuf>,
    /// Add every PIN, in clear, to this CSV file: whoever reads it can use the keys until the PINs are changed
    #[arg(long, value_name = "FILE")]
    pub(super) pins_in_clear: Option<PathBuf>,
}

/// The ways; what is in clear is not among them, so that no profile and no variable can ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// The screen, or standard output.
    Screen,
    /// A letter, as PDF or printed.
    Letter,
    /// A file that its recipients open.
    Sealed,
}

impl HandOverArgs {
    /// The way that is asked for.
    pub(super) fn way(&self, profile: &ProfileFile) -> Result<Way, CliError> {
        let (letter, sealed) =
            (self.letters.is_some() || self.print.is_some(), !self.seal_to.is_empty() || self.sealed.is_some());
        match (self.hand_over, letter, sealed) {
            (Some(way), ..) => Ok(way),
            (None, true, false) => Ok(Way::Letter),
            (None, false, true) => Ok(Way::Sealed),
            (None, true, true) => Err(CliError::HandOver("letters and sealed files are named: say which with --hand-over")),
            (None, false, false) => {
                let expected = "screen, letter or sealed";
                let Some(text) = profile.text("hand_over", expected)? else { return Ok(Way::Screen) };
                Way::from_str(text, true).map_err(|_| CliError::Setting { field: "hand_over", value: text.into(), expected })
            }
        }
    }

    fn sealed(&self, profile: &ProfileFile) -> Result<Sealed, CliError> {
        let listed = if self.seal_to.is_empty() { profile.texts("seal_to", "recipients")? } else { self.seal_to.clone() };
        let recipients = SealTo::read_all(listed.iter().map(String::as_str))?;
        if recipients.is_empty() {
            return Err(CliError::HandOver("nobody is named whom to seal PINs for: name recipients with --seal-to"));
        }
        let directory = path(self.sealed.as_deref(), profile, "sealed")?;
        let directory = directory.ok_or(CliError::HandOver("sealed PINs need a place: name a directory with --sealed"))?;
        Ok(Sealed::new(recipients, &directory)?)
    }

    #[cfg(feature = "letters")]
    fn plan(&self, profile: &ProfileFile) -> Result<LetterPlan, CliError> {
        let named = |name: &str| if name.is_empty() { Printer::Usual } else { Printer::Named(name.to_owned()) };
        let print = match &self.print {
            Some(name) => Some(named(name)),
            None if self.letters.is_some() => None,
            None => match profile.text("print", "the name of a printer, or an empty text for the usual one") {
                Ok(name) => name.map(named),
                Err(error) => return Err(error),
            },
        };
        let directory = match (&self.letters, &self.print) {
            (None, Some(_)) => None,
            (given, _) => path(given.as_deref(), profile, "letters")?,
        };
        if directory.is_none() && print.is_none() {
            return Err(CliError::HandOver("letters need a place: name a directory with --letters, or print them with --print"));
        }
        let text = |field, expected| Ok::<_, CliError>(profile.text(field, expected)?.map(ToOwned::to_owned));
        Ok(LetterPlan {
            directory,
            print,
            company: text("company", "the company's name")?,
            logo: path(None, profile, "letter_logo")?,
            font: path(self.letter_font.as_deref(), profile, "letter_font")?,
            templates: path(None, profile, "letter_templates")?,
            language: text("letter_language", "a language, such as de")?,
            serial: self.letter_serial || profile.switch("letter_serial")?,
        })
    }
}

/// A path that was typed, or that the profile has.
fn path(typed: Option<&Path>, profile: &ProfileFile, field: &'static str) -> Result<Option<PathBuf>, CliError> {
    match typed {
        Some(path) => Ok(Some(path.to_owned())),
        None => Ok(profile.text(field, "a path")?.map(PathBuf::from)),
    }
}

impl Station {
    /// The way that PINs go, with everything checked that it needs; what a person should know of it is told.
    pub(super) fn handing(&self, args: &HandOverArgs) -> Result<Box<dyn HandOver>, CliError> {
        let handing = self.way(args)?;
        if let Some(file) = &args.pins_in_clear {
            self.face.tell(&Event::Notice {
                sentence: format!(
                    "PINs are written in clear to {}: whoever reads it can use the keys until their users have changed them",
                    file.display()
                ),
            });
        }
        Ok(handing)
    }

    /// The same once more, for a second desk of one run: nothing is told.
    pub(super) fn way(&self, args: &HandOverArgs) -> Result<Box<dyn HandOver>, CliError> {
        if let Some(file) = &args.pins_in_clear {
            return Ok(Box::new(ClearFile::new(file)?));
        }
        let profile = self.settings.profile()?;
        match args.way(profile)? {
            Way::Screen => Ok(Box::new(self.screen())),
            Way::Sealed => Ok(Box::new(args.sealed(profile)?)),
            Way::Letter => letters(self, args),
        }
    }

    /// The screen.
    pub(super) fn screen(&self) -> Screen {
        let ui: Arc<dyn Ui> = Arc::<dyn crate::ui::Face>::clone(&self.face);
        Screen::new(ui)
    }
}

/// Letters.
#[cfg(feature = "letters")]
pub(super) fn letters(station: &Station, args: &HandOverArgs) -> Result<Box<dyn HandOver>, CliError> {
    Ok(Box::new(Letters::new(&args.plan(station.settings.profile()?)?, Arc::clone(&station.clock))?))
}

/// Letters.
#[cfg(not(feature = "letters"))]
pub(super) fn letters(_station: &Station, _args: &HandOverArgs) -> Result<Box<dyn HandOver>, CliError> {
    Err(CliError::NoLetters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(text: &str) -> ProfileFile {
        ProfileFile { station: toml::from_str(text).unwrap(), ..ProfileFile::default() }
    }

    #[test]
    fn a_flag_tells_the_way_and_goes_before_the_profile() {
        let letters = || HandOverArgs { letters: Some("l".into()), ..HandOverArgs::default() };
        let seal = || HandOverArgs { seal_to: vec!["age1".into()], ..HandOverArgs::default() };
        let sealed = "hand_over = \"sealed\"";
        for (args, text, way) in [
            (HandOverArgs::default(), "", Way::Screen),
            (HandOverArgs::default(), sealed, Way::Sealed),
            (letters(), sealed, Way::Letter),
            (seal(), "hand_over = \"letter\"", Way::Sealed),
            (HandOverArgs { hand_over: Some(Way::Screen), ..letters() }, sealed, Way::Screen),
            (HandOverArgs { print: Some(String::new()), ..HandOverArgs::default() }, "", Way::Letter),
        ] {
            assert_eq!(args.way(&profile(text)).unwrap(), way, "{args:?} {text}");
        }
        let both = HandOverArgs { letters: Some("l".into()), ..seal() };
        assert!(matches!(both.way(&profile("")), Err(CliError::HandOver(_))));
        // In clear is nothing that a profile can ask for.
        assert!(HandOverArgs::default().way(&profile("hand_over = \"clear\"")).is_err());
    }

    #[test]
    fn what_a_way_lacks_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let age = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let args = HandOverArgs::default();
        assert!(args.sealed(&profile("")).is_err(), "no recipient");
        assert!(args.sealed(&profile(&format!("seal_to = \"{age}\""))).is_err(), "no place");
        let place = directory.path().join("s").display().to_string();
        args.sealed(&profile(&format!("seal_to = [\"{age}\"]\nsealed = {place:?}"))).unwrap();
        assert!(args.sealed(&profile(&format!("seal_to = [1]\nsealed = {place:?}"))).is_err());
    }

    #[cfg(feature = "letters")]
    #[test]
    fn letters_go_where_a_flag_says_and_only_there() {
        let both = "letters = \"l\"\nprint = \"p\"\ncompany = \"Contoso\"";
        let places = |args: &HandOverArgs, text: &str| args.plan(&profile(text)).map(|plan| (plan.directory, plan.print));
        let (l, p, typed) = (PathBuf::from("l"), Printer::Named("p".into()), PathBuf::from("typed"));
        let letters = HandOverArgs { letters: Some(typed.clone()), ..HandOverArgs::default() };
        let print = HandOverArgs { print: Some(String::new()), ..HandOverArgs::default() };
        assert_eq!(places(&HandOverArgs::default(), both).unwrap(), (Some(l), Some(p)));
        assert_eq!(places(&letters, both).unwrap(), (Some(typed.clone()), None));
        assert_eq!(places(&print, both).unwrap(), (None, Some(Printer::Usual)));
        let two = HandOverArgs { print: Some("q".into()), ..letters };
        assert_eq!(places(&two, "").unwrap(), (Some(typed), Some(Printer::Named("q".into()))));
        assert!(places(&HandOverArgs::default(), "").is_err());
    }
}
