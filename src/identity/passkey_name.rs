//! The name that a passkey gets in the tenant: what the known clients send, 1 to 30 UTF-16 units.

/// Most UTF-16 units of a name.
const LONGEST: usize = 30;
/// What a passkey is called when nothing is known of its key.
const NAMELESS: &str = "Security key";

/// A text as the name of a passkey: trimmed, without control characters, cut to fit but never through a character.
pub fn passkey_name(text: &str) -> String {
    let name = cut(text, LONGEST);
    if name.is_empty() { NAMELESS.to_owned() } else { name }
}

/// `model serial`. The serial number is never cut, the model is; a serial number that does not fit at all is left out.
pub fn passkey_name_of(model: &str, serial: Option<&str>) -> String {
    let Some(serial) = serial.filter(|serial| units(serial) < LONGEST) else { return passkey_name(model) };
    let room = LONGEST.saturating_sub(units(serial)).saturating_sub(1);
    passkey_name(&format!("{} {serial}", cut(model, room)))
}

/// `name (mark)`. The mark is never cut, the name is; a mark that does not fit at all is left out.
pub fn passkey_name_marked(name: &str, mark: &str) -> String {
    let mark = format!(" ({mark})");
    let Some(room) = LONGEST.checked_sub(units(&mark)).filter(|room| *room > 0) else { return passkey_name(name) };
    format!("{}{mark}", passkey_name(&cut(name, room)))
}

fn cut(text: &str, most: usize) -> String {
    let mut used = 0_usize;
    let fits = |c: &char| {
        used = used.saturating_add(c.len_utf16());
        used <= most
    };
    let kept: String = text.trim().chars().filter(|c| !c.is_control()).take_while(fits).collect();
    kept.trim_end().to_owned()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_30_units() {
        for (given, expected) in [
            ("YubiKey 5 NFC 12345678", "YubiKey 5 NFC 12345678"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1234567890123456789012345678901", "123456789012345678901234567890"),
            ("12345678901234567890123456789 1", "12345678901234567890123456789"),
            ("  a\tb\n ", "ab"),
            ("", NAMELESS),
            ("   ", NAMELESS),
            // An emoji is two units, and half of one is none.
            ("12345678901234567890123456789🔑", "12345678901234567890123456789"),
            ("1234567890123456789012345678🔑", "1234567890123456789012345678🔑"),
            ("Schlüssel für Überseekäufer äöü", "Schlüssel für Überseekäufer äö"),
        ] {
            assert_eq!(passkey_name(given), expected);
            assert!(units(expected) <= LONGEST);
        }
    }

    #[test]
    fn marks_stay_whole() {
        for (name, mark, expected) in [
            ("Desk 4", "spare", "Desk 4 (spare)"),
            ("123456789012345678901234567890", "spare", "1234567890123456789012 (spare)"),
            ("Schlüssel 🔑🔑🔑🔑🔑🔑🔑🔑🔑", "spare 2", "Schlüssel 🔑🔑🔑🔑🔑 (spare 2)"),
            ("Desk 4", "a mark that is longer than all", "Desk 4"),
        ] {
            assert_eq!(passkey_name_marked(name, mark), expected);
            assert!(units(expected) <= LONGEST);
        }
    }

    #[test]
    fn serial_numbers_stay_whole() {
        for (model, serial, expected) in [
            ("YubiKey 5 NFC", Some("12345678"), "YubiKey 5 NFC 12345678"),
            ("A very long product name of a key", Some("12345678"), "A very long product n 12345678"),
            ("A very long product name of a key", None, "A very long product name of a"),
            ("Key", Some("0123456789abcdef0123456789abcdef"), "Key"),
            ("Key", Some("12345678901234567890123456789"), "12345678901234567890123456789"),
            ("Key\u{1b}[2J", Some("12345678"), "Key[2J 12345678"),
            (" ", Some("12345678"), "12345678"),
            ("", None, NAMELESS),
            ("Schlüssel 🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑", None, "Schlüssel 🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑"),
        ] {
            assert_eq!(passkey_name_of(model, serial), expected);
            assert!(units(expected) <= LONGEST);
        }
    }
}
