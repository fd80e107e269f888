//! What `--simulate` swaps in: the training key on a desk with helpful hands.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use super::CliError;
use super::station::Station;
use crate::clock::SharedClock;
use crate::ctap::Bus;
use crate::simulator::key::{Blueprint, Desk, HelpfulHands, Model, TrainingBus, TrainingKey};

/// Serial number of the training key.
const SERIAL: u32 = 20_260_001;
/// File in which the training key keeps its state between runs.
const MEMORY: &str = "KEYWRIGHT_TRAINING_KEY";
/// Model that the training key imitates.
const MODEL: &str = "KEYWRIGHT_TRAINING_MODEL";

/// One training key in one port, touched at once, taken out and put back when asked.
pub(super) fn bus(clock: &SharedClock) -> Result<Box<dyn Bus>, CliError> {
    let key = TrainingKey::new(Blueprint {
        model: model()?,
        serial: SERIAL,
        clock: Arc::clone(clock),
        rng: Station::generator(),
        memory: env::var_os(MEMORY).filter(|path| !path.is_empty()).map(PathBuf::from),
    })?;
    let desk = Desk::new(Arc::clone(clock));
    let port = desk.add_port("1-1");
    desk.put(port, &key);
    Ok(Box::new(TrainingBus::new(desk, HelpfulHands::new())))
}

fn model() -> Result<Model, CliError> {
    let Some(slug) = env::var(MODEL).ok().filter(|slug| !slug.is_empty()) else { return Ok(Model::STANDARD) };
    let known = || Model::ALL.iter().map(|model| model.slug).collect::<Vec<_>>().join(", ");
    Model::named(&slug).cloned().ok_or_else(|| CliError::NoSuchModel { model: slug, known: known() })
}
