//! Every way of handing over, broken off at each of its journal rows: the PIN that reached its recipients is the key's, and
//! what was confirmed is not handed over twice.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;

use keywright::enroll::{HandOver, held};
use keywright::handover::{AgeSafe, ClearFile, SealTo, Sealed, sealed};
use keywright::ledger::{Intent, JobState, Ledger, Outcome};
use keywright::simulator::key::Model;
use keywright::simulator::ledger::{FaultPoint, FaultyLedger, LedgerFault};

use crate::deaths::{agreed, faults};
use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful};

/// The write with which the hand-over begins on a fresh key; the outcome and the job's end follow.
const BEGINS: u32 = 10;

/// A way, and how the PINs that went it are read again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Sealed,
    Clear,
    #[cfg(all(feature = "letters", unix))]
    Letter,
}

impl Way {
    const ALL: &[Self] = &[
        Self::Sealed,
        Self::Clear,
        #[cfg(all(feature = "letters", unix))]
        Self::Letter,
    ];

    fn open(self, world: &World) -> Box<dyn HandOver> {
        let place = world.dir.path().join("out");
        match self {
            Self::Sealed => {
                let reader = reader(world).recipient().to_string();
                let recipients = SealTo::read_all([reader.as_str()]).unwrap();
                Box::new(Sealed::new(recipients, &place).unwrap())
            }
            Self::Clear => Box::new(ClearFile::new(&world.dir.path().join("pins.csv")).unwrap()),
            #[cfg(all(feature = "letters", unix))]
            Self::Letter => {
                let plan = keywright::handover::LetterPlan { directory: Some(place), ..Default::default() };
                Box::new(keywright::handover::Letters::new(&plan, world.shared()).unwrap())
            }
        }
    }

    /// Every PIN that went this way.
    fn pins(self, world: &World) -> Vec<String> {
        if self == Self::Clear {
            let table = std::fs::read_to_string(world.dir.path().join("pins.csv")).unwrap();
            return table.lines().skip(1).map(|row| row.split("\",\"").nth(6).unwrap().to_owned()).collect();
        }
        let files = std::fs::read_dir(world.dir.path().join("out")).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| self.pin(world, &path)).collect()
    }

    fn pin(self, world: &World, path: &Path) -> String {
        match self {
            Self::Sealed => sealed::open(path, &[reader(world).identity()]).unwrap().pin.expose().to_owned(),
            Self::Clear => unreachable!("it has no files of its own"),
            #[cfg(all(feature = "letters", unix))]
            Self::Letter => {
                let run = std::process::Command::new("pdftotext").args([path, Path::new("-")]).output();
                let text = String::from_utf8(run.expect("pdftotext of poppler-utils").stdout).unwrap();
                let digits = |line: &&str| line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_digit());
                text.lines().find(digits).unwrap_or_else(|| panic!("no PIN in {text}")).to_owned()
            }
        }
    }
}

/// Whoever opens what was sealed.
fn reader(world: &World) -> AgeSafe {
    AgeSafe::open_or_create(&world.dir.path().join("reader.age")).unwrap()
}

fn run(world: &World, way: Way, face: &Arc<ScriptedFace>, ledger: &mut dyn Ledger) -> Result<(), String> {
    world.handing(face, &agreed(), ledger, &mut *way.open(world)).map(drop).map_err(|error| error.to_string())
}

#[test]
fn broken_off_at_every_row_of_the_hand_over() {
    for way in Way::ALL {
        for point in (BEGINS - 1..).map_while(|write| (write <= BEGINS + 2).then(|| faults(write))).flatten() {
            broken_off(*way, point);
        }
    }
}

fn broken_off(way: Way, point: FaultPoint) {
    let name = format!("{way:?}, {point:?}");
    let (world, face) = (World::new(&Model::STANDARD), Arc::new(ScriptedFace::default()));
    let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
    let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
    let first = catch_unwind(AssertUnwindSafe(|| run(&world, way, &face, &mut ledger)));
    assert!(first.is_err() || first.is_ok_and(|ended| ended.is_err()), "{name}: broken off");
    drop(ledger);
    let open = world.ledger().jobs(Some(JobState::Open)).unwrap();
    if !open.is_empty() {
        run(&world, way, &face, &mut world.ledger()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // Delivered, but not written down as delivered: that is done again, and only that.
    let twice = point.write == BEGINS + 1 && point.fault != LedgerFault::HaltAfter;
    let pins = way.pins(&world);
    assert_eq!(pins.len(), if twice { 2 } else { 1 }, "{name}");
    assert!(pins.iter().all(|pin| world.key.pin_is(pin)), "{name}: the key's PIN");
    assert!(face.handed.lock().unwrap().is_empty() && !face.said().contains(&pins[0]), "{name}: nothing on the screen");
    assert!(face.questions.lock().unwrap().is_empty(), "{name}: nothing is asked");
    let mut ledger = world.ledger();
    let jobs = ledger.jobs(None).unwrap();
    assert_eq!((jobs.len(), jobs[0].state, world.registered()), (1, JobState::Done, 1), "{name}");
    assert!(held(&mut ledger).unwrap().is_empty(), "{name}: no PIN is held");
    let entries = ledger.entries(jobs[0].id).unwrap();
    let outcomes: Vec<_> = entries.iter().filter(|entry| matches!(entry.intent, Intent::HandOver { .. })).collect();
    let last = outcomes.last().unwrap().outcome.clone();
    assert!(matches!(last, Some(Outcome::Delivered { confirmed: true, file: Some(_) })), "{name}: {last:?}");
    let journal = format!("{entries:?}");
    assert!(pins.iter().all(|pin| !journal.contains(pin)), "{name}");
    for file in std::fs::read_dir(world.dir.path().join("out")).into_iter().flatten() {
        let file = file.unwrap().file_name().into_string().unwrap();
        assert!(!file.contains("adele") && !file.contains(&pins[0]), "{name}: {file}");
    }
}

#[cfg(all(feature = "letters", unix))]
#[test]
fn who_cannot_be_written_to_is_found_out_before_the_touch() {
    use keywright::advice::Advised as _;
    use keywright::simulator::tenant::{Script, TrainingTenant};

    use crate::support::world::{ADELE, StrictJudge, generators};

    let mut world = World::new(&Model::STANDARD);
    let mut script = Script::default();
    script.users.iter_mut().find(|user| user.upn == ADELE).unwrap().display_name = "山田 太郎".into();
    world.tenant = TrainingTenant::start("127.0.0.1:0", script, world.shared(), generators()(), Box::new(StrictJudge)).unwrap();
    let before = world.key.state();
    let face = Arc::new(ScriptedFace::default());
    let error = run(&world, Way::Letter, &face, &mut world.ledger()).unwrap_err();
    assert!(error.contains("U+5C71"), "{error}");
    let fault = keywright::handover::HandOverError::Glyph { shown: String::new(), place: "" };
    assert!(fault.advice().next.contains("--letter-font"));
    assert_eq!(world.key.state(), before);
    assert!(world.ledger().jobs(None).unwrap().is_empty());
}

/// On a ledger that both use, a station takes up what another one left, if it is named as a recipient there.
#[test]
fn another_station_recovers_a_job_that_was_sealed_for_it() {
    for named in [true, false] {
        let world = World::new(&Model::STANDARD);
        let station = |name: &str| AgeSafe::open_or_create(&world.dir.path().join(name)).unwrap();
        let (first, second) = (station("one.age"), station("two.age"));
        let first = if named { first.shared_with(&[second.recipient()]).unwrap() } else { first };
        let face = Arc::new(ScriptedFace::default());
        let halt = Box::new(|_: &str| resume_unwind(Box::new("dead")));
        let point = FaultPoint { write: 8, fault: LedgerFault::HaltAfter };
        let mut ledger = FaultyLedger::new(Box::new(world.ledger()), point, halt);
        let died = catch_unwind(AssertUnwindSafe(|| {
            world.at(&face, helpful, &mut ledger, &mut world.entra(), &first, None, |one| one.run(&agreed()).map(drop))
        }));
        assert!(died.is_err());
        drop(ledger);
        let ended = world.at(&face, helpful, &mut world.ledger(), &mut world.entra(), &second, None, |one| one.run(&agreed()));
        assert_eq!(ended.is_ok(), named, "{ended:?}");
        if named {
            assert!(world.key.pin_is(&face.pin()));
            assert_eq!((world.registered(), world.key.state().resident), (1, 1));
        }
    }
}
