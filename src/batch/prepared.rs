//! A prepared file: challenges that were fetched beforehand, with everything that a station without network has to know before
//! it touches a key.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::aaguid::Aaguid;
use crate::handover::AgeSafe;
use crate::handover::parcel::ParcelError;
use crate::identity::{
    Finding, IdentityError, IdentityProvider, KeyModel, Message, Method, Offer, Preflight, RegisterError, Registration,
    SendError, User, Verdict,
};
use crate::webauthn::{CreationOptions, CredentialId};

/// What such a file says it is.
const KIND: &str = "keywright prepared 1";

/// The content of a prepared file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreparedFile {
    kind: String,
    /// Tenant of the profile that it was made by.
    pub tenant: String,
    /// When it was made.
    pub made: Timestamp,
    /// The station that registers: what its results are sealed for.
    pub registrar: String,
    /// The users.
    pub users: Vec<Prepared>,
}

/// What was fetched for one user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// The user.
    pub user: User,
    /// What to make.
    pub options: CreationOptions,
    /// After this the registration is refused.
    pub expires: Timestamp,
    /// What the tenant's rules say of each model that was named.
    pub models: BTreeMap<Aaguid, Vec<Judged>>,
    /// The registering station's stamp on tenant, user, challenge and end.
    #[serde(with = "crate::webauthn::base64url")]
    pub stamp: Vec<u8>,
}

/// A finding that travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    verdict: String,
    sentence: String,
    remedy: String,
}

impl From<&Finding> for Judged {
    fn from(finding: &Finding) -> Self {
        let verdict = match finding.verdict {
            Verdict::Pass => "pass",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
            Verdict::Unknown => "unknown",
        };
        Self { verdict: verdict.into(), sentence: finding.sentence.clone(), remedy: finding.remedy.clone() }
    }
}

impl Judged {
    fn finding(&self) -> Finding {
        let verdict = match self.verdict.as_str() {
            "pass" => Verdict::Pass,
            "warn" => Verdict::Warn,
            "fail" => Verdict::Fail,
            _ => Verdict::Unknown,
        };
        Finding { check: "prepared/policy", verdict, sentence: self.sentence.clone(), remedy: self.remedy.clone() }
    }
}

impl PreparedFile {
    /// A file for these users.
    pub fn new(tenant: &str, made: Timestamp, registrar: &AgeSafe, users: Vec<Prepared>) -> Self {
        Self { kind: KIND.into(), tenant: tenant.into(), made, registrar: registrar.recipient().to_string(), users }
    }

    /// Opens one that is sealed for this station.
    ///
    /// # Errors
    /// [`ParcelError`].
    pub fn open(safe: &AgeSafe, sealed: &[u8]) -> Result<Self, ParcelError> {
        let file: Self = safe.open_parcel(sealed)?;
        if file.kind == KIND { Ok(file) } else { Err(ParcelError::Form("it is no prepared file")) }
    }
}

impl Prepared {
    /// What the registering station stamps: a challenge of its own for this user, in this tenant, until then.
    pub fn stamp_text(tenant: &str, user: &str, options: &CreationOptions, expires: Timestamp) -> Vec<u8> {
        let mut text = format!("{}:{tenant}{}:{user}{expires}", tenant.len(), user.len()).into_bytes();
        // The whole of the options: whoever exchanged the relying party or the algorithms would have to forge the stamp.
        text.extend(Sha256::digest(serde_json::to_vec(options).unwrap_or_default()));
        text
    }

    /// Whether this station prepared it.
    pub fn is_of(&self, safe: &AgeSafe, tenant: &str) -> bool {
        let text = Self::stamp_text(tenant, &self.user.id, &self.options, self.expires);
        safe.stamped(&text, &self.stamp)
    }
}

/// The tenant as a station without network knows it: by what was prepared.
#[derive(Debug)]
pub struct PreparedTenant<'a> {
    users: &'a [Prepared],
}

impl<'a> PreparedTenant<'a> {
    /// For these users.
    pub fn new(users: &'a [Prepared]) -> Self {
        Self { users }
    }

    fn of(&self, user: &User) -> Result<&'a Prepared, IdentityError> {
        let found = self.users.iter().find(|one| one.user.id == user.id);
        found.ok_or_else(|| IdentityError::UserUnknown(user.upn.clone()))
    }
}

fn no_network() -> IdentityError {
    IdentityError::Network("this station works by a prepared file and asks no tenant".into())
}

impl IdentityProvider for PreparedTenant<'_> {
    fn user(&mut self, name: &str) -> Result<User, IdentityError> {
        let named = |one: &&Prepared| one.user.id.eq_ignore_ascii_case(name) || one.user.upn.eq_ignore_ascii_case(name);
        self.users.iter().find(named).map(|one| one.user.clone()).ok_or_else(|| IdentityError::UserUnknown(name.to_owned()))
    }

    fn preflight(&mut self, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError> {
        let findings = match self.of(user)?.models.get(&model.aaguid) {
            Some(judged) => judged.iter().map(Judged::finding).collect(),
            None => vec![Finding {
                check: "prepared/policy",
                verdict: Verdict::Unknown,
                sentence: format!("whether the tenant accepts the model {} was not asked beforehand", model.aaguid),
                remedy: "Name the models with --aaguid when the file is prepared.".into(),
            }],
        };
        Ok(Preflight { findings })
    }

    fn creation_options(&mut self, user: &User, _life: Option<Duration>) -> Result<Offer, IdentityError> {
        let prepared = self.of(user)?;
        Ok(Offer { options: prepared.options.clone(), expires: prepared.expires })
    }

    fn register(&mut self, _user: &User, _registration: &Registration) -> Result<Method, RegisterError> {
        Err(RegisterError::Refused(no_network()))
    }

    fn find(&mut self, _user: &User, _credential: &CredentialId) -> Result<Option<Method>, IdentityError> {
        Err(no_network())
    }

    fn methods(&mut self, _user: &User) -> Result<Vec<Method>, IdentityError> {
        Err(no_network())
    }

    fn remove(&mut self, _user: &User, _method: &str) -> Result<(), IdentityError> {
        Err(no_network())
    }

    fn send_message(&mut self, _user: &User, _sender: &str, _message: &Message) -> Result<(), SendError> {
        Err(SendError::Refused(no_network()))
    }
}
