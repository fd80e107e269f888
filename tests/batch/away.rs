//! The network goes away and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywright::simulator::tenant::{Act, Fault};

use crate::station::{Station, row};

#[test]
fn keys_go_as_far_as_they_can_while_the_tenant_is_away() {
    let station = Station::new(2, 8, 40);
    station.take_in(&(1..=8).map(row).collect::<Vec<_>>());
    let (gone, tenant) = (AtomicBool::new(false), Arc::clone(&station.tenant));
    station.ears.when("task-done", move || {
        if !gone.swap(true, Ordering::SeqCst) {
            let fault = Fault { method: None, path: "*".into(), call: 1, times: 0, act: Act::status(503) };
            tenant.add_fault(fault);
        }
    });
    let tenant = Arc::clone(&station.tenant);
    station.ears.when("the rest waits and goes on by itself", move || tenant.clear_faults());
    let report = station.run().unwrap();
    assert_eq!((report.totals.done, report.failures.len(), report.waiting), (8, 0, 0), "{}", station.ears.lines());
    let lines = station.ears.lines();
    assert!(lines.contains("the rest waits") && lines.contains("the tenant answers again"), "{lines}");
    station.check_done(1..=8);
}
