//! What is sent once and never repeated blindly, other than a registration.

use super::IdentityError;

/// A message to a user, ready to be sent: plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub subject: String,
    /// Lines of text.
    pub text: String,
}

/// How something that is sent once failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The provider refused: nothing was done.
    #[error(transparent)]
    Refused(IdentityError),
    /// Sent, but no answer that can be trusted.
    #[error("it was sent, but what became of it is not known: {0}")]
    Unknown(IdentityError),
}
