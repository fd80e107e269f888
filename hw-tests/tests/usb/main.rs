//! The built program on a real Linux kernel's hidraw and USB, under a real udev. To be run in the virtual machine
//! (`hw-tests/vm/boot`), as root: the tests plug keys in, the program runs as an ordinary user.

mod access;
mod batch;
mod described;
mod enrolment;
mod hardened;
mod hostile;
#[path = "../../../tests/support/judge.rs"]
#[expect(dead_code, reason = "shared with the main package, which uses all of it")]
mod judge;
mod listing;
mod opinion;
mod replug;
mod seat;
mod several;
#[path = "../nfc/tenant.rs"]
#[expect(dead_code, reason = "shared with the tests over a card, which script faults")]
mod tenant;

use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use keywright_hw_tests::{Line, UsbKey};

use crate::seat::Seat;

/// One machine for all tests, one test at a time; says at the end how long it was used.
fn machine() -> Use {
    static MACHINE: OnceLock<Mutex<Seat>> = OnceLock::new();
    assert!(std::env::var_os("KEYWRIGHT_VM").is_some(), "run this by hw-tests/vm/boot");
    let seat = MACHINE.get_or_init(|| Mutex::new(Seat::take())).lock().unwrap_or_else(PoisonError::into_inner);
    Use { _seat: seat, since: Instant::now() }
}

struct Use {
    _seat: MutexGuard<'static, Seat>,
    since: Instant,
}

impl Drop for Use {
    fn drop(&mut self) {
        println!("{:5.1} s {}", self.since.elapsed().as_secs_f32(), thread::current().name().unwrap_or_default());
    }
}

/// Somebody at the port who does what the program says.
fn obey(key: &mut UsbKey, line: &Line) {
    match line["event"].as_str() {
        Some("remove-key") => key.unplug(),
        Some("return-key") => key.plug(),
        _ => {}
    }
}

/// What a command wrote; its failure fails the test. `input` is what somebody would type.
fn output_of(program: &str, arguments: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
