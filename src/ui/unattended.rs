//! A face in front of which nobody sits: it asks nothing, and an error says what would have been asked.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::secret::Pin;

use super::{Answer, Event, Face, Problem, Question, Revealed, Sheet, Spot, Summary, Ui};

/// Another face without the person.
pub struct Unattended {
    face: Arc<dyn Face>,
    /// What was asked last, while it may be why the command ends.
    question: Mutex<Option<String>>,
}

impl std::fmt::Debug for Unattended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unattended")
    }
}

impl Unattended {
    /// That face, with nobody to ask.
    pub fn new(face: Arc<dyn Face>) -> Self {
        Self { face, question: Mutex::default() }
    }

    fn put(&self, question: Option<String>) {
        *self.question.lock().unwrap_or_else(PoisonError::into_inner) = question;
    }
}

impl Ui for Unattended {
    fn tell(&self, event: &Event) {
        // What was asked before is not what stops that which begins now.
        if matches!(event, Event::StepBegins { .. } | Event::Resuming { .. }) {
            self.put(None);
        }
        self.face.tell(event);
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        // Of several keys nobody knows which question belonged to what ends the program.
        self.face.tell_at(spot, event);
    }

    fn ring(&self) {
        self.face.ring();
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        // Whoever reads the output has what was handed over: that needs no answer.
        if !matches!(question, Question::HandedOver) {
            self.put(Some(question.text()));
        }
        None
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        self.face.hand_over(summary, pin)
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        self.face.finish(summary)
    }
}

impl Face for Unattended {
    fn show(&self, sheet: &Sheet) {
        self.face.show(sheet);
    }

    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
        self.face.reveal(sheet, revealed)
    }

    fn complain(&self, problem: &Problem) {
        self.face.complain(&Problem { question: self.unanswered(), ..problem.clone() });
    }

    fn secret(&self, prompt: &str) -> Option<Zeroizing<String>> {
        self.put(Some(format!("{prompt}?")));
        None
    }

    fn has_person(&self) -> bool {
        false
    }

    fn unanswered(&self) -> Option<String> {
        self.question.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Step;

    /// A person who says yes to everything, and what is complained of.
    #[derive(Default)]
    struct Yes(Mutex<Vec<Problem>>);

    impl Ui for Yes {
        fn tell(&self, _event: &Event) {}
        fn ask(&self, _question: &Question) -> Option<Answer> {
            Some(Answer::Yes)
        }
        fn hand_over(&self, _summary: &Summary, _pin: &Pin) -> io::Result<()> {
            Ok(())
        }
        fn finish(&self, _summary: &Summary) -> io::Result<()> {
            Ok(())
        }
    }

    impl Face for Yes {
        fn show(&self, _sheet: &Sheet) {}
        fn reveal(&self, _sheet: &Sheet, _revealed: &Revealed<'_>) -> io::Result<()> {
            Ok(())
        }
        fn complain(&self, problem: &Problem) {
            self.0.lock().unwrap().push(problem.clone());
        }
        fn secret(&self, _prompt: &str) -> Option<Zeroizing<String>> {
            Some(Zeroizing::new("secret".into()))
        }
        fn has_person(&self) -> bool {
            true
        }
    }

    const GONE: Problem = Problem { code: "key/gone", message: String::new(), next: "Back.", detail: None, question: None };

    #[test]
    fn nothing_is_asked_and_every_question_is_named() {
        let inner = Arc::new(Yes::default());
        let face = Unattended::new(Arc::<Yes>::clone(&inner));
        assert!(!face.has_person());
        for question in Question::samples() {
            assert_eq!(face.ask(&question), None, "{question:?}");
            face.complain(&GONE);
            let named = inner.0.lock().unwrap().pop().unwrap().question;
            let expected = (!matches!(question, Question::HandedOver)).then(|| question.text());
            assert_eq!(named, expected, "{question:?}");
            face.put(None);
        }
        assert!(face.secret("Current PIN").is_none());
        assert_eq!(face.unanswered().as_deref(), Some("Current PIN?"));
        face.tell(&Event::StepBegins { step: Step::Preflight });
        assert_eq!(face.unanswered(), None, "what begins is not stopped by it");
    }
}
