//! What the training tenant is made of: users, policy, application, faults; from a TOML file or from the defaults.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::aaguid::Aaguid;
use crate::simulator::tenant::fault::Fault;
use crate::simulator::tenant::passkey_policy::TrainingPolicy;
use crate::simulator::tenant::sign_in::TrainingSignIn;
use crate::simulator::tenant::tap::TapPolicy;
use crate::simulator::tenant::throttle::Limits;

/// The training tenant as it starts. Every part has a default, so that an empty file is a whole tenant.
/// `docs/training-tenant.md` shows one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// Domain of the tenant.
    pub tenant: String,
    /// Relying party id in creation options.
    pub rp_id: String,
    /// The application that may sign in.
    pub application: Application,
    /// How people and platforms sign in.
    pub sign_in: TrainingSignIn,
    /// The users.
    pub users: Vec<TrainingUser>,
    /// Names of groups.
    pub groups: Vec<TrainingGroup>,
    /// The passkey policy.
    pub policy: TrainingPolicy,
    /// Authentication strengths.
    pub strengths: Vec<TrainingStrength>,
    /// The policy of Temporary Access Passes.
    pub tap_policy: TapPolicy,
    /// Seconds until an event appears in the audit log.
    pub audit_delay: u64,
    /// How credential ids in `excludeCredentials` are spelled.
    pub spelling: Spelling,
    /// Items on one page of a list.
    pub page_size: usize,
    /// Seconds until lists show a new passkey: the directory behind them is not one machine.
    pub listing_delay: u32,
    /// Milliseconds that every answer takes.
    pub latency: u32,
    /// The limits in force; without them nothing is throttled.
    pub throttle: Option<Limits>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// File in which the passkeys outlive the process; without one they end with it.
    pub memory: Option<PathBuf>,
}

/// An application registration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Application {
    /// Application (client) id.
    pub client_id: String,
    /// Its secret. This tenant exists on one machine and holds nothing worth a secret.
    pub client_secret: String,
    /// PEM file with a certificate that may sign assertions.
    pub certificate: Option<PathBuf>,
    /// Granted application permissions, by Graph's names.
    pub permissions: Vec<String>,
    /// Those of the above that it does not have after all: one is taken away without naming the others.
    pub withheld: Vec<String>,
    /// Whether it may act on administrators' accounts.
    pub acts_on_administrators: bool,
}

/// A user of the training tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingUser {
    /// Object id.
    pub id: String,
    /// User principal name.
    pub upn: String,
    /// Name for people.
    pub display_name: String,
    /// `mail`; none for a user without a mailbox.
    #[serde(default)]
    pub mail: Option<String>,
    /// `preferredLanguage`.
    #[serde(default)]
    pub language: Option<String>,
    /// `userType`.
    #[serde(default = "member")]
    pub kind: String,
    /// `accountEnabled`.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Holds an administrator's role.
    #[serde(default)]
    pub administrator: bool,
    /// Is the caller's own account, for which Graph offers nothing (405).
    #[serde(default)]
    pub own_account: bool,
    /// Object ids of groups, transitively.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Passkeys that are there from the start.
    #[serde(default)]
    pub passkeys: u8,
}

/// A group of the training tenant. Who is in it stands with the users.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingGroup {
    /// Object id.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// Devices among its members, as groups may have them.
    #[serde(default)]
    pub devices: u8,
}

/// An authentication strength.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingStrength {
    /// Object id.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// Microsoft's own, which names no models.
    #[serde(default)]
    pub built_in: bool,
    /// Combinations of methods that satisfy it.
    #[serde(default = "fido2")]
    pub combinations: Vec<String>,
    /// The only models that it accepts; none means every model.
    #[serde(default)]
    pub models: Vec<Aaguid>,
}

/// Spellings of credential ids that Graph was seen to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// base64url and a digit: how many padding characters were cut off.
    #[default]
    Digit,
    /// Standard base64 with padding.
    Padded,
    /// base64url without padding.
    Plain,
    /// Each of them in turn.
    Mixed,
}

impl Script {
    /// Reads a script from TOML.
    ///
    /// # Errors
    /// The sentence names the field that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    /// Reads a script from a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no script.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        Self::from_toml(&text)
            .map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", path.display())))
    }

    /// The user with this object id or principal name.
    pub fn user(&self, name: &str) -> Option<&TrainingUser> {
        self.users.iter().find(|user| user.id.eq_ignore_ascii_case(name) || user.upn.eq_ignore_ascii_case(name))
    }
}

impl TrainingUser {
    /// One of many: `user00001` and so on, with a mailbox.
    pub fn numbered(number: u32, domain: &str) -> Self {
        let upn = format!("user{number:05}@{domain}");
        Self::member(format!("00000000-0000-4000-8000-{number:012}"), upn, &format!("User {number}"))
    }

    /// A member with a mailbox and nothing else.
    fn member(id: String, upn: String, display_name: &str) -> Self {
        Self {
            id,
            mail: Some(upn.clone()),
            upn,
            display_name: display_name.to_owned(),
            language: None,
            kind: member(),
            enabled: true,
            administrator: false,
            own_account: false,
            groups: Vec::new(),
            passkeys: 0,
        }
    }
}

fn fido2() -> Vec<String> {
    vec!["fido2".to_owned()]
}

fn member() -> String {
    "Member".to_owned()
}

fn yes() -> bool {
    true
}

fn training_user(number: u8, name: &str, display_name: &str) -> TrainingUser {
    let id = format!("87d349ed-44d7-43e1-9a83-5f2406dee5{number:02x}");
    TrainingUser::member(id, format!("{name}@contoso.example"), display_name)
}

impl Default for Script {
    fn default() -> Self {
        let users = vec![
            training_user(1, "adele", "Adele Vance"),
            TrainingUser { administrator: true, ..training_user(2, "admin", "Alex Wilber") },
            TrainingUser { kind: "Guest".to_owned(), ..training_user(3, "grady_fabrikam.example#EXT#", "Grady Archie") },
            TrainingUser { enabled: false, ..training_user(4, "diego", "Diego Siciliani") },
            TrainingUser { passkeys: 10, ..training_user(5, "tina", "Tina Ten") },
        ];
        Self {
            tenant: "contoso.example".to_owned(),
            rp_id: "login.microsoft.com".to_owned(),
            application: Application::default(),
            sign_in: TrainingSignIn::default(),
            users,
            groups: Vec::new(),
            strengths: vec![TrainingStrength {
                id: "00000000-0000-0000-0000-000000000004".to_owned(),
                display_name: "Phishing-resistant MFA".to_owned(),
                built_in: true,
                combinations: fido2(),
                models: Vec::new(),
            }],
            policy: TrainingPolicy::default(),
            tap_policy: TapPolicy::default(),
            audit_delay: 0,
            spelling: Spelling::Digit,
            page_size: 100,
            listing_delay: 0,
            latency: 0,
            throttle: None,
            faults: Vec::new(),
            memory: None,
        }
    }
}

impl Default for Application {
    fn default() -> Self {
        let permissions = [
            "User.Read.All",
            "GroupMember.Read.All",
            "Policy.Read.AuthenticationMethod",
            "UserAuthMethod-Passkey.Read.All",
            "UserAuthMethod-Passkey.ReadWrite.All",
            "UserAuthMethod-TAP.ReadWrite.All",
            "AuditLog.Read.All",
            "Mail.Send",
        ];
        Self {
            client_id: "5f0c1ab7-5d14-4d5c-9c1f-0a6b3a1f7e01".to_owned(),
            client_secret: "training-secret".to_owned(),
            certificate: None,
            permissions: permissions.map(str::to_owned).to_vec(),
            withheld: Vec::new(),
            acts_on_administrators: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::tenant::fault::Act;

    #[test]
    fn an_empty_file_is_a_whole_tenant() {
        let script = Script::from_toml("").unwrap();
        assert_eq!(script.user("ADELE@contoso.example").unwrap().kind, "Member");
        assert_eq!(script.user("tina@contoso.example").unwrap().passkeys, 10);
        assert!(script.users.iter().any(|user| !user.enabled));
    }

    #[test]
    fn everything_can_be_scripted() {
        let script = Script::from_toml(
            r#"
            tenant = "fabrikam.example"
            spelling = "mixed"
            [application]
            permissions = ["UserAuthMethod-Passkey.ReadWrite.All"]
            withheld = ["UserAuthMethod-Passkey.ReadWrite.All"]
            [[users]]
            id = "1"
            upn = "a@fabrikam.example"
            display_name = "A"
            groups = ["g"]
            [[groups]]
            id = "g"
            display_name = "G"
            [[strengths]]
            id = "s"
            display_name = "S"
            models = ["2fc0579f-8113-47ea-b116-bb5a8db9202a"]
            [throttle]
            reports = 3
            [policy]
            state = "disabled"
            [[policy.passkeyProfiles]]
            id = "p"
            attestationEnforcement = "registrationOnly"
            keyRestrictions = { isEnforced = true, enforcementType = "allow", aaGuids = ["2fc0579f-8113-47ea-b116-bb5a8db9202a"] }
            [[policy.includeTargets]]
            id = "g"
            allowedPasskeyProfiles = ["p"]
            [[faults]]
            method = "POST"
            path = "*/fido2Methods"
            act = { answer = { status = 429, retry_after = 3 } }
            [[faults]]
            path = "*"
            call = 2
            times = 0
            act = "close_before"
            "#,
        )
        .unwrap();
        assert_eq!(script.faults[0].act, Act::throttled(Some(3)));
        assert_eq!((script.faults[1].call, script.faults[1].times), (2, 0));
        assert_eq!(script.policy.passkey_profiles[0].key_restrictions.aa_guids.len(), 1);
        assert_eq!(script.throttle.map(|limits| (limits.reports, limits.directory)), Some((3, 8_000)));
        assert_eq!(script.strengths[0].combinations, ["fido2"]);
        assert!(Script::from_toml("colour = 1").unwrap_err().contains("colour"));
    }
}
