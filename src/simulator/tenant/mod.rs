//! The training tenant: a sign-in host and Microsoft Graph on loopback HTTP, with the shapes, refusals and troubles of
//! the real ones. It forgets its passkeys when it stops, unless its script names a file for them.
//!
//! Beside Graph's paths it has two of its own for clients that play the user: `GET /training/passkeys/{user}` lists
//! credential ids, `POST /training/assertion` checks an [`Assertion`].

mod assertion;
mod audit;
mod batch;
mod challenge;
mod directory;
mod envelope;
mod fault;
mod judge;
mod mail;
mod memory;
mod names;
mod options;
mod page;
mod passkey;
mod passkey_policy;
mod policies;
mod recorder;
mod registration;
mod reports;
mod routes;
mod script;
mod server;
mod sign_in;
mod state;
mod tap;
mod throttle;
mod token;
mod wire;

pub use assertion::Assertion;
pub use fault::{Act, Fault};
pub use judge::{AttestationJudge, AttestationLevel, Submission};
pub use mail::TrainingMail;
pub use passkey::{Accepted, TrainingPasskey};
pub use passkey_policy::{KeyRestrictions, PasskeyProfile, Target, TrainingPolicy};
pub use recorder::{Exchange, RecordedAnswer};
pub use script::{Application, Script, Spelling, TrainingGroup, TrainingStrength, TrainingUser};
pub use server::{RunningTenant, TrainingTenant};
pub use sign_in::{PersonDoes, RefreshDoes, TrainingSignIn};
pub use state::LoggedCall;
pub use tap::{TapPolicy, TrainingPass};
pub use throttle::Limits;
