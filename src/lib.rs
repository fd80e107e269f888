//! keywright provisions FIDO2 security keys for Microsoft Entra ID on behalf of their users.
//!
//! The layers and who may use whom are in `CONTRIBUTING.md`; a test enforces the table.

pub mod aaguid;
#[macro_use]
pub mod advice;
pub mod auth_data;
pub mod batch;
pub mod cbor;
pub mod cli;
pub mod clock;
pub mod ctap;
pub mod enroll;
pub mod handover;
pub mod identity;
pub mod ledger;
pub mod metadata;
pub mod report;
pub mod secret;
#[cfg(test)]
mod shape;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod ui;
pub mod webauthn;
