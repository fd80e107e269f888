//! Why signing in failed: what is to blame, in words of ours, with the provider's own words kept for diagnosis.

use std::fmt;

use crate::identity::Reply;

/// What a refused sign-in troubles, which decides who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInTrouble {
    /// The application's registration, its credential, or the profile that names them.
    Application,
    /// An administrator's consent to the permissions.
    Consent,
    /// The account: unknown, disabled, not assigned.
    Account,
    /// Conditional Access.
    ConditionalAccess,
    /// A person has to sign in, again or for the first time.
    Person,
    /// None of these, or nobody knows.
    Other,
}

/// A sign-in that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRefusal {
    /// What it troubles.
    pub trouble: SignInTrouble,
    /// Our sentence, with the provider's code.
    pub sentence: String,
    /// The provider's own words; the status is 0 if it was not asked.
    pub reply: Reply,
}

impl SignInRefusal {
    /// One that nobody was asked for: a person is needed.
    pub fn needs_person(sentence: impl Into<String>) -> Self {
        Self { trouble: SignInTrouble::Person, sentence: sentence.into(), reply: Reply::default() }
    }
}

impl fmt::Display for SignInRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}
