//! Hooks: a program of the operator's own, run after each step with what happened as one line of JSON on its standard input.
//!
//! It runs beside the enrolment, in order, one at a time, and never stops it: the flow waits for no hook. No line has a PIN, and
//! the program does not see the variables in which secrets come.

mod program;

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::secret::Pin;
use crate::ui::{Answer, Event, Face, JSON_VERSION, Problem, Question, Revealed, Sheet, Spot, Summary, Ui};

pub(super) use program::Program;

/// Events that may wait for a slow hook; what comes beyond them is left out.
const WAITING: usize = 256;
/// Longest line that a hook is given, in bytes.
const LONGEST: usize = 32 * 1024;
/// How long the end of the program waits for hooks that still run.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a hook reads: of which job, and what happened.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct HookLine<'a> {
    /// Version of the line.
    v: u8,
    #[serde(flatten)]
    job: About,
    #[serde(flatten)]
    what: What<'a>,
}

/// The job that a step belongs to.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct About {
    /// Its number; `null` before it is opened.
    job: Option<i64>,
    /// Its user; `null` before it is opened.
    upn: Option<String>,
    /// Serial number of the key, if it has one.
    serial: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum What<'a> {
    /// A step ended well.
    Step(&'a Event),
    /// The enrolment ended well.
    Result {
        /// What came of it; never the PIN.
        result: &'a Summary,
    },
    /// It did not.
    Error {
        /// Why.
        error: &'a Problem,
    },
    /// One of many did not.
    Failed {
        /// Why.
        error: Failed<'a>,
    },
}

/// Why a task of a batch was given up.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Failed<'a> {
    /// Stable code.
    code: &'a str,
    /// What happened, as one sentence.
    message: &'a str,
    /// The one next step.
    next: &'a str,
}

/// Port or reader, else the task.
type Place = (Option<String>, Option<i64>);

/// A face with a hook behind it.
pub(super) struct Hooked {
    face: Arc<dyn Face>,
    about: Mutex<About>,
    places: Mutex<BTreeMap<Place, About>>,
    /// Of a batch: jobs without a result so far.
    open: Mutex<Vec<About>>,
    queue: Mutex<Option<SyncSender<String>>>,
    ended: Mutex<Receiver<()>>,
}

impl Hooked {
    /// That face, with this program run after each step.
    pub(super) fn new(face: Arc<dyn Face>, program: Program, clock: SharedClock) -> Self {
        let (queue, lines) = mpsc::sync_channel::<String>(WAITING);
        let (end, ended) = mpsc::sync_channel(1);
        let told = Arc::clone(&face);
        thread::spawn(move || {
            for line in lines {
                if let Err(reason) = program.run(&line, &clock) {
                    told.tell(&failed(&reason));
                }
            }
            // Nobody listens any more where the program waited long enough.
            let _ = end.send(());
        });
        Self {
            face,
            about: Mutex::default(),
            places: Mutex::default(),
            open: Mutex::default(),
            queue: Mutex::new(Some(queue)),
            ended: Mutex::new(ended),
        }
    }

    fn run(&self, what: What<'_>) {
        let job = self.about.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.run_for(job, what);
    }

    fn run_for(&self, job: About, what: What<'_>) {
        let line = serde_json::to_string(&HookLine { v: JSON_VERSION, job, what }).unwrap_or_default();
        if line.is_empty() || line.len() > LONGEST {
            return self.face.tell(&failed("what happened is too long for it"));
        }
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().map(|queue| queue.try_send(line)) {
            Some(Err(TrySendError::Full(_))) => self.face.tell(&failed("it is too slow: a step is left out")),
            Some(Err(TrySendError::Disconnected(_))) => self.face.tell(&failed("it has stopped")),
            Some(Ok(())) | None => {}
        }
    }

    /// A job of a batch that has no result so far.
    fn opened(&self, job: i64) -> Option<About> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|one| one.job == Some(job)).cloned()
    }

    /// A result names its user and key; of several jobs at once it is that one's.
    fn run_result(&self, result: &Summary) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open
            .iter()
            .rposition(|one| one.upn.as_deref() == Some(&*result.upn) && (one.serial.is_none() || one.serial == result.serial));
        let about = place.map(|place| open.swap_remove(place));
        drop(open);
        match about {
            Some(about) => self.run_for(About { serial: result.serial.clone(), ..about }, What::Result { result }),
            None => self.run(What::Result { result }),
        }
    }

    fn note(&self, change: impl FnOnce(&mut About)) {
        change(&mut self.about.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn failed(reason: &str) -> Event {
    Event::Notice { sentence: format!("the hook failed, the enrolment goes on: {reason}") }
}

/// What an event says of the job that it is about.
fn learn(about: &mut About, event: &Event) {
    match event {
        Event::KeyFound { serial, .. } => *about = About { serial: serial.clone(), ..About::default() },
        Event::JobOpened { job, upn, serial } => {
            *about = About { job: Some(*job), upn: Some(upn.clone()), serial: serial.clone() };
        }
        Event::Resuming { job, upn, .. } => (about.job, about.upn) = (Some(*job), Some(upn.clone())),
        _ => {}
    }
}

impl Ui for Hooked {
    fn tell(&self, event: &Event) {
        self.face.tell(event);
        self.note(|about| learn(about, event));
        if matches!(event, Event::StepDone { .. }) {
            self.run(What::Step(event));
        }
    }

    fn tell_at(&self, spot: &Spot, event: &Event) {
        self.face.tell_at(spot, event);
        // Several keys at once: each place is about a job of its own.
        let place = (spot.lane.clone(), if spot.lane.is_none() { spot.task } else { None });
        let about = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            let about = places.entry(place.clone()).or_default();
            learn(about, event);
            // A job that goes on without its key is still about that key.
            if let (Event::Resuming { job, .. }, None) = (event, &about.serial) {
                about.serial = self.opened(*job).and_then(|one| one.serial);
            }
            let about = about.clone();
            if matches!(event, Event::TaskDone | Event::TaskFailed { .. }) {
                places.remove(&place);
            }
            about
        };
        match event {
            Event::StepDone { .. } => self.run_for(about, What::Step(event)),
            Event::JobOpened { .. } | Event::Resuming { .. } => {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.retain(|one| one.job != about.job);
                open.push(about);
            }
            Event::TaskFailed { code, message, next } => {
                self.open.lock().unwrap_or_else(PoisonError::into_inner).retain(|one| one.job != about.job);
                let about = About { upn: spot.upn.clone().or(about.upn.clone()), ..about };
                self.run_for(about, What::Failed { error: Failed { code, message, next } });
            }
            _ => {}
        }
    }

    fn ring(&self) {
        self.face.ring();
    }

    fn ask(&self, question: &Question) -> Option<Answer> {
        self.face.ask(question)
    }

    fn hand_over(&self, summary: &Summary, pin: &Pin) -> io::Result<()> {
        self.face.hand_over(summary, pin)?;
        self.run_result(summary);
        Ok(())
    }

    fn finish(&self, summary: &Summary) -> io::Result<()> {
        self.face.finish(summary)?;
        self.run_result(summary);
        Ok(())
    }
}

impl Face for Hooked {
    fn show(&self, sheet: &Sheet) {
        self.face.show(sheet);
    }

    fn reveal(&self, sheet: &Sheet, revealed: &Revealed<'_>) -> io::Result<()> {
        self.face.reveal(sheet, revealed)
    }

    fn complain(&self, problem: &Problem) {
        self.face.complain(problem);
        let job = self.about.lock().unwrap_or_else(PoisonError::into_inner).job;
        // What ends a command that never had a job is none of a hook's business.
        if job.is_some() {
            self.run(What::Error { error: problem });
        }
    }

    fn secret(&self, prompt: &str) -> Option<Zeroizing<String>> {
        self.face.secret(prompt)
    }

    fn has_person(&self) -> bool {
        self.face.has_person()
    }

    fn unanswered(&self) -> Option<String> {
        self.face.unanswered()
    }
}

impl Drop for Hooked {
    fn drop(&mut self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(PATIENCE).is_err() {
            self.face.tell(&failed("it still runs, and what it has not read is left out"));
        }
    }
}
