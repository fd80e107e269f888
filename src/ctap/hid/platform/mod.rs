//! What differs by operating system: the physical port of a device, and why it cannot be opened.
//!
//! Every module has the same five functions:
//! - `nodes()`: a cheap picture of what is plugged in, to tell whether a whole look is worth it; `None` where there is none;
//! - `devices()`: the FIDO devices; `None` where the driver has to be asked;
//! - `port(path)`: the physical port, as far as the path tells;
//! - `open_port(device)`: the physical port, as far as an open device tells;
//! - `refusal(path, error)`: why it could not be opened.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(super) use linux::{devices, nodes, open_port, port, refusal};

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
pub(super) use macos::{devices, nodes, open_port, port, refusal};

#[cfg(any(target_os = "windows", test))]
mod windows;
#[cfg(target_os = "windows")]
pub(super) use windows::{devices, nodes, open_port, port, refusal};
