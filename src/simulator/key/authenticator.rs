//! One training key: the engine, its finger and its script, wherever it lies.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use opensk::api::persist::Persist;
use zeroize::Zeroizing;

use crate::advice::{Advice, Advised};
use crate::clock::SharedClock;
use crate::ctap::{LinkError, Turn};

use super::disguise;
use super::engine::Engine;
use super::fault::{Exchanged, Fault, Mishap, Script};
use super::finger::{Attempt, Cut, Finger, Present, Touch};
use super::flash::{Flash, FlashError};
use super::model::Model;
use super::tempo::Tempo;

/// What a training key is made from.
#[expect(missing_debug_implementations, reason = "holds a generator")]
pub struct Blueprint {
    /// The model.
    pub model: Model,
    /// Serial number, told as far as the model tells one.
    pub serial: u32,
    /// Everything that the key times, it times by this.
    pub clock: SharedClock,
    /// Where its secrets come from.
    pub rng: Box<dyn rand::CryptoRng + Send>,
    /// File that is its memory; `None`: it forgets everything with the process.
    pub memory: Option<PathBuf>,
}

/// Why a training key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TrainingKeyError {
    /// The file that is its memory cannot be read or written.
    #[error("the memory of the training key, {path}, cannot be used: {detail}")]
    Memory {
        /// The file.
        path: String,
        /// What went wrong, in words.
        detail: String,
    },
}

advice! {
    MEMORY: "simulator/key-memory", Usage, "The file that is the memory of the training key cannot be used.", "Remove the file, or name another one.";
}

impl Advised for TrainingKeyError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Memory { .. } => &MEMORY,
        }
    }
}

/// What a look inside the key shows; no command tells all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// A PIN is set.
    pub pin_set: bool,
    /// The PIN must be changed before it is used.
    pub forced_change: bool,
    /// Wrong PINs that are left.
    pub tries_left: u8,
    /// Number of resident credentials, of every relying party.
    pub resident: usize,
}

/// Tries of a PIN after a good one.
const TRIES: u8 = 8;

/// Where a key lies.
pub(super) struct Surroundings {
    /// Whether it still does.
    pub(super) present: Present,
    /// In the field of a reader.
    pub(super) in_field: bool,
}

struct Inner {
    model: Model,
    serial: u32,
    clock: SharedClock,
    finger: Finger,
    engine: Mutex<Engine>,
    power: Mutex<Option<Duration>>,
    script: Mutex<Script>,
    tempo: Mutex<Tempo>,
}

/// A training key. Clones are the same key.
#[derive(Clone)]
pub struct TrainingKey(Arc<Inner>);

impl fmt::Debug for TrainingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrainingKey").field("model", &self.0.model.slug).field("serial", &self.0.serial).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TrainingKey {
    /// Makes the key, fresh or as its memory left it. Power comes on.
    pub fn new(blueprint: Blueprint) -> Result<Self, TrainingKeyError> {
        let Blueprint { model, serial, clock, rng, memory } = blueprint;
        let path = memory.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let failed = |error: FlashError| TrainingKeyError::Memory { path: path.clone(), detail: error.to_string() };
        let flash = Flash::open(&model, memory).map_err(failed)?;
        let finger = Finger::new(Arc::clone(&clock));
        let engine = Engine::new(model.clone(), Arc::clone(&clock), rng, finger.clone(), flash).map_err(failed)?;
        Ok(Self(Arc::new(Inner {
            model,
            serial,
            clock,
            finger,
            engine: Mutex::new(engine),
            power: Mutex::new(None),
            script: Mutex::new(Script::default()),
            tempo: Mutex::new(Tempo::default()),
        })))
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.0.model
    }

    /// The serial number, whether the model tells it or not.
    pub fn serial(&self) -> u32 {
        self.0.serial
    }

    /// How the finger behaves from now on; returns how it behaved.
    pub fn set_touch(&self, touch: Touch) -> Touch {
        self.0.finger.set(touch)
    }

    /// How long its commands take from now on.
    pub fn set_tempo(&self, tempo: Tempo) {
        *lock(&self.0.tempo) = tempo;
    }

    /// Time for what the maker's own commands take.
    pub(super) fn look(&self) {
        let look = lock(&self.0.tempo).look;
        self.0.clock.sleep(Duration::from_millis(look.into()));
    }

    /// One touch, for [`Touch::OnCall`].
    pub fn touch(&self) {
        self.0.finger.call();
    }

    /// How often the key asked for a touch.
    pub fn touches_asked(&self) -> u32 {
        self.0.finger.asked()
    }

    /// Scripts a fault.
    pub fn fault(&self, fault: Fault) {
        lock(&self.0.script).add(fault);
    }

    /// Refuses the next `count` PINs as too weak (status 0x37), whatever they are.
    pub fn refuse_pins(&self, count: u32) {
        lock(&self.0.script).refuse_pins(count);
    }

    /// What was exchanged since the key was made, oldest first.
    pub fn history(&self) -> Vec<Exchanged> {
        lock(&self.0.script).history().to_vec()
    }

    /// Power comes on now: a new reset window, and everything volatile is lost.
    pub fn power_up(&self) {
        *lock(&self.0.power) = Some(self.0.clock.monotonic());
    }

    /// Looks inside. Waits for an exchange that runs, so not to be called by the listener of its turn.
    pub fn state(&self) -> KeyState {
        let engine = lock(&self.0.engine);
        let flash = engine.flash();
        KeyState {
            pin_set: flash.pin_hash().ok().flatten().is_some(),
            forced_change: flash.has_force_pin_change().unwrap_or(false),
            tries_left: TRIES.saturating_sub(flash.pin_fails().unwrap_or(TRIES)),
            resident: flash.resident(),
        }
    }

    /// Whether that is the key's PIN. Costs no try.
    pub fn pin_is(&self, pin: &str) -> bool {
        lock(&self.0.engine).pin_is(pin)
    }

    /// Makes a fresh key a used one: `credentials` resident credentials of example.org, then a PIN. Says whether all of that took.
    ///
    /// A model with alwaysUv makes no credential without its PIN: ask for none there.
    pub fn wear(&self, pin: &str, credentials: u8) -> bool {
        let mut engine = lock(&self.0.engine);
        let touch = self.set_touch(Touch::AtOnce);
        let made = (0..credentials).all(|user| engine.process(&foreign_credential(user)).first() == Some(&0));
        self.set_touch(touch);
        made && engine.set_pin(pin)
    }

    /// One CTAP2 message and its answer, past the scripted faults; blocks while the finger is awaited and tells so.
    pub fn process(&self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        self.exchange(request, turn, &Surroundings { present: Arc::new(|| true), in_field: false })
    }

    pub(super) fn mishap(&self, request: &[u8]) -> Option<Mishap> {
        lock(&self.0.script).mishap(request)
    }

    pub(super) fn power_up_at(&self, at: Duration) {
        *lock(&self.0.power) = Some(at);
    }

    pub(super) fn exchange(
        &self,
        request: &[u8],
        turn: &mut Turn<'_>,
        around: &Surroundings,
    ) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let began = self.0.clock.monotonic();
        let mut engine = self.powered()?;
        let time = lock(&self.0.tempo).of(request);
        if !disguise::wants_touch(request) {
            let reply = self.run(&mut engine, request);
            let passed = self.0.clock.monotonic().saturating_sub(began);
            self.0.clock.sleep(time.saturating_sub(passed));
            return Ok(reply);
        }
        self.0.clock.sleep(time);
        let (tell, told) = mpsc::channel();
        let attempt = Attempt {
            tell,
            cancel: turn.cancel.clone(),
            end: self.0.clock.monotonic().saturating_add(turn.budget),
            long_touch: self.0.model.long_touch && disguise::is_reset(request),
            in_field: around.in_field,
            present: Arc::clone(&around.present),
        };
        let chip: &mut Engine = &mut engine;
        // The engine blocks while it waits; the listener of the turn stays on the caller's thread.
        let (reply, cut) = thread::scope(|scope| {
            let running = scope.spawn(move || {
                let attempting = self.0.finger.begin(attempt);
                let reply = self.run(chip, request);
                (reply, attempting.end())
            });
            for told in told {
                (turn.on_wait)(told.wait);
                told.done();
            }
            running.join().map_err(|_| LinkError::Protocol("the engine of the training key stopped"))
        })?;
        match cut {
            Some(Cut::Unplugged) => Err(LinkError::Gone),
            Some(Cut::OutOfTime) => Err(LinkError::Timeout),
            None => Ok(reply),
        }
    }

    /// The engine, its power-up caught up.
    fn powered(&self) -> Result<MutexGuard<'_, Engine>, LinkError> {
        let mut engine = lock(&self.0.engine);
        if let Some(at) = lock(&self.0.power).take() {
            engine.power_up(at).map_err(|error| LinkError::System(error.to_string()))?;
        }
        Ok(engine)
    }

    fn run(&self, engine: &mut Engine, request: &[u8]) -> Zeroizing<Vec<u8>> {
        let reply = Zeroizing::new(engine.process(request));
        lock(&self.0.script).record(request, &reply);
        reply
    }
}

/// makeCredential for a resident credential of a relying party of no concern.
fn foreign_credential(user: u8) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(vec![0x01]);
    // Writing to a vector cannot fail.
    let _ = encoder.map(5).and_then(|e| e.u8(1)?.bytes(&[0x5A; 32])?.u8(2)?.map(1)?.str("id")?.str("example.org"));
    let _ = encoder.u8(3).and_then(|e| e.map(3)?.str("id")?.bytes(&[user])?.str("name")?.str("someone"));
    let _ = encoder.str("displayName").and_then(|e| e.str("Someone"));
    let _ = encoder.u8(4).and_then(|e| e.array(1)?.map(2)?.str("alg")?.i8(-7)?.str("type")?.str("public-key"));
    let _ = encoder.u8(7).and_then(|e| e.map(1)?.str("rk")?.bool(true));
    encoder.into_writer()
}
