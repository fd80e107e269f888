//! One message to the selected applet and its answer: chains, 61xx, 9100.

use std::time::Duration;

use zeroize::Zeroizing;

use super::CardTransport;
use super::apdu::{Answer, BLOCK, CHAINED, CardFault, CardPipe, Command, Reconnect};
use super::card::{DONE, WRONG_LENGTH};
use crate::ctap::{LinkError, Turn, Wait};

/// NFCCTAP_MSG; P1 = 0x80: we can poll for the answer.
pub(super) const MESSAGE: [u8; 4] = [0x80, 0x10, 0x80, 0x00];
/// NFCCTAP_GETRESPONSE.
const POLL: [u8; 4] = [0x80, 0x11, 0x00, 0x00];
/// NFCCTAP_GETRESPONSE that cancels.
const POLL_CANCEL: [u8; 4] = [0x80, 0x11, 0x11, 0x00];
const GET_RESPONSE: [u8; 2] = [0x00, 0xC0];
const WORKING: u16 = 0x9100;
const MORE: u16 = 0x6100;
const WRONG_LE: u16 = 0x6C00;
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// How long the last answer may take after a cancel.
const GRACE: Duration = Duration::from_secs(1);
/// Most bytes of one answer.
const MOST_BYTES: usize = 0x1_0000;
/// CTAP2_ERR_KEEPALIVE_CANCEL.
const KEEPALIVE_CANCEL: u8 = 0x2D;

/// Why a message has no answer.
pub(super) enum Stop {
    /// Nothing can be done here.
    Link(LinkError),
    /// Another program reset the card. `sent`: the whole message had reached it before.
    WasReset { sent: bool },
    /// The card refused the message itself, before any work on it.
    Refused(u16),
}

impl From<LinkError> for Stop {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl<C: CardPipe> CardTransport<C> {
    /// One short command and its whole answer: 6Cxx and 61xx are followed.
    pub(super) fn ask(&mut self, command: Command<'_>, deadline: Duration) -> Result<Answer, CardFault> {
        let apdu = command.short().ok_or(LinkError::TooLong(command.data.len()))?;
        let first = self.transmit(&apdu, deadline)?;
        let first = match first.status & 0xFF00 {
            // The card names the length that it wants; it has done nothing yet.
            WRONG_LE => {
                let mut again = command.without_answer().ok_or(LinkError::TooLong(command.data.len()))?;
                again.extend(first.status.to_be_bytes().last());
                self.transmit(&again, deadline)?
            }
            _ => first,
        };
        self.collect(first, deadline)
    }

    /// One APDU. One that is sent at the very end of the budget, such as a cancel, has a moment of its own.
    fn transmit(&mut self, apdu: &[u8], deadline: Duration) -> Result<Answer, CardFault> {
        let left = deadline.saturating_sub(self.clock.monotonic());
        Ok(Answer::parse(self.card.transmit(apdu, left.max(GRACE))?)?)
    }

    /// Fetches what is left of an answer (61xx). Every round must bring something.
    fn collect(&mut self, first: Answer, deadline: Duration) -> Result<Answer, CardFault> {
        let Answer { mut data, mut status } = first;
        while status & 0xFF00 == MORE {
            if self.clock.monotonic() >= deadline {
                return Err(LinkError::Timeout.into());
            }
            let [_, length] = status.to_be_bytes();
            let [class, instruction] = GET_RESPONSE;
            let part = self.transmit(&[class, instruction, 0, 0, length], deadline)?;
            if part.data.is_empty() && part.status & 0xFF00 == MORE {
                return Err(LinkError::Protocol("it promises more and gives nothing").into());
            }
            if data.len().saturating_add(part.data.len()) > MOST_BYTES {
                return Err(LinkError::Protocol("its answer never ends").into());
            }
            // A new buffer each time: growing in place would leave copies behind.
            let mut whole = Zeroizing::new(Vec::with_capacity(data.len().saturating_add(part.data.len())));
            whole.extend_from_slice(&data);
            whole.extend_from_slice(&part.data);
            (data, status) = (whole, part.status);
        }
        Ok(Answer { data, status })
    }

    /// One message and its answer.
    pub(super) fn message(
        &mut self,
        request: &[u8],
        deadline: Duration,
        turn: &mut Turn<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Stop> {
        let before = |fault| match fault {
            CardFault::WasReset => Stop::WasReset { sent: false },
            CardFault::NotSent => Stop::Link(LinkError::TooLong(request.len())),
            CardFault::Link(error) => Stop::Link(error),
        };
        let first = self.send(request, deadline).map_err(before)?;
        if !matches!(first.status & 0xFF00, DONE | WORKING | MORE) {
            return Err(Stop::Refused(first.status));
        }
        let after = |fault| match fault {
            CardFault::WasReset => Stop::WasReset { sent: true },
            CardFault::NotSent => Stop::Link(LinkError::Protocol("it needs a form of APDU that the reader does not take")),
            CardFault::Link(error) => Stop::Link(error),
        };
        let answer = self.collect(first, deadline).map_err(after)?;
        let answer = self.poll(answer, deadline, turn).map_err(after)?;
        match answer.status {
            DONE => Ok(answer.data),
            other => Err(Stop::Link(LinkError::Refused(other))),
        }
    }

    /// Sends a message: whole in extended form where that is proven, else as a chain of short APDUs.
    fn send(&mut self, request: &[u8], deadline: Duration) -> Result<Answer, CardFault> {
        let whole = Command { header: MESSAGE, data: request };
        if self.extended
            && request.len() > BLOCK
            && let Some(apdu) = whole.extended()
        {
            match self.transmit(&apdu, deadline) {
                Err(CardFault::NotSent) | Ok(Answer { status: WRONG_LENGTH, .. }) => self.extended = false,
                other => return other,
            }
        }
        let mut blocks = request.chunks(BLOCK).peekable();
        let [class, rest @ ..] = MESSAGE;
        while let Some(data) = blocks.next() {
            let last = blocks.peek().is_none();
            let [instruction, p1, p2] = rest;
            let header = [if last { class } else { class | CHAINED }, instruction, p1, p2];
            let command = Command { header, data };
            let apdu = if last { command.short() } else { command.without_answer() };
            let answer = self.transmit(&apdu.ok_or(LinkError::TooLong(request.len()))?, deadline)?;
            if last {
                return Ok(answer);
            }
            if answer.status != DONE {
                // The card keeps half a message; only a new selection is sure to make it forget.
                self.selected = false;
                return match answer.status & 0xFF00 {
                    DONE | WORKING | MORE => Err(LinkError::Protocol("it answered before the message was whole").into()),
                    _ => Ok(answer),
                };
            }
        }
        Err(LinkError::TooLong(0).into())
    }

    /// Asks a working card every 100 ms until it is done, the budget is spent, or it was told to stop.
    fn poll(&mut self, mut answer: Answer, deadline: Duration, turn: &mut Turn<'_>) -> Result<Answer, CardFault> {
        let mut told = None;
        let mut grace = None;
        while answer.status == WORKING {
            let wait = Wait::from_status(answer.data.first().copied().unwrap_or_default());
            if told.replace(wait) != Some(wait) {
                (turn.on_wait)(wait);
            }
            let now = self.clock.monotonic();
            let stop = turn.cancel.requested();
            let header = match grace {
                Some(end) if now >= end => return Err(self.drop_card(stop).into()),
                None if stop || now >= deadline => {
                    grace = Some(now.saturating_add(GRACE).min(deadline));
                    POLL_CANCEL
                }
                _ => {
                    self.clock.sleep(POLL_PAUSE);
                    POLL
                }
            };
            answer = self.ask(Command { header, data: &[] }, grace.unwrap_or(deadline))?;
            if grace.is_some() && !matches!(answer.status, DONE | WORKING) {
                return Err(self.drop_card(stop).into());
            }
        }
        // A cancel of our own, because the budget was spent, is no stop that anybody asked for.
        if grace.is_some() && !turn.cancel.requested() && answer.data.first() == Some(&KEEPALIVE_CANCEL) {
            return Err(LinkError::Timeout.into());
        }
        Ok(answer)
    }

    /// Ends a command that cannot be cancelled: a late touch must not carry out what nobody waits for any more.
    fn drop_card(&mut self, stopped: bool) -> LinkError {
        self.selected = false;
        match self.card.reconnect(Reconnect::Reset) {
            Err(error) => error,
            Ok(()) if stopped => LinkError::Cancelled,
            Ok(()) => LinkError::Timeout,
        }
    }
}
