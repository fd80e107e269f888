//! macOS: IOKit. Only an open device tells its location.

use hidapi::{HidDevice, HidError};

use crate::ctap::LinkError;

pub(super) fn port(_path: &str) -> Option<String> {
    None
}

/// The location id: bus and ports of the USB topology, one hex digit each.
pub(super) fn open_port(device: &HidDevice) -> Option<String> {
    device.get_location_id().ok().map(|location| format!("{location:08x}"))
}

pub(super) fn refusal(path: &str, error: &HidError) -> LinkError {
    let text = error.to_string();
    if text.contains("0xE00002C5") {
        // kIOReturnExclusiveAccess
        LinkError::Busy
    } else if text.contains("0xE00002E2") || text.contains("0xE00002C1") {
        // kIOReturnNotPermitted, kIOReturnNotPrivileged
        LinkError::AccessDenied(path.to_owned())
    } else if text.contains("0xE00002C0") {
        // kIOReturnNoDevice
        LinkError::Gone
    } else {
        LinkError::System(text)
    }
}

/// Reading and writing fail in one way only while a key is in its port: it no longer is.
pub(super) fn loss(_path: &str, _error: &HidError) -> LinkError {
    LinkError::Gone
}
