//! What a hostile or broken key does instead of answering.

use super::reports::Report;

/// Done to every answer to a CTAP2 command.
#[derive(Clone, Copy, Debug)]
pub enum Trick {
    /// Another message: status byte, then CBOR.
    Message(fn(Vec<u8>) -> Vec<u8>),
    /// Other reports of 64 bytes: channel, head, data.
    Reports(fn(Vec<Report>) -> Vec<Report>),
    /// No answer, and keepalives for ever.
    Endless,
    /// The first report of the answer, then the device is gone.
    Gone,
}
