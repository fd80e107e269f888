//! What every store has to keep, as tests over `dyn Batches`: a store's own tests call [`kept_by`] with a way to open it.
#![expect(clippy::arithmetic_side_effects, reason = "an overflow in a test is a failed test")]

mod batches;
pub(super) mod races;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::aaguid::Aaguid;
use crate::ctap::{KeyIdentity, LinkKind, Reading, Serial, Wish};
use crate::identity::Registration;
use crate::ledger::{Batches, Intent, Job, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Place, Ticket};
use crate::secret::SealedPin;
use crate::webauthn::CredentialId;

pub(super) use batches::{job_for, roster, task};

/// Opens the store under test; everything that was committed through another opening is there.
pub(super) type Opening<'a> = &'a mut dyn FnMut() -> Box<dyn Batches + Send>;

/// The whole contract.
pub(super) fn kept_by(open: Opening<'_>) {
    a_job_survives_reopening_after_each_call(open);
    jobs_are_told_by_state_oldest_first(open);
    an_unknown_job_is_named(open);
    an_outcome_is_recorded_once(open);
    a_pin_stands_where_it_belongs(open);
    closing_destroys_the_pins_of_that_job_only(open);
    a_closed_job_stays_closed(open);
    one_program_works_on_a_job(open);
    a_released_job_is_claimed_by_another(open);
    jobs_are_found_by_user_and_by_serial(open);
    batches::kept_by(open);
    races::kept_by(open);
}

/// Random sequences against a model. `fresh` gives an empty store each time it is asked.
pub(super) fn agrees_with_the_model(cases: u32, fresh: &dyn Fn() -> Box<dyn FnMut() -> Box<dyn Batches + Send>>) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let acts = prop::collection::vec(act(), 1..30);
    TestRunner::new(config).run(&acts, |acts| replay(&mut *fresh(), &acts)).unwrap();
}

pub(super) fn order(upn: &str) -> NewJob {
    NewJob {
        tenant: "contoso.example".into(),
        user_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
        upn: upn.into(),
        operator: "desk".into(),
        key: KeyIdentity {
            link: LinkKind::Nfc,
            serial: None,
            usb_serial: None,
            port: Some("reader 0".into()),
            aaguid: Aaguid([7; 16]),
            fingerprint: "00ff".into(),
            state: String::new(),
        },
        rp_id: "login.microsoft.com".into(),
        user_handle: vec![0, 1, 254, 255],
        unforced_pin_consent: false,
        replaces: None,
        display_name: "Schlüssel 1".into(),
        place: Place::Here,
        task: None,
        hardening: Vec::new(),
        surprises: Vec::new(),
    }
}

pub(super) fn sealed(seed: u8) -> SealedPin {
    SealedPin((0..300_u16).map(|at| seed ^ at.to_le_bytes()[0].rotate_left(3)).collect())
}

fn registration() -> Registration {
    Registration {
        display_name: "Schlüssel 1".into(),
        credential_id: CredentialId(vec![1, 2, 3]),
        attestation_object: vec![0xA3; 900],
        client_data_json: b"{\"type\":\"webauthn.create\"}".to_vec(),
        expires: "2026-11-23T10:05:00Z".parse().unwrap(),
    }
}

fn intents() -> Vec<Intent> {
    vec![
        Intent::Erase { loss: "2 passkeys".into(), consent: "asked".into() },
        Intent::SetPin { draw: 1 },
        Intent::ReplacePin { draw: 5 },
        Intent::Make { challenge_sha256: "ab".repeat(32), expires: "2026-11-23T10:05:00Z".parse().unwrap() },
        Intent::Harden { wish: Wish::AlwaysUv },
        Intent::Harden { wish: Wish::MinPinReaders { rp_ids: vec!["login.microsoft.com".into()] } },
        Intent::Harden { wish: Wish::MinPinLength { least: 63 } },
        Intent::Seal,
        Intent::Register { registration: registration() },
        Intent::DeleteCredential { credential_id: Some(CredentialId(vec![9; 64])) },
        Intent::DeleteCredential { credential_id: None },
        Intent::Withdraw { credential_id: CredentialId(vec![7; 32]) },
        Intent::Retire { method: "m".into() },
        Intent::Notice { sender: "desk@contoso.example".into() },
        Intent::HandOver { means: "screen".into() },
    ]
}

fn outcomes() -> Vec<Outcome> {
    vec![
        Outcome::Done,
        Outcome::Made { registration: registration() },
        Outcome::Hardened { effective: Some(Reading::Switch(true)) },
        Outcome::Hardened { effective: Some(Reading::Length(8)) },
        Outcome::Hardened { effective: None },
        Outcome::Sealed { effective: true },
        Outcome::Registered { method: "AbC-_1".into() },
        Outcome::Failed { code: "key/pin-weak".into(), sentence: "weak".into() },
        Outcome::Unknown { code: "tenant/network".into(), sentence: "lost".into() },
    ]
}

fn shape(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
fn rule<T: std::fmt::Debug>(result: Result<T, LedgerError>) {
    assert!(matches!(result, Err(LedgerError::Rule(_))), "{result:?}");
}

fn a_job_survives_reopening_after_each_call(open: Opening<'_>) {
    let id = open().open_job(&order("adele@contoso.example")).unwrap();
    let mut expected = Vec::new();
    for (index, intent) in intents().iter().enumerate() {
        let pin = intent.needs_pin().then(|| sealed(u8::try_from(index).unwrap()));
        let mut ledger = open();
        ledger.claim(id).unwrap();
        let ticket = ledger.before(id, intent, pin.as_ref()).unwrap();
        let Ticket { job, number } = ticket;
        drop(ledger);
        expected.push((number, shape(intent), Value::Null));
        assert_eq!(journal(&mut *open(), id), expected, "after the intent {intent:?}");

        if let Some(outcome) = outcomes().get(index) {
            let mut ledger = open();
            ledger.claim(id).unwrap();
            ledger.after(Ticket::issued(job, number), outcome).unwrap();
            drop(ledger);
            expected.last_mut().unwrap().2 = shape(outcome);
            assert_eq!(journal(&mut *open(), id), expected, "after the outcome {outcome:?}");
        }
        assert_eq!(open().pin(id, number).unwrap(), pin);
    }
    let mut ledger = open();
    let job = ledger.claim(id).unwrap();
    assert_eq!(shape(&job.order), shape(&order("adele@contoso.example")));
    ledger.close(id, JobState::Done).unwrap();
    drop(ledger);
    assert_eq!(journal(&mut *open(), id), expected, "closing keeps the journal");
}

fn journal(ledger: &mut dyn Ledger, id: JobId) -> Vec<(i64, Value, Value)> {
    let entries = ledger.entries(id).unwrap();
    entries.iter().map(|entry| (entry.number, shape(&entry.intent), shape(&entry.outcome))).collect()
}

fn jobs_are_told_by_state_oldest_first(open: Opening<'_>) {
    let mut ledger = open();
    let before = ledger.jobs(None).unwrap().len();
    let ids: Vec<JobId> = ["a", "b", "c"].iter().map(|upn| ledger.open_job(&order(upn)).unwrap()).collect();
    ledger.close(ids[1], JobState::Ended).unwrap();
    let all: Vec<JobId> = ledger.jobs(None).unwrap().iter().skip(before).map(|job| job.id).collect();
    assert_eq!(all, ids);
    let mut having = |state| -> Vec<JobId> {
        ledger.jobs(Some(state)).unwrap().iter().map(|job| job.id).filter(|id| ids.contains(id)).collect()
    };
    assert_eq!(having(JobState::Open), [ids[0], ids[2]]);
    assert_eq!(having(JobState::Ended), [ids[1]]);
    assert_eq!(having(JobState::Done), []);
    for id in [ids[0], ids[2]] {
        ledger.close(id, JobState::Ended).unwrap();
    }
}

fn an_unknown_job_is_named(open: Opening<'_>) {
    let mut ledger = open();
    let nobody = JobId(9_999_999);
    assert_eq!(ledger.claim(nobody).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.before(nobody, &Intent::Seal, None).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.after(Ticket::issued(nobody, 1), &Outcome::Done).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.entries(nobody).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.pin(nobody, 1).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.close(nobody, JobState::Done).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.release(nobody).err(), Some(LedgerError::NoJob(nobody)));
    assert_eq!(ledger.job(nobody).err(), Some(LedgerError::NoJob(nobody)));
}

fn an_outcome_is_recorded_once(open: Opening<'_>) {
    let mut ledger = open();
    let id = ledger.open_job(&order("once")).unwrap();
    let ticket = ledger.before(id, &Intent::Seal, None).unwrap();
    let number = ticket.number;
    ledger.after(ticket, &Outcome::Sealed { effective: false }).unwrap();
    rule(ledger.after(Ticket::issued(id, number), &Outcome::Done));
    rule(ledger.after(Ticket::issued(id, number + 1), &Outcome::Done));
    let outcome = ledger.entries(id).unwrap().remove(0).outcome;
    assert_eq!(shape(&outcome), json!({"outcome": "sealed", "effective": false}));
    ledger.close(id, JobState::Ended).unwrap();
}

fn a_pin_stands_where_it_belongs(open: Opening<'_>) {
    let mut ledger = open();
    let id = ledger.open_job(&order("pin")).unwrap();
    for intent in intents() {
        let wrong = (!intent.needs_pin()).then(|| sealed(0));
        rule(ledger.before(id, &intent, wrong.as_ref()));
    }
    assert!(ledger.entries(id).unwrap().is_empty(), "what is refused is not written");
    let numbers: Vec<i64> =
        (1..=3).map(|draw| ledger.before(id, &Intent::SetPin { draw }, Some(&sealed(draw))).unwrap().number).collect();
    for (number, draw) in numbers.iter().zip(1..) {
        assert_eq!(ledger.pin(id, *number).unwrap(), Some(sealed(draw)));
    }
    assert_eq!(ledger.pin(id, 4).unwrap(), None);
    ledger.close(id, JobState::Ended).unwrap();
}

fn closing_destroys_the_pins_of_that_job_only(open: Opening<'_>) {
    let mut ledger = open();
    let [one, other] = ["one", "other"].map(|upn| ledger.open_job(&order(upn)).unwrap());
    for (job, seed) in [(one, 1), (other, 2), (one, 3)] {
        let _ = ledger.before(job, &Intent::SetPin { draw: seed }, Some(&sealed(seed))).unwrap();
    }
    ledger.close(one, JobState::Done).unwrap();
    assert_eq!(ledger.pin(one, 1).unwrap(), None);
    assert_eq!(ledger.pin(one, 2).unwrap(), None);
    assert_eq!(ledger.pin(other, 1).unwrap(), Some(sealed(2)));
    ledger.close(other, JobState::Ended).unwrap();
}

fn a_closed_job_stays_closed(open: Opening<'_>) {
    let mut ledger = open();
    let id = ledger.open_job(&order("closed")).unwrap();
    let ticket = ledger.before(id, &Intent::Seal, None).unwrap();
    rule(ledger.close(id, JobState::Open));
    ledger.close(id, JobState::Done).unwrap();
    rule(ledger.close(id, JobState::Ended));
    rule(ledger.before(id, &Intent::Seal, None));
    rule(ledger.after(ticket, &Outcome::Done));
    rule(ledger.claim(id));
    drop(ledger);
    rule(open().claim(id));
}

fn one_program_works_on_a_job(open: Opening<'_>) {
    let (mut ours, mut theirs) = (open(), open());
    let id = ours.open_job(&order("claimed")).unwrap();
    ours.claim(id).unwrap();
    assert_eq!(theirs.claim(id).err(), Some(LedgerError::Claimed(id)));
    rule(theirs.before(id, &Intent::Seal, None));
    rule(theirs.close(id, JobState::Ended));
    assert!(theirs.entries(id).unwrap().is_empty(), "reading needs no claim");
    let elsewhere = theirs.open_job(&order("another")).unwrap();
    rule(ours.before(elsewhere, &Intent::Seal, None));
    drop(ours);
    theirs.claim(id).unwrap();
    let _ = theirs.before(id, &Intent::Seal, None).unwrap();
    theirs.close(id, JobState::Ended).unwrap();
    theirs.close(elsewhere, JobState::Ended).unwrap();
}

fn a_released_job_is_claimed_by_another(open: Opening<'_>) {
    let (mut ours, mut theirs) = (open(), open());
    let id = ours.open_job(&order("released")).unwrap();
    let ticket = ours.before(id, &Intent::SetPin { draw: 1 }, Some(&sealed(4))).unwrap();
    ours.after(ticket, &Outcome::Done).unwrap();
    rule(theirs.release(id));
    ours.release(id).unwrap();
    rule(ours.release(id));
    rule(ours.before(id, &Intent::Seal, None));
    rule(ours.close(id, JobState::Ended));
    assert_eq!(theirs.job(id).unwrap().state, JobState::Open);
    theirs.claim(id).unwrap();
    assert_eq!(theirs.pin(id, 1).unwrap(), Some(sealed(4)), "its PIN stays");
    assert_eq!(ours.claim(id).err(), Some(LedgerError::Claimed(id)));
    theirs.close(id, JobState::Ended).unwrap();
}

fn jobs_are_found_by_user_and_by_serial(open: Opening<'_>) {
    let mut ledger = open();
    let mut opened = |user: &str, serial: Option<&str>, usb: Option<&str>| {
        let mut order = order("found");
        order.user_id = user.into();
        order.key.serial = serial.map(|serial| Serial(serial.into()));
        order.key.usb_serial = usb.map(Into::into);
        ledger.open_job(&order).unwrap()
    };
    let first = opened("AAAA-1", Some("771"), Some("55"));
    let second = opened("aaaa-1", None, Some("771"));
    let third = opened("bbbb-2", Some("772"), None);
    let constant = opened("bbbb-2", None, Some("1000000000"));
    ledger.close(third, JobState::Done).unwrap();
    let mut ids = |of: &mut dyn FnMut(&mut dyn Ledger) -> Vec<Job>| of(&mut *ledger).iter().map(|job| job.id).collect::<Vec<_>>();
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_user("aaaa-1", None).unwrap()), [first, second]);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_user("BBBB-2", Some(JobState::Done)).unwrap()), [third]);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_user("BBBB-2", Some(JobState::Open)).unwrap()), [constant]);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_user("nobody", None).unwrap()), []);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_serial("771", None).unwrap()), [first, second]);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_serial("772", Some(JobState::Open)).unwrap()), []);
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_serial("55", None).unwrap()), [], "not the serial number that it shows");
    let said = "a number that a whole model has is no serial number";
    assert_eq!(ids(&mut |ledger| ledger.jobs_of_serial("1000000000", None).unwrap()), [], "{said}");
    for id in [first, second, constant] {
        ledger.close(id, JobState::Ended).unwrap();
    }
}

#[derive(Clone, Debug)]
enum Act {
    Open,
    Before { job: usize, intent: usize },
    After { job: usize, entry: usize, outcome: usize },
    Close { job: usize, done: bool },
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let at = 0..1000_usize;
    prop_oneof![
        2 => Just(Act::Open),
        8 => (at.clone(), at.clone()).prop_map(|(job, intent)| Act::Before { job, intent }),
        6 => (at.clone(), at.clone(), at.clone()).prop_map(|(job, entry, outcome)| Act::After { job, entry, outcome }),
        2 => (at, any::<bool>()).prop_map(|(job, done)| Act::Close { job, done }),
        1 => Just(Act::Reopen),
    ]
}

#[derive(Default)]
struct ModelJob {
    closed: Option<JobState>,
    entries: Vec<(Value, Value, Option<SealedPin>)>,
}

fn replay(open: Opening<'_>, acts: &[Act]) -> Result<(), TestCaseError> {
    let mut ledger = open();
    let mut model: BTreeMap<JobId, ModelJob> = BTreeMap::new();
    for (step, act) in acts.iter().enumerate() {
        match act {
            Act::Open => {
                let id = ledger.open_job(&order("model")).unwrap();
                prop_assert!(model.insert(id, ModelJob::default()).is_none(), "an id is given once");
            }
            Act::Reopen => {
                drop(ledger);
                ledger = open();
                for (id, job) in &model {
                    prop_assert_eq!(ledger.claim(*id).is_ok(), job.closed.is_none());
                }
            }
            Act::Before { job, intent } => {
                let Some((id, job)) = pick(&mut model, *job) else { continue };
                let intent = &intents()[intent % intents().len()];
                let pin = intent.needs_pin().then(|| sealed(u8::try_from(step).unwrap()));
                match ledger.before(id, intent, pin.as_ref()) {
                    Ok(ticket) => {
                        job.entries.push((shape(intent), Value::Null, pin));
                        prop_assert_eq!(usize::try_from(ticket.number).unwrap(), job.entries.len());
                        prop_assert!(job.closed.is_none());
                    }
                    Err(error) => prop_assert!(job.closed.is_some() && matches!(error, LedgerError::Rule(_))),
                }
            }
            Act::After { job, entry, outcome } => {
                let Some((id, job)) = pick(&mut model, *job) else { continue };
                let index = entry % (job.entries.len() + 1);
                let outcome = &outcomes()[outcome % outcomes().len()];
                let allowed = job.closed.is_none() && job.entries.get(index).is_some_and(|entry| entry.1.is_null());
                let ticket = Ticket::issued(id, i64::try_from(index).unwrap() + 1);
                prop_assert_eq!(ledger.after(ticket, outcome).is_ok(), allowed);
                if allowed {
                    job.entries[index].1 = shape(outcome);
                }
            }
            Act::Close { job, done } => {
                let Some((id, job)) = pick(&mut model, *job) else { continue };
                let state = if *done { JobState::Done } else { JobState::Ended };
                prop_assert_eq!(ledger.close(id, state).is_ok(), job.closed.is_none());
                if job.closed.is_none() {
                    job.closed = Some(state);
                    job.entries.iter_mut().for_each(|entry| entry.2 = None);
                }
            }
        }
    }
    drop(ledger);
    same(&mut *open(), &model)
}

fn pick(model: &mut BTreeMap<JobId, ModelJob>, wish: usize) -> Option<(JobId, &mut ModelJob)> {
    let count = model.len().max(1);
    model.iter_mut().nth(wish % count).map(|(id, job)| (*id, job))
}

fn same(ledger: &mut dyn Ledger, model: &BTreeMap<JobId, ModelJob>) -> Result<(), TestCaseError> {
    let states: Vec<_> = ledger.jobs(None).unwrap().iter().map(|job| (job.id, job.state)).collect();
    let expected: Vec<_> = model.iter().map(|(id, job)| (*id, job.closed.unwrap_or(JobState::Open))).collect();
    prop_assert_eq!(states, expected);
    for (id, job) in model {
        let told = journal(ledger, *id);
        prop_assert_eq!(told.len(), job.entries.len());
        for ((number, intent, outcome), entry) in told.into_iter().zip(&job.entries) {
            prop_assert_eq!((&intent, &outcome), (&entry.0, &entry.1));
            prop_assert_eq!(ledger.pin(*id, number).unwrap(), entry.2.clone());
        }
    }
    Ok(())
}
