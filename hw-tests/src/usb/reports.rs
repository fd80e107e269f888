//! Reports to and from the kernel, over the file of a virtual device.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::uhid;

/// Size of a report of a FIDO device, in both directions.
pub(super) const SIZE: usize = 64;
/// What one report holds.
pub(super) type Report = [u8; SIZE];

/// What comes from the host.
#[derive(Debug)]
pub(super) enum Input {
    /// A program opened the device.
    Opened,
    /// A report.
    Report(Report),
}

/// The file through which a device talks.
#[derive(Debug)]
pub(super) enum Reports {
    /// `/dev/uhid`: events around the reports.
    Uhid(File),
    /// `/dev/hidgN`: the reports themselves.
    Gadget(File),
}

impl Reports {
    /// Another handle of the same device.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Uhid(file) => Self::Uhid(file.try_clone().unwrap()),
            Self::Gadget(file) => Self::Gadget(file.try_clone().unwrap()),
        }
    }

    /// What comes next from the host; `None` if nothing came within `time`.
    pub(super) fn read(&mut self, time: Duration) -> io::Result<Option<Input>> {
        let file = match self {
            Self::Uhid(file) | Self::Gadget(file) => &*file,
        };
        let time = Timespec { tv_sec: 0, tv_nsec: time.subsec_nanos().into() };
        if poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&time))? == 0 {
            return Ok(None);
        }
        match self {
            Self::Uhid(file) => uhid::read(file),
            Self::Gadget(file) => {
                let mut report = [0; SIZE];
                file.read_exact(&mut report)?;
                Ok(Some(Input::Report(report)))
            }
        }
    }

    /// Sends a report to the host.
    pub(super) fn write(&mut self, report: &Report) -> io::Result<()> {
        match self {
            Self::Uhid(file) => uhid::write(file, report),
            Self::Gadget(file) => file.write_all(report),
        }
    }
}
