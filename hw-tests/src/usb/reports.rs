//! Reports to and from the host, over the file of a virtual device or a socket.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::socket::Socket;
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
    /// A Unix socket: the reports themselves.
    Socket(Socket),
}

impl Reports {
    /// Another handle of the same device.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Uhid(file) => Self::Uhid(file.try_clone().unwrap()),
            Self::Gadget(file) => Self::Gadget(file.try_clone().unwrap()),
            Self::Socket(socket) => Self::Socket(socket.clone()),
        }
    }

    /// What comes next from the host; `None` if nothing came within `time`.
    pub(super) fn read(&mut self, time: Duration) -> io::Result<Option<Input>> {
        match self {
            Self::Socket(socket) => socket.read(time),
            Self::Uhid(file) | Self::Gadget(file) if !comes_within(file.as_fd(), time)? => Ok(None),
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
            Self::Socket(socket) => socket.write(report),
        }
    }
}

/// Whether something can be read within that time.
pub(super) fn comes_within(file: BorrowedFd<'_>, time: Duration) -> io::Result<bool> {
    let time = Timespec { tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() };
    Ok(poll(&mut [PollFd::from_borrowed_fd(file, PollFlags::IN)], Some(&time))? > 0)
}
