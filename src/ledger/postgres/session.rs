//! One connection to the database, made anew when it breaks; and transactions of which it is known how they ended.

use std::fmt;

use postgres::types::Type;
use postgres::{Client, IsolationLevel, NoTls, Row, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::ledger::LedgerError;
use crate::ledger::postgres::address::Address;
use crate::ledger::postgres::fault::{Halt, fault, lost, refused};
use crate::ledger::postgres::sql::{bytes, int, text};
use crate::ledger::postgres::{schema, tls};

/// What every session is set to. Names are looked up in the ledger's own schema; a transaction that nobody ends is ended by the
/// server, since it holds what others wait for.
const SETTINGS: &str = "SET search_path = pg_catalog, keywright, pg_temp;
    SET client_min_messages = warning;
    SET statement_timeout = '120s';
    SET lock_timeout = '30s';
    SET idle_in_transaction_session_timeout = '20s';
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 5;
    SET tcp_keepalives_count = 3";

/// How often it is asked whether a transaction has ended, a twentieth of a second apart, once its process was told to end.
const QUESTIONS: u32 = 100;

/// Ends the server's process of a connection that broke, and waits for that up to five seconds: it may still hold locks, and
/// nobody knows yet that nobody listens to it.
const END: &str = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
    WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2";

/// What is known of the server that a session has.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version, as it says.
    pub version: String,
    /// Version of TLS, if the connection is encrypted.
    pub tls: Option<String>,
}

/// A connection and the way to another one.
pub(super) struct Session {
    address: Address,
    connector: MakeRustlsConnect,
    client: Option<Client>,
    /// The server's process of the connection, or of the one before: its number and when it began.
    process: Option<(i32, String)>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("address", &self.address).finish_non_exhaustive()
    }
}

/// By what a transaction is found again: its name on the server, and the last link that it added to the chain, if it did. A
/// server that crashed, or one that took over for it, may give a name to another transaction; a link is nobody else's.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) transaction: String,
    pub(super) link: Option<(i64, Vec<u8>)>,
}

/// How a transaction of ours ended that the connection did not outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Committed,
    Undone,
}

/// How one attempt at a transaction ended.
enum Attempt<T> {
    Stands(T),
    /// Nothing of it was written.
    Refused(LedgerError),
    /// The connection broke before anything could be written.
    Broken(LedgerError),
    /// The connection broke while it was being committed.
    Doubt {
        value: T,
        mark: Mark,
        error: LedgerError,
    },
}

impl Session {
    /// A session that has yet to connect.
    pub(super) fn new(address: &Address) -> Result<Self, LedgerError> {
        let connector = tls::connector(address)?;
        Ok(Self { address: address.clone(), connector, client: None, process: None })
    }

    /// Where it goes.
    pub(super) fn place(&self) -> String {
        self.address.to_string()
    }

    /// The connection, made if there is none.
    fn client(&mut self) -> Result<&mut Client, LedgerError> {
        let broken = self.client.as_ref().is_none_or(Client::is_closed);
        if broken {
            self.client = None;
            let client = self.connect()?;
            return Ok(self.client.insert(client));
        }
        self.client.as_mut().ok_or_else(|| LedgerError::Store("there is no connection".into()))
    }

    fn connect(&mut self) -> Result<Client, LedgerError> {
        let config = self.address.config();
        let connected = if self.address.tls() { config.connect(self.connector.clone()) } else { config.connect(NoTls) };
        let place = self.place();
        let mut client = connected.map_err(|error| refused(&place, &error))?;
        drop(config);
        let process = prepare(&place, &mut client)?;
        if let Some((old, began)) = &self.process {
            client.query_typed(END, &[(old, Type::INT4), text(began)]).map_err(|error| fault(&place, &error))?;
        }
        self.process = Some(process);
        schema::bring_up(&place, &mut client)?;
        Ok(client)
    }

    /// What is known of the server.
    pub(super) fn server(&mut self) -> Result<Server, LedgerError> {
        let ask = "SELECT current_setting('server_version'), (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid())";
        self.read(|client| {
            let row = client.query_one(ask, &[])?;
            Ok(Server { version: row.try_get(0)?, tls: row.try_get(1)? })
        })
    }

    /// Asks; once more over a new connection if the old one is found to be broken.
    pub(super) fn read<T>(&mut self, mut act: impl FnMut(&mut Client) -> Result<T, Halt>) -> Result<T, LedgerError> {
        for last in [false, true] {
            let place = self.place();
            let error = match act(self.client()?) {
                Ok(found) => return Ok(found),
                Err(Halt::Ledger(error)) => return Err(error),
                Err(Halt::Database(error)) => error,
            };
            if !self.give_up_if_lost(&error) || last {
                return Err(fault(&place, &error));
            }
        }
        Err(LedgerError::Unreachable { place: self.place(), reason: "the connection breaks again and again".into() })
    }

    /// One transaction. It is begun a second time only when it is known that nothing of the first was written; when the
    /// connection breaks while it is being committed, the server is asked how it ended.
    pub(super) fn write<T>(&mut self, mut act: impl FnMut(&mut Transaction<'_>) -> Result<T, Halt>) -> Result<T, LedgerError> {
        let mut first = true;
        loop {
            let place = self.place();
            let client = self.client()?;
            let error = match attempt(&place, client, &mut act) {
                Attempt::Stands(value) => return Ok(value),
                Attempt::Refused(error) => return Err(error),
                Attempt::Broken(error) => {
                    self.client = None;
                    error
                }
                Attempt::Doubt { value, mark, error } => {
                    self.client = None;
                    log::warn!("the connection to {place} broke while a transaction was being committed");
                    match self.ending(&mark).map_err(|error| in_doubt(place, &error))? {
                        Ending::Committed => return Ok(value),
                        Ending::Undone => error,
                    }
                }
            };
            if !first {
                return Err(error);
            }
            first = false;
        }
    }

    /// Reads in one transaction, at one moment of the database.
    pub(super) fn look<T>(&mut self, mut act: impl FnMut(&mut Transaction<'_>) -> Result<T, Halt>) -> Result<T, LedgerError> {
        self.read(|client| {
            let moment = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
            act(&mut moment.start()?)
        })
    }

    /// Runs what cannot be in a transaction. It is not repeated.
    pub(super) fn aside(&mut self, statement: &str) -> Result<(), LedgerError> {
        let place = self.place();
        let done = self.client()?.batch_execute(statement);
        done.map_err(|error| {
            self.give_up_if_lost(&error);
            fault(&place, &error)
        })
    }

    /// Sends one statement if the connection is there; nobody waits for another.
    pub(super) fn parting(&mut self, statement: &str, holder: &str) {
        if let Some(client) = self.client.as_mut().filter(|client| !client.is_closed())
            && let Err(error) = client.execute(statement, &[&holder])
        {
            log::debug!("leases stay until they expire: {error}");
        }
    }

    fn give_up_if_lost(&mut self, error: &postgres::Error) -> bool {
        let is_lost = lost(error) || self.client.as_ref().is_none_or(Client::is_closed);
        if is_lost {
            self.client = None;
        }
        is_lost
    }

    /// Asks the server how a transaction ended, whose process has ended or is about to.
    pub(super) fn ending(&mut self, mark: &Mark) -> Result<Ending, LedgerError> {
        let ask =
            "SELECT CASE WHEN $1::text::xid8 < pg_snapshot_xmax(pg_current_snapshot()) THEN pg_xact_status($1::text::xid8) END,
            EXISTS (SELECT FROM link WHERE position = $2 AND hash = $3)";
        let (position, hash) = mark.link.clone().unwrap_or_default();
        for _ in 0..QUESTIONS {
            let (status, linked) = self.read(|client| {
                let row = client.query_typed_one(ask, &[text(&mark.transaction), int(&position), bytes(&hash)])?;
                let (status, linked): (Option<String>, bool) = (row.try_get(0)?, row.try_get(1)?);
                if status.as_deref() == Some("in progress") {
                    client.query_typed("SELECT pg_sleep(0.05)", &[])?;
                }
                Ok((status, linked))
            })?;
            match (status.as_deref(), &mark.link) {
                (Some("in progress"), _) => {}
                (_, Some(_)) => return Ok(if linked { Ending::Committed } else { Ending::Undone }),
                (Some("committed"), None) => return Ok(Ending::Committed),
                (Some("aborted"), None) => return Ok(Ending::Undone),
                _ => break,
            }
        }
        Err(LedgerError::Unreachable { place: self.place(), reason: "the server does not say".into() })
    }
}

fn in_doubt(place: String, error: &LedgerError) -> LedgerError {
    let reason = format!("the connection broke while a row was being written, and whether it stands is not known: {error}");
    LedgerError::Unreachable { place, reason }
}

fn attempt<T>(place: &str, client: &mut Client, act: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, Halt>) -> Attempt<T> {
    match up_to_commit(client, act) {
        Ok((transaction, mark, value)) => match transaction.commit() {
            Ok(()) => Attempt::Stands(value),
            Err(error) if lost(&error) => Attempt::Doubt { value, mark, error: fault(place, &error) },
            Err(error) => Attempt::Refused(fault(place, &error)),
        },
        Err(Halt::Ledger(error)) => Attempt::Refused(error),
        Err(Halt::Database(error)) if lost(&error) => Attempt::Broken(fault(place, &error)),
        Err(Halt::Database(error)) => Attempt::Refused(fault(place, &error)),
    }
}

/// The transaction with what it is found again by.
fn up_to_commit<'client, T>(
    client: &'client mut Client,
    act: &mut impl FnMut(&mut Transaction<'_>) -> Result<T, Halt>,
) -> Result<(Transaction<'client>, Mark, T), Halt> {
    let mut transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start()?;
    let value = act(&mut transaction)?;
    let mark = "SELECT pg_current_xact_id()::text, position, hash FROM (VALUES (1)) AS one
        LEFT JOIN (SELECT position, hash, xmin FROM link ORDER BY position DESC LIMIT 1) AS tip ON tip.xmin = pg_current_xact_id()::xid";
    let row = transaction.query_typed_one(mark, &[])?;
    let link = row.try_get::<_, Option<i64>>(1)?.zip(row.try_get::<_, Option<Vec<u8>>>(2)?);
    Ok((transaction, Mark { transaction: row.try_get(0)?, link }, value))
}

/// Sets a new connection up. A server that would lose what it said was written is refused.
fn prepare(place: &str, client: &mut Client) -> Result<(i32, String), LedgerError> {
    let mut ask = || -> Result<(Row, String), postgres::Error> {
        client.batch_execute(SETTINGS)?;
        // `remote_apply` is stronger than `on` and stays.
        let setting = client.query_one("SELECT current_setting('synchronous_commit')", &[])?;
        if setting.try_get::<_, &str>(0)? != "remote_apply" {
            client.batch_execute("SET synchronous_commit = on")?;
        }
        let row = client.query_one(
            "SELECT pg_backend_pid(), (SELECT extract(epoch FROM backend_start)::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),
                    current_setting('fsync'), current_setting('server_encoding')",
            &[],
        )?;
        let safety = client.query_one("SELECT current_setting('synchronous_commit')", &[])?.try_get(0)?;
        Ok((row, safety))
    };
    let (row, safety) = ask().map_err(|error| fault(place, &error))?;
    let text = |at: usize| row.try_get::<_, String>(at).map_err(|error| fault(place, &error));
    let unsafe_setting = match (safety.as_str(), text(2)?.as_str(), text(3)?.as_str()) {
        ("on" | "remote_apply", "on", "UTF8") => None,
        (_, "on", "UTF8") => Some("synchronous_commit is off"),
        (_, "on", _) => Some("its encoding is not UTF8"),
        _ => Some("the server runs with fsync = off, so that a power cut loses what it said was written"),
    };
    if let Some(reason) = unsafe_setting {
        return Err(LedgerError::Unusable { path: place.into(), reason: reason.into() });
    }
    let process = row.try_get(0).map_err(|error| fault(place, &error))?;
    Ok((process, text(1)?))
}
