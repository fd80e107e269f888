//! WebAuthn shapes that both sides share: creation options, client data, attestation object, and the check of a
//! `packed` attestation.

mod attestation_object;
pub mod base64url;
mod certificate;
mod client_data;
mod cose;
mod error;
mod options;
mod packed;
mod verify;

pub use crate::auth_data::{AttestedCredential, AuthData, Flags};
pub use attestation_object::AttestationObject;
pub use client_data::{ClientData, ClientDataFields};
pub use cose::CoseKey;
pub use error::{ALL, AttestationError};
pub use options::{CreationOptions, CredentialId, RelyingParty, UserEntity};
pub use verify::{Expected, Roots, Trust, Verified};
