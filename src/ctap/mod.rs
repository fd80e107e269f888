//! The driver: knows authenticators, nothing of users, files or clouds.

mod key_identity;
pub mod transport;

pub use crate::aaguid::{Aaguid, AaguidFormError};
pub use key_identity::{KeyIdentity, Look, Rung, Sameness, Serial};
pub use transport::{Bus, Cancel, Change, Link, LinkError, LinkFacts, LinkKind, PowerCycle, Transport, Turn, VendorCall, Wait};
