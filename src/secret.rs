//! The only home of secret types: no Debug, no Display, no Clone, no Serialize; wiped on drop.

pub mod private;

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use zeroize::{Zeroize, Zeroizing};

/// Most bytes of a PIN (CTAP 2.3 section 6.5.1: 63 bytes of UTF-8).
pub const MAX_PIN_BYTES: usize = 63;
/// Fewest code points of a PIN (CTAP 2.3 section 6.5.1).
pub const MIN_PIN_CODE_POINTS: usize = 4;

/// Most bytes that a byte of UTF-8 becomes in normalization form C (Unicode annex 15).
const GROWTH: usize = 3;

/// A PIN of a length that CTAP allows: at least 4 code points, at most 63 bytes, no NUL. In normalization form C, so that
/// one keyboard's ü is the other's (CTAP 2.3 section 6.5.1).
#[expect(missing_debug_implementations, reason = "a secret is never shown")]
pub struct Pin(Zeroizing<String>);

/// Why a text is not a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinFormError {
    /// Fewer than four code points.
    #[error("a PIN has at least 4 characters")]
    TooShort,
    /// More than 63 bytes.
    #[error("a PIN has at most 63 bytes")]
    TooLong,
    /// A NUL, which the padding on the wire cannot tell from the end.
    #[error("a PIN cannot contain a NUL character")]
    Nul,
}

impl Pin {
    /// Takes the text over and normalises it; it is wiped when the PIN is dropped, and at once when it is refused.
    pub fn new(text: Zeroizing<String>) -> Result<Self, PinFormError> {
        let text = normalised(text);
        if text.contains('\0') {
            return Err(PinFormError::Nul);
        }
        if text.chars().count() < MIN_PIN_CODE_POINTS {
            return Err(PinFormError::TooShort);
        }
        if text.len() > MAX_PIN_BYTES {
            return Err(PinFormError::TooLong);
        }
        Ok(Self(text))
    }

    /// The text, for the wire and for the hand-over only.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in code points, as `minPINLength` counts.
    pub fn code_points(&self) -> usize {
        self.0.chars().count()
    }
}

/// The text in normalization form C. The room is reserved, so that no copy is left behind in a smaller place.
fn normalised(text: Zeroizing<String>) -> Zeroizing<String> {
    if text.is_ascii() {
        return text;
    }
    let mut normal = Zeroizing::new(String::with_capacity(text.len().saturating_mul(GROWTH)));
    // Writing to a string cannot fail.
    let _ = ComposingNormalizerBorrowed::new_nfc().normalize_to(&text, &mut *normal);
    normal
}

/// A secret text: client secret, access token, refresh token, pass.
#[expect(missing_debug_implementations, reason = "a secret is never shown")]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Secret bytes: PIN/UV auth tokens, shared secrets, private keys.
#[expect(missing_debug_implementations, reason = "a secret is never shown")]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the wire and for the cipher only.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Zeroize for SecretBytes {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// A value that is carried along but never shown, such as the personal part of a log line.
pub struct Redacted<T>(pub T);

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A PIN sealed to the station's own age identity: ciphertext (an age file), safe to store.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPin(pub Vec<u8>);

impl fmt::Debug for SealedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedPin({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_counted_and_sent_in_normal_form_c() {
        let pin = |text: &str| Pin::new(Zeroizing::new(text.to_owned())).map(|pin| (pin.expose().to_owned(), pin.code_points()));
        for (typed, sent, length) in [
            ("48213930", "48213930", 8),
            ("Schlu\u{308}ssel", "Schl\u{fc}ssel", 9),
            ("Schl\u{fc}ssel", "Schl\u{fc}ssel", 9),
            ("12\u{212b}4", "12\u{c5}4", 4),
            // Musical signs grow: their composed form is excluded from composition.
            ("123\u{1d15e}", "123\u{1d157}\u{1d165}", 5),
        ] {
            assert_eq!(pin(typed), Ok((sent.to_owned(), length)), "{typed}");
        }
        for (typed, error) in [
            ("123", PinFormError::TooShort),
            // Four as typed, three as counted.
            ("12u\u{308}", PinFormError::TooShort),
            ("1234\0", PinFormError::Nul),
            (&"1".repeat(64), PinFormError::TooLong),
            // 61 bytes as typed.
            (&format!("{}\u{1d15e}", "1".repeat(57)), PinFormError::TooLong),
        ] {
            assert_eq!(pin(typed), Err(error), "{typed}");
        }
        assert!(pin(&format!("{}u\u{308}", "1".repeat(61))).is_ok(), "64 bytes as typed, 63 as sent");
    }
}
