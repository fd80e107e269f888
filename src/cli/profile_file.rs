//! Profile files: TOML with the tenant's fields and this station's defaults, overlaid with flags and variables.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::tenant_fields::TenantFields;
use super::{CliError, ledger_address, places};

/// Longest profile that is read.
const LONGEST: u64 = 256 * 1024;
/// The profile that is taken when none is named.
const DEFAULT: &str = "default";

/// Defaults of this station, as they stand in a profile.
pub(super) const STATION_FIELDS: &[&str] = &[
    "ledger",
    "reset",
    "allow_unforced_pin",
    "deny_advisory",
    "prove_attestation",
    "display_name",
    "pin_length",
    "pin_alphabet",
    "notice_template",
    "notice_sender",
    "stations",
    "hand_over",
    "letters",
    "print",
    "company",
    "letter_logo",
    "letter_language",
    "letter_templates",
    "letter_font",
    "letter_serial",
    "seal_to",
    "sealed",
    "hook",
    "hook_seconds",
    "hardening",
];

/// A profile as it was read: nothing checked but the syntax.
#[derive(Debug, Default)]
pub(super) struct ProfileFile {
    /// Where it was.
    pub(super) path: Option<PathBuf>,
    /// The tenant's fields.
    pub(super) tenant: Table,
    /// This station's defaults.
    pub(super) station: Table,
}

impl ProfileFile {
    /// Where the profile of a name is, or the file itself.
    pub(super) fn locate(name: &str) -> Result<PathBuf, CliError> {
        let is_file =
            name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|end| end.eq_ignore_ascii_case("toml"));
        if is_file { Ok(name.into()) } else { Ok(places::profiles()?.join(format!("{name}.toml"))) }
    }

    /// Reads the named profile. Without a name: the one called `default`, or an empty one if that does not exist.
    pub(super) fn read(name: Option<&str>) -> Result<Self, CliError> {
        let Some(name) = name else {
            return match Self::locate(DEFAULT) {
                Ok(path) if path.exists() => Self::from_file(path),
                _ => Ok(Self::default()),
            };
        };
        Self::from_file(Self::locate(name)?)
    }

    fn from_file(path: PathBuf) -> Result<Self, CliError> {
        let unreadable = |reason: String| CliError::ProfileUnreadable { path: path.clone(), reason };
        let length = path.metadata().map_err(|error| unreadable(error.to_string()))?.len();
        if length > LONGEST {
            return Err(unreadable(format!("it is longer than {LONGEST} bytes")));
        }
        let text = read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        // The parser's message without the line that it quotes: a secret may stand there.
        let mut tenant: Table = toml::from_str(&text).map_err(|error| unreadable(error.message().to_owned()))?;
        anchor(&mut tenant, &path);
        let mut station = Table::new();
        for field in STATION_FIELDS {
            if let Some(value) = tenant.remove(*field) {
                station.insert((*field).to_owned(), value);
            }
        }
        Ok(Self { path: Some(path), tenant, station })
    }

    /// Lays flags and variables over what was read.
    pub(super) fn overlay(&mut self, fields: &TenantFields) {
        let texts = [
            ("tenant", &fields.tenant),
            ("client_id", &fields.client_id),
            ("authority", &fields.authority),
            ("graph", &fields.graph),
            ("client_secret_file", &fields.client_secret_file),
            ("certificate", &fields.certificate),
            ("certificate_alg", &fields.certificate_alg),
            ("certificate_password_file", &fields.certificate_password_file),
            ("federated_token_file", &fields.federated_token_file),
            ("sign_in", &fields.sign_in),
            ("cloud", &fields.cloud),
            ("passkey_api", &fields.passkey_api),
            ("expected_rp", &fields.expected_rp),
        ];
        // Naming one way to sign in drops the way that the file names.
        let named = [&fields.client_secret_file, &fields.certificate, &fields.federated_token_file, &fields.sign_in];
        if named.iter().any(|field| field.is_some()) {
            for way in ["client_secret_file", "certificate", "client_secret", "federated_token_file", "sign_in"] {
                // `--sign-in` names a kind; the file may still say where its credential is.
                let kept = fields.sign_in.as_deref().is_some_and(|kind| way.starts_with(kind));
                if !kept {
                    self.tenant.remove(way);
                }
            }
        }
        for (name, text) in texts {
            if let Some(text) = text {
                self.tenant.insert(name.to_owned(), Value::String(text.clone()));
            }
        }
        if let Some(minutes) = fields.challenge_minutes {
            self.tenant.insert("challenge_minutes".into(), Value::Integer(minutes.into()));
        }
    }

    /// Fills in what the platform tells in variables of its own: workload identity federation on Kubernetes and elsewhere,
    /// managed identities of App Service and its kin. What the profile says goes first.
    pub(super) fn complete(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let told: &[(&str, &str)] = match self.tenant.get("sign_in").and_then(Value::as_str) {
            Some("federated") => &[
                ("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE"),
                ("tenant", "AZURE_TENANT_ID"),
                ("client_id", "AZURE_CLIENT_ID"),
                ("authority", "AZURE_AUTHORITY_HOST"),
            ],
            Some("managed-identity") => &[("identity_endpoint", "IDENTITY_ENDPOINT")],
            _ => return,
        };
        for (field, name) in told {
            let said = self.tenant.contains_key(*field) || (*field == "authority" && self.tenant.contains_key("cloud"));
            if !said && let Some(text) = variable(name).filter(|text| !text.is_empty()) {
                self.tenant.insert((*field).to_owned(), Value::String(text));
            }
        }
    }

    /// A program of the profile: beside it where a path is named, else wherever the system finds it.
    pub(super) fn beside(&self, program: &str) -> PathBuf {
        let path = Path::new(program);
        let directory =
            self.path.as_deref().and_then(Path::parent).filter(|_| path.components().count() > 1 || program.starts_with('.'));
        directory.map_or_else(|| path.to_owned(), |directory| directory.join(path.strip_prefix(".").unwrap_or(path)))
    }

    /// A text of this station's defaults.
    pub(super) fn text(&self, field: &'static str, expected: &'static str) -> Result<Option<&str>, CliError> {
        match self.station.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(CliError::Setting { field, value: other.to_string(), expected }),
        }
    }

    /// Texts of this station's defaults: one, or a list.
    pub(super) fn texts(&self, field: &'static str, expected: &'static str) -> Result<Vec<String>, CliError> {
        let wrong = |value: &Value| CliError::Setting { field, value: value.to_string(), expected };
        match self.station.get(field) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(list)) => {
                list.iter().map(|one| one.as_str().map(ToOwned::to_owned).ok_or_else(|| wrong(one))).collect()
            }
            Some(other) => Err(wrong(other)),
        }
    }

    /// A switch of this station's defaults.
    pub(super) fn switch(&self, field: &'static str) -> Result<bool, CliError> {
        match self.station.get(field) {
            None => Ok(false),
            Some(Value::Boolean(value)) => Ok(*value),
            Some(other) => Err(CliError::Setting { field, value: other.to_string(), expected: "true or false" }),
        }
    }

    /// A number of this station's defaults.
    pub(super) fn number(
        &self,
        field: &'static str,
        range: std::ops::RangeInclusive<u8>,
        expected: &'static str,
    ) -> Result<Option<u8>, CliError> {
        let Some(value) = self.station.get(field) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| u8::try_from(number).ok()).filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| CliError::Setting { field, value: value.to_string(), expected })
    }
}

/// Makes relative paths in a profile mean: beside the profile.
fn anchor(tenant: &mut Table, profile: &Path) {
    let Some(directory) = profile.parent() else { return };
    for field in [
        "client_secret_file",
        "certificate",
        "certificate_password_file",
        "federated_token_file",
        "ledger",
        "notice_template",
        "letters",
        "letter_logo",
        "letter_templates",
        "letter_font",
        "sealed",
    ] {
        if let Some(Value::String(text)) = tenant.get_mut(field)
            && Path::new(text.as_str()).is_relative()
            && !ledger_address::is_one(text)
            && let Some(anchored) = directory.join(text.as_str()).to_str()
        {
            anchored.clone_into(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<ProfileFile, CliError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p.toml");
        std::fs::write(&path, text).unwrap();
        ProfileFile::read(path.to_str())
    }

    #[test]
    fn flags_win_over_the_file() {
        let mut file = written("tenant = \"a\"\nclient_id = \"b\"\ncertificate = \"c.pem\"\npin_length = 10\n").unwrap();
        let fields = TenantFields { tenant: Some("x".into()), client_secret_file: Some("/s".into()), ..TenantFields::default() };
        file.overlay(&fields);
        assert_eq!(file.tenant.get("tenant").and_then(Value::as_str), Some("x"));
        assert_eq!(file.tenant.get("client_id").and_then(Value::as_str), Some("b"));
        assert!(!file.tenant.contains_key("certificate"));
        assert_eq!(file.number("pin_length", 4..=63, "").unwrap(), Some(10));
        assert!(!file.tenant.contains_key("pin_length"));
    }

    #[test]
    fn a_way_that_is_named_drops_the_other_one() {
        for (kind, left) in [("browser", &["sign_in"][..]), ("certificate", &["certificate", "sign_in"])] {
            let mut file = written("certificate = \"c.pem\"").unwrap();
            file.overlay(&TenantFields { sign_in: Some(kind.into()), ..TenantFields::default() });
            assert_eq!(file.tenant.keys().collect::<Vec<_>>(), left);
        }
    }

    #[test]
    fn what_the_platform_tells_fills_gaps() {
        let platform = |name: &str| (name != "AZURE_CLIENT_ID").then(|| format!("{name} told"));
        for (text, field, expected) in [
            ("sign_in = \"federated\"", "federated_token_file", Some("AZURE_FEDERATED_TOKEN_FILE told")),
            ("sign_in = \"federated\"", "authority", Some("AZURE_AUTHORITY_HOST told")),
            ("sign_in = \"federated\"\ncloud = \"usgov\"", "authority", None),
            ("sign_in = \"federated\"\ntenant = \"t\"", "tenant", Some("t")),
            ("sign_in = \"federated\"", "client_id", None),
            ("sign_in = \"managed-identity\"", "identity_endpoint", Some("IDENTITY_ENDPOINT told")),
            ("sign_in = \"browser\"", "tenant", None),
        ] {
            let mut file = written(text).unwrap();
            file.complete(platform);
            assert_eq!(file.tenant.get(field).and_then(Value::as_str), expected, "{text} {field}");
        }
    }

    #[test]
    fn relative_paths_are_beside_the_profile() {
        let file = written("client_secret_file = \"secret\"\nledger = \"/l\"").unwrap();
        let path = file.path.as_deref().and_then(Path::parent).unwrap().join("secret");
        assert_eq!(file.tenant.get("client_secret_file").and_then(Value::as_str), path.to_str());
        assert_eq!(file.text("ledger", "").unwrap(), Some("/l"));
        let file = written("ledger = \"postgres://desk@db/keys\"").unwrap();
        assert_eq!(file.text("ledger", "").unwrap(), Some("postgres://desk@db/keys"));
    }

    #[test]
    fn wrong_settings_are_named() {
        let file = written("pin_length = 3\nreset = 1\nallow_unforced_pin = \"yes\"").unwrap();
        for error in [
            file.number("pin_length", 4..=63, "").unwrap_err(),
            file.text("reset", "").unwrap_err(),
            file.switch("allow_unforced_pin").unwrap_err(),
        ] {
            assert!(matches!(error, CliError::Setting { .. }), "{error}");
        }
    }

    #[test]
    fn a_broken_file_does_not_leak_its_lines() {
        let error = written("client_secret = \"hunter2").unwrap_err();
        assert!(matches!(error, CliError::ProfileUnreadable { .. }) && !error.to_string().contains("hunter2"), "{error}");
    }
}
