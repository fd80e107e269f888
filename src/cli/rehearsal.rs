//! What `--simulate` swaps in: the training key on a desk with helpful hands.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use super::station::Station;
use crate::clock::SharedClock;
use crate::ctap::Bus;
use crate::simulator::key::{Blueprint, Desk, HelpfulHands, Model, Touch, TrainingBus, TrainingKey};

/// Serial number of the training key.
const SERIAL: u32 = 20_260_001;
/// File in which the training key keeps its state between runs.
const MEMORY: &str = "KEYWRIGHT_TRAINING_KEY";
/// Model that the training key imitates.
const MODEL: &str = "KEYWRIGHT_TRAINING_MODEL";

/// How the training key is touched: `never`, `denied`, or after so many milliseconds.
const TOUCH: &str = "KEYWRIGHT_TRAINING_TOUCH";
/// How long a person may look at the request before the training key is touched.
const UNHURRIED: Duration = Duration::from_millis(1200);

/// One training key in one port, touched, taken out and put back when asked; in no hurry if somebody looks on.
pub(super) fn bus(clock: &SharedClock, onlooker: bool) -> Result<Box<dyn Bus>, CliError> {
    let key = TrainingKey::new(Blueprint {
        model: model()?,
        serial: SERIAL,
        clock: Arc::clone(clock),
        rng: Station::generator(),
        memory: env::var_os(MEMORY).filter(|path| !path.is_empty()).map(PathBuf::from),
    })?;
    key.set_touch(touch(onlooker)?);
    let desk = Desk::new(Arc::clone(clock));
    let port = desk.add_port("1-1");
    desk.put(port, &key);
    Ok(Box::new(TrainingBus::new(desk, HelpfulHands::new())))
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
