//! Whose key it is, by the roster's serial number or by a scanner.

use keywright::batch::run::Matching;
use keywright::ledger::NewTask;
use keywright::simulator::key::Model;

use crate::station::{Station, row, upn};

fn owner(station: &Station, serial: u32) -> String {
    let handed = station.ears.handed.lock().unwrap();
    let serial = serial.to_string();
    handed.iter().find(|(summary, _)| summary.serial.as_deref() == Some(&serial)).map(|(summary, _)| summary.upn.clone()).unwrap()
}

#[test]
fn the_rosters_serial_number_says_whose_key_it_is() {
    let station = Station::new(1, 3, 20);
    station.terms.lock().unwrap().matching = Matching::Serial;
    let rows = (1..=3).map(|number| NewTask { serial: Some(format!("{}", 100 + number)), ..row(number) });
    station.take_in(&rows.collect::<Vec<_>>());
    let keys: Vec<_> = [103, 999, 101, 102].map(|serial| station.key(&Model::STANDARD, serial)).into();
    station.hand_out(&keys);
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len()), (3, 0), "{}", station.ears.lines());
    for number in 1..=3_u32 {
        assert_eq!(owner(&station, 100 + number), upn(number.try_into().unwrap()));
    }
    assert!(station.ears.lines().contains("no row that waits names the serial number 999"));
    assert!(!keys[1].state().pin_set);
}

#[test]
fn in_order_of_arrival_a_row_that_names_a_key_waits_for_it() {
    let station = Station::new(1, 3, 20);
    station.take_in(&[NewTask { serial: Some("103".into()), ..row(1) }, row(2), row(3)]);
    let keys: Vec<_> = [101, 102, 103].map(|serial| station.key(&Model::STANDARD, serial)).into();
    station.hand_out(&keys);
    let report = station.run().unwrap();
    assert_eq!(report.totals.done, 3, "{}", station.ears.lines());
    assert_eq!([101, 102, 103].map(|serial| owner(&station, serial)), [upn(2), upn(3), upn(1)]);
}

#[test]
fn a_scanner_says_whose_key_it_is_and_which() {
    let station = Station::new(1, 3, 20);
    station.terms.lock().unwrap().matching = Matching::Scan;
    station.take_in(&[row(1), NewTask { ticket: Some("WO-77".into()), ..row(2) }, row(3)]);
    let keys: Vec<_> = [103, 101, 102].map(|serial| station.key(&Model::STANDARD, serial)).into();
    station.hand_out(&keys);
    for line in ["WO-77", "103", "nonsense", &upn(1), &upn(3), "00102", &upn(1), "101"] {
        station.scanner.send(line.to_owned()).unwrap();
    }
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len()), (3, 0), "{}", station.ears.lines());
    assert_eq!([101, 102, 103].map(|serial| owner(&station, serial)), [upn(1), upn(3), upn(2)]);
    assert!(station.ears.lines().contains("no row that waits has the code nonsense"));
}
