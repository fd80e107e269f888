//! Batches on several training keys at once, against the training tenant with a judge that is not ours.
#![cfg(feature = "simulator")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "in a test a broken assumption is a failure"
)]

#[cfg(feature = "postgres")]
#[path = "../support/database.rs"]
mod database;
#[path = "../support/mod.rs"]
mod support;

mod ages;
mod away;
mod box_of_keys;
mod empty_box;
mod matching;
mod occupancy;
mod refused;
mod station;
mod stopped;
mod strangers;
#[cfg(feature = "postgres")]
mod taken_over;
mod twice;
