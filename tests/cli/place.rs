//! A place of its own for each test, the built binary in it, and what a run leaves.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.command(arguments).output().unwrap())
    }

    /// Runs with lines on standard input.
    pub fn fed(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Run::of(&child.wait_with_output().unwrap())
    }
}

impl Run {
    pub fn of(output: &Output) -> Self {
        Self {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            talk: String::from_utf8(output.stderr.clone()).unwrap(),
        }
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
