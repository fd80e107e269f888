//! The library hidapi, which opens, reads and writes on every system. The system's own module knows where a device is plugged in,
//! and what an error means.

use std::ffi::CString;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use hidapi::{HidApi, HidDevice, HidError};

use super::{system, with_id};
use crate::ctap::hid::descriptor::output_size;
use crate::ctap::hid::{PACKET_SIZE, PacketPipe, SMALLEST_PACKET};
use crate::ctap::{Link, LinkError};

/// A HID report descriptor is at most this long (HID 1.11, `HID_API_MAX_REPORT_DESCRIPTOR_SIZE`).
const LONGEST_DESCRIPTOR: usize = 4096;

/// The library, once it was asked. It looks at every HID device when it is made.
#[derive(Default)]
pub(in crate::ctap::hid) struct Library(Option<HidApi>);

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").finish_non_exhaustive()
    }
}

impl Library {
    pub(in crate::ctap::hid) fn open(&mut self, link: &mut Link) -> Result<HidPipe, LinkError> {
        let path = CString::new(link.path.as_str()).map_err(|_| LinkError::Gone)?;
        let device = self.api()?.open_path(&path).map_err(|error| system::refusal(&link.path, &error))?;
        link.port = link.port.take().or_else(|| system::open_port(&device));
        Ok(HidPipe { path: link.path.clone(), report: report_size(&device), device })
    }

    /// The library itself, made if nobody asked before.
    fn api(&mut self) -> Result<&mut HidApi, LinkError> {
        if self.0.is_none() {
            self.0 = Some(HidApi::new().map_err(|error| LinkError::System(error.to_string()))?);
        }
        self.0.as_mut().ok_or_else(|| LinkError::System("no access to HID devices".into()))
    }

    /// Has it look once more; a new one has just looked by itself.
    #[cfg(any(not(target_os = "linux"), test))]
    pub(super) fn refreshed(&mut self) -> Result<&mut HidApi, LinkError> {
        if let Some(api) = &mut self.0 {
            api.refresh_devices().map_err(|error| LinkError::System(error.to_string()))?;
        }
        self.api()
    }
}

/// Size of the device's output report; 64 where it does not tell.
fn report_size(device: &HidDevice) -> usize {
    let mut descriptor = [0_u8; LONGEST_DESCRIPTOR];
    let length = device.get_report_descriptor(&mut descriptor).unwrap_or_default();
    let size = descriptor.get(..length).and_then(output_size);
    size.filter(|size| (SMALLEST_PACKET..=PACKET_SIZE).contains(size)).unwrap_or(PACKET_SIZE)
}

/// One open FIDO device.
pub(in crate::ctap::hid) struct HidPipe {
    path: String,
    device: HidDevice,
    report: usize,
}

impl HidPipe {
    fn lost(&self, error: &HidError) -> LinkError {
        log::debug!("{}: HID device lost: {error}", self.path);
        system::loss(&self.path, error)
    }
}

impl PacketPipe for HidPipe {
    fn report_size(&self) -> usize {
        self.report
    }

    fn write_packet(&mut self, packet: &[u8]) -> Result<(), LinkError> {
        let report = with_id(packet);
        match self.device.write(&report) {
            Err(error) if is_interruption(&error) => self.device.write(&report),
            other => other,
        }
        .map_err(|error| self.lost(&error))
        .map(drop)
    }

    fn read_packet(&mut self, packet: &mut [u8; PACKET_SIZE], timeout: Duration) -> Result<Option<usize>, LinkError> {
        // Rounded up: a wait of less than a millisecond must not become none.
        let milliseconds = timeout.as_micros().div_ceil(1000);
        match self.device.read_timeout(packet, i32::try_from(milliseconds).unwrap_or(i32::MAX)) {
            Ok(0) => Ok(None),
            Ok(count) => Ok(Some(count)),
            Err(error) if is_interruption(&error) => Ok(None),
            Err(error) => Err(self.lost(&error)),
        }
    }
}

/// A signal came in between (Ctrl-C): nothing is wrong with the key.
fn is_interruption(error: &HidError) -> bool {
    matches!(error, HidError::IoError { error } if error.kind() == ErrorKind::Interrupted)
}
