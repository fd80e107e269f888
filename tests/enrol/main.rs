//! Whole enrolments: training key, training tenant with a judge that is not ours, ledger and safe on disk.
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
#[path = "../support/mod.rs"]
mod support;

mod between;
mod choosing;
mod deaths;
mod ends;
mod good;
mod handing;
mod hardening;
mod journal;
mod links;
mod matrix;
mod notices;
mod refused;
mod replaced;
mod returns;
mod tasks;
mod together;
mod two_places;
mod undo;
