//! A station with many ports, a box of keys and a tenant: everything real but the hardware and the cloud. Its clock runs fast.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keywright::batch::run::{Matching, Report, SharedLedger, Shop, Terms, run};
use keywright::clock::{Clock, SharedClock};
use keywright::ctap::{Bus as _, Cancel};
use keywright::enroll::{EnrolError, HandOver, Order, Screen};
use keywright::handover::AgeSafe;
use keywright::identity::IdentityProvider;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{BatchId, Batches, NewBatch, NewTask, Task};
use keywright::secret::Pin;
use keywright::simulator::key::{Blueprint, Crew, Desk, IdleHands, Model, Tempo, Touch, TrainingBus, TrainingKey};
use keywright::simulator::tenant::{RunningTenant, Script, TrainingTenant, TrainingUser};
use keywright::ui::{Answer, Event, Question, Spot, Summary, Ui};
use tempfile::TempDir;

use crate::support::world::{StrictJudge, generators};

/// Serial number of the first key out of the box.
pub const FIRST: u32 = 30_000_001;

/// A clock that runs so many times faster than the machine's.
#[derive(Debug)]
pub struct FastClock {
    origin: Instant,
    start: Timestamp,
    factor: u32,
}

#[allow(clippy::disallowed_methods, reason = "it is a clock")]
impl FastClock {
    pub fn new(factor: u32) -> Self {
        Self { origin: Instant::now(), start: "2026-11-02T09:00:00Z".parse().unwrap(), factor }
    }
}

#[allow(clippy::disallowed_methods, reason = "it is a clock")]
impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        self.start.checked_add(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed() * self.factor
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time / self.factor);
    }
}

/// Hears everything, and tells the hands.
#[derive(Default)]
pub struct Ears {
    pub said: Mutex<Vec<(Spot, String)>>,
    pub handed: Mutex<Vec<(Summary, String)>>,
    pub crew: Mutex<Option<Crew>>,
    hooks: Mutex<Vec<Hook>>,
    pub mute: AtomicBool,
    /// Keys that hands bring back when they are asked for.
    returning: Mutex<Option<Arc<Mutex<Vec<TrainingKey>>>>>,
}

type Hook = (&'static str, Box<dyn FnMut() + Send>);

impl Ears {
    /// Does something every time that an event contains this text.
    pub fn when(&self, text: &'static str, act: impl FnMut() + Send + 'static) {
        self.hooks.lock().unwrap().push((text, Box::new(act)));
    }

    /// Everything that was said, a line each: place, user, event.
    pub fn lines(&self) -> String {
        let said = self.said.lock().unwrap();
        let line = |(spot, event): &(Spot, String)| {
            format!("{} {} {event}", spot.lane.as_deref().unwrap_or("-"), spot.upn.as_deref().unwrap_or("-"))
        };
        said.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    pub fn pins(&self) -> Vec<(String, String)> {
        self.handed.lock().unwrap().iter().map(|(summary, pin)| (summary.upn.clone(), pin.clone())).collect()
    }
}

impl Ui for Ears {
    fn tell(&self, event: &Event) {
        self.tell_at(&Spot::default(), event);
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        let line = serde_json::to_string(event).unwrap();
        self.said.lock().unwrap().push((spot.clone(), line.clone()));
        for (text, act) in self.hooks.lock().unwrap().iter_mut() {
            if line.contains(*text) {
                act();
            }
        }
        if let (Some(lane), Some(crew)) = (&spot.lane, &*self.crew.lock().unwrap()) {
            crew.hear(lane, event);
        }
        if let (Event::KeyMissing { serial: Some(serial), .. }, Some(keys)) = (event, &*self.returning.lock().unwrap())
            && let Some(key) = keys.lock().unwrap().iter().find(|key| key.serial().to_string() == *serial)
        {
            self.crew.lock().unwrap().as_ref().unwrap().bring(key.clone());
        }
    }

    fn ask(&self, _question: &Question) -> Option<Answer> {
        None
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        if self.mute.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.handed.lock().unwrap().push((summary.clone(), pin.expose().to_owned()));
        Ok(())
    }

    fn finish(&self, _summary: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// The station.
pub struct Station {
    pub clock: SharedClock,
    pub tenant: Arc<RunningTenant>,
    pub entra: Mutex<Entra>,
    pub desk: Desk,
    pub ears: Arc<Ears>,
    pub cancel: Mutex<Cancel>,
    pub dir: TempDir,
    pub keys: Arc<Mutex<Vec<TrainingKey>>>,
    pub scanner: Sender<String>,
    scans: Mutex<Option<Receiver<String>>>,
    pub terms: Mutex<Terms>,
    /// Address of the database that its ledger is in; `None` for a file.
    pub database: Option<String>,
}

pub fn upn(number: usize) -> String {
    format!("user{number:03}@contoso.example")
}

fn user(number: usize) -> TrainingUser {
    TrainingUser {
        id: format!("00000000-0000-4000-8000-{number:012}"),
        upn: upn(number),
        display_name: format!("User {number}"),
        mail: None,
        language: None,
        kind: "Member".into(),
        enabled: true,
        administrator: false,
        own_account: false,
        groups: Vec::new(),
        passkeys: 0,
    }
}

/// The row of a user.
pub fn row(number: usize) -> NewTask {
    let user = user(number);
    NewTask { row: u32::try_from(number).unwrap(), user_id: user.id, upn: user.upn, ..NewTask::default() }
}

/// A key like those in the box.
pub fn key(clock: &SharedClock, model: &Model, serial: u32, tempo: Tempo, touch: Duration) -> TrainingKey {
    let blueprint = Blueprint { model: model.clone(), serial, clock: Arc::clone(clock), rng: generators()(), memory: None };
    let key = TrainingKey::new(blueprint).unwrap();
    key.set_touch(if touch.is_zero() { Touch::AtOnce } else { Touch::After(touch) });
    key.set_tempo(tempo);
    key
}

impl Station {
    /// With so many ports and users; a fresh key comes out of the box whenever one is asked for.
    pub fn new(ports: usize, users: usize, factor: u32) -> Self {
        let clock: SharedClock = Arc::new(FastClock::new(factor));
        let script = Script { users: (1..=users).map(user).collect(), ..Script::default() };
        let tenant =
            TrainingTenant::start("127.0.0.1:0", script, Arc::clone(&clock), generators()(), Box::new(StrictJudge)).unwrap();
        let profile = Profile::from_toml(&tenant.profile_toml()).unwrap();
        let entra = Entra::new(profile, None, Tools::new(Arc::clone(&clock), generators()())).unwrap();
        let desk = Desk::new(Arc::clone(&clock));
        for port in 1..=ports {
            desk.add_port(&format!("1-{port}"));
        }
        let (scanner, scans) = channel();
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let terms = Terms {
            batch: BatchId(1),
            tenant: "contoso.example".into(),
            operator: "test".into(),
            order: Order::default(),
            by_profile: std::collections::BTreeMap::new(),
            matching: Matching::Order,
            lanes: None,
            patience: Duration::from_secs(200),
            attended: false,
            bell: false,
        };
        let station = Self {
            clock,
            tenant: Arc::new(tenant),
            entra: Mutex::new(entra),
            desk,
            ears: Arc::default(),
            cancel: Mutex::default(),
            dir,
            keys: Arc::default(),
            scanner,
            scans: Mutex::new(Some(scans)),
            terms: Mutex::new(terms),
            database: None,
        };
        station.fill_box(Model::STANDARD, Tempo::default(), Duration::ZERO, Duration::from_millis(100));
        station
    }

    /// What is in the box from now on, and how long hands take.
    pub fn fill_box(&self, model: Model, tempo: Tempo, touch: Duration, pace: Duration) {
        let (clock, keys, serial) = (Arc::clone(&self.clock), Arc::clone(&self.keys), AtomicU32::new(FIRST));
        let supply = Box::new(move |_| {
            let key = key(&clock, &model, serial.fetch_add(1, Ordering::SeqCst), tempo, touch);
            keys.lock().unwrap().push(key.clone());
            Some(key)
        });
        *self.ears.crew.lock().unwrap() = Some(Crew::new(self.desk.clone(), pace, supply));
    }

    /// A fresh key that the station knows.
    pub fn key(&self, model: &Model, serial: u32) -> TrainingKey {
        let key = key(&self.clock, model, serial, Tempo::default(), Duration::ZERO);
        self.keys.lock().unwrap().push(key.clone());
        key
    }

    /// Hands that bring back whichever key is asked for.
    pub fn bring_back_what_is_asked_for(&self) {
        *self.ears.returning.lock().unwrap() = Some(Arc::clone(&self.keys));
    }

    /// Hands that put the first key back into the first port a while after it is asked for.
    pub fn bring_back_what_is_missing(&self) {
        let (desk, keys) = (self.desk.clone(), Arc::clone(&self.keys));
        self.ears.when("key-missing", move || {
            let key = keys.lock().unwrap()[0].clone();
            desk.act_later(Duration::from_secs(2), keywright::simulator::key::Move::Put(0, key));
        });
    }

    /// Hands that take their keys from here, and stop when nothing is left.
    pub fn hand_out(&self, keys: &[TrainingKey]) {
        let mut keys = keys.to_vec();
        keys.reverse();
        let supply = Box::new(move |_| keys.pop());
        *self.ears.crew.lock().unwrap() = Some(Crew::new(self.desk.clone(), Duration::from_millis(100), supply));
    }

    pub fn ledger(&self) -> Box<dyn Batches + Send> {
        match &self.database {
            #[cfg(feature = "postgres")]
            Some(address) => crate::database::open(address),
            _ => Box::new(SqliteLedger::open(&self.dir.path().join("ledger.db"), Arc::clone(&self.clock)).unwrap()),
        }
    }

    /// Takes a roster in.
    pub fn take_in(&self, rows: &[NewTask]) -> BatchId {
        let order = NewBatch {
            tenant: "contoso.example".into(),
            operator: "test".into(),
            roster: "roster.csv".into(),
            settings: serde_json::Value::Null,
        };
        let batch = self.ledger().open_batch(&order, rows).unwrap();
        self.terms.lock().unwrap().batch = batch;
        batch
    }

    pub fn tasks(&self) -> Vec<Task> {
        let batch = self.terms.lock().unwrap().batch;
        self.ledger().tasks(batch).unwrap()
    }

    /// One run, from the first keys to the end.
    pub fn run(&self) -> Result<Report, EnrolError> {
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        if !bus.links().unwrap().is_empty() {
            // Whatever hands were told at the end of the run before, they have done it by now.
            self.clock.sleep(Duration::from_secs(1));
            bus.links().unwrap();
        }
        if let Some(crew) = &*self.ears.crew.lock().unwrap() {
            crew.begin();
        }
        let cancel = self.cancel.lock().unwrap().clone();
        let tools = || Tools { cancel: cancel.clone(), ..Tools::new(Arc::clone(&self.clock), generators()()) };
        let clients = || -> Box<dyn IdentityProvider + Send> { Box::new(self.entra.lock().unwrap().another(tools())) };
        let ui: Arc<dyn Ui> = self.ears.clone();
        let handing = || -> Mutex<Box<dyn HandOver>> { Mutex::new(Box::new(Screen::new(Arc::clone(&ui)))) };
        let safe = AgeSafe::open_or_create(&self.dir.path().join("station.age")).unwrap();
        let shop = Shop {
            clock: Arc::clone(&self.clock),
            cancel: cancel.clone(),
            generators: generators(),
            ui: self.ears.clone(),
            ledger: SharedLedger::new(self.ledger()),
            clients: &clients,
            checking: handing(),
            handing: handing(),
            safe: &safe,
            scans: self.scans.lock().unwrap().take().map(Mutex::new),
            terms: self.terms.lock().unwrap().clone(),
        };
        run(&shop, Box::new(bus))
    }

    /// Everybody among these has one passkey, and the PIN that was handed over is that of the key which holds it.
    pub fn check_done(&self, users: impl IntoIterator<Item = usize>) {
        let pins = self.ears.pins();
        for number in users {
            let upn = upn(number);
            assert_eq!(self.tenant.passkeys(&upn).len(), 1, "{upn}\n{}", self.ears.lines());
            let handed = self.ears.handed.lock().unwrap();
            let (summary, pin) = handed.iter().find(|(summary, _)| summary.upn == upn).expect("a PIN");
            let keys = self.keys.lock().unwrap();
            let serial: u32 = summary.serial.as_deref().unwrap().parse().unwrap();
            let key = keys.iter().find(|key| key.serial() == serial).unwrap();
            assert!(key.pin_is(pin), "{upn}");
            assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{upn}");
            assert_eq!(pins.iter().filter(|(other, _)| *other == upn).count(), 1, "{upn}");
        }
    }
}
