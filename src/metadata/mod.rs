//! What is publicly known of authenticator models: facts by AAGUID, compiled in. `README.md` names the sources.

mod advisories;
pub mod blob;
pub mod download;
mod error;
pub mod store;

use crate::aaguid::Aaguid;

pub use advisories::{Advisory, Exposure, Severity, Version, advisories, exposures, firmware_matters};
pub use error::{ALL, MetadataError};

/// The table: one model a line, cells parted by tabs, the name last.
const TABLE: &str = include_str!("models.tsv");
/// Stands in a cell about which nothing is known.
const NOTHING: &str = "-";

/// What is publicly known of one model. A fact may have changed since the table was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its id.
    pub aaguid: Aaguid,
    /// Its name in the FIDO metadata.
    pub name: &'static str,
    /// Microsoft lists it as eligible for attestation with Entra ID.
    pub listed: bool,
    /// How it is certified.
    pub certification: Certification,
    /// Shortest PIN in code points.
    pub min_pin_length: Option<u8>,
    abilities: &'static str,
    links: &'static str,
}

/// How a model is certified by the FIDO Alliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certification {
    /// At this level: `L1`, `L2`, …, or `certified` where the metadata names none.
    Level(&'static str),
    /// Not certified.
    None,
    /// The FIDO Alliance has revoked it.
    Revoked,
}

/// What a model can do, as far as enrolment asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// FIDO 2.0 or later.
    Fido2,
    /// Keeps passkeys (resident keys).
    ResidentKeys,
    /// Can have a PIN.
    Pin,
    /// Verifies its user by itself.
    BuiltInVerification,
    /// Signs with ES256.
    Es256,
    /// Signs with RS256.
    Rs256,
    /// The hmac-secret extension, or prf.
    HmacSecret,
    /// The credProtect extension.
    CredProtect,
    /// Can be told to demand a new PIN before it is used again.
    ForcedPinChange,
}

impl Certification {
    /// As the table has it: a level, `certified`, `none` or `revoked`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Level(level) => level,
            Self::None => "none",
            Self::Revoked => "revoked",
        }
    }
}

impl Ability {
    const fn word(self) -> &'static str {
        match self {
            Self::Fido2 => "fido2",
            Self::ResidentKeys => "rk",
            Self::Pin => "pin",
            Self::BuiltInVerification => "uv",
            Self::Es256 => "es256",
            Self::Rs256 => "rs256",
            Self::HmacSecret => "hmac-secret",
            Self::CredProtect => "cred-protect",
            Self::ForcedPinChange => "forced-change",
        }
    }
}

impl Model {
    /// Reads a line of the table; `None` for comments.
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.splitn(7, '\t');
        let mut cell = || cells.next();
        let aaguid = cell()?.parse().ok()?;
        Some(Self {
            aaguid,
            listed: cell()? == "listed",
            certification: match cell()? {
                "none" => Certification::None,
                "revoked" => Certification::Revoked,
                level => Certification::Level(level),
            },
            abilities: cell()?,
            min_pin_length: cell()?.parse().ok(),
            links: cell()?,
            name: cell()?,
        })
    }

    /// Whether it can do something; `None` if its metadata does not tell.
    pub fn can(&self, ability: Ability) -> Option<bool> {
        (self.abilities != NOTHING).then(|| self.abilities.split(' ').any(|word| word == ability.word()))
    }

    /// What it can do, in the words of `README.md`; empty if that is not known.
    pub fn abilities(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.abilities.split(' ').filter(|word| *word != NOTHING)
    }

    /// Links that it has: `usb`, `nfc`, `ble`, `smart-card`, `lightning`, `hybrid`, `internal`; empty if that is not known.
    pub fn links(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.links.split(' ').filter(|link| *link != NOTHING)
    }

    /// What Microsoft asks of a model for attestation and the metadata denies it, in words; empty if nothing is missing.
    pub fn short_of(&self) -> Vec<&'static str> {
        let lacks = |ability| self.can(ability) == Some(false);
        let rows = [
            (self.certification == Certification::Revoked, "its certification is revoked"),
            (self.certification == Certification::None, "no FIDO certification"),
            (lacks(Ability::Fido2), "no FIDO 2.0"),
            (lacks(Ability::Pin) && lacks(Ability::BuiltInVerification), "neither a PIN nor user verification"),
            (lacks(Ability::ResidentKeys), "no resident keys"),
            (lacks(Ability::HmacSecret), "no hmac-secret"),
        ];
        rows.into_iter().filter_map(|(missing, words)| missing.then_some(words)).collect()
    }
}

/// Every model of the table, sorted by AAGUID.
pub fn models() -> impl Iterator<Item = Model> {
    TABLE.lines().filter_map(Model::read)
}

/// What is known of a model; `None` if the table does not have it.
pub fn model(aaguid: Aaguid) -> Option<Model> {
    let id = aaguid.to_string();
    TABLE.lines().find(|line| line.starts_with(&id)).and_then(Model::read)
}

/// A model for people: its name with the AAGUID, or the AAGUID alone.
pub fn title(aaguid: Aaguid) -> String {
    model(aaguid).map_or_else(|| aaguid.to_string(), |model| format!("{} ({aaguid})", model.name))
}

/// Where the table comes from, in one line.
pub fn edition() -> &'static str {
    TABLE.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_sorted_and_small() {
        let all: Vec<Model> = models().collect();
        assert_eq!(all.len(), 348);
        assert_eq!(all.len(), TABLE.lines().filter(|line| !line.starts_with('#')).count());
        assert!(all.is_sorted_by(|one, other| one.aaguid < other.aaguid));
        assert_eq!(all.iter().filter(|model| model.listed).count(), 265);
        assert_eq!(all.iter().filter(|model| model.can(Ability::ForcedPinChange) == Some(true)).count(), 170);
        assert!(all.iter().all(|model| !model.name.is_empty() && !model.name.chars().any(char::is_control)));
        assert!(TABLE.len() < 100_000);
        assert!(edition().starts_with("blob 291"));
    }

    #[test]
    fn models_are_found_by_aaguid() {
        let of = |id: &str| model(id.parse().unwrap());
        let yubikey = of("2FC0579F-8113-47EA-B116-BB5A8DB9202A").unwrap();
        assert_eq!((yubikey.name, yubikey.listed), ("YubiKey 5 Series with NFC", true));
        assert_eq!(yubikey.certification, Certification::Level("L1"));
        assert!(yubikey.links().any(|link| link == "nfc") && yubikey.short_of().is_empty());
        assert_eq!(yubikey.can(Ability::ResidentKeys), Some(true));
        let silent = of("b50d5e0a-7f81-4959-9b12-f45407407503").unwrap();
        assert_eq!((silent.can(Ability::Pin), silent.listed), (None, true));
        let revoked = of("ba86dc56-635f-4141-aef6-00227b1b9af6").unwrap();
        assert_eq!(revoked.short_of(), ["its certification is revoked"]);
        assert_eq!(of("244eb29e-e090-4e49-81fe-1f20f8d3b8f4").unwrap().short_of(), ["no FIDO certification"]);
        assert_eq!(model(Aaguid([0; 16])), None);
        assert_eq!(title(Aaguid([0; 16])), "00000000-0000-0000-0000-000000000000");
    }

    /// Microsoft's list and the rules that its page gives agree, save for a few models: the list is the older of the two.
    #[test]
    fn the_list_and_its_rules_agree() {
        let odd = |listed: bool| -> Vec<&str> {
            models().filter(|one| one.listed == listed && one.short_of().is_empty() != listed).map(|one| one.name).collect()
        };
        assert!(odd(true).len() <= 7, "{:?}", odd(true));
        assert!(odd(false).len() <= 6, "{:?}", odd(false));
    }
}
