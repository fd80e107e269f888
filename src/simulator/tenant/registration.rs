//! What the tenant checks of a registration before it takes it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::aaguid::Aaguid;
use crate::simulator::tenant::challenge::Challenge;
use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::judge::{AttestationJudge, AttestationLevel, Submission};
use crate::simulator::tenant::passkey::{Accepted, TrainingPasskey};
use crate::simulator::tenant::passkey_policy::{KeyRestrictions, PasskeyProfile};
use crate::simulator::tenant::script::{Script, TrainingUser};
use crate::webauthn::{AttestationObject, AuthData, ClientData, ClientDataFields, CoseKey, CredentialId};

/// What creation options offer: ES256 and RS256.
pub(super) const ALGORITHMS: [i64; 2] = [-7, -257];
const MAX_DISPLAY_NAME: usize = 30;

/// The members that Graph's schema has; anything else is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    #[serde(rename = "@odata.type")]
    _kind: Option<String>,
    display_name: Option<String>,
    public_key_credential: Credential,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Credential {
    #[serde(rename = "@odata.type")]
    _kind: Option<String>,
    id: String,
    response: AttestationResponse,
    #[serde(rename = "clientExtensionResults")]
    _extensions: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AttestationResponse {
    #[serde(rename = "@odata.type")]
    _kind: Option<String>,
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
}

/// What a registration is checked against.
pub(super) struct Bench<'a> {
    pub(super) script: &'a Script,
    pub(super) user: &'a TrainingUser,
    pub(super) challenges: &'a mut [Challenge],
    pub(super) known: &'a [CredentialId],
    pub(super) judge: &'a dyn AttestationJudge,
    pub(super) now: Timestamp,
}

impl Bench<'_> {
    /// The passkey that the body stands for; its challenge is used up then.
    pub(super) fn check(self, body: &[u8]) -> Result<TrainingPasskey, Refusal> {
        let body: Body =
            serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("the body does not fit the schema: {error}")))?;
        let display_name = name(body.display_name)?;
        let id = binary("id", &body.public_key_credential.id)?;
        let response = body.public_key_credential.response;
        let client_data_json = binary("clientDataJSON", &response.client_data_json)?;
        let attestation_object = binary("attestationObject", &response.attestation_object)?;
        let client_data = ClientData::read(&client_data_json).map_err(bad)?;
        check_client_data(&client_data, "webauthn.create", &self.script.rp_id).map_err(Refusal::bad)?;
        let challenge = self.challenges.iter_mut().find(|one| one.text == client_data.challenge && one.user == self.user.id);
        let challenge = challenge.ok_or_else(|| Refusal::bad("the challenge was not issued for this user"))?;
        if challenge.used || challenge.expires <= self.now {
            return Err(Refusal::bad(if challenge.used { "the challenge was used before" } else { "the challenge has expired" }));
        }
        let attestation = AttestationObject::parse(&attestation_object).map_err(bad)?;
        let data = AuthData::parse(attestation.auth_data()).map_err(bad)?;
        check_auth_data(&data, &self.script.rp_id).map_err(Refusal::bad)?;
        let attested = data.credential.ok_or_else(|| Refusal::bad("authData has no attested credential"))?;
        let key = CoseKey::parse(&attested.public_key).map_err(bad)?;
        if attested.id != id {
            return Err(Refusal::bad("id is not the credential's id"));
        }
        if !ALGORITHMS.contains(&key.algorithm) {
            return Err(Refusal::bad("the key's algorithm was not offered"));
        }
        let credential_id = CredentialId(id);
        if self.known.contains(&credential_id) {
            return Err(Refusal::bad("the credential is registered already"));
        }
        let rules = rules(self.script, self.user);
        let enforced = check_model(&rules, attested.aaguid, data.flags.backup_eligible())?;
        let submission = Submission {
            client_data_json: &client_data_json,
            attestation_object: &attestation_object,
            challenge: &challenge.text,
            rp_id: &self.script.rp_id,
            algorithms: &ALGORITHMS,
        };
        let level =
            self.judge.judge(&submission).map_err(|reason| Refusal::bad(format!("the attestation does not hold: {reason}")))?;
        if enforced && (level != AttestationLevel::Attested || attestation.format() != "packed") {
            return Err(Refusal::bad("the policy demands an attestation that is proven"));
        }
        challenge.used = true;
        Ok(TrainingPasskey {
            credential_id,
            display_name,
            aaguid: attested.aaguid,
            created: self.now,
            attestation: level,
            accepted: Some(Accepted { challenge: challenge.text.clone(), client_data_json, attestation_object }),
            sign_count: data.counter,
            last_used: None,
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn bad(error: impl ToString) -> Refusal {
    Refusal::bad(error.to_string())
}

fn name(given: Option<String>) -> Result<String, Refusal> {
    match given {
        None => Ok("Passkey".to_owned()),
        Some(name) if name.trim().is_empty() => Err(Refusal::bad("displayName is empty")),
        Some(name) if name.encode_utf16().count() > MAX_DISPLAY_NAME => {
            Err(Refusal::bad("displayName has more than 30 characters"))
        }
        Some(name) => Ok(name),
    }
}

fn binary(member: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::bad(format!("{member} is not base64url without padding")))
}

pub(super) fn check_client_data(data: &ClientDataFields, kind: &str, rp_id: &str) -> Result<(), String> {
    if data.ceremony != kind {
        return Err(format!("the client data's type is not {kind}"));
    }
    if data.origin != format!("https://{rp_id}") || data.cross_origin {
        return Err("the client data's origin is not the relying party's".into());
    }
    Ok(())
}

pub(super) fn check_auth_data(data: &AuthData, rp_id: &str) -> Result<(), String> {
    if data.rp_id_hash != *Sha256::digest(rp_id) {
        return Err("rpIdHash is not that of the relying party".into());
    }
    if !data.flags.user_present() {
        return Err("user presence is missing".into());
    }
    if !data.flags.user_verified() {
        return Err("user verification is missing".into());
    }
    Ok(())
}

/// The profiles that count for a user; those of the old properties when there are none.
fn rules(script: &Script, user: &TrainingUser) -> Vec<PasskeyProfile> {
    let policy = &script.policy;
    if policy.passkey_profiles.is_empty() {
        let attestation = if policy.is_attestation_enforced { "registrationOnly" } else { "disabled" };
        return vec![PasskeyProfile {
            attestation_enforcement: attestation.to_owned(),
            key_restrictions: policy.key_restrictions.clone(),
            ..PasskeyProfile::default()
        }];
    }
    let default = [policy.default_passkey_profile.clone()];
    let targets = policy.include_targets.iter().filter(|target| meets(&target.id, user));
    let ids: Vec<&String> = targets
        .flat_map(|target| {
            if target.allowed_passkey_profiles.is_empty() { default.iter() } else { target.allowed_passkey_profiles.iter() }
        })
        .collect();
    policy.passkey_profiles.iter().filter(|profile| ids.contains(&&profile.id)).cloned().collect()
}

/// Whether a target's id means this user.
pub(super) fn meets(target: &str, user: &TrainingUser) -> bool {
    target == "all_users" || target == user.id || user.groups.iter().any(|group| group == target)
}

/// Whether the policy lets this user have passkeys at all.
pub(super) fn check_user(script: &Script, user: &TrainingUser) -> Result<(), Refusal> {
    let policy = &script.policy;
    if user.own_account {
        return Err(Refusal::no_method());
    }
    if user.administrator && !script.application.acts_on_administrators {
        return Err(Refusal::denied());
    }
    let external = user.upn.to_uppercase().contains("#EXT#") || user.kind.eq_ignore_ascii_case("guest");
    let included = policy.include_targets.iter().any(|target| meets(&target.id, user));
    let excluded = policy.exclude_targets.iter().any(|target| meets(&target.id, user));
    if external || policy.state != "enabled" || !policy.is_self_service_registration_allowed || !included || excluded {
        return Err(Refusal::access_denied("The passkey policy does not allow a registration for this user."));
    }
    Ok(())
}

/// Whether any of the rules takes this model; says whether it demands attestation.
fn check_model(rules: &[PasskeyProfile], model: Aaguid, synced: bool) -> Result<bool, Refusal> {
    let kind = if synced { "synced" } else { "deviceBound" };
    let takes = |rule: &&PasskeyProfile| {
        rule.passkey_types.split(',').any(|one| one.trim() == kind) && allows(&rule.key_restrictions, model)
    };
    let taking: Vec<&PasskeyProfile> = rules.iter().filter(takes).collect();
    if taking.is_empty() {
        return Err(Refusal::bad("the passkey policy does not allow this model"));
    }
    Ok(taking.iter().all(|rule| rule.attestation_enforcement == "registrationOnly"))
}

fn allows(restrictions: &KeyRestrictions, model: Aaguid) -> bool {
    let listed = restrictions.aa_guids.contains(&model);
    !restrictions.is_enforced || if restrictions.enforcement_type == "allow" { listed } else { !listed }
}
