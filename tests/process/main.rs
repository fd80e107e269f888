//! The built program as a process: killed at every journal row, and searched for the PIN wherever it could leak.
#![cfg(feature = "simulator")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "in a test a broken assumption is a failure"
)]

#[cfg(feature = "postgres")]
#[path = "../support/database.rs"]
mod database;
#[path = "../support/schema.rs"]
mod schema;
#[path = "../support/mod.rs"]
mod support;

mod batches;
#[cfg(unix)]
mod doctor;
#[cfg(unix)]
mod hand_over;
#[cfg(unix)]
mod hooks;
#[cfg(unix)]
mod interrupted;
mod inventory;
mod killed;
mod killing;
mod leaks;
mod ledger;
#[cfg(feature = "postgres")]
mod many_stations;
mod notices;
mod passes;
mod passkeys;
mod reports;
mod shipping;
mod station;
mod two_places;
