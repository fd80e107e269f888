//! The face of a terminal: one sentence at a time, a spinner that says what the key is doing, a countdown of the reset
//! window. The only place that knows indicatif.

mod board;

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use zeroize::Zeroizing;

use crate::ctap::{Cancel, Wait};
use crate::secret::Pin;

use board::Board;

use super::plain::{complaint, finish, hand_over, reveal};
use super::prompt::Keyboard;
use super::streams::{result, talk};
use super::words::{Tone, say};
use super::{Answer, Event, Face, Problem, Question, Revealed, Sheet, Spot, Summary, Ui};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// The face of a terminal.
#[derive(Debug)]
pub struct Terminal {
    keyboard: Keyboard,
    stage: Mutex<Stage>,
    board: Board,
    /// Questions of several lanes follow each other.
    asking: Mutex<()>,
}

/// What stands on the last line.
#[derive(Debug, Default)]
struct Stage {
    spinner: Option<ProgressBar>,
    /// What goes on when the key wants nothing.
    underneath: Option<String>,
    /// The reset window that is counted down on the last line.
    window: Option<Duration>,
}

impl Terminal {
    /// A face on the terminal of standard error; `cancel` is requested by Ctrl-C at a prompt.
    pub fn new(cancel: &Cancel) -> Self {
        Self {
            keyboard: Keyboard::new(cancel.clone()),
            stage: Mutex::default(),
            board: Board::default(),
            asking: Mutex::default(),
        }
    }

    fn one_at_a_time(&self) -> std::sync::MutexGuard<'_, ()> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is under way any more, and what comes next stands by itself.
    fn clear_for_result(&self) {
        let mut stage = self.stage();
        stage.clear();
        stage.underneath = None;
        drop(stage);
        talk("\n");
    }

    fn stage(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }

    /// Puts a sentence on the last line, with the seconds that are left when there is a limit.
    fn spin(&mut self, sentence: String, act: bool, limit: Option<Duration>) {
        self.clear();
        self.write(&ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()), sentence, act, limit);
    }

    /// Puts another sentence there while the countdown goes on.
    fn spin_on(&mut self, sentence: String, act: bool, limit: Duration) {
        match self.spinner.clone() {
            Some(spinner) => self.write(&spinner, sentence, act, Some(limit)),
            None => self.spin(sentence, act, None),
        }
    }

    fn write(&mut self, spinner: &ProgressBar, sentence: String, act: bool, limit: Option<Duration>) {
        let colour = if act { "{spinner:.yellow} {msg:.bold}" } else { "{spinner:.cyan} {msg}" };
        let template = if limit.is_some() { format!("{colour} {{left}}") } else { colour.to_owned() };
        // The templates above are fixed; should one be refused, the plain spinner says the same.
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let left = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let left = limit.unwrap_or_default().saturating_sub(state.elapsed());
            let _ = write!(out, "({} s)", left.as_millis().div_ceil(1000));
        };
        spinner.set_style(style.with_key("left", left));
        spinner.set_message(sentence);
        spinner.enable_steady_tick(TICK);
        self.spinner = Some(spinner.clone());
    }

    fn line(&mut self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| talk(text)),
            None => talk(text),
        }
    }

    fn tell(&mut self, event: &Event) {
        let (tone, sentence) = say(event);
        match event {
            Event::KeyBack { left } => self.window = Some(*left),
            Event::KeyWaits { wait: Wait::Touch, .. } | Event::Notice { .. } => {}
            Event::StepBegins { .. } => {
                self.window = None;
                self.underneath = Some(sentence.clone());
            }
            _ => self.window = None,
        }
        match tone {
            Tone::Idle => match self.underneath.clone() {
                Some(underneath) => self.spin(underneath, false, None),
                None => self.clear(),
            },
            Tone::Busy | Tone::Act => {
                let act = tone == Tone::Act;
                match (event, self.window) {
                    (Event::KeyWaits { .. }, Some(left)) => self.spin_on(sentence, act, left),
                    (Event::KeyBack { left: limit } | Event::TenantWaits { delay: limit }, _) => {
                        self.spin(sentence, act, Some(*limit));
                    }
                    _ => self.spin(sentence, act, None),
                }
            }
            Tone::Done => {
                self.clear();
                self.underneath = None;
                talk(&format!("{} {sentence}\n", style("✓").green().for_stderr()));
            }
            Tone::Note => self.line(&format!("  {sentence}\n")),
            Tone::Warn => self.line(&format!("{} {sentence}\n", style("!").yellow().bold().for_stderr())),
        }
    }
}

impl Ui for Terminal {
    fn tell(&self, event: &Event) {
        if self.board.is_up() {
            self.board.tell(&Spot::default(), event);
        } else {
            self.stage().tell(event);
        }
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        self.board.tell(spot, event);
    }

    fn ring(&self) {
        talk("\u{7}");
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        let _one = self.one_at_a_time();
        let _cover = self.board.cover();
        self.stage().clear();
        self.keyboard.decide(question)
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        let _one = self.one_at_a_time();
        let _cover = self.board.cover();
        self.clear_for_result();
        hand_over(summary, pin)
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        let _one = self.one_at_a_time();
        let _cover = self.board.cover();
        self.clear_for_result();
        finish(summary)
    }
}

impl Face for Terminal {
    fn show(&self, sheet: &Sheet) {
        self.board.take_down();
        self.stage().clear();
        result(&sheet.text());
    }

    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
        let _one = self.one_at_a_time();
        let _cover = self.board.cover();
        self.stage().clear();
        reveal(sheet, revealed)
    }

    fn complain(&self, problem: &Problem) {
        self.board.take_down();
        self.stage().clear();
        talk(&complaint(problem, false, &|word| style(word).red().bold().for_stderr().to_string()));
    }

    fn secret(&self, prompt: &str) -> Option<Zeroizing<String>> {
        let _one = self.one_at_a_time();
        let _cover = self.board.cover();
        self.stage().clear();
        self.keyboard.secret(prompt)
    }

    fn has_person(&self) -> bool {
        true
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.stage().clear();
    }
}
