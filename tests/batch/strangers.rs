//! What another station has begun, whose PINs only that one can open.

use std::fs::rename;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywright::ctap::Cancel;
use keywright::ledger::{JobState, TaskState};

use crate::station::{Station, row};

#[test]
fn what_another_station_began_waits_for_that_one_and_everybody_else_is_served() {
    for text in ["step-done\",\"step\":\"pin", "step-done\",\"step\":\"seal", "step-done\",\"step\":\"register"] {
        let station = Station::new(2, 5, 20);
        station.take_in(&(1..=5).map(row).collect::<Vec<_>>());
        let (seen, cancel) = (Arc::new(AtomicU32::new(0)), station.cancel.lock().unwrap().clone());
        station.ears.when(text, move || {
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                cancel.request();
            }
        });
        station.run().unwrap();
        let begun = station.ledger().jobs(Some(JobState::Open)).unwrap();
        assert!(!begun.is_empty(), "{text}");
        let passkeys = || begun.iter().map(|job| station.tenant.passkeys(&job.order.upn).len()).collect::<Vec<_>>();
        let before = passkeys();

        // Another station: it has an identity of its own.
        let identity = |name: &str| station.dir.path().join(name);
        rename(identity("station.age"), identity("first.age")).unwrap();
        *station.cancel.lock().unwrap() = Cancel::new();
        station.bring_back_what_is_asked_for();
        let report = station.run().unwrap();
        let lines = station.ears.lines();
        assert_eq!((report.totals.done, report.failures.len()), (5 - begun.len(), 0), "{text}\n{lines}");
        assert_eq!((report.waiting, report.others.len()), (begun.len(), begun.len()), "{text}\n{lines}");
        for (task, failure) in &report.others {
            assert_eq!(failure.code, "job/other-station", "{text}");
            let job = begun.iter().find(|job| job.order.task == Some(task.id)).unwrap();
            let serial = job.order.key.shown_serial().unwrap();
            assert!(failure.sentence.contains(&format!("the key {serial}")), "{text}: {}", failure.sentence);
        }
        assert_eq!(passkeys(), before, "{text}: nothing of them was sent from here");

        // The first one is back.
        rename(identity("first.age"), identity("station.age")).unwrap();
        let report = station.run().unwrap();
        assert_eq!((report.totals.done, report.others.len()), (5, 0), "{text}\n{}", station.ears.lines());
        assert!(station.tasks().iter().all(|task| task.state == TaskState::Done), "{text}");
        station.ledger().verify(None).unwrap();
        station.check_done(1..=5);
    }
}
