//! yubienroll.toml: providers are tenants, and its profiles say how keys are made. One profile of ours for each of its own,
//! with the tenant of one provider.

use serde::Serialize;
use toml::{Table, Value};

use super::super::results::{SettingLeft, SettingTaken};

/// Providers and profiles in a file, each: more than anybody keeps.
const MOST: usize = 100;
/// Longest text that is taken over, in characters.
const LONGEST: usize = 500;
/// Lengths of a PIN.
const LENGTHS: std::ops::RangeInclusive<i64> = 4..=63;

/// Hosts that need not be named, since they are those of the global cloud.
const USUAL: [&str; 2] = ["https://login.microsoftonline.com", "https://graph.microsoft.com"];

/// What is made of a file.
#[derive(Debug)]
pub(super) struct Import {
    /// Its profiles, in the order of their names.
    pub(super) profiles: Vec<Imported>,
}

/// One profile.
#[derive(Debug)]
pub(super) struct Imported {
    /// Its name, which can be that of a file.
    pub(super) name: String,
    /// The text of the file.
    pub(super) text: String,
    /// What was taken over.
    pub(super) taken: Vec<SettingTaken>,
    /// What was not, and why.
    pub(super) left: Vec<SettingLeft>,
}

/// A profile that is being made.
#[derive(Default, Serialize)]
struct Draft {
    #[serde(flatten)]
    fields: Table,
    #[serde(skip_serializing_if = "Table::is_empty")]
    hardening: Table,
    #[serde(skip)]
    taken: Vec<SettingTaken>,
    #[serde(skip)]
    left: Vec<SettingLeft>,
}

impl Draft {
    fn take(&mut self, from: &str, field: &str, value: impl Into<Value>) {
        let value = value.into();
        self.taken.push(SettingTaken { from: from.to_owned(), into: format!("{field} = {value}") });
        match field.strip_prefix("hardening.") {
            Some(field) => self.hardening.insert(field.to_owned(), value),
            None => self.fields.insert(field.to_owned(), value),
        };
    }

    fn leave(&mut self, from: &str, why: &'static str) {
        self.left.push(SettingLeft { from: from.to_owned(), why });
    }

    fn text(&self, from: &str) -> Result<String, String> {
        let body = toml::to_string(self).map_err(|error| error.to_string())?;
        Ok(format!("# Made by `keywright profiles import` from {from} of YubiEnroll.\n{body}"))
    }
}

impl Import {
    /// Reads a file. The reason of an error does not repeat a line of it.
    pub(super) fn read(text: &str, provider: Option<&str>) -> Result<Self, String> {
        let file: Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let providers = tables(&file, "providers")?;
        let profiles = tables(&file, "profiles")?;
        let (name, tenant) = chosen(&file, &providers, provider)?;
        let mut made = Vec::new();
        if profiles.is_empty() {
            made.push(made_of(name, tenant, None)?);
        }
        for profile in profiles {
            made.push(made_of(name, tenant, Some(profile))?);
        }
        Ok(Self { profiles: made })
    }
}

/// The tables in a table, by their names, each of which can be that of a file.
fn tables<'a>(file: &'a Table, field: &str) -> Result<Vec<(&'a str, &'a Table)>, String> {
    let Some(value) = file.get(field) else { return Ok(Vec::new()) };
    let table = value.as_table().ok_or_else(|| format!("{field} is no table"))?;
    if table.len() > MOST {
        return Err(format!("it has more than {MOST} {field}"));
    }
    let one = |(name, value): (&'a String, &'a Value)| {
        if !can_be_a_file(name) {
            return Err(format!("the name {name:?} in {field} cannot be that of a file"));
        }
        Ok((name.as_str(), value.as_table().ok_or_else(|| format!("{field}.{name} is no table"))?))
    };
    table.iter().map(one).collect()
}

fn can_be_a_file(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_. ".contains(letter);
    (1..=64).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['.', ' ']) && !name.ends_with(['.', ' '])
}

/// The provider that is named, else the active one, else the only one.
fn chosen<'a>(file: &'a Table, providers: &[(&'a str, &'a Table)], named: Option<&str>) -> Result<(&'a str, &'a Table), String> {
    let list = || providers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match named.or_else(|| file.get("active_provider").and_then(Value::as_str)) {
        Some(wanted) => {
            let found = providers.iter().find(|(name, _)| *name == wanted);
            found.copied().ok_or_else(|| format!("it has no provider {wanted:?}; there are: {}", list()))
        }
        None => match providers {
            [one] => Ok(*one),
            [] => Err("it has no provider".into()),
            _ => Err(format!("none of its providers is active: name one with --provider ({})", list())),
        },
    }
}

fn made_of(provider: &str, tenant: &Table, profile: Option<(&str, &Table)>) -> Result<Imported, String> {
    let mut draft = Draft::default();
    for (key, value) in tenant {
        take_tenant(&mut draft, &format!("providers.{provider}.{}", shown(key)), key, value)?;
    }
    for needed in ["tenant", "client_id"] {
        if !draft.fields.contains_key(needed) {
            return Err(format!("providers.{provider} names no {needed}"));
        }
    }
    draft.fields.insert("sign_in".into(), "browser".into());
    for (key, value) in profile.map(|(_, table)| table).into_iter().flatten() {
        let name = profile.map(|(name, _)| name).unwrap_or_default();
        take_wish(&mut draft, &format!("profiles.{name}.{}", shown(key)), key, value)?;
    }
    let name = profile.map_or(provider, |(name, _)| name);
    let text = draft.text(&format!("profile {name:?}, provider {provider:?}"))?;
    Ok(Imported { name: name.to_owned(), text, taken: draft.taken, left: draft.left })
}

/// A key as it can be shown: nobody knows what stands there.
fn shown(key: &str) -> String {
    key.chars().take(64).flat_map(char::escape_debug).collect()
}

fn take_tenant(draft: &mut Draft, from: &str, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "provider" if value.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("entra")) => {}
        "provider" => return Err(format!("{from} is not ENTRA: keywright works with Microsoft Entra ID only")),
        "tenant_id" => draft.take(from, "tenant", text(from, value)?),
        "client_id" => draft.take(from, "client_id", text(from, value)?),
        "entra_base_url" | "graph_base_url" => {
            let url = text(from, value)?.trim_end_matches('/').to_owned();
            let field = if key == "graph_base_url" { "graph" } else { "authority" };
            if USUAL.contains(&url.as_str()) {
                draft.leave(from, "it is the default");
            } else {
                draft.take(from, field, url);
            }
        }
        "redirect_uri" => draft.leave(
            from,
            "keywright waits at http://localhost on a free port: add the redirect URI http://localhost to the application",
        ),
        _ => draft.leave(from, "it is not known here"),
    }
    Ok(())
}

fn take_wish(draft: &mut Draft, from: &str, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "min_pin_length" => draft.take(from, "hardening.min_pin_length", length(from, value)?),
        "random_pin_length" => draft.take(from, "pin_length", length(from, value)?),
        "require_always_uv" => switch(draft, from, "hardening.always_uv", value)?,
        "require_ea" => switch(draft, from, "hardening.enterprise_attestation", value)?,
        "reset" if flag(from, value)? => draft.take(from, "reset", "always"),
        "reset" => {
            draft.take(from, "reset", "never");
            draft.leave(from, "a key that is not fresh is refused then: keywright adds no passkey to a key that somebody uses");
        }
        "force_pin_change" if flag(from, value)? => draft.leave(from, "it is always so, where the key can"),
        "force_pin_change" => {
            draft.leave(from, "keywright has no way to leave it out: nobody may sign in with a PIN that staff know");
        }
        "random_pin" if flag(from, value)? => draft.leave(from, "it is always so"),
        "random_pin" => draft.leave(from, "keywright always draws the temporary PIN"),
        _ => draft.leave(from, "it is not known here"),
    }
    Ok(())
}

fn switch(draft: &mut Draft, from: &str, field: &str, value: &Value) -> Result<(), String> {
    if flag(from, value)? {
        draft.take(from, field, true);
    } else {
        draft.leave(from, "what is not asked for is left as the key has it");
    }
    Ok(())
}

fn flag(from: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{from} is neither true nor false"))
}

fn length(from: &str, value: &Value) -> Result<i64, String> {
    value.as_integer().filter(|length| LENGTHS.contains(length)).ok_or_else(|| format!("{from} is no number from 4 to 63"))
}

fn text(from: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    let text = text.filter(|text| text.chars().count() <= LONGEST && !text.chars().any(char::is_control));
    text.map(ToOwned::to_owned).ok_or_else(|| format!("{from} is no text that can be taken over"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
active_provider = "contoso"
[providers.contoso]
provider = "ENTRA"
client_id = "11111111-2222-3333-4444-555555555555"
tenant_id = "contoso.example"
redirect_uri = "http://localhost/yubienroll-redirect"
entra_base_url = "https://login.microsoftonline.com/"
graph_base_url = "https://graph.microsoft.us"
[providers.other]
provider = "OKTA"
[profiles.standard]
min_pin_length = 6
require_always_uv = false
require_ea = true
reset = true
force_pin_change = true
random_pin = true
random_pin_length = 8
"#;

    fn only(text: &str) -> Imported {
        let mut import = Import::read(text, None).unwrap();
        assert_eq!(import.profiles.len(), 1);
        import.profiles.remove(0)
    }

    #[test]
    fn what_its_page_shows_becomes_a_profile() {
        let made = only(FILE);
        assert_eq!(made.name, "standard");
        let table: Table = toml::from_str(&made.text).unwrap();
        let expected = toml::toml! {
            tenant = "contoso.example"
            client_id = "11111111-2222-3333-4444-555555555555"
            graph = "https://graph.microsoft.us"
            sign_in = "browser"
            reset = "always"
            pin_length = 8
            [hardening]
            min_pin_length = 6
            enterprise_attestation = true
        };
        assert_eq!(table, expected);
        let told = made.taken.len() + made.left.len();
        assert_eq!(told, 12, "every key but the kind of the provider is told: {:?} {:?}", made.taken, made.left);
    }

    #[test]
    fn the_tenants_part_is_one_that_signs_in() {
        let mut table: Table = toml::from_str(&only(FILE).text).unwrap();
        for field in ["reset", "pin_length", "hardening"] {
            table.remove(field);
        }
        crate::identity::entra::Profile::from_toml(&toml::to_string(&table).unwrap()).unwrap();
    }

    #[test]
    fn a_provider_is_named_active_or_the_only_one() {
        let two = "[providers.a]\nprovider = 'ENTRA'\ntenant_id = 't'\nclient_id = 'c'\n[providers.b]\nprovider = 'OKTA'\n";
        assert!(Import::read(two, None).unwrap_err().contains("--provider"));
        assert_eq!(Import::read(two, Some("a")).unwrap().profiles[0].name, "a");
        assert!(Import::read(two, Some("b")).unwrap_err().contains("ENTRA"));
        assert!(Import::read(two, Some("c")).unwrap_err().contains("a, b"));
        assert!(Import::read("", None).is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_named_and_not_guessed() {
        let with = |line: &str| format!("{FILE}{line}\n");
        for (text, named) in [
            (FILE.replace("min_pin_length = 6", "min_pin_length = 64"), "min_pin_length"),
            (FILE.replace("random_pin_length = 8", "random_pin_length = \"8\""), "random_pin_length"),
            (FILE.replace("reset = true", "reset = 1"), "reset"),
            (FILE.replace("tenant_id = \"contoso.example\"", ""), "tenant"),
            (FILE.replace("contoso.example", "\\u0000"), "tenant_id"),
            (FILE.replace("contoso.example", &"x".repeat(600)), "tenant_id"),
            (FILE.replace("[profiles.standard]", "[profiles.\"../evil\"]"), "../evil"),
            (FILE.replace("[profiles.standard]", "[profiles.\".hidden\"]"), ".hidden"),
            (FILE.replace("[profiles.standard]", "[[profiles]]"), "profiles"),
            (with("reset = true"), "duplicate"),
            ("x = [".repeat(10_000), ""),
        ] {
            let error = Import::read(&text, None).unwrap_err();
            assert!(error.contains(named), "{named}: {error}");
        }
        let many: String = (0..=MOST).map(|number| format!("[profiles.p{number}]\n")).collect();
        let base = FILE.split("[profiles").next().unwrap();
        assert!(Import::read(&format!("{base}{many}"), None).unwrap_err().contains("more than"));
    }

    #[test]
    fn unknown_keys_are_told_and_harm_nothing() {
        let made = only(&format!("{FILE}led_colour = \"red\"\n"));
        assert!(made.left.iter().any(|row| row.from == "profiles.standard.led_colour"), "{:?}", made.left);
        assert!(!made.text.contains("led_colour"));
        let made = only(&format!("{FILE}\"\\u001b[31m\" = 1\n"));
        assert!(made.left.iter().all(|row| !row.from.contains('\u{1b}')), "{:?}", made.left);
    }

    #[test]
    fn a_text_stays_a_text() {
        let made = only(&FILE.replace("contoso.example", "a' \\\"\\u00e9 = # x"));
        let table: Table = toml::from_str(&made.text).unwrap();
        assert_eq!(table.get("tenant").and_then(Value::as_str), Some("a' \"é = # x"));
    }
}
