//! A roster of 100,000 rows: read, checked and taken into a ledger on disk, in one process that does nothing else, so that its
//! greatest size is that of this work. The tenant's answers are made up here at once: over a network their time is the network's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::print_stderr, reason = "what was measured is for people to read")]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::Arc;
use std::time::Duration;

use keywright::batch::roster::{self, Inquiry, Source, Wishes};
use keywright::clock::{Clock as _, SystemClock};
use keywright::identity::{
    Directory, Group, IdentityError, IdentityProvider, KeyModel, Lookup, Message, Method, Offer, Preflight, RegisterError,
    Registration, SendError, User,
};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{Batches as _, NewBatch};
use keywright::webauthn::CredentialId;

const ROWS: usize = 100_000;
/// What is promised.
const MOST_TIME: Duration = Duration::from_secs(5);
const MOST_KIB: u64 = 80_000_000 / 1024;

/// A tenant in which everybody is who they are called.
struct Ready;

fn user(name: &str) -> User {
    let number: u64 = name.trim_start_matches('u').split('@').next().unwrap().parse().unwrap();
    User {
        id: format!("87d349ed-44d7-43e1-9a83-{number:012x}"),
        upn: name.into(),
        display_name: Some(format!("User {number}")),
        enabled: Some(true),
        kind: Some("Member".into()),
        language: None,
    }
}

impl Directory for Ready {
    fn users(&mut self, names: &[String]) -> Result<Vec<Result<Lookup, IdentityError>>, IdentityError> {
        Ok(names.iter().map(|name| Ok(Lookup::One(user(name)))).collect())
    }

    fn groups(&mut self, _: &str) -> Result<Vec<Group>, IdentityError> {
        unreachable!()
    }

    fn members(&mut self, _: &str) -> Result<Vec<User>, IdentityError> {
        unreachable!()
    }

    fn methods_of_all(&mut self, users: &[User]) -> Result<Vec<Result<Vec<Method>, IdentityError>>, IdentityError> {
        Ok(users.iter().map(|_| Ok(Vec::new())).collect())
    }

    fn account(&mut self) -> Result<Option<String>, IdentityError> {
        Ok(None)
    }
}

impl IdentityProvider for Ready {
    fn user(&mut self, name: &str) -> Result<User, IdentityError> {
        Ok(user(name))
    }

    fn preflight(&mut self, _: &User, _: &KeyModel) -> Result<Preflight, IdentityError> {
        unreachable!()
    }

    fn creation_options(&mut self, _: &User, _: Option<Duration>) -> Result<Offer, IdentityError> {
        unreachable!()
    }

    fn register(&mut self, _: &User, _: &Registration) -> Result<Method, RegisterError> {
        unreachable!()
    }

    fn find(&mut self, _: &User, _: &CredentialId) -> Result<Option<Method>, IdentityError> {
        unreachable!()
    }

    fn methods(&mut self, _: &User) -> Result<Vec<Method>, IdentityError> {
        unreachable!()
    }

    fn remove(&mut self, _: &User, _: &str) -> Result<(), IdentityError> {
        unreachable!()
    }

    fn send_message(&mut self, _: &User, _: &str, _: &Message) -> Result<(), SendError> {
        unreachable!()
    }
}

#[test]
fn a_hundred_thousand_rows_in_five_seconds_and_eighty_megabytes() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("roster.csv");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "UserPrincipalName;SerialNumber;TicketId").unwrap();
    (0..ROWS).for_each(|number| writeln!(file, "u{number}@contoso.example;{};RITM{number:07}", 20_000_000 + number).unwrap());
    drop(file);

    let clock = SystemClock::new();
    let begin = clock.monotonic();
    let elapsed = || clock.monotonic().saturating_sub(begin);
    let read = roster::read(&Source::File(path), &mut std::io::empty()).unwrap();
    let reading = elapsed();
    let mut ledger = SqliteLedger::open(&place.path().join("ledger.db"), Arc::new(SystemClock::new())).unwrap();
    let mut inquiry = Inquiry { directory: &mut Ready, ledger: &mut ledger, profiles: &|_| Ok(()) };
    let checked = read.check(&Wishes::default(), &mut inquiry).unwrap();
    assert_eq!((checked.tasks.len(), checked.faults.len(), checked.warnings.len()), (ROWS, 0, 0));
    let checking = elapsed().saturating_sub(reading);
    let order = NewBatch {
        tenant: "contoso.example".into(),
        operator: "test".into(),
        roster: checked.roster,
        settings: serde_json::Value::Null,
    };
    let tasks = checked.tasks;
    let batch = ledger.open_batch(&order, &tasks).unwrap();
    let all = elapsed();
    let busy = processor_time();
    let importing = all.saturating_sub(reading).saturating_sub(checking);
    let size = largest_size();
    drop(tasks);
    eprintln!(
        "{ROWS} rows: read {reading:.2?}, checked {checking:.2?}, taken in {importing:.2?}, all {all:.2?}; {busy:?} on a processor; \
         {size:?} KiB at most"
    );
    assert_eq!(ledger.tasks(batch).unwrap().len(), ROWS);
    if let Some(size) = size {
        assert!(size < MOST_KIB, "{size} KiB");
    }
    // What other programs take of a busy machine is not ours.
    let ours = busy.map_or(all, |busy| busy.min(all));
    assert!(ours < MOST_TIME, "{ours:?}");
}

/// The greatest size of this process so far, in KiB, where the system tells it.
fn largest_size() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// Time that this process had on a processor, where the system tells it: the whole of it, with the making of the file.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything: user and system time in hundredths of a second.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()?.checked_add(fields.get(12)?.parse().ok()?)?;
    Some(Duration::from_millis(ticks.saturating_mul(10)))
}
