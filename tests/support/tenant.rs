//! A training tenant whose attestations are judged by a library that is not ours, and a client that is signed in to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keywright::clock::{ManualClock, SharedClock};
use keywright::identity::entra::{Entra, Gate, Profile, Tools};
use keywright::simulator::key::test_root_der;
use keywright::simulator::tenant::{AttestationJudge, AttestationLevel, RunningTenant, Script, Submission, TrainingTenant};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::judge::{Case, judge};

/// webauthn-rs-core as the tenant's judge.
pub struct Outsider;

impl AttestationJudge for Outsider {
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String> {
        let origin = format!("https://{}", submission.rp_id);
        let case = Case {
            challenge: submission.challenge,
            origin: &origin,
            rp_id: submission.rp_id,
            client_data_json: submission.client_data_json,
            attestation_object: submission.attestation_object,
            exclude: &[],
            root: None,
        };
        judge(&case)?;
        match judge(&Case { root: Some(test_root_der()), ..case }) {
            Ok(_) => Ok(AttestationLevel::Attested),
            Err(_) => Ok(AttestationLevel::NotAttested),
        }
    }
}

/// A tenant, a client and their time.
pub struct Desk {
    pub tenant: RunningTenant,
    pub entra: Entra,
    pub clock: Arc<ManualClock>,
    /// The waits that were announced.
    pub pauses: Arc<Mutex<Vec<Duration>>>,
    /// The gate of the client.
    pub gate: Gate,
}

/// The tenant of a script.
pub fn start(script: Script, clock: SharedClock) -> RunningTenant {
    let rng = Box::new(StdRng::seed_from_u64(11));
    TrainingTenant::start("127.0.0.1:0", script, clock, rng, Box::new(Outsider)).unwrap()
}

/// A client for a profile; its clock is moved by hand.
pub fn client(profile: &str, clock: SharedClock) -> (Entra, Arc<Mutex<Vec<Duration>>>) {
    gated(profile, clock, Gate::default())
}

fn gated(profile: &str, clock: SharedClock, gate: Gate) -> (Entra, Arc<Mutex<Vec<Duration>>>) {
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&pauses);
    let tools = Tools {
        on_pause: Box::new(move |wait| told.lock().unwrap().push(wait)),
        gate,
        ..Tools::new(clock, Box::new(StdRng::seed_from_u64(12)))
    };
    (Entra::new(Profile::from_toml(profile).unwrap(), None, tools).unwrap(), pauses)
}

impl Desk {
    pub fn new(script: Script) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
        let tenant = start(script, clock.clone());
        let gate = Gate::default();
        let (entra, pauses) = gated(&tenant.profile_toml(), clock.clone(), gate.clone());
        Self { tenant, entra, clock, pauses, gate }
    }

    /// Takes the waits that were announced since the last time.
    pub fn take_pauses(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.pauses.lock().unwrap())
    }
}
