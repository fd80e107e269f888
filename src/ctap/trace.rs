//! How a message may look in a trace. What can carry a PIN, a token, a key or a person's name is shown by its length alone.

use std::fmt;

/// Commands whose requests and answers are shown: getInfo, reset and selection. clientPIN (06) carries PINs and tokens,
/// authenticatorConfig (0D) a token's proof, all that has to do with credentials names, handles and keys of large blobs.
const SHOWN: &[u8] = &[0x04, 0x07, 0x0B];

/// A CTAP2 message as a trace shows it: the command byte, the length, and the bytes of the few commands that have nothing to hide.
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
        if !SHOWN.contains(&command) {
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
        for command in 0..=u8::MAX {
            let (request, answer) = ([command, 0xAA, 0xBB], [0, 0xCC]);
            let shown = (Shown::request(&request).to_string(), Shown::answer(&request, &answer).to_string());
            let expected = match command {
                0x04 | 0x07 | 0x0B => {
                    (format!("0x{command:02X}, 3 bytes: {command:02x}aabb"), format!("0x{command:02X}, 2 bytes: 00cc"))
                }
                _ => (format!("0x{command:02X}, 3 bytes, not shown"), format!("0x{command:02X}, 2 bytes, not shown")),
            };
            assert_eq!(shown, expected);
        }
        assert_eq!(Shown::request(&[]).to_string(), "empty");
        assert_eq!(Shown::answer(&[], &[0, 0xCC]).to_string(), "empty");
    }
}
