//! Creation options as Graph writes them, turned into WebAuthn's.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::identity::entra::credential_ids::{readings, url_safe};
use crate::identity::{IdentityError, Offer};
use crate::webauthn::{CreationOptions, CredentialId, RelyingParty, UserEntity};

/// Longest challenge that is carried: today's have 6931 characters.
const MAX_CHALLENGE: usize = 64 * 1024;
/// Longest user handle (WebAuthn level 3 section 5.4.3).
const MAX_USER_HANDLE: usize = 64;
/// Most credentials that are looked at; a user of the tenant has some ten.
const MAX_EXCLUDED: usize = 1000;
/// What an empty list of algorithms means (WebAuthn level 3 section 5.1.3): ES256, RS256.
const DEFAULT_ALGORITHMS: [i64; 2] = [-7, -257];

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// The answer, in the `value` wrapper of some documentation or without it. Unknown members are left aside.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OptionsBody {
    value: Option<Box<OptionsBody>>,
    challenge_timeout_date_time: Option<String>,
    public_key: Option<PublicKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKey {
    rp: Rp,
    user: UserBody,
    challenge: String,
    #[serde(default)]
    pub_key_cred_params: Vec<Parameter>,
    #[serde(default)]
    exclude_credentials: Option<Vec<Descriptor>>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Rp {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserBody {
    id: String,
    name: String,
    #[serde(default)]
    display_name: Option<String>,
}

/// Kept as values: a kind of credential that we do not know must not spoil the ones that we do.
#[derive(Deserialize)]
struct Parameter {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    alg: Value,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(default)]
    id: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Extensions {
    hmac_create_secret: Value,
    credential_protection_policy: Value,
}

/// Turns the answer into what the key needs.
pub(super) fn offer(body: OptionsBody) -> Result<Offer, IdentityError> {
    let body = match body.value {
        Some(inner) if body.public_key.is_none() => *inner,
        _ => body,
    };
    let key = body.public_key.ok_or_else(|| malformed("creation options without publicKey"))?;
    let expires =
        body.challenge_timeout_date_time.ok_or_else(|| malformed("creation options without challengeTimeoutDateTime"))?;
    let expires: Timestamp =
        expires.parse().map_err(|_| malformed("creation options whose challengeTimeoutDateTime is no time"))?;
    let extensions = key.extensions.unwrap_or_default();
    let options = CreationOptions {
        rp: RelyingParty { name: key.rp.name.unwrap_or_else(|| key.rp.id.clone()), id: key.rp.id },
        user: UserEntity {
            id: user_handle(&key.user.id)?,
            display_name: key.user.display_name.unwrap_or_else(|| key.user.name.clone()),
            name: key.user.name,
        },
        challenge: challenge(key.challenge)?,
        algorithms: algorithms(&key.pub_key_cred_params)?,
        exclude: excluded(&key.exclude_credentials.unwrap_or_default()),
        hmac_secret: extensions.hmac_create_secret == Value::Bool(true),
        cred_protect: level(&extensions.credential_protection_policy),
    };
    Ok(Offer { options, expires })
}

fn malformed(reason: &str) -> IdentityError {
    IdentityError::Malformed(reason.to_owned())
}

/// The text stays as it is; only one in another alphabet is written anew, since the client data wants base64url.
fn challenge(text: String) -> Result<String, IdentityError> {
    if text.is_empty() || text.len() > MAX_CHALLENGE {
        return Err(malformed("creation options whose challenge is empty or too long"));
    }
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) && text.len() % 4 != 1 {
        return Ok(text);
    }
    let bytes = LENIENT.decode(url_safe(&text)).map_err(|_| malformed("creation options whose challenge is not base64url"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn user_handle(text: &str) -> Result<Vec<u8>, IdentityError> {
    let bytes = LENIENT.decode(url_safe(text)).map_err(|_| malformed("creation options whose user id is not base64url"))?;
    if bytes.is_empty() || bytes.len() > MAX_USER_HANDLE {
        return Err(malformed("creation options whose user id has not 1 to 64 bytes"));
    }
    Ok(bytes)
}

fn algorithms(parameters: &[Parameter]) -> Result<Vec<i64>, IdentityError> {
    if parameters.is_empty() {
        return Ok(DEFAULT_ALGORITHMS.to_vec());
    }
    let known: Vec<i64> = parameters.iter().filter(|one| one.kind == "public-key").filter_map(|one| one.alg.as_i64()).collect();
    if known.is_empty() { Err(malformed("creation options without an algorithm for public keys")) } else { Ok(known) }
}

fn excluded(descriptors: &[Descriptor]) -> Vec<CredentialId> {
    let mut ids: Vec<CredentialId> = Vec::new();
    for descriptor in descriptors.iter().take(MAX_EXCLUDED) {
        let read = descriptor.id.as_str().map(readings).unwrap_or_default();
        if read.is_empty() {
            log::warn!(target: "keywright::entra", "one of the user's passkeys has an id that cannot be read; the key will not be checked for it");
        }
        ids.extend(read);
    }
    ids
}

/// CTAP's levels of `credProtect` (CTAP 2.3 section 12.1).
fn level(policy: &Value) -> Option<u8> {
    match policy.as_str()? {
        "userVerificationOptional" => Some(1),
        "userVerificationOptionalWithCredentialIDList" => Some(2),
        "userVerificationRequired" => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Offer, IdentityError> {
        offer(serde_json::from_str(text).unwrap())
    }

    fn minimal(change: impl FnOnce(&mut Value)) -> Result<Offer, IdentityError> {
        let mut body = serde_json::json!({
            "challengeTimeoutDateTime": "2026-11-23T15:05:00Z",
            "publicKey": {"rp": {"id": "login.microsoft.com"}, "user": {"id": "AAEC", "name": "a@b"}, "challenge": "AAEC"}
        });
        change(&mut body);
        read(&body.to_string())
    }

    #[test]
    fn a_captured_answer_with_its_7_kb_challenge() {
        let text = include_str!("../../../tests/data/graph/beta-creationOptions-200.captured-2024-06.json");
        let offer = read(text).unwrap();
        assert_eq!(offer.options.challenge.len(), 6931);
        assert!(text.contains(&format!("\"{}\"", offer.options.challenge)), "byte for byte");
        assert_eq!(offer.options.rp.id, "login.microsoft.com");
        assert_eq!((offer.options.user.id.len(), &offer.options.user.id[..3]), (51, &b"OF:"[..]));
        assert_eq!(offer.options.algorithms, [-7, -257]);
        assert_eq!(offer.options.exclude.iter().map(|id| id.0.len()).collect::<Vec<_>>(), [32, 32, 16, 32]);
        assert_eq!((offer.options.hmac_secret, offer.options.cred_protect), (true, Some(1)));
        assert_eq!(offer.expires, "2024-06-13T11:26:35Z".parse().unwrap());
    }

    #[test]
    fn documented_answers_too() {
        let plain = read(include_str!("../../../tests/data/graph/v1-creationOptions-200.json")).unwrap();
        assert_eq!(plain.options.rp.id, "login.microsoftonline.com");
        assert_eq!((plain.options.hmac_secret, plain.options.cred_protect), (false, None));
        // Its challenge is cut short with dots, which is no base64url; the wrapper around it is what counts here.
        let wrapped = include_str!("../../../tests/data/graph/beta-creationOptions-200.docs.json");
        assert!(read(wrapped).unwrap_err().to_string().contains("challenge"));
        let wrapped = read(&wrapped.replace("...", "")).unwrap();
        assert_eq!((wrapped.options.rp.id.as_str(), wrapped.options.exclude.len()), ("login.microsoft.com", 4));
    }

    #[test]
    fn every_spelling_of_excluded_ids() {
        let fragment: Value =
            serde_json::from_str(include_str!("../../../tests/data/graph/beta-excludeCredentials-encodings.json")).unwrap();
        let offer = minimal(|body| body["publicKey"]["excludeCredentials"] = fragment["excludeCredentials"].clone()).unwrap();
        let lengths: Vec<usize> = offer.options.exclude.iter().map(|id| id.0.len()).collect();
        assert_eq!(lengths, [32, 48, 32, 33, 16], "the third one has two readings");
    }

    #[test]
    fn unknown_members_and_enums_are_no_error() {
        let offer = minimal(|body| {
            body["hints"] = serde_json::json!(["security-key"]);
            body["publicKey"]["hints"] = serde_json::json!({"a": 1});
            body["publicKey"]["attestation"] = "quantum".into();
            body["publicKey"]["authenticatorSelection"] = serde_json::json!({"userVerification": "telepathy"});
            body["publicKey"]["pubKeyCredParams"] =
                serde_json::json!([{"type": "soul", "alg": "x"}, {"type": "public-key", "alg": -8}, {}]);
            body["publicKey"]["extensions"] =
                serde_json::json!({"credentialProtectionPolicy": "userVerificationSometimes", "hmacCreateSecret": "yes"});
            body["publicKey"]["excludeCredentials"] =
                serde_json::json!([{"id": 7}, {"id": "!"}, {"type": "soul", "id": "AAEC", "transports": ["thought"]}]);
        })
        .unwrap();
        assert_eq!(offer.options.algorithms, [-8]);
        assert_eq!((offer.options.hmac_secret, offer.options.cred_protect), (false, None));
        assert_eq!(offer.options.exclude, [CredentialId(vec![0, 1, 2])]);
    }

    #[test]
    fn a_challenge_in_another_alphabet_is_written_anew() {
        for (given, expected) in [("+/+/", "-_-_"), ("AAE=", "AAE"), ("AA==", "AA"), ("-_-_", "-_-_")] {
            let offer = minimal(|body| body["publicKey"]["challenge"] = given.into()).unwrap();
            assert_eq!(offer.options.challenge, expected);
        }
    }

    /// JSON of any shape in any member: an answer from outside may refuse to make sense, never bring us down.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let list = proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from);
            prop_oneof![list, inner.prop_map(|value| serde_json::json!({"id": value, "type": "public-key", "name": "x"}))]
        })
    }

    proptest! {
        #[test]
        fn any_member_may_be_anything(member in 0_usize..8, value in any_json()) {
            let members = ["rp", "user", "challenge", "pubKeyCredParams", "excludeCredentials", "extensions", "timeout", "attestation"];
            let mut body = serde_json::json!({
                "challengeTimeoutDateTime": "2026-11-23T15:05:00Z",
                "publicKey": {"rp": {"id": "login.microsoft.com"}, "user": {"id": "AAEC", "name": "a@b"}, "challenge": "AAEC"}
            });
            body["publicKey"][members[member]] = value;
            if let Ok(offer) = serde_json::from_value::<OptionsBody>(body).map_err(|_| ()).and_then(|body| offer(body).map_err(|_| ())) {
                prop_assert!(!offer.options.challenge.is_empty() && !offer.options.algorithms.is_empty());
            }
        }
    }

    #[test]
    fn what_makes_no_sense() {
        for (what, change) in [("challenge", "§"), ("challenge", ""), ("challenge", "A"), ("user", ""), ("user", "§")] {
            let outcome = minimal(|body| match what {
                "user" => body["publicKey"]["user"]["id"] = change.into(),
                _ => body["publicKey"]["challenge"] = change.into(),
            });
            assert!(matches!(outcome, Err(IdentityError::Malformed(_))), "{what} {change:?}");
        }
        let too_long = URL_SAFE_NO_PAD.encode([0_u8; 65]);
        assert!(minimal(|body| body["publicKey"]["user"]["id"] = too_long.into()).is_err());
        assert!(minimal(|body| body["challengeTimeoutDateTime"] = "tomorrow".into()).is_err());
        assert!(minimal(|body| body["challengeTimeoutDateTime"] = Value::Null).is_err());
        assert!(minimal(|body| body["publicKey"] = Value::Null).is_err());
        assert_eq!(minimal(|_| ()).unwrap().options.algorithms, DEFAULT_ALGORITHMS);
    }
}
