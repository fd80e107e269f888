//! Microsoft Entra ID through Microsoft Graph: sign-in, users, policy, passkeys.

mod aadsts;
mod assertion;
mod audit;
mod batch;
mod census;
mod challenge;
mod cloud;
mod credential_ids;
mod directory;
mod exchange;
mod fido2_methods;
mod graph;
mod guid;
mod http;
mod mail;
mod options;
mod policy;
mod post;
mod preflight;
mod profile;
mod reach;
mod reads;
mod reply;
mod retry;
mod sign_in;
mod tap;
mod throttle;
mod tools;
mod users;
mod who;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::identity::entra::graph::{Graph, Version};
use crate::identity::entra::http::{Clients, Http};
use crate::identity::entra::sign_in::Session;
use crate::identity::{
    IdentityError, IdentityProvider, KeyModel, Message, Method, Offer, Preflight, RegisterError, Registration, SendError, User,
};
use crate::secret::SecretText;
use crate::webauthn::CredentialId;

pub use audit::PasskeyEvent;
pub use census::{Census, CensusPage, Counted, READERS, Whom, methods_of_with_last_use};
pub use cloud::{Cloud, GLOBAL_AUTHORITY, GLOBAL_GRAPH, PasskeyApi};
pub use credential_ids::{readings, stands_for};
pub use policy::{Admission, ModelView, PolicyOverview, ProfileView, RestrictionView, StrengthView, TargetView};
pub use profile::{CertificateAlg, Profile, Way};
pub use reach::{Obstacle, Reach};
pub use tap::{IssuedTap, Tap, TapPolicy, TapWish};
pub use throttle::Gate;
pub use tools::{Invitation, Tools, Vault};
pub use who::{Need, Who};

/// One tenant, signed in to as an application. Nothing is sent before the first call.
pub struct Entra {
    profile: Arc<Profile>,
    graph: Graph,
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Entra {
    /// Reads what the profile names (secret file or certificate). `secret` is a client secret from elsewhere, such as the
    /// environment, and goes before those.
    ///
    /// # Errors
    /// [`IdentityError::Profile`].
    pub fn new(mut profile: Profile, secret: Option<SecretText>, mut tools: Tools) -> Result<Self, IdentityError> {
        profile.check()?;
        let hosts = profile.hosts()?;
        let session = Session::new(&mut profile, &hosts, secret, &mut tools)?;
        let http = Http::new(Clients::new()?, tools);
        let version = match profile.passkey_api {
            PasskeyApi::V1 => Version::V1,
            PasskeyApi::Beta => Version::Beta,
        };
        Ok(Self { profile: Arc::new(profile), graph: Graph { http, session, root: hosts.graph, version } })
    }

    /// A client of the same tenant for another thread: with the same connections and the same sign-in, so that a token is
    /// fetched once for all of them. `tools` should share the gate and has to share the clock.
    #[must_use]
    pub fn another(&self, tools: Tools) -> Self {
        let http = Http::new(self.graph.http.clients(), tools);
        let graph =
            Graph { http, session: self.graph.session.clone(), root: self.graph.root.clone(), version: self.graph.version };
        Self { profile: Arc::clone(&self.profile), graph }
    }

    /// The profile, without its secret.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Signs in if that has not happened yet.
    ///
    /// # Errors
    /// [`IdentityError::SignIn`] with the reason, or what the network did.
    pub fn sign_in(&mut self) -> Result<(), IdentityError> {
        self.graph.sign_in()
    }

    /// Signs in anew: a person is asked even where a sign-in is remembered.
    ///
    /// # Errors
    /// As [`Self::sign_in`].
    pub fn log_in(&mut self) -> Result<(), IdentityError> {
        self.graph.session.log_in(&mut self.graph.http)
    }

    /// Forgets the sign-in, here and in the vault. Tells whether there was one.
    ///
    /// # Errors
    /// [`IdentityError::Keyring`], when it may still be there.
    pub fn log_out(&mut self) -> Result<bool, IdentityError> {
        self.graph.session.log_out()
    }

    /// Who is signed in and with what rights, for people to read. `None` where the token does not say.
    ///
    /// # Errors
    /// As [`Self::sign_in`].
    pub fn who(&mut self) -> Result<Option<Who>, IdentityError> {
        let token = self.graph.session.token(&mut self.graph.http)?;
        Ok(Who::of(&token))
    }

    /// A preflight that says first what the cloud cannot do.
    fn with_cloud(&self, mut preflight: Preflight) -> Preflight {
        if let Some(finding) = self.profile.cloud_finding() {
            preflight.findings.insert(0, finding);
        }
        preflight
    }

    /// The passkeys of many users, twenty users a call, in the order of the users; or why a user's could not be read.
    ///
    /// # Errors
    /// [`IdentityError`], when nothing could be read.
    pub fn methods_of(&mut self, users: &[User]) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
        fido2_methods::list_many(&mut self.graph, Version::V1, users)
    }

    /// Which passkeys the policy of today lets in, for many users.
    ///
    /// # Errors
    /// [`IdentityError::PolicyHidden`] without the permission to read it.
    pub fn admission(&mut self) -> Result<Admission, IdentityError> {
        Admission::read(&mut self.graph)
    }

    /// The tenant's passkey policy as a person reads it.
    ///
    /// # Errors
    /// [`IdentityError::PolicyHidden`] without the permission to read it.
    pub fn policy(&mut self) -> Result<PolicyOverview, IdentityError> {
        policy::overview(&mut self.graph)
    }
}

impl IdentityProvider for Entra {
    fn user(&mut self, name: &str) -> Result<User, IdentityError> {
        users::look_up(&mut self.graph, name)
    }

    fn preflight(&mut self, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError> {
        let operator = self.who()?.filter(|who| who.person).and_then(|who| who.object_id);
        let preflight = preflight::preflight(&mut self.graph, user, model, operator.as_deref())?;
        Ok(self.with_cloud(preflight))
    }

    fn creation_options(&mut self, user: &User, life: Option<Duration>) -> Result<Offer, IdentityError> {
        let of_profile = self.profile.challenge_minutes.map(|minutes| Duration::from_secs(u64::from(minutes).saturating_mul(60)));
        let offer = fido2_methods::creation_options(&mut self.graph, user, life.or(of_profile))?;
        self.profile.check_rp(&offer.options.rp.id)?;
        Ok(offer)
    }

    fn register(&mut self, user: &User, registration: &Registration) -> Result<Method, RegisterError> {
        fido2_methods::register(&mut self.graph, user, registration)
    }

    fn find(&mut self, user: &User, credential: &CredentialId) -> Result<Option<Method>, IdentityError> {
        let methods = fido2_methods::list(&mut self.graph, user)?;
        Ok(methods.into_iter().find(|method| stands_for(&method.id, credential)))
    }

    fn methods(&mut self, user: &User) -> Result<Vec<Method>, IdentityError> {
        fido2_methods::list(&mut self.graph, user)
    }

    fn remove(&mut self, user: &User, method: &str) -> Result<(), IdentityError> {
        fido2_methods::remove(&mut self.graph, user, method)
    }

    fn send_message(&mut self, user: &User, sender: &str, message: &Message) -> Result<(), SendError> {
        mail::send(&mut self.graph, user, sender, message)
    }
}
