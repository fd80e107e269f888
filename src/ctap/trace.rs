//! How a message may look in a trace. What carries a PIN or a token is shown by its length alone.

use std::fmt;

/// Commands whose requests and answers are never shown: clientPIN carries PINs and tokens, authenticatorConfig carries a token's proof.
const HIDDEN: &[u8] = &[0x06, 0x0D];

/// A CTAP2 message as a trace shows it: the command byte, the length, and the bytes unless the command is hidden.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    command: Option<u8>,
    bytes: &'a [u8],
}

impl<'a> Shown<'a> {
    /// A request: command byte, then CBOR.
    pub(super) fn request(request: &'a [u8]) -> Self {
        Self { command: request.first().copied(), bytes: request }
    }

    /// The answer to `request`.
    pub(super) fn answer(request: &[u8], answer: &'a [u8]) -> Self {
        Self { command: request.first().copied(), bytes: answer }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(command) = self.command else {
            return f.write_str("empty");
        };
        write!(f, "0x{command:02X}, {} bytes", self.bytes.len())?;
        if HIDDEN.contains(&command) {
            return f.write_str(", not shown");
        }
        f.write_str(": ")?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_stay_out() {
        let rows: [(&[u8], &str); 4] = [
            (&[0x04], "0x04, 1 bytes: 04"),
            (&[0x06, 0xAA, 0xBB], "0x06, 3 bytes, not shown"),
            (&[0x0D, 0xAA], "0x0D, 2 bytes, not shown"),
            (&[], "empty"),
        ];
        for (request, text) in rows {
            assert_eq!(Shown::request(request).to_string(), text);
        }
        assert_eq!(Shown::answer(&[0x06], &[0, 0xCC]).to_string(), "0x06, 2 bytes, not shown");
        assert_eq!(Shown::answer(&[0x04], &[0, 0xA0]).to_string(), "0x04, 2 bytes: 00a0");
    }
}
