//! A place of its own for each test, the built binary in it, and what a run leaves.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright::clock::SystemClock;
use keywright::simulator::key::{Blueprint, Model, TrainingKey, test_root_der};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::Value;

use crate::judge::{Case, judge};
use crate::schema::check_lines;

/// A place with nothing of the machine's own configuration in it.
pub struct Place {
    directory: tempfile::TempDir,
}

/// What a run left.
pub struct Run {
    pub exit: i32,
    pub out: String,
    pub talk: String,
}

impl Place {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
        command.args(arguments).env_clear().current_dir(self.path());
        for (name, below) in [("HOME", "home"), ("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("TMPDIR", "tmp")] {
            let path = self.path().join(below);
            std::fs::create_dir_all(&path).unwrap();
            command.env(name, path);
        }
        command.env("KEYWRIGHT_TRAINING_KEY", self.path().join("key.json"));
        command.env("KEYWRIGHT_TRAINING_TENANT", self.tenant());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        let run = Run::of(&self.command(arguments).output().unwrap());
        self.judged();
        run
    }

    /// The training key as its file has it.
    pub fn key(&self) -> TrainingKey {
        let rng = Box::new(UnwrapErr(SysRng));
        let (clock, memory) = (Arc::new(SystemClock::new()), Some(self.path().join("key.json")));
        TrainingKey::new(Blueprint { model: Model::STANDARD, serial: 20_260_001, clock, rng, memory }).unwrap()
    }

    /// Memory of every training tenant here.
    fn tenant(&self) -> PathBuf {
        self.path().join("tenant.json")
    }

    /// Lets the library that is not ours judge every registration that a training tenant took, since the shipped tenant
    /// judges by keywright's own check; gives their number.
    pub fn judged(&self) -> usize {
        let Ok(memory) = std::fs::read(self.tenant()) else { return 0 };
        let memory: Value = serde_json::from_slice(&memory).unwrap();
        let passkeys = memory["passkeys"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
        let accepted = passkeys.map(|passkey| &passkey["accepted"]).filter(|accepted| !accepted.is_null());
        accepted.inspect(|accepted| judge_accepted(accepted)).count()
    }

    /// Runs with lines on standard input.
    pub fn fed(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(&child.wait_with_output().unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.judged();
        }
    }
}

fn judge_accepted(accepted: &Value) {
    let bytes = |member: &str| URL_SAFE_NO_PAD.decode(accepted[member].as_str().unwrap()).unwrap();
    let case = Case {
        challenge: accepted["challenge"].as_str().unwrap(),
        origin: "https://login.microsoft.com",
        rp_id: "login.microsoft.com",
        client_data_json: &bytes("clientDataJSON"),
        attestation_object: &bytes("attestationObject"),
        exclude: &[],
        root: Some(test_root_der()),
    };
    judge(&case).unwrap();
}

impl Run {
    pub fn of(output: &Output) -> Self {
        let run = Self {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            talk: String::from_utf8(output.stderr.clone()).unwrap(),
        };
        if run.out.starts_with('{') {
            check_lines(&run.out);
        }
        run
    }

    /// The result or error of a JSON run; every line has to be a versioned object.
    pub fn last(&self) -> Value {
        let lines: Vec<Value> = self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().all(|line| line["v"] == 1), "{}", self.out);
        lines.into_iter().next_back().unwrap_or_else(|| panic!("no output; {}", self.talk))
    }

    pub fn done(self) -> Self {
        assert_eq!(self.exit, 0, "{}{}", self.out, self.talk);
        self
    }

    /// The run failed with this code, its hint, and this exit.
    pub fn failed(&self, code: &str, exit: i32) {
        let (out, talk) = (&self.out, &self.talk);
        assert_eq!(self.exit, exit, "{code}: {out}{talk}");
        if out.starts_with('{') {
            let error = &self.last()["error"];
            assert_eq!(error["code"], code, "{out}");
            assert!(error["message"].as_str().unwrap().ends_with('.') && error["next"].as_str().unwrap().ends_with('.'), "{out}");
        } else {
            assert!(talk.contains(&format!("[{code}]\n")) && talk.contains("\n\nhint: "), "{code}: {talk}");
            assert!(out.is_empty(), "{out}");
        }
    }
}
