//! The ports of a rehearsed batch: keys come out of a box, and hands do what the screen says for each port.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::CliError;
use super::super::station::Station;
use super::{LATENCY, PACE, SERIAL, latency, memory, model, number, pace, taken, touch};
use crate::clock::SharedClock;
use crate::ctap::Bus;
use crate::secret::Pin;
use crate::simulator::key::{Blueprint, Crew, Desk, IdleHands, Model, Supply, Tempo, Touch, TrainingBus, TrainingKey};
use crate::ui::{Answer, Event, Face, Question, Spot, Summary, Ui};

/// Ports, and the face through which their hands hear.
type Stage = (Box<dyn Bus>, Arc<dyn Ui>);

/// Ports of a batch if nothing is said.
const PORTS: u32 = 4;
/// How long hands take for each move if nobody looks on.
const BRISK: Duration = Duration::from_millis(20);
/// Most keys that one box is searched for one that is not finished.
const MOST_LOOKED_AT: u32 = 100_000;

/// A bus with several ports, and the face through which its hands hear what to do.
pub(in crate::cli) fn lanes(clock: &SharedClock, face: &Arc<dyn Face>) -> Result<Stage, CliError> {
    let (model, onlooker) = (model()?, face.has_person());
    let (touch, ports, percent) = (touch(onlooker)?, number(PORTS)?, latency()?);
    let pace = if env::var_os(PACE).is_none() && !onlooker { BRISK } else { pace()? };
    // Somebody who looks on wants to see how long it takes.
    let percent = percent.unwrap_or(if onlooker { 100 } else { 0 });
    log::debug!("{LATENCY}: {percent} per cent");
    let desk = Desk::new(Arc::clone(clock));
    for port in 1..=ports {
        desk.add_port(&format!("1-{port}"));
    }
    let chest =
        Arc::new(Mutex::new(Chest { model, touch, percent, clock: Arc::clone(clock), next: taken()?, open: BTreeMap::new() }));
    let supply: Supply = Box::new({
        let chest = Arc::clone(&chest);
        move |_| lock(&chest).fresh()
    });
    let crew = Crew::new(desk.clone(), pace, supply);
    crew.begin();
    let ui = Onlooker { face: Arc::clone(face), crew, chest };
    Ok((Box::new(TrainingBus::new(desk, IdleHands)), Arc::new(ui)))
}

/// The box that training keys come out of, and everything that came out of it in this run.
struct Chest {
    model: Model,
    touch: Touch,
    percent: u32,
    clock: SharedClock,
    next: u32,
    open: BTreeMap<u32, TrainingKey>,
}

fn lock(chest: &Mutex<Chest>) -> MutexGuard<'_, Chest> {
    chest.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chest {
    /// A key that nobody had in hand yet.
    fn fresh(&mut self) -> Option<TrainingKey> {
        while self.next < MOST_LOOKED_AT {
            let number = self.next;
            self.next = self.next.saturating_add(1);
            if self.open.contains_key(&number) {
                continue;
            }
            let key = self.key(number)?;
            if !key.state().forced_change {
                return Some(key);
            }
            // A key that an earlier run has finished is in somebody's envelope.
            self.open.remove(&number);
        }
        None
    }

    /// The key of this number.
    fn key(&mut self, number: u32) -> Option<TrainingKey> {
        if let Some(key) = self.open.get(&number) {
            return Some(key.clone());
        }
        let blueprint = Blueprint {
            model: self.model.clone(),
            serial: SERIAL.saturating_add(number),
            clock: Arc::clone(&self.clock),
            rng: Station::generator(),
            memory: memory(number),
        };
        let key = TrainingKey::new(blueprint).inspect_err(|error| log::warn!("{error}")).ok()?;
        key.set_touch(self.touch);
        key.set_tempo(Tempo::REAL.scaled(self.percent));
        self.open.insert(number, key.clone());
        Some(key)
    }

    /// The key that an earlier run had in its port, if this is one of ours.
    fn with_serial(&mut self, serial: &str) -> Option<TrainingKey> {
        let number = serial.parse::<u32>().ok()?.checked_sub(SERIAL).filter(|number| *number < MOST_LOOKED_AT)?;
        self.key(number)
    }
}

/// The face, overheard by the hands.
struct Onlooker {
    face: Arc<dyn Face>,
    crew: Crew,
    chest: Arc<Mutex<Chest>>,
}

impl Ui for Onlooker {
    fn tell(&self, event: &Event) {
        self.face.tell(event);
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        self.face.tell_at(spot, event);
        if let Some(lane) = &spot.lane {
            self.crew.hear(lane, event);
        }
        let Event::KeyMissing { serial: Some(serial), .. } = event else { return };
        let key = lock(&self.chest).with_serial(serial);
        if let Some(key) = key {
            self.crew.bring(key);
        }
    }

    fn ring(&self) {
        self.face.ring();
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        self.face.ask(question)
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        self.face.hand_over(summary, pin)
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        self.face.finish(summary)
    }
}
