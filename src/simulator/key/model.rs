//! Models that the training key imitates: what getInfo says of them and which commands they refuse.

use std::time::Duration;

use crate::aaguid::Aaguid;

use super::attestation;

/// Which PIN/UV auth protocols a model speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// Two and one, two preferred.
    Both,
    /// Two only.
    TwoOnly,
    /// One only, as CTAP 2.0 has it.
    OneOnly,
}

/// One model. Start from a constant and change fields with struct update to make another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent trait of a model, named as getInfo names it")]
pub struct Model {
    /// Stable name for files and flags, kebab-case.
    pub slug: &'static str,
    /// Product text, as the USB descriptor and a person would have it.
    pub name: &'static str,
    /// The model's id.
    pub aaguid: Aaguid,
    /// Attestation certificate (DER).
    pub leaf: &'static [u8],
    /// authenticatorConfig with forced change of the PIN.
    pub forced_change: bool,
    /// Shortest PIN in code points, 4 to 63.
    pub minimum_pin: u8,
    /// Longest PIN in code points; `None`: 63, and getInfo does not say.
    pub maximum_pin: Option<u8>,
    /// PIN/UV auth protocols.
    pub protocols: Protocols,
    /// User verification for everything, and no way to turn it off.
    pub always_uv: bool,
    /// Enterprise attestation can be switched on.
    pub enterprise_attestation: bool,
    /// authenticatorCredentialManagement.
    pub credential_management: bool,
    /// A reset wants a touch of five seconds.
    pub long_touch: bool,
    /// Everything of CTAP 2.1 and later is missing.
    pub ctap_2_0: bool,
    /// Serial number over the maker's command, and the maker's USB vendor id.
    pub maker_serial: bool,
    /// Serial number in the USB descriptor.
    pub usb_serial: bool,
    /// How long after power-up a reset is allowed, at most the engine's own 10 s.
    pub reset_window: Duration,
    /// Firmware version: major, minor, build.
    pub firmware: (u8, u8, u8),
    /// Status of a touch that did not come: 0x2F or 0x3A.
    pub no_touch_status: u8,
}

const fn model(slug: &'static str, name: &'static str, (aaguid, leaf): (Aaguid, &'static [u8])) -> Model {
    Model {
        slug,
        name,
        aaguid,
        leaf,
        forced_change: true,
        minimum_pin: 4,
        maximum_pin: None,
        protocols: Protocols::Both,
        always_uv: false,
        enterprise_attestation: false,
        credential_management: true,
        long_touch: false,
        ctap_2_0: false,
        maker_serial: true,
        usb_serial: false,
        reset_window: Duration::from_secs(10),
        firmware: (5, 7, 4),
        no_touch_status: 0x3A,
    }
}

impl Model {
    /// Everything that CTAP 2.1 has, and a serial number that the maker's command tells.
    pub const STANDARD: Self = Self { enterprise_attestation: true, ..model("standard", "Training Key", attestation::STANDARD) };
    /// Cannot force a change of the PIN: no authenticatorConfig.
    pub const NO_FORCED_CHANGE: Self = Self {
        forced_change: false,
        ..model("no-forced-change", "Training Key without forced change", attestation::NO_FORCED_CHANGE)
    };
    /// Shortest PIN: 6.
    pub const MINIMUM_PIN_6: Self =
        Self { minimum_pin: 6, ..model("minimum-pin-6", "Training Key, PIN from 6", attestation::MINIMUM_PIN_6) };
    /// Shortest PIN: 8.
    pub const MINIMUM_PIN_8: Self =
        Self { minimum_pin: 8, ..model("minimum-pin-8", "Training Key, PIN from 8", attestation::MINIMUM_PIN_8) };
    /// Longest PIN: 8.
    pub const MAXIMUM_PIN_8: Self =
        Self { maximum_pin: Some(8), ..model("maximum-pin-8", "Training Key, PIN to 8", attestation::MAXIMUM_PIN_8) };
    /// PIN/UV auth protocol two only.
    pub const PROTOCOL_TWO: Self =
        Self { protocols: Protocols::TwoOnly, ..model("protocol-two", "Training Key, protocol two", attestation::PROTOCOL_TWO) };
    /// alwaysUv is on and stays on.
    pub const ALWAYS_UV: Self = Self { always_uv: true, ..model("always-uv", "Training Key, always UV", attestation::ALWAYS_UV) };
    /// No credential management.
    pub const NO_CREDENTIAL_MANAGEMENT: Self = Self {
        credential_management: false,
        ..model("no-credential-management", "Training Key without lists", attestation::NO_CREDENTIAL_MANAGEMENT)
    };
    /// A reset wants a long touch.
    pub const LONG_TOUCH: Self =
        Self { long_touch: true, ..model("long-touch", "Training Key, long touch", attestation::LONG_TOUCH) };
    /// CTAP 2.0: no permissions, no configuration, no credential management; a reset window of 5 s.
    pub const CTAP_2_0: Self = Self {
        forced_change: false,
        credential_management: false,
        ctap_2_0: true,
        protocols: Protocols::OneOnly,
        reset_window: Duration::from_secs(5),
        firmware: (5, 1, 2),
        ..model("ctap-2-0", "Training Key, CTAP 2.0", attestation::CTAP_2_0)
    };
    /// Serial number only in the USB descriptor.
    pub const USB_SERIAL: Self = Self {
        maker_serial: false,
        usb_serial: true,
        firmware: (1, 0, 0),
        no_touch_status: 0x2F,
        ..model("usb-serial", "Training Key, USB serial", attestation::USB_SERIAL)
    };
    /// No serial number at all: only the port tells which key it is.
    pub const PORT_ONLY: Self = Self {
        maker_serial: false,
        firmware: (1, 0, 0),
        no_touch_status: 0x2F,
        ..model("port-only", "Training Key without serial", attestation::PORT_ONLY)
    };

    /// Every model, the standard one first.
    pub const ALL: &'static [Self] = &[
        Self::STANDARD,
        Self::NO_FORCED_CHANGE,
        Self::MINIMUM_PIN_6,
        Self::MINIMUM_PIN_8,
        Self::MAXIMUM_PIN_8,
        Self::PROTOCOL_TWO,
        Self::ALWAYS_UV,
        Self::NO_CREDENTIAL_MANAGEMENT,
        Self::LONG_TOUCH,
        Self::CTAP_2_0,
        Self::USB_SERIAL,
        Self::PORT_ONLY,
    ];

    /// The model of that [`slug`](Self::slug).
    pub fn named(slug: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|model| model.slug == slug)
    }

    /// USB vendor id: the maker's whose serial command it imitates, else one of the pid.codes test range.
    pub const fn vendor_id(&self) -> u16 {
        if self.maker_serial { 0x1050 } else { 0x1209 }
    }

    /// USB product id.
    pub const fn product_id(&self) -> u16 {
        if self.maker_serial { 0x0402 } else { 0x0001 }
    }
}
