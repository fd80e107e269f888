//! The passkey policy of the training tenant, as the script has it and as Graph shows it.

use serde::{Deserialize, Serialize};

use crate::aaguid::Aaguid;

const DEFAULT_PROFILE: &str = "00000000-0000-0000-0000-000000000001";

/// `fido2AuthenticationMethodConfiguration`, member by member as Graph names them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct TrainingPolicy {
    /// `enabled` or `disabled`.
    pub state: String,
    /// The provisioning API needs it on.
    pub is_self_service_registration_allowed: bool,
    /// Used only without profiles.
    pub is_attestation_enforced: bool,
    /// Used only without profiles.
    pub key_restrictions: KeyRestrictions,
    /// Profile of targets that name none.
    pub default_passkey_profile: String,
    /// The profiles.
    pub passkey_profiles: Vec<PasskeyProfile>,
    /// Who may have passkeys.
    pub include_targets: Vec<Target>,
    /// Who may not; goes before the above.
    pub exclude_targets: Vec<Target>,
}

/// `fido2KeyRestrictions`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct KeyRestrictions {
    /// Whether the list counts.
    pub is_enforced: bool,
    /// `allow` or `block`.
    pub enforcement_type: String,
    /// The list.
    pub aa_guids: Vec<Aaguid>,
}

/// `passkeyProfile`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct PasskeyProfile {
    /// GUID.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// `deviceBound`, `synced` or both with a comma.
    pub passkey_types: String,
    /// `disabled` or `registrationOnly`.
    pub attestation_enforcement: String,
    /// By model.
    pub key_restrictions: KeyRestrictions,
}

/// `passkeyAuthenticationMethodTarget` or `excludeTarget`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Target {
    /// `all_users`, or a group's or user's object id.
    pub id: String,
    /// `group` or `user`.
    pub target_type: String,
    /// Ids of profiles; none means the default profile.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_passkey_profiles: Vec<String>,
}

impl Default for TrainingPolicy {
    fn default() -> Self {
        Self {
            state: "enabled".to_owned(),
            is_self_service_registration_allowed: true,
            is_attestation_enforced: false,
            key_restrictions: KeyRestrictions::default(),
            default_passkey_profile: DEFAULT_PROFILE.to_owned(),
            passkey_profiles: vec![PasskeyProfile::default()],
            include_targets: vec![Target { id: "all_users".to_owned(), ..Target::default() }],
            exclude_targets: Vec::new(),
        }
    }
}

impl Default for KeyRestrictions {
    fn default() -> Self {
        Self { is_enforced: false, enforcement_type: "block".to_owned(), aa_guids: Vec::new() }
    }
}

impl Default for PasskeyProfile {
    fn default() -> Self {
        Self {
            id: DEFAULT_PROFILE.to_owned(),
            name: "Default passkey profile".to_owned(),
            passkey_types: "deviceBound".to_owned(),
            attestation_enforcement: "disabled".to_owned(),
            key_restrictions: KeyRestrictions::default(),
        }
    }
}

impl Default for Target {
    fn default() -> Self {
        Self { id: String::new(), target_type: "group".to_owned(), allowed_passkey_profiles: Vec::new() }
    }
}
