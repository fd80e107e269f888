//! What `--simulate` swaps in: training keys on a desk with helpful hands.

mod lanes;

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::CliError;
use super::station::Station;
use crate::clock::SharedClock;
use crate::ctap::Bus;
use crate::ledger::OpenLedger;
use crate::simulator::key::{Blueprint, Desk, Model, Move, Sight, Tempo, Touch, TrainingBus, TrainingKey};
use crate::simulator::ledger::{FaultPoint, FaultyLedger};
use crate::ui::{Event, Face};

/// Serial number of the first training key.
const SERIAL: u32 = 20_260_001;
/// File in which the training key keeps its state between runs.
const MEMORY: &str = "KEYWRIGHT_TRAINING_KEY";
/// How many training keys there are.
const KEYS: &str = "KEYWRIGHT_TRAINING_KEYS";
/// How many keys of the box other stations have taken out: this one's first is the next.
const TAKEN: &str = "KEYWRIGHT_TRAINING_TAKEN";
/// Most of them.
const MOST_KEYS: u32 = 32;
/// How much later than the one before each of several keys is touched.
const NEXT_KEY: Duration = Duration::from_secs(1);
/// Model that the training key imitates.
const MODEL: &str = "KEYWRIGHT_TRAINING_MODEL";

/// How the training key is touched: `never`, `denied`, or after so many milliseconds.
const TOUCH: &str = "KEYWRIGHT_TRAINING_TOUCH";
/// How long a person may look at the request before the training key is touched.
const UNHURRIED: Duration = Duration::from_millis(1200);
/// Where the ledger fails or the program stops: `full:N`, `before:N` or `after:N`, N the number of the write.
const FAULT: &str = "KEYWRIGHT_TRAINING_FAULT";
/// How long training key and training tenant take for each answer, in per cent of real ones.
pub(super) const LATENCY: &str = "KEYWRIGHT_TRAINING_LATENCY";
/// How long the hands take for each move, in milliseconds.
const PACE: &str = "KEYWRIGHT_TRAINING_PACE";
/// The same if nothing is said.
const MOVE: u64 = 800;

pub(super) use lanes::lanes;

/// How ledgers are opened so that they have the fault that the rehearsal asks for. All of them count their writes together.
pub(super) fn journal(open: OpenLedger, face: &Arc<dyn Face>) -> Result<OpenLedger, CliError> {
    let Some(point) = env::var(FAULT).ok().filter(|point| !point.is_empty()) else { return Ok(open) };
    let point: FaultPoint = point.parse().map_err(|reason| CliError::Rehearsal { variable: FAULT, reason })?;
    let (face, writes) = (Arc::clone(face), Arc::new(AtomicU32::new(0)));
    Ok(Arc::new(move || {
        let face = Arc::clone(&face);
        let halt = move |write: &str| loop {
            face.tell(&Event::Notice {
                sentence: format!("halted at the fault point ({write}), until somebody ends the program"),
            });
            std::thread::park();
        };
        let faulty = FaultyLedger::new(open()?, point, Box::new(halt)).counting_with(Arc::clone(&writes));
        Ok(Box::new(faulty))
    }))
}

/// Training keys in their ports, touched, taken out and put back when asked; in no hurry if somebody looks on.
pub(super) fn bus(clock: &SharedClock, onlooker: bool) -> Result<Box<dyn Bus>, CliError> {
    let desk = Desk::new(Arc::clone(clock));
    let (model, touch, number) = (model()?, touch(onlooker)?, number(1)?);
    for place in 0..number {
        let key = TrainingKey::new(Blueprint {
            model: model.clone(),
            serial: SERIAL.saturating_add(place),
            clock: Arc::clone(clock),
            rng: Station::generator(),
            memory: memory(place),
        })?;
        key.set_tempo(Tempo::REAL.scaled(latency()?.unwrap_or_default()));
        key.set_touch(if number > 1 { in_turn(touch, place) } else { touch });
        desk.put(desk.add_port(&format!("1-{}", place.saturating_add(1))), &key);
    }
    // Which key is to be taken out these hands do not hear: they take each in turn.
    let (pause, mut turn) = (pace()?, 0_usize);
    let hands = move |sight: &Sight| {
        if let Some(empty) = sight.occupied.iter().position(|occupied| !occupied) {
            return vec![(pause, Move::PutBack(empty))];
        }
        let place = turn.checked_rem(sight.occupied.len()).unwrap_or_default();
        turn = turn.wrapping_add(1);
        vec![(pause, Move::Take(place))]
    };
    Ok(Box::new(TrainingBus::new(desk, hands)))
}

/// The file of a key's memory: the first key's as it was named, the others' beside it.
fn memory(place: u32) -> Option<PathBuf> {
    let mut path = env::var_os(MEMORY).filter(|path| !path.is_empty())?;
    if place > 0 {
        path.push(format!(".{}", place.saturating_add(1)));
    }
    Some(PathBuf::from(path))
}

/// One finger touches several keys one after the other.
fn in_turn(touch: Touch, place: u32) -> Touch {
    let first = match touch {
        Touch::AtOnce => UNHURRIED,
        Touch::After(time) => time,
        other => return other,
    };
    Touch::After(first.saturating_add(NEXT_KEY.saturating_mul(place)))
}

/// Times of key and tenant in per cent, if they are given.
pub(super) fn latency() -> Result<Option<u32>, CliError> {
    let Some(text) = env::var(LATENCY).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse() {
        Ok(percent @ 0..=1000) => Ok(Some(percent)),
        _ => Err(CliError::Rehearsal { variable: LATENCY, reason: format!("{text} is not a number from 0 to 1000") }),
    }
}

fn number(usual: u32) -> Result<u32, CliError> {
    let Some(text) = env::var(KEYS).ok().filter(|text| !text.is_empty()) else { return Ok(usual) };
    match text.parse() {
        Ok(number @ 1..=MOST_KEYS) => Ok(number),
        _ => Err(CliError::Rehearsal { variable: KEYS, reason: format!("{text} is not a number from 1 to {MOST_KEYS}") }),
    }
}

fn taken() -> Result<u32, CliError> {
    let Some(text) = env::var(TAKEN).ok().filter(|text| !text.is_empty()) else { return Ok(0) };
    let wrong = |_| CliError::Rehearsal { variable: TAKEN, reason: format!("{text} is not a number of keys") };
    text.parse().map_err(wrong)
}

fn pace() -> Result<Duration, CliError> {
    let Some(text) = env::var(PACE).ok().filter(|text| !text.is_empty()) else { return Ok(Duration::from_millis(MOVE)) };
    let wrong = |_| CliError::Rehearsal { variable: PACE, reason: format!("{text} is not a number of milliseconds") };
    text.parse().map(Duration::from_millis).map_err(wrong)
}

fn touch(onlooker: bool) -> Result<Touch, CliError> {
    match env::var(TOUCH).ok().as_deref() {
        None | Some("") if onlooker => Ok(Touch::After(UNHURRIED)),
        None | Some("") => Ok(Touch::AtOnce),
        Some("never") => Ok(Touch::Never),
        Some("denied") => Ok(Touch::Denied),
        Some(text) => match text.parse() {
            Ok(time) => Ok(Touch::After(Duration::from_millis(time))),
            Err(_) => Err(CliError::NoSuchTouch(text.to_owned())),
        },
    }
}

fn model() -> Result<Model, CliError> {
    let Some(slug) = env::var(MODEL).ok().filter(|slug| !slug.is_empty()) else { return Ok(Model::STANDARD) };
    let known = || Model::ALL.iter().map(|model| model.slug).collect::<Vec<_>>().join(", ");
    Model::named(&slug).cloned().ok_or_else(|| CliError::NoSuchModel { model: slug, known: known() })
}
