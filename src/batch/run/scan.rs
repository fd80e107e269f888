//! Matching by scanner: a badge or a work order says whose key comes next, the label on the key says which key that is.

use crate::ledger::{NewTask, Task};

/// What was scanned and not used yet.
#[derive(Debug, Default)]
pub(super) struct Scans {
    /// The user whose badge was scanned, until a label follows.
    next: Option<Task>,
    /// Users and the labels of their keys.
    pairs: Vec<(Task, String)>,
    /// Serial numbers of keys in ports that wait for a scan.
    waiting: Vec<(String, String)>,
}

/// Whether a code means this task: its ticket, or its user's principal name or object id.
pub(super) fn means(code: &str, order: &NewTask) -> bool {
    let ticket = order.ticket.as_deref().is_some_and(|ticket| ticket.trim() == code);
    ticket || order.upn.eq_ignore_ascii_case(code) || order.user_id.eq_ignore_ascii_case(code)
}

/// A serial number as labels and keys may spell it.
fn plain(serial: &str) -> String {
    serial.trim().trim_start_matches('0').to_lowercase()
}

impl Scans {
    /// Whose badge was scanned last.
    pub(super) fn next(&self) -> Option<&Task> {
        self.next.as_ref()
    }

    /// A badge was scanned; gives back whose it was before, if no label had followed.
    pub(super) fn badge(&mut self, task: Task) -> Option<Task> {
        self.next.replace(task)
    }

    /// A label was scanned. `false`: no key that waits in a port has that serial number, although some wait.
    pub(super) fn label(&mut self, label: &str) -> Option<(Task, bool)> {
        let task = self.next.take()?;
        let there = self.waiting.is_empty() || self.waiting.iter().any(|(_, serial)| plain(serial) == plain(label));
        self.pairs.push((task.clone(), label.to_owned()));
        Some((task, there))
    }

    /// The task whose label this key bears.
    pub(super) fn task_for(&mut self, serial: &str) -> Option<Task> {
        let place = self.pairs.iter().position(|(_, label)| plain(label) == plain(serial))?;
        Some(self.pairs.remove(place).0)
    }

    /// The lane's key waits for a scan, or does not any more.
    pub(super) fn waits(&mut self, lane: &str, serial: Option<&str>) {
        self.waiting.retain(|(other, _)| other != lane);
        self.waiting.extend(serial.map(|serial| (lane.to_owned(), serial.to_owned())));
    }

    /// Tasks that were scanned and have no key yet.
    pub(super) fn tasks(&self) -> usize {
        self.pairs.len().saturating_add(usize::from(self.next.is_some()))
    }

    /// Gives all of them back.
    pub(super) fn take_tasks(&mut self) -> Vec<Task> {
        self.next.take().into_iter().chain(self.pairs.drain(..).map(|(task, _)| task)).collect()
    }
}
