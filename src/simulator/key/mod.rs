//! The training key: an open authenticator firmware behind the same seams as a real key.
//!
//! The engine is the crate `opensk` (Google OpenSK): its answers are not ours. Around it stand what a test or a rehearsal
//! scripts: the finger ([`Touch`]), the hands that take the key out and put it back ([`Hands`], [`Desk`]), the model that it
//! imitates ([`Model`]), faults of the link ([`Fault`]).

mod attestation;
mod authenticator;
mod bus;
mod crew;
mod desk;
mod disguise;
mod engine;
mod fault;
mod finger;
mod flash;
mod hands;
mod link;
mod model;
mod serial;
mod tempo;

pub use attestation::{test_other_root_der, test_root_der};
pub use authenticator::{ALL, Blueprint, KeyState, TrainingKey, TrainingKeyError};
pub use bus::TrainingBus;
pub use crew::{Crew, Supply};
pub use desk::{Desk, Move};
pub use fault::{Exchanged, Fault, Mishap};
pub use finger::Touch;
pub use hands::{Hands, HelpfulHands, IdleHands, Sight};
pub use link::TrainingLink;
pub use model::{Model, Protocols};
pub use tempo::Tempo;

#[cfg(test)]
mod tests;
