//! Scripted faults of the link, and what was exchanged.

use super::disguise;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The key falls out and back in before it executes the command.
    GoneBefore,
    /// The key executes the command, then falls out and back in before the answer arrives.
    GoneAfter,
    /// The key executes the command, but what arrives is not an answer.
    Garbled,
    /// The key executes the command, but only the first half of its answer arrives.
    Truncated,
    /// The key executes the command, but the answer to the command before it arrives once more.
    Repeated,
    /// The key executes the command, but nothing arrives: the budget passes.
    Silent,
    /// The key does not execute the command and answers this status.
    Status(u8),
}

/// One scripted fault: the `nth` matching exchange from now on, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Command byte.
    pub command: u8,
    /// Subcommand, for commands that have some; `None` matches every one.
    pub subcommand: Option<u8>,
    /// Which matching exchange, from 1.
    pub nth: u32,
    /// What happens to it.
    pub mishap: Mishap,
}

impl Fault {
    /// The first exchange of a command.
    pub const fn first(command: u8, mishap: Mishap) -> Self {
        Self { command, subcommand: None, nth: 1, mishap }
    }
}

/// One exchange that reached the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Command byte.
    pub command: u8,
    /// Subcommand, if the command has some.
    pub subcommand: Option<u8>,
    /// Status that the key gave, whether it arrived or not.
    pub status: u8,
}

/// Faults to come and exchanges that were.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Fault>,
    weak_pins: u32,
    history: Vec<Exchanged>,
}

/// Longest history kept.
const HISTORY: usize = 10_000;
/// CTAP2_ERR_PIN_POLICY_VIOLATION.
const PIN_POLICY_VIOLATION: u8 = 0x37;

impl Script {
    pub(super) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(super) fn refuse_pins(&mut self, count: u32) {
        self.weak_pins = count;
    }

    pub(super) fn history(&self) -> &[Exchanged] {
        &self.history
    }

    /// What happens to this exchange; counts it.
    pub(super) fn mishap(&mut self, request: &[u8]) -> Option<Mishap> {
        let command = *request.first()?;
        let subcommand = disguise::subcommand(request);
        if self.weak_pins > 0 && disguise::sets_pin(request) {
            self.weak_pins = self.weak_pins.saturating_sub(1);
            return Some(Mishap::Status(PIN_POLICY_VIOLATION));
        }
        let mut due = None;
        for fault in &mut self.faults {
            if fault.command == command && (fault.subcommand.is_none() || fault.subcommand == subcommand) {
                fault.nth = fault.nth.saturating_sub(1);
                if fault.nth == 0 {
                    due = due.or(Some(fault.mishap));
                }
            }
        }
        self.faults.retain(|fault| fault.nth > 0);
        due
    }

    pub(super) fn record(&mut self, request: &[u8], reply: &[u8]) {
        if let (Some(&command), Some(&status)) = (request.first(), reply.first())
            && self.history.len() < HISTORY
        {
            self.history.push(Exchanged { command, subcommand: disguise::subcommand(request), status });
        }
    }
}
