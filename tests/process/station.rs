//! A station on disk: the built program with a training key in a file, against a tenant that judges with a library that
//! is not ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use keywright::clock::{SharedClock, SystemClock};
use keywright::simulator::key::{Blueprint, Model, TrainingKey};
use keywright::simulator::tenant::{RunningTenant, Script, TrainingTenant};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::world::{ADELE, StrictJudge, generators};

/// Serial number of the first training key.
const FIRST: u32 = 20_260_001;

pub(crate) struct Station {
    pub(crate) dir: TempDir,
    pub(crate) tenant: Arc<RunningTenant>,
    /// Its ledger's file, or the address of a database.
    ledger: String,
    /// The box of keys; the number of those that other stations have taken out.
    keys: PathBuf,
    taken: u32,
}

impl Station {
    pub(crate) fn new() -> Self {
        Self::of(Script::default())
    }

    /// With another tenant.
    pub(crate) fn of(script: Script) -> Self {
        Self::at(script, Arc::new(SystemClock::new()))
    }

    /// With another tenant, which has its own time.
    pub(crate) fn at(script: Script, clock: SharedClock) -> Self {
        let tenant = TrainingTenant::start("127.0.0.1:0", script, clock, generators()(), Box::new(StrictJudge)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ledger = dir.path().join("ledger.db").to_str().unwrap().to_owned();
        let keys = dir.path().join("key");
        let station = Self { dir, tenant: Arc::new(tenant), ledger, keys, taken: 0 };
        station.trusts(&[]);
        station
    }

    /// The same with its ledger in a database.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_ledger(self, address: &str) -> Self {
        Self { ledger: address.to_owned(), ..self }
    }

    /// Where its ledger is.
    #[cfg(feature = "postgres")]
    pub(crate) fn ledger(&self) -> &str {
        &self.ledger
    }

    /// Another station with the same ledger, tenant and box of keys; so many of those are elsewhere.
    #[cfg(feature = "postgres")]
    pub(crate) fn another(&self, taken: u32) -> Self {
        let (tenant, ledger, keys) = (Arc::clone(&self.tenant), self.ledger.clone(), self.keys.clone());
        let station = Self { dir: tempfile::tempdir().unwrap(), tenant, ledger, keys, taken };
        station.trusts(&[]);
        station
    }

    /// Writes the profile: PINs are sealed for these stations as well.
    pub(crate) fn trusts(&self, stations: &[String]) {
        let profile = format!("stations = {stations:?}\n{}", self.tenant.profile_toml());
        std::fs::write(self.path("profile.toml"), profile).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The training key as its file has it.
    pub(crate) fn key(&self) -> TrainingKey {
        self.key_numbered(FIRST)
    }

    /// The same of one out of a box.
    pub(crate) fn key_numbered(&self, serial: u32) -> TrainingKey {
        TrainingKey::new(Blueprint {
            model: Model::STANDARD,
            serial,
            clock: Arc::new(SystemClock::new()),
            rng: generators()(),
            memory: Some(self.memory(serial)),
        })
        .unwrap()
    }

    /// Every key that came out of the box.
    pub(crate) fn keys(&self) -> Vec<TrainingKey> {
        let box_of_keys = FIRST..FIRST.saturating_add(1000);
        box_of_keys.filter(|serial| self.memory(*serial).exists()).map(|serial| self.key_numbered(serial)).collect()
    }

    fn memory(&self, serial: u32) -> PathBuf {
        match serial.saturating_sub(FIRST) {
            0 => self.keys.clone(),
            number => self.keys.with_file_name(format!("key.{}", number.saturating_add(1))),
        }
    }

    /// The program, unattended, with nothing of the caller's environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.without_yes(words);
        command.arg("--yes");
        command
    }

    /// The same, with nothing agreed to beforehand.
    pub(crate) fn without_yes(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
        command
            .args(words)
            .arg("--simulate=key")
            .args(["--profile", self.text("profile.toml").as_str()])
            .env_clear()
            .env("KEYWRIGHT_LEDGER", &self.ledger)
            .env("KEYWRIGHT_TRAINING_TAKEN", self.taken.to_string())
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/bin:/bin")
            .env("KEYWRIGHT_TRAINING_KEY", &self.keys)
            .env("KEYWRIGHT_TRAINING_PACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs with `--json` and gives the exit code and the last line: result or error.
    pub(crate) fn json(&self, words: &[&str]) -> (i32, Value) {
        last(&mut self.command(&[&["--json"], words].concat()))
    }

    pub(crate) fn enroll(&self, extra: &[&str]) -> Output {
        self.command(&[&["enroll", ADELE], extra].concat()).output().unwrap()
    }

    /// Every file of the station with its bytes, but for the memory of the key.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(self.dir.path(), &mut files);
        files.retain(|(path, _)| *path != self.path("key"));
        files
    }
}

fn collect(directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
}

/// Runs a command with `--json` in it and gives the exit code and the last line.
pub(crate) fn last(command: &mut Command) -> (i32, Value) {
    let output = command.output().unwrap();
    crate::schema::check_lines(str::from_utf8(&output.stdout).unwrap());
    let line = output.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
    let line = line.unwrap_or_else(|| panic!("no output: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), serde_json::from_slice(line).unwrap())
}

/// The result objects of a `--json` run.
pub(crate) fn results(stdout: &[u8]) -> Vec<Value> {
    let lines = stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice::<Value>(line).expect("a JSON line"))
        .filter(|line| line.get("result").is_some())
        .collect()
}
