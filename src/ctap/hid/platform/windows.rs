//! Windows: device interface paths. Only an elevated process may talk to a FIDO device.

use hidapi::{HidDevice, HidError};

use crate::ctap::LinkError;

pub(super) fn open_port(_device: &HidDevice) -> Option<String> {
    None
}

/// The instance part of the path (`\\?\hid#vid_1050&pid_0407&mi_01#8&2f3d1e0&0&0000#{...}`): the system makes it from the port, and the
/// same port gets the same again.
pub(super) fn port(path: &str) -> Option<String> {
    let instance = path.split('#').nth(2)?;
    (!instance.is_empty()).then(|| instance.to_lowercase())
}

pub(super) fn refusal(path: &str, error: &HidError) -> LinkError {
    reason(path, &error.to_string()).unwrap_or_else(|| LinkError::System(error.to_string()))
}

/// The driver opens a device that it may not talk to without any rights, so that the refusal may come with the first report.
pub(super) fn loss(path: &str, error: &HidError) -> LinkError {
    match reason(path, &error.to_string()) {
        Some(denied @ LinkError::NotElevated(_)) => denied,
        _ => LinkError::Gone,
    }
}

/// What the system's error number in the driver's text means.
fn reason(path: &str, text: &str) -> Option<LinkError> {
    if text.contains("0x00000005") {
        // ERROR_ACCESS_DENIED
        Some(LinkError::NotElevated(path.to_owned()))
    } else if text.contains("0x00000020") {
        // ERROR_SHARING_VIOLATION
        Some(LinkError::Busy)
    } else if text.contains("0x00000002") || text.contains("0x00000003") {
        // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
        Some(LinkError::Gone)
    } else {
        None
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

    #[test]
    fn reasons() {
        let denied = || Some(LinkError::NotElevated("path".into()));
        let rows = [
            ("hidapi error: open_device: (0x00000005) Access is denied.", denied()),
            ("hidapi error: WriteFile: (0x00000005) Zugriff verweigert", denied()),
            ("hidapi error: open_device: (0x00000020) The process cannot access the file", Some(LinkError::Busy)),
            ("hidapi error: open_device: (0x00000002) The system cannot find the file specified.", Some(LinkError::Gone)),
            ("hidapi error: WriteFile: (0x0000048F) The device is not connected.", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(reason("path", text), expected, "{text}");
        }
    }
}
