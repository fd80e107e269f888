//! What differs by operating system.
//!
//! A `Driver` has three functions:
//! - `nodes()`: a cheap picture of what is plugged in, to tell whether a whole look is worth it; `None` where there is none;
//! - `devices()`: the FIDO devices;
//! - `open(link)`: the device as a pipe; adds the physical port to the link if only an open device tells it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::Driver;

#[cfg(not(target_os = "linux"))]
mod library;
#[cfg(not(target_os = "linux"))]
pub(super) use library::Driver;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(any(target_os = "windows", test))]
mod windows;
#[cfg(target_os = "windows")]
use windows as system;
