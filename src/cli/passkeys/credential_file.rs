//! The file of `passkeys register`: a credential that was made elsewhere, as JSON. Three shapes are read: our own, the body
//! that Microsoft Graph takes, and what a browser's `PublicKeyCredential.toJSON()` gives (WebAuthn level 3 section 5.1).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;

use super::super::CliError;
use crate::webauthn::CredentialId;

/// More than any such file has: the challenge of Entra ID makes about 10 kB of it.
const LONGEST: u64 = 256 * 1024;
/// Base64url as WebAuthn writes it; padding is survived.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A credential that was made elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CredentialFile {
    pub(super) credential_id: CredentialId,
    pub(super) client_data_json: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    pub(super) display_name: Option<String>,
    /// End of the challenge's life, where the file knows it.
    pub(super) expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    display_name: Option<String>,
    /// As creation options name it.
    #[serde(alias = "challengeTimeoutDateTime")]
    expires: Option<Timestamp>,
    /// Graph's shape.
    public_key_credential: Option<Credential>,
    /// The others have these at the top.
    #[serde(alias = "credentialId")]
    id: Option<String>,
    response: Option<Response>,
    #[serde(rename = "clientDataJSON")]
    client_data_json: Option<String>,
    attestation_object: Option<String>,
}

#[derive(Deserialize)]
struct Credential {
    id: String,
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
}

impl CredentialFile {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(name: &str) -> Result<Self, CliError> {
        let path = Path::new(if name == "-" { "standard input" } else { name });
        let text = if name == "-" { whole(io::stdin().lock()) } else { File::open(path).and_then(whole) };
        let text = text.map_err(|error| CliError::file(path, &error))?;
        Self::parse(&text).map_err(|reason| CliError::CredentialFile { path: path.to_owned(), reason })
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let body: Body = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let credential = body.public_key_credential.or(match (body.id, body.response) {
            (Some(id), Some(response)) => Some(Credential { id, response }),
            (Some(id), None) => {
                body.client_data_json.zip(body.attestation_object).map(|(client_data_json, attestation_object)| Credential {
                    id,
                    response: Response { client_data_json, attestation_object },
                })
            }
            _ => None,
        });
        let Credential { id, response } = credential.ok_or("it holds no id, clientDataJSON and attestationObject")?;
        Ok(Self {
            credential_id: CredentialId(bytes("id", &id)?),
            client_data_json: bytes("clientDataJSON", &response.client_data_json)?,
            attestation_object: bytes("attestationObject", &response.attestation_object)?,
            display_name: body.display_name,
            expires: body.expires,
        })
    }
}

fn whole(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    source.take(LONGEST.saturating_add(1)).read_to_end(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err(io::Error::other(format!("it is longer than {LONGEST} bytes")));
    }
    Ok(text)
}

fn bytes(member: &str, text: &str) -> Result<Vec<u8>, String> {
    let bytes =
        BASE64URL.decode(text.trim().replace('+', "-").replace('/', "_")).map_err(|_| format!("{member} is not base64url"))?;
    if bytes.is_empty() { Err(format!("{member} is empty")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_shapes_and_two_alphabets() {
        let whole = CredentialFile {
            credential_id: CredentialId(vec![0xFB, 0xEF]),
            client_data_json: b"{}".to_vec(),
            attestation_object: vec![0xA0],
            display_name: Some("Key".into()),
            expires: "2026-11-23T15:05:00Z".parse().ok(),
        };
        let own = r#"{"credentialId":"--8","clientDataJSON":"e30","attestationObject":"oA","displayName":"Key","expires":"2026-11-23T15:05:00Z"}"#;
        let graph = r##"{"@odata.type":"#microsoft.graph.fido2AuthenticationMethod","displayName":"Key","challengeTimeoutDateTime":"2026-11-23T15:05:00Z",
            "publicKeyCredential":{"id":"++8=","response":{"clientDataJSON":"e30=","attestationObject":"oA=="},"clientExtensionResults":{}}}"##;
        for text in [own, graph] {
            assert_eq!(CredentialFile::parse(text.as_bytes()).as_ref(), Ok(&whole), "{text}");
        }
        let browser = r#"{"id":"--8","rawId":"--8","type":"public-key","authenticatorAttachment":"cross-platform","clientExtensionResults":{},
            "response":{"clientDataJSON":"e30","attestationObject":"oA","transports":["usb"],"publicKeyAlgorithm":-7}}"#;
        let nameless = CredentialFile { display_name: None, expires: None, ..whole };
        assert_eq!(CredentialFile::parse(browser.as_bytes()), Ok(nameless));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("", "EOF"),
            ("[]", "expected"),
            ("{}", "holds no id"),
            (r#"{"id":"AA","clientDataJSON":"e30"}"#, "holds no id"),
            (r#"{"id":"?","clientDataJSON":"e30","attestationObject":"oA"}"#, "id is not base64url"),
            (r#"{"id":"","clientDataJSON":"e30","attestationObject":"oA"}"#, "id is empty"),
            (r#"{"id":"AA","clientDataJSON":"e30","attestationObject":"oA","expires":"tomorrow"}"#, "expected 0-9 but got t"),
        ] {
            let reason = CredentialFile::parse(text.as_bytes()).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }

    #[test]
    fn the_documented_body_is_read() {
        let text = include_str!("../../../tests/data/graph/v1-fido2Methods-POST-request.json");
        let file = CredentialFile::parse(text.as_bytes()).unwrap();
        assert!(file.display_name.is_some() && file.client_data_json.starts_with(b"{"));
    }
}
