//! A station that was not heard of for too long, and whose tasks another one has taken over. Over a server, which
//! `hw-tests/postgres/test` starts.

use std::sync::{Arc, Mutex};

use keywright::ledger::{Batches, Job, JobState, TaskState};

use crate::database::{EVERYBODY, address, database, expire, open};
use crate::station::{Station, row, upn};

/// What the other station does with the job that it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It works on it.
    Holds,
    /// It has ended it.
    Ends,
}

/// Another opening of the ledger, and the job that it took.
type Taken = (Box<dyn Batches + Send>, Job);

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn what_was_taken_over_is_left_alone_and_the_lanes_go_on() {
    // When it is lost, passkeys that the first user has in the end.
    let rows = [
        ("step-done\",\"step\":\"pin", Then::Holds, 0),
        ("step-done\",\"step\":\"pin", Then::Ends, 0),
        ("step-done\",\"step\":\"verify", Then::Holds, 0),
        ("step-done\",\"step\":\"seal", Then::Holds, 0),
        ("step-done\",\"step\":\"seal", Then::Ends, 0),
        ("step-begins\",\"step\":\"register", Then::Holds, 0),
        ("step-done\",\"step\":\"register", Then::Holds, 1),
        ("step-done\",\"step\":\"register", Then::Ends, 1),
    ];
    for (text, then, passkeys) in rows {
        let name = format!("{text} {then:?}");
        let database = database();
        let mut station = Station::new(1, 3, 20);
        station.database = Some(address(&database));
        station.take_in(&(1..=3).map(row).collect::<Vec<_>>());
        // Whoever agreed to wipe used keys did not mean this one.
        station.terms.lock().unwrap().order.erase_agreed = true;
        let other: Arc<Mutex<Option<Taken>>> = Arc::default();
        let (taking, at) = (Arc::clone(&other), station.database.clone().unwrap());
        station.ears.when(text, move || {
            let mut taken = taking.lock().unwrap();
            if taken.is_some() {
                return;
            }
            let mut ledger = open(&at);
            let job = ledger.jobs(Some(JobState::Open)).unwrap().into_iter().find(|job| job.order.upn == upn(1)).unwrap();
            expire(&database, EVERYBODY);
            let job = ledger.claim(job.id).unwrap();
            if then == Then::Ends {
                ledger.close(job.id, JobState::Ended).unwrap();
            }
            *taken = Some((ledger, job));
        });
        let report = station.run().unwrap_or_else(|error| panic!("{name}: {error}\n{}", station.ears.lines()));
        let lines = station.ears.lines();
        let (mut ledger, job) = other.lock().unwrap().take().expect("it was taken over");
        assert_eq!((report.totals.done, report.failures.len()), (2, 0), "{name}\n{lines}");
        assert!(lines.contains("another station goes on with user001"), "{name}\n{lines}");
        station.check_done(2..=3);
        assert_eq!(station.tenant.passkeys(&upn(1)).len(), passkeys, "{name}\n{lines}");
        assert!(
            !station.ears.pins().iter().any(|(user, _)| *user == upn(1)),
            "{name}: its PIN is the other station's to hand over"
        );
        let key = station
            .keys
            .lock()
            .unwrap()
            .iter()
            .find(|key| Some(&*key.serial().to_string()) == job.order.key.shown_serial())
            .cloned();
        let key = key.unwrap();
        let made = !text.contains("pin");
        assert_eq!(key.state().resident, usize::from(made), "{name}: the key is as it was\n{lines}");
        assert_eq!(key.state().forced_change, text.contains("seal") || text.contains("register"), "{name}");
        let task = ledger.task(job.order.task.unwrap()).unwrap();
        if then == Then::Holds {
            assert_eq!((task.state, report.elsewhere), (TaskState::Working, 1), "{name}");
        }
        assert_eq!((task.failure, task.tries), (None, 0), "{name}: it was not given up here");
        ledger.verify(None).unwrap();
    }
}
