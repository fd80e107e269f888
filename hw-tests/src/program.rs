//! The built program, driven as a script drives it: `--json`, one object a line.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::Value;

use crate::service::as_ordinary_user;

/// Longer than any run of these tests takes.
const LIMIT: Duration = Duration::from_secs(90);

/// One object that the program wrote.
pub type Line = Value;

/// The program with a home of its own.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    home: tempfile::TempDir,
    ordinary_user: bool,
    memory: Option<u64>,
    variables: Vec<(String, String)>,
    /// Of the run that is under way.
    pid: AtomicU32,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Every object of standard output.
    pub lines: Vec<Line>,
    /// Standard error.
    pub talk: String,
    /// With limited memory: most memory that it was seen to have at once, in KiB, its own files' pages included.
    pub peak: u64,
}

impl Program {
    /// What `KEYWRIGHT_BIN` names, else the debug build beside this one, with an empty home.
    pub fn new() -> Self {
        Self::at(std::env::var_os("KEYWRIGHT_BIN").map_or_else(built, PathBuf::from))
    }

    /// This build, with an empty home.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        assert!(path.is_file(), "build keywright first, or name it in KEYWRIGHT_BIN: {} is not there", path.display());
        Self {
            path,
            home: tempfile::tempdir().unwrap(),
            ordinary_user: false,
            memory: None,
            variables: Vec::new(),
            pid: AtomicU32::new(0),
        }
    }

    /// Runs as an ordinary user from now on.
    #[must_use]
    pub fn as_ordinary_user(mut self) -> Self {
        self.ordinary_user = true;
        // The home was made by root, and the build may lie where others cannot look.
        let copy = self.home.path().join("keywright");
        std::fs::copy(&self.path, &copy).unwrap();
        for path in [self.home.path(), &copy] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
            std::fs::set_permissions(path, mode).unwrap();
        }
        self.path = copy;
        self
    }

    /// From now on the kernel refuses it more than so many MiB of data and stacks, and a program that is refused memory ends with SIGABRT.
    #[must_use]
    pub fn with_memory(mut self, limit: u64) -> Self {
        self.memory = Some(limit);
        self
    }

    /// Processor time that the run under way has used so far.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid.load(Ordering::SeqCst))).unwrap();
        // After the name in brackets: user and system time are the 12th and 13th field, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Stops the run under way where it is, and returns once it stands.
    pub fn stop(&self) {
        self.signal("-STOP");
        let end = Instant::now() + LIMIT;
        let path = format!("/proc/{}/stat", self.pid.load(Ordering::SeqCst));
        // After the name in brackets: the state.
        while !fs::read_to_string(&path).unwrap().rsplit(") ").next().unwrap().starts_with('T') {
            assert!(Instant::now() < end, "it did not stop");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets a run that has stopped go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid.load(Ordering::SeqCst).to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// What of the memory of the run under way is in a core dump of it: everything that it can write to. Gives the names of the places
    /// where one of these is.
    pub fn places_of(&self, wanted: &[&[u8]]) -> Vec<String> {
        let process = format!("/proc/{}", self.pid.load(Ordering::SeqCst));
        let memory = fs::File::open(format!("{process}/mem")).unwrap();
        let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
        let mut places = Vec::new();
        let mut searched = 0;
        for line in maps.lines().filter(|line| line.contains(" rw")) {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let (from, to) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            if memory.read_exact_at(&mut bytes, from).is_err() {
                continue;
            }
            searched += bytes.len();
            if wanted.iter().any(|wanted| bytes.windows(wanted.len()).any(|window| window == *wanted)) {
                places.push(line.to_owned());
            }
        }
        assert!(searched > 1 << 20, "only {searched} bytes could be read");
        places
    }

    /// Sets a variable for every run.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Its home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs with `--json`; `on_line` hears every object as it comes and may act on it.
    pub fn run(&self, arguments: &[impl AsRef<OsStr>], mut on_line: impl FnMut(&Line)) -> Run {
        let path = self.path.to_str().unwrap();
        let first = if self.memory.is_some() { "prlimit" } else { path };
        let mut command = if self.ordinary_user { as_ordinary_user(first) } else { Command::new(first) };
        if let Some(limit) = self.memory {
            command.arg(format!("--data={}", limit << 20)).arg(path);
        }
        command.arg("--json").args(arguments).env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("keywright");
        self.pid.store(child.id(), Ordering::SeqCst);
        let ended = Arc::new(AtomicBool::new(false));
        let watcher = self.memory.map(|_| watch(child.id(), Arc::clone(&ended)));
        let (sender, receiver) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let reader = thread::spawn(move || {
            for line in stdout.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let talker = thread::spawn(move || {
            let mut talk = String::new();
            let _ = stderr.read_to_string(&mut talk);
            talk
        });
        let end = Instant::now() + LIMIT;
        let mut lines = Vec::new();
        loop {
            match receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(text) => {
                    let line: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
                    on_line(&line);
                    lines.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    panic!("keywright did not end within {LIMIT:?}; it said {lines:#?}");
                }
            }
        }
        reader.join().unwrap();
        ended.store(true, Ordering::SeqCst);
        let peak = watcher.map_or(0, |watcher| watcher.join().unwrap());
        let code = child.wait().unwrap().code();
        Run { code, lines, talk: talker.join().unwrap(), peak }
    }
}

impl Default for Program {
    fn default() -> Self {
        Self::new()
    }
}

impl Run {
    /// The last result, after making sure that the run ended well.
    pub fn result(&self) -> &Value {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.lines.iter().rev().find_map(|line| line.get("result")).unwrap_or_else(|| panic!("no result: {self:#?}"))
    }

    /// The stable code of the error that ended it.
    pub fn error_code(&self) -> &str {
        let error = self.lines.iter().rev().find_map(|line| line.pointer("/error/code")).and_then(Value::as_str);
        error.unwrap_or_else(|| panic!("no error: {self:#?}"))
    }

    /// The names of its events.
    pub fn events(&self) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line.get("event")?.as_str()).collect()
    }
}

/// Looks at a process every few milliseconds until it has ended; the kernel keeps the highest mark, so that only what comes after the last
/// look is missed.
fn watch(pid: u32, ended: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let mut peak = 0;
        while !ended.load(Ordering::SeqCst) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
            peak = mark.unwrap_or(peak).max(peak);
            thread::sleep(Duration::from_millis(5));
        }
        peak
    })
}

/// The debug build of the main package: `target/debug/keywright` from `target/debug/deps/nfc-…`.
fn built() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("keywright")
}
