//! Windows: device interface paths. Opening a FIDO device needs an elevated process.

#[cfg(windows)]
use hidapi::{HidDevice, HidError};

#[cfg(windows)]
use crate::ctap::{Link, LinkError};

#[cfg(windows)]
pub(in crate::ctap::hid) fn devices() -> Option<Vec<Link>> {
    None
}

#[cfg(windows)]
pub(in crate::ctap::hid) fn nodes() -> Option<Vec<(String, String)>> {
    None
}

#[cfg(windows)]
pub(in crate::ctap::hid) fn open_port(_device: &HidDevice) -> Option<String> {
    None
}

/// The instance part of the path (`\\?\hid#vid_1050&pid_0407&mi_01#8&2f3d1e0&0&0000#{...}`): the system makes it from the port, and the
/// same port gets the same again.
pub(in crate::ctap::hid) fn port(path: &str) -> Option<String> {
    let instance = path.split('#').nth(2)?;
    (!instance.is_empty()).then(|| instance.to_lowercase())
}

#[cfg(windows)]
pub(in crate::ctap::hid) fn refusal(path: &str, error: &HidError) -> LinkError {
    let text = error.to_string();
    if text.contains("0x00000005") {
        // ERROR_ACCESS_DENIED
        LinkError::AccessDenied(path.to_owned())
    } else if text.contains("0x00000020") {
        // ERROR_SHARING_VIOLATION
        LinkError::Busy
    } else if text.contains("0x00000002") || text.contains("0x00000003") {
        // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
        LinkError::Gone
    } else {
        LinkError::System(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let rows = [
            (
                r"\\?\hid#vid_1050&pid_0407&mi_01#8&2F3D1E0&0&0000#{4d1e55b2-f16f-11cf-88cb-001111000030}",
                Some("8&2f3d1e0&0&0000"),
            ),
            (r"\\?\hid", None),
            ("", None),
        ];
        for (path, expected) in rows {
            assert_eq!(port(path).as_deref(), expected, "{path}");
        }
    }
}
