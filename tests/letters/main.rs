//! Letters as a printer would get them: read back and drawn by poppler, which is not ours.
#![cfg(all(feature = "letters", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "in a test a broken assumption is a failure"
)]

mod paper;
mod read_back;
