//! Opening an address in the browser of whoever sits here.

use std::env;
use std::process::{Command, Stdio};

/// Asks for a browser; tells whether something took the request. `BROWSER` names another program.
pub(super) fn open(url: &str) -> bool {
    let wished = env::var_os("BROWSER").filter(|program| !program.is_empty()).map(|program| (program, &[][..]));
    let (program, arguments) = wished.unwrap_or_else(|| (PLATFORM.0.into(), PLATFORM.1));
    if cfg!(all(unix, not(target_os = "macos"))) && no_display() && env::var_os("BROWSER").is_none() {
        return false;
    }
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(_) => true,
        Err(error) => {
            log::debug!(target: "keywright::cli", "no browser: {error}");
            false
        }
    }
}

/// Without a screen a program such as xdg-open would look for a browser in the terminal.
fn no_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| env::var_os(name).is_none_or(|text| text.is_empty()))
}

#[cfg(target_os = "windows")]
const PLATFORM: (&str, &[&str]) = ("rundll32", &["url.dll,FileProtocolHandler"]);
#[cfg(target_os = "macos")]
const PLATFORM: (&str, &[&str]) = ("open", &[]);
#[cfg(not(any(target_os = "windows", target_os = "macos")))]
const PLATFORM: (&str, &[&str]) = ("xdg-open", &[]);
