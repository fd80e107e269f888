//! What a person is told when something goes wrong: a stable code, a sentence, one next step, an exit code.
//!
//! Every error enum of every layer maps each of its variants to one [`Advice`]; `docs/errors.md` is the
//! catalogue of them all and a test keeps the two equal.

use std::fmt;

/// Exit codes of the program (README); stable, so that scripts can branch on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: failed for a reason that has no class of its own.
    Failed,
    /// 2: the command line or the configuration is wrong.
    Usage,
    /// 3: needs a person: sign-in, touch, consent.
    Person,
    /// 4: refused by policy.
    Policy,
    /// 5: key problem.
    Key,
    /// 6: tenant or network problem.
    Tenant,
    /// 7: partly done.
    Partly,
    /// 130: interrupted, resumable.
    Interrupted,
}

impl Exit {
    /// The number that the process returns.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Person => 3,
            Self::Policy => 4,
            Self::Key => 5,
            Self::Tenant => 6,
            Self::Partly => 7,
            Self::Interrupted => 130,
        }
    }
}

/// One row of the error catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Stable code: layer, slash, kebab-case, e.g. `key/reset-window-missed`.
    pub code: &'static str,
    /// What happened, as one sentence without details.
    pub sentence: &'static str,
    /// The one next step for the person who reads it.
    pub next: &'static str,
    /// How the process ends if nothing better can be done.
    pub exit: Exit,
}

/// An error that knows its row of the catalogue. Its `Display` is the sentence with details.
pub trait Advised: fmt::Display {
    /// The catalogue row.
    fn advice(&self) -> &'static Advice;
}

/// Declares the catalogue rows of one layer: a constant a row, and `ALL` with every row in order.
///
/// ```text
/// advice! {
///     GONE: "key/gone", Key, "The key was removed.", "Put the same key back and run the command again.";
/// }
/// ```
macro_rules! advice {
    ($($name:ident: $code:literal, $exit:ident, $sentence:literal, $next:literal;)+) => {
        $(const $name: $crate::advice::Advice = $crate::advice::Advice {
            code: $code,
            sentence: $sentence,
            next: $next,
            exit: $crate::advice::Exit::$exit,
        };)+
        /// Every catalogue row of this layer.
        pub const ALL: &[$crate::advice::Advice] = &[$($name),+];
    };
}
