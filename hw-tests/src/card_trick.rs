//! What a hostile or broken card does instead of answering.

/// What a card does about a command APDU.
#[derive(Clone, Debug)]
pub enum Said {
    /// This response APDU.
    Answer(Vec<u8>),
    /// Nothing, ever.
    Nothing,
    /// It leaves the reader.
    Gone,
}

/// Done to every answer from the trick's beginning on.
#[derive(Clone, Copy, Debug)]
pub enum CardTrick {
    /// Another CTAP2 message: status byte, then CBOR. The rest is honest.
    Message(fn(Vec<u8>) -> Vec<u8>),
    /// Something else for a command APDU; the honest response APDU is at hand.
    Response(fn(&[u8], Vec<u8>) -> Said),
}
