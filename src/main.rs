//! keywright: parse, wire, run, map to an exit code; nothing else.

use std::process::ExitCode;

use keywright::advice::Exit;
use keywright::cli;
use keywright::ctap::Cancel;

fn main() -> ExitCode {
    let cancel = Cancel::new();
    let requested = cancel.clone();
    // Without a handler Ctrl-C ends the program where it stands, which the ledger survives as well.
    let _ = ctrlc::set_handler(move || {
        if requested.requested() {
            leave_at_once();
        }
        requested.request();
    });
    ExitCode::from(cli::run(std::env::args_os(), &cancel).code())
}

/// The second Ctrl-C: whoever presses it does not want to wait for the key or the tenant.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "an impatient person; the ledger knows what was begun")]
fn leave_at_once() {
    std::process::exit(Exit::Interrupted.code().into());
}
