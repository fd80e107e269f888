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
        self.read_back()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::cbor::Value;
    use crate::ctap::tests::{least_info, ok, scripted, token};

    fn able() -> Map<'static> {
        let names = ["authnrCfg", "setMinPINLength", "alwaysUv"];
        let options = names.into_iter().fold(Map::new().named("ep", false), |map, name| map.named(name, true));
        least_info().at(4, options).at(0x18, false)
    }

    type Act<'a> = &'a dyn Fn(&mut Authenticator, Option<&PinToken<Config>>) -> Result<(), CtapError>;

    /// What is sent: the requests after the first getInfo.
    fn sent(info: &Map<'_>, token: Option<&PinToken<Config>>, act: Act<'_>) -> (Result<(), CtapError>, Vec<Vec<u8>>) {
        let (key, requests) = scripted([ok(info), vec![0], ok(info)]);
        let result = act(&mut key.unwrap(), token);
        let requests = requests.lock().unwrap().split_off(1);
        (result, requests)
    }

    #[test]
    fn every_subcommand_on_the_wire() {
        let rules = MinPinLength { min: Some(8), rp_ids: vec!["a.example".into()], force_change: true, complexity: true };
        let params = [&[0xA4, 0x01, 0x08, 0x02, 0x81, 0x69][..], b"a.example", &[0x03, 0xF5, 0x04, 0xF5]].concat();
        let set = |setting| move |key: &mut Authenticator, token: Option<&PinToken<Config>>| key.send_setting(token, &setting);
        let rows: [(Act<'_>, u8, &[u8]); 6] = [
            (&set(Setting::EnterpriseAttestation), 1, &[]),
            (&set(Setting::AlwaysUv(false)), 2, &[]),
            (&|key, token| key.send_min_pin_length(token, &rules), 3, &params),
            (&|key, token| key.send_min_pin_length(token, &MinPinLength::default()), 3, &[]),
            (&set(Setting::LongTouchForReset), 4, &[]),
            (&set(Setting::Vendor(0x1_0000_0000)), 0xFF, &[0xA1, 0x01, 0x1B, 0, 0, 0, 1, 0, 0, 0, 0]),
        ];
        for (act, subcommand, params) in rows {
            let proof = token::<Config>(None);
            let (result, requests) = sent(&able(), Some(&proof), act);
            result.unwrap();
            assert_eq!(requests.iter().map(|request| request[0]).collect::<Vec<_>>(), [0x0D, 0x04], "getInfo is asked again");
            let members = Value::parse(&requests[0][1..]).unwrap().members("config").unwrap();
            assert_eq!(members.get(1).unwrap().u64("subCommand").unwrap(), u64::from(subcommand));
            assert_eq!(members.get(2).map(Value::raw).unwrap_or_default(), params, "{subcommand}");
            assert_eq!(members.get(3).unwrap().u64("protocol").unwrap(), 2);
            let auth = proof.authenticate(&[&[0xFF; 32], &[0x0D, subcommand], params]);
            assert_eq!(members.get(4).unwrap().bytes("param").unwrap(), auth);

            let (result, requests) = sent(&able(), None, act);
            result.unwrap();
            let members = Value::parse(&requests[0][1..]).unwrap().members("config").unwrap();
            assert!(members.get(3).is_none() && members.get(4).is_none(), "a key without a PIN wants no proof");
        }
    }

    #[test]
    fn what_the_key_does_not_have_is_not_sent() {
        let set = |setting| move |key: &mut Authenticator, token: Option<&PinToken<Config>>| key.send_setting(token, &setting);
        let rules = |key: &mut Authenticator, token: Option<&PinToken<Config>>| {
            key.send_min_pin_length(token, &MinPinLength { force_change: true, ..MinPinLength::default() })
        };
        let bare = || least_info().at(4, Map::new().named("authnrCfg", true));
        let listed = |numbers: &[u64]| able().at(0x1F, numbers.iter().copied().map(Item::Uint).collect::<Vec<_>>());
        let missing = |feature| Err(CtapError::Unsupported(feature));
        let rows: [(Map<'_>, Act<'_>, Result<(), CtapError>); 9] = [
            (bare(), &set(Setting::EnterpriseAttestation), missing(Feature::EnterpriseAttestation)),
            (bare(), &set(Setting::AlwaysUv(true)), missing(Feature::AlwaysUv)),
            (bare(), &set(Setting::LongTouchForReset), missing(Feature::LongTouch)),
            (bare(), &rules, missing(Feature::MinPinLength)),
            (least_info(), &set(Setting::Vendor(1)), missing(Feature::Config)),
            (listed(&[3]), &set(Setting::AlwaysUv(false)), missing(Feature::Config)),
            (listed(&[2]), &rules, missing(Feature::MinPinLength)),
            // The command is a toggle: what is so already stays so.
            (able(), &set(Setting::AlwaysUv(true)), Ok(())),
            (listed(&[]), &set(Setting::EnterpriseAttestation), missing(Feature::Config)),
        ];
        for (number, (info, act, expected)) in rows.into_iter().enumerate() {
            let (result, requests) = sent(&info, Some(&token(None)), act);
            assert_eq!((result, requests.len()), (expected, 0), "row {number}");
        }
        assert!(
            sent(&listed(&[3]), Some(&token(None)), &set(Setting::Vendor(1))).0.is_ok(),
            "makers' commands have their own list"
        );
    }
}
