//! macOS and Windows: the library's own list of devices.

use hidapi::DeviceInfo;

use super::library::{HidPipe, Library};
#[cfg(not(target_os = "linux"))]
use super::system;
#[cfg(target_os = "linux")]
use super::windows as system;
use crate::ctap::hid::descriptor::FIDO_USAGE_PAGE;
use crate::ctap::hid::device::printable;
use crate::ctap::{Link, LinkError, LinkKind};

/// The library, for the list as well.
#[derive(Debug, Default)]
pub(in crate::ctap::hid) struct Driver(Library);

impl Driver {
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(in crate::ctap::hid) fn nodes(&self) -> Option<Vec<(String, String)>> {
        None
    }

    pub(in crate::ctap::hid) fn devices(&mut self) -> Result<Vec<Link>, LinkError> {
        let list = self.0.refreshed()?.device_list();
        Ok(list.filter(|info| info.usage_page() == FIDO_USAGE_PAGE).map(link_of).collect())
    }

    pub(in crate::ctap::hid) fn open(&mut self, link: &mut Link) -> Result<HidPipe, LinkError> {
        self.0.open(link)
    }
}

fn link_of(info: &DeviceInfo) -> Link {
    let path = info.path().to_string_lossy().into_owned();
    Link {
        kind: LinkKind::Usb,
        vendor_id: Some(info.vendor_id()),
        product_id: Some(info.product_id()),
        product: printable(info.product_string()),
        usb_serial: printable(info.serial_number()),
        port: system::port(&path),
        path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_looks_and_finds_fido_devices_only() {
        let mut driver = Driver::default();
        assert_eq!(driver.nodes(), None);
        for look in 0..2 {
            let found = driver.devices().unwrap();
            assert!(found.iter().all(|link| link.kind == LinkKind::Usb && !link.path.is_empty()), "{look}: {found:?}");
        }
        let mut nowhere = Link {
            kind: LinkKind::Usb,
            path: "/dev/no-such-node".into(),
            vendor_id: None,
            product_id: None,
            product: None,
            usb_serial: None,
            port: None,
        };
        assert!(driver.open(&mut nowhere).is_err());
    }
}
