//! Which face is worn, and what is said when the command line is not understood.

use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use clap::error::{ContextKind, ErrorKind};

use super::CliError;
use super::command_line::Color;
use super::error::NOT_UNDERSTOOD;
use super::hook::{Hooked, Program};
use super::settings::{Settings, Voice};
use crate::advice::Exit;
use crate::clock::SystemClock;
use crate::ctap::Cancel;
use crate::ui::{
    Block, Face, JsonLines, Plain, Problem, Sheet, Terminal, Unattended, keyboard_is_there, set_colours, show_log, talk_is_seen,
};

/// The face that fits the streams and the wishes.
pub(super) fn face(voice: Voice, cancel: &Cancel) -> Arc<dyn Face> {
    show_log(voice.verbose);
    let (talk, keyboard) = (talk_is_seen(), keyboard_is_there());
    let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    set_colours(match voice.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => talk && !dumb && env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
    });
    if voice.json {
        return Arc::new(Unattended::new(Arc::new(JsonLines::default())));
    }
    if !talk || !keyboard || voice.unattended {
        return Arc::new(Unattended::new(Arc::new(Plain::new(None, voice.verbose > 0))));
    }
    // Log lines and a spinner would tear each other apart.
    if !dumb && voice.verbose == 0 {
        return Arc::new(Terminal::new(cancel));
    }
    Arc::new(Plain::new(Some(cancel), voice.verbose > 0))
}

/// The face with the hook of the settings behind it, if they name one.
pub(super) fn with_hook(face: &Arc<dyn Face>, settings: &Settings) -> Result<Arc<dyn Face>, CliError> {
    // A profile that cannot be read ends the command that needs it.
    let found = settings.profile.as_ref().ok().map(|profile| Program::find(settings.hook.as_deref(), profile)).transpose()?;
    Ok(match found.flatten() {
        Some(program) => Arc::new(Hooked::new(Arc::clone(face), program, Arc::new(SystemClock::new()))),
        None => Arc::clone(face),
    })
}

/// Answers a command line that asks for help or cannot be understood.
pub(super) fn not_understood(error: &clap::Error, arguments: &[OsString]) -> Exit {
    // Whoever reads lines of JSON reads this as one, too; what was parsed before the error is not to be had.
    let wished = env::var("KEYWRIGHT_JSON").is_ok_and(|set| !matches!(set.as_str(), "" | "0" | "false" | "no" | "off"));
    let json = wished || arguments.iter().any(|argument| argument == "--json");
    let cancel = Cancel::new();
    let face = face(Voice { json: json && error.use_stderr(), unattended: false, verbose: 0, color: Color::Auto }, &cancel);
    if !error.use_stderr() {
        face.show(&Sheet::new(&(), vec![Block::Raw(error.render().to_string())]));
        return Exit::Done;
    }
    let message = if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        "a command is missing".to_owned()
    } else if may_hold_a_pin(error, arguments) {
        "there is an argument too many; a PIN is never taken from the command line".to_owned()
    } else {
        complaint_of(error)
    };
    face.complain(&Problem::from_row(NOT_UNDERSTOOD, &message));
    NOT_UNDERSTOOD.exit
}

/// An argument too many on a command about PINs may be one: it is not repeated.
fn may_hold_a_pin(error: &clap::Error, arguments: &[OsString]) -> bool {
    error.kind() == ErrorKind::UnknownArgument
        && (arguments.iter().any(|argument| argument == "pin" || argument == "credentials")
            || error.get(ContextKind::InvalidArg).is_some_and(|argument| argument.to_string().contains("pin")))
}

/// clap's message as one sentence, without its own heading, usage and pointer to the help.
fn complaint_of(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let message = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let words: Vec<&str> = message.map(str::trim).filter(|line| !line.is_empty()).collect();
    words.join(" ").trim_start_matches("error: ").to_owned()
}
