//! Two keys at one desk, enrolled at once for two users by two threads that share the ledger, the safe and the tenant.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keywright::clock::{SharedClock, SystemClock};
use keywright::ctap::Cancel;
use keywright::enroll::{Desk, Enrolment, Order, Screen, Selector};
use keywright::handover::AgeSafe;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{JobState, Ledger as _};
use keywright::simulator::key::{self, Blueprint, HelpfulHands, Model, Touch, TrainingBus, TrainingKey};
use keywright::simulator::tenant::{Script, TrainingTenant, TrainingUser};
use keywright::ui::Summary;

use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, StrictJudge, generators};

const USERS: [&str; 2] = [ADELE, "bert@contoso.example"];
const PORTS: [&str; 2] = ["1-1", "1-2"];

/// What both threads share.
struct Shop {
    clock: SharedClock,
    desk: key::Desk,
    profile: String,
    dir: tempfile::TempDir,
}

impl Shop {
    fn enroll(&self, place: usize, face: &Arc<ScriptedFace>) -> Summary {
        let tools = Tools::new(Arc::clone(&self.clock), generators()());
        let mut provider = Entra::new(Profile::from_toml(&self.profile).unwrap(), None, tools).unwrap();
        let mut ledger = SqliteLedger::open(&self.dir.path().join("ledger.sqlite3"), Arc::clone(&self.clock)).unwrap();
        let safe = AgeSafe::open_or_create(&self.dir.path().join("station.age")).unwrap();
        let hands = HelpfulHands { place, pace: Duration::from_millis(60) };
        let mut bus = TrainingBus::new(self.desk.clone(), hands);
        let desk = Desk {
            bus: &mut bus,
            ui: Arc::<ScriptedFace>::clone(face),
            clock: Arc::clone(&self.clock),
            generators: generators(),
            cancel: Cancel::new(),
            patience: Duration::from_secs(20),
            selector: Some(Selector::Named(PORTS[place].into())),
            attended: false,
        };
        let mut handing = Screen::new(Arc::<ScriptedFace>::clone(face));
        let mut enrolment = Enrolment {
            desk,
            provider: &mut provider,
            ledger: &mut ledger,
            safe: &safe,
            tenant: "contoso.example".into(),
            operator: "test".into(),
            outbox: None,
            handing: &mut handing,
        };
        enrolment.run(&Order { user: USERS[place].into(), erase_agreed: true, ..Order::default() }).unwrap()
    }
}

fn script() -> Script {
    let mut script = Script::default();
    let adele = script.users.iter().find(|user| user.upn == ADELE).unwrap().clone();
    script.users.push(TrainingUser { id: adele.id.replace("dee501", "dee5b1"), upn: USERS[1].into(), ..adele });
    script
}

#[test]
fn two_keys_two_users_one_ledger() {
    // With and without serial numbers: then only the port tells the two keys apart.
    for model in [Model::STANDARD, Model::PORT_ONLY] {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let desk = key::Desk::new(Arc::clone(&clock));
        let keys = PORTS.map(|port| {
            let serial = if port == PORTS[0] { 31_415_900 } else { 31_415_901 };
            let blueprint =
                Blueprint { model: model.clone(), serial, clock: Arc::clone(&clock), rng: generators()(), memory: None };
            let key = TrainingKey::new(blueprint).unwrap();
            assert!(key.wear("20071969", 1));
            key.set_touch(Touch::After(Duration::from_millis(80)));
            desk.put(desk.add_port(port), &key);
            key
        });
        let tenant =
            TrainingTenant::start("127.0.0.1:0", script(), Arc::clone(&clock), generators()(), Box::new(StrictJudge)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        AgeSafe::open_or_create(&dir.path().join("station.age")).unwrap();
        let shop = Shop { clock, desk, profile: tenant.profile_toml(), dir };
        let faces = [Arc::<ScriptedFace>::default(), Arc::default()];
        let summaries: Vec<Summary> = thread::scope(|scope| {
            let lanes: Vec<_> = (0..2)
                .map(|place| {
                    let (shop, face) = (&shop, &faces[place]);
                    scope.spawn(move || shop.enroll(place, face))
                })
                .collect();
            lanes.into_iter().map(|lane| lane.join().unwrap()).collect()
        });
        for (place, summary) in summaries.iter().enumerate() {
            let (key, name) = (&keys[place], model.slug);
            assert_eq!(summary.upn, USERS[place], "{name}");
            assert!(key.pin_is(&faces[place].pin()), "{name}: each user got the PIN of the own key");
            let state = key.state();
            assert_eq!((state.forced_change, state.resident), (true, 1), "{name}");
            assert_eq!(key.history().iter().filter(|row| row.command == 0x07 && row.status == 0).count(), 1, "{name}");
            let registered = tenant.passkeys(USERS[place]);
            assert_eq!(registered.len(), 1, "{name}");
            assert_eq!(Some(registered[0].method_id()), summary.method_id, "{name}");
        }
        assert_ne!(summaries[0].credential_id, summaries[1].credential_id);
        let jobs =
            SqliteLedger::open(&shop.dir.path().join("ledger.sqlite3"), Arc::clone(&shop.clock)).unwrap().jobs(None).unwrap();
        assert!(jobs.len() == 2 && jobs.iter().all(|job| job.state == JobState::Done), "{jobs:?}");
    }
}
