//! The answer to reset: what a card says of itself before any command (ISO 7816-3, PC/SC part 3).

/// An answer to reset, read leniently: what cannot be understood is as if it were not there.
#[derive(Clone, Copy, Debug)]
pub struct Atr<'a>(pub &'a [u8]);

/// Category indicator and registered application id that PC/SC gives to storage cards (part 3, section 3.1.3.2.3.1).
const STORAGE_CARD: &[u8] = &[0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06];
/// Compact-TLV tag of the card capabilities with three bytes (ISO 7816-4 section 12.1.1.9).
const CAPABILITIES: u8 = 0x73;
/// In the third capability byte: extended Lc and Le fields.
const EXTENDED_LENGTH: u8 = 0x40;
/// Begins the historical bytes of Token2 keys.
const TOKEN2: &[u8] = &[0x86, 0x8E];

impl<'a> Atr<'a> {
    /// The historical bytes.
    pub fn historical(self) -> &'a [u8] {
        let Some((_, [format, interface @ ..])) = self.0.split_first() else {
            return &[];
        };
        let length = usize::from(format & 0x0F);
        let mut rest = interface;
        let mut present = format >> 4;
        loop {
            let here = present.count_ones();
            let more = present & 0x08 != 0;
            let Some((bytes, after)) = usize::try_from(here).ok().and_then(|here| rest.split_at_checked(here)) else {
                return &[];
            };
            rest = after;
            match bytes.last() {
                Some(next) if more => present = next >> 4,
                _ => break,
            }
        }
        rest.get(..length).unwrap_or_default()
    }

    /// Whether this is the form that PC/SC gives to contactless cards (part 3, section 3.1.3.2.3): `3B 8n 80 01`.
    pub fn is_contactless(self) -> bool {
        matches!(self.0, [0x3B, format, 0x80, 0x01, ..] if format & 0xF0 == 0x80)
    }

    /// Whether this is a memory card: nothing on it could speak CTAP.
    pub fn is_storage(self) -> bool {
        self.historical().starts_with(STORAGE_CARD)
    }

    /// Whether the card says that it takes extended length fields.
    pub fn takes_extended_length(self) -> bool {
        let Some((0x80 | 0x00, objects)) = self.historical().split_first() else {
            return false;
        };
        let mut rest = objects;
        while let Some((tag, after)) = rest.split_first() {
            let Some((value, next)) = after.split_at_checked(usize::from(tag & 0x0F)) else {
                return false;
            };
            if *tag == CAPABILITIES {
                return value.last().is_some_and(|byte| byte & EXTENDED_LENGTH != 0);
            }
            rest = next;
        }
        false
    }

    /// The maker, where the card names one: the only keys that are asked a maker's own commands over a reader.
    pub fn maker(self) -> Option<&'static str> {
        let historical = self.historical();
        if historical.windows(7).any(|window| window == b"YubiKey") {
            Some("YubiKey")
        } else if historical.starts_with(TOKEN2) {
            Some("Token2")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cards_say() {
        let yubikey_nfc = "3B8D80018073C021C057597562694B65797B";
        let yubikey_usb = "3BFD1300008131FE158073C021C057597562694B657940";
        let rows = [
            (yubikey_nfc, true, false, true, Some("YubiKey")),
            (yubikey_usb, false, false, true, Some("YubiKey")),
            ("3B80800101", true, false, false, None),
            ("3B8F8001804F0CA000000306030001000000006A", true, true, false, None),
            ("3B8F8001868E002600000031323334353637380000", true, false, false, Some("Token2")),
            ("3B8F8001", true, false, false, None),
            ("3B", false, false, false, None),
            ("", false, false, false, None),
            ("3BFF", false, false, false, None),
            ("3B8480018073C0", true, false, false, None),
        ];
        for (hex, contactless, storage, extended, maker) in rows {
            let bytes: Vec<u8> =
                hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
            let atr = Atr(&bytes);
            let said = (atr.is_contactless(), atr.is_storage(), atr.takes_extended_length(), atr.maker());
            assert_eq!(said, (contactless, storage, extended, maker), "{hex}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let atr = Atr(&bytes);
            let _ = (atr.historical(), atr.is_contactless(), atr.is_storage(), atr.takes_extended_length(), atr.maker());
        }
    }
}
