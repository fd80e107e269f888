//! One card over PC/SC, behind a thread of its own.

use std::ffi::CString;
use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use pcsc::{Card, Context, Disposition, Error, Protocols, Scope, ShareMode};
use zeroize::Zeroizing;

use super::reader::{admission_error, link_error};
use super::{CardFault, CardPipe, Reconnect};
use crate::ctap::LinkError;

/// Longest APDU with short length fields.
const SHORT_APDU: usize = 261;
/// How long the service may take to power a card and connect it.
const CONNECTING: Duration = Duration::from_secs(5);
/// How long it may take to let go of one that answered so far.
const LEAVING: Duration = Duration::from_secs(1);

/// What the thread is told to do.
enum Order {
    Transmit(Zeroizing<Vec<u8>>),
    Reconnect(Disposition),
}

/// What came of it: an answer APDU, the answer to reset, or nothing but success.
type Outcome = Result<Zeroizing<Vec<u8>>, Error>;

/// One connected card, shared with other programs.
///
/// PC/SC has no time limit for an APDU: a card that says nothing, or asks for more time for ever, holds the call for ever. So all calls
/// are made by a thread that can be given up; after that, this connection is of no more use, and other programs get the card when the
/// service does.
pub(super) struct Connection {
    orders: Option<Sender<Order>>,
    outcomes: Receiver<Outcome>,
    atr: Vec<u8>,
    reader: String,
    given_up: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("reader", &self.reader).field("given_up", &self.given_up).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects the card in this reader.
    pub(super) fn open(reader: &str) -> Result<Self, LinkError> {
        let name = CString::new(reader).map_err(|_| LinkError::Gone)?;
        let (orders, inbox) = mpsc::channel();
        let (outbox, outcomes) = mpsc::channel();
        thread::Builder::new()
            .name(reader.to_owned())
            .spawn(move || serve(&name, &inbox, &outbox))
            .map_err(|error| LinkError::System(error.to_string()))?;
        let mut connection = Self { orders: Some(orders), outcomes, atr: Vec::new(), reader: reader.to_owned(), given_up: false };
        connection.atr = connection.outcome(CONNECTING)?.map_err(|error| admission_error(error, reader))?.to_vec();
        Ok(connection)
    }

    fn order(&mut self, order: Order, limit: Duration) -> Result<Outcome, LinkError> {
        if self.given_up {
            return Err(LinkError::Timeout);
        }
        // A thread that has ended shows in the wait for its answer.
        let _ = self.orders.as_ref().map(|orders| orders.send(order));
        self.outcome(limit)
    }

    fn outcome(&mut self, limit: Duration) -> Result<Outcome, LinkError> {
        self.outcomes.recv_timeout(limit).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                log::debug!("{}: no answer within {limit:?}, given up", self.reader);
                self.given_up = true;
                LinkError::Timeout
            }
            RecvTimeoutError::Disconnected => LinkError::Gone,
        })
    }
}

impl CardPipe for Connection {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transmit(&mut self, apdu: &[u8], limit: Duration) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        let long = apdu.len() > SHORT_APDU;
        match self.order(Order::Transmit(Zeroizing::new(apdu.to_vec())), limit)? {
            // What some reader drivers make of a card that left meanwhile.
            Ok(answer) if answer.is_empty() => Err(LinkError::Gone.into()),
            Ok(answer) => Ok(answer),
            // A protocol mismatch is what pcscd says while another program's reset is under way.
            Err(Error::ResetCard | Error::UnpoweredCard | Error::ProtoMismatch) => Err(CardFault::WasReset),
            Err(Error::InvalidParameter | Error::InvalidValue | Error::UnsupportedFeature) if long => Err(CardFault::NotSent),
            Err(error) => Err(link_error(error, &self.reader).into()),
        }
    }

    fn reconnect(&mut self, how: Reconnect) -> Result<(), LinkError> {
        let disposition = match how {
            Reconnect::Keep => Disposition::LeaveCard,
            Reconnect::Reset => Disposition::ResetCard,
            Reconnect::PowerOff => Disposition::UnpowerCard,
        };
        match self.order(Order::Reconnect(disposition), CONNECTING)? {
            Ok(_) => Ok(()),
            Err(error) => Err(link_error(error, &self.reader)),
        }
    }
}

impl Drop for Connection {
    /// Waits until the card is let go: an open handle would reset it behind the back of the next one.
    fn drop(&mut self) {
        drop(self.orders.take());
        if !self.given_up {
            // Nothing more is said; the wait ends with the thread.
            let _ = self.outcomes.recv_timeout(LEAVING);
        }
    }
}

/// The thread: connects, does what it is told, lets go.
fn serve(reader: &CString, orders: &Receiver<Order>, outcomes: &Sender<Outcome>) {
    let mut card = match connect(reader) {
        Ok((card, atr)) => {
            let _ = outcomes.send(Ok(Zeroizing::new(atr)));
            card
        }
        Err(error) => return drop(outcomes.send(Err(error))),
    };
    for order in orders {
        let outcome = match order {
            Order::Transmit(apdu) => transmit(&card, &apdu),
            Order::Reconnect(how) => {
                card.reconnect(ShareMode::Shared, Protocols::T0 | Protocols::T1, how).map(|()| Zeroizing::default())
            }
        };
        if outcomes.send(outcome).is_err() {
            break;
        }
    }
    // The crate's own way out resets the card; other programs would lose what they have on it.
    drop(card.disconnect(Disposition::LeaveCard));
}

/// In a context of its own: calls in one context wait for each other.
fn connect(reader: &CString) -> Result<(Card, Vec<u8>), Error> {
    let card = Context::establish(Scope::User)?.connect(reader, ShareMode::Shared, Protocols::T0 | Protocols::T1)?;
    let atr = card.status2_owned()?.atr().to_vec();
    Ok((card, atr))
}

fn transmit(card: &Card, apdu: &[u8]) -> Outcome {
    let mut buffer = Zeroizing::new(vec![0; pcsc::MAX_BUFFER_SIZE_EXTENDED]);
    card.transmit(apdu, &mut buffer).map(|answer| Zeroizing::new(answer.to_vec()))
}
