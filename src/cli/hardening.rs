//! How keys are hardened, from flags and the profile (`docs/hardening.md`).

use clap::Args;
use toml::{Table, Value};

use super::CliError;
use super::profile_file::ProfileFile;
use crate::enroll::{HardeningRules, SettingName, Wishes};

/// The table of a profile.
const FIELD: &str = "hardening";
/// The table in it that has a section a model.
const MODELS: &str = "models";
/// Lengths of a PIN that a key may ask for.
const LENGTHS: std::ops::RangeInclusive<u8> = 4..=63;
/// Relying parties that may read the shortest PIN length: more than any key keeps.
const MOST_READERS: usize = 32;
/// Longest id of a relying party, which is a domain.
const LONGEST_READER: usize = 253;

/// Flags about the settings of keys.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Hardening")]
pub(super) struct HardenArgs {
    /// The key takes no PIN shorter than this, 4 to 63; it can only grow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(4..=63))]
    pub(super) min_pin_length: Option<u8>,
    /// A relying party that may read the minimum PIN length; can be repeated
    #[arg(long, value_name = "RP")]
    pub(super) min_pin_length_reader: Vec<String>,
    /// The key asks for its PIN at every use
    #[arg(long)]
    pub(super) always_uv: bool,
    /// Switch enterprise attestation on
    #[arg(long)]
    pub(super) enterprise_attestation: bool,
    /// A reset wants a long touch
    #[arg(long)]
    pub(super) long_touch_reset: bool,
    /// Settings that a key may lack, by their flags, parted by commas: all others are demanded
    #[arg(long, value_name = "SETTINGS", value_delimiter = ',', value_parser = setting_name)]
    pub(super) accept_less: Vec<SettingName>,
}

impl HardenArgs {
    fn wishes(&self) -> Wishes {
        Wishes {
            always_uv: self.always_uv.then_some(true),
            enterprise_attestation: self.enterprise_attestation.then_some(true),
            long_touch_reset: self.long_touch_reset.then_some(true),
            min_pin_length: self.min_pin_length,
            min_pin_length_readers: (!self.min_pin_length_reader.is_empty()).then(|| self.min_pin_length_reader.clone()),
            accept_less: (!self.accept_less.is_empty()).then(|| self.accept_less.clone()),
        }
    }
}

/// The rules of the profile, under the flags that were typed.
pub(super) fn rules(args: Option<&HardenArgs>, profile: &ProfileFile) -> Result<HardeningRules, CliError> {
    let typed = args.map(HardenArgs::wishes).unwrap_or_default();
    checked(&typed)?;
    let Some(value) = profile.station.get(FIELD) else { return Ok(HardeningRules { typed, ..HardeningRules::default() }) };
    let mut table = value.as_table().cloned().ok_or_else(|| wrong(FIELD, value.type_str()))?;
    let models = match table.remove(MODELS) {
        None => Table::new(),
        Some(Value::Table(models)) => models,
        Some(other) => return Err(wrong(MODELS, other.type_str())),
    };
    let models = models.into_iter().map(|(name, value)| Ok((name, wishes(value)?)));
    let models = models.collect::<Result<_, CliError>>()?;
    let rules = HardeningRules { general: wishes(Value::Table(table))?, models, typed };
    if let Some(name) = rules.strangers().next() {
        let expected = "an AAGUID or a part of the public name of a model";
        return Err(CliError::Setting { field: "hardening.models", value: format!("{name:?}"), expected });
    }
    Ok(rules)
}

fn wishes(value: Value) -> Result<Wishes, CliError> {
    let wishes: Wishes = value.try_into().map_err(|error: toml::de::Error| wrong(FIELD, error.message()))?;
    checked(&wishes)?;
    Ok(wishes)
}

fn checked(wishes: &Wishes) -> Result<(), CliError> {
    if let Some(length) = wishes.min_pin_length.filter(|length| !LENGTHS.contains(length)) {
        let expected = "a number from 4 to 63";
        return Err(CliError::Setting { field: "min_pin_length", value: length.to_string(), expected });
    }
    let readers = wishes.min_pin_length_readers.as_deref().unwrap_or_default();
    let domain = |reader: &String| {
        (1..=LONGEST_READER).contains(&reader.len())
            && reader.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    let expected = "at most 32 relying party ids, such as login.microsoft.com";
    match readers.iter().find(|reader| !domain(reader)) {
        Some(reader) => Err(CliError::Setting { field: "min_pin_length_readers", value: format!("{reader:?}"), expected }),
        None if readers.len() > MOST_READERS => {
            Err(CliError::Setting { field: "min_pin_length_readers", value: readers.len().to_string(), expected })
        }
        None => Ok(()),
    }
}

fn wrong(field: &'static str, value: &str) -> CliError {
    CliError::Setting { field, value: value.to_owned(), expected: "a table as docs/hardening.md describes it" }
}

/// A setting by the name of its flag or of its field in a profile.
fn setting_name(word: &str) -> Result<SettingName, String> {
    let word = word.trim().replace('-', "_");
    SettingName::ALL.into_iter().find(|name| name.field() == word).ok_or_else(|| {
        let known: Vec<&str> = SettingName::ALL.iter().map(|name| name.field()).collect();
        format!("the settings are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctap::{Requirement, Wish};

    fn read(text: &str) -> Result<HardeningRules, CliError> {
        let profile = ProfileFile { station: toml::from_str(text).unwrap(), ..ProfileFile::default() };
        rules(None, &profile)
    }

    #[test]
    fn a_table_of_a_profile() {
        let rules = read(
            "[hardening]\nmin_pin_length = 6\nalways_uv = true\naccept_less = [\"always_uv\"]\n\
             [hardening.models.\"YubiKey 5 Series\"]\nmin_pin_length = 8\n",
        )
        .unwrap();
        let wanted = rules.of("2fc0579f-8113-47ea-b116-bb5a8db9202a".parse().unwrap());
        let always = Requirement { wish: Wish::AlwaysUv, demand: false };
        assert_eq!(wanted, [always, Requirement { wish: Wish::MinPinLength { least: 8 }, demand: true }]);
        assert_eq!(read("").unwrap(), HardeningRules::default());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, named) in [
            ("hardening = true", "boolean"),
            ("[hardening]\nmin_pin_lenght = 8", "min_pin_lenght"),
            ("[hardening]\nmin_pin_length = 3", "min_pin_length"),
            ("[hardening]\nmin_pin_length = 64", "min_pin_length"),
            ("[hardening]\nmin_pin_length = 300", "300"),
            ("[hardening]\nmin_pin_length = -1", "-1"),
            ("[hardening]\nalways_uv = \"yes\"", "string"),
            ("[hardening]\naccept_less = [\"always\"]", "always"),
            ("[hardening]\nmodels = 3", "integer"),
            ("[hardening]\nmin_pin_length_readers = [\"\"]", "min_pin_length_readers"),
            ("[hardening]\nmin_pin_length_readers = [\"https://login\"]", "https://login"),
            ("[hardening.models.\"YubiKy 5\"]\nalways_uv = true", "YubiKy 5"),
            ("[hardening.models.YubiKey]\nalways = true", "always"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(named), "{text}: {error}");
        }
        let many = format!("[hardening]\nmin_pin_length_readers = {:?}", vec!["a.example"; 33]);
        assert!(read(&many).is_err());
    }

    #[test]
    fn a_setting_has_the_name_of_its_flag_or_field() {
        assert_eq!(setting_name("min-pin-length"), Ok(SettingName::MinPinLength));
        assert_eq!(setting_name(" always_uv"), Ok(SettingName::AlwaysUv));
        assert!(setting_name("always").is_err());
    }
}
