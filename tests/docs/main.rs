//! The documentation is true: its links lead somewhere, its codes exist, and its commands run.
#![cfg(feature = "simulator")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    unreachable_pub,
    reason = "in a test a broken assumption is a failure"
)]

mod codes;
mod commands;
mod links;
mod pages;
mod pictures;
mod rows;
mod terminal;
