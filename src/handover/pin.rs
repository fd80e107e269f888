//! The temporary PIN: rules, generator, and the safe that seals it.

mod draw;
mod weakness;

pub use draw::{Alphabet, LEAST_LENGTH, PinRuleError, PinTerms};
pub use weakness::{Weakness, weakness};

use crate::advice::{Advice, Advised};
use crate::secret::{Pin, SealedPin};

/// Seals temporary PINs to this station, so that a written-down PIN is never in clear.
pub trait Safe {
    /// Seals.
    ///
    /// # Errors
    /// [`SafeError`].
    fn seal(&self, pin: &Pin) -> Result<SealedPin, SafeError>;

    /// Opens what this station sealed.
    ///
    /// # Errors
    /// [`SafeError`].
    fn open(&self, sealed: &SealedPin) -> Result<Pin, SafeError>;
}

/// What can go wrong with the safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafeError {
    /// The station's identity cannot be read or made.
    #[error("the station's identity at {path} cannot be used: {reason}")]
    Identity {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Sealing failed.
    #[error("the PIN could not be sealed: {0}")]
    Seal(String),
    /// Not sealed to this station, or damaged.
    #[error("the sealed PIN cannot be opened by this station: {0}")]
    Open(String),
}

advice! {
    IDENTITY: "safe/identity", Failed, "The station's own identity cannot be used.", "Make the file readable by you alone, or restore it; without it sealed PINs cannot be opened.";
    SEAL: "safe/seal", Failed, "The PIN could not be sealed.", "Run `keywright doctor`, then run the command again; the key was not changed.";
    OPEN: "safe/open", Failed, "The sealed PIN cannot be opened by this station.", "Resume on the station that sealed it, or start over with `keywright enroll USER --reset always`.";
    LENGTH: "pin/length", Policy, "No temporary PIN fits both this key and the rules.", "Use a key that takes longer PINs, or lower the minimum PIN length of the profile.";
    GENERATOR: "pin/generator", Failed, "The random generator of this machine gives PINs that anybody could guess.", "Provision on another machine until the generator of this one was checked; the key was not changed.";
}

impl Advised for PinRuleError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Length { .. } => &LENGTH,
            Self::Generator => &GENERATOR,
        }
    }
}

impl Advised for SafeError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Identity { .. } => &IDENTITY,
            Self::Seal(_) => &SEAL,
            Self::Open(_) => &OPEN,
        }
    }
}
