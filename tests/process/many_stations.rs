//! Batches over PostgreSQL: programs that are killed, and stations that go on with what a killed one has left. Over a server, which
//! `hw-tests/postgres/test` starts.

use serde_json::Value;

use crate::batches::{check, kill_many, on, people, roster, upn};
use crate::database::{EVERYBODY, address, database, expire, name_of, open, sql};
use crate::killing::{self, Killed};
use crate::station::{Station, last, results};

/// People of the batches that three stations work on.
const PEOPLE: usize = 8;
/// Programs that are killed.
const KILLS: usize = 200;
/// Keys of the box that each station takes at most.
const SHARE: u32 = 40;

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn everybody_has_one_passkey_however_often_the_program_is_killed() {
    let make = || Station::of(people(3)).with_ledger(&address(&database()));
    let buried = |station: &Station| expire(&name_of(station.ledger()), EVERYBODY);
    kill_many(KILLS, &make, &|station| open(station.ledger()), &buried);
}

/// Three stations, one of which is killed at a write while the others work.
struct Three {
    database: String,
    stations: Vec<Station>,
    said: Vec<Value>,
}

impl Three {
    /// With `trust` each seals its PINs for the others, too.
    fn new(trust: bool) -> Self {
        let database = database();
        let first = Station::of(people(PEOPLE)).with_ledger(&address(&database));
        let (second, third) = (first.another(SHARE), first.another(2 * SHARE));
        let stations = vec![first, second, third];
        if trust {
            let recipients = stations.iter().map(|station| station.json(&["pins", "recipient"]).1);
            let recipients: Vec<String> =
                recipients.map(|line| line["result"]["recipient"].as_str().unwrap().to_owned()).collect();
            for station in &stations {
                station.trusts(&recipients);
            }
        }
        let file = roster(&stations[0], PEOPLE);
        let (exit, taken) = stations[0].json(&["batch", "run", &file, "--import-only"]);
        assert_eq!(exit, 0, "{taken}");
        Self { database, stations, said: Vec::new() }
    }

    /// The first one begins and is killed; the others have begun by then. Both go on until nothing is left for them. Gives the last
    /// lines of their last runs, with the exit codes.
    fn one_is_killed(&mut self, point: &str) -> Vec<(i32, Value)> {
        let mut first = on(&self.stations[0], &["batch", "resume"]);
        let (said, end) = std::thread::scope(|scope| {
            let dying = scope.spawn(|| killing::run_to(&mut first, Some(point)));
            // Whoever holds something now is the first one.
            let holders = loop {
                let holders = sql(&self.database, "SELECT DISTINCT quote_literal(holder) FROM keywright.lease");
                if !holders.is_empty() || dying.is_finished() {
                    break holders;
                }
            };
            let early: Vec<_> =
                self.stations[1..].iter().map(|station| on(station, &["batch", "resume"]).spawn().unwrap()).collect();
            let killed = dying.join().unwrap();
            if !holders.is_empty() {
                expire(&self.database, &holders);
            }
            let outputs = early.into_iter().map(|child| child.wait_with_output().unwrap());
            self.said.extend(outputs.flat_map(|output| results(&output.stdout)));
            killed
        });
        assert!(matches!(end, Killed::At(_)), "{point}: the first one came to its end");
        self.said.extend(said);
        let runs = [1, 2].map(|station| self.resume(station));
        runs.into_iter().collect()
    }

    /// Another run of a station; its exit code and last line.
    fn resume(&mut self, station: usize) -> (i32, Value) {
        let output = on(&self.stations[station], &["batch", "resume"]).output().unwrap();
        let lines = results(&output.stdout);
        let line = lines.last().cloned().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stdout)));
        self.said.extend(lines);
        (output.status.code().unwrap(), line)
    }

    fn check(&self, name: &str) {
        check(&mut *open(self.stations[0].ledger()), &self.stations[0], PEOPLE, &self.said, name);
    }
}

/// Where the first station is killed: in the middle of its first keys, after some are ready, and while they are registered.
const POINTS: [&str; 6] = ["after:6", "before:11", "after:14", "before:18", "after:22", "before:26"];

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn stations_that_trust_each_other_finish_what_a_killed_one_has_left() {
    for point in POINTS {
        let mut three = Three::new(true);
        let ends = three.one_is_killed(point);
        // The first of the two runs finishes what nobody else holds any more.
        let name = format!("{point}: {ends:?}");
        assert_eq!(ends[1].0, 0, "{name}");
        three.check(&name);
    }
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn what_only_a_killed_station_can_finish_is_named_and_waits_for_it() {
    let mut named = 0;
    for point in POINTS.into_iter().step_by(2) {
        let mut three = Three::new(false);
        let ends = three.one_is_killed(point);
        let name = format!("{point}: {ends:?}");
        let others = ends[1].1["result"]["others"].as_array().unwrap().clone();
        assert_eq!(ends[1].0, if others.is_empty() { 0 } else { 7 }, "{name}");
        assert_eq!(ends[1].1["result"]["done"], PEOPLE - others.len(), "{name}");
        assert!(others.iter().all(|row| row["code"] == "job/other-station"), "{name}");
        named += others.len();
        let (exit, line) = three.resume(0);
        assert_eq!((exit, &line["result"]["done"]), (0, &Value::from(PEOPLE)), "{name}: {line}");
        three.check(&name);
    }
    assert!(named > 0, "the test is about what only one station can open");
}

/// The way out that the message names where the station does not come back.
#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
#[expect(clippy::print_stdout, reason = "how much there was to end")]
fn what_a_lost_station_has_left_is_ended_by_hand_and_begun_anew() {
    let mut registered = 0;
    for point in ["after:14", "after:26"] {
        let mut three = Three::new(false);
        let ends = three.one_is_killed(point);
        let others = ends[1].1["result"]["others"].as_array().unwrap().clone();
        let second = &three.stations[1];
        for row in &others {
            let user = row["upn"].as_str().unwrap();
            let job =
                open(second.ledger()).jobs(None).unwrap().into_iter().rfind(|job| job.order.upn == user).unwrap().id.to_string();
            if !second.tenant.passkeys(user).is_empty() {
                registered += 1;
                let list = last(&mut on(second, &["passkeys", "list", user])).1;
                let id = list["result"]["passkeys"][0]["id"].as_str().unwrap_or_else(|| panic!("{list}"));
                let (exit, line) = last(on(second, &["passkeys", "remove", user, "--last"]).args(["--", id]));
                assert_eq!(exit, 0, "{point}: {line}");
            }
            let (exit, line) = last(&mut on(second, &["resume", "--abandon", &job]));
            assert_eq!(exit, 0, "{point}: {line}");
        }
        let (exit, line) = three.resume(1);
        assert_eq!((exit, &line["result"]["done"]), (0, &Value::from(PEOPLE)), "{point}: {line}");
        for number in 1..=PEOPLE {
            assert_eq!(three.stations[0].tenant.passkeys(&upn(number)).len(), 1, "{point}");
        }
    }
    println!("{registered} passkeys of a lost station were removed");
}
