//! `profiles`: settings of other programs become profiles of this one.

mod yubienroll;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::results::{ProfileWritten, ProfilesImported};
use super::station::Station;
use super::{CliError, places};
use crate::secret::private;
use crate::ui::{Block, Question, Sheet};
use yubienroll::Import;

/// Longest file that is read.
const LONGEST: u64 = 256 * 1024;

/// `profiles`.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum ProfilesCommand {
    /// Make profiles of the settings of YubiEnroll (yubienroll.toml)
    Import {
        /// The file; on Windows it is %APPDATA%\Yubico\yubienroll\yubienroll.toml
        file: PathBuf,
        /// Which of its providers; the active one without it
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
        /// Where to write, instead of the directory of profiles
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Runs the command.
pub(super) fn run(station: &Station, command: &ProfilesCommand) -> Result<(), CliError> {
    let ProfilesCommand::Import { file, provider, out } = command;
    let import =
        Import::read(&text_of(file)?, provider.as_deref()).map_err(|reason| CliError::Import { path: file.clone(), reason })?;
    let directory = match out {
        Some(directory) => directory.clone(),
        None => places::profiles()?,
    };
    let targets: Vec<PathBuf> = import.profiles.iter().map(|one| directory.join(format!("{}.toml", one.name))).collect();
    // Everything is agreed to before anything is written.
    for path in targets.iter().filter(|path| path.exists()) {
        station.consent(&Question::Overwrite { path: path.display().to_string() })?;
    }
    for (path, profile) in targets.iter().zip(&import.profiles) {
        write(path, &profile.text).map_err(|error| CliError::file(path, &error))?;
    }
    show(station, file, &targets, &import);
    Ok(())
}

fn text_of(path: &Path) -> Result<String, CliError> {
    let fault = |reason: String| CliError::Import { path: path.to_owned(), reason };
    let file = std::fs::File::open(path).map_err(|error| CliError::file(path, &error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| CliError::file(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(fault(format!("it is longer than {LONGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8".into()))?;
    Ok(text.strip_prefix('\u{FEFF}').map(ToOwned::to_owned).unwrap_or(text))
}

/// Writes a whole file or none.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        private::make_directory(directory)?;
    }
    private::replace(path, text.as_bytes())
}

fn show(station: &Station, file: &Path, targets: &[PathBuf], import: &Import) {
    let written = targets.iter().zip(&import.profiles).map(|(path, profile)| ProfileWritten {
        profile: profile.name.clone(),
        path: path.clone(),
        taken: profile.taken.clone(),
        left: profile.left.clone(),
    });
    let written: Vec<ProfileWritten> = written.collect();
    let mut blocks = Vec::new();
    for one in &written {
        blocks.push(Block::Line(format!("{} is written.", one.path.display())));
        let taken = one.taken.iter().map(|row| vec!["taken".to_owned(), row.from.clone(), row.into.clone()]);
        let left = one.left.iter().map(|row| vec!["left".to_owned(), row.from.clone(), row.why.to_owned()]);
        blocks.push(Block::Table { head: vec!["", "IN YUBIENROLL", "HERE"], rows: taken.chain(left).collect() });
        blocks.push(Block::Line(String::new()));
    }
    if let Some(first) = written.first() {
        blocks.push(Block::Line(format!("Try one: keywright --profile {} doctor", first.path.display())));
    }
    station.face.show(&Sheet::new(&ProfilesImported { file, profiles: &written }, blocks));
}
