//! A box of keys for a roster, one lane a port.

use keywright::ledger::TaskState;

use crate::station::{Station, row};

#[test]
fn everybody_of_a_roster_gets_a_key_on_several_lanes() {
    let station = Station::new(3, 9, 20);
    station.take_in(&(1..=9).map(row).collect::<Vec<_>>());
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.waiting, report.failures.len()), (9, 0, 0), "{}", station.ears.lines());
    station.check_done(1..=9);
    assert!(station.tasks().iter().all(|task| task.state == TaskState::Done));
    assert_eq!(report.loads.len(), 3);
    assert_eq!(report.loads.iter().map(|(_, load)| load.keys).sum::<u32>(), 9);
    assert_eq!(station.keys.lock().unwrap().len(), 9, "no more keys were asked for than there were people");
}
