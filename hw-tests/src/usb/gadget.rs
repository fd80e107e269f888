//! USB devices made by the kernel's gadget drivers on `dummy_hcd`: a host controller and a device controller joined without a wire. The
//! host's side is the whole USB stack: ports, descriptors, strings, unplugging.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::key::DESCRIPTOR;
use super::uhid::Identity;
use crate::await_until;

const GADGETS: &str = "/sys/kernel/config/usb_gadget";

/// A USB device that can be plugged into the one port of its controller.
#[derive(Debug)]
pub(super) struct Gadget {
    controller: u8,
    place: PathBuf,
}

impl Gadget {
    /// Describes the device to the kernel; not plugged in yet. `name` is its own, `controller` is the number of its port.
    pub(super) fn new(name: &str, controller: u8, identity: &Identity) -> io::Result<Self> {
        let place = Path::new(GADGETS).join(name);
        let function = place.join("functions/hid.usb0");
        for folder in ["strings/0x409", "configs/c.1/strings/0x409", "functions/hid.usb0"] {
            fs::create_dir_all(place.join(folder))?;
        }
        let texts = [
            ("idVendor", format!("0x{:04x}", identity.vendor)),
            ("idProduct", format!("0x{:04x}", identity.product)),
            ("bcdDevice", "0x0100".into()),
            ("bcdUSB", "0x0200".into()),
            ("strings/0x409/manufacturer", "Rig".into()),
            ("strings/0x409/product", identity.name.clone()),
            ("configs/c.1/MaxPower", "100".into()),
            ("functions/hid.usb0/protocol", "0".into()),
            ("functions/hid.usb0/subclass", "0".into()),
            ("functions/hid.usb0/report_length", "64".into()),
        ];
        for (file, text) in texts {
            fs::write(place.join(file), text)?;
        }
        if !identity.serial.is_empty() {
            fs::write(place.join("strings/0x409/serialnumber"), &identity.serial)?;
        }
        fs::write(function.join("report_desc"), DESCRIPTOR)?;
        symlink(&function, place.join("configs/c.1/hid.usb0"))?;
        Ok(Self { controller, place })
    }

    /// From now on it is plugged in elsewhere.
    pub(super) fn move_to(&mut self, controller: u8) {
        self.controller = controller;
    }

    /// What the host's side of its controller is called in sysfs.
    pub(super) fn bus(&self) -> String {
        format!("/dummy_hcd.{}/", self.controller)
    }

    /// Plugs it in and opens its own side.
    pub(super) fn plug(&self) -> io::Result<File> {
        fs::write(self.place.join("UDC"), format!("dummy_udc.{}", self.controller))?;
        let numbers = fs::read_to_string(self.place.join("functions/hid.usb0/dev"))?;
        let minor = numbers.trim().rsplit(':').next().unwrap_or_default().to_owned();
        let node = format!("/dev/hidg{minor}");
        Ok(await_until("the device's own node", Duration::from_secs(5), || {
            OpenOptions::new().read(true).write(true).open(&node).ok()
        }))
    }

    /// Pulls it out.
    pub(super) fn unplug(&self) -> io::Result<()> {
        fs::write(self.place.join("UDC"), "\n")
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        // The kernel wants the parts taken away in this order; what is left over is left to the machine's end.
        let _ = self.unplug();
        let _ = fs::remove_file(self.place.join("configs/c.1/hid.usb0"));
        for folder in ["configs/c.1/strings/0x409", "configs/c.1", "functions/hid.usb0", "strings/0x409", ""] {
            let _ = fs::remove_dir(self.place.join(folder));
        }
    }
}
