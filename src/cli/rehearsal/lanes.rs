//! The ports of a rehearsed batch: keys come out of a box, and hands do what the screen says for each port.

use std::env;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::super::CliError;
use super::super::station::Station;
use super::{Blueprint, LATENCY, PACE, SERIAL, latency, memory, model, number, pace, touch};
use crate::clock::SharedClock;
use crate::ctap::Bus;
use crate::secret::Pin;
use crate::simulator::key::{Crew, Desk, IdleHands, Supply, Tempo, TrainingBus, TrainingKey};
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
    let (clock, mut next) = (Arc::clone(clock), 0_u32);
    let supply: Supply = Box::new(move |_| {
        while next < MOST_LOOKED_AT {
            let number = next;
            next = next.saturating_add(1);
            let blueprint = Blueprint {
                model: model.clone(),
                serial: SERIAL.saturating_add(number),
                clock: Arc::clone(&clock),
                rng: Station::generator(),
                memory: memory(number),
            };
            let key = TrainingKey::new(blueprint).inspect_err(|error| log::warn!("{error}")).ok()?;
            // A key that an earlier run has finished is in somebody's envelope.
            if !key.state().forced_change {
                key.set_touch(touch);
                key.set_tempo(Tempo::REAL.scaled(percent));
                return Some(key);
            }
        }
        None
    });
    let crew = Crew::new(desk.clone(), pace, supply);
    crew.begin();
    let ui = Onlooker { face: Arc::clone(face), crew };
    Ok((Box::new(TrainingBus::new(desk, IdleHands)), Arc::new(ui)))
}

/// The face, overheard by the hands.
struct Onlooker {
    face: Arc<dyn Face>,
    crew: Crew,
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
