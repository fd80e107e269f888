//! A key serves one person.

use std::time::Duration;

use keywright::simulator::key::Model;

use crate::station::{Station, row};

#[test]
fn a_key_that_comes_twice_is_refused_and_the_lane_goes_on() {
    let station = Station::new(1, 2, 20);
    station.take_in(&[row(1), row(2)]);
    let (first, second) = (station.key(&Model::STANDARD, 1), station.key(&Model::STANDARD, 2));
    station.hand_out(&[first.clone(), first.clone(), second]);
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len()), (2, 0), "{}", station.ears.lines());
    let lines = station.ears.lines();
    assert!(lines.lines().any(|line| line.contains("key-refused") && line.contains("made ready for user001")), "{lines}");
    station.check_done([1, 2]);
    assert_eq!(first.state().resident, 1, "it was left as it was");
}

#[test]
fn a_key_that_was_given_out_before_is_refused_until_it_is_wiped() {
    let station = Station::new(1, 2, 20);
    station.take_in(&[row(1)]);
    let (first, second) = (station.key(&Model::STANDARD, 1), station.key(&Model::STANDARD, 2));
    station.hand_out(std::slice::from_ref(&first));
    station.run().unwrap();
    station.take_in(&[row(2)]);
    station.terms.lock().unwrap().order.erase_agreed = true;
    station.hand_out(&[first.clone(), second]);
    let report = station.run().unwrap();
    let lines = station.ears.lines();
    assert_eq!((report.totals.done, report.failures.len()), (1, 0), "{lines}");
    assert!(lines.contains("it was given to user001@contoso.example on 2026-11-02"), "{lines}");
    station.check_done([1, 2]);
}

#[test]
fn a_used_key_is_wiped_at_its_own_port_when_that_was_agreed_to() {
    let station = Station::new(2, 2, 20);
    station.take_in(&[row(1), row(2)]);
    let keys: Vec<_> = (1..=3).map(|serial| station.key(&Model::STANDARD, serial)).collect();
    assert!(keys.iter().take(2).all(|key| key.wear("20071969", 1)));
    station.hand_out(&keys);
    station.terms.lock().unwrap().patience = Duration::from_secs(30);
    let report = station.run().unwrap();
    assert_eq!(report.totals.done, 1, "nobody agreed: only the fresh key is taken\n{}", station.ears.lines());
    station.terms.lock().unwrap().order.erase_agreed = true;
    station.hand_out(&keys[..2]);
    let report = station.run().unwrap();
    assert_eq!(report.totals.done, 2, "{}", station.ears.lines());
    station.check_done([1, 2]);
}
