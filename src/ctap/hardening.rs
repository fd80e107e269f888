//! Settings that make a key stricter: what is wished for, whether a key can do it, and what it shows afterwards. All of them
//! last until the next reset, and none of them can be taken back without one, always-UV aside.

use serde::{Deserialize, Serialize};

use crate::ctap::commands::{MinPinLength, Setting};
use crate::ctap::{Config, CtapError, Failed, Info, PinToken, Pinned, Ruled, Status};

/// Numbers of the subcommands of authenticatorConfig, as getInfo lists them (CTAP 2.3 section 6.11).
const ENABLE_ENTERPRISE_ATTESTATION: u64 = 1;
const TOGGLE_ALWAYS_UV: u64 = 2;
const SET_MIN_PIN_LENGTH: u64 = 3;
const ENABLE_LONG_TOUCH: u64 = 4;

/// One setting with the value that it should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "setting", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Wish {
    /// Every use wants user verification.
    AlwaysUv,
    /// Relying parties that the key trusts may ask for an attestation that names the unit.
    EnterpriseAttestation,
    /// A reset wants the key to be held for seconds.
    LongTouchReset,
    /// Relying parties that may read the minimum PIN length (extension `minPinLength`).
    MinPinReaders {
        /// Their ids.
        rp_ids: Vec<String>,
    },
    /// Shortest PIN. It can only grow.
    MinPinLength {
        /// In code points.
        least: u8,
    },
}

/// A wish and how strongly it is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// What.
    #[serde(flatten)]
    pub wish: Wish,
    /// Without it the key is not taken; otherwise less is accepted, told and recorded.
    pub demand: bool,
}

/// What a key shows of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Reading {
    /// On or off.
    Switch(bool),
    /// A length in code points.
    Length(u64),
}

/// Where a key stands towards a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is so already.
    Met,
    /// The key says that it can.
    Possible,
    /// The key cannot; why, as the end of a sentence that begins with the key.
    Impossible(&'static str),
}

impl Wish {
    /// Its word in results, in the journal and in the names of checks.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AlwaysUv => "always-uv",
            Self::EnterpriseAttestation => "enterprise-attestation",
            Self::LongTouchReset => "long-touch-reset",
            Self::MinPinReaders { .. } => "min-pin-length-readers",
            Self::MinPinLength { .. } => "min-pin-length",
        }
    }

    /// What a key does once it is so.
    pub fn words(&self) -> String {
        match self {
            Self::AlwaysUv => "asks for its PIN at every use".into(),
            Self::EnterpriseAttestation => "has enterprise attestation switched on".into(),
            Self::LongTouchReset => "wants a long touch before a reset".into(),
            Self::MinPinReaders { rp_ids } => format!("tells its shortest PIN length to {}", rp_ids.join(", ")),
            Self::MinPinLength { least } => format!("takes no PIN shorter than {least}"),
        }
    }

    /// Where a key stands towards it, by what getInfo says.
    pub fn standing(&self, info: &Info) -> Standing {
        if self.reading(info).is_some_and(|reading| self.met(Some(reading))) {
            return Standing::Met;
        }
        let (subcommand, lacks) = match self {
            Self::AlwaysUv if info.option("alwaysUv").is_none() => return Standing::Impossible("has no always-UV"),
            Self::AlwaysUv => (TOGGLE_ALWAYS_UV, "cannot switch always-UV"),
            Self::EnterpriseAttestation if info.enterprise_attestation().is_none() => {
                return Standing::Impossible("has no enterprise attestation");
            }
            Self::EnterpriseAttestation => (ENABLE_ENTERPRISE_ATTESTATION, "cannot switch enterprise attestation on"),
            Self::LongTouchReset if info.long_touch_for_reset.is_none() => {
                return Standing::Impossible("has no long touch for a reset");
            }
            Self::LongTouchReset => (ENABLE_LONG_TOUCH, "cannot switch the long touch on"),
            Self::MinPinReaders { .. } if !info.supports_extension("minPinLength") => {
                return Standing::Impossible("tells nobody its shortest PIN length");
            }
            Self::MinPinReaders { rp_ids } if more_than(rp_ids.len(), info.max_rp_ids_for_set_min_pin_length) => {
                return Standing::Impossible("keeps no list of that many who may read its shortest PIN length");
            }
            Self::MinPinLength { least } if usize::from(*least) > info.max_pin_length() => {
                return Standing::Impossible("takes no PIN that long");
            }
            Self::MinPinReaders { .. } | Self::MinPinLength { .. } if !info.has("setMinPINLength") => {
                return Standing::Impossible("cannot change its shortest PIN length");
            }
            Self::MinPinReaders { .. } | Self::MinPinLength { .. } => {
                (SET_MIN_PIN_LENGTH, "cannot change its shortest PIN length")
            }
        };
        if info.takes_config(subcommand) { Standing::Possible } else { Standing::Impossible(lacks) }
    }

    /// What getInfo shows of it. The list of readers cannot be read back.
    pub fn reading(&self, info: &Info) -> Option<Reading> {
        Some(match self {
            Self::AlwaysUv => Reading::Switch(info.always_uv()),
            Self::EnterpriseAttestation => Reading::Switch(info.enterprise_attestation() == Some(true)),
            Self::LongTouchReset => Reading::Switch(info.long_touch_for_reset()),
            Self::MinPinReaders { .. } => return None,
            Self::MinPinLength { .. } => Reading::Length(u64::try_from(info.min_pin_length()).unwrap_or(u64::MAX)),
        })
    }

    /// Whether this reading is what was wished; what was taken and cannot be read counts as done.
    pub fn met(&self, reading: Option<Reading>) -> bool {
        match (self, reading) {
            (_, None) => true,
            (_, Some(Reading::Switch(on))) => on,
            (Self::MinPinLength { least }, Some(Reading::Length(length))) => length >= u64::from(*least),
            (_, Some(Reading::Length(_))) => false,
        }
    }

    fn send(&self, key: &mut Pinned, token: &PinToken<Config>) -> Result<(), CtapError> {
        match self {
            Self::AlwaysUv => key.authenticator().send_setting(Some(token), &Setting::AlwaysUv(true)),
            Self::EnterpriseAttestation => key.authenticator().send_setting(Some(token), &Setting::EnterpriseAttestation),
            Self::LongTouchReset => key.authenticator().send_setting(Some(token), &Setting::LongTouchForReset),
            Self::MinPinReaders { rp_ids } => {
                let rules = MinPinLength { rp_ids: rp_ids.clone(), ..MinPinLength::default() };
                key.authenticator().send_min_pin_length(Some(token), &rules)
            }
            Self::MinPinLength { least } => {
                let rules = MinPinLength { min: Some(*least), ..MinPinLength::default() };
                key.authenticator().send_min_pin_length(Some(token), &rules)
            }
        }
    }
}

/// Whether a list of that length is longer than a key keeps; one that does not say keeps none.
fn more_than(length: usize, most: Option<u64>) -> bool {
    u64::try_from(length).unwrap_or(u64::MAX) > most.unwrap_or(0)
}

impl Pinned {
    /// Does what is wished for, unless it is so already or the key says that it cannot, and reads back what came of it.
    /// `None`: the key took it, and does not tell. A minimum above the length of the PIN forces a change of the PIN.
    ///
    /// # Errors
    /// The state and why. A key that refuses the setting as such is no error: the reading shows it.
    #[expect(clippy::result_large_err, reason = "the state is handed back")]
    pub fn harden(mut self, wish: &Wish) -> Result<(Ruled, Option<Reading>), Failed<Self>> {
        let done = match wish.standing(self.info()) {
            Standing::Met => Ok(true),
            Standing::Impossible(_) => Ok(false),
            Standing::Possible => self.ask_for(wish),
        };
        match done {
            Ok(done) => {
                let reading = wish.reading(self.info()).or_else(|| (!done).then_some(Reading::Switch(false)));
                Ok((self.ruled(), reading))
            }
            Err(error) => Err(Failed { state: self, error }),
        }
    }

    /// Whether the key took it.
    fn ask_for(&mut self, wish: &Wish) -> Result<bool, CtapError> {
        let token = self.token_for_config()?;
        let first = wish.send(self, &token);
        let sent = self.or_under_the_other_protocol(first, &token, |state| {
            let token = state.token_for_config()?;
            wish.send(state, &token)
        });
        match sent {
            Ok(()) => Ok(true),
            Err(error) if refuses_the_setting(&error) => {
                self.authenticator().refresh()?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a key says no to the setting itself, so that a second try would end in the same way.
fn refuses_the_setting(error: &CtapError) -> bool {
    const NO: [Status; 10] = [
        Status::INVALID_COMMAND,
        Status::INVALID_PARAMETER,
        Status::INVALID_SUBCOMMAND,
        Status::UNSUPPORTED_OPTION,
        Status::INVALID_OPTION,
        Status::OPERATION_DENIED,
        Status::NOT_ALLOWED,
        Status::LIMIT_EXCEEDED,
        Status::KEY_STORE_FULL,
        Status::PIN_POLICY_VIOLATION,
    ];
    matches!(error, CtapError::Unsupported(_)) || NO.into_iter().any(|status| error.is(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::cbor::{Item, Map};
    use crate::ctap::tests::{least_info, texts};

    fn able() -> Map<'static> {
        let options = ["authnrCfg", "setMinPINLength"].into_iter().fold(Map::new(), |map, name| map.named(name, true));
        least_info()
            .at(2, texts(&["minPinLength"]))
            .at(4, options.named("alwaysUv", false).named("ep", false))
            .at(0x0D, 6_u8)
            .at(0x10, 2_u8)
            .at(0x18, false)
    }

    fn info(map: &Map<'_>) -> Info {
        Info::parse(&map.encode(&[])).unwrap()
    }

    fn all() -> [Wish; 5] {
        [
            Wish::AlwaysUv,
            Wish::EnterpriseAttestation,
            Wish::LongTouchReset,
            Wish::MinPinReaders { rp_ids: vec!["login.microsoft.com".into()] },
            Wish::MinPinLength { least: 8 },
        ]
    }

    #[test]
    fn a_key_that_can_says_so_for_each() {
        for wish in all() {
            assert_eq!(wish.standing(&info(&able())), Standing::Possible, "{}", wish.word());
        }
    }

    #[test]
    fn a_key_of_ctap_2_0_can_none_of_it() {
        for wish in all() {
            assert!(matches!(wish.standing(&info(&least_info())), Standing::Impossible(_)), "{}", wish.word());
        }
    }

    #[test]
    fn what_is_so_already_is_not_asked_for() {
        let options = ["alwaysUv", "ep"].into_iter().fold(Map::new(), |map, name| map.named(name, true));
        let so = info(&least_info().at(4, options).at(0x0D, 8_u8).at(0x18, true));
        for wish in all().iter().filter(|wish| !matches!(wish, Wish::MinPinReaders { .. })) {
            assert_eq!(wish.standing(&so), Standing::Met, "{}", wish.word());
        }
    }

    #[test]
    fn each_limit_has_its_row() {
        let listed = |numbers: &[u64]| able().at(0x1F, numbers.iter().copied().map(Item::Uint).collect::<Vec<_>>());
        let readers = |count: usize| Wish::MinPinReaders { rp_ids: vec!["a".into(); count] };
        let length = |least| Wish::MinPinLength { least };
        let rows: [(Map<'_>, Wish, bool); 11] = [
            (listed(&[1, 2, 3, 4]), Wish::AlwaysUv, true),
            (listed(&[1, 3, 4]), Wish::AlwaysUv, false),
            (listed(&[2, 3, 4]), Wish::EnterpriseAttestation, false),
            (listed(&[1, 2, 3]), Wish::LongTouchReset, false),
            (listed(&[1, 2, 4]), length(8), false),
            (listed(&[1, 2, 4]), readers(1), false),
            (able(), readers(2), true),
            (able(), readers(3), false),
            (able().at(0x1D, 8_u8), length(8), true),
            (able().at(0x1D, 8_u8), length(9), false),
            (able(), length(64), false),
        ];
        for (number, (map, wish, possible)) in rows.into_iter().enumerate() {
            assert_eq!(wish.standing(&info(&map)) == Standing::Possible, possible, "row {number}");
        }
    }

    #[test]
    fn a_shortest_pin_only_grows() {
        for (least, standing) in [(4, Standing::Met), (6, Standing::Met), (7, Standing::Possible)] {
            assert_eq!(Wish::MinPinLength { least }.standing(&info(&able())), standing, "{least}");
        }
    }

    #[test]
    fn readings_are_judged() {
        let length = Wish::MinPinLength { least: 8 };
        let readers = Wish::MinPinReaders { rp_ids: Vec::new() };
        for (wish, reading, met) in [
            (&Wish::AlwaysUv, Some(Reading::Switch(true)), true),
            (&Wish::AlwaysUv, Some(Reading::Switch(false)), false),
            (&Wish::AlwaysUv, Some(Reading::Length(1)), false),
            (&length, Some(Reading::Length(8)), true),
            (&length, Some(Reading::Length(7)), false),
            (&readers, None, true),
            (&readers, Some(Reading::Switch(false)), false),
        ] {
            assert_eq!(wish.met(reading), met, "{wish:?} {reading:?}");
        }
    }
}
