//! WebAuthn shapes that both sides share: creation options, client data, attestation object, and the check of a
//! `packed` attestation.

pub mod base64url;
mod options;

pub use options::{CreationOptions, CredentialId, RelyingParty, UserEntity};
