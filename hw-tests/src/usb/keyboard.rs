//! A keyboard: what no rule for security keys may open.

use std::fs::File;
use std::path::PathBuf;

use super::key::{await_node, node_of};
use super::uhid::{self, Identity};

/// A boot keyboard (HID 1.11 appendix B.1), shortened to its keys.
const DESCRIPTOR: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0x05, 0x07, 0x19, 0xE0, 0x29, 0xE7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81,
    0x02, 0x75, 0x08, 0x95, 0x06, 0x15, 0x00, 0x25, 0x65, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xC0,
];

/// A keyboard in its port; unplugged when dropped.
#[derive(Debug)]
pub struct Keyboard {
    _device: File,
    node: PathBuf,
}

impl Keyboard {
    /// Plugs a keyboard with these USB ids in: a security key may well be one, beside its FIDO interface.
    pub fn plug(vendor: u16, product: u16) -> Self {
        let place = format!("rig/keyboard-{vendor:04x}");
        let identity = Identity { name: "Rig keyboard".into(), place, serial: String::new(), vendor, product };
        let device = uhid::create(&identity, DESCRIPTOR).expect("/dev/uhid");
        let node = await_node(|| node_of(&identity.place));
        Self { _device: device, node }
    }

    /// Its node, such as `/dev/hidraw0`.
    pub fn node(&self) -> &std::path::Path {
        &self.node
    }
}
