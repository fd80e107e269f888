//! The device that python-fido2's authors plug their keys into: it presses the key's button and switches its power, told by HTTP.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use keywright::simulator::key::Touch;
use keywright_hw_tests::UsbKey;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A controller on loopback.
pub struct Controller(TcpListener);

impl Controller {
    /// Starts it; the key's button is not pressed.
    pub fn start(key: &UsbKey) -> Self {
        key.key().set_touch(Touch::Never);
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Where the suite finds it.
    pub fn address(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// Does what it is told next; gives up after a moment in which nothing came.
    pub fn serve(&self, key: &mut UsbKey) {
        let moment = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        if poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&moment)).unwrap() > 0 {
            let (stream, _) = self.0.accept().unwrap();
            // A request that breaks off is the suite's concern, which then says so.
            let _ = answer(stream, key);
        }
    }
}

fn answer(mut stream: TcpStream, key: &mut UsbKey) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut line = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    lines.read_line(&mut line)?;
    // The rest of the request says nothing, but has to be read: closing before that would reset the connection.
    let mut header = String::new();
    while lines.read_line(&mut header)? > 2 {
        header.clear();
    }
    let status = match line.split(' ').nth(1) {
        Some("/") => "200 OK",
        Some("/usb6/touch/on") => {
            key.key().set_touch(Touch::AtOnce);
            "200 OK"
        }
        Some("/usb6/touch/off") => {
            key.key().set_touch(Touch::Never);
            "200 OK"
        }
        Some("/usb6/power/on") => {
            key.plug();
            "200 OK"
        }
        Some("/usb6/power/off") => {
            key.unplug();
            "200 OK"
        }
        _ => "404 Not Found",
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
