//! Who is let in, whom we speak to, and what a station may do there.

use crate::ledger::contract;
use crate::ledger::postgres::tests::{FOREVER, database, outside, place, server, url_of};
use crate::ledger::postgres::{Address, PostgresPlace};
use crate::ledger::{Intent, JobState, Ledger as _, LedgerError};
use crate::secret::SecretText;

/// What the documentation tells an administrator to run.
const ROLES: &str = include_str!("../../../../docs/postgres-roles.sql");

/// Whether it is the error that was expected.
type Fits<'a> = &'a dyn Fn(&LedgerError) -> bool;

fn refused(url: &str) -> LedgerError {
    let error = PostgresPlace::new(Address::parse(url).unwrap(), FOREVER).open().unwrap_err();
    let password =
        Address::parse(&server()).unwrap().config().get_password().map(|word| String::from_utf8_lossy(word).into_owned());
    assert!(!error.to_string().contains(&password.unwrap()), "{error}");
    error
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn only_a_server_that_is_vouched_for_is_spoken_to() {
    let good = server();
    let (base, authority) = good.split_once("?sslrootcert=").unwrap();
    let stranger = authority.replace("authority.pem", "stranger.pem");
    for (url, reason) in [
        (base.to_owned(), "UnknownIssuer"),
        (format!("{base}?sslrootcert={stranger}"), "UnknownIssuer"),
        (format!("{base}?sslmode=require&sslrootcert={stranger}"), "UnknownIssuer"),
        (good.replace("@localhost:", "@127.0.0.1:"), "not valid for name"),
        (format!("{base}?sslrootcert=/nowhere.pem"), "/nowhere.pem"),
    ] {
        let error = refused(&url);
        assert!(matches!(&error, LedgerError::Untrusted { reason: found, .. } if found.contains(reason)), "{url}: {error:?}");
    }
    let mut ledger = place().open().unwrap();
    let found = ledger.server().unwrap();
    assert!(found.tls.is_some_and(|version| version.starts_with("TLSv1.")));
    assert!(found.version.starts_with(|digit: char| digit.is_ascii_digit()), "{}", found.version);
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn who_is_not_let_in_is_told_so() {
    let good = server();
    let password = good.split_once("administrator:").unwrap().1.split_once('@').unwrap().0.to_owned();
    let without = good.replace(&format!(":{password}@"), "@");
    let sign_in = |error: &LedgerError| matches!(error, LedgerError::SignIn { .. });
    let unusable = |error: &LedgerError| matches!(error, LedgerError::Unusable { .. });
    let unreachable = |error: &LedgerError| matches!(error, LedgerError::Unreachable { .. });
    let cases: [(String, Fits<'_>); 5] = [
        (good.replace(&password, "wrong"), &sign_in),
        (without.clone(), &sign_in),
        (format!("{}&sslmode=disable", good.replace("@localhost:", "@127.0.0.1:")), &sign_in),
        (url_of("no_such_database"), &unusable),
        (good.replace("localhost:", "localhost:1/x?").split("/x?").next().unwrap().to_owned() + "/keys", &unreachable),
    ];
    for (url, fits) in cases {
        let error = refused(&url);
        assert!(fits(&error), "{error:?}");
    }
    let address = Address::parse(&without).unwrap().with_password(SecretText::new(password));
    PostgresPlace::new(address, FOREVER).open().unwrap();
}

#[test]
#[ignore = "over a server: hw-tests/postgres/test"]
fn a_station_with_the_rights_of_the_documentation_can_do_its_work_and_no_harm() {
    let address = database();
    let name = address.database();
    let password = address.config().get_password().map(|word| String::from_utf8_lossy(word).into_owned()).unwrap();
    // As it is written there, for a database of our own name; the roles are of the whole server.
    let mut administrator = outside(&address);
    for statement in ROLES.replace("DATABASE keywright", &format!("DATABASE {name}")).split_inclusive(";\n") {
        let known = statement.contains("CREATE ROLE") || statement.contains("CREATE DATABASE");
        if let Err(error) = administrator.batch_execute(statement) {
            assert!(known, "{statement}: {error:?}");
        }
    }
    administrator.batch_execute(&format!("ALTER DATABASE {name} OWNER TO keywright_owner")).unwrap();
    let word = format!("ALTER ROLE keywright_owner PASSWORD '{password}'; ALTER ROLE desk1 PASSWORD '{password}'");
    administrator.batch_execute(&word).unwrap();
    let as_role = |role: &str| {
        let url = url_of(name).replace("administrator:", &format!("{role}:"));
        PostgresPlace::new(Address::parse(&url).unwrap(), FOREVER)
    };
    let error = as_role("desk1").open().unwrap_err();
    assert!(error.to_string().contains("the owner of the database runs keywright once"), "{error}");
    drop(as_role("keywright_owner").open().unwrap());
    outside(as_role("keywright_owner").address()).batch_execute("SELECT keywright.admit('keywright_stations')").unwrap();

    let station = as_role("desk1");
    contract::kept_by(&mut || Box::new(station.open().unwrap()));
    let mut ledger = station.open().unwrap();
    let job = ledger.open_job(&contract::order("a")).unwrap();
    let _ = ledger.before(job, &Intent::Seal, None).unwrap();
    ledger.close(job, JobState::Ended).unwrap();
    ledger.verify(None).unwrap();
    let mut client = outside(station.address());
    for harm in [
        "UPDATE keywright.entry SET intent = '{}'",
        "UPDATE keywright.job SET orders = '{}'",
        "UPDATE keywright.job SET id = id",
        "UPDATE keywright.task SET orders = '{}'",
        "UPDATE keywright.link SET hash = hash",
        "UPDATE keywright.pin SET sealed = sealed",
        "UPDATE keywright.ledger SET version = 2",
        "DELETE FROM keywright.link",
        "DELETE FROM keywright.settlement",
        "DELETE FROM keywright.job",
        "TRUNCATE keywright.pin",
        "TRUNCATE keywright.outcome",
        "DROP TABLE keywright.entry",
        "ALTER TABLE keywright.entry DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "CREATE TABLE keywright.more (x int)",
        "CREATE FUNCTION keywright.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT keywright.admit('public')",
    ] {
        let error = client.batch_execute(harm).unwrap_err();
        let code = error.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{harm}: {error:?}");
    }
}
