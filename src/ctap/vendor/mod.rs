//! Makers' own commands that read a serial number. Only a key whose maker is known is asked: what another key does with such a command
//! is not known to anyone.
//!
//! Over a reader these select another applet for a moment, and a key may forget a PIN token by that: ask before a token is made.

mod yubikey;

pub use yubikey::{FormFactor, YubiKey};

use crate::ctap::{Link, LinkError, LinkKind, Serial, Transport, Turn, VendorCall};

const YUBICO: u16 = 0x1050;
/// Keys with Trussed firmware: Solo 2 (pid.codes), Nitrokey 3 and Nitrokey Passkey (Clay Logic).
const TRUSSED: [(u16, u16); 3] = [(0x1209, 0xBEEE), (0x20A0, 0x42B2), (0x20A0, 0x42F3)];

/// CTAPHID command of the Trussed admin application that answers with the UUID of the device.
const TRUSSED_UUID: u8 = 0x62;

const TOKEN2_OTP_AID: &[u8] = &[0xF0, 0x00, 0x00, 0x01, 0x4F, 0x74, 0x70, 0x01];
const TOKEN2_SERIAL: [u8; 4] = [0x80, 0x33, 0x00, 0x00];
const TOKEN2_TAG: u8 = 0xD1;
/// Sixteen bytes for the answer, under the tag that the answer has.
const TOKEN2_REQUEST: &[u8] = &[TOKEN2_TAG, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Longest serial number that is believed.
const LONGEST_SERIAL: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Maker {
    Yubico,
    Trussed,
    Token2,
}

impl Maker {
    /// On USB the ids tell; in a reader the card's answer to reset, or the name of a reader that is the key itself.
    fn of(link: &Link) -> Option<Self> {
        let product = link.product.as_deref().unwrap_or_default();
        match (link.kind, link.vendor_id, link.product_id) {
            (LinkKind::Usb, Some(YUBICO), _) => Some(Self::Yubico),
            (LinkKind::Usb, Some(vendor), Some(product)) if TRUSSED.contains(&(vendor, product)) => Some(Self::Trussed),
            (LinkKind::Usb, ..) => None,
            _ if product == "YubiKey" || link.path.to_lowercase().contains("yubikey") => Some(Self::Yubico),
            _ if product == "Token2" => Some(Self::Token2),
            _ => None,
        }
    }
}

/// The serial number that the key's maker gave it; `None` if the maker is not known, has no such command, or left it out in this model.
///
/// # Errors
/// [`LinkError`] if the link fails; a key that refuses the command or answers nonsense has no serial number.
pub fn serial(transport: &mut dyn Transport, turn: &mut Turn<'_>) -> Result<Option<Serial>, LinkError> {
    match Maker::of(transport.link()) {
        Some(Maker::Yubico) => {
            Ok(yubikey::read(transport, turn)?.and_then(|key| key.serial).map(|number| Serial(number.to_string())))
        }
        Some(Maker::Trussed) => trussed(transport, turn),
        Some(Maker::Token2) => token2(transport, turn),
        None => Ok(None),
    }
}

/// What a YubiKey says of itself; `None` for other keys and for those before firmware 4.1.
///
/// # Errors
/// As [`serial`].
pub fn yubikey(transport: &mut dyn Transport, turn: &mut Turn<'_>) -> Result<Option<YubiKey>, LinkError> {
    if Maker::of(transport.link()) == Some(Maker::Yubico) { yubikey::read(transport, turn) } else { Ok(None) }
}

/// One call; a refusal is no answer.
fn ask(transport: &mut dyn Transport, call: VendorCall<'_>, turn: &mut Turn<'_>) -> Result<Option<Vec<u8>>, LinkError> {
    match transport.vendor(call, turn) {
        Ok(answer) => Ok(Some(answer)),
        Err(LinkError::Unsupported(_) | LinkError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn trussed(transport: &mut dyn Transport, turn: &mut Turn<'_>) -> Result<Option<Serial>, LinkError> {
    let answer = ask(transport, VendorCall::Hid { command: TRUSSED_UUID, data: &[] }, turn)?;
    // The first firmware answers with nothing.
    let uuid = answer.and_then(|answer| <[u8; 16]>::try_from(answer).ok()).map(u128::from_be_bytes);
    Ok(uuid.filter(|uuid| *uuid != 0).map(|uuid| Serial(format!("{uuid:032X}"))))
}

/// The OTP applet gives the number that is printed on the key; models without it answer in the FIDO applet.
fn token2(transport: &mut dyn Transport, turn: &mut Turn<'_>) -> Result<Option<Serial>, LinkError> {
    for aid in [Some(TOKEN2_OTP_AID), None] {
        let call = VendorCall::Card { aid, header: TOKEN2_SERIAL, data: TOKEN2_REQUEST };
        if let Some(answer) = ask(transport, call, turn)? {
            return Ok(token2_serial(&answer));
        }
    }
    Ok(None)
}

fn token2_serial(answer: &[u8]) -> Option<Serial> {
    let (TOKEN2_TAG, [length, rest @ ..]) = answer.split_first().map(|(tag, rest)| (*tag, rest))? else {
        return None;
    };
    let text = str::from_utf8(rest.get(..usize::from(*length))?).ok()?.trim_matches(['\0', ' ']);
    let believed = !text.is_empty() && text.len() <= LONGEST_SERIAL && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    believed.then(|| Serial(text.to_owned()))
}

#[cfg(test)]
mod tests;
