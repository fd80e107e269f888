//! The driver: knows authenticators, nothing of users, files or clouds.

pub mod hid;
mod key_identity;
pub mod nfc;
mod trace;
pub mod transport;

pub use crate::aaguid::{Aaguid, AaguidFormError};
pub use key_identity::{KeyIdentity, Look, Rung, Sameness, Serial};
pub use transport::{Bus, Cancel, Change, Link, LinkError, LinkFacts, LinkKind, PowerCycle, Transport, Turn, VendorCall, Wait};
