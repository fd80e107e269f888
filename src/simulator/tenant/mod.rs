//! The training tenant: a sign-in host and Microsoft Graph on loopback HTTP, with the shapes, refusals and troubles of
//! the real ones. It keeps its users and passkeys in memory and forgets them when it stops.
//!
//! Beside Graph's paths it has two of its own for clients that play the user: `GET /training/passkeys/{user}` lists
//! credential ids, `POST /training/assertion` checks an [`Assertion`].

mod assertion;
mod challenge;
mod envelope;
mod fault;
mod judge;
mod options;
mod passkey;
mod registration;
mod routes;
mod script;
mod server;
mod state;
mod token;
mod wire;

pub use assertion::Assertion;
pub use fault::{Act, Fault};
pub use judge::{AttestationJudge, AttestationLevel, Submission};
pub use passkey::TrainingPasskey;
pub use script::{Application, KeyRestrictions, PasskeyProfile, Script, Spelling, Target, TrainingPolicy, TrainingUser};
pub use server::{RunningTenant, TrainingTenant};
pub use state::LoggedCall;
