//! The training tenant's memory, and what every call needs of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use rand::CryptoRng;

use crate::clock::SharedClock;
use crate::simulator::tenant::audit::AuditEvent;
use crate::simulator::tenant::challenge::Challenge;
use crate::simulator::tenant::envelope::Refusal;
use crate::simulator::tenant::fault::Faults;
use crate::simulator::tenant::judge::AttestationJudge;
use crate::simulator::tenant::mail::TrainingMail;
use crate::simulator::tenant::memory::{self, Passkeys};
use crate::simulator::tenant::names::Names;
use crate::simulator::tenant::passkey::{TrainingPasskey, seconds};
use crate::simulator::tenant::recorder::Recorder;
use crate::simulator::tenant::script::{Script, TrainingUser};
use crate::simulator::tenant::tap::TrainingPass;
use crate::simulator::tenant::throttle::Throttle;
use crate::simulator::tenant::token::{AppCertificate, Tokens, Visits};
use crate::simulator::tenant::wire::Request;
use crate::webauthn::CredentialId;

/// Challenges that are remembered; older ones are forgotten first.
const MAX_CHALLENGES: usize = 4096;
/// Calls that are remembered.
const MAX_LOG: usize = 100_000;

/// A call that the tenant received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCall {
    /// HTTP method.
    pub method: String,
    /// Path as it came, without the query.
    pub path: String,
    /// Status of the answer; `None` when the connection was closed without one.
    pub status: Option<u16>,
    /// The `client-request-id` header.
    pub client_request_id: String,
}

/// Everything that changes while the tenant runs.
pub(super) struct Tenant {
    pub(super) script: Script,
    names: Names,
    pub(super) clock: SharedClock,
    pub(super) rng: Box<dyn CryptoRng + Send>,
    pub(super) judge: Box<dyn AttestationJudge>,
    pub(super) certificate: Option<AppCertificate>,
    /// Scheme, host and port.
    pub(super) base: String,
    pub(super) challenges: Vec<Challenge>,
    pub(super) passkeys: Passkeys,
    /// The one pass of a user, by object id.
    pub(super) taps: BTreeMap<String, TrainingPass>,
    pub(super) mails: Vec<TrainingMail>,
    pub(super) audits: Vec<AuditEvent>,
    pub(super) faults: Faults,
    pub(super) log: Vec<LoggedCall>,
    pub(super) recorder: Recorder,
    pub(super) throttle: Throttle,
    /// Tokens that were given out.
    pub(super) tokens: Tokens,
    /// Sign-ins of people that are under way or remembered.
    pub(super) visits: Visits,
    answers: u64,
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Tenant {
    pub(super) fn new(
        script: Script,
        clock: SharedClock,
        rng: Box<dyn CryptoRng + Send>,
        judge: Box<dyn AttestationJudge>,
        certificate: Option<AppCertificate>,
        base: String,
    ) -> io::Result<Self> {
        let now = clock.now();
        let kept = script.memory.as_deref().map(memory::read).transpose()?.flatten();
        let stock = || script.users.iter().map(|user| (user.id.clone(), TrainingPasskey::stock(user, now))).collect();
        let (passkeys, challenges) = kept.unwrap_or_else(|| (stock(), Vec::new()));
        let names = Names::of(&script.users);
        let faults = Faults::new(&script.faults);
        Ok(Self {
            script,
            names,
            clock,
            rng,
            judge,
            certificate,
            base,
            challenges,
            passkeys,
            taps: BTreeMap::new(),
            mails: Vec::new(),
            audits: Vec::new(),
            faults,
            log: Vec::new(),
            recorder: Recorder::default(),
            throttle: Throttle::default(),
            tokens: Tokens::default(),
            visits: Visits::default(),
            answers: 0,
        })
    }

    /// The user with this object id or principal name.
    pub(super) fn user_named(&self, name: &str) -> Option<&TrainingUser> {
        self.names.user(&self.script.users, name)
    }

    /// Changes the script.
    pub(super) fn change(&mut self, edit: impl FnOnce(&mut Script)) {
        edit(&mut self.script);
        self.names = Names::of(&self.script.users);
    }

    /// Writes the passkeys and the challenges that live on down, if the script says where.
    pub(super) fn keep(&self) -> Result<(), Refusal> {
        let Some(path) = &self.script.memory else { return Ok(()) };
        let now = self.clock.now();
        let alive: Vec<&Challenge> = self.challenges.iter().filter(|challenge| challenge.expires > now).collect();
        memory::write(path, &self.passkeys, &alive).map_err(|error| {
            log::warn!(target: "keywright::tenant", "{} cannot be written: {error}", path.display());
            Refusal::usual(500, None)
        })
    }

    /// The date of error bodies.
    pub(super) fn date(&self) -> String {
        seconds(self.clock.now())
    }

    /// A fresh `request-id`.
    pub(super) fn request_id(&mut self) -> String {
        self.answers = self.answers.saturating_add(1);
        format!("00000000-0000-4000-8000-{:012x}", self.answers)
    }

    /// Remembers a call; gives its place, so that the status can follow.
    pub(super) fn note(&mut self, request: &Request) -> usize {
        if self.log.len() >= MAX_LOG {
            self.log.clear();
        }
        self.log.push(LoggedCall {
            method: request.method.clone(),
            path: request.path.clone(),
            status: None,
            client_request_id: request.client_request_id.clone(),
        });
        self.log.len().saturating_sub(1)
    }

    pub(super) fn note_status(&mut self, place: usize, status: u16) {
        if let Some(call) = self.log.get_mut(place) {
            call.status = Some(status);
        }
    }

    pub(super) fn remember(&mut self, challenge: Challenge) {
        if self.challenges.len() >= MAX_CHALLENGES {
            self.challenges.remove(0);
        }
        self.challenges.push(challenge);
    }

    /// Every credential of the tenant: an id is unique in all of it.
    pub(super) fn credential_ids(&self) -> Vec<CredentialId> {
        self.passkeys.values().flatten().map(|passkey| passkey.credential_id.clone()).collect()
    }
}
