//! Which physical key is this? The ladder of `docs/flow.md`, strongest rung first.
//!
//! [`KeyIdentity`] has no equality: two keys whose identities are unknown must never be taken for one.

use serde::{Deserialize, Serialize};

use super::{Aaguid, LinkKind};

/// USB serial numbers that are the same on every unit of a model (OnlyKey).
const CONSTANT_USB_SERIALS: &[&str] = &["1000000000"];

/// A serial number that the key itself reported to a maker's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Serial(pub String);

/// Everything that tells one key from another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct KeyIdentity {
    /// Kind of link over which the rest was read.
    pub link: LinkKind,
    /// The maker's serial number.
    pub serial: Option<Serial>,
    /// USB `iSerial`.
    pub usb_serial: Option<String>,
    /// Physical port or reader.
    pub port: Option<String>,
    /// Model.
    pub aaguid: Aaguid,
    /// SHA-256 in hex over the members of getInfo that no command changes.
    pub fingerprint: String,
    /// SHA-256 in hex over getInfo as a whole, but for what changes by itself.
    #[serde(default)]
    pub state: String,
}

/// How far apart in time the two looks were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Out and in again, watched by us: the port means something.
    Replug,
    /// Another run, perhaps another day: the port means nothing.
    Later,
}

/// The rung that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The maker's serial number.
    Serial,
    /// The USB serial number.
    UsbSerial,
    /// The physical port or the reader.
    Port,
    /// The stable part of getInfo.
    Fingerprint,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// The same key, as far as this rung goes.
    Same(Rung),
    /// Certainly another key.
    Different(Rung),
    /// Nothing tells them apart, nothing proves them equal: ask a person.
    Unknown,
}

impl KeyIdentity {
    /// Compares what was read now with what was read before. A contradiction on any rung wins over agreement on another.
    pub fn compare(&self, before: &Self, look: Look) -> Sameness {
        if self.fingerprint != before.fingerprint || self.aaguid != before.aaguid {
            return Sameness::Different(Rung::Fingerprint);
        }
        if self.serial != before.serial {
            return Sameness::Different(Rung::Serial);
        }
        if self.link == before.link && self.usb_serial != before.usb_serial {
            return Sameness::Different(Rung::UsbSerial);
        }
        if self.serial.is_some() {
            return Sameness::Same(Rung::Serial);
        }
        if self.link == before.link && self.telling_usb_serial().is_some() {
            return Sameness::Same(Rung::UsbSerial);
        }
        if look == Look::Later {
            return Sameness::Unknown;
        }
        // A port alone would let another unit of the model pass: it has to be in the same state as well.
        if self.state != before.state {
            return Sameness::Different(Rung::Fingerprint);
        }
        if self.link == before.link && self.port.is_some() && self.port == before.port {
            return Sameness::Same(Rung::Port);
        }
        Sameness::Unknown
    }

    /// The serial number to show and to record: the maker's, else a telling USB serial.
    pub fn shown_serial(&self) -> Option<&str> {
        self.serial.as_ref().map(|serial| serial.0.as_str()).or_else(|| self.telling_usb_serial())
    }

    fn telling_usb_serial(&self) -> Option<&str> {
        self.usb_serial.as_deref().filter(|serial| !serial.is_empty() && !CONSTANT_USB_SERIALS.contains(serial))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(serial: Option<&str>, usb: Option<&str>, port: Option<&str>, fingerprint: &str) -> KeyIdentity {
        KeyIdentity {
            link: LinkKind::Usb,
            serial: serial.map(|text| Serial(text.into())),
            usb_serial: usb.map(Into::into),
            port: port.map(Into::into),
            aaguid: Aaguid([1; 16]),
            fingerprint: fingerprint.into(),
            state: "s".into(),
        }
    }

    #[test]
    fn another_unit_in_the_same_port() {
        let before = key(None, None, Some("1-1"), "f");
        let other = KeyIdentity { state: "t".into(), ..before.clone() };
        assert_eq!(other.compare(&before, Look::Replug), Sameness::Different(Rung::Fingerprint));
        assert_eq!(other.compare(&before, Look::Later), Sameness::Unknown);
        let known = KeyIdentity { serial: Some(Serial("1".into())), ..before };
        let changed = KeyIdentity { state: "t".into(), ..known.clone() };
        assert_eq!(changed.compare(&known, Look::Replug), Sameness::Same(Rung::Serial));
    }

    #[test]
    fn ladder() {
        use Look::{Later, Replug};
        use Sameness::{Different, Same, Unknown};
        let rows = [
            (key(Some("1"), None, Some("1-1"), "f"), key(Some("1"), None, Some("1-2"), "f"), Replug, Same(Rung::Serial)),
            (key(Some("1"), None, Some("1-1"), "f"), key(Some("2"), None, Some("1-1"), "f"), Replug, Different(Rung::Serial)),
            (key(Some("1"), None, Some("1-1"), "f"), key(None, None, Some("1-1"), "f"), Replug, Different(Rung::Serial)),
            (key(None, Some("a"), None, "f"), key(None, Some("a"), None, "f"), Later, Same(Rung::UsbSerial)),
            (key(None, Some("a"), None, "f"), key(None, Some("b"), None, "f"), Later, Different(Rung::UsbSerial)),
            (key(None, Some("1000000000"), None, "f"), key(None, Some("1000000000"), None, "f"), Later, Unknown),
            (key(None, None, Some("1-1"), "f"), key(None, None, Some("1-1"), "f"), Replug, Same(Rung::Port)),
            (key(None, None, Some("1-1"), "f"), key(None, None, Some("1-1"), "f"), Later, Unknown),
            (key(None, None, Some("1-1"), "f"), key(None, None, Some("1-2"), "f"), Replug, Unknown),
            (key(None, None, None, "f"), key(None, None, None, "f"), Replug, Unknown),
            (
                key(Some("1"), None, Some("1-1"), "f"),
                key(Some("1"), None, Some("1-1"), "g"),
                Replug,
                Different(Rung::Fingerprint),
            ),
        ];
        for (index, (now, before, look, expected)) in rows.iter().enumerate() {
            assert_eq!(now.compare(before, *look), *expected, "row {index}");
        }
    }
}
