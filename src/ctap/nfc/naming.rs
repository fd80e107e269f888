//! What a reader's name and a card's answer to reset tell about the link.

use super::atr::Atr;
use crate::ctap::{Link, LinkKind};

/// In the names of readers that are the inside of a key: its own CCID interface.
const KEYS_WITH_A_READER: [&str; 4] = ["yubikey", "nitrokey", "solokeys", "canokey"];

/// The link to a card with this answer to reset in this reader; `None` for memory cards.
///
/// It is a contactless one if the ATR has the form that PC/SC gives to contactless cards and the reader is not itself a key. A
/// key's own CCID interface and a card in a slot are [`LinkKind::SmartCard`]: power is ours to switch there.
pub fn card_link(reader: &str, atr: &[u8]) -> Option<Link> {
    let atr = Atr(atr);
    let kind = if atr.is_contactless() && !reader_is_key(reader) { LinkKind::Nfc } else { LinkKind::SmartCard };
    (!atr.is_storage()).then(|| Link {
        kind,
        path: reader.to_owned(),
        vendor_id: None,
        product_id: None,
        product: atr.maker().map(str::to_owned),
        usb_serial: None,
        port: Some(reader.to_owned()),
    })
}

/// Whether a reader of this name is the inside of a key.
pub(in crate::ctap) fn reader_is_key(reader: &str) -> bool {
    let name = reader.to_lowercase();
    KEYS_WITH_A_READER.iter().any(|key| name.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let contactless: &[u8] = &[0x3B, 0x80, 0x80, 0x01, 0x01];
        let yubikey: &[u8] = b"\x3B\xFD\x13\x00\x00\x81\x31\xFE\x15\x80\x73\xC0\x21\xC0\x57YubiKey\x40";
        let storage: &[u8] = &[0x3B, 0x8F, 0x80, 0x01, 0x80, 0x4F, 0x0C, 0xA0, 0, 0, 3, 6, 3, 0, 1, 0, 0, 0, 0, 0x6A];
        let rows: [(&str, &[u8], _); 6] = [
            ("ACS ACR122U 00 00", contactless, Some((LinkKind::Nfc, None))),
            ("Yubico YubiKey OTP+FIDO+CCID 00 00", yubikey, Some((LinkKind::SmartCard, Some("YubiKey")))),
            ("Nitrokey Nitrokey 3 [CCID/ICCD Interface] 00 00", contactless, Some((LinkKind::SmartCard, None))),
            ("Identiv uTrust 2700 R 00 00", &[0x3B, 0x00], Some((LinkKind::SmartCard, None))),
            ("ACS ACR122U 00 00", storage, None),
            ("", &[], Some((LinkKind::SmartCard, None))),
        ];
        for (reader, atr, expected) in rows {
            let link = card_link(reader, atr);
            assert_eq!(link.as_ref().map(|link| (link.kind, link.product.as_deref())), expected, "{reader}");
        }
    }
}
