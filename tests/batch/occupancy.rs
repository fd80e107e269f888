//! How much of their time keys are at work: the tenant is never waited for while a key is in a port.
//!
//! `KEYWRIGHT_BENCH_SPEED=1 cargo test --release --test batch occupancy -- --ignored --nocapture` is the whole measurement: 500
//! people on 8 training keys with a real key's times, a touch after a second, and a tenant that takes 300 ms for each answer.

use std::time::Duration;

use keywright::batch::lanes::Load;
use keywright::simulator::key::{Model, Tempo};

use crate::station::{Station, row};

/// A batch at so many times real speed; tells what each lane did.
fn measure(people: usize, lanes: usize, speed: u32) -> (Load, Duration) {
    let station = Station::new(lanes, people, speed);
    station.tenant.change(|script| script.latency = 300);
    station.fill_box(Model::STANDARD, Tempo::REAL, Duration::from_secs(1), Duration::ZERO);
    station.take_in(&(1..=people).map(row).collect::<Vec<_>>());
    let report = station.run().unwrap();
    assert_eq!(report.totals.done, people, "{:?}", report.failures);
    let load = report.loads.iter().fold(Load::default(), |sum, (_, load)| sum.plus(*load));
    (load, report.wall)
}

fn told(people: usize, lanes: usize, speed: u32, load: Load, wall: Duration) -> String {
    let share = |per_mille: u64| format!("{}.{} %", per_mille / 10, per_mille % 10);
    format!(
        "{people} people, {lanes} lanes, {speed} times real speed: {:.1} s in all, {:.2} s of a key's own work each; \
         lanes were at work {} of the time, {} of it without the hands",
        wall.as_secs_f64(),
        load.work.as_secs_f64() / f64::from(load.keys),
        share(load.per_mille()),
        share(load.per_mille_without_hands())
    )
}

#[test]
fn keys_do_not_wait_for_the_tenant() {
    let (people, lanes, speed) = (24, 4, 12);
    let (load, wall) = measure(people, lanes, speed);
    // A machine with other things to do counts twelvefold here; a key that waited for the tenant would be below a half.
    assert!(load.per_mille_without_hands() > 600, "{}", told(people, lanes, speed, load, wall));
}

#[test]
#[ignore = "minutes of real time"]
#[allow(clippy::print_stderr, reason = "a measurement")]
fn occupancy_of_500_people_on_8_keys() {
    let number = |name: &str, usual| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (people, lanes, speed) =
        (number("KEYWRIGHT_BENCH_PEOPLE", 500), number("KEYWRIGHT_BENCH_LANES", 8), number("KEYWRIGHT_BENCH_SPEED", 1));
    let speed = u32::try_from(speed).unwrap();
    let (load, wall) = measure(people, lanes, speed);
    let told = told(people, lanes, speed, load, wall);
    eprintln!("{told}");
    assert!(load.per_mille() >= 950, "{told}");
}

/// Keys an hour with more and more lanes, as rows of a table: at twice real speed, so that the machine has twice the work.
#[test]
#[ignore = "minutes of real time: hw-tests/bench/run"]
#[allow(clippy::print_stdout, reason = "a measurement")]
fn lanes_beside_each_other() {
    const ROUNDS: usize = 7;
    const EACH: usize = 8;
    let (speed, mut alone) = (2, 0.0);
    for lanes in [1, 2, 4, 8, 16] {
        let mut runs: Vec<(Duration, u64)> = (0..ROUNDS)
            .map(|_| {
                let (load, wall) = measure(EACH * lanes, lanes, speed);
                (wall, load.per_mille())
            })
            .collect();
        runs.sort_unstable();
        let (wall, busy) = runs[ROUNDS / 2];
        let rate = f64::from(u32::try_from(EACH * lanes).unwrap()) * 3600.0 / wall.as_secs_f64();
        if lanes == 1 {
            alone = rate;
        }
        let linear = rate / alone / f64::from(u32::try_from(lanes).unwrap()) * 100.0;
        println!("performance lanes | {lanes} | {rate:.0} | {linear:.1} % | {}.{} % |", busy / 10, busy % 10);
    }
}
