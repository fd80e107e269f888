//! A card that is connected: the FIDO applet selected, messages, keepalives, cancelling and every deadline.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::apdu::{Answer, CardFault, CardPipe, Command, Reconnect, SHORT};
use super::atr::Atr;
use super::dialogue::{MESSAGE, Stop};
use crate::clock::SharedClock;
use crate::ctap::trace::Shown;
use crate::ctap::{Cancel, Link, LinkError, LinkFacts, LinkKind, PowerCycle, Transport, Turn, VendorCall};

const FIDO_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x06, 0x47, 0x2F, 0x00, 0x01];
const SELECT: [u8; 4] = [0x00, 0xA4, 0x04, 0x00];
/// NFCCTAP_CONTROL, end of the session.
const END: [u8; 4] = [0x80, 0x12, 0x01, 0x00];

const GET_INFO: u8 = 0x04;
const CLIENT_PIN: u8 = 0x06;
const SELECTION: u8 = 0x0B;

pub(super) const DONE: u16 = 0x9000;
pub(super) const WRONG_LENGTH: u16 = 0x6700;
/// What an applet says that does not know the command, or whose card is not in the mood for it: another applet is selected.
const NOT_HERE: [u16; 3] = [0x6D00, 0x6E00, 0x6985];
/// What a card says that has no such application, command or data.
const NO_SUCH: [u16; 6] = [0x6A81, 0x6A82, 0x6A86, 0x6A88, 0x6D00, 0x6E00];

/// A system service that looks for its own applet on a fresh connection is done by then.
const INTRUDER_PAUSE: Duration = Duration::from_millis(500);
/// Longest time for opening, and for what belongs to no turn.
const OPENING: Duration = Duration::from_secs(5);
/// How long a card may take to hear that the session is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// CTAP on one connected card.
///
/// **Length.** Short APDUs in chains are what every reader and card takes. Extended length is used for long messages if the card's
/// ATR offers it and getInfo, the first message, came back over an extended APDU; a refusal later turns it off for good.
///
/// **Another program.** A card that was reset, or has another applet selected, has lost every key agreement and token of ours. Only
/// what begins anew anyhow is sent again by itself (getInfo, selection, a key agreement, the count of tries): a PIN encrypted for
/// a key that is gone would cost a try. For all others the applet is selected again and the exchange ends with [`LinkError::Busy`]; if the reset came while the card worked, whether it
/// carried the command out is unknown, as after a timeout.
///
/// **Cancelling.** A card that answers within one APDU cannot be stopped before it does.
pub struct CardTransport<C: CardPipe> {
    pub(super) link: Link,
    pub(super) card: C,
    pub(super) clock: SharedClock,
    pub(super) selected: bool,
    pub(super) extended: bool,
}

impl<C: CardPipe> fmt::Debug for CardTransport<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardTransport").field("link", &self.link).field("extended", &self.extended).finish_non_exhaustive()
    }
}

impl<C: CardPipe> CardTransport<C> {
    /// Selects the FIDO applet and asks for getInfo once: some keys accept the selection over their own CCID interface and
    /// then refuse everything.
    ///
    /// # Errors
    /// [`LinkError::NotFido`] if no applet speaks CTAP2.
    pub fn open(link: Link, card: C, clock: SharedClock) -> Result<Self, LinkError> {
        let mut transport = Self { link, card, clock, selected: false, extended: false };
        transport.select()?;
        if Atr(transport.card.atr()).takes_extended_length() && transport.proves_extended_length() {
            transport.extended = true;
            return Ok(transport);
        }
        let (mut on_wait, cancel) = (|_| {}, Cancel::new());
        let mut turn = Turn { budget: OPENING, cancel: &cancel, on_wait: &mut on_wait };
        match transport.exchange(&[GET_INFO], &mut turn) {
            Ok(_) => Ok(transport),
            Err(LinkError::Refused(_) | LinkError::Protocol(_)) => Err(transport.not_fido()),
            Err(error) => Err(error),
        }
    }

    fn not_fido(&self) -> LinkError {
        LinkError::NotFido(self.link.path.clone())
    }

    /// Sends getInfo in extended form. Whatever goes wrong is left to the short form to find out.
    fn proves_extended_length(&mut self) -> bool {
        let command = Command { header: MESSAGE, data: &[GET_INFO] };
        let answer = command.extended().map(|apdu| self.card.transmit(&apdu, OPENING));
        matches!(answer, Some(Ok(bytes)) if bytes.ends_with(&DONE.to_be_bytes()))
    }

    fn select(&mut self) -> Result<(), LinkError> {
        self.selected = false;
        let deadline = self.clock.monotonic().saturating_add(OPENING);
        let mut patience = true;
        loop {
            match self.ask(Command { header: SELECT, data: FIDO_AID }, deadline) {
                Ok(Answer { status: DONE, data }) => {
                    log::trace!("{}: FIDO applet selected, {}", self.link.path, String::from_utf8_lossy(&data));
                    self.selected = true;
                    return Ok(());
                }
                Ok(Answer { status, .. }) if patience && NOT_HERE.contains(&status) => {
                    self.clock.sleep(INTRUDER_PAUSE);
                }
                Ok(_) => return Err(self.not_fido()),
                Err(CardFault::WasReset) if patience => self.card.reconnect(Reconnect::Keep)?,
                Err(CardFault::WasReset) => return Err(LinkError::Busy),
                Err(CardFault::NotSent) => return Err(LinkError::System("the reader takes no APDU".into())),
                Err(CardFault::Link(error)) => return Err(error),
            }
            patience = false;
        }
    }

    /// Gets the card back after another program had it.
    fn take_back(&mut self, was_reset: bool) -> Result<(), LinkError> {
        self.selected = false;
        if was_reset {
            self.card.reconnect(Reconnect::Keep)?;
        } else {
            self.clock.sleep(INTRUDER_PAUSE);
        }
        self.select()
    }

    /// One command to another applet or to the FIDO applet itself.
    fn ask_vendor(&mut self, aid: Option<&[u8]>, command: Command<'_>, deadline: Duration) -> Result<Vec<u8>, CardFault> {
        if let Some(aid) = aid {
            self.selected = false;
            if self.ask(Command { header: SELECT, data: aid }, deadline)?.status != DONE {
                return Err(LinkError::Unsupported("such application").into());
            }
        }
        match self.ask(command, deadline)? {
            Answer { status: DONE, data } => Ok(data.to_vec()),
            Answer { status, .. } if NO_SUCH.contains(&status) => Err(LinkError::Unsupported("such vendor command").into()),
            Answer { status, .. } => Err(LinkError::Refused(status).into()),
        }
    }
}

impl<C: CardPipe> Drop for CardTransport<C> {
    /// Tells the card that the session is over, so that it may give up what it keeps for us. It need not understand.
    fn drop(&mut self) {
        if self.selected
            && let Some(apdu) = (Command { header: END, data: &[] }).without_answer()
        {
            drop(self.card.transmit(&apdu, FAREWELL));
        }
    }
}

/// Whether a request may be sent again to a card that has forgotten us: it builds on nothing, and changes nothing.
fn is_harmless(request: &[u8]) -> bool {
    // {1: protocol, 2: getPINRetries or getKeyAgreement}
    matches!(request, [GET_INFO | SELECTION, ..] | [CLIENT_PIN, 0xA2, 0x01, _, 0x02, 0x01 | 0x02])
}

impl<C: CardPipe> Transport for CardTransport<C> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        LinkFacts::default()
    }

    fn exchange(&mut self, request: &[u8], turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        let deadline = self.clock.monotonic().saturating_add(turn.budget);
        let mut again = is_harmless(request);
        loop {
            if turn.cancel.requested() {
                return Err(LinkError::Cancelled);
            }
            if !self.selected {
                self.select()?;
            }
            log::trace!("{} > {}", self.link.path, Shown::request(request));
            match self.message(request, deadline, turn) {
                Ok(answer) if answer.is_empty() => return Err(LinkError::Protocol("its answer has no status byte")),
                Ok(answer) => {
                    log::trace!("{} < {}", self.link.path, Shown::answer(request, &answer));
                    return Ok(answer);
                }
                Err(Stop::Link(error)) => return Err(error),
                Err(Stop::WasReset { sent }) => {
                    self.take_back(true)?;
                    if sent || !again {
                        return Err(LinkError::Busy);
                    }
                }
                Err(Stop::Refused(status)) if NOT_HERE.contains(&status) => {
                    self.take_back(false)?;
                    if !again {
                        return Err(LinkError::Refused(status));
                    }
                }
                Err(Stop::Refused(WRONG_LENGTH)) => return Err(LinkError::TooLong(request.len())),
                Err(Stop::Refused(status)) => return Err(LinkError::Refused(status)),
            }
            again = false;
        }
    }

    fn vendor(&mut self, call: VendorCall<'_>, turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        let VendorCall::Card { aid, header, data } = call else {
            return Err(LinkError::Unsupported("CTAPHID command"));
        };
        if data.len() > SHORT {
            return Err(LinkError::TooLong(data.len()));
        }
        if turn.cancel.requested() {
            return Err(LinkError::Cancelled);
        }
        if !self.selected {
            self.select()?;
        }
        let deadline = self.clock.monotonic().saturating_add(turn.budget);
        log::trace!("{} > vendor {header:02x?}, {} bytes", self.link.path, data.len());
        let answer = match self.ask_vendor(aid, Command { header, data }, deadline) {
            Ok(answer) => Ok(answer),
            Err(CardFault::WasReset) => {
                self.take_back(true)?;
                return Err(LinkError::Busy);
            }
            Err(CardFault::NotSent) => Err(LinkError::TooLong(data.len())),
            Err(CardFault::Link(error)) => Err(error),
        };
        if !self.selected && !matches!(answer, Err(LinkError::Gone)) {
            self.select()?;
        }
        answer
    }

    fn wink(&mut self, _turn: &mut Turn<'_>) -> Result<(), LinkError> {
        Err(LinkError::Unsupported("wink"))
    }

    /// In contact with a reader the power is ours to switch. In the field it is not: a reader's power-off need not end the field, and the reset
    /// window of a card that never left it may stay shut.
    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        if self.link.kind != LinkKind::SmartCard {
            return Ok(PowerCycle::NeedsHands);
        }
        self.selected = false;
        self.card.reconnect(Reconnect::PowerOff)?;
        self.select()?;
        Ok(PowerCycle::Done)
    }
}
