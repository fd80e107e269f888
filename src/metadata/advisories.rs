//! What is publicly known against models: advisories by AAGUID and firmware, compiled in. `README.md` names the sources.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::aaguid::Aaguid;

/// The table: one line for each advisory and range of firmware, cells parted by tabs, the AAGUIDs last.
const TABLE: &str = include_str!("advisories.tsv");

/// A firmware version as Yubico numbers them: major, minor, patch. Other makers' numbers are not compared with it.
pub type Version = (u8, u8, u8);

/// How bad it is, as its maker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Hardly.
    Low,
    /// Under conditions that few attackers can bring about.
    Moderate,
    /// For most attackers who try.
    High,
    /// For everybody.
    Critical,
}

impl Severity {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no severity.
#[derive(Debug, thiserror::Error)]
#[error("low, moderate, high or critical")]
pub struct NoSeverity;

impl FromStr for Severity {
    type Err = NoSeverity;

    fn from_str(text: &str) -> Result<Self, NoSeverity> {
        let all = [Self::Low, Self::Moderate, Self::High, Self::Critical];
        all.into_iter().find(|severity| severity.word().eq_ignore_ascii_case(text)).ok_or(NoSeverity)
    }
}

/// An advisory, for one of the products that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Advisory {
    /// Its maker's or finder's number.
    pub id: &'static str,
    /// CVE number.
    pub cve: Option<&'static str>,
    /// How bad it is.
    pub severity: Severity,
    /// The products that are meant.
    pub products: &'static str,
    /// Where to read it.
    pub link: &'static str,
    /// What is wrong, as the end of a sentence.
    pub what: &'static str,
    #[serde(skip)]
    affected: &'static str,
    #[serde(skip)]
    untold: &'static str,
    #[serde(skip)]
    aaguids: &'static str,
}

/// An advisory that concerns a key, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exposure {
    /// Which.
    #[serde(flatten)]
    pub advisory: Advisory,
    /// False: what is known of the key does not tell whether it is affected.
    pub certain: bool,
}

impl Advisory {
    /// Reads a line of the table; `None` for comments.
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split('\t');
        let mut cell = || cells.next();
        let id = cell()?;
        let cve = cell()?;
        Some(Self {
            id,
            cve: (cve != "-").then_some(cve),
            severity: cell()?.parse().ok()?,
            products: cell()?,
            affected: cell()?,
            untold: cell()?,
            link: cell()?,
            what: cell()?,
            aaguids: cell()?,
        })
    }

    fn concerns(&self, aaguid: Aaguid) -> bool {
        let id = aaguid.to_string();
        self.aaguids.split(' ').any(|one| one == id)
    }

    /// Whether the firmware decides.
    fn by_firmware(&self) -> bool {
        self.affected.starts_with('<')
    }

    /// Whether a key with this firmware is affected; `None` if that cannot be told.
    fn affects(&self, firmware: Option<Version>) -> Option<bool> {
        if self.affected == "*" {
            return Some(true);
        }
        let (firmware, first_good) = (firmware?, before(self.affected)?);
        if firmware < first_good {
            return Some(true);
        }
        let untold = before(self.untold).is_some_and(|end| firmware < end);
        (!untold).then_some(false)
    }
}

/// The version in a cell such as `<5.7.0`.
fn before(cell: &str) -> Option<Version> {
    let mut numbers = cell.strip_prefix('<')?.split('.').map(str::parse);
    let mut number = || numbers.next()?.ok();
    Some((number()?, number()?, number()?))
}

/// Every line of the table.
pub fn advisories() -> impl Iterator<Item = Advisory> {
    TABLE.lines().filter_map(Advisory::read)
}

/// Whether the firmware of a key of this model has to be known to say what concerns it.
pub fn firmware_matters(aaguid: Aaguid) -> bool {
    advisories().any(|advisory| advisory.by_firmware() && advisory.concerns(aaguid))
}

/// What concerns a key of this model and firmware, or may, the worst first. `None`: the firmware is not known.
pub fn exposures(aaguid: Aaguid, firmware: Option<Version>) -> Vec<Exposure> {
    let mut exposures: Vec<Exposure> = advisories()
        .filter(|advisory| advisory.concerns(aaguid))
        .filter_map(|advisory| match advisory.affects(firmware) {
            Some(false) => None,
            told => Some(Exposure { advisory, certain: told.is_some() }),
        })
        .collect();
    exposures.sort_by_key(|exposure| (std::cmp::Reverse(exposure.advisory.severity), exposure.advisory.id));
    exposures
}

#[cfg(test)]
mod tests {
    use super::super::models;
    use super::*;

    /// Models of the training key, which no public table has.
    const TRAINING: &str = "TRAINING-1";
    /// Models that were sold and are not in the FIDO metadata: Nitrokey FIDO2, as its firmware 2.3.0 says in getInfo.
    const UNLISTED: [&str; 1] = ["c39efba6-fcf4-4c3e-828b-fc4a6115a0ff"];

    #[test]
    fn the_table_is_whole() {
        let all: Vec<Advisory> = advisories().collect();
        assert_eq!(all.len(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        let known: Vec<String> = models().map(|model| model.aaguid.to_string()).collect();
        for advisory in &all {
            let range = |cell: &str| matches!(cell, "*" | "?" | "-") || before(cell).is_some();
            assert!(range(advisory.affected) && range(advisory.untold), "{advisory:?}");
            assert!(advisory.link.starts_with("https://") && !advisory.what.ends_with('.'), "{advisory:?}");
            for id in advisory.aaguids.split(' ') {
                let sold = known.iter().any(|known| known == id) != UNLISTED.contains(&id);
                assert!(advisory.id == TRAINING || sold, "{id}");
            }
        }
    }

    /// A new edition of the models brings new AAGUIDs: those of the families that were affected have to be looked at.
    #[test]
    fn no_yubikey_is_forgotten() {
        for model in models() {
            let family = ["YubiKey 5", "YubiKey Bio", "Security Key", "Enterprise Security Key Series"];
            if family.iter().any(|name| model.name.starts_with(name)) {
                assert!(firmware_matters(model.aaguid), "{} {}", model.aaguid, model.name);
            }
        }
    }

    #[test]
    fn ranges_are_right_at_their_edges() {
        let (five, fips, bio, security_key) = (
            "2fc0579f-8113-47ea-b116-bb5a8db9202a",
            "c1f9a0bc-1dd2-404a-b27f-8e29047a43fd",
            "d8522d9f-575b-4866-88a9-ba99fa02f35b",
            "a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa",
        );
        let (ishield, offpad, other) = (
            "5d629218-d3a5-11ed-afa1-0242ac120002",
            "69700f79-d1fb-472e-bd9b-a3a3b9a9eda0",
            "12755c32-8ad1-46eb-881c-e0b38d848b09",
        );
        let (yes, no, untold) = (Some(true), None, Some(false));
        for (aaguid, firmware, expected) in [
            (five, Some((5, 1, 2)), yes),
            (five, Some((5, 6, 255)), yes),
            (five, Some((5, 7, 0)), no),
            (five, Some((5, 7, 4)), no),
            (five, None, untold),
            (fips, Some((5, 6, 9)), yes),
            (fips, Some((5, 7, 0)), untold),
            (fips, Some((5, 7, 1)), untold),
            (fips, Some((5, 7, 2)), no),
            (bio, Some((5, 7, 1)), yes),
            (bio, Some((5, 7, 2)), no),
            (security_key, Some((5, 4, 3)), yes),
            (security_key, Some((5, 7, 0)), no),
            // Numbers of other makers are not compared.
            (ishield, Some((0, 0, 1)), untold),
            (ishield, Some((9, 9, 9)), untold),
            (ishield, None, untold),
            (offpad, None, yes),
            (other, Some((1, 0, 0)), no),
        ] {
            let found = exposures(aaguid.parse().unwrap(), firmware);
            assert_eq!(found.first().map(|exposure| exposure.certain), expected, "{aaguid} {firmware:?}");
            assert!(found.len() <= 1);
        }
    }

    #[test]
    fn severities_have_an_order_and_words() {
        assert!("HIGH".parse::<Severity>().unwrap() > Severity::Moderate);
        assert!("grave".parse::<Severity>().is_err());
    }
}
