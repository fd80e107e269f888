//! What the adapter needs from outside: time, chance, a person, a keyring.

use std::fmt;
use std::time::Duration;

use rand::CryptoRng;

use crate::clock::SharedClock;
use crate::ctap::Cancel;
use crate::identity::entra::throttle::Gate;
use crate::secret::SecretText;

/// What the adapter needs from outside.
pub struct Tools {
    /// Time and waiting.
    pub clock: SharedClock,
    /// Randomness for request ids, sign-ins and the jitter of waits.
    pub rng: Box<dyn CryptoRng + Send>,
    /// Told before each wait how long it is, so that a person can be told too.
    pub on_pause: Box<dyn FnMut(Duration) + Send>,
    /// Stop request: ends waits, and calls that are safe to lose.
    pub cancel: Cancel,
    /// Which hosts asked to be left alone; shared by all clients of a process.
    pub gate: Gate,
    /// Whether a person may be asked to sign in.
    pub attended: bool,
    /// Told what a person has to do to sign in, or should know about it.
    pub invite: Box<dyn FnMut(&Invitation) + Send>,
    /// Where refresh tokens outlive the process; without one they do not.
    pub vault: Option<Box<dyn Vault>>,
    /// Asked for the password of a PKCS#12 file that has one; `None` if nobody knows it.
    pub certificate_password: Box<dyn FnMut() -> Option<SecretText> + Send>,
    /// The secret that the managed identity endpoint of App Service wants to hear.
    pub identity_header: Option<SecretText>,
}

impl fmt::Debug for Tools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tools").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl Tools {
    /// Tools that tell nobody, ask nobody, hear no stop request and share nothing.
    pub fn new(clock: SharedClock, rng: Box<dyn CryptoRng + Send>) -> Self {
        Self {
            clock,
            rng,
            on_pause: Box::new(|_| ()),
            cancel: Cancel::new(),
            gate: Gate::default(),
            attended: false,
            invite: Box::new(|_| ()),
            vault: None,
            certificate_password: Box::new(|| None),
            identity_header: None,
        }
    }
}

/// What a person has to do to sign in, or should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// Visit this address with a browser of this machine.
    Visit {
        /// The address.
        url: String,
        /// How long it is waited for.
        life: Duration,
    },
    /// Visit this address with any browser and enter the code.
    EnterCode {
        /// The address.
        url: String,
        /// The code.
        code: String,
        /// How long it is waited for.
        life: Duration,
    },
    /// The sign-in ends with the process, since it cannot be kept.
    NotKept {
        /// Why.
        reason: String,
    },
}

/// A place for secrets that the operating system guards, such as its keyring. Errors are the system's words.
pub trait Vault: Send {
    /// The secret of this name; `None` if there is none.
    fn load(&mut self, name: &str) -> Result<Option<SecretText>, String>;
    /// Keeps a secret in place of an older one.
    fn keep(&mut self, name: &str, secret: &SecretText) -> Result<(), String>;
    /// Removes a secret; one that is not there is removed.
    fn remove(&mut self, name: &str) -> Result<(), String>;
}
