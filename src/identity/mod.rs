//! What enrolment asks of an identity provider: the trait and plain types. Adapters live below it (`entra`).

mod directory;
pub mod entra;
mod message;
mod passkey_name;
mod sign_in;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advice::{Advice, Advised};
use crate::ctap::Aaguid;
use crate::webauthn::{CreationOptions, CredentialId};

pub use directory::{Directory, Group, Lookup};
pub use message::{Message, SendError};
pub use passkey_name::{passkey_name, passkey_name_marked, passkey_name_of};
pub use sign_in::{SignInRefusal, SignInTrouble};

/// The directory lists a new passkey with some delay: ask this often …
pub const LOOKS: u8 = 4;
/// … with this between.
pub const LOOK_STEP: Duration = Duration::from_secs(2);

/// A user of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id (GUID).
    pub id: String,
    /// User principal name.
    pub upn: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Whether sign-in is allowed; `None` when the permission to read it is missing.
    pub enabled: Option<bool>,
    /// `userType` as the directory says: `Member`, `Guest`, or a value we do not know yet; `None` when unreadable.
    pub kind: Option<String>,
    /// Language that the user prefers, as the directory says (`de-AT`); `None` when none is set or it is unreadable.
    #[serde(default)]
    pub language: Option<String>,
}

/// What is known of the key before the touch, for the policy to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyModel {
    /// AAGUID of getInfo.
    pub aaguid: Aaguid,
    /// `packed` is among the attestation formats.
    pub packed: bool,
}

/// How one check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing in the way.
    Pass,
    /// Goes, but a person should know.
    Warn,
    /// Will be refused: nothing is started.
    Fail,
    /// Could not be read, e.g. a permission is missing.
    Unknown,
}

/// One check of the preflight and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable name of the check, e.g. `policy/self-service`.
    pub check: &'static str,
    /// Verdict.
    pub verdict: Verdict,
    /// What was found, as a sentence that names the object that causes it.
    pub sentence: String,
    /// Who can change it and how; empty when there is nothing to do.
    pub remedy: String,
}

/// Everything that the provider could check before the touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// The checks, in the order in which they were made.
    pub findings: Vec<Finding>,
}

impl Preflight {
    /// The first check that forbids the enrolment.
    pub fn failure(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.verdict == Verdict::Fail)
    }

    /// The check that best explains a refusal: one that fails, else one about the policy that did not pass.
    pub fn suspect(self) -> Option<Finding> {
        let failed = |finding: &&Finding| finding.verdict == Verdict::Fail;
        // Neither a strength nor the number of passkeys has to do with a registration, and what is hidden explains nothing.
        let doubtful = |finding: &&Finding| {
            finding.verdict != Verdict::Pass
                && finding.check.starts_with("policy/")
                && !matches!(finding.check, "policy/read" | "policy/strengths")
        };
        self.findings.iter().find(failed).or_else(|| self.findings.iter().find(doubtful)).cloned()
    }
}

/// Creation options with the end of their life. Not `Clone`: a challenge is used once.
#[derive(Debug)]
pub struct Offer {
    /// What to make.
    pub options: CreationOptions,
    /// After this the registration is refused.
    pub expires: Timestamp,
}

impl Offer {
    /// Life left at `now`; zero when it has passed.
    pub fn life_left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.expires.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

/// A verified credential on its way to the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Name shown to the user: 1 to 30 characters.
    pub display_name: String,
    /// Credential id.
    pub credential_id: CredentialId,
    /// WebAuthn attestation object, byte-exact.
    #[serde(with = "crate::webauthn::base64url")]
    pub attestation_object: Vec<u8>,
    /// Client data JSON, byte-exact.
    #[serde(with = "crate::webauthn::base64url")]
    pub client_data_json: Vec<u8>,
    /// After this the registration is refused.
    pub expires: Timestamp,
}

/// A passkey as the tenant holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Method {
    /// Opaque id, as the provider spells it.
    pub id: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Model name from the provider.
    pub model: Option<String>,
    /// AAGUID.
    pub aaguid: Option<Aaguid>,
    /// When it was registered.
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub created: Option<Timestamp>,
    /// When somebody signed in with it last, if that was asked for and is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<crate::shape::Moment>"))]
    pub last_used: Option<Timestamp>,
    /// `attested`, `notAttested`, or a value we do not know yet.
    pub attestation_level: Option<String>,
    /// `deviceBound`, `synced`, or a value we do not know yet.
    pub passkey_type: Option<String>,
}

/// What enrolment needs of a provider. Calls block; what is safe to repeat is repeated inside.
pub trait IdentityProvider {
    /// Looks a user up by user principal name or object id.
    ///
    /// # Errors
    /// [`IdentityError::UserUnknown`] if there is none.
    fn user(&mut self, name: &str) -> Result<User, IdentityError>;

    /// Checks whether this user may have a passkey on this model. Missing permissions become [`Verdict::Unknown`].
    ///
    /// # Errors
    /// Only what makes every later call fail too: sign-in, network.
    fn preflight(&mut self, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError>;

    /// Fetches creation options: proves permission and user. `life` asks for a longer challenge than the default.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn creation_options(&mut self, user: &User, life: Option<Duration>) -> Result<Offer, IdentityError>;

    /// Registers a credential. Sent once, never repeated inside.
    ///
    /// # Errors
    /// [`RegisterError`] says whether the provider refused or whether nobody knows.
    fn register(&mut self, user: &User, registration: &Registration) -> Result<Method, RegisterError>;

    /// Looks for a credential among the user's passkeys, in every spelling of its id.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn find(&mut self, user: &User, credential: &CredentialId) -> Result<Option<Method>, IdentityError>;

    /// The user's passkeys.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn methods(&mut self, user: &User) -> Result<Vec<Method>, IdentityError>;

    /// Removes one passkey. One that is gone already counts as removed.
    ///
    /// # Errors
    /// [`IdentityError`].
    fn remove(&mut self, user: &User, method: &str) -> Result<(), IdentityError>;

    /// Sends a message to the user's own address from the mailbox of `sender`. Sent once, never repeated inside; that it was
    /// taken does not mean that it was delivered.
    ///
    /// # Errors
    /// [`SendError`] says whether it was refused or whether nobody knows.
    fn send_message(&mut self, user: &User, sender: &str, message: &Message) -> Result<(), SendError>;
}

/// What a provider said when it refused, kept for diagnosis; never branched on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: String,
    /// `error.message`.
    pub message: String,
    /// `request-id` header or member.
    pub request_id: String,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for part in [&self.code, &self.message] {
            if !part.is_empty() {
                write!(f, ", {part}")?;
            }
        }
        if !self.request_id.is_empty() {
            write!(f, " (request-id {})", self.request_id)?;
        }
        Ok(())
    }
}

/// Why a provider call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No such user.
    #[error("there is no user {0} in the tenant")]
    UserUnknown(String),
    /// Sign-in failed.
    #[error("signing in failed: {0}")]
    SignIn(Box<SignInRefusal>),
    /// 401 although freshly signed in.
    #[error("the tenant does not accept the sign-in: {0}")]
    Unauthorized(Reply),
    /// 403: permission, role or target.
    #[error("the tenant forbids it: {0}")]
    Forbidden(Reply),
    /// 403 for the passkey policy.
    #[error("the passkey policy cannot be read: {0}")]
    PolicyHidden(Reply),
    /// 403 for the list of users.
    #[error("the users of the tenant cannot be listed: {0}")]
    UsersHidden(Reply),
    /// 405: own account, or not offered on that path.
    #[error("the tenant does not offer this for that account: {0}")]
    NotOffered(Reply),
    /// 404 for something other than a user.
    #[error("the tenant does not know it: {0}")]
    NotFound(Reply),
    /// 429 for longer than we wait.
    #[error("the tenant asks us to slow down: {reply}")]
    Throttled {
        /// What it said.
        reply: Reply,
        /// How long it wants us to wait.
        retry_after: Duration,
    },
    /// 5xx after the allowed tries.
    #[error("the tenant has a problem: {0}")]
    Unavailable(Reply),
    /// No connection, or it broke.
    #[error("the tenant cannot be reached: {0}")]
    Network(String),
    /// Any other refusal, 400 above all.
    #[error("the tenant refused: {0}")]
    Refused(Reply),
    /// An answer that is not what it should be.
    #[error("the tenant's answer makes no sense: {0}")]
    Malformed(String),
    /// The system's keyring failed.
    #[error("the keyring of this system cannot be used: {0}")]
    Keyring(String),
    /// A stop request ended a wait or a call that is safe to lose.
    #[error("interrupted while the tenant was asked")]
    Interrupted,
    /// The profile does not fit (missing field, not https, wrong cloud).
    #[error("the profile cannot be used: {0}")]
    Profile(String),
}

/// How a registration failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The provider refused: nothing was registered.
    #[error(transparent)]
    Refused(IdentityError),
    /// Sent, but no answer that can be trusted: ask [`IdentityProvider::find`], never send again blindly.
    #[error("the registration was sent, but its outcome is unknown: {0}")]
    Unknown(IdentityError),
}

advice! {
    USER_UNKNOWN: "tenant/user-unknown", Policy, "There is no such user in the tenant.", "Check the spelling of the user principal name and the tenant of the profile.";
    SIGN_IN: "tenant/sign-in", Person, "Signing in to the tenant failed.", "Check client id, secret or certificate of the profile; `keywright doctor` tests the sign-in.";
    APPLICATION: "tenant/application", Usage, "The tenant does not accept the application or its credential.", "Correct the profile or the application's registration; `keywright doctor` tests the sign-in.";
    CONSENT: "tenant/consent", Policy, "The application lacks an administrator's consent.", "Have an administrator grant consent: Entra admin center, App registrations, API permissions.";
    ACCOUNT: "tenant/account", Person, "The account cannot sign in to this application.", "Sign in with another account, or have an administrator enable or assign this one.";
    CONDITIONAL_ACCESS: "tenant/conditional-access", Policy, "Conditional Access blocks the sign-in.", "Have a Conditional Access Administrator look the request-id up in the sign-in log (-v shows it).";
    SIGN_IN_NEEDED: "tenant/sign-in-needed", Person, "A person has to sign in.", "Run `keywright login`; where nobody is there, let an application sign in with a certificate or a workload identity.";
    UNAUTHORIZED: "tenant/unauthorized", Tenant, "The tenant does not accept the sign-in.", "Check tenant and client id of the profile, then run the command again.";
    FORBIDDEN: "tenant/forbidden", Policy, "The tenant forbids it.", "Have an administrator grant UserAuthMethod-Passkey.ReadWrite.All; for an administrator's account a Privileged Authentication Administrator has to act.";
    POLICY_HIDDEN: "tenant/policy-hidden", Policy, "The passkey policy cannot be read.", "Have a Privileged Role Administrator grant Policy.Read.AuthenticationMethod; who signs in as a person also needs the role Global Reader or Authentication Policy Administrator.";
    USERS_HIDDEN: "tenant/users-hidden", Policy, "The users of the tenant cannot be listed.", "Have a Privileged Role Administrator grant User.Read.All, or User.ReadBasic.All, which tells less.";
    NOT_OFFERED: "tenant/not-offered", Policy, "The tenant does not offer this for that account.", "Nobody can provision their own account this way: sign in as somebody else, or name another user.";
    NOT_FOUND: "tenant/not-found", Tenant, "The tenant does not know what was asked for.", "List what is there with `keywright passkeys list USER`.";
    THROTTLED: "tenant/throttled", Tenant, "The tenant asks us to slow down.", "Wait for the time it names, then run the same command again; it goes on where it stopped.";
    UNAVAILABLE: "tenant/unavailable", Tenant, "The tenant has a problem of its own.", "Run the same command again later; it goes on where it stopped.";
    NETWORK: "tenant/network", Tenant, "The tenant cannot be reached.", "Check the network and the proxy, then run the same command again; it goes on where it stopped.";
    REFUSED: "tenant/refused", Policy, "The tenant refused the request.", "Read the tenant's own words above; an Authentication Policy Administrator can change the passkey policy.";
    MALFORMED: "tenant/malformed", Tenant, "The tenant's answer makes no sense.", "Check that the profile names the right hosts; run again with -vv and report the request-id.";
    KEYRING: "tenant/keyring", Failed, "The keyring of this system cannot be used.", "Unlock it, or remove the entries of keywright with the system's own tool.";
    INTERRUPTED: "tenant/interrupted", Interrupted, "The tenant was not waited for.", "Run the same command again; it goes on where it stopped.";
    PROFILE: "tenant/profile", Usage, "The profile cannot be used.", "Correct the profile; `keywright doctor` names the field.";
    OUTCOME_UNKNOWN: "tenant/outcome-unknown", Tenant, "The registration was sent, but its outcome is unknown.", "Run the same command again: it asks the tenant before anything else.";
}

impl Advised for IdentityError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::UserUnknown(_) => &USER_UNKNOWN,
            Self::SignIn(refusal) => match refusal.trouble {
                SignInTrouble::Application => &APPLICATION,
                SignInTrouble::Consent => &CONSENT,
                SignInTrouble::Account => &ACCOUNT,
                SignInTrouble::ConditionalAccess => &CONDITIONAL_ACCESS,
                SignInTrouble::Person => &SIGN_IN_NEEDED,
                SignInTrouble::Other => &SIGN_IN,
            },
            Self::Unauthorized(_) => &UNAUTHORIZED,
            Self::Forbidden(_) => &FORBIDDEN,
            Self::PolicyHidden(_) => &POLICY_HIDDEN,
            Self::UsersHidden(_) => &USERS_HIDDEN,
            Self::NotOffered(_) => &NOT_OFFERED,
            Self::NotFound(_) => &NOT_FOUND,
            Self::Throttled { .. } => &THROTTLED,
            Self::Unavailable(_) => &UNAVAILABLE,
            Self::Network(_) => &NETWORK,
            Self::Refused(_) => &REFUSED,
            Self::Malformed(_) => &MALFORMED,
            Self::Keyring(_) => &KEYRING,
            Self::Interrupted => &INTERRUPTED,
            Self::Profile(_) => &PROFILE,
        }
    }
}

impl Advised for RegisterError {
    fn advice(&self) -> &'static Advice {
        match self {
            Self::Refused(error) => error.advice(),
            Self::Unknown(_) => &OUTCOME_UNKNOWN,
        }
    }
}
