//! Which keys a run has seen: the finished ones, the ones in work, and the ones that have to come back.

use crate::ctap::{KeyIdentity, Look, Sameness};
use crate::enroll::EnrolError;
use crate::ledger::{JobId, Task};

/// A key that has to come back before its job can go on.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub(super) task: Task,
    pub(super) job: JobId,
    pub(super) key: KeyIdentity,
    /// Something was sent to the tenant already: the lane asks it again, with the key at hand.
    pub(super) sent: bool,
    /// How often the key was tried in this run.
    pub(super) tries: u8,
    pub(super) reason: Option<Box<EnrolError>>,
}

/// What is known of a key that has just come.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing.
    New,
    /// It is waited for.
    Awaited(Box<Missing>),
    /// It was made ready for this user in this batch.
    Done(String),
    /// Another lane works on it.
    Busy(String),
}

/// The keys of a run.
#[derive(Debug, Default)]
pub(super) struct Keys {
    done: Vec<(KeyIdentity, String)>,
    busy: Vec<(String, KeyIdentity)>,
    missing: Vec<Missing>,
}

pub(super) fn is_same(one: &KeyIdentity, other: &KeyIdentity) -> bool {
    matches!(one.compare(other, Look::Later), Sameness::Same(_))
}

impl Keys {
    /// Says what is known of a key. A key without a serial number is known by its port, and only as long as its state tells
    /// that it is none out of the box.
    pub(super) fn recognise(&mut self, key: &KeyIdentity, blank: bool) -> Known {
        let awaited = |missing: &Missing| match key.compare(&missing.key, Look::Later) {
            Sameness::Same(_) => true,
            Sameness::Unknown => !blank && key.port.is_some() && key.port == missing.key.port,
            Sameness::Different(_) => false,
        };
        if let Some(place) = self.missing.iter().position(awaited) {
            return Known::Awaited(Box::new(self.missing.swap_remove(place)));
        }
        if let Some((lane, _)) = self.busy.iter().find(|(_, other)| is_same(key, other)) {
            return Known::Busy(lane.clone());
        }
        match self.done.iter().find(|(other, _)| is_same(key, other)) {
            Some((_, upn)) => Known::Done(upn.clone()),
            None => Known::New,
        }
    }

    /// A lane has it.
    pub(super) fn take(&mut self, lane: &str, key: &KeyIdentity) {
        self.free(lane);
        self.busy.push((lane.to_owned(), key.clone()));
    }

    /// The lane has it no more.
    pub(super) fn free(&mut self, lane: &str) {
        self.busy.retain(|(other, _)| other != lane);
    }

    /// It serves somebody now.
    pub(super) fn finish(&mut self, key: KeyIdentity, upn: &str) {
        self.done.push((key, upn.to_owned()));
    }

    /// It has to come back.
    pub(super) fn miss(&mut self, missing: Missing) {
        self.done.retain(|(other, _)| !is_same(other, &missing.key));
        self.missing.push(missing);
    }

    /// Those that have to come back.
    pub(super) fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// Gives up waiting.
    pub(super) fn take_missing(&mut self) -> Vec<Missing> {
        std::mem::take(&mut self.missing)
    }
}
