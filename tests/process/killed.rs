//! SIGKILL before and after every journal row, then the same command again: exactly one passkey in the tenant and on the
//! key, the PIN known, nothing orphaned.

use crate::killing;
use crate::station::{Station, results};
use crate::support::world::{ADELE, METHODS};

#[test]
fn killed_before_and_after_every_row() {
    let sides = ["before", "after"];
    let walks: Vec<u32> = std::thread::scope(|scope| {
        let walks = [false, true].map(|used| sides.map(|side| scope.spawn(move || walk(used, side))));
        walks.into_iter().flatten().map(|walk| walk.join().expect("a walk over every row")).collect()
    });
    // Opened, closed, two rows a step: PIN, make, seal, register, hand over; and erase for the used key.
    assert_eq!(walks, [12, 12, 14, 14]);
}

/// Kills at one row after the other; returns how many rows there were.
fn walk(used: bool, side: &str) -> u32 {
    (1..100).take_while(|write| killed_at(used, *write, side)).last().unwrap_or(0)
}

/// Says whether the run came to that row at all.
fn killed_at(used: bool, write: u32, side: &str) -> bool {
    let name = format!("used {used}, {side} write {write}");
    let station = Station::new();
    if used {
        assert!(station.key().wear("20071969", 1));
    }
    let Some(shown) = first_run(&station, &format!("{side}:{write}")) else { return false };
    let again = station.enroll(&["--json"]);
    assert!(again.status.success(), "{name}: {}", String::from_utf8_lossy(&again.stdout));
    let results = results(&again.stdout);
    assert_eq!(results.len(), 1, "{name}");
    let pin = results[0]["result"]["temporaryPin"].as_str().unwrap().to_owned();
    let key = station.key();
    assert!(key.pin_is(&pin), "{name}: the PIN that was handed over is the key's");
    assert_eq!((key.state().resident, key.state().forced_change), (1, true), "{name}");
    // A run that was killed after the job was closed leaves nothing to finish: the second one is a new enrolment.
    let finished = shown && results[0]["result"]["secondCopy"] == false;
    assert_eq!(station.tenant.passkeys(ADELE).len(), if finished { 2 } else { 1 }, "{name}");
    let posts = station.tenant.calls("POST", METHODS);
    assert_eq!(posts, if finished { 2 } else { 1 }, "{name}: posted once");
    true
}

/// Runs to the fault point and is killed there; says whether the PIN was shown by then.
fn first_run(station: &Station, point: &str) -> Option<bool> {
    let (results, exit) = killing::run(&mut station.command(&["enroll", ADELE, "--json"]), Some(point));
    exit.is_none().then_some(!results.is_empty())
}
