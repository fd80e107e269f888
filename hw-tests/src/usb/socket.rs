//! A key on a Unix socket, where no kernel plays the host: the reports of CTAPHID one after the other. As with an exclusive
//! device, one program at a time has it open.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reports::{Input, Report, SIZE, comes_within};

/// Clones are the same device.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    listener: Arc<UnixListener>,
    host: Arc<Mutex<Option<UnixStream>>>,
}

impl Socket {
    /// Makes a device that programs find at `path`.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { listener: Arc::new(UnixListener::bind(path)?), host: Arc::default() })
    }

    fn host(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes next from a program; `None` if nothing came within `time`, or it closed the device.
    pub(super) fn read(&self, time: Duration) -> io::Result<Option<Input>> {
        let open = self.host().as_ref().map(UnixStream::try_clone).transpose()?;
        let Some(mut host) = open else {
            if !comes_within(self.listener.as_fd(), time)? {
                return Ok(None);
            }
            *self.host() = Some(self.listener.accept()?.0);
            return Ok(Some(Input::Opened));
        };
        if !comes_within(host.as_fd(), time)? {
            return Ok(None);
        }
        let mut report = [0; SIZE];
        match host.read_exact(&mut report) {
            Ok(()) => Ok(Some(Input::Report(report))),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                *self.host() = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Sends a report to the program that has the device open, if one has.
    pub(super) fn write(&self, report: &Report) -> io::Result<()> {
        match self.host().as_mut().map(|host| host.write_all(report)) {
            Some(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }

    /// The program that has it open sees that it is gone.
    pub(super) fn hang_up(&self) {
        if let Some(host) = self.host().take() {
            // One that closed it already has nothing to see.
            let _ = host.shutdown(Shutdown::Both);
        }
    }
}
