//! The tenant as a lane asks it: what was fetched before the key came is answered at once, everything else is asked live.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::SharedClock;
use crate::identity::{
    IdentityError, IdentityProvider, KeyModel, Message, Method, Offer, Preflight, RegisterError, Registration, SendError, User,
};
use crate::ledger::Task;
use crate::webauthn::{CreationOptions, CredentialId};

/// With less life than this an offer is fetched anew before a key is given to it: a lane takes its time, and the flow itself
/// wants two minutes.
pub(super) const LEAST_LIFE: Duration = Duration::from_secs(150);
/// Life that the flow asks for before the touch.
const FLOW_LIFE: Duration = Duration::from_mins(2);
/// One enrolment asks for options twice, before the wipe and before the touch, and uses them once.
const ASKED: u8 = 2;

/// Everything that can be known of a task before its key comes.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) task: Task,
    pub(super) user: User,
    pub(super) options: CreationOptions,
    pub(super) expires: Timestamp,
    /// What the rules say, model by model.
    pub(super) verdicts: Vec<(KeyModel, Preflight)>,
    /// Keys that it was tried with and that do not suit its user.
    pub(super) unsuited: u8,
}

impl Offered {
    pub(super) fn life_left(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.expires.duration_since(now)).unwrap_or(Duration::ZERO)
    }
}

/// Answers for one task.
pub(super) struct Prefetched<'a> {
    live: &'a mut dyn IdentityProvider,
    clock: &'a SharedClock,
    user: Option<User>,
    verdicts: &'a [(KeyModel, Preflight)],
    offer: Option<(&'a CreationOptions, Timestamp)>,
    asked: u8,
    /// A model that was asked about live, with the answer.
    pub(super) learnt: Option<(KeyModel, Preflight)>,
}

impl<'a> Prefetched<'a> {
    pub(super) fn of(offered: &'a Offered, live: &'a mut dyn IdentityProvider, clock: &'a SharedClock) -> Self {
        let offer = Some((&offered.options, offered.expires));
        Self { live, clock, user: Some(offered.user.clone()), verdicts: &offered.verdicts, offer, asked: 0, learnt: None }
    }

    /// Knows the user alone.
    pub(super) fn user(user: Option<User>, live: &'a mut dyn IdentityProvider, clock: &'a SharedClock) -> Self {
        Self { live, clock, user, verdicts: &[], offer: None, asked: 0, learnt: None }
    }
}

impl IdentityProvider for Prefetched<'_> {
    fn user(&mut self, name: &str) -> Result<User, IdentityError> {
        match &self.user {
            Some(user) if user.id.eq_ignore_ascii_case(name) || user.upn.eq_ignore_ascii_case(name) => Ok(user.clone()),
            _ => self.live.user(name),
        }
    }

    fn preflight(&mut self, user: &User, model: &KeyModel) -> Result<Preflight, IdentityError> {
        if let Some((_, preflight)) = self.verdicts.iter().find(|(known, _)| known == model) {
            return Ok(preflight.clone());
        }
        let preflight = self.live.preflight(user, model)?;
        self.learnt = Some((model.clone(), preflight.clone()));
        Ok(preflight)
    }

    fn creation_options(&mut self, user: &User, life: Option<Duration>) -> Result<Offer, IdentityError> {
        if let Some((options, expires)) = self.offer
            && self.asked < ASKED
        {
            self.asked = self.asked.saturating_add(1);
            let offer = Offer { options: options.clone(), expires };
            if offer.life_left(self.clock.now()) >= FLOW_LIFE {
                return Ok(offer);
            }
        }
        // Another challenge from here on: the one that was fetched beforehand is used, or too old.
        self.offer = None;
        self.live.creation_options(user, life)
    }

    fn register(&mut self, user: &User, registration: &Registration) -> Result<Method, RegisterError> {
        self.live.register(user, registration)
    }

    fn find(&mut self, user: &User, credential: &CredentialId) -> Result<Option<Method>, IdentityError> {
        self.live.find(user, credential)
    }

    fn methods(&mut self, user: &User) -> Result<Vec<Method>, IdentityError> {
        self.live.methods(user)
    }

    fn remove(&mut self, user: &User, method: &str) -> Result<(), IdentityError> {
        self.live.remove(user, method)
    }

    fn send_message(&mut self, user: &User, sender: &str, message: &Message) -> Result<(), SendError> {
        self.live.send_message(user, sender, message)
    }
}
