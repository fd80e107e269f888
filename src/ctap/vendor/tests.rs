//! Makers' commands against a key that answers them from a list.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{FormFactor, YubiKey, serial, yubikey};
use crate::ctap::LinkKind::{Nfc, SmartCard, Usb};
use crate::ctap::{Cancel, Link, LinkError, LinkFacts, LinkKind, PowerCycle, Serial, Transport, Turn, VendorCall};

type Answer = Result<Vec<u8>, LinkError>;
/// What it is, the key, the expected serial number, what it is asked.
type Row = (&'static str, Key, Result<Option<Serial>, LinkError>, &'static [&'static str]);

/// A key that takes vendor commands only. What was asked is kept as text.
struct Key {
    link: Link,
    version: Option<(u8, u8, u8)>,
    answers: Vec<Answer>,
    asked: Vec<String>,
}

impl Transport for Key {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        LinkFacts { version: self.version, wink: false }
    }

    fn exchange(&mut self, _: &[u8], _: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        Err(LinkError::Unsupported("CTAP"))
    }

    fn vendor(&mut self, call: VendorCall<'_>, _: &mut Turn<'_>) -> Answer {
        self.asked.push(match call {
            VendorCall::Hid { command, data } => format!("{command:02x} {data:02x?}"),
            VendorCall::Card { aid, header, .. } => format!("{:02x?} {header:02x?}", aid.and_then(<[u8]>::last)),
        });
        if self.answers.is_empty() { Err(LinkError::Unsupported("vendor command")) } else { self.answers.remove(0) }
    }

    fn wink(&mut self, _: &mut Turn<'_>) -> Result<(), LinkError> {
        Ok(())
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        Ok(PowerCycle::NeedsHands)
    }
}

fn key(kind: LinkKind, ids: (u16, u16), product: &str, answers: Vec<Answer>) -> Key {
    let link = Link {
        kind,
        path: "path".into(),
        vendor_id: Some(ids.0).filter(|id| *id != 0),
        product_id: Some(ids.1).filter(|id| *id != 0),
        product: Some(product.into()),
        usb_serial: None,
        port: None,
    };
    Key { link, version: None, answers, asked: Vec::new() }
}

fn with_turn<T>(act: impl FnOnce(&mut Turn<'_>) -> T) -> T {
    act(&mut Turn { budget: Duration::from_secs(1), cancel: &Cancel::new(), on_wait: &mut |_| {} })
}

const YUBICO: (u16, u16) = (0x1050, 0x0407);
const SOLO: (u16, u16) = (0x1209, 0xBEEE);
const TOKEN2: (u16, u16) = (0x349E, 0x0026);
const NONE: (u16, u16) = (0, 0);

#[expect(clippy::unnecessary_wraps, reason = "an answer, as the others")]
fn page(tags: &[u8]) -> Answer {
    Ok([&[u8::try_from(tags.len()).unwrap()], tags].concat())
}

#[test]
fn serials() {
    let number = || page(&[2, 4, 0x00, 0xBC, 0x61, 0x4E]);
    let uuid = || Ok((0x10..0x20).collect::<Vec<u8>>());
    let token2 = |text: &str| Ok([&[0xD1, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat());
    let refused = || Err(LinkError::Refused(0x6985));
    let found = |text: &str| Ok(Some(Serial(text.into())));
    let rows: Vec<Row> = vec![
        ("YubiKey on USB", key(Usb, YUBICO, "", vec![number()]), found("12345678"), &["42 [00]"]),
        ("YubiKey on NFC", key(Nfc, NONE, "YubiKey", vec![number()]), found("12345678"), &["Some(17) [00, 1d, 00, 00]"]),
        ("YubiKey, CCID", key(SmartCard, NONE, "YubiKey", vec![number()]), found("12345678"), &["Some(17) [00, 1d, 00, 00]"]),
        (
            "on the second page",
            key(Usb, YUBICO, "", vec![page(&[0x10, 1, 1]), number()]),
            found("12345678"),
            &["42 [00]", "42 [01]"],
        ),
        (
            "pages for ever",
            key(Usb, YUBICO, "", vec![page(&[0x10, 1, 1, 1, 1, 0]); 99]),
            Ok(None),
            &["42 [00]", "42 [01]", "42 [02]", "42 [03]", "42 [04]", "42 [05]", "42 [06]", "42 [07]"],
        ),
        ("Security Key without a number", key(Usb, YUBICO, "", vec![page(&[4, 1, 0x41])]), Ok(None), &["42 [00]"]),
        ("number zero", key(Usb, YUBICO, "", vec![page(&[2, 4, 0, 0, 0, 0])]), Ok(None), &["42 [00]"]),
        ("number of nine bytes", key(Usb, YUBICO, "", vec![page(&[2, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1])]), Ok(None), &["42 [00]"]),
        ("YubiKey that refuses", key(Usb, YUBICO, "", vec![]), Ok(None), &["42 [00]"]),
        ("YubiKey that talks nonsense", key(Usb, YUBICO, "", vec![Ok(vec![9])]), Ok(None), &["42 [00]"]),
        ("gone", key(Usb, YUBICO, "", vec![Err(LinkError::Gone)]), Err(LinkError::Gone), &["42 [00]"]),
        ("Solo 2", key(Usb, SOLO, "", vec![uuid()]), found("101112131415161718191A1B1C1D1E1F"), &["62 []"]),
        ("first Trussed firmware", key(Usb, SOLO, "", vec![Ok(vec![])]), Ok(None), &["62 []"]),
        ("a short UUID", key(Usb, SOLO, "", vec![Ok(vec![1; 15])]), Ok(None), &["62 []"]),
        (
            "Token2, OTP applet",
            key(Nfc, NONE, "Token2", vec![token2("8659123456789")]),
            found("8659123456789"),
            &["Some(01) [80, 33, 00, 00]"],
        ),
        (
            "Token2, FIDO applet",
            key(Nfc, NONE, "Token2", vec![refused(), token2("3132A4")]),
            found("3132A4"),
            &["Some(01) [80, 33, 00, 00]", "None [80, 33, 00, 00]"],
        ),
        (
            "Token2 that talks nonsense",
            key(Nfc, NONE, "Token2", vec![Ok(vec![0xD1, 9, 1])]),
            Ok(None),
            &["Some(01) [80, 33, 00, 00]"],
        ),
        (
            "Token2 with control characters",
            key(Nfc, NONE, "Token2", vec![token2("\u{1b}[2J")]),
            Ok(None),
            &["Some(01) [80, 33, 00, 00]"],
        ),
        ("Token2 on USB is not asked", key(Usb, TOKEN2, "YubiKey", vec![number()]), Ok(None), &[]),
        ("unknown maker on USB is not asked", key(Usb, (0x096E, 0x0858), "YubiKey", vec![number()]), Ok(None), &[]),
        ("unknown card is not asked", key(Nfc, NONE, "", vec![number()]), Ok(None), &[]),
    ];
    for (name, mut key, expected, asked) in rows {
        assert_eq!(with_turn(|turn| serial(&mut key, turn)), expected, "{name}");
        assert_eq!(key.asked, asked, "{name}");
    }
}

#[test]
fn yubikey_facts() {
    let tags = [
        &[0x02, 4, 0, 0, 0, 7][..],
        &[0x04, 1, 0xC7],
        &[0x05, 3, 5, 7, 4],
        &[0x13, 2, b'A', b'1'],
        &[0x16, 1, 1],
        &[0x17, 1, 1],
        &[0x18, 2, 0x02, 0x00],
        &[0x77, 1, 1],
    ];
    let expected = YubiKey {
        serial: Some(7),
        firmware: Some((5, 7, 4)),
        form_factor: FormFactor::UsbCBio,
        security_key: true,
        fips: true,
        part_number: Some("A1".into()),
        pin_complexity: true,
        nfc_restricted: true,
        reset_blocked: true,
    };
    let mut all = key(Usb, YUBICO, "", vec![page(&tags.concat())]);
    assert_eq!(with_turn(|turn| yubikey(&mut all, turn)), Ok(Some(expected)));

    // Blocked for PIV (0x10) is not blocked for FIDO2; the version of CTAPHID stands in for a missing one.
    let mut few = key(Usb, YUBICO, "", vec![page(&[0x18, 2, 0x00, 0x10])]);
    few.version = Some((5, 4, 3));
    let told = with_turn(|turn| yubikey(&mut few, turn)).unwrap().unwrap();
    assert_eq!((told.firmware, told.reset_blocked, told.form_factor), (Some((5, 4, 3)), false, FormFactor::Other(0)));

    for (version, asked) in [((4, 0, 9), 0), ((3, 4, 0), 0), ((4, 1, 0), 1), ((0, 0, 1), 1)] {
        let mut old = key(Usb, YUBICO, "", vec![]);
        old.version = Some(version);
        assert_eq!(with_turn(|turn| yubikey(&mut old, turn)), Ok(None));
        assert_eq!(old.asked.len(), asked, "{version:?}");
    }
    let mut other = key(Usb, SOLO, "", vec![page(&[])]);
    assert_eq!(with_turn(|turn| yubikey(&mut other, turn)), Ok(None));
    assert!(other.asked.is_empty());
}
