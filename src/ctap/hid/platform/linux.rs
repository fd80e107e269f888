//! Linux: hidraw nodes and sysfs.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use hidapi::{HidDevice, HidError};

use crate::ctap::hid::descriptor::is_fido;
use crate::ctap::hid::device::printable;
use crate::ctap::{Link, LinkError, LinkKind};

const CLASS: &str = "/sys/class/hidraw";

/// The FIDO devices, from the few files of sysfs that tell. The driver's own look reads every attribute of every device up to the
/// root of the tree, hundreds of files for one key.
pub(in crate::ctap::hid) fn devices() -> Option<Vec<Link>> {
    let mut names: Vec<_> = fs::read_dir(CLASS).ok()?.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    names.sort();
    Some(names.iter().filter_map(|name| describe(name.to_str()?)).collect())
}

/// One node, if it is a FIDO device and its description is complete.
fn describe(name: &str) -> Option<Link> {
    let device = fs::canonicalize(Path::new(CLASS).join(name).join("device")).ok()?;
    if !is_fido(&fs::read(device.join("report_descriptor")).ok()?) {
        return None;
    }
    let event = fs::read_to_string(device.join("uevent")).ok()?;
    let (vendor_id, product_id) = ids(property(&event, "HID_ID")?)?;
    let port = port_in(&device);
    let product = port.as_deref().and_then(|port| product_at(&device, port));
    Some(Link {
        kind: LinkKind::Usb,
        path: format!("/dev/{name}"),
        vendor_id: Some(vendor_id),
        product_id: Some(product_id),
        product: printable(product.as_deref().or_else(|| property(&event, "HID_NAME"))),
        usb_serial: printable(property(&event, "HID_UNIQ")),
        port,
    })
}

fn property<'a>(event: &'a str, name: &str) -> Option<&'a str> {
    event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// Vendor and product from `0003:00001050:00000407`: bus, vendor, product.
fn ids(text: &str) -> Option<(u16, u16)> {
    let mut parts = text.split(':').skip(1).map(|part| u32::from_str_radix(part, 16).ok());
    Some((parts.next()??.try_into().ok()?, parts.next()??.try_into().ok()?))
}

/// The product text of the USB device at `port`, which is above the HID device in sysfs.
fn product_at(device: &Path, port: &str) -> Option<String> {
    let usb = device.ancestors().find(|place| place.file_name().is_some_and(|name| name == port))?;
    fs::read_to_string(usb.join("product")).ok()
}

/// Names of the hidraw nodes and what they link to: the target ends in a number that counts up with each insertion.
pub(in crate::ctap::hid) fn nodes() -> Option<Vec<(String, String)>> {
    let mut nodes: Vec<_> = fs::read_dir(CLASS)
        .ok()?
        .filter_map(Result::ok)
        .map(|entry| {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            (entry.file_name().to_string_lossy().into_owned(), target.to_string_lossy().into_owned())
        })
        .collect();
    nodes.sort();
    Some(nodes)
}

/// USB topology of the port (`1-2.4`), from the place of the node in sysfs.
pub(in crate::ctap::hid) fn port(path: &str) -> Option<String> {
    let name = Path::new(path).file_name()?;
    port_in(&fs::canonicalize(Path::new(CLASS).join(name).join("device")).ok()?)
}

pub(in crate::ctap::hid) fn open_port(_device: &HidDevice) -> Option<String> {
    None
}

/// The device above the interface: interfaces are called `1-2.4:1.0`.
fn port_in(sysfs: &Path) -> Option<String> {
    let mut parts = sysfs.components().rev().filter_map(|part| part.as_os_str().to_str());
    let interface = parts.find(|part| part.split_once(':').is_some_and(|(port, rest)| is_port(port) && rest.contains('.')))?;
    interface.split_once(':').map(|(port, _)| port.to_owned())
}

fn is_port(text: &str) -> bool {
    text.split_once('-').is_some_and(|(bus, ports)| {
        !bus.is_empty()
            && bus.bytes().all(|byte| byte.is_ascii_digit())
            && ports.starts_with(|first: char| first.is_ascii_digit())
    })
}

/// The driver gives its reason as text only: the system is asked again, by opening the node and closing it at once.
pub(in crate::ctap::hid) fn refusal(path: &str, error: &HidError) -> LinkError {
    match OpenOptions::new().read(true).write(true).open(path).map_err(|error| error.kind()) {
        Err(ErrorKind::PermissionDenied) => LinkError::AccessDenied(path.to_owned()),
        Err(ErrorKind::NotFound) => LinkError::Gone,
        // Refused then, granted now: udev came in between, and another try is worth it.
        Ok(_) if error.to_string().contains(EACCES) => LinkError::AccessDenied(path.to_owned()),
        _ => LinkError::System(error.to_string()),
    }
}

/// How the standard library ends the text of a refused permission.
const EACCES: &str = "(os error 13)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let rows = [
            ("/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.1/0003:1050:0407.0005", Some("1-2")),
            ("/sys/devices/pci0000:00/0000:00:14.0/usb3/3-1/3-1.4/3-1.4.2/3-1.4.2:1.0/0003:20A0:42B2.0011", Some("3-1.4.2")),
            ("/sys/devices/platform/dummy_hcd.0/usb1/1-1/1-1:1.0/0003:1209:BEEE.0001", Some("1-1")),
            ("/sys/devices/virtual/misc/uhid/0003:1209:0001.0001", None),
            ("/", None),
        ];
        for (path, expected) in rows {
            assert_eq!(port_in(Path::new(path)).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn descriptions() {
        let event =
            "DRIVER=hid-generic\nHID_ID=0003:00001050:00000407\nHID_NAME=Yubico YubiKey\nHID_PHYS=usb-1/input1\nHID_UNIQ=\n";
        assert_eq!(property(event, "HID_NAME"), Some("Yubico YubiKey"));
        assert_eq!(property(event, "HID_UNIQ"), Some(""));
        assert_eq!(property(event, "HID"), None);
        for (text, expected) in [
            ("0003:00001050:00000407", Some((0x1050, 0x0407))),
            ("0003:00011050:00000407", None),
            ("0003:1050", None),
            ("", None),
        ] {
            assert_eq!(ids(text), expected, "{text}");
        }
    }

    #[test]
    fn why_not() {
        let error = HidError::InitializationError;
        assert_eq!(refusal("/dev/no-such-node", &error), LinkError::Gone);
        assert!(matches!(refusal("/dev/null", &error), LinkError::System(_)));
        let message = "failed to open device with path /dev/null: Permission denied (os error 13)".to_owned();
        let granted_since = HidError::HidApiError { message };
        assert_eq!(refusal("/dev/null", &granted_since), LinkError::AccessDenied("/dev/null".into()));
    }
}
