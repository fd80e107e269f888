//! What differs by operating system.
//!
//! A `Driver` has three functions:
//! - `nodes()`: a cheap picture of what is plugged in, to tell whether a whole look is worth it; `None` where there is none;
//! - `devices()`: the FIDO devices;
//! - `open(link)`: the device as a pipe; adds the physical port to the link if only an open device tells it.

use zeroize::Zeroizing;

mod library;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "linux")]
pub(super) use linux::Driver;

// Built for the tests everywhere, so that what macOS and Windows use does not rot where nobody uses it.
#[cfg(any(not(target_os = "linux"), test))]
mod list;
#[cfg(not(target_os = "linux"))]
pub(super) use list::Driver;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(any(target_os = "windows", test))]
#[cfg_attr(not(target_os = "windows"), expect(dead_code, reason = "its rows are tested everywhere"))]
mod windows;
#[cfg(target_os = "windows")]
use windows as system;

/// A packet as every system takes it. FIDO reports have no id, but its place goes in front all the same.
fn with_id(packet: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut report = Zeroizing::new(Vec::with_capacity(packet.len().saturating_add(1)));
    report.push(0);
    report.extend_from_slice(packet);
    report
}
