//! A card on the virtual reader: vpcd's protocol (a length, then an APDU or one control byte) on loopback.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keywright::clock::{SharedClock, SystemClock};
use keywright::ctap::{Bus, Transport};
use keywright::simulator::key::{Blueprint, Desk, IdleHands, Model, TrainingBus, TrainingKey};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::{Applet, CardTrick, Said, Service, await_until};

/// vpcd's first reader; the second listens on the next port.
const FIRST_PORT: u16 = 35963;
/// As a reader makes it for a contactless card (PC/SC part 3, section 3.1.3.2.3): of a maker whose serial numbers can be asked
/// for, and silent about extended length, so that long messages come in chains.
const CONTACTLESS: &[u8] = b"\x3B\x89\x80\x01\x80\x57YubiKey\xAF";
/// A key with a smart-card interface of its own, which takes extended length.
const CONTACTS: &[u8] = b"\x3B\xFD\x13\x00\x00\x81\x31\xFE\x15\x80\x73\xC0\x21\xC0\x57YubiKey\x40";

/// One card: on the reader, or not. Being on it is its power.
#[derive(Debug)]
pub struct Card {
    reader: u16,
    answer_to_reset: &'static [u8],
    key: TrainingKey,
    desk: Desk,
    place: usize,
    trick: Option<(CardTrick, usize)>,
    traffic: Arc<Mutex<Traffic>>,
    presence: Option<Presence>,
}

/// What a card heard since it was made, whoever asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Command APDUs, those of the system included.
    pub apdus: u32,
    /// How long the card itself took for them.
    pub own: Duration,
}

#[derive(Debug)]
struct Presence {
    stream: TcpStream,
    leaving: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Card {
    /// A fresh contactless card for the reader of that number (0 or 1), not on it yet. Being in the field is its touch.
    pub fn new(reader: u16, model: Model, serial: u32) -> Self {
        Self::with(reader, model, serial, CONTACTLESS)
    }

    /// As a key with a smart-card interface of its own: it has a finger to wait for.
    pub fn with_contacts(reader: u16, model: Model, serial: u32) -> Self {
        Self::with(reader, model, serial, CONTACTS)
    }

    fn with(reader: u16, model: Model, serial: u32, answer_to_reset: &'static [u8]) -> Self {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let rng = Box::new(StdRng::seed_from_u64(serial.into()));
        let blueprint = Blueprint { model, serial, clock: Arc::clone(&clock), rng, memory: None };
        let key = TrainingKey::new(blueprint).unwrap();
        let desk = Desk::new(clock);
        let place = if answer_to_reset == CONTACTLESS { desk.add_reader("field") } else { desk.add_port("contacts") };
        Self { reader, answer_to_reset, key, desk, place, trick: None, traffic: Arc::default(), presence: None }
    }

    /// The key in the card: its finger, its secrets.
    pub fn key(&self) -> &TrainingKey {
        &self.key
    }

    /// What it heard so far.
    pub fn traffic(&self) -> Traffic {
        *self.traffic.lock().unwrap()
    }

    /// Puts the card on the reader and waits until pcscd has seen it.
    pub fn put(&mut self) {
        self.put_unseen();
        Service::await_card(self.reader, true);
    }

    /// The same without the wait: pcscd may make nothing of it.
    pub fn put_unseen(&mut self) {
        assert!(self.presence.is_none(), "the card is on the reader");
        let port = FIRST_PORT + self.reader;
        let stream = await_until("a virtual reader", Duration::from_secs(10), || {
            TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(1)).ok()
        });
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream.set_nodelay(true).unwrap();
        let applet = Applet::new(self.power_on(), self.trick);
        let leaving = Arc::new(AtomicBool::new(false));
        let (end, wire, answer_to_reset) = (Arc::clone(&leaving), stream.try_clone().unwrap(), self.answer_to_reset);
        let traffic = Arc::clone(&self.traffic);
        let thread = thread::spawn(move || {
            // The reader hung up, or the card was taken away.
            let _ = serve(wire, applet, answer_to_reset, &traffic, &end);
        });
        self.presence = Some(Presence { stream, leaving, thread });
    }

    /// From the next time on it is put on the reader of that number.
    pub fn move_to_reader(&mut self, reader: u16) {
        assert!(self.presence.is_none(), "the card is on the reader");
        self.reader = reader;
    }

    /// Takes the card off the reader, so that its power is gone, and waits until pcscd has seen that.
    pub fn take(&mut self) {
        assert!(self.is_on_reader(), "the card is not on the reader");
        self.leave();
        Service::await_card(self.reader, false);
    }

    fn leave(&mut self) {
        let Some(presence) = self.presence.take() else { return };
        presence.leaving.store(true, Ordering::SeqCst);
        let _ = presence.stream.shutdown(Shutdown::Both);
        let _ = presence.thread.join();
        self.desk.take(self.place);
    }

    fn power_on(&self) -> Box<dyn Transport> {
        self.desk.put(self.place, &self.key);
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let link = bus.links().unwrap().remove(0);
        bus.open(&link).unwrap()
    }

    /// From the next time on the reader on, it plays this trick after `honest` messages.
    pub fn set_trick(&mut self, trick: CardTrick, honest: usize) {
        self.trick = Some((trick, honest));
    }

    /// Another answer to reset.
    pub fn set_answer_to_reset(&mut self, answer: &'static [u8]) {
        self.answer_to_reset = answer;
    }

    /// On the reader?
    pub fn is_on_reader(&self) -> bool {
        self.presence.is_some()
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if self.is_on_reader() {
            self.leave();
            if !thread::panicking() {
                Service::await_card(self.reader, false);
            }
        }
    }
}

fn serve(
    mut wire: TcpStream,
    mut applet: Applet,
    answer_to_reset: &[u8],
    traffic: &Mutex<Traffic>,
    leaving: &AtomicBool,
) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        read_all(&mut wire, &mut length, leaving, &applet)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        read_all(&mut wire, &mut message, leaving, &applet)?;
        let reply = match message.as_slice() {
            // Power off, power on, reset: the field stays.
            [0..=2] => {
                applet.forget();
                continue;
            }
            [4] => answer_to_reset.to_vec(),
            command => {
                let begin = Instant::now();
                let said = applet.hear(command);
                let mut traffic = traffic.lock().unwrap();
                traffic.apdus += 1;
                traffic.own += begin.elapsed();
                match said {
                    Said::Answer(reply) => reply,
                    Said::Nothing => continue,
                    Said::Gone => return wire.shutdown(Shutdown::Both),
                }
            }
        };
        let length = u16::try_from(reply.len()).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        wire.write_all(&[&length.to_be_bytes()[..], &reply].concat())?;
    }
}

fn read_all(wire: &mut TcpStream, buffer: &mut [u8], leaving: &AtomicBool, applet: &Applet) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        if leaving.load(Ordering::SeqCst) {
            applet.stop();
            return Err(ErrorKind::ConnectionAborted.into());
        }
        match wire.read(&mut buffer[filled..]) {
            Ok(0) => {
                applet.stop();
                return Err(ErrorKind::UnexpectedEof.into());
            }
            Ok(count) => filled += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
