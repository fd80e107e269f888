//! Creation options in Graph's shape.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::simulator::tenant::challenge::{self, Challenge};
use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::passkey::{seconds, spell};
use crate::simulator::tenant::registration::ALGORITHMS;
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;

/// Life of a challenge that nobody asked another life for, in minutes.
pub(super) const USUAL_MINUTES: i64 = 5;
/// Bytes of a user handle after its mark.
const HANDLE_BYTES: usize = 48;

/// The life that a call asks for. Only beta takes the parameter, and only in parentheses.
pub(super) fn minutes(call: &str, beta: bool, query: &[(String, String)]) -> Result<i64, Refusal> {
    if query.iter().any(|(name, _)| name == "challengeTimeoutInMinutes") {
        return Err(Refusal::no_method());
    }
    let Some(argument) = call.strip_prefix("creationOptions(").and_then(|rest| rest.strip_suffix(')')) else {
        return if call == "creationOptions" { Ok(USUAL_MINUTES) } else { Err(Refusal::not_found()) };
    };
    if !beta {
        return Err(Refusal::bad("Resource not found for the segment 'creationOptions'."));
    }
    let minutes = argument.strip_prefix("challengeTimeoutInMinutes=").and_then(|number| number.parse().ok());
    minutes
        .filter(|minutes| (5..=43200).contains(minutes))
        .ok_or_else(|| Refusal::bad("challengeTimeoutInMinutes goes from 5 to 43200"))
}

/// A user handle as the real ones look: "OF:" and 48 bytes.
fn user_handle(tenant: &str, user: &TrainingUser) -> Vec<u8> {
    let digest = Sha512::digest(format!("{tenant} {}", user.id));
    b"OF:".iter().chain(digest.iter().take(HANDLE_BYTES)).copied().collect()
}

/// Draws a challenge and writes the options around it.
pub(super) fn draw(tenant: &mut Tenant, user: &TrainingUser, minutes: i64) -> Value {
    let text = challenge::draw(&mut *tenant.rng);
    let now = tenant.clock.now();
    let expires = now.saturating_add(SignedDuration::from_mins(minutes)).unwrap_or(now);
    tenant.remember(Challenge { text: text.clone(), user: user.id.clone(), expires, used: false });
    let script = &tenant.script;
    let passkeys = tenant.passkeys.get(&user.id).into_iter().flatten().enumerate();
    let exclude: Vec<Value> = passkeys
        .map(|(turn, passkey)| json!({"type": "public-key", "id": spell(&passkey.credential_id, script.spelling, turn), "transports": []}))
        .collect();
    json!({
        "@odata.context": format!("{}/v1.0/$metadata#microsoft.graph.webauthnCredentialCreationOptions", tenant.base),
        "challengeTimeoutDateTime": seconds(expires),
        "publicKey": {
            "rp": {"id": script.rp_id, "name": "Microsoft"},
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user_handle(&script.tenant, user)),
                "name": user.upn,
                "displayName": user.display_name,
            },
            "challenge": text,
            "pubKeyCredParams": ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg})),
            "timeout": 0,
            "excludeCredentials": exclude,
            "authenticatorSelection": {"authenticatorAttachment": "cross-platform", "requireResidentKey": true, "userVerification": "required"},
            "attestation": "direct",
            "extensions": {
                "hmacCreateSecret": true,
                "enforceCredentialProtectionPolicy": true,
                "credentialProtectionPolicy": "userVerificationOptional",
            },
        },
    })
}
