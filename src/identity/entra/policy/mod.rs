//! The passkey policy of a tenant (`fido2AuthenticationMethodConfiguration`), as far as it decides on a user and a model.

use serde::{Deserialize, Deserializer};

use crate::aaguid::Aaguid;

/// The target that stands for everybody.
const EVERYBODY: &str = "all_users";

/// The policy object. Everything is optional: a cloud may lack any of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Policy {
    pub(super) state: Option<String>,
    pub(super) is_self_service_registration_allowed: Option<bool>,
    is_attestation_enforced: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    key_restrictions: Restrictions,
    default_passkey_profile: Option<String>,
    #[serde(deserialize_with = "nullable")]
    passkey_profiles: Vec<ProfileBody>,
    #[serde(deserialize_with = "nullable")]
    include_targets: Vec<Target>,
    #[serde(deserialize_with = "nullable")]
    exclude_targets: Vec<Target>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    id: String,
    allowed_passkey_profiles: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Restrictions {
    is_enforced: Option<bool>,
    enforcement_type: Option<String>,
    #[serde(deserialize_with = "nullable")]
    aa_guids: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProfileBody {
    id: String,
    name: Option<String>,
    passkey_types: Option<String>,
    attestation_enforcement: Option<String>,
    #[serde(deserialize_with = "nullable")]
    key_restrictions: Restrictions,
}

/// `null` counts as absent.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One set of rules, under which a passkey can be registered.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// How messages name it.
    pub(super) name: String,
    /// Passkeys that stay on a device are accepted.
    pub(super) device_bound: bool,
    /// A proven attestation is demanded.
    pub(super) attested: bool,
    restrictions: Restrictions,
}

impl Rules {
    /// Whether the model is accepted; `None` if the restriction is of a kind we do not know.
    pub(super) fn accepts(&self, model: Aaguid) -> Option<bool> {
        if self.restrictions.is_enforced != Some(true) {
            return Some(true);
        }
        let listed = self.restrictions.aa_guids.iter().filter_map(|text| text.parse::<Aaguid>().ok()).any(|one| one == model);
        match self.restrictions.enforcement_type.as_deref() {
            Some("allow") => Some(listed),
            Some("block") => Some(!listed),
            _ => None,
        }
    }
}

/// How the targets of the policy meet a user.
#[derive(Debug)]
pub(super) enum Reach {
    /// One of the user's groups is excluded.
    Excluded(String),
    /// No target includes the user.
    NotIncluded,
    /// The user's groups would have to be known.
    Unsure,
    /// Included: any of these sets of rules will do.
    Included(Vec<Rules>),
}

impl Policy {
    /// Whether the targets cannot be judged without the user's groups.
    pub(super) fn needs_groups(&self) -> bool {
        self.exclude_targets.iter().chain(&self.include_targets).any(|target| !target.is_everybody())
    }

    /// Judges the targets. `groups` are the user's groups, transitively, and the user's own id; `None` if unreadable.
    pub(super) fn reach(&self, groups: Option<&[String]>) -> Reach {
        let member =
            |target: &&Target| target.is_everybody() || groups.is_some_and(|groups| groups.iter().any(|group| target.is(group)));
        if let Some(target) = self.exclude_targets.iter().find(member) {
            return Reach::Excluded(target.id.clone());
        }
        if groups.is_none() && !self.exclude_targets.is_empty() {
            return Reach::Unsure;
        }
        let targets: Vec<&Target> = self.include_targets.iter().filter(member).collect();
        match (targets.is_empty(), groups) {
            (true, None) if self.needs_groups() => Reach::Unsure,
            (true, _) => Reach::NotIncluded,
            (false, _) => Reach::Included(self.rules(&targets)),
        }
    }

    fn rules(&self, targets: &[&Target]) -> Vec<Rules> {
        if self.passkey_profiles.is_empty() {
            return vec![Rules {
                name: "the policy's key restrictions".into(),
                device_bound: true,
                attested: self.is_attestation_enforced == Some(true),
                restrictions: self.key_restrictions.clone(),
            }];
        }
        let default: Vec<String> = self.default_passkey_profile.iter().cloned().collect();
        let names = targets
            .iter()
            .flat_map(|target| target.allowed_passkey_profiles.as_ref().filter(|names| !names.is_empty()).unwrap_or(&default));
        names
            .filter_map(|name| self.passkey_profiles.iter().find(|profile| profile.id.eq_ignore_ascii_case(name)))
            .map(ProfileBody::rules)
            .collect()
    }
}

impl Target {
    fn is_everybody(&self) -> bool {
        self.is(EVERYBODY)
    }

    fn is(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id)
    }
}

impl ProfileBody {
    fn rules(&self) -> Rules {
        let types = self.passkey_types.as_deref();
        Rules {
            name: format!("the passkey profile {:?}", self.name.as_deref().unwrap_or(&self.id)),
            // A profile that does not say restricts nothing.
            device_bound: types.is_none_or(|types| types.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("deviceBound"))),
            attested: self.attestation_enforcement.as_deref().is_some_and(|enforcement| enforcement != "disabled"),
            restrictions: self.key_restrictions.clone(),
        }
    }
}
