//! CTAP over ISO 7816 (CTAP 2.3 section 11.3): messages as APDUs, to a card in the field of a reader, in its slot, or inside a key with its own
//! CCID interface.
//!
//! [`CardPipe`] is one connected card that takes APDUs; [`CardTransport`] is the framing on top of it and knows no smart-card service.

mod apdu;
mod atr;
mod card;
#[cfg(feature = "nfc")]
mod connection;
mod dialogue;
mod naming;
#[cfg(feature = "nfc")]
mod reader;

pub use apdu::{CardFault, CardPipe, Reconnect};
pub use atr::Atr;
pub use card::CardTransport;
pub use naming::card_link;
pub(super) use naming::reader_is_key;
#[cfg(feature = "nfc")]
pub(super) use reader::Readers;

#[cfg(test)]
mod tests;
