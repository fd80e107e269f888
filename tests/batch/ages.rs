//! What was fetched for a task before its key came, and has grown old by the time it is needed.

use std::time::Duration;

use keywright::simulator::key::{Model, Move, Tempo};

use crate::station::{Station, row};

/// The life of a challenge.
const LIFE: Duration = Duration::from_mins(5);
const OPTIONS: &str = "*creationOptions*";

fn patient() -> Station {
    let station = Station::new(1, 1, 60);
    station.take_in(&[row(1)]);
    station.terms.lock().unwrap().patience = 3 * LIFE;
    station
}

/// The key is made and registered at the first go, by a challenge that was alive.
fn made_at_once(station: &Station) {
    let report = station.run().unwrap();
    let lines = station.ears.lines();
    assert_eq!((report.totals.done, report.failures.len(), report.waiting), (1, 0, 0), "{lines}");
    assert_eq!(station.tenant.calls("POST", "*/authentication/fido2Methods"), 1, "{lines}");
    for word in ["key-missing", "key-refused", "ran out"] {
        assert!(!lines.contains(word), "{word}: {lines}");
    }
    assert_eq!(lines.matches("\"step-begins\",\"step\":\"make\"").count(), 1, "one passkey is made: {lines}");
    station.check_done([1]);
}

#[test]
fn options_that_are_too_old_when_the_key_comes_are_fetched_anew() {
    let station = patient();
    station.hand_out(&[]);
    let key = station.key(&Model::STANDARD, 1);
    station.desk.act_later(LIFE + Duration::from_secs(20), Move::Put(0, key));
    made_at_once(&station);
    assert!(station.tenant.calls("GET", OPTIONS) > 1, "they were fetched anew");
}

/// Two minutes of life are asked for before the touch; hands that bring a key back late have used them up.
#[test]
fn options_that_grow_old_while_the_key_is_away_to_be_wiped_are_fetched_anew() {
    let station = patient();
    let slow = Duration::from_secs(100);
    station.fill_box(Model::STANDARD, Tempo::default(), Duration::ZERO, slow);
    let key = station.key(&Model::STANDARD, 1);
    assert!(key.wear("20071969", 1));
    station.desk.put(0, &key);
    station.terms.lock().unwrap().order.erase_agreed = true;
    made_at_once(&station);
    assert!(station.tenant.calls("GET", OPTIONS) > 1, "they were fetched anew");
}
