//! A process that is killed leaves everything that it was told is durable, and no claim.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test stops at the first surprise")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keywright::aaguid::Aaguid;
use keywright::clock::SystemClock;
use keywright::ctap::{KeyIdentity, LinkKind};
use keywright::ledger::sqlite::SqliteLedger;
use keywright::ledger::{Intent, JobId, JobState, Ledger, LedgerError, NewJob, Outcome, Place};
use keywright::secret::SealedPin;

const PLACE: &str = "KEYWRIGHT_TEST_LEDGER";

fn open(place: &Path) -> SqliteLedger {
    SqliteLedger::open(place, Arc::new(SystemClock::new())).unwrap()
}

fn order() -> NewJob {
    NewJob {
        tenant: "contoso.example".into(),
        user_id: "6e7b768e-07e2-4810-8459-485f84f8f204".into(),
        upn: "adele@contoso.example".into(),
        operator: "desk".into(),
        key: KeyIdentity {
            link: LinkKind::Usb,
            serial: None,
            usb_serial: None,
            port: None,
            aaguid: Aaguid([7; 16]),
            fingerprint: "00ff".into(),
            state: String::new(),
        },
        rp_id: "login.microsoft.com".into(),
        user_handle: vec![1, 2, 3],
        unforced_pin_consent: false,
        replaces: None,
        display_name: "Key 1".into(),
        place: Place::Here,
        task: None,
        hardening: Vec::new(),
        surprises: Vec::new(),
    }
}

/// The part of the process that dies: writes, says so, and waits for its end with everything open.
#[test]
#[ignore = "is run by the test below, in a process of its own"]
fn the_one_that_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let mut ledger = open(Path::new(&place));
    let job = ledger.open_job(&order()).unwrap();
    let ticket = ledger.before(job, &Intent::SetPin { draw: 1 }, Some(&SealedPin(vec![5; 300]))).unwrap();
    ledger.after(ticket, &Outcome::Done).unwrap();
    let _open = ledger.before(job, &Intent::Seal, None).unwrap();
    let mut out = std::io::stdout().lock();
    out.write_all(b"\nwritten\n").and_then(|()| out.flush()).unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_killed_process_leaves_its_rows_and_no_claim() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("ledger.sqlite");
    for round in 1..=3_i64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_one_that_is_killed", "--ignored", "--nocapture"])
            .env(PLACE, &place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "written"), "the child got as far as that");
        let job = JobId(round);
        let mut ledger = open(&place);
        assert_eq!(ledger.claim(job).err(), Some(LedgerError::Claimed(job)), "it is alive");
        child.kill().unwrap();
        child.wait().unwrap();
        ledger.claim(job).unwrap();
        let entries = ledger.entries(job).unwrap();
        assert!(matches!(entries.as_slice(), [done, open] if done.outcome.is_some() && open.outcome.is_none()), "{entries:?}");
        assert_eq!(ledger.pin(job, 1).unwrap(), Some(SealedPin(vec![5; 300])));
        ledger.close(job, JobState::Ended).unwrap();
    }
    assert!(open(&place).jobs(Some(JobState::Open)).unwrap().is_empty());
}
