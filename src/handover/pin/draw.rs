//! The draw: as long as everybody asks for, every allowed PIN as likely as any other.

use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::handover::pin::weakness;
use crate::secret::{MAX_PIN_BYTES, Pin};

/// Fewest characters of a temporary PIN of ours, whatever shorter ones a key would take.
pub const LEAST_LENGTH: usize = 8;

/// Draws before the generator is taken for broken. A sound one gives a trivial PIN in a few of a hundred draws.
const DRAWS: usize = 100;
/// Words in a row without a usable one before the generator is taken for broken. Of a sound one's words, fewer than one in a
/// hundred million is of no use.
const WORDS: usize = 16;

/// What temporary PINs are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Alphabet {
    /// Ten digits: can be typed on every keypad.
    #[default]
    Digits,
    /// 29 digits and small letters that nobody takes for one another, and that stand at the same place on QWERTY and QWERTZ
    /// keyboards: no 0 and o, no 1, i and l, no y and z.
    Unmistakable,
}

impl Alphabet {
    /// Its characters: ASCII, so that characters, code points and bytes count the same.
    pub const fn characters(self) -> &'static str {
        match self {
            Self::Digits => "0123456789",
            Self::Unmistakable => "23456789abcdefghjkmnpqrstuvwx",
        }
    }
}

/// Digits of a number that a spreadsheet keeps.
const SPREADSHEET_DIGITS: usize = 15;

/// What a temporary PIN has to satisfy. Lengths are in code points.
#[derive(Clone, Copy, Debug)]
pub struct PinTerms<'a> {
    /// What it is made of.
    pub alphabet: Alphabet,
    /// `minPINLength` of the key (getInfo member 0x0D).
    pub key_minimum: usize,
    /// `maxPINLength` of the key (getInfo member 0x1D), 63 if it names none.
    pub key_maximum: usize,
    /// Minimum of the tenant's profile; 0 if it names none.
    pub profile_minimum: usize,
    /// Texts that others know and that a PIN must not quote: the key's serial number, the user's name.
    pub avoid: &'a [&'a str],
    /// It will stand in a table: a spreadsheet must not change it. Of PINs of digits a tenth is not drawn then.
    pub for_spreadsheet: bool,
}

impl Default for PinTerms<'_> {
    fn default() -> Self {
        Self {
            alphabet: Alphabet::Digits,
            key_minimum: 4,
            key_maximum: MAX_PIN_BYTES,
            profile_minimum: 0,
            avoid: &[],
            for_spreadsheet: false,
        }
    }
}

/// Why there is no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinRuleError {
    /// The key takes no PIN that is long enough.
    #[error("a temporary PIN needs {needed} characters, but this key takes at most {most}")]
    Length {
        /// The longest of all minima.
        needed: usize,
        /// What the key takes.
        most: usize,
    },
    /// The generator does not give random numbers.
    #[error("the random generator gave nothing but trivial PINs")]
    Generator,
}

impl PinTerms<'_> {
    /// How long the PIN will be.
    ///
    /// # Errors
    /// [`PinRuleError::Length`].
    pub fn length(&self) -> Result<usize, PinRuleError> {
        let needed = LEAST_LENGTH.max(self.key_minimum).max(self.profile_minimum);
        let table = self.for_spreadsheet && matches!(self.alphabet, Alphabet::Digits);
        let most = self.key_maximum.min(if table { SPREADSHEET_DIGITS } else { MAX_PIN_BYTES });
        if needed <= most { Ok(needed) } else { Err(PinRuleError::Length { needed, most }) }
    }

    /// Draws a PIN. A trivial one is thrown away as a whole, which leaves the others equally likely.
    ///
    /// # Errors
    /// [`PinRuleError`].
    pub fn draw(&self, rng: &mut dyn CryptoRng) -> Result<Pin, PinRuleError> {
        let length = self.length()?;
        for _ in 0..DRAWS {
            // With its full capacity from the start the text is never moved, which would leave a copy.
            let mut text = Zeroizing::new(String::with_capacity(length));
            for _ in 0..length {
                text.push(character(self.alphabet, rng)?);
            }
            if self.for_spreadsheet && changed_by_spreadsheet(&text) {
                continue;
            }
            if weakness(&text, self.avoid).is_none() {
                return Pin::new(text).map_err(|_| PinRuleError::Generator);
            }
        }
        Err(PinRuleError::Generator)
    }
}

/// Whether a spreadsheet would take it for a number and write it differently: without its leading zeros, with fewer than all of
/// its digits, or as a power of ten.
fn changed_by_spreadsheet(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.starts_with('0') || text.len() > SPREADSHEET_DIGITS } else { text.parse::<f64>().is_ok() }
}

/// One character, without bias: words beyond the last whole multiple of the alphabet's size are thrown away. Bounded, unlike
/// `random_range`, which some constant generators keep for ever (any that repeats 0x33 when it draws digits).
fn character(alphabet: Alphabet, rng: &mut dyn CryptoRng) -> Result<char, PinRuleError> {
    let characters = alphabet.characters();
    let size = u32::try_from(characters.len()).map_err(|_| PinRuleError::Generator)?;
    let beyond = u32::MAX.checked_rem(size).and_then(|rest| u32::MAX.checked_sub(rest)).ok_or(PinRuleError::Generator)?;
    for _ in 0..WORDS {
        let word = rng.next_u32();
        if word < beyond {
            let place = word.checked_rem(size).and_then(|place| usize::try_from(place).ok());
            return place.and_then(|place| characters.chars().nth(place)).ok_or(PinRuleError::Generator);
        }
    }
    Err(PinRuleError::Generator)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::rngs::StdRng;
    use rand::{SeedableRng as _, TryCryptoRng, TryRng};

    use super::*;

    /// A broken generator: the same byte for ever.
    struct Constant(u8);

    impl TryRng for Constant {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(u32::from_le_bytes([self.0; 4]))
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(u64::from_le_bytes([self.0; 8]))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Constant {}

    #[test]
    fn the_longest_minimum_counts_and_the_keys_maximum_limits() {
        let rows = [
            (4, 63, 0, Ok(8)),
            (6, 63, 0, Ok(8)),
            (8, 8, 0, Ok(8)),
            (9, 63, 0, Ok(9)),
            (4, 63, 12, Ok(12)),
            (14, 16, 12, Ok(14)),
            (63, 63, 0, Ok(63)),
            (4, 255, 63, Ok(63)),
            (4, 6, 0, Err(PinRuleError::Length { needed: 8, most: 6 })),
            (4, 8, 9, Err(PinRuleError::Length { needed: 9, most: 8 })),
            (64, 255, 0, Err(PinRuleError::Length { needed: 64, most: 63 })),
            (4, 0, 0, Err(PinRuleError::Length { needed: 8, most: 0 })),
            (usize::MAX, usize::MAX, usize::MAX, Err(PinRuleError::Length { needed: usize::MAX, most: 63 })),
        ];
        let mut rng = StdRng::seed_from_u64(1);
        for (key_minimum, key_maximum, profile_minimum, expected) in rows {
            let terms = PinTerms { key_minimum, key_maximum, profile_minimum, ..PinTerms::default() };
            assert_eq!(terms.length(), expected, "{terms:?}");
            assert_eq!(terms.draw(&mut rng).map(|pin| pin.code_points()), expected, "{terms:?}");
        }
    }

    #[test]
    fn in_a_table_a_pin_stays_what_it_is() {
        for (text, changed) in [
            ("70281946", false),
            ("07281946", true),
            ("123456789012345", false),
            ("1234567890123456", true),
            ("12e45678", true),
            ("0e123456", true),
            ("12a45678", false),
            ("e1234567", false),
        ] {
            assert_eq!(changed_by_spreadsheet(text), changed, "{text}");
        }
        let mut rng = StdRng::seed_from_u64(7);
        for alphabet in [Alphabet::Digits, Alphabet::Unmistakable] {
            let terms = PinTerms { alphabet, for_spreadsheet: true, ..PinTerms::default() };
            assert!((0..2_000).all(|_| !changed_by_spreadsheet(terms.draw(&mut rng).unwrap().expose())), "{alphabet:?}");
        }
        let long = PinTerms { key_minimum: 16, for_spreadsheet: true, ..PinTerms::default() };
        assert_eq!(long.length(), Err(PinRuleError::Length { needed: 16, most: 15 }), "a spreadsheet keeps 15 digits");
    }

    #[test]
    fn a_constant_generator_ends_with_an_error() {
        for alphabet in [Alphabet::Digits, Alphabet::Unmistakable] {
            for byte in 0..=u8::MAX {
                let terms = PinTerms { alphabet, ..PinTerms::default() };
                assert_eq!(terms.draw(&mut Constant(byte)).err(), Some(PinRuleError::Generator), "{alphabet:?} {byte}");
            }
        }
    }

    /// Pearson's chi-square for each position: with 9 (28) degrees of freedom a sound generator stays below 40 (75) but for
    /// one position in a hundred thousand, and the seed is fixed.
    #[test]
    fn every_character_is_as_likely_at_every_position() {
        const DRAWN: u32 = 20_000;
        for (alphabet, limit) in [(Alphabet::Digits, 40.0), (Alphabet::Unmistakable, 75.0)] {
            let characters = alphabet.characters();
            let mut rng = StdRng::seed_from_u64(20_261_123);
            let mut counts = vec![vec![0_u32; characters.len()]; LEAST_LENGTH];
            for _ in 0..DRAWN {
                let pin = PinTerms { alphabet, ..PinTerms::default() }.draw(&mut rng).unwrap();
                assert_eq!(pin.code_points(), LEAST_LENGTH);
                for (count, character) in counts.iter_mut().zip(pin.expose().chars()) {
                    count[characters.find(character).unwrap()] += 1;
                }
            }
            let expected = f64::from(DRAWN) / f64::from(u32::try_from(characters.len()).unwrap());
            for (position, count) in counts.iter().enumerate() {
                let sum: f64 = count.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum();
                assert!(sum < limit, "{alphabet:?} position {position}: chi-square {sum}, counts {count:?}");
            }
        }
    }

    #[test]
    fn trivial_pins_are_drawn_again() {
        let avoid = ["1", "22", "19283746", "5C021", "adele1987@contoso.example"];
        let mut rng = StdRng::seed_from_u64(5);
        for _ in 0..5_000 {
            let pin = PinTerms { avoid: &avoid, ..PinTerms::default() }.draw(&mut rng).unwrap();
            assert_eq!(weakness(pin.expose(), &avoid), None);
        }
    }

    #[test]
    fn the_rules_leave_nearly_all_pins() {
        let mut rng = StdRng::seed_from_u64(6);
        let mut refused = 0_u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..LEAST_LENGTH {
                text.push(character(Alphabet::Digits, &mut rng).unwrap());
            }
            refused += u32::from(weakness(&text, &["19283746"]).is_some());
        }
        assert!(refused < 1_000, "{refused} of 20000 were refused");
    }

    #[test]
    fn the_alphabets_hold_no_character_twice() {
        for alphabet in [Alphabet::Digits, Alphabet::Unmistakable] {
            let characters = alphabet.characters();
            assert!(characters.is_ascii());
            assert!(characters.chars().enumerate().all(|(at, character)| characters.find(character) == Some(at)));
        }
        assert!(!Alphabet::Unmistakable.characters().contains(['0', 'o', '1', 'i', 'l', 'y', 'z']));
    }
}
