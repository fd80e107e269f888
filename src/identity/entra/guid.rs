//! Random GUIDs (RFC 9562 version 4) for request ids and assertions.

use rand::CryptoRng;

/// A fresh one in lower case.
pub(super) fn guid(rng: &mut (impl CryptoRng + ?Sized)) -> String {
    let mut bytes = [0_u8; 16];
    rng.fill_bytes(&mut bytes);
    let value = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let digits = format!("{value:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits.get(part).unwrap_or_default()).join("-")
}

/// Whether a text has the form of one.
pub(super) fn is_guid(text: &str) -> bool {
    let dashed = |place: usize, byte: u8| matches!(place, 8 | 13 | 18 | 23) == (byte == b'-');
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| dashed(place, byte) && (byte == b'-' || byte.is_ascii_hexdigit()))
}

/// A GUID as a number, whatever the case of its letters.
pub(super) fn number(text: &str) -> Option<u128> {
    is_guid(text).then(|| u128::from_str_radix(&text.replace('-', ""), 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn version_and_variant() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let id = guid(&mut rng);
            assert_eq!(id.len(), 36);
            assert_eq!(&id[14..15], "4");
            assert!(is_guid(&id) && !is_guid(&id.replace('4', "-")), "{id}");
            assert_eq!(number(&id.to_uppercase()), u128::from_str_radix(&id.replace('-', ""), 16).ok());
            assert_eq!(number(&id[1..]), None);
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }
}
