//! Creation options as a relying party hands them out (WebAuthn level 3 section 5.4), reduced to what a
//! provisioning client acts on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelyingParty {
    /// Relying party id: a domain such as `login.microsoft.com`.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// The user account that the credential is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserEntity {
    /// User handle: 1 to 64 opaque bytes.
    #[serde(with = "super::base64url")]
    pub id: Vec<u8>,
    /// Account name, e.g. a user principal name.
    pub name: String,
    /// Name for people.
    pub display_name: String,
}

/// A credential id: opaque bytes, chosen by the authenticator. Shown and stored as base64url without padding.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(pub Vec<u8>);

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CredentialId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CredentialId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What the relying party wants made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    /// The relying party.
    pub rp: RelyingParty,
    /// The account.
    pub user: UserEntity,
    /// The challenge exactly as it stands in `clientDataJSON`: base64url without padding of the challenge bytes.
    /// About 7 kB from Entra ID; opaque.
    pub challenge: String,
    /// COSE algorithm numbers, most wanted first.
    pub algorithms: Vec<i64>,
    /// Credentials that must not be on the authenticator already. Both readings of an ambiguous id are in it.
    pub exclude: Vec<CredentialId>,
    /// `hmacCreateSecret` was asked for.
    pub hmac_secret: bool,
    /// `credentialProtectionPolicy` as a CTAP level, 1 to 3.
    pub cred_protect: Option<u8>,
}
