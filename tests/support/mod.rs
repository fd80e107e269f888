//! What several tests share.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "a module of several tests, none of which uses all of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a broken assumption is a failure")]

pub mod face;
pub mod judge;
pub mod soft_key;
pub mod tenant;
pub mod world;
