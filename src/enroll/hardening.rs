//! Hardening while the key is in hand: what is wished for a model, whether a key can do it, and the stage that does it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::EnrolError;
use super::abilities::Abilities;
use super::flow::{Enrolment, Finished, PinWishes, Stage, Then, Work};
use super::progress::Progress;
use crate::aaguid::Aaguid;
use crate::ctap::{Failed, Info, Pinned, Requirement, Ruled, Standing, Wish};
use crate::identity::{Finding, Offer, Verdict};
use crate::ledger::{Intent, JobState, Outcome};
use crate::metadata;
use crate::ui::{Hardened, Step};

/// What to do about a model that cannot do what is demanded.
const LESS: &str = "Use another model, or name the setting in accept_less.";

/// A setting by its name in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingName {
    /// Always-UV.
    AlwaysUv,
    /// Enterprise attestation.
    EnterpriseAttestation,
    /// Long touch for a reset.
    LongTouchReset,
    /// Who may read the shortest PIN length.
    MinPinLengthReaders,
    /// Shortest PIN length.
    MinPinLength,
}

impl SettingName {
    /// Every setting.
    pub const ALL: [Self; 5] =
        [Self::AlwaysUv, Self::EnterpriseAttestation, Self::LongTouchReset, Self::MinPinLengthReaders, Self::MinPinLength];

    const fn of(wish: &Wish) -> Self {
        match wish {
            Wish::AlwaysUv => Self::AlwaysUv,
            Wish::EnterpriseAttestation => Self::EnterpriseAttestation,
            Wish::LongTouchReset => Self::LongTouchReset,
            Wish::MinPinReaders { .. } => Self::MinPinLengthReaders,
            Wish::MinPinLength { .. } => Self::MinPinLength,
        }
    }

    /// Its name in a profile.
    pub const fn field(self) -> &'static str {
        match self {
            Self::AlwaysUv => "always_uv",
            Self::EnterpriseAttestation => "enterprise_attestation",
            Self::LongTouchReset => "long_touch_reset",
            Self::MinPinLengthReaders => "min_pin_length_readers",
            Self::MinPinLength => "min_pin_length",
        }
    }

    const fn check(self) -> &'static str {
        match self {
            Self::AlwaysUv => "key/always-uv",
            Self::EnterpriseAttestation => "key/enterprise-attestation",
            Self::LongTouchReset => "key/long-touch-reset",
            Self::MinPinLengthReaders => "key/min-pin-length-readers",
            Self::MinPinLength => "key/min-pin-length",
        }
    }
}

/// Wishes as they are written down. What is not there is left to the next more general ones; `false` and an empty list wish
/// for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wishes {
    /// Every use wants user verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always_uv: Option<bool>,
    /// Enterprise attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enterprise_attestation: Option<bool>,
    /// A reset wants a long touch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_touch_reset: Option<bool>,
    /// Shortest PIN in code points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pin_length: Option<u8>,
    /// Relying parties that may read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pin_length_readers: Option<Vec<String>>,
    /// Settings that a key may lack. All others are demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_less: Option<Vec<SettingName>>,
}

impl Wishes {
    /// These, and what they leave open as `general` has it.
    fn over(&self, general: Self) -> Self {
        Self {
            always_uv: self.always_uv.or(general.always_uv),
            enterprise_attestation: self.enterprise_attestation.or(general.enterprise_attestation),
            long_touch_reset: self.long_touch_reset.or(general.long_touch_reset),
            min_pin_length: self.min_pin_length.or(general.min_pin_length),
            min_pin_length_readers: self.min_pin_length_readers.clone().or(general.min_pin_length_readers),
            accept_less: self.accept_less.clone().or(general.accept_less),
        }
    }

    /// In the order in which they are carried out: a longer PIN than the present one ends what can be set.
    fn wanted(self) -> Vec<Requirement> {
        let less = self.accept_less.unwrap_or_default();
        let switch = |on: Option<bool>, wish| (on == Some(true)).then_some(wish);
        let readers = self.min_pin_length_readers.filter(|list| !list.is_empty());
        let wishes = [
            switch(self.always_uv, Wish::AlwaysUv),
            switch(self.enterprise_attestation, Wish::EnterpriseAttestation),
            switch(self.long_touch_reset, Wish::LongTouchReset),
            readers.map(|rp_ids| Wish::MinPinReaders { rp_ids }),
            self.min_pin_length.map(|least| Wish::MinPinLength { least }),
        ];
        let wanted = |wish: Wish| Requirement { demand: !less.contains(&SettingName::of(&wish)), wish };
        wishes.into_iter().flatten().map(wanted).collect()
    }
}

/// How keys are hardened: what counts for all, for models, and what was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HardeningRules {
    /// For every model.
    pub general: Wishes,
    /// By AAGUID, or by a part of the model's public name. Goes before what is general.
    pub models: BTreeMap<String, Wishes>,
    /// What was typed: goes before everything.
    pub typed: Wishes,
}

impl HardeningRules {
    /// What is wished for a model. Its AAGUID goes before names, a longer name before a shorter one.
    pub fn of(&self, aaguid: Aaguid) -> Vec<Requirement> {
        let section = self.section(aaguid).cloned().unwrap_or_default();
        self.typed.over(section.over(self.general.clone())).wanted()
    }

    fn section(&self, aaguid: Aaguid) -> Option<&Wishes> {
        let by_id = self.models.iter().find(|(name, _)| name.parse() == Ok(aaguid));
        let known = metadata::model(aaguid);
        let fits = |name: &str| known.as_ref().is_some_and(|model| is_part(name, model.name));
        let by_name = || self.models.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
        by_id.or_else(by_name).map(|(_, wishes)| wishes)
    }

    /// The names of sections that mean no model that is known.
    pub fn strangers(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| metadata::models().any(|model| is_part(name, model.name));
        self.models.keys().map(String::as_str).filter(move |name| name.parse::<Aaguid>().is_err() && !known(name))
    }
}

fn is_part(part: &str, name: &str) -> bool {
    !part.trim().is_empty() && name.to_lowercase().contains(&part.trim().to_lowercase())
}

/// The shortest PIN that a key will take once it is hardened; 0 where it stays as it is.
pub(super) fn least_pin(hardening: &[Requirement], info: &Info) -> usize {
    let lengths = hardening.iter().filter_map(|wanted| match wanted.wish {
        Wish::MinPinLength { least } if wanted.wish.standing(info) == Standing::Possible => Some(usize::from(least)),
        _ => None,
    });
    lengths.max().unwrap_or(0)
}

/// The wishes for a PIN under which it will still do once the key is hardened.
pub(super) fn pin_wishes(wishes: PinWishes, hardening: &[Requirement], info: &Info) -> PinWishes {
    PinWishes { minimum: wishes.minimum.max(least_pin(hardening, info)), ..wishes }
}

/// Everything that can be said of a key, or of a model of which no key is there (`info` is `None`), before anything changes.
pub fn key_findings(abilities: &Abilities, info: Option<&Info>, hardening: &[Requirement], pin: PinWishes) -> Vec<Finding> {
    let mut findings = abilities.findings(&info.map_or(pin, |info| pin_wishes(pin, hardening, info)));
    findings.extend(hardening_findings(hardening, info));
    findings
}

/// Judges each wish.
pub fn hardening_findings(hardening: &[Requirement], info: Option<&Info>) -> Vec<Finding> {
    hardening.iter().map(|wanted| judged(wanted, info)).collect()
}

fn judged(Requirement { wish, demand }: &Requirement, info: Option<&Info>) -> Finding {
    let words = wish.words();
    let finding = |verdict, sentence, remedy: &str| Finding {
        check: SettingName::of(wish).check(),
        verdict,
        sentence,
        remedy: remedy.to_owned(),
    };
    let Some(info) = info else {
        let remedy = "Put a key of this model into the port and check it without --aaguid.";
        return finding(Verdict::Unknown, format!("whether the key can be made so that it {words} is not known"), remedy);
    };
    match wish.standing(info) {
        Standing::Met => finding(Verdict::Pass, format!("the key {words}"), ""),
        Standing::Possible => finding(Verdict::Pass, format!("the key will be set so that it {words}"), ""),
        Standing::Impossible(lacks) if *demand => {
            finding(Verdict::Fail, format!("it is demanded that the key {words}, but it {lacks}"), LESS)
        }
        Standing::Impossible(lacks) => {
            finding(Verdict::Warn, format!("it is wished that the key {words}, but it {lacks}; it is taken as it is"), "")
        }
    }
}

/// Whether a check is one of these.
pub(super) fn is_of_hardening(check: &str) -> bool {
    SettingName::ALL.iter().any(|name| name.check() == check)
}

/// What was asked of a key and what it showed, for the result.
pub(super) fn told(hardening: &[Requirement], progress: &Progress) -> Vec<Hardened> {
    let reading = |wish: &Wish| progress.hardened.iter().find(|(known, _)| known == wish).map(|(_, reading)| *reading);
    let done = hardening.iter().filter_map(|wanted| Some((wanted, reading(&wanted.wish)?)));
    done.map(|(wanted, effective)| Hardened::of(wanted, effective)).collect()
}

impl Enrolment<'_> {
    /// Carries the job's wishes out, a row each. What was done since the key was blank is not done again.
    pub(super) fn harden(&mut self, work: &Work, mut pinned: Pinned, offer: Option<Offer>) -> Result<Stage, EnrolError> {
        let before = Progress::of(&self.ledger.entries(work.id)?).hardened;
        let settled = |wanted: &Requirement| {
            let enough = |reading| !wanted.demand || wanted.wish.met(reading);
            before.iter().any(|(wish, reading)| *wish == wanted.wish && enough(*reading))
        };
        let left: Vec<&Requirement> = work.order.hardening.iter().filter(|wanted| !settled(wanted)).collect();
        if left.is_empty() {
            return Ok(Stage::Make(pinned, offer));
        }
        self.begins(Step::Harden);
        let mut words = Vec::new();
        for Requirement { wish, demand } in left {
            let ticket = self.ledger.before(work.id, &Intent::Harden { wish: wish.clone() }, None)?;
            let (ruled, effective) = match pinned.harden(wish) {
                Ok(done) => done,
                Err(Failed { error, .. }) => return Err(self.record_failure(ticket, error.into())),
            };
            self.ledger.after(ticket, &Outcome::Hardened { effective })?;
            match (wish.met(effective), demand) {
                (true, _) => words.push(wish.words()),
                (false, true) => return Err(self.too_soft(work, wish)?),
                (false, false) => self.desk.notice(format!("the key was to be set so that it {}, and is not", wish.words())),
            }
            pinned = match ruled {
                Ruled::Pinned(pinned) => pinned,
                // Its temporary PIN does not suit it any more: another one is set, and the rest follows then.
                Ruled::Sealed(sealed) => return Ok(Stage::Undo(Some(Finished::Sealed(sealed)), Then::Remake)),
            };
        }
        let words = if words.is_empty() { "stays as it is".into() } else { words.join(", ") };
        self.done(Step::Harden, format!("the key {words}"));
        Ok(Stage::Make(pinned, offer))
    }

    /// Ends a job whose key said that it could and does not: nothing of it is in the tenant, and the next try begins with a wipe.
    fn too_soft(&mut self, work: &Work, wish: &Wish) -> Result<EnrolError, EnrolError> {
        self.withdraw_strays(work)?;
        self.ledger.close(work.id, JobState::Ended)?;
        Ok(EnrolError::NotHardened(wish.words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES_5: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";

    fn rules(models: &[(&str, u8)]) -> HardeningRules {
        let section = |least: u8| Wishes { min_pin_length: Some(least), ..Wishes::default() };
        HardeningRules {
            general: section(6),
            models: models.iter().map(|(name, least)| ((*name).to_owned(), section(*least))).collect(),
            typed: Wishes::default(),
        }
    }

    fn least(rules: &HardeningRules) -> Option<u8> {
        rules.of(SERIES_5.parse().unwrap()).iter().find_map(|wanted| match wanted.wish {
            Wish::MinPinLength { least } => Some(least),
            _ => None,
        })
    }

    #[test]
    fn the_nearest_section_counts() {
        for (models, expected) in [
            (&[][..], 6),
            (&[("yubikey 5", 8)], 8),
            (&[("YubiKey", 7), ("YubiKey 5 Series", 8)], 8),
            (&[("YubiKey 5 Series", 8), (SERIES_5, 9)], 9),
            (&[("Feitian", 8), ("00000000-0000-0000-0000-000000000001", 9)], 6),
            (&[(" ", 9)], 6),
        ] {
            assert_eq!(least(&rules(models)), Some(expected), "{models:?}");
        }
        let mut typed = rules(&[(SERIES_5, 9)]);
        typed.typed.min_pin_length = Some(12);
        assert_eq!(least(&typed), Some(12));
    }

    #[test]
    fn a_section_may_take_back_what_is_general() {
        let mut rules = rules(&[]);
        rules.general = Wishes { always_uv: Some(true), accept_less: Some(vec![SettingName::AlwaysUv]), ..Wishes::default() };
        let aaguid = SERIES_5.parse().unwrap();
        assert_eq!(rules.of(aaguid), [Requirement { wish: Wish::AlwaysUv, demand: false }]);
        let strict = Wishes { accept_less: Some(Vec::new()), ..Wishes::default() };
        rules.models.insert(SERIES_5.into(), strict);
        assert_eq!(rules.of(aaguid), [Requirement { wish: Wish::AlwaysUv, demand: true }]);
        rules.models.insert(SERIES_5.into(), Wishes { always_uv: Some(false), ..Wishes::default() });
        assert_eq!(rules.of(aaguid), []);
    }

    #[test]
    fn what_ends_the_settings_comes_last() {
        let all = Wishes {
            always_uv: Some(true),
            enterprise_attestation: Some(true),
            long_touch_reset: Some(true),
            min_pin_length: Some(8),
            min_pin_length_readers: Some(vec!["login.microsoft.com".into()]),
            accept_less: None,
        };
        let wanted = all.wanted();
        assert_eq!(wanted.len(), SettingName::ALL.len());
        assert!(wanted.iter().all(|wanted| wanted.demand));
        assert!(matches!(wanted.last().unwrap().wish, Wish::MinPinLength { .. }));
    }

    #[test]
    fn a_section_for_no_model_is_found() {
        let rules = rules(&[("YubiKey 5", 8), (SERIES_5, 8), ("YubiKy 5", 8), ("", 8)]);
        assert_eq!(rules.strangers().collect::<Vec<_>>(), ["", "YubiKy 5"]);
    }
}
