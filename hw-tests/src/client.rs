//! The client that is not ours: `python/client.py`, on Python's `fido2`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs one command of `python/client.py` at a time.
#[derive(Debug)]
pub struct Client {
    python: PathBuf,
}

impl Client {
    /// What `KEYWRIGHT_RIG_PYTHON` names, else what `hw-tests/setup` made.
    pub fn new() -> Self {
        let python = std::env::var_os("KEYWRIGHT_RIG_PYTHON").map_or_else(made_by_setup, PathBuf::from);
        assert!(python.exists(), "run hw-tests/setup first: {} is not there", python.display());
        Self { python }
    }

    /// The Python that it runs in.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Runs a command; its failure fails the test.
    pub fn call(&self, command: &str, request: &Value) -> Value {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py");
        let mut child = Command::new(&self.python)
            .arg(script)
            .arg(command)
            .env_remove("PYTHONPATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Python");
        child.stdin.take().unwrap().write_all(request.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{command} {request}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

/// `target/rig-python` from `target/debug/deps/nfc-…`.
fn made_by_setup() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(3).unwrap().join("rig-python/bin/python")
}
