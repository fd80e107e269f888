//! The contract with Microsoft Graph: every request that keywright can send, and every answer of the training tenant, held
//! against a description of Graph (`tests/data/graph`).
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::type_complexity,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test"
)]

mod document;
mod drive;
mod routes;
mod samples;
mod schema;
#[path = "../support/mod.rs"]
mod support;
