//! A tenant profile: which tenant, in which cloud, and how to sign in to it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Deserializer};

use crate::identity::IdentityError;
use crate::secret::SecretText;

/// Sign-in host of the global cloud.
pub const GLOBAL_AUTHORITY: &str = "https://login.microsoftonline.com";
/// Graph host of the global cloud.
pub const GLOBAL_GRAPH: &str = "https://graph.microsoft.com";
/// Shortest and longest life of a challenge that the beta API gives, in minutes.
pub(super) const CHALLENGE_MINUTES: std::ops::RangeInclusive<u32> = 5..=43200;

/// The registrable domains whose `login.` hosts are relying parties, a row a cloud: sign-in hosts, domains.
const CLOUDS: &[(&[&str], &[&str])] = &[
    (&["login.microsoftonline.com"], &["microsoft.com", "microsoftonline.com"]),
    (&["login.microsoftonline.us"], &["microsoft.us", "microsoftonline.us"]),
    (&["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"], &["microsoftonline.cn", "chinacloudapi.cn"]),
];

/// How a client assertion is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum CertificateAlg {
    /// RSA-PSS with SHA-256, certificate named by `x5t#S256`: what Microsoft recommends.
    #[default]
    PS256,
    /// RSA PKCS#1 v1.5 with SHA-256, for keys that cannot do PSS.
    RS256,
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
    /// Application (client) id.
    pub client_id: String,
    /// Sign-in host, e.g. `https://login.microsoftonline.us`.
    #[serde(default = "global_authority")]
    pub authority: String,
    /// Graph host, e.g. `https://graph.microsoft.us`.
    #[serde(default = "global_graph")]
    pub graph: String,
    /// File that holds nothing but the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// PEM file with the RSA private key (PKCS#8 or PKCS#1, not encrypted) and its certificate.
    pub certificate: Option<PathBuf>,
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

fn global_authority() -> String {
    GLOBAL_AUTHORITY.to_owned()
}

fn global_graph() -> String {
    GLOBAL_GRAPH.to_owned()
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
        let profile: Self = toml::from_str(text).map_err(|error| wrong(error.message()))?;
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
        if self.client_id.trim().is_empty() {
            return Err(wrong("client_id is empty"));
        }
        if self.client_secret.is_some() && !hosts.both_loopback() {
            return Err(wrong("client_secret is for training on loopback only; name a file with client_secret_file"));
        }
        let ways = [self.client_secret_file.is_some(), self.certificate.is_some(), self.client_secret.is_some()];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return Err(wrong("client_secret_file, certificate and client_secret exclude each other"));
        }
        match self.challenge_minutes {
            Some(minutes) if !CHALLENGE_MINUTES.contains(&minutes) => Err(wrong("challenge_minutes goes from 5 to 43200")),
            _ => Ok(()),
        }
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

fn is_login_host(authority: &Url, rp_id: &str) -> bool {
    let sign_in = authority.host_str().unwrap_or_default();
    let domains = CLOUDS.iter().find(|(hosts, _)| hosts.contains(&sign_in)).map_or(&[][..], |(_, domains)| domains);
    let rp_id = rp_id.to_ascii_lowercase();
    domains.iter().any(|domain| {
        rp_id.strip_suffix(domain).is_some_and(|rest| rest == "login." || (rest.starts_with("login.") && rest.ends_with('.')))
    })
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
