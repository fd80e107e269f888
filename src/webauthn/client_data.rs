//! Client data: what the relying party reads of how a credential was asked for (WebAuthn level 3 section 5.8.1).

use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{AttestationError, CreationOptions};

/// `type` of a registration.
const CREATE: &str = "webauthn.create";
/// More than any client data has: the challenge of Entra ID alone is about 7 kB.
const MOST_BYTES: usize = 65_536;

/// The bytes of `clientDataJSON`, exactly as they are hashed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientData(Vec<u8>);

/// What client data says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClientDataFields {
    /// `webauthn.create` for a registration.
    #[serde(rename = "type")]
    pub ceremony: String,
    /// Base64url without padding.
    pub challenge: String,
    /// Such as `https://login.microsoft.com`.
    pub origin: String,
    /// Asked from a frame of another origin.
    #[serde(rename = "crossOrigin", default)]
    pub cross_origin: bool,
}

impl ClientData {
    /// For a registration by these options from the relying party's own origin, serialised as level 3 section 5.8.1.1 says.
    pub fn create(options: &CreationOptions) -> Self {
        let mut json = String::from("{\"type\":");
        push_string(&mut json, CREATE);
        json.push_str(",\"challenge\":");
        push_string(&mut json, &options.challenge);
        json.push_str(",\"origin\":");
        push_string(&mut json, &origin(&options.rp.id));
        json.push_str(",\"crossOrigin\":false}");
        Self(json.into_bytes())
    }

    /// Reads what a client sent.
    pub fn read(json: &[u8]) -> Result<ClientDataFields, AttestationError> {
        if json.len() > MOST_BYTES {
            return Err(AttestationError::Malformed("client data"));
        }
        serde_json::from_slice(json).map_err(|_| AttestationError::Malformed("client data"))
    }

    /// Checks what a client sent against the options it was given.
    pub fn check(json: &[u8], options: &CreationOptions) -> Result<(), AttestationError> {
        let fields = Self::read(json)?;
        let wrong = if fields.ceremony != CREATE {
            "type"
        } else if fields.challenge != options.challenge {
            "challenge"
        } else if fields.origin != origin(&options.rp.id) {
            "origin"
        } else if fields.cross_origin {
            "crossOrigin"
        } else {
            return Ok(());
        };
        Err(AttestationError::ClientData(wrong))
    }

    /// SHA-256: what the authenticator signs.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

fn origin(rp_id: &str) -> String {
    format!("https://{rp_id}")
}

/// CCDToString of level 3 section 5.8.1.2.
fn push_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\0'..='\u{1F}' => {
                // Writing to a string cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            _ => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webauthn::{RelyingParty, UserEntity};

    fn options(challenge: &str, rp_id: &str) -> CreationOptions {
        CreationOptions {
            rp: RelyingParty { id: rp_id.into(), name: "Microsoft".into() },
            user: UserEntity { id: vec![1], name: "a".into(), display_name: "A".into() },
            challenge: challenge.into(),
            algorithms: vec![-7],
            exclude: vec![],
            hmac_secret: true,
            cred_protect: None,
        }
    }

    #[test]
    fn bytes_are_exact() {
        let data = ClientData::create(&options("Y2hhbGxlbmdl", "login.microsoft.com"));
        let expected =
            r#"{"type":"webauthn.create","challenge":"Y2hhbGxlbmdl","origin":"https://login.microsoft.com","crossOrigin":false}"#;
        assert_eq!(data.as_bytes(), expected.as_bytes());
        assert_eq!(data.hash(), <[u8; 32]>::from(Sha256::digest(expected)));
        let odd = ClientData::create(&options("a\"\\\u{1}é", "x"));
        assert!(String::from_utf8(odd.into_bytes()).unwrap().contains(r#""challenge":"a\"\\\u0001é""#));
    }

    #[test]
    fn what_a_client_sent_is_checked() {
        let asked = options("YQ", "a.example");
        let sent = |kind: &str, challenge: &str, origin: &str, cross: &str| {
            format!(r#"{{"origin":"{origin}","type":"{kind}","challenge":"{challenge}"{cross},"other":[1]}}"#)
        };
        let wrong = |field| Err(AttestationError::ClientData(field));
        for (json, expected) in [
            (sent("webauthn.create", "YQ", "https://a.example", ""), Ok(())),
            (sent("webauthn.create", "YQ", "https://a.example", r#","crossOrigin":false"#), Ok(())),
            (sent("webauthn.get", "YQ", "https://a.example", ""), wrong("type")),
            (sent("webauthn.create", "Yg", "https://a.example", ""), wrong("challenge")),
            (sent("webauthn.create", "YQ", "https://b.example", ""), wrong("origin")),
            (sent("webauthn.create", "YQ", "https://a.example", r#","crossOrigin":true"#), wrong("crossOrigin")),
            ("{}".into(), Err(AttestationError::Malformed("client data"))),
            (" ".repeat(MOST_BYTES + 1), Err(AttestationError::Malformed("client data"))),
        ] {
            assert_eq!(ClientData::check(json.as_bytes(), &asked), expected, "{}", json.len());
        }
    }
}
