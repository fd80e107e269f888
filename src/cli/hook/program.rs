//! The program of a hook, and one run of it: bounded in time and in what is read from it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use toml::Value;

use super::super::CliError;
use super::super::profile_file::ProfileFile;
use crate::clock::SharedClock;

/// How many seconds one run may take, unless the profile says otherwise.
const LIMIT: u8 = 10;
/// The most that a profile may say.
const LIMIT_MOST: u8 = 60;
/// How soon its end is noticed.
const STEP: Duration = Duration::from_millis(5);
/// How much of its complaint is read, in bytes.
const MOST: u64 = 1024;
/// How long a complaint is waited for once the program has ended: something that it started may hold the line open.
const GRACE: Duration = Duration::from_millis(200);
/// Variables with secrets that others give us.
const SECRETS: &[&str] = &["IDENTITY_HEADER"];
/// How our own variables begin.
const OURS: &str = "KEYWRIGHT_";
const EXPECTED: &str = "a program, or a list of a program and its arguments";

/// A program with its arguments. No shell ever reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    limit: Duration,
}

impl Program {
    /// What the command line names, or else the profile; it has to be there.
    ///
    /// # Errors
    /// [`CliError::Setting`], [`CliError::NoHook`].
    pub(in crate::cli) fn find(named: Option<&Path>, profile: &ProfileFile) -> Result<Option<Self>, CliError> {
        let seconds = profile.number("hook_seconds", 1..=LIMIT_MOST, "a number of seconds from 1 to 60")?.unwrap_or(LIMIT);
        let there = |path: PathBuf, arguments| Self::there(path, arguments, Duration::from_secs(seconds.into())).map(Some);
        let words = match (named, profile.station.get("hook")) {
            (Some(path), _) => return there(path.to_owned(), Vec::new()),
            (None, None) => return Ok(None),
            (None, Some(Value::String(word))) => vec![word.clone()],
            (None, Some(Value::Array(words))) => words.iter().filter_map(|word| word.as_str().map(ToOwned::to_owned)).collect(),
            (None, Some(_)) => Vec::new(),
        };
        let whole = profile.station.get("hook").and_then(Value::as_array).is_none_or(|all| all.len() == words.len());
        let mut words = words.into_iter();
        if let Some(program) = words.next().filter(|word| whole && !word.is_empty()) {
            return there(profile.beside(&program), words.collect());
        }
        let value = profile.station.get("hook").map(ToString::to_string).unwrap_or_default();
        Err(CliError::Setting { field: "hook", value, expected: EXPECTED })
    }

    fn there(path: PathBuf, arguments: Vec<String>, limit: Duration) -> Result<Self, CliError> {
        let named = path.components().count() > 1;
        let found = if named { path.is_file() } else { on_path(&path, env::var_os("PATH").as_deref()) };
        if found { Ok(Self { path, arguments, limit }) } else { Err(CliError::NoHook(path)) }
    }

    /// Runs it with this line on its standard input, and waits for its end.
    ///
    /// # Errors
    /// Why that was no success, in words.
    pub(super) fn run(&self, line: &str, clock: &SharedClock) -> Result<(), String> {
        let until = clock.monotonic().saturating_add(self.limit);
        let mut child = self.command().spawn().map_err(|error| format!("it cannot be started: {error}"))?;
        // One that reads nothing is none the worse for it, and one that never reads is ended like any slow one.
        if let Some(mut input) = child.stdin.take() {
            let line = format!("{line}\n");
            thread::spawn(move || {
                let _ = input.write_all(line.as_bytes());
            });
        }
        let complaint = complaint(&mut child);
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    let said = complaint.recv_timeout(GRACE).unwrap_or_default();
                    let said = said.lines().next().map(|line| format!(": {line}")).unwrap_or_default();
                    return Err(format!("it ended with {status}{said}"));
                }
                Ok(None) if clock.monotonic() < until => clock.sleep(STEP),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("it did not end within {} seconds", self.limit.as_secs()));
                }
                Err(error) => return Err(format!("it cannot be waited for: {error}")),
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in env::vars_os().filter(|(name, _)| is_secret(name)) {
            command.env_remove(name);
        }
        // Ctrl-C is for us: a hook that has begun ends by itself or by its limit.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    }
}

/// The beginning of what it says on standard error, once that is over.
fn complaint(child: &mut Child) -> mpsc::Receiver<String> {
    let (said, complaint) = mpsc::sync_channel(1);
    if let Some(stream) = child.stderr.take() {
        thread::spawn(move || {
            let mut text = Vec::new();
            let mut stream = stream.take(MOST);
            let _ = stream.read_to_end(&mut text);
            let _ = said.send(String::from_utf8_lossy(&text).into_owned());
            // It may go on talking: nobody keeps it.
            let _ = std::io::copy(&mut stream.into_inner(), &mut std::io::sink());
        });
    }
    complaint
}

/// Whether a variable is kept from hooks: all of ours, since PINs, passwords and secrets come in them.
fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_uppercase();
    name.starts_with(OURS) || SECRETS.contains(&name.as_str())
}

/// Whether a bare name is a program on the path.
fn on_path(name: &Path, path: Option<&OsStr>) -> bool {
    let mut file = OsString::from(name);
    file.push(env::consts::EXE_SUFFIX);
    path.is_some_and(|path| env::split_paths(path).any(|place| place.join(name).is_file() || place.join(&file).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_names_a_program_beside_it_or_on_the_path() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("tell"), "").unwrap();
        let find = |hook: &str| {
            let path = place.path().join("p.toml");
            std::fs::write(&path, hook).unwrap();
            Program::find(None, &ProfileFile::read(path.to_str()).unwrap())
        };
        let beside = Program {
            path: place.path().join("tell"),
            arguments: vec!["--to".into(), "desk; rm x".into()],
            limit: Duration::from_secs(10),
        };
        for (hook, found) in [
            ("", None),
            ("hook = [\"./tell\", \"--to\", \"desk; rm x\"]", Some(beside.clone())),
            ("hook = \"./tell\"", Some(Program { arguments: Vec::new(), ..beside.clone() })),
            ("hook = \"cargo\"", Some(Program { path: "cargo".into(), arguments: Vec::new(), ..beside.clone() })),
        ] {
            assert_eq!(find(hook).unwrap(), found, "{hook}");
        }
        for hook in ["hook = 7", "hook = []", "hook = [\"./tell\", 7]", "hook = \"\""] {
            assert!(matches!(find(hook), Err(CliError::Setting { field: "hook", .. })), "{hook}");
        }
        for hook in ["hook = \"./gone\"", "hook = \"no-such-program-anywhere\""] {
            assert!(matches!(find(hook), Err(CliError::NoHook(_))), "{hook}");
        }
    }

    #[test]
    fn our_variables_are_kept_from_it() {
        for (name, secret) in [
            ("KEYWRIGHT_PIN", true),
            ("keywright_client_secret", true),
            ("IDENTITY_HEADER", true),
            ("PATH", false),
            ("MY_KEYWRIGHT_PIN", false),
        ] {
            assert_eq!(is_secret(OsStr::new(name)), secret, "{name}");
        }
    }
}
