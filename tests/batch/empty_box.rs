//! Nobody is there, and no key comes.

use std::sync::Arc;
use std::time::Duration;

use crate::station::{Station, row};

/// What is fetched for a task grows old and is fetched anew: that is no sign of life.
#[test]
fn a_run_without_keys_ends_although_what_was_fetched_is_fetched_anew() {
    let station = Station::new(2, 3, 400);
    station.take_in(&(1..=3).map(row).collect::<Vec<_>>());
    station.hand_out(&[]);
    let patience = Duration::from_mins(7);
    station.terms.lock().unwrap().patience = patience;
    let (clock, cancel) = (Arc::clone(&station.clock), station.cancel.lock().unwrap().clone());
    std::thread::spawn(move || {
        clock.sleep(patience * 3);
        cancel.request();
    });
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.waiting), (0, 3));
    assert!(report.wall >= patience && report.wall < patience * 2, "{:?}", report.wall);
    let fetched = station.tenant.calls("GET", "*creationOptions*");
    assert!(fetched > 3, "the test is about what is fetched anew: {fetched}");
}
