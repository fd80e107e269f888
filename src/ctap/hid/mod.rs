//! CTAPHID (CTAP 2.3 section 11.2): messages over USB HID reports.
//!
//! [`PacketPipe`] is one open device that carries reports; [`HidTransport`] is the framing on top of it and knows no operating system.

mod channel;
#[cfg(feature = "hid")]
mod descriptor;
#[cfg(feature = "hid")]
mod device;
mod packet;
#[cfg(feature = "hid")]
mod platform;

pub use channel::HidTransport;
#[cfg(feature = "hid")]
pub(super) use device::UsbPorts;
pub use packet::{PACKET_SIZE, PacketPipe, SMALLEST_PACKET};

#[cfg(test)]
mod tests;
