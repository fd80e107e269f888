//! What makes the engine look like another model: edits of getInfo, and commands refused at the wire.

use std::time::Duration;

use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decoder, Encoder};

use super::model::{Model, Protocols};

const MAKE_CREDENTIAL: u8 = 0x01;
const GET_ASSERTION: u8 = 0x02;
const GET_INFO: u8 = 0x04;
const CLIENT_PIN: u8 = 0x06;
const RESET: u8 = 0x07;
const CREDENTIAL_MANAGEMENT: u8 = 0x0A;
const SELECTION: u8 = 0x0B;
const LARGE_BLOBS: u8 = 0x0C;
const CONFIG: u8 = 0x0D;
const CREDENTIAL_MANAGEMENT_PREVIEW: u8 = 0x41;

const INVALID_COMMAND: u8 = 0x01;
const INVALID_PARAMETER: u8 = 0x02;
const NOT_ALLOWED: u8 = 0x30;
const UNAUTHORIZED_PERMISSION: u8 = 0x40;

/// Permissions of a PIN token: credential management, authenticatorConfig.
const MANAGE: u8 = 0x04;
const CONFIGURE: u8 = 0x20;

/// The subcommand of a request whose command has subcommands.
pub(super) fn subcommand(request: &[u8]) -> Option<u8> {
    let key = match request.first()? {
        &CLIENT_PIN => 2,
        &CREDENTIAL_MANAGEMENT | &CREDENTIAL_MANAGEMENT_PREVIEW | &CONFIG => 1,
        _ => return None,
    };
    parameter(request, key)
}

/// A small number among the parameters.
fn parameter(request: &[u8], key: u8) -> Option<u8> {
    let mut decoder = Decoder::new(request.get(1..)?);
    let length = decoder.map().ok()??;
    for _ in 0..length {
        if decoder.u8().ok()? == key {
            return decoder.u8().ok();
        }
        decoder.skip().ok()?;
    }
    None
}

/// The status with which this model refuses the request before the engine sees it.
pub(super) fn refusal(model: &Model, request: &[u8], since_power_up: Duration) -> Option<u8> {
    match *request.first()? {
        CONFIG if !model.forced_change => Some(INVALID_COMMAND),
        CREDENTIAL_MANAGEMENT | CREDENTIAL_MANAGEMENT_PREVIEW if !model.credential_management => Some(INVALID_COMMAND),
        SELECTION | LARGE_BLOBS if model.ctap_2_0 => Some(INVALID_COMMAND),
        // Subcommands from getUvRetries on came with CTAP 2.1.
        CLIENT_PIN if model.ctap_2_0 && subcommand(request).is_some_and(|sub| sub > 5) => Some(INVALID_PARAMETER),
        CLIENT_PIN if model.protocols == Protocols::OneOnly && parameter(request, 1) == Some(2) => Some(INVALID_PARAMETER),
        CLIENT_PIN if parameter(request, 9).is_some_and(|wanted| wanted & missing_permissions(model) != 0) => {
            Some(UNAUTHORIZED_PERMISSION)
        }
        RESET if since_power_up >= model.reset_window => Some(NOT_ALLOWED),
        _ => None,
    }
}

/// Permissions for commands that the model does not have.
fn missing_permissions(model: &Model) -> u8 {
    let manage = if model.credential_management { 0 } else { MANAGE };
    manage | if model.forced_change { 0 } else { CONFIGURE }
}

/// The reply as this model gives it.
pub(super) fn reply(model: &Model, request: &[u8], reply: Vec<u8>) -> Vec<u8> {
    match request.first() {
        Some(&GET_INFO) => match reply.split_first() {
            Some((0, body)) => edited_info(model, body).unwrap_or(reply),
            _ => reply,
        },
        _ => reply,
    }
}

/// getInfo with members as raw spans, in the order of the wire.
struct Members(Vec<(u8, Vec<u8>)>);

impl Members {
    fn read(body: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(body);
        let length = decoder.map()?.unwrap_or(0);
        let mut members = Vec::new();
        for _ in 0..length {
            let key = decoder.u8()?;
            let start = decoder.position();
            decoder.skip()?;
            members.push((key, body.get(start..decoder.position()).unwrap_or_default().to_vec()));
        }
        Ok(Self(members))
    }

    fn remove(&mut self, keys: &[u8]) {
        self.0.retain(|(key, _)| !keys.contains(key));
    }

    fn set(&mut self, key: u8, value: Encoder<Vec<u8>>) {
        self.remove(&[key]);
        self.0.push((key, value.into_writer()));
        self.0.sort_by_key(|(key, _)| *key);
    }

    /// Drops entries of a map or of an array of texts by name.
    fn drop_named(&mut self, key: u8, names: &[&str]) -> Result<(), DecodeError> {
        let Some((_, span)) = self.0.iter_mut().find(|(found, _)| *found == key) else { return Ok(()) };
        let mut decoder = Decoder::new(span);
        let is_map = decoder.datatype()? == Type::Map;
        let length = if is_map { decoder.map()? } else { decoder.array()? };
        let mut kept = Vec::new();
        for _ in 0..length.unwrap_or(0) {
            let start = decoder.position();
            let name = decoder.str()?;
            if is_map {
                decoder.skip()?;
            }
            if !names.contains(&name) {
                kept.push(span.get(start..decoder.position()).unwrap_or_default());
            }
        }
        let mut head = Encoder::new(Vec::new());
        let count = u64::try_from(kept.len()).unwrap_or(u64::MAX);
        // Writing to a vector cannot fail.
        let _ = if is_map { head.map(count) } else { head.array(count) };
        let mut edited = head.into_writer();
        for entry in kept {
            edited.extend_from_slice(entry);
        }
        *span = edited;
        Ok(())
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Encoder::new(vec![0]);
        let _ = out.map(u64::try_from(self.0.len()).unwrap_or(u64::MAX));
        for (key, span) in &self.0 {
            let _ = out.u8(*key);
            out.writer_mut().extend_from_slice(span);
        }
        out.into_writer()
    }
}

/// A getInfo member, written by one encoder call that cannot fail on a vector.
macro_rules! member {
    ($($call:ident($($argument:expr)?)).+) => {{
        let mut encoder = Encoder::new(Vec::new());
        let _ = encoder.$($call($($argument)?)).+;
        encoder
    }};
}

fn texts(all: &[&str]) -> Encoder<Vec<u8>> {
    let mut encoder = Encoder::new(Vec::new());
    let _ = encoder.encode(all);
    encoder
}

fn edited_info(model: &Model, body: &[u8]) -> Option<Vec<u8>> {
    let mut info = Members::read(body).ok()?;
    info.set(0x09, texts(&["usb", "nfc"]));
    let (major, minor, build) = model.firmware;
    info.set(0x0E, member!(u32(u32::from_be_bytes([0, major, minor, build]))));
    if model.long_touch {
        info.set(0x18, member!(bool(true)));
    }
    if let Some(maximum) = model.maximum_pin {
        info.set(0x1D, member!(u8(maximum)));
    }
    if !model.forced_change {
        info.remove(&[0x0C, 0x10]);
        info.drop_named(0x04, &["authnrCfg", "setMinPINLength", "uvAcfg"]).ok()?;
        info.drop_named(0x02, &["minPinLength"]).ok()?;
    }
    if !model.credential_management {
        info.drop_named(0x04, &["credMgmt"]).ok()?;
    }
    if model.protocols == Protocols::OneOnly {
        let mut one = Encoder::new(Vec::new());
        let _ = one.encode([1_u8]);
        info.set(0x06, one);
    }
    if model.ctap_2_0 {
        info.set(0x01, texts(&["U2F_V2", "FIDO_2_0"]));
        info.drop_named(0x02, &["credProtect", "credBlob", "largeBlobKey"]).ok()?;
        info.drop_named(0x04, &["pinUvAuthToken", "largeBlobs", "makeCredUvNotRqd", "alwaysUv", "ep"]).ok()?;
        info.0.retain(|(key, _)| *key <= 0x06);
    }
    Some(info.write())
}

/// Whether the command asks for a touch.
pub(super) fn wants_touch(request: &[u8]) -> bool {
    matches!(request.first(), Some(&(MAKE_CREDENTIAL | GET_ASSERTION | RESET | SELECTION)))
}

/// Whether it is a reset.
pub(super) fn is_reset(request: &[u8]) -> bool {
    request.first() == Some(&RESET)
}

/// Whether it sets or changes the PIN.
pub(super) fn sets_pin(request: &[u8]) -> bool {
    request.first() == Some(&CLIENT_PIN) && matches!(subcommand(request), Some(3 | 4))
}
