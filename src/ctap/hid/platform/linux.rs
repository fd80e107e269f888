//! Linux: hidraw nodes and sysfs.

use std::fs;
use std::path::Path;

use hidapi::{HidDevice, HidError};

use super::library::{HidPipe, Library};
use crate::ctap::hid::descriptor::is_fido;
use crate::ctap::hid::device::printable;
use crate::ctap::{Link, LinkError, LinkKind};

const CLASS: &str = "/sys/class/hidraw";

/// sysfs says what is there; the library opens it. Its own list reads hundreds of files for one key and tells no port.
#[derive(Debug, Default)]
pub(in crate::ctap::hid) struct Driver(Library);

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on other systems")]
impl Driver {
    /// Names of the hidraw nodes and what they link to: the target ends in a number that counts up with each insertion.
    pub(in crate::ctap::hid) fn nodes(&self) -> Option<Vec<(String, String)>> {
        let mut nodes: Vec<_> = names()
            .map(|name| {
                let target = fs::read_link(Path::new(CLASS).join(&name)).unwrap_or_default();
                (name, target.to_string_lossy().into_owned())
            })
            .collect();
        nodes.sort();
        Some(nodes)
    }

    /// The FIDO devices, from the few files of sysfs that tell.
    pub(in crate::ctap::hid) fn devices(&mut self) -> Result<Vec<Link>, LinkError> {
        let mut names: Vec<_> = names().collect();
        names.sort();
        Ok(names.iter().filter_map(|name| describe(name)).collect())
    }

    pub(in crate::ctap::hid) fn open(&mut self, link: &mut Link) -> Result<HidPipe, LinkError> {
        self.0.open(link)
    }
}

/// The hidraw nodes; none on a machine whose kernel has none.
fn names() -> impl Iterator<Item = String> {
    let entries = fs::read_dir(CLASS).ok().into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().into_string().ok())
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

/// The list tells the port.
pub(super) fn open_port(_device: &HidDevice) -> Option<String> {
    None
}

/// The library hands the system's error on as text, which ends in its number.
pub(super) fn refusal(path: &str, error: &HidError) -> LinkError {
    let text = error.to_string();
    match number_in(&text) {
        // EPERM, EACCES
        Some(1 | 13) => LinkError::AccessDenied(path.to_owned()),
        // ENOENT, ENXIO, ENODEV
        Some(2 | 6 | 19) => LinkError::Gone,
        _ => LinkError::System(text),
    }
}

/// The number in `… (os error 13)`, as the standard library writes it.
fn number_in(text: &str) -> Option<i32> {
    text.strip_suffix(')')?.rsplit_once("(os error ")?.1.parse().ok()
}

/// Reading and writing fail in one way only while a key is in its port: it no longer is.
pub(super) fn loss(_path: &str, _error: &HidError) -> LinkError {
    LinkError::Gone
}

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
        let refused = |number| {
            let message = format!("failed to open device with path node: {}", std::io::Error::from_raw_os_error(number));
            HidError::HidApiError { message }
        };
        let rows = [
            (refused(2), LinkError::Gone),
            (refused(6), LinkError::Gone),
            (refused(19), LinkError::Gone),
            (refused(1), LinkError::AccessDenied("node".into())),
            (refused(13), LinkError::AccessDenied("node".into())),
            (refused(24), LinkError::System(refused(24).to_string())),
            (HidError::InitializationError, LinkError::System(HidError::InitializationError.to_string())),
        ];
        for (error, expected) in rows {
            assert_eq!(refusal("node", &error), expected, "{error}");
        }
    }

    #[test]
    fn what_the_library_says_of_a_node_that_is_missing_or_none_is_understood() {
        for (path, gone) in [("/dev/no-such-node", true), ("/dev/null", false)] {
            let mut link = Link {
                kind: LinkKind::Usb,
                path: path.into(),
                vendor_id: None,
                product_id: None,
                product: None,
                usb_serial: None,
                port: None,
            };
            let refused = Driver::default().open(&mut link).err();
            assert_eq!(refused == Some(LinkError::Gone), gone, "{refused:?}");
            assert!(gone || matches!(refused, Some(LinkError::System(_))), "{refused:?}");
        }
    }
}
