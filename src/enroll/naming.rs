//! The name that a passkey gets in the tenant: at most 30 characters, the serial number never cut off.

/// Most UTF-16 units of a name (entra-graph facts: 1 to 30, enforced by the known clients).
pub(super) const LONGEST: usize = 30;

/// `model serial`, the model cut to fit.
pub(super) fn display_name(model: &str, serial: Option<&str>) -> String {
    let model = model.trim();
    let Some(serial) = serial.filter(|serial| units(serial) < LONGEST) else { return cut(model, LONGEST) };
    let room = LONGEST.saturating_sub(units(serial)).saturating_sub(1);
    let model = cut(model, room);
    if model.is_empty() { serial.into() } else { format!("{model} {serial}") }
}

/// Cuts to at most `most` UTF-16 units, never through a character; an empty name becomes `Security key`.
pub(super) fn cut(name: &str, most: usize) -> String {
    let mut used = 0_usize;
    let kept: String = name
        .chars()
        .take_while(|c| {
            used = used.saturating_add(c.len_utf16());
            used <= most
        })
        .collect();
    let kept = kept.trim_end();
    if kept.is_empty() && most >= 12 { "Security key".into() } else { kept.into() }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits() {
        let rows = [
            ("YubiKey 5 NFC", Some("12345678"), "YubiKey 5 NFC 12345678"),
            ("A very long product name of a key", Some("12345678"), "A very long product n 12345678"),
            ("A very long product name of a key", None, "A very long product name of a"),
            ("", None, "Security key"),
            ("Key", Some("0123456789abcdef0123456789abcdef"), "Key"),
            ("Schlüssel 🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑", None, "Schlüssel 🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑"),
        ];
        for (model, serial, expected) in rows {
            let name = display_name(model, serial);
            assert_eq!(name, expected);
            assert!(name.encode_utf16().count() <= LONGEST);
        }
    }
}
