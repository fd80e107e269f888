//! An enrolment in two places: a station with a network prepares and registers, a station without makes the key ready.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keywright::advice::Advised as _;
use keywright::batch::{self, Prepared, PreparedFile, PreparedTenant, Results, ResultsFile, Submission, make_all, submit_all};
use keywright::clock::Clock as _;
use keywright::ctap::Cancel;
use keywright::enroll::{EnrolError, Order};
use keywright::handover::AgeSafe;
use keywright::handover::parcel::{self, ParcelError};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{JobState, Ledger, Place};
use keywright::simulator::key::{Hands, Model, Move, Sight};
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};
use keywright::simulator::tenant::{Act, Fault, KeyRestrictions};

use crate::deaths::{faults, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{ADELE, METHODS, World, helpful};

const TENANT: &str = "contoso.example";
const TINA: &str = "tina@contoso.example";
const DAY: Duration = Duration::from_hours(24);

/// Two stations around one world; the one without network is the world's own.
struct Stations {
    world: World,
    face: Arc<ScriptedFace>,
}

fn stations() -> Stations {
    Stations { world: World::new(&Model::STANDARD), face: sure() }
}

impl Stations {
    fn maker(&self) -> AgeSafe {
        AgeSafe::open_or_create(&self.world.dir.path().join("station.age")).unwrap()
    }

    fn registrar(&self) -> AgeSafe {
        AgeSafe::open_or_create(&self.world.dir.path().join("registrar/station.age")).unwrap()
    }

    fn registrars_ledger(&self) -> SqliteLedger {
        SqliteLedger::open(&self.world.dir.path().join("registrar/ledger.db"), self.world.shared()).unwrap()
    }

    fn results(&self) -> PathBuf {
        self.world.dir.path().join("results.age")
    }

    /// Prepares, and carries the file over.
    fn prepare(&self, names: &[&str]) -> PreparedFile {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let (safe, models) = (self.registrar(), [Model::STANDARD.aaguid]);
        let done = batch::prepare(&mut self.world.entra(), &safe, TENANT, &names, &models, DAY, &Cancel::new()).unwrap();
        assert!(done.refused.is_empty(), "{:?}", done.refused);
        let file = PreparedFile::new(TENANT, self.world.clock.now(), &safe, done.users);
        let sealed = parcel::seal(&[&self.maker().recipient()], &file).unwrap();
        assert!(matches!(PreparedFile::open(&safe, &sealed), Err(ParcelError::OtherStation)));
        PreparedFile::open(&self.maker(), &sealed).unwrap()
    }

    fn make(&self, file: &PreparedFile) -> Result<batch::Made, EnrolError> {
        self.make_with(file, &mut self.world.ledger(), helpful)
    }

    fn make_with(
        &self,
        file: &PreparedFile,
        ledger: &mut dyn Ledger,
        hands: impl Hands + 'static,
    ) -> Result<batch::Made, EnrolError> {
        let order = Order { erase_agreed: true, ..Order::default() };
        let mut outbox = ResultsFile::begin(self.results(), file, &self.maker(), ledger).unwrap();
        let mut tenant = PreparedTenant::new(&file.users);
        let calls = self.world.tenant.log().len();
        let safe = self.maker();
        let made = self.world.at(&self.face, hands, ledger, &mut tenant, &safe, Some(&mut outbox), |enrolment| {
            make_all(enrolment, file, &order, None)
        });
        assert_eq!(self.world.tenant.log().len(), calls, "a station without network asks nobody");
        made
    }

    /// The results went to the other station.
    fn take_away(&self) {
        std::fs::remove_file(self.results()).unwrap();
    }

    fn read(&self) -> Results {
        Results::open(&self.registrar(), &parcel::read(&self.results()).unwrap()).unwrap()
    }

    fn submit(&self, results: &Results) -> Result<Submission, EnrolError> {
        self.submit_with(results, &mut self.registrars_ledger())
    }

    fn submit_with(&self, results: &Results, ledger: &mut dyn Ledger) -> Result<Submission, EnrolError> {
        let (safe, mut entra) = (self.registrar(), self.world.entra());
        // Nothing of the keys is there.
        let desk = |_: &Sight| Vec::new();
        self.world.at(&self.face, desk, ledger, &mut entra, &safe, None, |enrolment| submit_all(enrolment, &safe, results))
    }

    fn posts(&self) -> usize {
        self.world.tenant.calls("POST", METHODS)
    }
}

fn only_code(done: &Submission) -> &'static str {
    let [one] = done.refused.as_slice() else { panic!("{done:?}") };
    one.code
}

#[test]
fn prepared_made_without_network_and_registered() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let made = stations.make(&file).unwrap();
    assert_eq!((made.made.as_slice(), stations.posts()), (&[ADELE.to_owned()][..], 0));

    let pin = stations.face.pin();
    let state = stations.world.key.state();
    assert!(stations.world.key.pin_is(&pin) && state.forced_change && state.resident == 1);
    let handed = stations.face.handed.lock().unwrap()[0].0.clone();
    assert_eq!((handed.method_id, handed.register_before), (None, Some(file.users[0].expires)));
    let jobs = stations.world.ledger().jobs(None).unwrap();
    assert!(jobs.iter().all(|job| job.state == JobState::Done && job.order.place == Place::Make));

    let results = stations.read();
    let text = serde_json::to_string(&results).unwrap();
    assert!(!text.contains(&pin), "a PIN is in the results");
    assert!(!stations.face.said().contains(&pin));
    let done = stations.submit(&results).unwrap();
    assert_eq!((done.registered.len(), done.refused.len(), stations.posts()), (1, 0, 1));
    let passkey = &stations.world.tenant.passkeys(ADELE)[0];
    assert_eq!(passkey.credential_id.to_string(), handed.credential_id);
    assert_eq!(done.registered[0], (ADELE.to_owned(), passkey.method_id()));
}

#[test]
fn once_more_makes_and_registers_nothing() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    stations.make(&file).unwrap();
    let commands = stations.world.key.history().len();
    let again = stations.make(&file).unwrap();
    assert_eq!((again.made.len(), again.before.as_slice()), (0, &[ADELE.to_owned()][..]));
    assert_eq!(stations.world.key.history().len(), commands, "the key was not even looked at");
    let results = stations.read();
    assert_eq!(stations.submit(&results).unwrap().registered.len(), 1);
    let again = stations.submit(&results).unwrap();
    assert_eq!((again.registered.len(), again.before.len(), stations.posts()), (0, 1, 1));
}

#[test]
fn the_maker_dies_at_each_write_and_goes_on() {
    let mut write = 1;
    while faults(write).into_iter().all(dies_making) {
        write += 1;
    }
    // Opened; PIN, make, seal, deposit, hand over, two rows each; closed.
    assert_eq!(write - 1, 12);
}

fn dies_making(point: FaultPoint) -> bool {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let halt = Box::new(|_: &str| std::panic::resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(stations.world.ledger()), point, halt);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stations.make_with(&file, &mut ledger, helpful)));
    let reached = ledger.writes() >= point.write;
    drop(ledger);
    if !reached {
        return false;
    }
    let died = run.is_err();
    assert!(died || point.fault == LedgerFault::Full, "{point:?}");
    let made = stations.make(&file).unwrap_or_else(|error| panic!("{point:?}: {error} [{}]", error.advice().code));
    assert_eq!([made.made, made.before].concat().len(), 1, "{point:?}");
    let state = stations.world.key.state();
    assert!(state.forced_change && state.resident == 1 && stations.world.key.pin_is(&stations.face.pin()), "{point:?}");
    let done = stations.submit(&stations.read()).unwrap();
    assert_eq!((done.registered.len(), stations.world.registered()), (1, 1), "{point:?}: {done:?}");
    true
}

#[test]
fn the_registrar_dies_at_each_write_and_goes_on() {
    let mut write = 1;
    while faults(write).into_iter().all(dies_submitting) {
        write += 1;
    }
    // Opened; registered, two rows; closed.
    assert_eq!(write - 1, 4);
}

fn dies_submitting(point: FaultPoint) -> bool {
    let stations = stations();
    stations.make(&stations.prepare(&[ADELE])).unwrap();
    let results = stations.read();
    let halt = Box::new(|_: &str| std::panic::resume_unwind(Box::new("dead")));
    let mut faulty = FaultyLedger::new(Box::new(stations.registrars_ledger()), point, halt);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stations.submit_with(&results, &mut faulty)));
    let reached = faulty.writes() >= point.write;
    drop(faulty);
    assert!(!reached || run.is_err() || run.is_ok_and(|run| run.is_err()), "{point:?}");
    let done = stations.submit(&results).unwrap();
    assert_eq!([&done.registered[..], &done.before[..]].concat().len(), 1, "{point:?}: {done:?}");
    assert_eq!((stations.world.registered(), stations.posts()), (1, 1), "{point:?}");
    assert!(stations.registrars_ledger().jobs(Some(JobState::Open)).unwrap().is_empty(), "{point:?}");
    reached
}

/// What may befall the POST: how the first run ends, how often it is sent in all, and that one passkey is there in the end.
#[test]
fn whatever_becomes_of_the_post_one_passkey_is_registered() {
    for (act, times, first, posts) in [
        (Act::CloseAfter, 1, Ok(()), 1),
        (Act::CloseBefore, 1, Ok(()), 2),
        (Act::Garbage, 1, Ok(()), 1),
        (Act::Answer { status: 503, retry_after: None, code: None, processed: true }, 1, Ok(()), 1),
        (Act::status(503), 0, Err("tenant/outcome-unknown"), 0),
        (Act::status(401), 0, Err("tenant/unauthorized"), 0),
    ] {
        let stations = stations();
        stations.make(&stations.prepare(&[ADELE])).unwrap();
        let results = stations.read();
        stations.world.tenant.add_fault(Fault { times, ..Fault::once("POST", METHODS, act.clone()) });
        let run = stations.submit(&results);
        let ended = run.as_ref().map(|_| ()).map_err(|error| error.advice().code);
        assert_eq!(ended, first, "{act:?}: {run:?}");
        stations.world.tenant.clear_faults();
        let done = stations.submit(&results).unwrap();
        assert_eq!([&done.registered[..], &done.before[..]].concat().len(), 1, "{act:?}: {done:?}");
        assert_eq!(stations.world.registered(), 1, "{act:?}");
        assert!(posts == 0 || stations.posts() == posts, "{act:?}: {} POSTs", stations.posts());
        assert!(stations.registrars_ledger().jobs(Some(JobState::Open)).unwrap().is_empty(), "{act:?}");
    }
}

#[test]
fn a_refusal_is_told_and_can_be_mended() {
    let stations = stations();
    stations.make(&stations.prepare(&[ADELE])).unwrap();
    let block = |blocked: bool| {
        stations.world.tenant.change(move |script| {
            let aa_guids = vec![Model::STANDARD.aaguid];
            let rules = KeyRestrictions { is_enforced: blocked, enforcement_type: "block".into(), aa_guids };
            script.policy.passkey_profiles[0].key_restrictions = rules;
        });
    };
    block(true);
    let results = stations.read();
    assert_eq!(only_code(&stations.submit(&results).unwrap()), "policy/refused-passkey");
    assert!(stations.registrars_ledger().jobs(Some(JobState::Open)).unwrap().is_empty());
    block(false);
    assert_eq!(stations.submit(&results).unwrap().registered.len(), 1);
}

#[test]
fn what_the_tenant_does_not_allow_is_known_before_the_touch() {
    let stations = stations();
    stations.world.tenant.change(|script| {
        let aa_guids = vec![Model::STANDARD.aaguid];
        let rules = KeyRestrictions { is_enforced: true, enforcement_type: "block".into(), aa_guids };
        script.policy.passkey_profiles[0].key_restrictions = rules;
    });
    let names = [ADELE, "nobody@contoso.example", "grady_fabrikam.example#EXT#@contoso.example", TINA].map(ToOwned::to_owned);
    let prepare = |models: &[_]| {
        batch::prepare(&mut stations.world.entra(), &stations.registrar(), TENANT, &names, models, DAY, &Cancel::new()).unwrap()
    };
    let done = prepare(&[Model::STANDARD.aaguid]);
    let codes: Vec<_> = done.refused.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["policy/refused", "tenant/user-unknown", "policy/refused", "policy/refused"]);
    // With several models, some of which will do, it is the other station that tells.
    let done = prepare(&[Model::STANDARD.aaguid, Model::NO_FORCED_CHANGE.aaguid]);
    let file = PreparedFile::new(TENANT, stations.world.clock.now(), &stations.registrar(), done.users);
    let made = stations.make(&file).unwrap();
    assert_eq!(made.refused.iter().map(|one| one.code).collect::<Vec<_>>(), ["policy/refused"; 2], "{made:?}");
    assert_eq!(stations.world.key.state().resident, 0);
    assert!(!stations.world.key.state().pin_set, "the key was not changed");
    // A model that nobody asked about is told as such.
    stations.take_away();
    let done = prepare(&[]);
    let users = done.users.into_iter().take(1).collect();
    stations.make(&PreparedFile::new(TENANT, stations.world.clock.now(), &stations.registrar(), users)).unwrap();
    assert!(stations.face.said().contains("was not asked beforehand"));
}

#[test]
fn time_that_has_run_out_is_said_before_the_touch_and_before_the_post() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    stations.make(&file).unwrap();
    let results = stations.read();
    let late = stations.prepare(&[TINA]);
    stations.world.clock.advance(DAY);
    assert_eq!(only_code(&stations.submit(&results).unwrap()), "prepared/expired");
    let commands = stations.world.key.history().len();
    stations.take_away();
    let made = stations.make(&late).unwrap();
    assert_eq!(made.refused.iter().map(|one| one.code).collect::<Vec<_>>(), ["prepared/expired"]);
    assert_eq!((stations.world.key.history().len(), stations.posts()), (commands, 0));
}

/// The challenge ends between the making and the writing down: the next file makes the passkey anew, on the same key.
#[test]
fn a_challenge_that_ends_under_way_costs_a_new_file_not_a_key() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let clock = Arc::clone(&stations.world.clock);
    stations.face.when("\"seal\"", move || clock.advance(DAY));
    let made = stations.make(&file).unwrap();
    assert_eq!(made.refused.iter().map(|one| one.code).collect::<Vec<_>>(), ["prepared/expired"], "{made:?}");
    assert_eq!(stations.read().users[0].made.as_ref().map(|_| ()), None);
    assert_eq!(stations.world.key.state().resident, 0, "the passkey that nobody can register is gone");
    stations.take_away();
    let made = stations.make(&stations.prepare(&[ADELE])).unwrap();
    assert_eq!(made.made.len(), 1, "{made:?}");
    assert!(stations.world.key.pin_is(&stations.face.pin()) && stations.world.key.state().forced_change);
    assert_eq!(stations.submit(&stations.read()).unwrap().registered.len(), 1);
}

#[test]
fn two_users_get_two_keys() {
    let stations = stations();
    let file = stations.prepare(&[ADELE, TINA]);
    let other = stations.world.other_key();
    let next = other.clone();
    // The key of the first user is put back once, by mistake; then the other one comes.
    let mut puts = 0;
    let hands = move |sight: &Sight| {
        let act = if sight.occupied[0] {
            Move::Take(0)
        } else {
            puts += 1;
            if puts == 1 { Move::PutBack(0) } else { Move::Put(0, next.clone()) }
        };
        vec![(Duration::from_secs(1), act)]
    };
    let made = stations.make_with(&file, &mut stations.world.ledger(), hands).unwrap();
    assert_eq!(made.made, [ADELE, TINA], "{made:?}");
    let handed: Vec<_> =
        stations.face.handed.lock().unwrap().iter().map(|(summary, pin)| (summary.upn.clone(), pin.clone())).collect();
    assert!(stations.world.key.pin_is(&handed[0].1) && other.pin_is(&handed[1].1), "{handed:?}");
    let done = stations.submit(&stations.read()).unwrap();
    assert_eq!(done.registered.len(), 2, "{done:?}");
    assert_eq!(stations.world.tenant.passkeys(TINA).len(), 11);
}

#[test]
fn a_key_that_waits_for_its_registration_is_not_given_to_somebody_else() {
    let stations = stations();
    stations.make(&stations.prepare(&[ADELE])).unwrap();
    let order = Order { user: TINA.into(), erase_agreed: true, ..Order::default() };
    let error = stations.world.enroll(&stations.face, &order).unwrap_err();
    assert_eq!(error.advice().code, "key/awaits-registration");
    assert!(stations.world.key.pin_is(&stations.face.pin()) && stations.world.key.state().resident == 1);
    // When its time is over it is a key like any other.
    stations.world.clock.advance(DAY);
    stations.world.enroll(&stations.face, &order).unwrap();
}

#[test]
fn a_job_is_gone_on_with_where_it_began() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let point = FaultPoint { write: 8, fault: LedgerFault::Full };
    let mut faulty = FaultyLedger::new(Box::new(stations.world.ledger()), point, Box::new(|_: &str| {}));
    assert_eq!(stations.make_with(&file, &mut faulty, helpful).unwrap_err().advice().code, "ledger/full");
    drop(faulty);
    let order = Order { user: ADELE.into(), erase_agreed: true, ..Order::default() };
    assert_eq!(stations.world.enroll(&stations.face, &order).unwrap_err().advice().code, "job/other-place");
    assert_eq!(stations.posts(), 0);
    assert_eq!(stations.make(&file).unwrap().made.len(), 1);
}

#[test]
fn an_abandoned_job_is_not_registered() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let point = FaultPoint { write: 10, fault: LedgerFault::Full };
    let mut faulty = FaultyLedger::new(Box::new(stations.world.ledger()), point, Box::new(|_: &str| {}));
    stations.make_with(&file, &mut faulty, helpful).unwrap_err();
    drop(faulty);
    assert!(stations.read().users[0].made.is_some());
    let mut ledger = stations.world.ledger();
    let job = ledger.jobs(Some(JobState::Open)).unwrap()[0].id;
    let (safe, mut nobody) = (stations.maker(), PreparedTenant::new(&[]));
    stations
        .world
        .at(&stations.face, helpful, &mut ledger, &mut nobody, &safe, None, |enrolment| enrolment.abandon(job))
        .unwrap();
    assert!(stations.face.said().contains("another station may register"));
    drop(ledger);
    let again = stations.make(&file).unwrap();
    assert_eq!(again.refused.iter().map(|one| one.code).collect::<Vec<_>>(), ["prepared/used"], "{again:?}");
    let done = stations.submit(&stations.read()).unwrap();
    assert_eq!((done.missing.len(), stations.posts()), (1, 0), "{done:?}");
}

/// Files that somebody changed: nothing of them reaches the tenant.
#[test]
#[expect(clippy::type_complexity, reason = "a table, one row a change")]
fn what_this_station_did_not_prepare_is_not_posted() {
    let stations = stations();
    stations.make(&stations.prepare(&[ADELE])).unwrap();
    let other = stations.prepare(&[TINA]);
    let rows: [(&str, &str, &dyn Fn(&mut Results)); 8] = [
        ("the user", "prepared/not-ours", &|one| one.users[0].prepared.user.id.clone_from(&other.users[0].user.id)),
        ("whose it was made", "prepared/not-ours", &|one| {
            one.users[0].made.as_mut().unwrap().order.user_id.clone_from(&other.users[0].user.id);
        }),
        ("both", "prepared/not-ours", &|one| {
            one.users[0].prepared = Prepared { user: other.users[0].user.clone(), ..one.users[0].prepared.clone() };
            one.users[0].made.as_mut().unwrap().order.user_id.clone_from(&other.users[0].user.id);
        }),
        ("the end", "prepared/not-ours", &|one| one.users[0].prepared.expires = "2030-01-01T00:00:00Z".parse().unwrap()),
        ("the tenant", "prepared/not-ours", &|one| one.tenant = "fabrikam.example".into()),
        ("the relying party", "prepared/not-ours", &|one| one.users[0].prepared.options.rp.id = "login.example".into()),
        ("the stamp", "prepared/not-ours", &|one| one.users[0].prepared.stamp[0] ^= 1),
        ("the attestation", "attestation/", &|one| {
            *one.users[0].made.as_mut().unwrap().registration.attestation_object.last_mut().unwrap() ^= 1;
        }),
    ];
    for (what, code, change) in rows {
        let mut results = stations.read();
        change(&mut results);
        let done = stations.submit(&results).unwrap();
        assert!(only_code(&done).starts_with(code), "{what}: {done:?}");
    }
    let mut foreign = stations.read();
    foreign.users[0].prepared = other.users[0].clone();
    assert_eq!(only_code(&stations.submit(&foreign).unwrap()), "prepared/not-ours", "another user's challenge");
    assert_eq!(stations.posts(), 0);
    assert_eq!(stations.submit(&stations.read()).unwrap().registered.len(), 1, "the file itself is good");
}

#[test]
fn damaged_files_are_told_and_harm_nothing() {
    let stations = stations();
    let file = stations.prepare(&[ADELE]);
    let safe = stations.maker();
    let sealed = parcel::seal(&[&safe.recipient()], &file).unwrap();
    for at in (0..sealed.len()).step_by(97) {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(PreparedFile::open(&safe, &damaged).is_err(), "byte {at}");
        assert!(PreparedFile::open(&safe, &sealed[..at]).is_err(), "cut at {at}");
    }
    for content in ["", "{}", "[]", "null", r#"{"kind":"keywright prepared 2"}"#] {
        let value: serde_json::Value = serde_json::from_str(content).unwrap_or_default();
        let sealed = parcel::seal(&[&safe.recipient()], &value).unwrap();
        assert!(matches!(PreparedFile::open(&safe, &sealed), Err(ParcelError::Form(_))), "{content}");
        assert!(matches!(Results::open(&safe, &sealed), Err(ParcelError::Form(_))), "{content}");
    }
    assert!(Results::open(&safe, &sealed).is_err(), "a prepared file is no results file");
    // The results of another file are not written over, nor is anything else.
    let other = stations.prepare(&[TINA]);
    ResultsFile::begin(stations.results(), &file, &safe, &mut stations.world.ledger()).unwrap();
    ResultsFile::begin(stations.results(), &file, &safe, &mut stations.world.ledger()).unwrap();
    let before = std::fs::read(stations.results()).unwrap();
    assert!(ResultsFile::begin(stations.results(), &other, &safe, &mut stations.world.ledger()).is_err());
    assert_eq!(std::fs::read(stations.results()).unwrap(), before);
    std::fs::write(stations.results(), "a letter").unwrap();
    assert!(ResultsFile::begin(stations.results(), &file, &safe, &mut stations.world.ledger()).is_err());
    assert_eq!(std::fs::read_to_string(stations.results()).unwrap(), "a letter");
}
