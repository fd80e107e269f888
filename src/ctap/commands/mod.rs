//! The commands, one file a family.

mod client_pin;
mod config;
mod credential_management;
mod get_assertion;
mod make_credential;
mod reset;
mod selection;
mod trial;

pub use client_pin::PinRetries;
pub use config::{MinPinLength, Setting};
pub use credential_management::{Credentials, ResidentCredential, ResidentRp, ResidentUser, StoreMetadata};
pub use get_assertion::{Assertion, AssertionRequest};
pub use make_credential::{Attested, NewCredential};

/// A command byte (CTAP 2.3 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    MakeCredential,
    GetAssertion,
    GetInfo,
    ClientPin,
    Reset,
    GetNextAssertion,
    CredentialManagement,
    Selection,
    Config,
    CredentialManagementPreview,
}

impl Command {
    /// The byte on the wire.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::MakeCredential => 0x01,
            Self::GetAssertion => 0x02,
            Self::GetInfo => 0x04,
            Self::ClientPin => 0x06,
            Self::Reset => 0x07,
            Self::GetNextAssertion => 0x08,
            Self::CredentialManagement => 0x0A,
            Self::Selection => 0x0B,
            Self::Config => 0x0D,
            Self::CredentialManagementPreview => 0x41,
        }
    }
}
