//! The passkey policy of a tenant (`fido2AuthenticationMethodConfiguration`), as far as it decides on a user and a model.

mod admission;
mod groups;
mod overview;
mod strengths;

use serde::{Deserialize, Deserializer};

use crate::aaguid::Aaguid;
use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, User};

pub use admission::Admission;
pub(super) use groups::{GroupNames, of_user};
pub(super) use overview::overview;
pub use overview::{ModelView, PolicyOverview, ProfileView, RestrictionView, StrengthView, TargetView};
pub(super) use strengths::{Strength, read as read_strengths};

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
pub(super) struct Target {
    id: String,
    #[serde(rename = "targetType")]
    kind: Option<String>,
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
    /// Passkeys that are synced are accepted.
    synced: bool,
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
    /// The user is excluded by this target.
    Excluded(Target),
    /// No target includes the user.
    NotIncluded,
    /// The user's groups would have to be known.
    Unsure,
    /// Included: any of these sets of rules will do, and `more` may count as well, if groups could be read.
    Included { rules: Vec<Rules>, more: bool },
}

/// What is known of a user as a target.
#[derive(Debug)]
pub(super) struct Membership {
    /// The user's own id, since targets may name users, and those of groups.
    pub(super) ids: Vec<String>,
    /// Every group is there.
    pub(super) complete: bool,
}

/// Reads the policy.
pub(super) fn read(graph: &mut Graph) -> Result<Policy, IdentityError> {
    let url =
        graph.url(Version::V1, &["policies", "authenticationMethodsPolicy", "authenticationMethodConfigurations", "fido2"])?;
    graph.get(&url)
}

/// The policy, for what is about it alone.
///
/// # Errors
/// [`IdentityError::PolicyHidden`] without the permission to read it.
pub(super) fn read_whole(graph: &mut Graph) -> Result<Policy, IdentityError> {
    read(graph).map_err(|error| match error {
        IdentityError::Forbidden(reply) => IdentityError::PolicyHidden(reply),
        other => other,
    })
}

impl Policy {
    /// The targets that include somebody.
    pub(super) fn include_targets(&self) -> &[Target] {
        &self.include_targets
    }

    /// Whether the targets cannot be judged without the user's groups.
    pub(super) fn needs_groups(&self) -> bool {
        self.groups().next().is_some()
    }

    /// The targets that are groups.
    fn groups(&self) -> impl Iterator<Item = &Target> {
        self.exclude_targets.iter().chain(&self.include_targets).filter(|target| !target.is_everybody() && !target.is_user())
    }

    /// Judges the targets.
    pub(super) fn reach(&self, user: &Membership) -> Reach {
        let member = |target: &&Target| target.is_everybody() || user.ids.iter().any(|id| target.is(id));
        // Groups that could not be read may be meant by any target that is not the user or everybody.
        let open = |targets: &[Target]| !user.complete && targets.iter().any(|target| !member(&target) && !target.is_user());
        if let Some(target) = self.exclude_targets.iter().find(member) {
            return Reach::Excluded(target.clone());
        }
        if open(&self.exclude_targets) {
            return Reach::Unsure;
        }
        let targets: Vec<&Target> = self.include_targets.iter().filter(member).collect();
        let more = open(&self.include_targets);
        match (targets.is_empty(), more) {
            (true, true) => Reach::Unsure,
            (true, false) => Reach::NotIncluded,
            (false, _) => Reach::Included { rules: self.rules(&targets), more },
        }
    }

    fn rules(&self, targets: &[&Target]) -> Vec<Rules> {
        if self.passkey_profiles.is_empty() {
            return vec![Rules {
                name: "the policy's key restrictions".into(),
                device_bound: true,
                synced: false,
                attested: self.is_attestation_enforced == Some(true),
                restrictions: self.key_restrictions.clone(),
            }];
        }
        targets.iter().flat_map(|target| self.profiles_of(target)).map(ProfileBody::rules).collect()
    }

    /// The profiles that count for a target: those that it names, else the default.
    fn profiles_of<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a ProfileBody> {
        let own = target.allowed_passkey_profiles.as_deref().filter(|ids| !ids.is_empty());
        let ids = own.unwrap_or(self.default_passkey_profile.as_slice());
        ids.iter().filter_map(|id| self.passkey_profiles.iter().find(|profile| profile.id.eq_ignore_ascii_case(id)))
    }
}

impl Target {
    /// What messages call it: a group by its name, or by its id where the name cannot be read.
    pub(super) fn title(&self, graph: &mut Graph, names: &mut GroupNames, user: Option<&User>) -> String {
        if self.is_everybody() {
            return "all users".into();
        }
        if let Some(user) = user.filter(|user| self.is(&user.id)) {
            return format!("the account {} itself", user.upn);
        }
        if self.is_user() {
            return format!("the user {}", tame(&self.id));
        }
        match names.name(graph, &self.id) {
            Some(name) => format!("the group {name:?}"),
            None => format!("the group {}", tame(&self.id)),
        }
    }

    fn is_user(&self) -> bool {
        self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("user"))
    }

    fn is_everybody(&self) -> bool {
        self.is(EVERYBODY)
    }

    fn is(&self, id: &str) -> bool {
        self.id.eq_ignore_ascii_case(id)
    }
}

impl ProfileBody {
    fn title(&self) -> String {
        tame(self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.id))
    }

    fn rules(&self) -> Rules {
        let types = self.passkey_types.as_deref();
        // A profile that does not say restricts nothing.
        let takes = |kind: &str| types.is_none_or(|types| types.split(',').any(|one| one.trim().eq_ignore_ascii_case(kind)));
        Rules {
            name: format!("the passkey profile {:?}", self.title()),
            device_bound: takes("deviceBound"),
            synced: takes("synced"),
            attested: self.attestation_enforcement.as_deref().is_some_and(|enforcement| enforcement != "disabled"),
            restrictions: self.key_restrictions.clone(),
        }
    }
}
