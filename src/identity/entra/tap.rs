//! Temporary Access Passes (`temporaryAccessPassMethods`) and the policy that bounds them.

use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use crate::identity::entra::Entra;
use crate::identity::entra::graph::Version;
use crate::identity::entra::post::post;
use crate::identity::entra::reply;
use crate::identity::{IdentityError, SendError, User};
use crate::secret::SecretText;

/// Shortest and longest life of a pass that any tenant can allow, in minutes.
const MINUTES: RangeInclusive<u32> = 10..=43200;
/// Longest pass that is shown; policies go up to 48 characters.
const LONGEST: usize = 256;
const COLLECTION: [&str; 2] = ["authentication", "temporaryAccessPassMethods"];
/// The target that stands for everybody.
const EVERYBODY: &str = "all_users";

/// What the tenant's policy says of passes; what it leaves out is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct TapPolicy {
    /// `enabled`, `disabled`, or a value we do not know yet.
    pub state: Option<String>,
    /// Life of a pass that asks for none.
    #[serde(rename(deserialize = "defaultLifetimeInMinutes"))]
    pub default_minutes: Option<u32>,
    /// Shortest life.
    #[serde(rename(deserialize = "minimumLifetimeInMinutes"))]
    pub minimum_minutes: Option<u32>,
    /// Longest life.
    #[serde(rename(deserialize = "maximumLifetimeInMinutes"))]
    pub maximum_minutes: Option<u32>,
    /// Every pass works once only.
    #[serde(rename(deserialize = "isUsableOnce"))]
    pub once: Option<bool>,
    #[serde(skip_serializing, deserialize_with = "nullable")]
    #[cfg_attr(test, schemars(skip))]
    include_targets: Vec<Target>,
    #[serde(skip_serializing, deserialize_with = "nullable")]
    #[cfg_attr(test, schemars(skip))]
    exclude_targets: Vec<Target>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Target {
    id: String,
}

#[derive(Deserialize)]
struct Group {
    id: String,
}

/// `null` counts as absent.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Target>, D::Error> {
    Option::<Vec<Target>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl TapPolicy {
    /// The lives that a pass may have, in minutes.
    pub fn minutes(&self) -> RangeInclusive<u32> {
        self.minimum_minutes.unwrap_or(*MINUTES.start())..=self.maximum_minutes.unwrap_or(*MINUTES.end())
    }

    /// Passes are switched off.
    pub fn is_off(&self) -> bool {
        self.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case("disabled"))
    }

    fn needs_groups(&self) -> bool {
        self.include_targets.iter().chain(&self.exclude_targets).any(|target| !target.id.eq_ignore_ascii_case(EVERYBODY))
    }

    /// Whether the targets take somebody in who is in these groups.
    fn reaches(&self, groups: &[String]) -> bool {
        let meets = |target: &Target| {
            target.id.eq_ignore_ascii_case(EVERYBODY) || groups.iter().any(|group| group.eq_ignore_ascii_case(&target.id))
        };
        self.include_targets.iter().any(meets) && !self.exclude_targets.iter().any(meets)
    }
}

/// What a pass is to be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TapWish {
    /// Life in minutes; `None` for the policy's default.
    #[serde(rename = "lifetimeInMinutes", skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// It works once only; `None` leaves it to the tenant.
    #[serde(rename = "isUsableOnce", skip_serializing_if = "Option::is_none")]
    pub once: Option<bool>,
    /// From when it works; `None` for now.
    #[serde(rename = "startDateTime", skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
}

/// A pass as the tenant lists it: everything but the pass itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tap {
    /// Opaque id.
    pub id: String,
    /// When it was made.
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub created: Option<Timestamp>,
    /// From when it works.
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub start: Option<Timestamp>,
    /// How long it works.
    pub minutes: Option<u32>,
    /// It works once only.
    pub once: Option<bool>,
    /// It works now.
    pub usable: Option<bool>,
    /// Why, in the tenant's word: `EnabledByPolicy`, `DisabledByPolicy`, `Expired`, `NotYetValid`, `OneTimeUsed` or one that we
    /// do not know yet.
    pub reason: Option<String>,
}

impl Tap {
    /// When it stops working by itself.
    pub fn end(&self) -> Option<Timestamp> {
        self.start?.saturating_add(SignedDuration::from_mins(self.minutes?.into())).ok()
    }

    /// It can still be used, now or later. In doubt it can.
    pub fn is_alive(&self) -> bool {
        !matches!(self.reason.as_deref(), Some("Expired" | "OneTimeUsed"))
    }
}

/// A pass that was just issued.
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct IssuedTap {
    /// Everything else.
    pub tap: Tap,
    /// The pass; the tenant never tells it again.
    pub pass: SecretText,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TapBody {
    id: String,
    #[serde(default, deserialize_with = "secret")]
    temporary_access_pass: Option<SecretText>,
    created_date_time: Option<String>,
    start_date_time: Option<String>,
    lifetime_in_minutes: Option<u32>,
    is_usable_once: Option<bool>,
    is_usable: Option<bool>,
    method_usability_reason: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()).map(SecretText::new))
}

impl TapBody {
    fn into_parts(self) -> (Tap, Option<SecretText>) {
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let tap = Tap {
            id: self.id,
            created: time(self.created_date_time),
            start: time(self.start_date_time),
            minutes: self.lifetime_in_minutes,
            once: self.is_usable_once,
            usable: self.is_usable,
            reason: self.method_usability_reason,
        };
        (tap, self.temporary_access_pass)
    }
}

impl Entra {
    /// The tenant's policy for passes.
    ///
    /// # Errors
    /// [`IdentityError::Forbidden`] without `Policy.Read.AuthenticationMethod`, and every other.
    pub fn tap_policy(&mut self) -> Result<TapPolicy, IdentityError> {
        let path = ["policies", "authenticationMethodsPolicy", "authenticationMethodConfigurations", "temporaryAccessPass"];
        let url = self.graph.url(Version::V1, &path)?;
        self.graph.get(&url)
    }

    /// Whether the policy's targets take the user in.
    ///
    /// # Errors
    /// [`IdentityError`], where the user's groups would have to be known.
    pub fn tap_reaches(&mut self, policy: &TapPolicy, user: &User) -> Result<bool, IdentityError> {
        let mut groups = vec![user.id.clone()];
        if policy.needs_groups() {
            let mut url = self.graph.user_url(Version::V1, &user.id, &["transitiveMemberOf", "microsoft.graph.group"])?;
            url.query_pairs_mut().append_pair("$select", "id");
            groups.extend(self.graph.list::<Group>(&url)?.into_iter().map(|group| group.id));
        }
        Ok(policy.reaches(&groups))
    }

    /// The passes of a user: one at most, says the documentation.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn taps(&mut self, user: &User) -> Result<Vec<Tap>, IdentityError> {
        let url = self.graph.user_url(Version::V1, &user.id, &COLLECTION)?;
        let bodies: Vec<TapBody> = self.graph.list(&url)?;
        Ok(bodies.into_iter().map(|body| body.into_parts().0).collect())
    }

    /// Issues a pass; an earlier one of the user is gone then. Sent once.
    ///
    /// # Errors
    /// [`SendError`]. After [`SendError::Unknown`] there may be a pass that nobody has seen; the next one replaces it.
    pub fn issue_tap(&mut self, user: &User, wish: &TapWish) -> Result<IssuedTap, SendError> {
        let url = self.graph.user_url(Version::V1, &user.id, &COLLECTION).map_err(SendError::Refused)?;
        let answer = post(&mut self.graph, &url, wish)?;
        let (tap, pass) = reply::json::<TapBody>(&answer).map_err(SendError::Unknown)?.into_parts();
        // It is shown as it is, so it must not steer a terminal.
        let sound =
            |pass: &SecretText| pass.expose().len() <= LONGEST && pass.expose().bytes().all(|byte| byte.is_ascii_graphic());
        let missing = || SendError::Unknown(IdentityError::Malformed("a pass was made, but the answer does not hold one".into()));
        Ok(IssuedTap { tap, pass: pass.filter(sound).ok_or_else(missing)? })
    }

    /// Removes a pass; one that is gone already counts as removed.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn remove_tap(&mut self, user: &User, id: &str) -> Result<(), IdentityError> {
        let url = self.graph.user_url(Version::V1, &user.id, &[COLLECTION[0], COLLECTION[1], id])?;
        self.graph.delete(&url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_as_documented() {
        let text = include_str!("../../../tests/data/graph/v1-tap-POST-201.json");
        let (tap, pass) = serde_json::from_str::<TapBody>(text).unwrap().into_parts();
        assert!(pass.is_some_and(|pass| pass.expose() == "+drkzqAD"));
        assert_eq!(
            (tap.minutes, tap.once, tap.usable, tap.reason.as_deref()),
            (Some(60), Some(false), Some(false), Some("NotYetValid"))
        );
        assert_eq!(tap.end(), "2022-06-05T01:00:00Z".parse().ok());
        assert!(tap.is_alive());
        // On a list the pass is null; a list item may lack what beta lacks.
        let (tap, pass) = serde_json::from_str::<TapBody>(r#"{"id":"x","temporaryAccessPass":null}"#).unwrap().into_parts();
        assert!(pass.is_none() && tap.is_alive() && tap.end().is_none());
    }

    #[test]
    fn a_wish_as_documented() {
        let sample: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/graph/v1-tap-POST-request.json")).unwrap();
        let wish = TapWish { minutes: Some(60), once: Some(false), start: "2022-06-05T00:00:00Z".parse().ok() };
        let mut sent = serde_json::to_value(wish).unwrap();
        assert_eq!(sent["startDateTime"].as_str().map(|text| text.parse().ok()), Some(wish.start));
        sent["startDateTime"] = sample["startDateTime"].clone();
        assert_eq!(sent, sample);
        assert_eq!(serde_json::to_string(&TapWish::default()).unwrap(), "{}");
    }

    #[test]
    fn policies() {
        let policy = |text: &str| serde_json::from_str::<TapPolicy>(text).unwrap();
        let whole = policy(
            r#"{"state":"enabled","minimumLifetimeInMinutes":60,"maximumLifetimeInMinutes":480,"isUsableOnce":true,
                "includeTargets":[{"id":"G"}],"excludeTargets":[{"id":"h"}],"later":1}"#,
        );
        assert_eq!((whole.minutes(), whole.once, whole.is_off()), (60..=480, Some(true), false));
        let reach = |groups: &[&str]| whole.reaches(&groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>());
        assert_eq!((reach(&["g"]), reach(&["g", "h"]), reach(&["x"])), (true, false, false));
        assert!(whole.needs_groups());
        let bare = policy(r#"{"state":"disabled","includeTargets":null}"#);
        assert_eq!((bare.minutes(), bare.is_off()), (10..=43200, true));
    }
}
