//! The Entra adapter against the training tenant, over real HTTP on loopback.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(missing_docs, reason = "a test")]
#![allow(clippy::type_complexity, clippy::format_collect, reason = "a table reads best where it is used")]

mod agreement;
mod around;
mod calls;
mod census;
mod codes;
mod directory;
mod faults;
mod gate;
mod hostile;
mod people;
mod policy;
mod preflight;
mod refusals;
mod rosters;
mod sign_in;
#[path = "../support/mod.rs"]
mod support;
mod training;
