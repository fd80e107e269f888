//! Virtual keys behind the kernel's own HID stack: a device of `/dev/uhid`, or a USB device on a controller without hardware.
//! Where there is no such kernel, a socket takes its place.

mod framing;
mod gadget;
mod key;
mod keyboard;
mod reports;
mod socket;
mod trick;
mod uhid;

pub use key::UsbKey;
pub use keyboard::Keyboard;
pub use trick::Trick;
