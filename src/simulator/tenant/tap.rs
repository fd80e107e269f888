//! Temporary Access Passes: the policy, and the one pass that a user can have.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::passkey::seconds;
use crate::simulator::tenant::passkey_policy::Target;
use crate::simulator::tenant::registration::meets;
use crate::simulator::tenant::script::TrainingUser;
use crate::simulator::tenant::state::Tenant;
use crate::simulator::tenant::wire::{Request, Response};

const READ: &[&str] = &[
    "UserAuthMethod-TAP.Read.All",
    "UserAuthMethod-TAP.ReadWrite.All",
    "UserAuthenticationMethod.Read.All",
    "UserAuthenticationMethod.ReadWrite.All",
];
const WRITE: &[&str] = &["UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"];
const POLICY: &[&str] = &["Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"];
/// What passes are made of; real ones hold symbols too.
const LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789+&*!%$";

/// `temporaryAccessPassAuthenticationMethodConfiguration`, member by member as Graph names them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct TapPolicy {
    /// `enabled` or `disabled`.
    pub state: String,
    /// Characters of a pass, 8 to 48.
    pub default_length: u8,
    /// Life of a pass that asks for none.
    pub default_lifetime_in_minutes: u32,
    /// Shortest life.
    pub minimum_lifetime_in_minutes: u32,
    /// Longest life.
    pub maximum_lifetime_in_minutes: u32,
    /// Every pass works once only.
    pub is_usable_once: bool,
    /// Who may have one.
    pub include_targets: Vec<Target>,
    /// Who may not; goes before the above.
    pub exclude_targets: Vec<Target>,
}

impl Default for TapPolicy {
    fn default() -> Self {
        Self {
            state: "enabled".to_owned(),
            default_length: 8,
            default_lifetime_in_minutes: 60,
            minimum_lifetime_in_minutes: 60,
            maximum_lifetime_in_minutes: 480,
            is_usable_once: false,
            include_targets: vec![Target { id: "all_users".to_owned(), ..Target::default() }],
            exclude_targets: Vec::new(),
        }
    }
}

impl TapPolicy {
    fn covers(&self, user: &TrainingUser) -> bool {
        let among = |targets: &[Target]| targets.iter().any(|target| meets(&target.id, user));
        self.state == "enabled" && among(&self.include_targets) && !among(&self.exclude_targets)
    }
}

/// What a client asks for; all of it optional.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    #[serde(rename = "@odata.type")]
    _kind: Option<String>,
    start_date_time: Option<Timestamp>,
    lifetime_in_minutes: Option<u32>,
    is_usable_once: Option<bool>,
}

/// A pass. The tenant keeps it for the tests, which compare it with what a program shows.
#[derive(Clone, Debug)]
pub struct TrainingPass {
    /// Object id.
    pub id: String,
    /// The pass itself.
    pub pass: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when it works.
    pub start: Timestamp,
    /// How long it works.
    pub minutes: u32,
    /// It works once only.
    pub once: bool,
}

impl TrainingPass {
    /// As Graph writes it, without the pass.
    fn to_json(&self, covered: bool, now: Timestamp) -> Value {
        let end = self.start.saturating_add(SignedDuration::from_mins(self.minutes.into())).unwrap_or(Timestamp::MAX);
        let reason = match () {
            () if !covered => "DisabledByPolicy",
            () if now < self.start => "NotYetValid",
            () if now >= end => "Expired",
            () => "EnabledByPolicy",
        };
        json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": self.id,
            "temporaryAccessPass": null,
            "createdDateTime": seconds(self.created),
            "startDateTime": seconds(self.start),
            "lifetimeInMinutes": self.minutes,
            "isUsableOnce": self.once,
            "isUsable": reason == "EnabledByPolicy",
            "methodUsabilityReason": reason,
        })
    }
}

impl Tenant {
    /// The policy.
    pub(super) fn tap_policy(&self, request: &Request) -> Result<Response, Refusal> {
        if request.method != "GET" {
            return Err(Refusal::no_method());
        }
        self.require(POLICY)?;
        let mut body = serde_json::to_value(&self.script.tap_policy).unwrap_or_default();
        if let Some(members) = body.as_object_mut() {
            members.insert("id".to_owned(), "TemporaryAccessPass".into());
            let kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration";
            members.insert("@odata.type".to_owned(), kind.into());
        }
        Ok((200, body).into())
    }

    /// `temporaryAccessPassMethods` of a user.
    pub(super) fn taps(&mut self, request: &Request, user: &TrainingUser, below: &[&str]) -> Result<Response, Refusal> {
        let (covered, now) = (self.script.tap_policy.covers(user), self.clock.now());
        let held = self.taps.get(&user.id);
        match (request.method.as_str(), below) {
            ("GET", []) => {
                self.require(READ)?;
                let list = held.iter().map(|pass| pass.to_json(covered, now)).collect();
                self.page(request, list)
            }
            ("POST", []) => self.issue(request, user),
            ("DELETE", [id]) => {
                self.require(WRITE)?;
                held.filter(|pass| pass.id == *id).ok_or_else(Refusal::not_found)?;
                self.taps.remove(&user.id);
                Ok(Response::empty(204))
            }
            _ => Err(Refusal::no_method()),
        }
    }

    fn issue(&mut self, request: &Request, user: &TrainingUser) -> Result<Response, Refusal> {
        self.require(WRITE)?;
        if user.own_account {
            let message = format!("Self-service operations are currently not supported for user {}.", user.id);
            return Err(Refusal::access_denied(message));
        }
        if user.administrator && !self.script.application.acts_on_administrators {
            return Err(Refusal::denied());
        }
        let body: Body = serde_json::from_slice(&request.body)
            .map_err(|error| Refusal::bad(format!("the body does not fit the schema: {error}")))?;
        let (policy, now) = (&self.script.tap_policy, self.clock.now());
        if user.upn.to_uppercase().contains("#EXT#") {
            return Err(Refusal::bad("Temporary Access Pass cannot be added to an external guest user."));
        }
        if !policy.covers(user) {
            return Err(Refusal::bad("Temporary Access Pass is not enabled for this user by policy."));
        }
        let minutes = body.lifetime_in_minutes.unwrap_or(policy.default_lifetime_in_minutes);
        let range = policy.minimum_lifetime_in_minutes..=policy.maximum_lifetime_in_minutes;
        if !range.contains(&minutes) {
            let message = format!("lifetimeInMinutes goes from {} to {}.", range.start(), range.end());
            return Err(Refusal::bad(message));
        }
        if policy.is_usable_once && body.is_usable_once == Some(false) {
            return Err(Refusal::bad("The policy allows passes for one use only."));
        }
        if body.start_date_time.is_some_and(|start| start < now) {
            return Err(Refusal::bad("startDateTime lies in the past."));
        }
        let (length, once) = (policy.default_length, policy.is_usable_once || body.is_usable_once == Some(true));
        let pass = TrainingPass {
            id: self.request_id(),
            pass: (0..length).map(|_| char::from(self.letter())).collect(),
            created: now,
            start: body.start_date_time.unwrap_or(now),
            minutes,
            once,
        };
        let mut answer = pass.to_json(true, now);
        if let Some(member) = answer.get_mut("temporaryAccessPass") {
            *member = pass.pass.as_str().into();
        }
        self.taps.insert(user.id.clone(), pass);
        Ok((201, answer).into())
    }

    fn letter(&mut self) -> u8 {
        let at = self.rng.random_range(0..LETTERS.len());
        LETTERS.get(at).copied().unwrap_or(b'+')
    }
}
