//! Bytes become text: UTF-8, UTF-16 by its mark, and Windows-1252 for what is neither. A table of 32 characters does for the last
//! what a crate of many encodings would, since spreadsheets write no others today.

use super::RosterError;

/// 0x80 to 0x9F in Windows-1252; NUL where it has no character. The rest of it is Latin-1.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•', '–', '—',
    '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The text of a roster, and a warning where the encoding was guessed.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) warning: Option<&'static str>,
}

/// Decodes `bytes`.
pub(super) fn decode(name: &str, bytes: Vec<u8>) -> Result<Decoded, RosterError> {
    let wrong = |reason| RosterError::Encoding { name: name.to_owned(), reason };
    let mut warning = None;
    let mut text = if bytes.starts_with(&[0xFF, 0xFE]) {
        utf_16(&bytes, u16::from_le_bytes).map_err(wrong)?
    } else if bytes.starts_with(&[0xFE, 0xFF]) {
        utf_16(&bytes, u16::from_be_bytes).map_err(wrong)?
    } else if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        let mut text = String::from_utf8(bytes).map_err(|_| wrong("it says UTF-8 and is not"))?;
        text.drain(..'\u{feff}'.len_utf8());
        text
    } else {
        String::from_utf8(bytes).or_else(|error| {
            warning = Some("it is not UTF-8 and was read as Windows-1252: look at the names with accents");
            windows_1252(error.as_bytes()).ok_or_else(|| wrong("it is neither UTF-8 nor Windows-1252"))
        })?
    };
    if text.contains('\0') {
        return Err(wrong("it has characters that no text has; perhaps it is UTF-16 without a mark, or no text at all"));
    }
    // Line ends of very old spreadsheets.
    if text.contains('\r') && !text.contains('\n') {
        text = text.replace('\r', "\n");
    }
    Ok(Decoded { text, warning })
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, &'static str> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("it says UTF-16 and ends within a character");
    }
    let units = pairs.iter().skip(1).map(|pair| unit(*pair));
    char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| "it says UTF-16 and is not")
}

fn windows_1252(bytes: &[u8]) -> Option<String> {
    bytes.iter().map(|byte| character(*byte)).collect()
}

fn character(byte: u8) -> Option<char> {
    match byte {
        0x80..=0x9F => WINDOWS_1252.get(usize::from(byte.wrapping_sub(0x80))).copied().filter(|found| *found != '\0'),
        _ => Some(char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Option<String> {
        decode("r", bytes.to_vec()).ok().map(|decoded| decoded.text)
    }

    fn utf_16_bytes(text: &str, swap: bool) -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(|unit| if swap { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn every_encoding_that_spreadsheets_write() {
        let words = "Müller;🔑\r\nO’Neil\r\n";
        assert_eq!(text(words.as_bytes()).unwrap(), words);
        assert_eq!(text(&[&[0xEF, 0xBB, 0xBF], words.as_bytes()].concat()).unwrap(), words);
        assert_eq!(text(&utf_16_bytes(words, false)).unwrap(), words);
        assert_eq!(text(&utf_16_bytes(words, true)).unwrap(), words);
        let decoded = decode("r", b"M\xfcller;\x80;O\x92Neil".to_vec()).unwrap();
        assert_eq!(decoded.text, "Müller;€;O’Neil");
        assert!(decoded.warning.is_some_and(|warning| warning.contains("Windows-1252")));
        assert_eq!(text(b"a\rb\r").unwrap(), "a\nb\n");
        assert_eq!(text(b"").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let surrogate = [0xFF, 0xFE, 0x00, 0xD8];
        for bytes in [&b"\xff\xfea"[..], &surrogate, b"\xef\xbb\xbf\xff", b"a\x81", b"a\0b\0", b"\x7fELF\0"] {
            assert!(matches!(decode("r", bytes.to_vec()), Err(RosterError::Encoding { .. })), "{bytes:?}");
        }
    }
}
