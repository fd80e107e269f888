//! `batch run` and `batch resume` at the ports: lanes, the screen, and how it ended.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use clap::{ArgAction, Args, ValueEnum};

use super::super::CliError;
use super::super::enrolling;
use super::super::hand_over::HandOverArgs;
use super::super::profile_file::ProfileFile;
#[cfg(feature = "simulator")]
use super::super::rehearsal;
use super::super::results::{BatchFailure, BatchLane, BatchWorked};
use super::super::settings::EnrollSettings;
use super::super::station::Station;
use super::settings::BatchSettings;
use crate::advice::Exit;
use crate::batch::lanes::Load;
use crate::batch::run::{Matching, Report, SharedLedger, Shop, Terms, run};
use crate::ctap::Bus;
use crate::enroll::Order;
use crate::ledger::{Batch, Failure, Task};
use crate::ui::{Block, Face, Sheet, Ui};

/// Ports and readers, and the face through which hands hear.
type Stage = (Box<dyn Bus>, Arc<dyn Ui>);

/// Longest line of a scanner, in bytes.
const LONGEST_SCAN: u64 = 4096;

/// How keys are worked on.
#[derive(Debug, Args)]
pub(in crate::cli) struct LaneArgs {
    /// What says whose a key is: the order of arrival, the roster's serial numbers, or a scanner
    #[arg(long = "match", value_name = "HOW", default_value = "order")]
    by: MatchBy,
    /// Most keys at once; without it, as many as there are ports and readers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    lanes: Option<u16>,
    /// With --match scan: where the scanner's lines come from, if not standard input
    #[arg(long, value_name = "DEVICE")]
    scanner: Option<PathBuf>,
    /// Ring when hands or eyes are needed
    #[arg(long, env = "KEYWRIGHT_BELL", hide_env_values = true, action = ArgAction::SetTrue, value_parser = clap::builder::FalseyValueParser::new())]
    bell: bool,
    /// How PINs reach their users.
    #[command(flatten)]
    handing: HandOverArgs,
}

/// What says whose a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MatchBy {
    /// The next key is the next row's.
    Order,
    /// The serial number that the roster gives each row.
    Serial,
    /// First the user's badge or work order, then the label of the key.
    Scan,
}

/// Works on a batch until nothing is left that can be done here.
pub(super) fn work(station: &Station, batch: &Batch, args: &LaneArgs) -> Result<Exit, CliError> {
    let matching = match args.by {
        MatchBy::Order => Matching::Order,
        MatchBy::Serial => Matching::Serial,
        MatchBy::Scan => Matching::Scan,
    };
    let scans = match matching {
        Matching::Scan => Some(Mutex::new(scanner(args.scanner.as_deref())?)),
        Matching::Order | Matching::Serial => None,
    };
    let wishes = BatchSettings::of(batch)?.wishes(station.settings.profile()?)?.handed_by(&args.handing);
    let (tenant, clients) = station.clients()?;
    if tenant != batch.order.tenant {
        return Err(CliError::OtherTenant { batch: batch.id, tenant: batch.order.tenant.clone() });
    }
    let attended = station.face.has_person();
    let terms = Terms {
        batch: batch.id,
        tenant,
        operator: enrolling::operator(),
        order: enrolling::order(station, String::new(), wishes)?,
        by_profile: by_profile(station, batch)?,
        matching,
        lanes: args.lanes.map(usize::from),
        patience: station.patience(),
        attended,
        bell: args.bell,
    };
    let (bus, ui) = ports(station)?;
    let safe = station.safe()?;
    let shop = Shop {
        clock: Arc::clone(&station.clock),
        cancel: station.cancel.clone(),
        generators: Arc::new(Station::generator),
        ui,
        ledger: SharedLedger::new(station.open_ledger()?()?),
        clients: &*clients,
        checking: Mutex::new(station.way(&args.handing)?),
        handing: Mutex::new(station.handing(&args.handing)?),
        safe: &safe,
        scans,
        terms,
    };
    let report = run(&shop, bus)?;
    Ok(show(station, batch, &report))
}

/// The orders of rows that name a profile of their own.
fn by_profile(station: &Station, batch: &Batch) -> Result<BTreeMap<String, Order>, CliError> {
    let mut orders = BTreeMap::new();
    for task in station.ledger()?.tasks(batch.id)? {
        let Some(name) = task.order.profile else { continue };
        if let Entry::Vacant(place) = orders.entry(name) {
            let profile = ProfileFile::read(Some(place.key()))?;
            let order = enrolling::order(station, String::new(), EnrollSettings::resolve(None, &profile)?)?;
            place.insert(order);
        }
    }
    Ok(orders)
}

/// Ports and readers, and the face; in a rehearsal with hands that hear what is said.
fn ports(station: &Station) -> Result<Stage, CliError> {
    if station.settings.training_key {
        #[cfg(feature = "simulator")]
        return rehearsal::lanes(&station.clock, &station.face);
        #[cfg(not(feature = "simulator"))]
        return Err(CliError::NoSimulator);
    }
    Ok((station.bus()?, Arc::<dyn Face>::clone(&station.face)))
}

/// Lines of the scanner, read by a thread that ends with the program.
fn scanner(device: Option<&Path>) -> Result<Receiver<String>, CliError> {
    let (send, lines) = channel();
    let input: Box<dyn io::Read + Send> = match device {
        Some(path) => Box::new(File::open(path).map_err(|error| CliError::file(path, &error))?),
        None => Box::new(io::stdin()),
    };
    let read = move || {
        let mut input = BufReader::new(input);
        loop {
            let mut line = Vec::new();
            match (&mut input).take(LONGEST_SCAN).read_until(b'\n', &mut line) {
                Ok(1..) if send.send(String::from_utf8_lossy(&line).into_owned()).is_ok() => {}
                _ => return,
            }
        }
    };
    let spawned = thread::Builder::new().name("scanner".into()).spawn(read);
    spawned.map_err(|error| CliError::file("the scanner".as_ref(), &error))?;
    Ok(lines)
}

/// How it ended, with a table of what did not go.
fn show(station: &Station, batch: &Batch, report: &Report) -> Exit {
    let failures: Vec<BatchFailure<'_>> = report.failures.iter().map(failure).collect();
    let others: Vec<BatchFailure<'_>> = report.others.iter().map(failure).collect();
    let mut blocks = Vec::new();
    if !failures.is_empty() || !others.is_empty() {
        let row = |failure: &BatchFailure<'_>| {
            vec![failure.row.to_string(), failure.upn.to_owned(), failure.message.to_owned(), failure.next.to_owned()]
        };
        let rows = failures.iter().chain(&others).map(row).collect();
        blocks.push(Block::Table { head: vec!["ROW", "USER", "WHAT HAPPENED", "WHAT TO DO"], rows });
    }
    let totals = report.totals;
    blocks.push(Block::fields([
        ("batch", Some(batch.id.to_string())),
        ("done", Some(format!("{} of {}", totals.done, totals.total))),
        ("given up", (totals.failed > 0).then(|| totals.failed.to_string())),
        ("waiting", (report.waiting > 0).then(|| format!("{}; `keywright batch resume {}` goes on", report.waiting, batch.id))),
        ("elsewhere", (report.elsewhere > 0).then(|| format!("{}; other stations work on them", report.elsewhere))),
        ("keys at work", busy(report)),
    ]));
    let lanes = report.loads.iter().map(|(lane, load)| BatchLane {
        lane,
        keys: load.keys,
        seconds: load.wall.as_secs(),
        at_work: load.per_mille(),
        hands: load.per_mille_of_hands(),
    });
    let told = BatchWorked {
        batch: batch.id,
        total: totals.total,
        done: totals.done,
        failed: &failures,
        waiting: report.waiting,
        others: &others,
        elsewhere: report.elsewhere,
        lanes: lanes.collect(),
    };
    station.face.show(&Sheet::new(&told, blocks));
    if station.cancel.requested() {
        Exit::Interrupted
    } else if failures.is_empty() && report.waiting == 0 && report.elsewhere == 0 {
        Exit::Done
    } else {
        Exit::Partly
    }
}

fn failure((task, failure): &(Task, Failure)) -> BatchFailure<'_> {
    BatchFailure {
        row: task.order.row,
        upn: &task.order.upn,
        code: &failure.code,
        message: &failure.sentence,
        next: &failure.next,
    }
}

/// How much of their time keys were at work, over all lanes.
fn busy(report: &Report) -> Option<String> {
    let load = report.loads.iter().fold(Load::default(), |sum, (_, load)| sum.plus(*load));
    let percent = |per_mille: u64| format!("{}.{} %", per_mille / 10, per_mille % 10);
    (load.keys > 0).then(|| {
        format!(
            "{} of the time of {} lanes, {} without the time that hands took",
            percent(load.per_mille()),
            report.loads.len(),
            percent(load.per_mille_without_hands())
        )
    })
}
