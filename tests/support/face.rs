//! A face whose answers a test writes down beforehand and whose words a test reads afterwards.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use keywright::secret::Pin;
use keywright::ui::{Answer, Event, Question, Summary, Ui};

/// What a test lets the person answer: the question's first words, and the answer.
#[derive(Default)]
pub struct ScriptedFace {
    answers: Mutex<VecDeque<(&'static str, Option<Answer>)>>,
    hooks: Mutex<Vec<Hook>>,
    pub events: Mutex<Vec<String>>,
    pub questions: Mutex<Vec<String>>,
    pub handed: Mutex<Vec<(Summary, String)>>,
    /// Enrolments whose PIN went another way.
    pub finished: Mutex<Vec<Summary>>,
    /// Nothing can be handed over: the reader has gone away.
    pub mute: AtomicBool,
}

/// Runs once, when an event or a question contains a text.
struct Hook {
    text: &'static str,
    act: Box<dyn FnOnce() + Send>,
}

impl ScriptedFace {
    /// Does something the first time that an event, as JSON, or a question, as Rust writes it, contains this text.
    pub fn when(&self, text: &'static str, act: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap().push(Hook { text, act: Box::new(act) });
    }

    fn run_hooks(&self, line: &str) {
        let due: Vec<Hook> = {
            let mut hooks = self.hooks.lock().unwrap();
            let (due, rest) = std::mem::take(&mut *hooks).into_iter().partition(|hook| line.contains(hook.text));
            *hooks = rest;
            due
        };
        for hook in due {
            (hook.act)();
        }
    }

    pub fn answering(answers: &[(&'static str, Option<Answer>)]) -> Self {
        Self { answers: Mutex::new(answers.iter().copied().collect()), ..Self::default() }
    }

    /// Everything that was said, one event a line, as JSON.
    pub fn said(&self) -> String {
        self.events.lock().unwrap().join("\n")
    }

    /// The PIN of the last hand-over.
    pub fn pin(&self) -> String {
        self.handed.lock().unwrap().last().expect("a hand-over").1.clone()
    }
}

impl Ui for ScriptedFace {
    fn tell(&self, event: &Event) {
        let line = serde_json::to_string(event).unwrap();
        self.events.lock().unwrap().push(line.clone());
        self.run_hooks(&line);
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        let name = format!("{question:?}");
        self.questions.lock().unwrap().push(name.clone());
        self.run_hooks(&name);
        if matches!(question, Question::HandedOver) {
            return Some(Answer::Yes);
        }
        let mut answers = self.answers.lock().unwrap();
        match answers.front() {
            Some((expected, answer)) if name.starts_with(expected) => {
                let answer = *answer;
                answers.pop_front();
                answer
            }
            _ => None,
        }
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        if self.mute.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.handed.lock().unwrap().push((summary.clone(), pin.expose().to_owned()));
        Ok(())
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        self.finished.lock().unwrap().push(summary.clone());
        Ok(())
    }
}
