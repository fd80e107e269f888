//! How a temporary PIN comes into being, is kept safe, and reaches its user.

mod clear;
mod error;
pub mod identities;
#[cfg(feature = "letters")]
pub mod letter;
pub mod parcel;
pub mod pin;
mod recipients;
mod seal;
pub mod sealed;
mod tray;

pub use clear::ClearFile;
pub use error::{ALL, HandOverError};
#[cfg(feature = "letters")]
pub use letter::{LetterPlan, Letters, Printer};
pub use recipients::SealTo;
pub use seal::AgeSafe;
pub use sealed::Sealed;
pub use tray::Tray;
