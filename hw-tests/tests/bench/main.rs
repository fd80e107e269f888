//! How long things take, beside other programs that do the same. `hw-tests/bench/run` prints rows of
//! tables: each line names its table.

mod enrolment;
#[path = "../../../tests/support/judge.rs"]
#[expect(dead_code, reason = "shared with the main package, which uses all of it")]
mod judge;
mod reports;
mod start;
#[path = "../nfc/tenant.rs"]
#[expect(dead_code, reason = "shared with the tests over pcscd, which use all of it")]
mod tenant;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Runs of everything; what is told is the middle one.
const ROUNDS: usize = 7;

/// One measurement at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program under measurement: optimised, if it is named.
fn program() -> PathBuf {
    let named = std::env::var_os("KEYWRIGHT_OPTIMISED").or_else(|| std::env::var_os("KEYWRIGHT_BIN"));
    PathBuf::from(named.expect("KEYWRIGHT_OPTIMISED or KEYWRIGHT_BIN names the program"))
}

/// What one run of a program took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall: Duration,
    /// User and system time, in steps of 10 ms.
    cpu: Duration,
    /// Most memory at once, in kB.
    peak: u64,
}

/// Runs a program to its good end under GNU time.
fn cost(program: &Path, words: &[&str], variables: &[(&str, &str)]) -> Cost {
    let told = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("/usr/bin/time");
    command.args(["--quiet", "--format=%U %S %M", "--output"]).arg(told.path()).arg(program).args(words);
    command.env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied());
    let begin = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("Debian's package `time`");
    let wall = begin.elapsed();
    assert!(output.status.success(), "{words:?}: {}{}", show(&output.stdout), show(&output.stderr));
    let told = std::fs::read_to_string(told.path()).unwrap();
    let [user, system, peak] = told.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
    let seconds = |text: &str| Duration::from_secs_f64(text.parse().unwrap());
    Cost { wall, cpu: seconds(user) + seconds(system), peak: peak.parse().unwrap() }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The middle one.
fn median<T: Ord + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values[values.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

fn ratio(ours: Duration, theirs: Duration) -> String {
    format!("{:.2}", ours.as_secs_f64() / theirs.as_secs_f64())
}

fn megabytes(kilobytes: u64) -> String {
    format!("{}.{}", kilobytes / 1000, kilobytes % 1000 / 100)
}

/// A row of a table.
fn row(table: &str, cells: &[String]) {
    println!("performance {table} | {} |", cells.join(" | "));
}
