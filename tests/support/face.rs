//! A face whose answers a test writes down beforehand and whose words a test reads afterwards.

use std::collections::VecDeque;
use std::sync::Mutex;

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
}

/// Runs once, when an event contains a text.
struct Hook {
    text: &'static str,
    act: Box<dyn FnOnce() + Send>,
}

impl ScriptedFace {
    /// Does something the first time that an event, as JSON, contains this text.
    pub fn when(&self, text: &'static str, act: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap().push(Hook { text, act: Box::new(act) });
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
        let due: Vec<Hook> = {
            let mut hooks = self.hooks.lock().unwrap();
            let (due, rest) = std::mem::take(&mut *hooks).into_iter().partition(|hook| line.contains(hook.text));
            *hooks = rest;
            due
        };
        self.events.lock().unwrap().push(line);
        for hook in due {
            (hook.act)();
        }
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        let name = format!("{question:?}");
        self.questions.lock().unwrap().push(name.clone());
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

    fn hand_over(&self, summary: &Summary, pin: &Pin) {
        self.handed.lock().unwrap().push((summary.clone(), pin.expose().to_owned()));
    }
}
