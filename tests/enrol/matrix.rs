//! The fault matrix: the calls of a good run are counted, and then it is run again with each of them failing in every way that it can.
//! Whatever happens: no panic, no PIN in any word, an end that is Done after the same command was given again, one passkey, and no
//! erasure that nobody agreed to.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use keywright::advice::Advised as _;
use keywright::enroll::{EnrolError, HardeningRules, Order, Wishes};
use keywright::ledger::Batches;
use keywright::simulator::key::{Fault as KeyFault, Mishap, Model};
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, Halt, LedgerFault};
use keywright::simulator::tenant::{Act, Fault};
use keywright::ui::Summary;

use crate::deaths::{NAMELESS, agreed, check, sure};
use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful};

/// PIN of keys that come from somebody else.
const OLD_PIN: &str = "20071969";
/// The same command is given so often: after the run with the fault once, and once more where that one names what a person has to do.
const RUNS: usize = 3;

/// An enrolment that is to be disturbed.
struct Scenario {
    name: &'static str,
    model: Model,
    reader: bool,
    worn: bool,
    wishes: Wishes,
    /// In a database, whose address this is; otherwise in a file.
    database: Option<String>,
}

/// Something that goes wrong.
#[derive(Clone, Debug)]
enum Trouble {
    Key(KeyFault),
    Tenant(Fault),
    Ledger(FaultPoint),
    /// Another station takes the job over just before this write.
    TakenOver(u32),
}

/// What the calls of a good run are.
#[derive(Default)]
struct Calls {
    /// Command, subcommand and which of them it is, from 1.
    key: Vec<(u8, Option<u8>, u32)>,
    tenant: Vec<(String, String, u32)>,
    writes: u32,
}

/// How a run ended.
enum End {
    Back(Box<Result<Summary, EnrolError>>),
    Died,
}

fn plain(name: &'static str, model: Model) -> Scenario {
    Scenario { name, model, reader: false, worn: false, wishes: Wishes::default(), database: None }
}

impl Scenario {
    fn world(&self) -> World {
        #[cfg(feature = "postgres")]
        if self.database.is_some() {
            crate::database::database();
        }
        let world = if self.reader { World::on_reader(&self.model) } else { World::new(&self.model) };
        assert!(!self.worn || world.key.wear(OLD_PIN, 1));
        world
    }

    fn open(&self, world: &World) -> Box<dyn Batches + Send> {
        match &self.database {
            #[cfg(feature = "postgres")]
            Some(address) => crate::database::open(address),
            _ => Box::new(world.ledger()),
        }
    }

    /// The ledger with a fault of its own, or with none.
    fn ledger(&self, world: &World, trouble: Option<&Trouble>) -> FaultyLedger {
        // Without the panic hook: a death is no failure of the test.
        let mut halt: Halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
        let point = match trouble {
            Some(Trouble::Ledger(point)) => *point,
            Some(Trouble::TakenOver(write)) => {
                let address = self.database.clone();
                halt = Box::new(move |_| take_over(address.as_deref()));
                FaultPoint { write: *write, fault: LedgerFault::HaltBefore }
            }
            _ => FaultPoint { write: u32::MAX, fault: LedgerFault::Full },
        };
        FaultyLedger::new(self.open(world), point, halt)
    }

    fn order(&self) -> Order {
        let hardening = HardeningRules { general: self.wishes.clone(), ..HardeningRules::default() };
        // A key that only says that it forces the change is not taken, whatever it said.
        Order { hardening, unforced_pin_agreed: !self.model.forced_change, ..agreed() }
    }

    /// Counts the calls of a run without trouble.
    fn calls(&self) -> Calls {
        let world = self.world();
        let before = world.key.history().len();
        let mut ledger = self.ledger(&world, None);
        let face = sure();
        let summary = world.enroll_with(&face, &self.order(), helpful, &mut ledger).unwrap();
        check(&world, &summary, &face.pin(), 1, self.name);
        let mut calls = Calls { writes: ledger.writes(), ..Calls::default() };
        let mut seen = BTreeMap::new();
        for exchange in &world.key.history()[before..] {
            let nth = count(&mut seen, (exchange.command, exchange.subcommand));
            calls.key.push((exchange.command, exchange.subcommand, nth));
        }
        let mut seen = BTreeMap::new();
        for call in world.tenant.log() {
            let nth = count(&mut seen, (call.method.clone(), call.path.clone()));
            calls.tenant.push((call.method, call.path, nth));
        }
        calls
    }

    /// Every call with every trouble.
    fn troubles(&self) -> Vec<Trouble> {
        let calls = self.calls();
        let mut all = Vec::new();
        for (command, subcommand, nth) in calls.key {
            all.extend(mishaps().map(|mishap| Trouble::Key(KeyFault { command, subcommand, nth, mishap })));
        }
        for (method, path, call) in calls.tenant {
            all.extend(acts().map(|act| Trouble::Tenant(Fault { call, ..Fault::once(&method, &path, act) })));
        }
        for write in 1..=calls.writes {
            let faults = [LedgerFault::Full, LedgerFault::HaltBefore, LedgerFault::HaltAfter];
            all.extend(faults.map(|fault| Trouble::Ledger(FaultPoint { write, fault })));
            all.extend(self.database.is_some().then_some(Trouble::TakenOver(write)));
        }
        all
    }
}

/// What can happen to an exchange with a key: it falls out, says nothing, nonsense, a half or what it said before, is busy, refuses, or says
/// that all is well and has done nothing.
fn mishaps() -> impl Iterator<Item = Mishap> {
    // Success, invalid command, CTAP1 timeout, channel busy, PIN required, PIN auth invalid, not allowed, operation denied, store full,
    // user action timeout, other.
    let statuses = [0x00, 0x01, 0x05, 0x06, 0x36, 0x33, 0x30, 0x27, 0x28, 0x2F, 0x7F];
    let broken = [Mishap::GoneBefore, Mishap::GoneAfter, Mishap::Garbled, Mishap::Truncated, Mishap::Repeated, Mishap::Silent];
    broken.into_iter().chain(statuses.map(Mishap::Status))
}

/// What can happen to a call of the tenant.
fn acts() -> impl Iterator<Item = Act> {
    let done = |status| Act::Answer { status, retry_after: None, code: None, processed: true };
    [
        Act::CloseBefore,
        Act::CloseAfter,
        Act::Garbage,
        Act::Oversize,
        Act::ClaimsChallenge,
        Act::Delay { seconds: 400 },
        Act::throttled(Some(2)),
        Act::throttled(None),
        Act::throttled(Some(7200)),
        Act::Redirect { location: "https://elsewhere.example/".into() },
        done(500),
        done(503),
    ]
    .into_iter()
    .chain([400, 401, 403, 404, 405, 409, 500, 502, 503, 504].map(Act::status))
}

/// Which of its kind this one is, from 1.
fn count<K: Ord>(seen: &mut BTreeMap<K, u32>, kind: K) -> u32 {
    let nth = seen.entry(kind).or_default();
    *nth = nth.saturating_add(1);
    *nth
}

/// Nobody holds anything any more: what the server's clock does to a station that is not heard of.
fn take_over(address: Option<&str>) {
    #[cfg(feature = "postgres")]
    if let Some(address) = address {
        crate::database::expire(&crate::database::name_of(address), crate::database::EVERYBODY);
    }
    #[cfg(not(feature = "postgres"))]
    let _ = address;
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// One run with a trouble, if there is one.
fn run(
    scenario: &Scenario,
    world: &World,
    face: &Arc<ScriptedFace>,
    order: &Order,
    trouble: Option<&Trouble>,
) -> Result<End, String> {
    let mut ledger = scenario.ledger(world, trouble);
    match trouble {
        Some(Trouble::Key(fault)) => world.key.fault(*fault),
        Some(Trouble::Tenant(fault)) => world.tenant.add_fault(fault.clone()),
        _ => {}
    }
    match catch_unwind(AssertUnwindSafe(|| world.enroll_with(face, order, helpful, &mut ledger))) {
        Ok(back) => Ok(End::Back(Box::new(back))),
        Err(panic) if words(&*panic) == "dead" => Ok(End::Died),
        Err(panic) => Err(format!("a panic: {}", words(&*panic))),
    }
}

/// Lets the same command be given until it is done; everything that must hold, or what does not.
fn disturbed(scenario: &Scenario, trouble: &Trouble) -> Result<(), String> {
    let (world, order) = (scenario.world(), scenario.order());
    let (mut faces, mut said) = (Vec::new(), String::new());
    let mut finished = false;
    for number in 0..RUNS {
        let face = sure();
        let end = run(scenario, &world, &face, &order, (number == 0).then_some(trouble))?;
        world.tenant.clear_faults();
        faces.push(Arc::clone(&face));
        match end {
            End::Died => {}
            End::Back(back) => match *back {
                Ok(summary) => {
                    said.push_str(&serde_json::to_string(&summary).unwrap());
                    let handed = |face: &Arc<ScriptedFace>| face.handed.lock().unwrap().iter().any(|(one, _)| !one.second_copy);
                    finished |= faces.iter().take(number).any(handed);
                    leaks(&faces, &said)?;
                    // Who has the PIN in hand and asks again gets another passkey, unless it is said to be a second copy.
                    let passkeys = if finished && !summary.second_copy { 2 } else { 1 };
                    let judged = catch_unwind(AssertUnwindSafe(|| check(&world, &summary, &face.pin(), passkeys, scenario.name)));
                    return judged.map_err(|panic| format!("after run {number}, from 0: {}", words(&*panic)));
                }
                Err(error) => {
                    if error.advice().next.is_empty() {
                        return Err(format!("no next step: {error}"));
                    }
                    let _ = writeln!(said, "{error} [{}]", error.advice().code);
                }
            },
        }
    }
    Err(format!("not done after {RUNS} runs: {said}"))
}

/// No PIN that was handed over is in anything that was said.
fn leaks(faces: &[Arc<ScriptedFace>], said: &str) -> Result<(), String> {
    let pins: Vec<String> = faces
        .iter()
        .flat_map(|face| face.handed.lock().unwrap().iter().map(|(_, pin)| pin.clone()).collect::<Vec<_>>())
        .collect();
    let all = faces.iter().map(|face| face.said() + &face.questions.lock().unwrap().join("\n")).chain([said.to_owned()]);
    let all: String = all.collect();
    pins.iter().find(|pin| all.contains(pin.as_str())).map_or(Ok(()), |_| Err("a PIN was said".into()))
}

/// Nobody agreed to anything: whatever goes wrong, the key is as it was.
fn unasked(scenario: &Scenario, trouble: &Trouble) -> Result<(), String> {
    let world = scenario.world();
    let order = Order { erase_agreed: false, ..scenario.order() };
    let face = Arc::new(ScriptedFace::default());
    let end = run(scenario, &world, &face, &order, Some(trouble))?;
    if matches!(end, End::Back(back) if back.is_ok()) {
        return Err("it was enrolled".into());
    }
    let kept = world.key.pin_is(OLD_PIN) && world.key.state().resident == 1 && world.registered() == 0;
    if kept { Ok(()) } else { Err("the key was changed".into()) }
}

/// Runs a table and tells every row that does not hold.
#[expect(clippy::print_stdout, reason = "how many cases there were")]
fn table(scenario: &Scenario, hold: fn(&Scenario, &Trouble) -> Result<(), String>) {
    let troubles = scenario.troubles();
    let failures: Vec<String> =
        troubles.iter().filter_map(|trouble| hold(scenario, trouble).err().map(|why| format!("{trouble:?}: {why}"))).collect();
    println!("{}: {} cases", scenario.name, troubles.len());
    assert!(failures.is_empty(), "{}: {} of {} cases:\n{}", scenario.name, failures.len(), troubles.len(), failures.join("\n"));
}

fn worn(scenario: Scenario) -> Scenario {
    Scenario { worn: true, ..scenario }
}

fn on_reader(scenario: Scenario) -> Scenario {
    Scenario { reader: true, ..scenario }
}

#[test]
fn a_new_key() {
    table(&plain("a new key", Model::STANDARD), disturbed);
}

#[test]
fn a_used_key_on_a_reader() {
    table(&worn(on_reader(plain("a used key on a reader", Model::STANDARD))), disturbed);
}

#[test]
fn a_used_key_that_nobody_agreed_to_wipe() {
    table(&worn(plain("a used key that nobody agreed to wipe", Model::STANDARD)), unasked);
}

/// The database is emptied before each world is made.
#[test]
#[cfg(feature = "postgres")]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_used_key_and_a_ledger_on_a_server() {
    let database = Some(crate::database::address(&crate::database::database()));
    let name = "a used key, the ledger on a server";
    table(&Scenario { database, ..worn(plain(name, Model::STANDARD)) }, disturbed);
}

#[test]
#[ignore = "minutes"]
fn every_kind_of_key() {
    let hardened =
        || Wishes { always_uv: Some(true), enterprise_attestation: Some(true), min_pin_length: Some(10), ..Wishes::default() };
    for scenario in [
        on_reader(plain("a new key on a reader", Model::STANDARD)),
        worn(plain("a used key", Model::STANDARD)),
        Scenario { wishes: hardened(), ..plain("a key that is hardened", Model::STANDARD) },
        Scenario { wishes: hardened(), ..worn(on_reader(plain("a used key that is hardened", Model::STANDARD))) },
        plain("no forced change", Model::NO_FORCED_CHANGE),
        worn(on_reader(plain("protocol two", Model::PROTOCOL_TWO))),
        worn(plain("CTAP 2.0", Model::CTAP_2_0)),
        worn(plain("long touch", Model::LONG_TOUCH)),
        worn(plain("no lists", Model::NO_CREDENTIAL_MANAGEMENT)),
        worn(plain("a nameless key", NAMELESS)),
    ] {
        table(&scenario, disturbed);
    }
}
