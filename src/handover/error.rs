//! What can stop a hand-over, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::advice::{Advice, Advised};

/// Why a PIN cannot be handed over like that, or what was handed over cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandOverError {
    /// A file or directory.
    #[error("{} cannot be used: {reason}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The typeface lacks a character.
    #[error("the letter's typeface cannot set {shown} of {place}")]
    Glyph {
        /// The character, and its number.
        shown: String,
        /// Where it stands.
        place: &'static str,
    },
    /// A letter's typeface, logo or template is none.
    #[error("{} cannot be used for letters: {reason}", .path.display())]
    Material {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The text does not fit.
    #[error("the letter's text is too long: {0}")]
    TooLong(&'static str),
    /// The PDF writer failed.
    #[error("the letter could not be made: {0}")]
    Pdf(String),
    /// The printer did not take it.
    #[error("the letter was not printed: {0}")]
    Printer(String),
    /// Not a recipient.
    #[error("{shown} is no recipient: {reason}")]
    Recipient {
        /// The beginning of what was given.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Sealing failed.
    #[error("the PIN could not be sealed for its recipients: {0}")]
    Seal(String),
    /// A file is not what it should be.
    #[error("{} is no sealed hand-over: {reason}", .path.display())]
    Form {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Sealed for somebody else.
    #[error("{} is sealed for somebody else", .0.display())]
    OtherRecipient(PathBuf),
    /// Not an identity.
    #[error("{} is no identity that opens sealed hand-overs: {reason}", .path.display())]
    Identity {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl HandOverError {
    /// A file error with the system's words.
    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), reason: error.to_string() }
    }
}

advice! {
    FILE: "hand-over/file", Failed, "A file of the hand-over cannot be used.", "Check the path, its permissions and the space that is left, then run the same command again.";
    GLYPH: "hand-over/glyph", Usage, "The letter's typeface cannot set a character.", "Name a typeface that can with --letter-font FILE, or hand over on another way with --hand-over.";
    MATERIAL: "hand-over/material", Usage, "A letter's typeface, logo or template cannot be used.", "Correct or replace the file; docs/hand-over.md says what it has to be.";
    TOO_LONG: "hand-over/too-long", Usage, "The letter's text is too long.", "Shorten the template.";
    PDF: "hand-over/pdf", Failed, "The letter could not be made.", "Try without --letter-font and logo; hand over on another way with --hand-over.";
    PRINTER: "hand-over/printer", Failed, "The letter was not printed; the PIN is kept, sealed.", "See to the printer (`lpstat -p`), then run the same command again.";
    RECIPIENT: "hand-over/recipient", Usage, "A recipient is none.", "Give age1…, `ssh-ed25519 …`, `ssh-rsa …`, or a file with one a line.";
    SEAL: "hand-over/seal", Failed, "The PIN could not be sealed for its recipients.", "Run the same command again; if it happens again, report it with the output of -vv.";
    FORM: "hand-over/form", Usage, "The file is no sealed hand-over.", "Copy it once more from where it was made, and use the same version of keywright in both places.";
    OTHER_RECIPIENT: "hand-over/other-recipient", Usage, "The file is sealed for somebody else.", "Name the identity of one of its recipients with --identity.";
    IDENTITY: "hand-over/identity", Usage, "The file is no identity that opens sealed hand-overs.", "Name an age identity (AGE-SECRET-KEY-1…) or an SSH private key of kind ed25519 or rsa with --identity.";
}

impl Advised for HandOverError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::File { .. } => &FILE,
            Self::Glyph { .. } => &GLYPH,
            Self::Material { .. } => &MATERIAL,
            Self::TooLong(_) => &TOO_LONG,
            Self::Pdf(_) => &PDF,
            Self::Printer(_) => &PRINTER,
            Self::Recipient { .. } => &RECIPIENT,
            Self::Seal(_) => &SEAL,
            Self::Form { .. } => &FORM,
            Self::OtherRecipient(_) => &OTHER_RECIPIENT,
            Self::Identity { .. } => &IDENTITY,
        }
    }
}
