//! A tenant profile: which tenant, in which cloud, and how to sign in to it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Deserializer};

use crate::identity::entra::cloud::{Cloud, PasskeyApi, is_login_host};
use crate::identity::{Finding, IdentityError};
use crate::secret::SecretText;

/// Shortest and longest life of a challenge that the beta API gives, in minutes.
pub(super) const CHALLENGE_MINUTES: std::ops::RangeInclusive<u32> = 5..=43200;

/// How a client assertion is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum CertificateAlg {
    /// RSA-PSS with SHA-256, certificate named by `x5t#S256`: what Microsoft recommends.
    #[default]
    PS256,
    /// RSA PKCS#1 v1.5 with SHA-256, for keys that cannot do PSS.
    RS256,
}

/// How a profile signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// An application with a client secret.
    Secret,
    /// An application with a certificate.
    Certificate,
    /// An application with a token of another issuer (workload identity federation).
    Federated,
    /// An application that Azure vouches for, on a machine of Azure.
    ManagedIdentity,
    /// A person with a browser on this machine.
    Browser,
    /// A person with a browser anywhere.
    DeviceCode,
}

impl Way {
    /// Whether it is a person who signs in.
    pub fn is_person(self) -> bool {
        matches!(self, Self::Browser | Self::DeviceCode)
    }
}

/// The tenant's part of a profile file (TOML). Hosts default to the global cloud.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name for people; the file's name if it is missing.
    #[serde(default)]
    pub name: String,
    /// Tenant id (GUID) or one of its domains.
    pub tenant: String,
    /// Application (client) id; of a managed identity only if it is not the machine's own.
    #[serde(default)]
    pub client_id: String,
    /// The cloud; sets both hosts.
    pub cloud: Option<Cloud>,
    /// Sign-in host, e.g. `https://login.microsoftonline.us`; goes before `cloud`.
    #[serde(default)]
    pub authority: String,
    /// Graph host, e.g. `https://graph.microsoft.us`; goes before `cloud`.
    #[serde(default)]
    pub graph: String,
    /// Which of Graph's interfaces registers passkeys.
    #[serde(default)]
    pub passkey_api: PasskeyApi,
    /// How to sign in, where the other fields do not say it.
    pub sign_in: Option<Way>,
    /// File that holds nothing but the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// File with the RSA private key and its certificate: PEM (PKCS#8 or PKCS#1, not encrypted) or PKCS#12.
    pub certificate: Option<PathBuf>,
    /// File that holds nothing but the password of the PKCS#12 file.
    pub certificate_password_file: Option<PathBuf>,
    /// File with the token of the other issuer, read anew each time.
    pub federated_token_file: Option<PathBuf>,
    /// Where managed identities are asked for, if not at the usual address; on this machine or link-local.
    pub identity_endpoint: Option<String>,
    /// How the certificate's key signs.
    #[serde(default)]
    pub certificate_alg: CertificateAlg,
    /// The client secret itself: only for training, when both hosts are loopback addresses.
    #[serde(default, deserialize_with = "secret")]
    pub client_secret: Option<SecretText>,
    /// Life of a challenge in minutes, 5 to 43200; asks the beta API. Without it v1.0 gives five minutes.
    pub challenge_minutes: Option<u32>,
    /// The relying party id that alone is accepted; without it any `login.` host of the cloud is.
    pub expected_rp: Option<String>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .field("client_id", &self.client_id)
            .field("authority", &self.authority)
            .field("graph", &self.graph)
            .finish_non_exhaustive()
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
}

/// The hosts of a profile, checked.
#[derive(Clone, Debug)]
pub(super) struct Hosts {
    /// Sign-in host.
    pub(super) authority: Url,
    /// Graph host.
    pub(super) graph: Url,
}

impl Hosts {
    /// Both hosts are addresses of this machine.
    pub(super) fn both_loopback(&self) -> bool {
        is_loopback(&self.authority) && is_loopback(&self.graph)
    }
}

impl Profile {
    /// Reads a profile from TOML.
    ///
    /// # Errors
    /// [`IdentityError::Profile`] names the field that is missing, unknown or wrong.
    pub fn from_toml(text: &str) -> Result<Self, IdentityError> {
        let mut profile: Self = toml::from_str(text).map_err(|error| wrong(error.message()))?;
        let (authority, graph) = profile.cloud.unwrap_or(Cloud::Global).hosts();
        for (field, usual) in [(&mut profile.authority, authority), (&mut profile.graph, graph)] {
            if field.is_empty() {
                usual.clone_into(field);
            }
        }
        profile.check()?;
        Ok(profile)
    }

    /// Checks what can be checked without the network.
    ///
    /// # Errors
    /// [`IdentityError::Profile`].
    pub fn check(&self) -> Result<(), IdentityError> {
        let hosts = self.hosts()?;
        check_tenant(&self.tenant)?;
        if self.client_id.trim().is_empty() && self.way() != Some(Way::ManagedIdentity) {
            return Err(wrong("client_id is missing"));
        }
        if self.client_secret.is_some() && !hosts.both_loopback() {
            return Err(wrong("client_secret is for training on loopback only; name a file with client_secret_file"));
        }
        self.check_way()?;
        match self.challenge_minutes {
            Some(minutes) if !CHALLENGE_MINUTES.contains(&minutes) => Err(wrong("challenge_minutes goes from 5 to 43200")),
            _ => Ok(()),
        }
    }

    /// How the profile signs in; `None` where it takes a secret that is handed in.
    pub fn way(&self) -> Option<Way> {
        let named = self.named_ways();
        self.sign_in.or_else(|| named.first().map(|(_, way)| *way))
    }

    /// The fields that name a credential, and the way that each stands for.
    fn named_ways(&self) -> Vec<(&'static str, Way)> {
        let fields = [
            (self.client_secret_file.is_some(), "client_secret_file", Way::Secret),
            (self.client_secret.is_some(), "client_secret", Way::Secret),
            (self.certificate.is_some(), "certificate", Way::Certificate),
            (self.federated_token_file.is_some(), "federated_token_file", Way::Federated),
        ];
        fields.into_iter().filter(|(there, ..)| *there).map(|(_, field, way)| (field, way)).collect()
    }

    fn check_way(&self) -> Result<(), IdentityError> {
        let named = self.named_ways();
        if named.len() > 1 {
            let fields: Vec<&str> = named.iter().map(|(field, _)| *field).collect();
            return Err(wrong(format!("{} exclude each other", fields.join(" and "))));
        }
        match (self.sign_in, named.first()) {
            (Some(way), Some((field, named))) if way != *named => {
                Err(wrong(format!("sign_in and {field} contradict each other")))
            }
            (Some(Way::Certificate), None) => Err(wrong("sign_in = \"certificate\" wants the field certificate")),
            (Some(Way::Federated), None) => {
                Err(wrong("sign_in = \"federated\" wants federated_token_file, or AZURE_FEDERATED_TOKEN_FILE in the environment"))
            }
            _ => Ok(()),
        }
    }

    /// What the cloud of the profile cannot do.
    pub fn cloud_finding(&self) -> Option<Finding> {
        let graph = Url::parse(&self.graph).ok()?;
        self.cloud.or_else(|| Cloud::of_graph(&graph))?.finding(self.passkey_api)
    }

    pub(super) fn hosts(&self) -> Result<Hosts, IdentityError> {
        Ok(Hosts { authority: host("authority", &self.authority)?, graph: host("graph", &self.graph)? })
    }

    /// Whether credentials may be made for `rp_id` with this profile.
    pub(super) fn check_rp(&self, rp_id: &str) -> Result<(), IdentityError> {
        let hosts = self.hosts()?;
        let fits = match &self.expected_rp {
            Some(expected) => expected.eq_ignore_ascii_case(rp_id),
            None => hosts.both_loopback() || is_login_host(&hosts.authority, rp_id),
        };
        if fits {
            return Ok(());
        }
        Err(wrong(format!(
            "the tenant names the relying party {rp_id:?}, which is no sign-in host of this cloud; set expected_rp if it is right"
        )))
    }
}

fn check_tenant(tenant: &str) -> Result<(), IdentityError> {
    let plain =
        !tenant.is_empty() && tenant.len() <= 255 && tenant.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if !plain || tenant.starts_with('.') {
        return Err(wrong("tenant is the tenant's id (GUID) or one of its domains"));
    }
    if ["common", "organizations", "consumers"].iter().any(|open| tenant.eq_ignore_ascii_case(open)) {
        return Err(wrong("tenant has to be one tenant: its id (GUID) or one of its domains"));
    }
    Ok(())
}

fn host(field: &str, text: &str) -> Result<Url, IdentityError> {
    let url = Url::parse(text).map_err(|error| wrong(format!("{field} is not a URL: {error}")))?;
    if url.host_str().is_none() || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(format!("{field} is a scheme and a host, nothing more")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(format!("{field} must not hold a user name or password")));
    }
    check_scheme(&url).map_err(|()| wrong(format!("{field} has to be https")))?;
    Ok(url)
}

/// https anywhere, http only to this machine.
pub(super) fn check_scheme(url: &Url) -> Result<(), ()> {
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        _ => Err(()),
    }
}

/// A literal loopback address, or `localhost`.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// A literal link-local address (RFC 3927): where clouds put the metadata service of a machine. No router passes it on.
pub(super) fn is_link_local(url: &Url) -> bool {
    url.host_str().and_then(|host| host.parse::<Ipv4Addr>().ok()).is_some_and(|address| address.is_link_local())
}

pub(super) fn wrong(reason: impl Into<String>) -> IdentityError {
    IdentityError::Profile(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Verdict;
    use crate::identity::entra::cloud::{GLOBAL_AUTHORITY, GLOBAL_GRAPH};

    fn with(lines: &str) -> Result<Profile, IdentityError> {
        Profile::from_toml(&format!("tenant = \"contoso.example\"\nclient_id = \"app\"\n{lines}"))
    }

    #[test]
    fn global_cloud_by_default() {
        let profile = with("").unwrap();
        assert_eq!((profile.authority.as_str(), profile.graph.as_str()), (GLOBAL_AUTHORITY, GLOBAL_GRAPH));
        assert_eq!(profile.certificate_alg, CertificateAlg::PS256);
    }

    #[test]
    fn fields_that_are_refused() {
        for (lines, word) in [
            ("colour = 1", "colour"),
            ("authority = \"http://login.microsoftonline.com\"", "https"),
            ("graph = \"http://192.0.2.1\"", "https"),
            ("graph = \"http://localhost.evil.example\"", "https"),
            ("graph = \"ftp://127.0.0.1\"", "https"),
            ("graph = \"https://graph.microsoft.com/v1.0\"", "host"),
            ("graph = \"https://u:p@graph.microsoft.com\"", "user name"),
            ("client_secret = \"s\"", "loopback"),
            ("client_secret = \"s\"\ngraph = \"http://127.0.0.1:1\"", "loopback"),
            ("client_secret_file = \"a\"\ncertificate = \"b\"", "exclude"),
            ("client_secret_file = \"a\"\nfederated_token_file = \"b\"", "exclude"),
            ("sign_in = \"browser\"\ncertificate = \"b\"", "contradict"),
            ("sign_in = \"federated\"", "federated_token_file"),
            ("sign_in = \"certificate\"", "certificate"),
            ("sign_in = \"password\"", "password"),
            ("cloud = \"mars\"", "mars"),
            ("passkey_api = \"v2\"", "v2"),
            ("challenge_minutes = 4", "43200"),
            ("certificate_alg = \"none\"", "none"),
        ] {
            let error = with(lines).unwrap_err().to_string();
            assert!(error.contains(word), "{lines}: {error}");
        }
        assert!(Profile::from_toml("tenant = \"common\"\nclient_id = \"app\"").is_err());
        assert!(Profile::from_toml("tenant = \"a/b\"\nclient_id = \"app\"").is_err());
    }

    #[test]
    fn the_way_follows_from_the_fields() {
        for (lines, way) in [
            ("", None),
            ("client_secret_file = \"a\"", Some(Way::Secret)),
            ("sign_in = \"secret\"", Some(Way::Secret)),
            ("certificate = \"a\"", Some(Way::Certificate)),
            ("federated_token_file = \"a\"", Some(Way::Federated)),
            ("sign_in = \"managed-identity\"", Some(Way::ManagedIdentity)),
            ("sign_in = \"browser\"", Some(Way::Browser)),
            ("sign_in = \"device-code\"", Some(Way::DeviceCode)),
        ] {
            assert_eq!(with(lines).unwrap().way(), way, "{lines}");
        }
        assert!(Profile::from_toml("tenant = \"t\"\nsign_in = \"managed-identity\"").is_ok(), "no client_id is needed");
        assert!(Profile::from_toml("tenant = \"t\"\nsign_in = \"browser\"").is_err());
    }

    #[test]
    fn clouds_and_what_they_cannot_do() {
        let us = ("https://login.microsoftonline.us", "https://graph.microsoft.us");
        let dod = (us.0, "https://dod-graph.microsoft.us");
        let china = ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn");
        let beta = "\npasskey_api = \"beta\"";
        for (lines, hosts, verdict) in [
            ("", (GLOBAL_AUTHORITY, GLOBAL_GRAPH), None),
            ("cloud = \"global\"", (GLOBAL_AUTHORITY, GLOBAL_GRAPH), None),
            ("cloud = \"usgov\"", us, Some(Verdict::Fail)),
            (&format!("cloud = \"usgov\"{beta}"), us, Some(Verdict::Unknown)),
            ("cloud = \"dod\"", dod, Some(Verdict::Fail)),
            ("cloud = \"china\"", china, Some(Verdict::Fail)),
            (&format!("cloud = \"china\"{beta}"), china, Some(Verdict::Unknown)),
            ("cloud = \"usgov\"\ngraph = \"https://g.example\"", (us.0, "https://g.example"), Some(Verdict::Fail)),
            ("graph = \"https://dod-graph.microsoft.us\"", (GLOBAL_AUTHORITY, dod.1), Some(Verdict::Fail)),
            ("graph = \"https://g.example\"", (GLOBAL_AUTHORITY, "https://g.example"), None),
        ] {
            let profile = with(lines).unwrap();
            assert_eq!((profile.authority.as_str(), profile.graph.as_str()), hosts, "{lines}");
            assert_eq!(profile.cloud_finding().map(|finding| finding.verdict), verdict, "{lines}");
        }
    }

    #[test]
    fn loopback_may_be_plain() {
        for host in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"] {
            let profile = with(&format!("client_secret = \"s\"\nauthority = \"{host}\"\ngraph = \"{host}\"")).unwrap();
            assert!(profile.check_rp("anything.example").is_ok());
            assert!(!format!("{profile:?}").contains("client_secret"));
        }
    }

    #[test]
    fn relying_parties_of_the_cloud() {
        let us = "authority = \"https://login.microsoftonline.us\"\ngraph = \"https://graph.microsoft.us\"";
        for (lines, rp, fits) in [
            ("", "login.microsoft.com", true),
            ("", "login.microsoftonline.com", true),
            ("", "LOGIN.Microsoft.com", true),
            ("", "login.microsoft.us", false),
            ("", "evil.example", false),
            ("", "login.evil-microsoft.com", false),
            ("", "login.microsoft.com.evil.example", false),
            ("", "graph.microsoft.com", false),
            (us, "login.microsoft.us", true),
            (us, "login.microsoft.com", false),
            ("expected_rp = \"sso.example\"", "sso.example", true),
            ("expected_rp = \"sso.example\"", "login.microsoft.com", false),
            ("authority = \"https://sign-in.example\"", "login.microsoft.com", false),
        ] {
            assert_eq!(with(lines).unwrap().check_rp(rp).is_ok(), fits, "{lines} {rp}");
        }
    }
}
