//! A run that is stopped is gone on with by the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywright::ctap::Cancel;
use keywright::ledger::{JobState, TaskState};

use crate::station::{Station, row};

#[test]
fn a_stop_parks_every_lane_and_the_next_run_goes_on() {
    for (text, after) in
        [("task-begins", 2), ("step-done\",\"step\":\"pin", 3), ("step-done\",\"step\":\"seal", 1), ("task-done", 2)]
    {
        let station = Station::new(3, 6, 20);
        station.take_in(&(1..=6).map(row).collect::<Vec<_>>());
        let (seen, cancel) = (Arc::new(AtomicU32::new(0)), station.cancel.lock().unwrap().clone());
        station.ears.when(text, move || {
            if seen.fetch_add(1, Ordering::SeqCst) + 1 == after {
                cancel.request();
            }
        });
        let report = station.run().unwrap();
        assert!(report.totals.done < 6 && report.waiting > 0, "{text}: {report:?}");
        let states = station.tasks();
        assert!(states.iter().all(|task| matches!(task.state, TaskState::Waiting | TaskState::Done)), "{text}: {states:?}");
        *station.cancel.lock().unwrap() = Cancel::new();
        let report = station.run().unwrap();
        assert_eq!((report.totals.done, report.failures.len()), (6, 0), "{text}\n{}", station.ears.lines());
        assert!(station.ledger().jobs(Some(JobState::Open)).unwrap().is_empty());
        station.ledger().verify(None).unwrap();
        for number in 1..=6 {
            let upn = crate::station::upn(number);
            assert_eq!(station.tenant.passkeys(&upn).len(), 1, "{text}: {upn}\n{}", station.ears.lines());
        }
        let finished = station.keys.lock().unwrap().iter().filter(|key| key.state().resident == 1).count();
        assert_eq!(finished, 6, "{text}: everybody has exactly one key");
    }
}
