//! The management application of YubiKeys: device information in pages of tag, length and value.

use std::collections::BTreeMap;
use std::fmt;

use super::ask;
use crate::ctap::{LinkError, LinkKind, Transport, Turn, VendorCall};

const READ_HID: u8 = 0x42;
const MANAGEMENT_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];
const READ_CARD: u8 = 0x1D;
/// Pages that are read; keys have one or two.
const MOST_PAGES: u8 = 8;

const SERIAL: u8 = 0x02;
const FORM_FACTOR: u8 = 0x04;
const VERSION: u8 = 0x05;
const MORE_DATA: u8 = 0x10;
const PART_NUMBER: u8 = 0x13;
const PIN_COMPLEXITY: u8 = 0x16;
const NFC_RESTRICTED: u8 = 0x17;
const RESET_BLOCKED: u8 = 0x18;

const IS_FIPS: u8 = 0x80;
const IS_SECURITY_KEY: u8 = 0x40;
const FIDO2: u64 = 0x0200;

/// The shape of a YubiKey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormFactor {
    /// USB-A, for a key ring.
    UsbAKeychain,
    /// USB-A, stays in the port.
    UsbANano,
    /// USB-C, for a key ring.
    UsbCKeychain,
    /// USB-C, stays in the port.
    UsbCNano,
    /// USB-C and Lightning.
    UsbCLightning,
    /// USB-A with a fingerprint sensor.
    UsbABio,
    /// USB-C with a fingerprint sensor.
    UsbCBio,
    /// Another code.
    Other(u8),
}

impl FormFactor {
    fn from_code(code: u8) -> Self {
        match code {
            1 => Self::UsbAKeychain,
            2 => Self::UsbANano,
            3 => Self::UsbCKeychain,
            4 => Self::UsbCNano,
            5 => Self::UsbCLightning,
            6 => Self::UsbABio,
            7 => Self::UsbCBio,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for FormFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsbAKeychain => f.write_str("USB-A keychain"),
            Self::UsbANano => f.write_str("USB-A nano"),
            Self::UsbCKeychain => f.write_str("USB-C keychain"),
            Self::UsbCNano => f.write_str("USB-C nano"),
            Self::UsbCLightning => f.write_str("USB-C and Lightning"),
            Self::UsbABio => f.write_str("USB-A Bio"),
            Self::UsbCBio => f.write_str("USB-C Bio"),
            Self::Other(code) => write!(f, "form factor {code}"),
        }
    }
}

/// What a YubiKey says of itself, as far as an enrolment needs it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YubiKey {
    /// The number that is printed on it; most of the Security Key series have none.
    pub serial: Option<u32>,
    /// Firmware version.
    pub firmware: Option<(u8, u8, u8)>,
    /// Its shape.
    pub form_factor: FormFactor,
    /// Of the Security Key series.
    pub security_key: bool,
    /// Of the FIPS series.
    pub fips: bool,
    /// Part number, from firmware 5.7.
    pub part_number: Option<String>,
    /// It refuses weak PINs (CTAP status 0x37).
    pub pin_complexity: bool,
    /// NFC is off until the key was in a USB port once.
    pub nfc_restricted: bool,
    /// A FIDO reset is refused until the other applications of a multi-protocol Bio are reset as well.
    pub reset_blocked: bool,
}

type Tags = BTreeMap<u8, Vec<u8>>;

pub(super) fn read(transport: &mut dyn Transport, turn: &mut Turn<'_>) -> Result<Option<YubiKey>, LinkError> {
    let facts = transport.facts();
    // Before firmware 4.1 there is no such command. Version 0 is what a key says that does not tell.
    if facts.version.is_some_and(|(major, minor, _)| major > 0 && (major, minor) < (4, 1)) {
        return Ok(None);
    }
    let mut tags = Tags::new();
    for page in 0..MOST_PAGES {
        let call = match transport.link().kind {
            LinkKind::Usb => VendorCall::Hid { command: READ_HID, data: &[page] },
            LinkKind::Nfc | LinkKind::SmartCard => {
                VendorCall::Card { aid: Some(MANAGEMENT_AID), header: [0x00, READ_CARD, page, 0x00], data: &[] }
            }
        };
        let Some(answer) = ask(transport, call, turn)? else { break };
        let Some(mut found) = parse(&answer) else {
            log::debug!("{}: device information that makes no sense", transport.link().path);
            return Ok(None);
        };
        let more = found.remove(&MORE_DATA).is_some_and(|value| value == [1]);
        tags.extend(found);
        if !more {
            break;
        }
    }
    Ok((!tags.is_empty()).then(|| told(&tags, facts.version)))
}

/// One page: its length, then tags. `None` if anything sticks out.
fn parse(page: &[u8]) -> Option<Tags> {
    let (length, rest) = page.split_first()?;
    let mut rest = rest.get(..usize::from(*length))?;
    let mut tags = Tags::new();
    while let Some((tag, after)) = rest.split_first() {
        let (length, after) = match after.split_first()? {
            (0x81, after) => after.split_first()?,
            (0x80.., _) => return None,
            short => short,
        };
        let (value, next) = after.split_at_checked(usize::from(*length))?;
        tags.insert(*tag, value.to_vec());
        rest = next;
    }
    Some(tags)
}

fn told(tags: &Tags, default_version: Option<(u8, u8, u8)>) -> YubiKey {
    let number = |tag| {
        let bytes = tags.get(&tag).filter(|value| value.len() <= 8)?;
        Some(bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let is_set = |tag| number(tag) == Some(1);
    let form = number(FORM_FACTOR).and_then(|form| u8::try_from(form).ok()).unwrap_or_default();
    let version = tags.get(&VERSION).and_then(|value| match value.as_slice() {
        [major, minor, patch] => Some((*major, *minor, *patch)),
        _ => None,
    });
    let part_number = tags.get(&PART_NUMBER).and_then(|value| String::from_utf8(value.clone()).ok());
    YubiKey {
        serial: number(SERIAL).and_then(|serial| u32::try_from(serial).ok()).filter(|serial| *serial != 0),
        firmware: version.or(default_version),
        form_factor: FormFactor::from_code(form & 0x0F),
        security_key: form & IS_SECURITY_KEY != 0,
        fips: form & IS_FIPS != 0,
        part_number: part_number.filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())),
        pin_complexity: is_set(PIN_COMPLEXITY),
        nfc_restricted: is_set(NFC_RESTRICTED),
        reset_blocked: number(RESET_BLOCKED).is_some_and(|blocked| blocked & FIDO2 != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let rows: [(&[u8], Option<usize>); 8] = [
            (&[0], Some(0)),
            (&[6, 2, 4, 0, 1, 2, 3], Some(1)),
            (&[7, 2, 0x81, 4, 0, 1, 2, 3], Some(1)),
            (&[3, 4, 1, 1, 0xFF], Some(1)),
            (&[7, 2, 4, 0, 1, 2, 3], None),
            (&[6, 2, 5, 0, 1, 2, 3], None),
            (&[2, 2, 0x82], None),
            (&[], None),
        ];
        for (page, expected) in rows {
            assert_eq!(parse(page).map(|tags| tags.len()), expected, "{page:02x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_page(bytes: Vec<u8>) {
            if let Some(tags) = parse(&bytes) {
                let _ = told(&tags, None);
            }
        }
    }
}
