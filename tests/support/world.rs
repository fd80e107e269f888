//! A desk with a training key, a training tenant, a ledger and a safe on disk: everything real but the hardware and the
//! cloud. Time stands still unless somebody waits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keywright::clock::{ManualClock, SharedClock};
use keywright::ctap::{Bus, Cancel};
use keywright::enroll::{Desk, EnrolError, Enrolment, Generator, GeneratorSource, HandOver, Order, Outbox, Screen};
use keywright::handover::AgeSafe;
use keywright::identity::IdentityProvider;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::ledger::Ledger;
use keywright::ledger::sqlite::SqliteLedger;
use keywright::simulator::key::{self, Blueprint, Hands, Model, Move, Sight, Touch, TrainingBus, TrainingKey};
use keywright::simulator::tenant::{AttestationJudge, AttestationLevel, RunningTenant, Script, Submission, TrainingTenant};
use keywright::ui::{Summary, Ui};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use tempfile::TempDir;

use super::face::ScriptedFace;
use super::judge;

/// The user of most tests.
pub const ADELE: &str = "adele@contoso.example";
/// Where the passkey API is, for faults and counts.
pub const METHODS: &str = "*/authentication/fido2Methods";

/// Judges with a library that is not ours.
#[derive(Clone, Copy, Debug)]
pub struct StrictJudge;

impl AttestationJudge for StrictJudge {
    fn judge(&self, submission: &Submission<'_>) -> Result<AttestationLevel, String> {
        let origin = format!("https://{}", submission.rp_id);
        judge::judge(&judge::Case {
            challenge: submission.challenge,
            origin: &origin,
            rp_id: submission.rp_id,
            client_data_json: submission.client_data_json,
            attestation_object: submission.attestation_object,
            exclude: &[],
            root: Some(key::test_root_der()),
        })
        .map(|_| AttestationLevel::Attested)
    }
}

/// Everything around an enrolment.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub tenant: RunningTenant,
    pub desk: key::Desk,
    pub key: TrainingKey,
    pub dir: TempDir,
    pub cancel: Cancel,
}

/// A generator of its own for each.
pub fn generators() -> GeneratorSource {
    Arc::new(|| -> Generator { Box::new(UnwrapErr(SysRng)) })
}

/// A directory in memory where there is one: the tables flush thousands of rows, and what a disk does with them is tested
/// with real processes.
fn place() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Takes the key out and puts it back, a second each.
pub fn helpful(sight: &Sight) -> Vec<(Duration, Move)> {
    let step = Duration::from_secs(1);
    vec![(step, if sight.occupied[0] { Move::Take(0) } else { Move::PutBack(0) })]
}

impl World {
    pub fn new(model: &Model) -> Self {
        Self::with_place(model, |desk| desk.add_port("1-1"))
    }

    /// The same with the key on a reader.
    pub fn on_reader(model: &Model) -> Self {
        Self::with_place(model, |desk| desk.add_reader("Training Reader 0"))
    }

    fn with_place(model: &Model, add: impl FnOnce(&key::Desk) -> usize) -> Self {
        let clock = Arc::new(ManualClock::new("2026-11-02T09:00:00Z".parse().unwrap()));
        let shared: SharedClock = clock.clone();
        let desk = key::Desk::new(Arc::clone(&shared));
        add(&desk);
        let key = new_key(model, 12_345_678, &shared);
        desk.put(0, &key);
        let tenant =
            TrainingTenant::start("127.0.0.1:0", Script::default(), shared, generators()(), Box::new(StrictJudge)).unwrap();
        Self { clock, tenant, desk, key, dir: place(), cancel: Cancel::new() }
    }

    /// A second key of the same model.
    pub fn other_key(&self) -> TrainingKey {
        new_key(self.key.model(), 87_654_321, &self.shared())
    }

    pub fn shared(&self) -> SharedClock {
        self.clock.clone()
    }

    pub fn ledger_path(&self) -> PathBuf {
        self.dir.path().join("ledger.sqlite3")
    }

    pub fn ledger(&self) -> SqliteLedger {
        SqliteLedger::open(&self.ledger_path(), self.shared()).unwrap()
    }

    /// One run of the enrolment, as a process would do it.
    pub fn enroll(&self, face: &Arc<ScriptedFace>, order: &Order) -> Result<Summary, EnrolError> {
        self.enroll_with(face, order, helpful, &mut self.ledger())
    }

    pub fn enroll_with(
        &self,
        face: &Arc<ScriptedFace>,
        order: &Order,
        hands: impl Hands + 'static,
        ledger: &mut dyn Ledger,
    ) -> Result<Summary, EnrolError> {
        self.with(face, hands, ledger, |enrolment| enrolment.run(order))
    }

    /// Anything that an enrolment can do, as a process would do it.
    pub fn with<T>(
        &self,
        face: &Arc<ScriptedFace>,
        hands: impl Hands + 'static,
        ledger: &mut dyn Ledger,
        act: impl FnOnce(&mut Enrolment<'_>) -> T,
    ) -> T {
        let safe = AgeSafe::open_or_create(&self.dir.path().join("station.age")).unwrap();
        self.at(face, hands, ledger, &mut self.entra(), &safe, None, act)
    }

    /// A client of the tenant.
    pub fn entra(&self) -> Entra {
        let profile = Profile::from_toml(&self.tenant.profile_toml()).unwrap();
        let tools = Tools::new(self.shared(), generators()());
        Entra::new(profile, None, tools).unwrap()
    }

    /// The same at any station: with its ledger, its safe, and what it knows of the tenant.
    #[allow(clippy::too_many_arguments, reason = "one of everything that there is")]
    pub fn at<T>(
        &self,
        face: &Arc<ScriptedFace>,
        hands: impl Hands + 'static,
        ledger: &mut dyn Ledger,
        provider: &mut dyn IdentityProvider,
        safe: &AgeSafe,
        outbox: Option<&mut dyn Outbox>,
        act: impl FnOnce(&mut Enrolment<'_>) -> T,
    ) -> T {
        let mut bus = TrainingBus::new(self.desk.clone(), hands);
        let desk = self.seat(face, &mut bus);
        let (tenant, operator) = ("contoso.example".into(), "test".into());
        let outbox = outbox.map(|outbox| -> &mut dyn Outbox { outbox });
        let mut screen = Screen::new(face.clone());
        act(&mut Enrolment { desk, provider, ledger, safe, tenant, operator, outbox, handing: &mut screen })
    }

    /// One run whose PIN goes another way than onto the screen.
    pub fn handing(
        &self,
        face: &Arc<ScriptedFace>,
        order: &Order,
        ledger: &mut dyn Ledger,
        handing: &mut dyn HandOver,
    ) -> Result<Summary, EnrolError> {
        let mut bus = TrainingBus::new(self.desk.clone(), helpful);
        let desk = self.seat(face, &mut bus);
        let safe = AgeSafe::open_or_create(&self.dir.path().join("station.age")).unwrap();
        let (tenant, operator) = ("contoso.example".into(), "test".into());
        let provider = &mut self.entra();
        Enrolment { desk, provider, ledger, safe: &safe, tenant, operator, outbox: None, handing }.run(order)
    }

    fn seat<'a>(&self, face: &Arc<ScriptedFace>, bus: &'a mut dyn Bus) -> Desk<'a> {
        let ui: Arc<dyn Ui> = face.clone();
        Desk {
            bus,
            ui,
            clock: self.shared(),
            generators: generators(),
            cancel: self.cancel.clone(),
            patience: Duration::from_mins(2),
            selector: None,
            attended: false,
        }
    }

    /// Ids of Adele's passkeys in the tenant.
    pub fn registered(&self) -> usize {
        self.tenant.passkeys(ADELE).len()
    }
}

fn new_key(model: &Model, serial: u32, clock: &SharedClock) -> TrainingKey {
    let blueprint = Blueprint { model: model.clone(), serial, clock: Arc::clone(clock), rng: generators()(), memory: None };
    let key = TrainingKey::new(blueprint).unwrap();
    key.set_touch(Touch::After(Duration::from_millis(300)));
    key
}

/// The plain order for Adele.
pub fn order() -> Order {
    Order { user: ADELE.into(), ..Order::default() }
}
