//! authenticatorConfig (CTAP 2.3 section 6.11).

use crate::ctap::cbor::{Item, Map};
use crate::ctap::commands::Command;
use crate::ctap::{Authenticator, Config, CtapError, Feature, PinToken};

const ENABLE_ENTERPRISE_ATTESTATION: u8 = 1;
const TOGGLE_ALWAYS_UV: u8 = 2;
const SET_MIN_PIN_LENGTH: u8 = 3;
const ENABLE_LONG_TOUCH: u8 = 4;
const VENDOR_PROTOTYPE: u8 = 0xFF;

/// A setting other than the rules for PINs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Switches enterprise attestation on; only a reset may switch it off.
    EnterpriseAttestation,
    /// Whether every use wants user verification. Sent only if it is not so already: the command is a toggle.
    AlwaysUv(bool),
    /// A reset wants the key to be held for seconds.
    LongTouchForReset,
    /// A maker's own command, by its number.
    Vendor(u64),
}

/// Rules for PINs (setMinPINLength). The minimum can only grow, until a reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MinPinLength {
    /// Shortest PIN in code points. Longer than the present PIN, it forces a change.
    pub min: Option<u8>,
    /// Relying parties that may read the minimum.
    pub rp_ids: Vec<String>,
    /// The PIN has to be changed before anything else.
    pub force_change: bool,
    /// PINs have to be complex.
    pub complexity: bool,
}

impl MinPinLength {
    fn params(&self) -> Map<'_> {
        let rp_ids = (!self.rp_ids.is_empty()).then(|| self.rp_ids.iter().map(|id| Item::Text(id)).collect::<Vec<_>>());
        Map::new()
            .at_some(1, self.min)
            .at_some(2, rp_ids)
            .at_some(3, self.force_change.then_some(true))
            .at_some(4, self.complexity.then_some(true))
    }
}

impl Authenticator {
    pub(crate) fn send_min_pin_length(
        &mut self,
        token: Option<&PinToken<Config>>,
        rules: &MinPinLength,
    ) -> Result<(), CtapError> {
        if !self.info().can_force_pin_change() {
            return Err(CtapError::Unsupported(Feature::MinPinLength));
        }
        self.send_config(token, SET_MIN_PIN_LENGTH, &rules.params())
    }

    pub(crate) fn send_setting(&mut self, token: Option<&PinToken<Config>>, setting: &Setting) -> Result<(), CtapError> {
        let info = self.info();
        let needs = |there: bool, feature| if there { Ok(()) } else { Err(CtapError::Unsupported(feature)) };
        let (subcommand, params) = match *setting {
            Setting::EnterpriseAttestation => {
                needs(info.enterprise_attestation().is_some(), Feature::EnterpriseAttestation)?;
                (ENABLE_ENTERPRISE_ATTESTATION, Map::new())
            }
            Setting::AlwaysUv(wanted) => {
                let now = info.option("alwaysUv").ok_or(CtapError::Unsupported(Feature::AlwaysUv))?;
                if now == wanted {
                    return Ok(());
                }
                (TOGGLE_ALWAYS_UV, Map::new())
            }
            Setting::LongTouchForReset => {
                needs(info.long_touch_for_reset.is_some(), Feature::LongTouch)?;
                (ENABLE_LONG_TOUCH, Map::new())
            }
            Setting::Vendor(number) => (VENDOR_PROTOTYPE, Map::new().at(1, number)),
        };
        self.send_config(token, subcommand, &params)
    }

    /// Sends it and asks getInfo what came of it.
    fn send_config(&mut self, token: Option<&PinToken<Config>>, subcommand: u8, params: &Map<'_>) -> Result<(), CtapError> {
        let listed = self.info().authenticator_config_commands.as_ref();
        let unlisted = listed.is_some_and(|list| !list.contains(&u64::from(subcommand)));
        // Vendor commands have a list of their own, member 15.
        if !self.info().can_configure() || (unlisted && subcommand != VENDOR_PROTOTYPE) {
            return Err(CtapError::Unsupported(Feature::Config));
        }
        let mut body = Map::new().at(1, subcommand);
        if !params.is_empty() {
            body = body.at(2, params.clone());
        }
        let auth;
        if let Some(token) = token {
            let encoded = if params.is_empty() { Vec::new() } else { params.encode(&[]).to_vec() };
            auth = token.authenticate(&[&[0xFF; 32], &[Command::Config.byte(), subcommand], &encoded]);
            body = body.at(3, token.protocol().number()).at(4, auth.as_slice());
        }
        self.quick(Command::Config, &body)?;
        if let Some(token) = token {
            self.proven = Some(token.protocol());
        }
        self.refresh()?;
        Ok(())
    }
}
