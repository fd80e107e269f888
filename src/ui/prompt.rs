//! Asking the person at the terminal.

use console::{Key, Term};
use zeroize::Zeroizing;

use crate::ctap::Cancel;

use super::streams::talk;
use super::{Answer, Question};

/// Bytes reserved for what is typed, so that a secret never moves to a bigger place and leaves a copy behind.
const ROOM: usize = 512;

/// The keyboard of the controlling terminal; works while standard input is a pipe.
#[derive(Debug)]
pub(super) struct Keyboard {
    term: Term,
    cancel: Cancel,
}

impl Keyboard {
    /// The keyboard; `cancel` is requested by Ctrl-C at a prompt.
    pub(super) fn new(cancel: Cancel) -> Self {
        Self { term: Term::stderr(), cancel }
    }

    /// Asks for yes or no. Only a plain yes is one; a keyboard that has gone away says no. `None` only on a stop request.
    pub(super) fn decide(&self, question: &Question) -> Option<Answer> {
        let text = super::streams::harmless(&question.text());
        loop {
            talk(&format!("{text} [y/N] "));
            let Some(typed) = self.line(true) else { return (!self.cancel.requested()).then_some(Answer::No) };
            match typed.trim().to_lowercase().as_str() {
                "y" | "yes" => return Some(Answer::Yes),
                "" | "n" | "no" => return Some(Answer::No),
                _ => talk("Please type y or n.\n"),
            }
        }
    }

    /// Asks for a secret; nothing is shown while it is typed. `None` if there is no keyboard or it was given up.
    pub(super) fn secret(&self, prompt: &str) -> Option<Zeroizing<String>> {
        talk(&format!("{prompt}: "));
        self.line(false)
    }

    fn line(&self, echo: bool) -> Option<Zeroizing<String>> {
        let mut typed = Zeroizing::new(String::with_capacity(ROOM));
        loop {
            if self.cancel.requested() {
                return None;
            }
            match self.term.read_key_raw() {
                Ok(Key::Enter) => {
                    talk("\n");
                    return Some(typed);
                }
                Ok(Key::Backspace) => {
                    if typed.pop().is_some() && echo {
                        talk("\u{8} \u{8}");
                    }
                }
                Ok(Key::CtrlC | Key::Escape) => {
                    self.cancel.request();
                    talk("\n");
                    return None;
                }
                Ok(Key::Char('\u{4}')) | Err(_) => {
                    talk("\n");
                    return None;
                }
                Ok(Key::Char(c)) if !c.is_control() && typed.len().saturating_add(c.len_utf8()) <= ROOM => {
                    typed.push(c);
                    if echo {
                        talk(c.encode_utf8(&mut [0; 4]));
                    }
                }
                Ok(_) => {}
            }
        }
    }
}
