//! The program's description of itself: completion scripts and man pages.

use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;

use super::CliError;
use super::command_line::CommandLine;
use super::results::{Completion, ManPage, ManPages};
use crate::ui::{Block, Face, Sheet};

/// Prints a completion script.
pub(super) fn completions(face: &dyn Face, shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::shape(), "keywright", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let result = Completion { shell: shell.to_string(), script: &script };
    face.show(&Sheet::new(&result, vec![Block::Raw(script.clone())]));
}

/// Prints the man page, or writes the pages of all commands into a directory.
pub(super) fn man(face: &dyn Face, directory: Option<&Path>) -> Result<(), CliError> {
    let mut command = CommandLine::shape();
    let Some(directory) = directory else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page).map_err(|error| CliError::file(Path::new("keywright.1"), &error))?;
        let page = String::from_utf8_lossy(&page).into_owned();
        face.show(&Sheet::new(&ManPage { page: &page }, vec![Block::Raw(page.clone())]));
        return Ok(());
    };
    let failed = |error: std::io::Error| CliError::file(directory, &error);
    std::fs::create_dir_all(directory).map_err(failed)?;
    command.build();
    clap_mangen::generate_to(command, directory).map_err(failed)?;
    let line = format!("The man pages are in {}.", directory.display());
    face.show(&Sheet::new(&ManPages { directory }, vec![Block::Line(line)]));
    Ok(())
}
