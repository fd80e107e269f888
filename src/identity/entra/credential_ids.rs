//! The spellings of credential ids in Microsoft Graph.
//!
//! Graph writes an id as base64url without padding followed by one digit, 0 to 2: the number of padding characters that
//! were cut off (the `UrlTokenEncode` form of .NET). Padded standard base64 and clean base64url are seen too. The length
//! and the last character decide which one it is, save for one case that has two readings.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::webauthn::CredentialId;

/// Longest id that is looked at: an authenticator's ids have at most 1023 bytes (CTAP 2.3 section 6.1.2).
const MAX_CHARACTERS: usize = 1400;

/// Padding was taken off, and a stray low bit in the last symbol is no reason to lose an id.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone).with_decode_allow_trailing_bits(true),
);

/// Every credential id that `text` can stand for: none, one, or two when the spelling is ambiguous (the digit form first).
pub fn readings(text: &str) -> Vec<CredentialId> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_CHARACTERS {
        return Vec::new();
    }
    let symbols = url_safe(text);
    let padded = text.ends_with('=');
    let digit_form = symbols.char_indices().last().and_then(|(end, last)| symbols.get(..end).map(|body| (body, last)));
    let candidates = match (symbols.len() % 4, digit_form) {
        (_, None) => Vec::new(),
        _ if padded => vec![symbols.as_str()],
        // Base64 never leaves one symbol over, and a last group of three symbols never ends in `2` (its low bits are zero).
        (1, Some((body, '0'))) | (3, Some((body, '2'))) => vec![body],
        (0, Some((body, '1'))) => vec![body, symbols.as_str()],
        _ => vec![symbols.as_str()],
    };
    candidates.into_iter().filter_map(decode).filter(|id| !id.0.is_empty()).collect()
}

/// Whether `text` can stand for `credential`.
pub fn stands_for(text: &str, credential: &CredentialId) -> bool {
    readings(text).contains(credential)
}

/// The URL-safe alphabet without padding.
pub(super) fn url_safe(text: &str) -> String {
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn decode(symbols: &str) -> Option<CredentialId> {
    LENIENT.decode(symbols).ok().map(CredentialId)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use proptest::prelude::*;

    use super::*;

    /// Bytes of every value in turn, so that all symbols occur in the last place.
    fn ids() -> impl Iterator<Item = Vec<u8>> {
        (1_usize..=70).flat_map(|length| {
            (0_u8..=255).step_by(5).map(move |seed| {
                let steps = (0..length).map(|index| u8::try_from(index % 256).unwrap());
                steps.map(|step| seed.wrapping_add(step.wrapping_mul(73))).collect()
            })
        })
    }

    fn digit_form(id: &[u8]) -> String {
        let cut_off = STANDARD.encode(id).bytes().filter(|byte| *byte == b'=').count();
        format!("{}{cut_off}", URL_SAFE_NO_PAD.encode(id))
    }

    #[test]
    fn three_spellings_of_every_length() {
        for id in ids() {
            let expected = CredentialId(id.clone());
            for text in [digit_form(&id), STANDARD.encode(&id), URL_SAFE_NO_PAD.encode(&id)] {
                let readings = readings(&text);
                assert!(readings.contains(&expected), "{text} of {} bytes", id.len());
                assert!(stands_for(&text, &expected));
                assert!(readings.len() <= 2);
            }
        }
    }

    #[test]
    fn only_the_ambiguous_case_has_two_readings() {
        for id in ids() {
            let digits = digit_form(&id);
            assert_eq!(readings(&digits).len(), if id.len() % 3 == 2 { 2 } else { 1 }, "{digits}");
            let padded = STANDARD.encode(&id);
            let clean = URL_SAFE_NO_PAD.encode(&id);
            let looks_like_digit_form = clean.len() % 4 == 0 && clean.ends_with('1');
            assert_eq!(readings(&clean).len(), if looks_like_digit_form { 2 } else { 1 }, "{clean}");
            if padded.ends_with('=') {
                assert_eq!(readings(&padded), [CredentialId(id)], "padding settles it: {padded}");
            }
        }
    }

    #[test]
    fn the_ambiguous_one_in_both_readings() {
        let text = "MMeD8wrNCZ-0hbfdYvvAIzrsrTGd_uXdt2iXbYlGJSs1";
        let lengths: Vec<usize> = readings(text).iter().map(|id| id.0.len()).collect();
        assert_eq!(lengths, [32, 33]);
    }

    #[test]
    fn one_of_a_real_audit_log() {
        let id = readings("7ebzDmVTSreLsJkrjm1mNA2");
        assert_eq!(id, readings("7ebzDmVTSreLsJkrjm1mNA=="));
        assert_eq!(id.first().map(ToString::to_string), Some("7ebzDmVTSreLsJkrjm1mNA".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,80}") {
            prop_assert!(readings(&text).len() <= 2);
        }

        #[test]
        fn any_id_is_found_in_any_spelling(id in proptest::collection::vec(any::<u8>(), 1..200)) {
            let expected = CredentialId(id.clone());
            for text in [digit_form(&id), STANDARD.encode(&id), URL_SAFE_NO_PAD.encode(&id)] {
                prop_assert!(stands_for(&text, &expected));
            }
        }
    }

    #[test]
    fn nonsense_has_no_reading() {
        for text in ["", " ", "=", "====", "0", "§", "a b", &"A".repeat(5000)] {
            assert!(readings(text).is_empty(), "{text:.10}");
        }
    }
}
