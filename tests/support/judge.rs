//! The judge of a registration in every test: webauthn-rs-core, a library that is not ours.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{
    AttestationCaList, AttestationConveyancePreference, COSEAlgorithm, Credential, RegisterPublicKeyCredential,
    RegistrationState, UserVerificationPolicy,
};

/// What a relying party holds against a registration.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The challenge as it was handed out: base64url without padding.
    pub challenge: &'a str,
    /// Such as `https://login.microsoft.com`.
    pub origin: &'a str,
    /// Such as `login.microsoft.com`.
    pub rp_id: &'a str,
    /// The bytes of `clientDataJSON`.
    pub client_data_json: &'a [u8],
    /// The bytes of `attestationObject`.
    pub attestation_object: &'a [u8],
    /// Credential ids that the user has already.
    pub exclude: &'a [Vec<u8>],
    /// Attestation root (DER); `None`: attestation is not asked for.
    pub root: Option<&'a [u8]>,
}

/// What the judge accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The credential id.
    pub credential_id: Vec<u8>,
}

/// Judges: everything that WebAuthn level 3 section 7.1 asks, user verification required, and the attestation chain if
/// a root is given. The error is the judge's own.
pub fn judge(case: &Case<'_>) -> Result<Accepted, String> {
    accept(case).map(|credential| Accepted { credential_id: credential.cred_id.clone() })
}

/// As [`judge`], but hands out the judge's own credential, with which assertions are verified.
pub fn accept(case: &Case<'_>) -> Result<Credential, String> {
    let origin = case.origin.parse().map_err(|error| format!("origin: {error}"))?;
    let core = WebauthnCore::new_unsafe_experts_only("tenant", case.rp_id, vec![origin], Duration::from_mins(1), None, None);
    let builder = core
        .new_challenge_register_builder(b"user", "user", "user")
        .map_err(|error| error.to_string())?
        .attestation(AttestationConveyancePreference::Direct)
        .user_verification_policy(UserVerificationPolicy::Required)
        .credential_algorithms(vec![COSEAlgorithm::ES256, COSEAlgorithm::RS256])
        .require_resident_key(true)
        .reject_synchronised_authenticators(true);
    let (_, state) = core.generate_challenge_register(builder).map_err(|error| error.to_string())?;
    let state = with_challenge(&state, case.challenge)?;
    let response: RegisterPublicKeyCredential = serde_json::from_value(serde_json::json!({
        "id": "unused",
        "rawId": "",
        "type": "public-key",
        "response": {
            "clientDataJSON": URL_SAFE_NO_PAD.encode(case.client_data_json),
            "attestationObject": URL_SAFE_NO_PAD.encode(case.attestation_object),
        },
    }))
    .map_err(|error| error.to_string())?;
    let roots = case.root.map(roots).transpose()?;
    let credential = core.register_credential(&response, &state, roots.as_ref()).map_err(|error| format!("{error:?}"))?;
    if case.exclude.iter().any(|known| known[..] == credential.cred_id[..]) {
        return Err("CredentialAlreadyExists".to_owned());
    }
    Ok(credential)
}

/// The state draws its own challenge; the tenant's takes its place through the serialised form.
fn with_challenge(state: &RegistrationState, challenge: &str) -> Result<RegistrationState, String> {
    let mut value = serde_json::to_value(state).map_err(|error| error.to_string())?;
    value["challenge"] = challenge.into();
    serde_json::from_value(value).map_err(|error| format!("challenge: {error}"))
}

fn roots(der: &[u8]) -> Result<AttestationCaList, String> {
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", wrapped(&STANDARD.encode(der)));
    AttestationCaList::try_from(pem.as_bytes()).map_err(|error| format!("root: {error:?}"))
}

fn wrapped(base64: &str) -> String {
    let mut lines = Vec::new();
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        lines.push(line);
        rest = after;
    }
    lines.join("\n")
}
