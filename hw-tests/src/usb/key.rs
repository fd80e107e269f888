//! A virtual key on USB: the training key's engine behind CTAPHID, plugged in and pulled out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use keywright::clock::{SharedClock, SystemClock};
use keywright::ctap::{Bus, Cancel, Transport, Turn, VendorCall, Wait};
use keywright::simulator::key::{Blueprint, Desk, IdleHands, Model, TrainingBus, TrainingKey};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::framing::{Act, CBOR, CHANNEL_BUSY, ERROR, Framing, INVALID_COMMAND, WINK};
use super::gadget::Gadget;
use super::reports::{Input, Report, Reports};
use super::socket::Socket;
use super::trick::Trick;
use super::uhid::{self, Identity};
use crate::await_until;

/// The report descriptor of CTAP 2.3 section 11.2.8.2.
pub(super) const DESCRIPTOR: &[u8] = &[
    0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, 0x81, 0x02, 0x09,
    0x21, 0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, 0x95, 0x40, 0x91, 0x02, 0xC0,
];
/// Longer than any touch is waited for.
const BUDGET: Duration = Duration::from_secs(90);
/// Between two keepalives (section 11.2.9.1.7).
const KEEPALIVE: Duration = Duration::from_millis(100);
/// Longest pause inside a message.
const MESSAGE_PAUSE: Duration = Duration::from_millis(500);
/// How soon the reading thread sees that the key is pulled out.
const STEP: Duration = Duration::from_millis(20);

/// Where it is plugged in.
#[derive(Debug)]
enum Port {
    Uhid(Identity),
    Gadget(Gadget),
    Socket(PathBuf),
}

impl Port {
    /// The node that the host made for it.
    fn node(&self) -> Option<PathBuf> {
        match self {
            Self::Uhid(identity) => node_of(&identity.place),
            Self::Gadget(gadget) => node_where(|path, _| path.contains(&gadget.bus())),
            Self::Socket(path) => path.exists().then(|| path.clone()),
        }
    }

    fn plug(&self) -> Reports {
        match self {
            Self::Uhid(identity) => Reports::Uhid(uhid::create(identity, DESCRIPTOR).expect("/dev/uhid")),
            Self::Gadget(gadget) => Reports::Gadget(gadget.plug().expect("the gadget")),
            Self::Socket(path) => Reports::Socket(Socket::new(path).expect("a socket")),
        }
    }
}

/// One virtual key: in its port, or not. Being in it is its power.
#[derive(Debug)]
pub struct UsbKey {
    port: Port,
    key: TrainingKey,
    desk: Desk,
    place: usize,
    trick: Option<Trick>,
    seen: Arc<Seen>,
    presence: Option<Presence>,
}

/// What came to a key beside its commands.
#[derive(Debug, Default)]
struct Seen {
    winks: AtomicU32,
    refusals: AtomicU32,
}

#[derive(Debug)]
struct Presence {
    node: PathBuf,
    since: Instant,
    met: Arc<OnceLock<Instant>>,
    leaving: Arc<AtomicBool>,
    reports: Reports,
    reader: JoinHandle<()>,
    server: JoinHandle<()>,
}

/// What the serving thread is told.
enum Heard {
    Report(Report),
    Waits(Wait),
    Answer(Result<Vec<u8>, u8>),
    Gone,
}

/// What the engine's thread is asked.
struct Asked {
    command: u8,
    data: Vec<u8>,
}

impl UsbKey {
    /// A fresh key without a bus below it, not plugged in yet. `place` tells it from other such keys.
    pub fn on_uhid(place: &str, model: Model, serial: u32) -> Self {
        Self::new(model, serial, |mut identity| {
            identity.place = format!("rig/{place}");
            Port::Uhid(identity)
        })
    }

    /// A fresh key for the USB port of that number (0 to 2), not plugged in yet.
    pub fn on_usb(port: u8, model: Model, serial: u32) -> Self {
        Self::new(model, serial, |identity| {
            Port::Gadget(Gadget::new(&format!("key{serial}"), port, &identity).expect("configfs"))
        })
    }

    /// A fresh key that is found, when it is plugged in, as a Unix socket at that path.
    pub fn on_socket(path: &Path, model: Model, serial: u32) -> Self {
        Self::new(model, serial, |_| Port::Socket(path.to_owned()))
    }

    fn new(model: Model, serial: u32, port: impl FnOnce(Identity) -> Port) -> Self {
        let identity = Identity {
            name: model.name.into(),
            place: String::new(),
            serial: if model.usb_serial { format!("TK{serial:08}") } else { String::new() },
            vendor: model.vendor_id(),
            product: model.product_id(),
        };
        let clock: SharedClock = Arc::new(SystemClock::new());
        let rng = Box::new(StdRng::seed_from_u64(serial.into()));
        let blueprint = Blueprint { model, serial, clock: Arc::clone(&clock), rng, memory: None };
        let key = TrainingKey::new(blueprint).unwrap();
        let desk = Desk::new(clock);
        let place = desk.add_port("rig");
        Self { port: port(identity), key, desk, place, trick: None, seen: Arc::default(), presence: None }
    }

    /// The key itself: its finger, its secrets.
    pub fn key(&self) -> &TrainingKey {
        &self.key
    }

    /// From its next arrival on it plays this trick.
    pub fn set_trick(&mut self, trick: Trick) {
        self.trick = Some(trick);
    }

    /// How often it was asked to blink.
    pub fn winks(&self) -> u32 {
        self.seen.winks.load(Ordering::SeqCst)
    }

    /// How often it refused a packet: of a channel that it did not give, or out of sequence. That it is busy, which it tells whoever else
    /// asks while it works, is not counted.
    pub fn refusals(&self) -> u32 {
        self.seen.refusals.load(Ordering::SeqCst)
    }

    /// In its port?
    pub fn is_plugged(&self) -> bool {
        self.presence.is_some()
    }

    /// Its node, such as `/dev/hidraw0`, or its socket.
    pub fn node(&self) -> &Path {
        &self.presence.as_ref().expect("plugged in").node
    }

    /// How long it took from its arrival until a program opened it, or, where that cannot be seen (on USB), spoke to it.
    pub fn met_after(&self) -> Option<Duration> {
        let presence = self.presence.as_ref()?;
        Some(presence.met.get()?.saturating_duration_since(presence.since))
    }

    /// Moves it to another USB port, by its number.
    pub fn move_to_port(&mut self, port: u8) {
        assert!(self.presence.is_none(), "the key is in its port");
        let Port::Gadget(gadget) = &mut self.port else { panic!("the key has no bus") };
        gadget.move_to(port);
    }

    /// Plugs it in and waits until the host has a node for it. Its power counts from there: under emulation a USB device
    /// can take seconds until it is known.
    pub fn plug(&mut self) {
        self.plug_after(Duration::ZERO);
    }

    /// Plugs it in where the host sees it only when the key has had power for so long.
    pub fn plug_after(&mut self, delay: Duration) {
        assert!(self.presence.is_none(), "the key is in its port");
        if !delay.is_zero() {
            self.desk.put(self.place, &self.key);
            thread::sleep(delay);
        }
        let reports = self.port.plug();
        let node = await_node(|| self.port.node());
        let since = Instant::now();
        if delay.is_zero() {
            self.desk.put(self.place, &self.key);
        }
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let link = bus.links().unwrap().remove(0);
        let authenticator = bus.open(&link).unwrap();

        let (tell, told) = mpsc::channel();
        let (met, leaving) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
        let mut face = Face {
            framing: Framing::new(self.key.model().firmware),
            reports: reports.again(),
            engine: Engine::start(authenticator, tell.clone()),
            status: 1,
            trick: self.trick,
            seen: Arc::clone(&self.seen),
        };
        let server = thread::spawn(move || face.serve(&told));
        let (source, first, end) = (reports.again(), Arc::clone(&met), Arc::clone(&leaving));
        let reader = thread::spawn(move || listen(source, &tell, &first, &end));
        self.presence = Some(Presence { node, since, met, leaving, reports, reader, server });
    }

    /// Pulls it out and waits until the host has seen that.
    pub fn unplug(&mut self) {
        let node = self.leave().expect("the key is in its port");
        await_until("the end of the node", Duration::from_secs(10), || {
            self.port.node().is_none_or(|now| now != node).then_some(())
        });
    }

    /// Ends the threads and the device; returns the node that goes with it.
    fn leave(&mut self) -> Option<PathBuf> {
        let Presence { node, leaving, reports, reader, server, .. } = self.presence.take()?;
        leaving.store(true, Ordering::SeqCst);
        // Nobody may wait on a gadget's file while the gadget goes: the kernel forgets whom to wake.
        let _ = reader.join();
        // What does not work any more is out already.
        match (&self.port, reports) {
            (Port::Gadget(gadget), _) => drop(gadget.unplug()),
            (Port::Uhid(_), Reports::Uhid(mut file)) => drop(uhid::destroy(&mut file)),
            (Port::Socket(path), Reports::Socket(socket)) => {
                let _ = fs::remove_file(path);
                socket.hang_up();
            }
            (Port::Uhid(_) | Port::Socket(_), _) => unreachable!("a port has one kind of file"),
        }
        // Only now: a key that is pulled out says nothing any more.
        self.desk.take(self.place);
        let _ = server.join();
        Some(node)
    }
}

impl Drop for UsbKey {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The authenticator at work in a thread of its own.
struct Engine {
    asked: Sender<Asked>,
    cancel: Arc<Mutex<Cancel>>,
}

impl Engine {
    fn start(mut authenticator: Box<dyn Transport>, tell: Sender<Heard>) -> Self {
        let (asked, inbox) = mpsc::channel::<Asked>();
        let cancel = Arc::new(Mutex::new(Cancel::new()));
        let current = Arc::clone(&cancel);
        thread::spawn(move || {
            for Asked { command, data } in inbox {
                let cancel = current.lock().unwrap().clone();
                let mut on_wait = |wait| drop(tell.send(Heard::Waits(wait)));
                let mut turn = Turn { budget: BUDGET, cancel: &cancel, on_wait: &mut on_wait };
                let answer = match command {
                    // CTAP2_ERR_KEEPALIVE_CANCEL is what a key would still say.
                    CBOR => Ok(authenticator.exchange(&data, &mut turn).map_or_else(|_| vec![0x2D], |answer| answer.to_vec())),
                    WINK => authenticator.wink(&mut turn).map(|()| Vec::new()).map_err(|_| INVALID_COMMAND),
                    command => {
                        let call = VendorCall::Hid { command, data: &data };
                        authenticator.vendor(call, &mut turn).map_err(|_| INVALID_COMMAND)
                    }
                };
                if tell.send(Heard::Answer(answer)).is_err() {
                    break;
                }
            }
        });
        Self { asked, cancel }
    }

    fn start_on(&self, command: u8, data: Vec<u8>) {
        *self.cancel.lock().unwrap() = Cancel::new();
        self.asked.send(Asked { command, data }).unwrap();
    }

    fn stop(&self) {
        self.cancel.lock().unwrap().request();
    }
}

fn listen(mut reports: Reports, tell: &Sender<Heard>, first: &OnceLock<Instant>, leaving: &AtomicBool) {
    while !leaving.load(Ordering::SeqCst) {
        match reports.read(STEP) {
            Ok(None) => {}
            Ok(Some(input)) => {
                first.get_or_init(Instant::now);
                if let Input::Report(report) = input
                    && tell.send(Heard::Report(report)).is_err()
                {
                    return;
                }
            }
            Err(_) => break,
        }
    }
    let _ = tell.send(Heard::Gone);
}

/// The key's face to the host.
struct Face {
    framing: Framing,
    reports: Reports,
    engine: Engine,
    /// What the next keepalive says.
    status: u8,
    trick: Option<Trick>,
    seen: Arc<Seen>,
}

impl Face {
    /// Takes reports, events of the engine and the passing of time, until the key is pulled out.
    fn serve(&mut self, told: &Receiver<Heard>) {
        loop {
            let pause = if self.framing.expects_more() { MESSAGE_PAUSE } else { KEEPALIVE };
            let out: Vec<Report> = match told.recv_timeout(pause) {
                Ok(Heard::Report(report)) => {
                    let acts = self.framing.hear(&report);
                    self.carry_out(acts)
                }
                Ok(Heard::Waits(wait)) => {
                    self.status = match wait {
                        Wait::Working => 1,
                        Wait::Touch => 2,
                        Wait::Other(status) => status,
                    };
                    self.framing.keepalive(self.status).into_iter().collect()
                }
                Ok(Heard::Answer(answer)) => self.answer(answer.as_deref().map_err(|code| *code)),
                Err(RecvTimeoutError::Timeout) if self.framing.at_work() => {
                    self.framing.keepalive(self.status).into_iter().collect()
                }
                Err(RecvTimeoutError::Timeout) => {
                    let acts = self.framing.time_out();
                    self.carry_out(acts)
                }
                Ok(Heard::Gone) | Err(RecvTimeoutError::Disconnected) => break,
            };
            if self.send(&out).is_err() {
                break;
            }
        }
        self.engine.stop();
    }

    /// One report a millisecond, as a device of full speed does: the kernel holds 64 for a program that is slow.
    fn send(&mut self, out: &[Report]) -> io::Result<()> {
        for (number, report) in out.iter().enumerate() {
            if number > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            if report[4] == ERROR | 0x80 && report[7] != CHANNEL_BUSY {
                self.seen.refusals.fetch_add(1, Ordering::SeqCst);
            }
            self.reports.write(report)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, acts: Vec<Act>) -> Vec<Report> {
        let mut out = Vec::new();
        for act in acts {
            match act {
                Act::Send(report) => out.push(report),
                Act::Start { command, data } => {
                    self.status = 1;
                    if command == WINK {
                        self.seen.winks.fetch_add(1, Ordering::SeqCst);
                    }
                    self.engine.start_on(command, data);
                }
                Act::Stop => self.engine.stop(),
            }
        }
        out
    }

    fn answer(&mut self, answer: Result<&[u8], u8>) -> Vec<Report> {
        let trick = self.trick.filter(|_| self.framing.answers_cbor());
        match (trick, answer) {
            (Some(Trick::Message(other)), Ok(message)) => self.framing.answer(Ok(&other(message.to_vec()))),
            (Some(Trick::Reports(others)), answer) => others(self.framing.answer(answer)),
            (Some(Trick::Endless), _) => Vec::new(),
            (Some(Trick::Gone), answer) => {
                if let Some(first) = self.framing.answer(answer).first() {
                    let _ = self.reports.write(first);
                }
                if let Reports::Uhid(file) = &mut self.reports {
                    let _ = uhid::destroy(file);
                }
                Vec::new()
            }
            (_, answer) => self.framing.answer(answer),
        }
    }
}

/// Waits for the host's node of a device that was plugged in.
pub(super) fn await_node(find: impl Fn() -> Option<PathBuf>) -> PathBuf {
    await_until("a node of the virtual device", Duration::from_secs(30), find)
}

/// The node of the uhid device in that place.
pub(super) fn node_of(place: &str) -> Option<PathBuf> {
    node_where(|_, event| event.lines().any(|line| line.strip_prefix("HID_PHYS=") == Some(place)))
}

/// The hidraw node whose path in sysfs and whose parent's `uevent` file fit.
fn node_where(fits: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    fs::read_dir("/sys/class/hidraw").ok()?.filter_map(Result::ok).find_map(|entry| {
        let path = fs::canonicalize(entry.path()).ok()?;
        let event = fs::read_to_string(path.join("device/uevent")).ok()?;
        fits(path.to_str()?, &event).then(|| Path::new("/dev").join(entry.file_name()))
    })
}
