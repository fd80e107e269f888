//! FIDO devices of this machine over hidapi.

use std::ffi::CString;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use hidapi::{DeviceInfo, HidApi, HidDevice, HidError};
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::{HidTransport, PACKET_SIZE, PacketPipe, SMALLEST_PACKET, descriptor, platform};
use crate::clock::SharedClock;
use crate::ctap::discover::{Place, Sighting};
use crate::ctap::{Link, LinkError, LinkKind, Transport};

/// Looks that are made in full after a change: a device's description may be complete a moment after its node.
const THOROUGH_LOOKS: u8 = 5;
/// A HID report descriptor is at most this long (HID 1.11, `HID_API_MAX_REPORT_DESCRIPTOR_SIZE`).
const LONGEST_DESCRIPTOR: usize = 4096;
/// Longest text of a USB descriptor (USB 2.0 section 9.6.7: 126 UTF-16 units).
const LONGEST_TEXT: usize = 126;

/// The USB ports as a place where keys appear.
#[derive(Default)]
pub(in crate::ctap) struct UsbPorts {
    api: Option<HidApi>,
    nodes: Option<Vec<(String, String)>>,
    thorough: u8,
    seen: Vec<Sighting>,
}

impl fmt::Debug for UsbPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsbPorts").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl UsbPorts {
    pub(in crate::ctap) fn new() -> Self {
        Self::default()
    }

    fn api(&mut self) -> Result<&mut HidApi, LinkError> {
        if self.api.is_none() {
            self.api = Some(HidApi::new().map_err(system)?);
        }
        self.api.as_mut().ok_or_else(|| LinkError::System("no access to HID devices".into()))
    }

    fn look_thoroughly(&mut self) -> Result<Vec<Sighting>, LinkError> {
        let found = match platform::devices() {
            Some(found) => found,
            None => self.ask_driver()?,
        };
        let nodes = self.nodes.clone().unwrap_or_default();
        let mut seen: Vec<Sighting> = Vec::new();
        for link in found {
            if seen.iter().any(|other| other.link.path == link.path) {
                continue;
            }
            let insertion = nodes.iter().find(|(name, _)| link.path.ends_with(&format!("/{name}")));
            let insertion = insertion.map(|(_, target)| target.clone()).unwrap_or_default();
            seen.push(Sighting { link, insertion, since: None });
        }
        Ok(seen)
    }

    /// The FIDO devices that the driver finds. A new one has just looked by itself.
    fn ask_driver(&mut self) -> Result<Vec<Link>, LinkError> {
        if let Some(api) = &mut self.api {
            api.refresh_devices().map_err(system)?;
        }
        let api = self.api()?;
        Ok(api.device_list().filter(|info| info.usage_page() == descriptor::FIDO_USAGE_PAGE).map(link_of).collect())
    }

    fn connect(&mut self, link: &Link, clock: &SharedClock, rng: &mut dyn CryptoRng) -> Result<Box<dyn Transport>, LinkError> {
        let path = CString::new(link.path.as_str()).map_err(|_| LinkError::Gone)?;
        let device = self.api()?.open_path(&path).map_err(|error| platform::refusal(&link.path, &error))?;
        let mut link = link.clone();
        link.port = link.port.or_else(|| platform::open_port(&device));
        let pipe = HidPipe { report: report_size(&device), device };
        Ok(Box::new(HidTransport::open(link, pipe, clock.clone(), rng)?))
    }
}

impl Place for UsbPorts {
    fn name(&self) -> &'static str {
        "USB"
    }

    fn look(&mut self) -> Result<Vec<Sighting>, LinkError> {
        let nodes = platform::nodes();
        if nodes.is_none() || nodes != self.nodes {
            self.thorough = THOROUGH_LOOKS;
        }
        self.nodes = nodes;
        if self.thorough > 0 {
            self.thorough = self.thorough.saturating_sub(1);
            self.seen = self.look_thoroughly()?;
        }
        Ok(self.seen.clone())
    }

    fn survey(&mut self) -> Result<Vec<String>, LinkError> {
        Ok(self.look()?.into_iter().map(|sighting| sighting.link.path).collect())
    }

    fn pause(&mut self, _time: Duration) -> bool {
        false
    }

    fn open(
        &mut self,
        link: &Link,
        clock: &SharedClock,
        rng: &mut dyn CryptoRng,
    ) -> Option<Result<Box<dyn Transport>, LinkError>> {
        (link.kind == LinkKind::Usb).then(|| self.connect(link, clock, rng))
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
        port: platform::port(&path),
        path,
    }
}

/// A text of the USB descriptor as people may see it: the key wrote it, and a terminal would obey control characters.
pub(super) fn printable(text: Option<&str>) -> Option<String> {
    let text: String = text?.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn system(error: HidError) -> LinkError {
    LinkError::System(error.to_string())
}

/// Size of the device's output report; 64 where it does not tell.
fn report_size(device: &HidDevice) -> usize {
    let mut descriptor = [0_u8; LONGEST_DESCRIPTOR];
    let length = device.get_report_descriptor(&mut descriptor).unwrap_or_default();
    descriptor
        .get(..length)
        .and_then(descriptor::output_size)
        .filter(|size| (SMALLEST_PACKET..=PACKET_SIZE).contains(size))
        .unwrap_or(PACKET_SIZE)
}

/// One open FIDO device.
struct HidPipe {
    device: HidDevice,
    report: usize,
}

impl PacketPipe for HidPipe {
    fn report_size(&self) -> usize {
        self.report
    }

    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError> {
        // FIDO reports have no id; hidapi wants its place in front all the same.
        let mut report = Zeroizing::new(Vec::with_capacity(packet.len().saturating_add(1)));
        report.push(0);
        report.extend_from_slice(packet);
        match self.device.write(&report) {
            Err(error) if is_interruption(&error) => self.device.write(&report),
            other => other,
        }
        .map_err(lost)
        .map(drop)
    }

    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], timeout: Duration) -> Result<Option<usize>, LinkError> {
        // Rounded up: a wait of less than a millisecond must not become none.
        let milliseconds = timeout.as_micros().div_ceil(1000);
        match self.device.read_timeout(packet, i32::try_from(milliseconds).unwrap_or(i32::MAX)) {
            Ok(0) => Ok(None),
            Ok(count) => Ok(Some(count)),
            Err(error) if is_interruption(&error) => Ok(None),
            Err(error) => Err(lost(error)),
        }
    }
}

/// A signal came in between (Ctrl-C): nothing is wrong with the key.
fn is_interruption(error: &HidError) -> bool {
    matches!(error, HidError::IoError { error } if error.kind() == ErrorKind::Interrupted)
}

/// Reading and writing fail in one way only while a key is in its port: it no longer is.
#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn lost(error: HidError) -> LinkError {
    log::debug!("HID device lost: {error}");
    LinkError::Gone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let rows = [
            (Some(" YubiKey FIDO "), Some("YubiKey FIDO")),
            (Some("\u{1b}[2Jkey\n"), Some("[2Jkey")),
            (Some(" \0"), None),
            (Some(""), None),
            (None, None),
        ];
        for (text, expected) in rows {
            assert_eq!(printable(text).as_deref(), expected);
        }
        assert_eq!(printable(Some(&"x".repeat(1000))).map(|text| text.len()), Some(126));
    }
}
