//! What the command line needs of a face beyond what a flow tells and asks: results, errors, secrets.

use std::io;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::advice::{Advice, Advised};
use crate::secret::SecretText;

use super::words::sentence;
use super::{Sheet, Ui};

/// Version of the objects that `--json` writes.
pub const JSON_VERSION: u8 = 1;

/// An error as it is shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Problem {
    /// Stable code.
    pub code: &'static str,
    /// What happened, as one sentence.
    pub message: String,
    /// The one next step.
    pub next: &'static str,
    /// The words of the provider or the system, where the sentence leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What would have been asked, had there been somebody to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

impl Problem {
    /// The problem that an error is.
    pub fn of(error: &dyn Advised) -> Self {
        Self::from_row(error.advice(), &error.to_string())
    }

    /// A row of the catalogue with a message that says more than its sentence.
    pub fn from_row(advice: &Advice, message: &str) -> Self {
        Self { code: advice.code, message: sentence(message), next: advice.next, detail: None, question: None }
    }

    /// The problem, with its details set apart: the catalogue's own sentence, and `detail` for those who want to know.
    pub fn with_detail(error: &dyn Advised, detail: String) -> Self {
        let advice = error.advice();
        Self { code: advice.code, message: advice.sentence.into(), next: advice.next, detail: Some(detail), question: None }
    }
}

/// A secret that is part of a result.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct Revealed<'a> {
    /// What it is called in lines for people.
    pub name: &'static str,
    /// The member of the result for scripts.
    pub member: &'static str,
    /// The secret.
    pub secret: &'a SecretText,
}

/// A face of the program.
pub trait Face: Ui {
    /// Shows a command's result.
    fn show(&self, sheet: &Sheet);

    /// Shows a command's result with a secret in it, once and on standard output only.
    ///
    /// # Errors
    /// If it could not be written: then nobody has seen the secret.
    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()>;

    /// Says what went wrong and what to do.
    fn complain(&self, problem: &Problem);

    /// Asks for a secret without showing it. `None` means that nobody is there to ask, or that the prompt was given up.
    fn secret(&self, prompt: &str) -> Option<Zeroizing<String>>;

    /// Whether a person can be asked to do something with a key.
    fn has_person(&self) -> bool;

    /// The question that nobody was there to answer, if there was one.
    fn unanswered(&self) -> Option<String> {
        None
    }
}
