//! The contract, and what only a database can get wrong: over a real server, which `hw-tests/postgres/test` starts.

mod doors;
mod outage;
mod stations;
mod tampering;
mod wire;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postgres::{Client, NoTls};

use crate::ledger::contract::{self, order, sealed};
use crate::ledger::postgres::{Address, LeaseTimes, PostgresLedger, PostgresPlace, tls};
use crate::ledger::{Intent, JobState, Ledger as _};

/// Names the administrator's URL of the server.
const SERVER: &str = "KEYWRIGHT_TEST_POSTGRES";

/// So long that neither a beat nor an expiry comes of itself.
const FOREVER: LeaseTimes = LeaseTimes { length: Duration::from_secs(10_000), beat: Duration::from_secs(10_000) };

fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| panic!("run hw-tests/postgres/test, which starts a server and sets {SERVER}"))
}

/// The server's URL for another database.
fn url_of(database: &str) -> String {
    server().replace("/postgres?", &format!("/{database}?"))
}

/// The administrator in a database.
fn outside(address: &Address) -> Client {
    let connector = tls::connector(address).unwrap();
    if address.tls() { address.config().connect(connector).unwrap() } else { address.config().connect(NoTls).unwrap() }
}

/// A new, empty database.
fn database() -> Address {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    outside(&Address::parse(&server()).unwrap()).batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    Address::parse(&url_of(&name)).unwrap()
}

fn place() -> PostgresPlace {
    PostgresPlace::new(database(), FOREVER)
}

/// Makes its database as new.
fn emptied(place: &PostgresPlace) {
    outside(place.address()).batch_execute("DROP SCHEMA IF EXISTS keywright CASCADE").unwrap();
}

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).unwrap().get(0)
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn keeps_the_contract() {
    let place = place();
    contract::kept_by(&mut || Box::new(place.open().unwrap()));
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn agrees_with_the_model() {
    let place = place();
    contract::agrees_with_the_model(24, &|| {
        emptied(&place);
        let place = place.clone();
        Box::new(move || Box::new(place.open().unwrap()))
    });
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn eight_stations_may_start_on_an_empty_database_at_once() {
    let address = database();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| PostgresPlace::new(address.clone(), FOREVER).open().unwrap());
        }
    });
    assert_eq!(number(&mut outside(&address), "SELECT version::bigint FROM keywright.ledger"), 1);
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_newer_ledger_is_refused() {
    let place = place();
    drop(place.open().unwrap());
    outside(place.address()).batch_execute("UPDATE keywright.ledger SET version = 99").unwrap();
    let error = place.open().unwrap_err().to_string();
    assert!(error.contains("its version is 99"), "{error}");
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_session_waits_for_the_disk_whatever_the_server_is_set_to() {
    for (setting, session) in [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let place = place();
        let name = place.address().database().to_owned();
        outside(place.address()).batch_execute(&format!("ALTER DATABASE {name} SET synchronous_commit = {setting}")).unwrap();
        let mut ledger = place.open().unwrap();
        let shown: String = ledger
            .session
            .read(|client| Ok(client.query_one("SELECT current_setting('synchronous_commit')", &[])?.try_get(0)?))
            .unwrap();
        assert_eq!(shown, session, "{setting}");
    }
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn the_room_of_destroyed_pins_is_given_back() {
    let place = place();
    let mut ledger = place.open().unwrap();
    let jobs: Vec<_> = (0..20).map(|_| ledger.open_job(&order("a")).unwrap()).collect();
    for job in &jobs {
        let _ = ledger.before(*job, &Intent::SetPin { draw: 1 }, Some(&sealed(1))).unwrap();
    }
    let mut outside = outside(place.address());
    let size = "SELECT pg_relation_size('keywright.pin')";
    assert!(number(&mut outside, size) > 0);
    for job in jobs {
        ledger.close(job, JobState::Done).unwrap();
    }
    assert_eq!(number(&mut outside, size), 0);
}

/// Another opening of the same database that shares nothing with the first, as another station's.
fn another_station(place: &PostgresPlace) -> PostgresLedger {
    PostgresPlace::new(place.address().clone(), FOREVER).open().unwrap()
}

/// The server's clock passes the end of all leases.
fn let_leases_expire(address: &Address) {
    let past = "until = clock_timestamp() - interval '1 second'";
    outside(address).batch_execute(&format!("UPDATE keywright.claim SET {past}; UPDATE keywright.lease SET {past}")).unwrap();
}

/// Threads share a place.
#[test]
fn a_place_goes_to_any_thread() {
    fn shared<T: Send + Sync + Clone>() {}
    fn sent<T: Send>() {}
    shared::<PostgresPlace>();
    sent::<PostgresLedger>();
}
