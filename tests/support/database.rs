//! Databases of the server that `hw-tests/postgres/test` starts.

use std::cell::OnceCell;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use keywright::clock::SystemClock;
use keywright::ledger::Batches;
use keywright::ledger::place::LedgerPlace;
use keywright::ledger::postgres::{Address, LeaseTimes, PostgresPlace};

/// All who hold something.
pub(crate) const EVERYBODY: &str = "SELECT holder FROM keywright.claim UNION SELECT holder FROM keywright.lease";

/// The administrator's address of the server, for another database.
pub(crate) fn address(database: &str) -> String {
    let server = std::env::var("KEYWRIGHT_TEST_POSTGRES").expect("run hw-tests/postgres/test, which starts a server");
    server.replace("/postgres?", &format!("/{database}?"))
}

pub(crate) fn sql(database: &str, statement: &str) -> String {
    let output = Command::new("psql").args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement]).output().unwrap();
    assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An empty database, by its name. Each thread has one, since making one takes longer than emptying it.
pub(crate) fn database() -> String {
    thread_local!(static OWN: OnceCell<String> = const { OnceCell::new() });
    let name = OWN.with(|own| own.get_or_init(created).clone());
    sql(&name, "SET client_min_messages = warning; DROP SCHEMA IF EXISTS keywright CASCADE");
    name
}

fn created() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("run{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
    sql("postgres", &format!("CREATE DATABASE {name}"));
    name
}

pub(crate) fn open(address: &str) -> Box<dyn Batches + Send> {
    let place = PostgresPlace::new(Address::parse(address).unwrap(), LeaseTimes::default());
    LedgerPlace::Database(place).open(Arc::new(SystemClock::new())).unwrap()
}

/// The database's name in its address.
pub(crate) fn name_of(address: &str) -> String {
    Address::parse(address).unwrap().database().to_owned()
}

/// What these holders have, they have had: their time is over.
pub(crate) fn expire(database: &str, holders: &str) {
    for table in ["claim", "lease"] {
        let past = "until = clock_timestamp() - interval '1 second'";
        sql(database, &format!("UPDATE keywright.{table} SET {past} WHERE holder IN ({holders})"));
    }
}
