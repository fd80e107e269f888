//! One row that cannot be done stops no other.

use keywright::ledger::{NewTask, TaskState};
use keywright::metadata::Severity;
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{Act, Fault};

use crate::station::{Station, row};
use crate::support::world::METHODS;

#[test]
fn a_refused_row_among_good_ones() {
    let station = Station::new(2, 6, 20);
    station.tenant.change(|script| script.users[2].enabled = false);
    let gone =
        NewTask { row: 7, user_id: "00000000-0000-4000-8000-00000000dead".into(), upn: "gone@contoso.example".into(), ..row(7) };
    station.take_in(&(1..=6).map(row).chain([gone]).collect::<Vec<_>>());
    let report = station.run().unwrap();
    let codes: Vec<(u32, &str)> = report.failures.iter().map(|(task, failure)| (task.order.row, failure.code.as_str())).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [(3, "policy/refused"), (7, "tenant/user-unknown")], "{}", station.ears.lines());
    assert_eq!((report.totals.done, report.waiting), (5, 0));
    station.check_done([1, 2, 4, 5, 6]);
    let states: Vec<TaskState> = station.tasks().iter().map(|task| task.state).collect();
    assert_eq!(states.iter().filter(|state| **state == TaskState::Failed).count(), 2);
    assert_eq!(station.keys.lock().unwrap().len(), 5, "the key of a refused row went to the next one");
}

#[test]
fn a_model_that_the_tenant_does_not_take_is_the_keys_trouble() {
    let station = Station::new(1, 2, 20);
    station.tenant.change(|script| {
        let rules = &mut script.policy.key_restrictions;
        (rules.is_enforced, rules.enforcement_type) = (true, "block".into());
        rules.aa_guids = vec![Model::USB_SERIAL.aaguid];
        script.policy.passkey_profiles.clear();
    });
    station.take_in(&[row(1), row(2)]);
    let blueprints = [(&Model::USB_SERIAL, 1), (&Model::STANDARD, 2), (&Model::STANDARD, 3)];
    let keys: Vec<_> = blueprints.map(|(model, serial)| station.key(model, serial)).into();
    station.hand_out(&keys);
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len()), (2, 0), "{}", station.ears.lines());
    assert!(station.ears.lines().contains("key-refused"));
    assert!(!keys[0].state().pin_set, "it was not changed");
    station.check_done([1, 2]);
}

#[test]
fn a_key_whose_passkey_was_refused_is_recognised_when_it_comes_back() {
    for (times, done, code) in [(1, 1, None), (0, 0, Some("tenant/refused"))] {
        let station = Station::new(1, 1, 20);
        station.tenant.add_fault(Fault { times, ..Fault::once("POST", METHODS, Act::status(400)) });
        station.take_in(&[row(1)]);
        station.bring_back_what_is_missing();
        let report = station.run().unwrap();
        assert_eq!(report.totals.done, done, "{}", station.ears.lines());
        assert!(station.ears.lines().contains("key-missing"), "{}", station.ears.lines());
        assert_eq!(report.failures.first().map(|(_, failure)| failure.code.as_str()), code, "{}", station.ears.lines());
        let key = station.keys.lock().unwrap()[0].clone();
        assert_eq!(key.state().resident, done, "what was refused is taken off the key");
        assert_eq!(station.keys.lock().unwrap().len(), 1);
        if done == 1 {
            station.check_done([1]);
        }
    }
}

#[test]
fn a_key_that_an_advisory_concerns_is_refused_and_the_next_one_serves() {
    let station = Station::new(1, 2, 20);
    {
        let order = &mut station.terms.lock().unwrap().order;
        (order.deny_advisory, order.unforced_pin_agreed) = (Some(Severity::High), true);
    }
    station.take_in(&[row(1), row(2)]);
    // Firmware 5.1.2 among newer ones.
    let blueprints = [(&Model::CTAP_2_0, 1), (&Model::STANDARD, 2), (&Model::STANDARD, 3)];
    let keys: Vec<_> = blueprints.map(|(model, serial)| station.key(model, serial)).into();
    station.hand_out(&keys);
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len()), (2, 0), "{}", station.ears.lines());
    let lines = station.ears.lines();
    assert!(lines.contains("key-refused") && lines.contains("TRAINING-1"), "{lines}");
    assert!(!keys[0].state().pin_set, "it was not changed");
    station.check_done([1, 2]);
}
