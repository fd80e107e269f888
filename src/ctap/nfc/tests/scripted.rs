//! A card that answers what a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::{CardFault, CardPipe, CardTransport, Reconnect};
use crate::clock::{Clock, ManualClock};
use crate::ctap::{Cancel, Link, LinkError, LinkKind, Turn, Wait};

pub(super) const BUDGET: Duration = Duration::from_secs(20);
pub(super) const PLAIN_ATR: &[u8] = &[0x3B, 0x80, 0x80, 0x01, 0x01];
/// Offers extended length.
pub(super) const LONG_ATR: &[u8] = &[0x3B, 0x85, 0x80, 0x01, 0x80, 0x73, 0xC0, 0x21, 0xC0];

/// One answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Data and status word.
    Says(Vec<u8>, u16),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// No answer.
    Fails(CardFault),
    /// No answer, and no end of the wait for one.
    Silence,
    /// The answer after a stop request by the person at the desk.
    AfterStopRequest(Box<Reply>),
}

/// What is said to one kind of command: these in turn, then the last for ever.
#[derive(Clone, Debug)]
pub(super) struct Says(VecDeque<Reply>);

impl<const N: usize> From<[Reply; N]> for Says {
    fn from(replies: [Reply; N]) -> Self {
        Self(replies.into())
    }
}

impl FromIterator<Reply> for Says {
    fn from_iter<I: IntoIterator<Item = Reply>>(replies: I) -> Self {
        Self(replies.into_iter().collect())
    }
}

impl Says {
    fn next(&mut self) -> Reply {
        if self.0.len() > 1 { self.0.pop_front().unwrap() } else { self.0.front().unwrap().clone() }
    }
}

pub(super) fn ok(data: &[u8]) -> Reply {
    Reply::Says(data.to_vec(), 0x9000)
}

pub(super) fn sw(status: u16) -> Reply {
    Reply::Says(vec![], status)
}

pub(super) fn working(status: u8) -> Reply {
    Reply::Says(vec![status], 0x9100)
}

pub(super) fn fails(error: LinkError) -> Reply {
    Reply::Fails(CardFault::Link(error))
}

/// Answers by kind of command.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) atr: &'static [u8],
    pub(super) select: Says,
    pub(super) other_select: Says,
    /// The last block of a message in short form; getInfo at opening is not asked here.
    pub(super) message: Says,
    pub(super) probe: Says,
    pub(super) extended: Says,
    pub(super) link_of_chain: Says,
    pub(super) poll: Says,
    pub(super) poll_cancel: Says,
    pub(super) get_response: Says,
    pub(super) vendor: Says,
    pub(super) reconnect: Result<(), LinkError>,
}

impl Default for Manner {
    fn default() -> Self {
        let nothing = || Says::from([sw(0x6D00)]);
        Self {
            atr: PLAIN_ATR,
            select: [ok(b"FIDO_2_0")].into(),
            other_select: [sw(0x6A82)].into(),
            message: [ok(&[0])].into(),
            probe: [ok(&[0, 0xA0])].into(),
            extended: [sw(0x6700)].into(),
            link_of_chain: [ok(&[])].into(),
            poll: nothing(),
            poll_cancel: nothing(),
            get_response: nothing(),
            vendor: nothing(),
            reconnect: Ok(()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) apdus: Vec<Vec<u8>>,
    pub(super) reconnects: Vec<Reconnect>,
}

pub(super) struct Card {
    clock: Arc<ManualClock>,
    cancel: Cancel,
    manner: Manner,
    opened: bool,
    record: Arc<Mutex<Record>>,
}

impl CardPipe for Card {
    fn atr(&self) -> &[u8] {
        self.manner.atr
    }

    fn transmit(&mut self, apdu: &[u8], limit: Duration) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        self.clock.advance(Duration::from_millis(5));
        self.record.lock().unwrap().apdus.push(apdu.to_vec());
        let manner = &mut self.manner;
        let said = match apdu {
            [0x00, 0xA4, 0x04, 0x00, 8, 0xA0, 0, 0, 6, 0x47, 0x2F, 0, 1, 0] => &mut manner.select,
            [0x00, 0xA4, ..] => &mut manner.other_select,
            [0x80, 0x10, 0x80, 0x00, 0, ..] => &mut manner.extended,
            [0x80, 0x10, 0x80, 0x00, 1, 4, 0] if !self.opened => &mut manner.probe,
            [0x80, 0x10, 0x80, 0x00, ..] => &mut manner.message,
            [0x90, 0x10, 0x80, 0x00, ..] => &mut manner.link_of_chain,
            [0x80, 0x11, 0x00, 0x00, 0x00] => &mut manner.poll,
            [0x80, 0x11, 0x11, 0x00, 0x00] => &mut manner.poll_cancel,
            [0x00, 0xC0, 0x00, 0x00, _] => &mut manner.get_response,
            _ => &mut manner.vendor,
        };
        let mut reply = said.next();
        if let Reply::AfterStopRequest(after) = reply {
            self.cancel.request();
            reply = *after;
        }
        match reply {
            Reply::Says(mut data, status) => {
                data.extend(status.to_be_bytes());
                Ok(Zeroizing::new(data))
            }
            Reply::Raw(bytes) => Ok(Zeroizing::new(bytes)),
            Reply::Fails(fault) => Err(fault),
            Reply::Silence => {
                self.clock.advance(limit);
                Err(LinkError::Timeout.into())
            }
            Reply::AfterStopRequest(_) => unreachable!("one stop request at a time"),
        }
    }

    fn reconnect(&mut self, how: Reconnect) -> Result<(), LinkError> {
        self.record.lock().unwrap().reconnects.push(how);
        self.manner.reconnect.clone()
    }
}

/// Where the reader stands.
pub(super) struct Desk {
    pub(super) clock: Arc<ManualClock>,
    pub(super) cancel: Cancel,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) waits: Vec<Wait>,
}

impl Desk {
    pub(super) fn take<T>(&mut self, act: impl FnOnce(&mut Turn<'_>) -> T) -> (T, Duration) {
        let began = self.clock.monotonic();
        let waits = &mut self.waits;
        let mut on_wait = |wait| waits.push(wait);
        let result = act(&mut Turn { budget: BUDGET, cancel: &self.cancel, on_wait: &mut on_wait });
        (result, self.clock.monotonic().saturating_sub(began))
    }

    /// First bytes of the APDUs since opening.
    pub(super) fn headers(&self) -> Vec<[u8; 3]> {
        self.record.lock().unwrap().apdus.iter().map(|apdu| [apdu[0], apdu[1], apdu[2]]).collect()
    }
}

pub(super) fn open(kind: LinkKind, manner: Manner) -> (Desk, Result<CardTransport<Card>, LinkError>) {
    let clock = Arc::new(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let (cancel, record) = (Cancel::new(), Arc::<Mutex<Record>>::default());
    let desk = Desk { clock: clock.clone(), cancel: cancel.clone(), record: record.clone(), waits: Vec::new() };
    let link =
        Link { kind, path: "reader".into(), vendor_id: None, product_id: None, product: None, usb_serial: None, port: None };
    let card = Card { clock: clock.clone(), cancel, manner, opened: false, record };
    let opened = CardTransport::open(link, card, clock).map(|mut transport| {
        transport.card.opened = true;
        transport
    });
    if opened.is_ok() {
        desk.record.lock().unwrap().apdus.clear();
    }
    (desk, opened)
}
