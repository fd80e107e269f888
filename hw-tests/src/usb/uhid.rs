//! Devices of `/dev/uhid` (the kernel's Documentation/hid/uhid.rst): a HID device without a bus below it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use super::reports::{Input, Report, SIZE};

const DESTROY: u32 = 1;
const OPEN: u32 = 4;
const OUTPUT: u32 = 6;
const GET_REPORT: u32 = 9;
const GET_REPORT_REPLY: u32 = 10;
const CREATE: u32 = 11;
const INPUT: u32 = 12;

/// Longest event: the type, then UHID_CREATE2.
const EVENT: usize = 4 + 128 + 64 + 64 + 2 + 2 + 4 * 4 + LONGEST_DATA;
const LONGEST_DATA: usize = 4096;
const BUS_USB: u16 = 3;
const EIO: u16 = 5;

/// How a device presents itself.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Product text.
    pub(super) name: String,
    /// Where it is plugged in; tells our devices apart in sysfs.
    pub(super) place: String,
    /// Serial number; empty if it has none.
    pub(super) serial: String,
    /// USB vendor id.
    pub(super) vendor: u16,
    /// USB product id.
    pub(super) product: u16,
}

/// Makes a device; it is gone with the last handle, or by [`destroy`].
pub(super) fn create(identity: &Identity, descriptor: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().read(true).write(true).open("/dev/uhid")?;
    let mut event = Vec::with_capacity(EVENT);
    event.extend(CREATE.to_ne_bytes());
    for (text, room) in [(&identity.name, 128), (&identity.place, 64), (&identity.serial, 64)] {
        let mut bytes = text.clone().into_bytes();
        bytes.resize(room, 0);
        event.extend(bytes);
    }
    event.extend(u16::try_from(descriptor.len()).expect("a descriptor").to_ne_bytes());
    event.extend(BUS_USB.to_ne_bytes());
    for number in [u32::from(identity.vendor), u32::from(identity.product), 0x0100, 0] {
        event.extend(number.to_ne_bytes());
    }
    event.extend(descriptor);
    event.resize(EVENT, 0);
    file.write_all(&event)?;
    Ok(file)
}

/// Unplugs it.
pub(super) fn destroy(file: &mut File) -> io::Result<()> {
    file.write_all(&DESTROY.to_ne_bytes())
}

/// The next event, if it matters to a device.
pub(super) fn read(file: &mut File) -> io::Result<Option<Input>> {
    let mut event = [0; EVENT + 8];
    let count = file.read(&mut event)?;
    let Some((kind, body)) = event[..count].split_first_chunk::<4>() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
    match u32::from_ne_bytes(*kind) {
        OPEN => Ok(Some(Input::Opened)),
        OUTPUT => {
            let size = usize::from(u16::from_ne_bytes([body[LONGEST_DATA], body[LONGEST_DATA + 1]]));
            // hidraw leaves the place of the report id in front.
            let data = if size == SIZE + 1 { &body[1..size] } else { &body[..size.min(SIZE)] };
            let mut report = [0; SIZE];
            report[..data.len()].copy_from_slice(data);
            Ok(Some(Input::Report(report)))
        }
        GET_REPORT => {
            let reply = [&GET_REPORT_REPLY.to_ne_bytes()[..], &body[..4], &EIO.to_ne_bytes(), &[0; 2]].concat();
            file.write_all(&reply)?;
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Sends a report to the host.
pub(super) fn write(file: &mut File, report: &Report) -> io::Result<()> {
    let size = u16::try_from(SIZE).expect("a report");
    file.write_all(&[&INPUT.to_ne_bytes()[..], &size.to_ne_bytes(), report].concat())
}
