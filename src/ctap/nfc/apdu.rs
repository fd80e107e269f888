//! Command and answer APDUs, and the card that takes them.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::ctap::LinkError;

/// Data bytes in one command of a chain: what every reader and card takes.
pub(super) const BLOCK: usize = 240;
/// Most data bytes of a command with a short length field.
pub(super) const SHORT: usize = 255;
/// CLA bit that says that the command goes on in the next APDU.
pub(super) const CHAINED: u8 = 0x10;

/// How to get the card back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// As it is: another program reset it.
    Keep,
    /// Reset, which ends whatever it was doing.
    Reset,
    /// Powered off and on.
    PowerOff,
}

/// Why an APDU has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardFault {
    /// Another program reset the card or took its power; this APDU was not sent (`SCARD_W_RESET_CARD`).
    WasReset,
    /// The reader does not take an APDU of this form; it was not sent.
    NotSent,
    /// Everything else.
    Link(LinkError),
}

impl From<LinkError> for CardFault {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

/// One connected card. Dropping it leaves the card as it is.
pub trait CardPipe: Send {
    /// Its answer to reset.
    fn atr(&self) -> &[u8];

    /// Sends one APDU and waits for its answer, which ends with the status word, for `limit` at most.
    ///
    /// # Errors
    /// [`CardFault`]; the first two only if the card certainly did not see the APDU. After [`LinkError::Timeout`] the
    /// connection is of no more use.
    fn transmit(&mut self, apdu: &[u8], limit: Duration) -> Result<Zeroizing<Vec<u8>>, CardFault>;

    /// Connects again on the same reader.
    ///
    /// # Errors
    /// [`LinkError::Gone`] if no card is there.
    fn reconnect(&mut self, how: Reconnect) -> Result<(), LinkError>;
}

/// A command APDU that asks for as much data as there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command<'a> {
    pub(super) header: [u8; 4],
    pub(super) data: &'a [u8],
}

impl Command<'_> {
    /// With short length fields; `None` if there is too much data.
    pub(super) fn short(&self) -> Option<Zeroizing<Vec<u8>>> {
        let mut apdu = self.without_answer()?;
        apdu.push(0);
        Some(apdu)
    }

    /// A link of a chain: short, and no data is asked for.
    pub(super) fn without_answer(&self) -> Option<Zeroizing<Vec<u8>>> {
        let length = u8::try_from(self.data.len()).ok()?;
        let mut apdu = Zeroizing::new(Vec::with_capacity(self.data.len().saturating_add(6)));
        apdu.extend_from_slice(&self.header);
        if length > 0 {
            apdu.push(length);
            apdu.extend_from_slice(self.data);
        }
        Some(apdu)
    }

    /// With extended length fields; `None` if there is too much data.
    pub(super) fn extended(&self) -> Option<Zeroizing<Vec<u8>>> {
        let length = u16::try_from(self.data.len()).ok()?;
        let mut apdu = Zeroizing::new(Vec::with_capacity(self.data.len().saturating_add(9)));
        apdu.extend_from_slice(&self.header);
        apdu.push(0);
        if length > 0 {
            apdu.extend_from_slice(&length.to_be_bytes());
            apdu.extend_from_slice(self.data);
        }
        apdu.extend_from_slice(&[0, 0]);
        Some(apdu)
    }
}

/// Data and status word of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) data: Zeroizing<Vec<u8>>,
    pub(super) status: u16,
}

impl Answer {
    pub(super) fn parse(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, LinkError> {
        let Some((_, status)) = bytes.split_last_chunk::<2>() else {
            return Err(LinkError::Protocol("its answer has no status word"));
        };
        let status = u16::from_be_bytes(*status);
        let data = bytes.len().saturating_sub(2);
        bytes.truncate(data);
        Ok(Self { data: bytes, status })
    }
}
