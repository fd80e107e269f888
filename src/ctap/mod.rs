//! The driver: knows authenticators, nothing of users, files or clouds.

mod authenticator;
mod cbor;
mod commands;
pub mod discover;
pub mod error;
mod extensions;
mod hardening;
pub mod hid;
mod info;
mod key_identity;
pub mod nfc;
mod pin;
mod round;
mod states;
pub mod status;
mod token;
mod trace;
pub mod transport;
pub mod vendor;

pub use crate::aaguid::{Aaguid, AaguidFormError};
pub use crate::auth_data::{AttestedCredential, AuthData};
pub use authenticator::{Authenticator, Tools};
pub use commands::{
    Assertion, AssertionRequest, Attested, Credentials, MinPinLength, NewCredential, PinRetries, ResidentCredential,
};
pub use commands::{ResidentRp, ResidentUser, Setting, StoreMetadata};
pub use error::{CtapError, Feature, ReplyError};
pub use extensions::ExtensionOutputs;
pub use hardening::{Reading, Requirement, Standing, Wish};
pub use info::Info;
pub use key_identity::{KeyIdentity, Look, Rung, Sameness, Serial};
pub use pin::PinProtocol;
pub use round::{Round, first_touched};
pub use states::{Blank, Failed, Pinned, Ruled, SealOutcome, Sealed};
pub use status::Status;
pub use token::{Config, CredentialManagement, GetAssertion, MakeCredential, Permission, PinToken};
pub use transport::{Bus, Cancel, Change, Link, LinkError, LinkFacts, LinkKind, PowerCycle, Transport, Turn, VendorCall, Wait};

#[cfg(test)]
mod tests;
