//! The passkey policy as a person reads it: who may, who may not, under which rules, and what that comes to.

use serde::Serialize;

use super::{GroupNames, Policy, ProfileBody, Restrictions, Strength, Target};
use crate::aaguid::Aaguid;
use crate::identity::IdentityError;
use crate::identity::entra::graph::Graph;
use crate::identity::entra::reply::tame;
use crate::metadata;

/// When Microsoft removes the properties that profiles replace.
const END_OF_LEGACY: &str = "October 2027";

/// The passkey policy of a tenant.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PolicyOverview {
    /// `enabled`, `disabled`, or a value we do not know yet.
    pub state: Option<String>,
    /// Self-service set-up, which the provisioning API needs.
    pub self_service_allowed: Option<bool>,
    /// Who may have passkeys.
    pub included: Vec<TargetView>,
    /// Who may not; goes before the above.
    pub excluded: Vec<TargetView>,
    /// The profiles; empty where the old properties count.
    pub profiles: Vec<ProfileView>,
    /// The old properties `isAttestationEnforced` and `keyRestrictions`.
    pub legacy: ProfileView,
    /// Authentication strengths that name models; `None` when they cannot be read.
    pub strengths: Option<Vec<StrengthView>>,
    /// What it comes to, one sentence each.
    pub meaning: Vec<String>,
}

/// Somebody whom the policy names.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TargetView {
    /// `all_users`, or an object id.
    pub id: String,
    /// For people: by name where it can be read.
    pub title: String,
    /// Names of the profiles that count for it; empty where the old properties count.
    pub profiles: Vec<String>,
}

/// A set of rules.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// GUID; empty for the old properties.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The tenant's default profile.
    pub default: bool,
    /// `deviceBound`, `synced`, or both, as the tenant writes it.
    pub passkey_types: Option<String>,
    /// Attestation has to be proven at registration.
    pub attestation_enforced: bool,
    /// Restriction by model, if it is enforced.
    pub restriction: Option<RestrictionView>,
}

/// A restriction by model.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RestrictionView {
    /// `allow`, `block`, or a value we do not know yet.
    pub kind: String,
    /// The models.
    pub models: Vec<ModelView>,
}

/// A model that a policy names.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ModelView {
    /// As the tenant writes it.
    pub aaguid: String,
    /// Its name, if it is publicly known.
    pub name: Option<&'static str>,
    /// Microsoft lists it as eligible for attestation; `None` if nothing is known of it.
    pub eligible: Option<bool>,
}

/// An authentication strength that names models.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StrengthView {
    /// Object id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The only models that it accepts.
    pub models: Vec<ModelView>,
}

/// Reads everything and puts it into words. Without the permission for groups or strengths, what needs it is missing.
pub(in crate::identity::entra) fn overview(graph: &mut Graph) -> Result<PolicyOverview, IdentityError> {
    let policy = super::read_whole(graph)?;
    let strengths = match super::read_strengths(graph) {
        Ok(strengths) => Some(strengths.iter().filter_map(strength).collect()),
        Err(IdentityError::Forbidden(_) | IdentityError::NotFound(_) | IdentityError::Refused(_)) => None,
        Err(error) => return Err(error),
    };
    let mut names = GroupNames::default();
    let mut views = |targets: &[Target]| -> Vec<TargetView> {
        targets.iter().map(|target| view(&policy, target, target.title(graph, &mut names, None))).collect()
    };
    let mut overview = PolicyOverview {
        state: policy.state.as_deref().map(tame),
        self_service_allowed: policy.is_self_service_registration_allowed,
        included: views(&policy.include_targets),
        excluded: views(&policy.exclude_targets),
        profiles: policy.passkey_profiles.iter().map(|profile| policy.profile(profile)).collect(),
        legacy: ProfileView {
            id: String::new(),
            name: "old properties".into(),
            default: false,
            passkey_types: None,
            attestation_enforced: policy.is_attestation_enforced == Some(true),
            restriction: restriction(&policy.key_restrictions),
        },
        strengths,
        meaning: Vec::new(),
    };
    overview.meaning = overview.in_words();
    Ok(overview)
}

fn view(policy: &Policy, target: &Target, title: String) -> TargetView {
    let profiles = policy.profiles_of(target).map(ProfileBody::title).collect();
    TargetView { id: tame(&target.id), title, profiles }
}

fn strength(strength: &Strength) -> Option<StrengthView> {
    let models = strength.models()?.into_iter().map(|aaguid| ModelView::of(&aaguid.to_string())).collect();
    Some(StrengthView { id: tame(&strength.id), name: tame(strength.name()), models })
}

fn restriction(restrictions: &Restrictions) -> Option<RestrictionView> {
    let enforced = restrictions.is_enforced == Some(true);
    enforced.then(|| RestrictionView {
        kind: restrictions.enforcement_type.as_deref().map(tame).unwrap_or_default(),
        models: restrictions.aa_guids.iter().map(|text| ModelView::of(text)).collect(),
    })
}

impl Policy {
    fn profile(&self, profile: &ProfileBody) -> ProfileView {
        ProfileView {
            id: tame(&profile.id),
            name: profile.title(),
            default: self.default_passkey_profile.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(&profile.id)),
            passkey_types: profile.passkey_types.as_deref().map(tame),
            attestation_enforced: profile.rules().attested,
            restriction: restriction(&profile.key_restrictions),
        }
    }
}

impl ModelView {
    fn of(text: &str) -> Self {
        let known = text.parse::<Aaguid>().ok().and_then(metadata::model);
        Self { aaguid: tame(text), name: known.map(|model| model.name), eligible: known.map(|model| model.listed) }
    }
}

impl PolicyOverview {
    fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        match self.state.as_deref() {
            Some(state) if state.eq_ignore_ascii_case("enabled") => {}
            Some(state) if state.eq_ignore_ascii_case("disabled") => {
                words.push("Passkeys are disabled: nobody can register one or sign in with one.".into());
            }
            _ => words.push("Whether passkeys are enabled cannot be told from this policy.".into()),
        }
        if self.self_service_allowed == Some(false) {
            words.push("Self-service set-up is off: the provisioning API, and so keywright, can register nothing.".into());
        }
        words.push(self.who());
        if self.profiles.is_empty() {
            words.push(format!("For all of them: {}.", self.legacy.in_words()));
            words.push(format!(
                "There are no passkey profiles, so the old properties decide; Microsoft removes them in {END_OF_LEGACY}."
            ));
        } else {
            words.extend(self.profiles.iter().map(|profile| format!("Profile {:?}: {}.", profile.name, profile.in_words())));
            words.push(format!(
                "The old properties beside the profiles decide nothing any more; Microsoft removes them in {END_OF_LEGACY}."
            ));
        }
        match &self.strengths {
            None => words.push("Whether authentication strengths leave models out cannot be read.".into()),
            Some(strengths) => words.extend(strengths.iter().map(|strength| {
                let count = strength.models.len();
                format!("Where Conditional Access asks for the strength {:?}, only {count} of all models sign in.", strength.name)
            })),
        }
        words
    }

    fn who(&self) -> String {
        let list = |targets: &[TargetView]| targets.iter().map(|target| target.title.clone()).collect::<Vec<_>>().join(", ");
        match (self.included.is_empty(), self.excluded.is_empty()) {
            (true, _) => "Nobody may have passkeys: the policy includes nobody.".into(),
            (false, true) => format!("Passkeys may be had by {}.", list(&self.included)),
            (false, false) => {
                format!("Passkeys may be had by {}, but not by {}.", list(&self.included), list(&self.excluded))
            }
        }
    }
}

impl ProfileView {
    fn in_words(&self) -> String {
        let types = self.passkey_types.as_deref().unwrap_or("deviceBound").to_ascii_lowercase();
        let kinds = match (types.contains("devicebound"), types.contains("synced")) {
            (true, true) => "security keys and synced passkeys",
            (false, true) => "synced passkeys only, no security keys",
            _ => "security keys",
        };
        let models = match &self.restriction {
            None => "of every model".to_owned(),
            Some(restriction) => restriction.in_words(),
        };
        let attested = if self.attestation_enforced { "with proven attestation" } else { "attestation is not asked for" };
        format!("{kinds}, {models}, {attested}")
    }
}

impl RestrictionView {
    fn in_words(&self) -> String {
        let count = self.models.len();
        match self.kind.as_str() {
            "allow" if count == 0 => "of no model, since the list of allowed ones is empty".into(),
            "allow" => format!("of {count} allowed models only"),
            "block" => format!("of every model but {count}"),
            other => format!("with a restriction of the kind {other:?}, which keywright does not know"),
        }
    }
}
