//! Where the database is: a `postgres://` URL, and how far its server is trusted.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postgres::Config;
use postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::ledger::LedgerError;
use crate::secret::SecretText;

/// How long a server may take to answer a call for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the network may swallow what was sent before the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(20);
/// When a silent connection is asked whether it is still there, and how long until it is asked again.
const PROBE: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;

/// A database for the ledger of many stations.
#[derive(Clone)]
pub struct Address {
    config: Config,
    password: Option<Arc<SecretText>>,
    authority: Option<PathBuf>,
    tls: bool,
}

/// Whoever leads to the same database as the same user, whatever the password.
impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string() && self.authority == other.authority && self.tls == other.tls
    }
}

impl Eq for Address {}

/// Without the password and the settings.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.hosts().map(|(host, port)| if port == 5432 { host } else { format!("{host}:{port}") });
        let user = self.config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        write!(f, "postgres://{user}{}/{}", hosts.collect::<Vec<_>>().join(","), self.database())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Address {
    /// Whether a text names a database rather than a file.
    pub fn is_one(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Reads a URL. The settings after `?` are those of PostgreSQL's own programs, with `sslmode` one of
    ///
    /// - `verify-full`, the default over a network: TLS, the server's certificate and name are verified;
    /// - `require`: the same;
    /// - `disable`, and always over a local socket: no TLS.
    ///
    /// `sslrootcert=FILE` names the authority (PEM) that is trusted in place of the operating system's.
    ///
    /// # Errors
    /// [`LedgerError::Address`], which never shows a password.
    pub fn parse(url: &str) -> Result<Self, LedgerError> {
        let wrong = |what: &str| LedgerError::Address(what.into());
        let (base, settings) = url.split_once('?').unwrap_or((url, ""));
        // Anything that a password with unwritten signs could be mistaken for would end up in messages.
        let rest =
            base.split_once("://").filter(|_| Self::is_one(url)).ok_or_else(|| wrong("it has to begin with postgres://"))?.1;
        if let Some((before, after)) = rest.split_once('@')
            && (before.contains('/') || after.contains('@'))
        {
            return Err(wrong("in a name or a password, / is written as %2F and @ as %40"));
        }
        let (mut mode, mut authority, mut others) = (None, None, Vec::new());
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            match setting.split_once('=') {
                Some(("sslmode", word)) => mode = Some(word),
                Some(("sslrootcert", path)) => authority = Some(PathBuf::from(path)),
                _ => others.push(setting),
            }
        }
        let mut config: Config = format!("{base}?{}", others.join("&")).parse().map_err(|error| unreadable(&error))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no server"));
        }
        if config.get_dbname().is_none() {
            return Err(wrong("it names no database"));
        }
        let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        // The configuration is kept, and it is not wiped.
        config.password("");
        let local = config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
        let tls = match mode {
            _ if local => false,
            None | Some("verify-full" | "require") => true,
            Some("disable") => false,
            Some(_) => {
                return Err(wrong("sslmode is verify-full, require or disable; what may or may not be encrypted is refused"));
            }
        };
        config
            .ssl_mode(if tls { SslMode::Require } else { SslMode::Disable })
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(PROBE)
            .keepalives_interval(PROBE)
            .keepalives_retries(PROBES);
        if config.get_application_name().is_none() {
            config.application_name("keywright");
        }
        let password = password.filter(|word| !word.is_empty()).map(|word| Arc::new(SecretText::new(word)));
        Ok(Self { config, password, authority, tls })
    }

    /// Whether a password is known.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: SecretText) -> Self {
        self.password = Some(Arc::new(password));
        self
    }

    /// Each server's name, address or directory of sockets, with its port.
    pub fn hosts(&self) -> impl Iterator<Item = (String, u16)> + '_ {
        let ports = self.config.get_ports();
        self.config.get_hosts().iter().enumerate().map(move |(at, host)| {
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let host = match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            };
            (host, port)
        })
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    /// Who signs in, if the URL says so.
    pub fn user(&self) -> Option<&str> {
        self.config.get_user()
    }

    /// Whether the connection is encrypted and its server verified.
    pub fn tls(&self) -> bool {
        self.tls
    }

    /// The file of the authority that is trusted in place of the operating system's.
    pub(super) fn authority(&self) -> Option<&PathBuf> {
        self.authority.as_ref()
    }

    /// What a connection is made with, password included.
    pub(super) fn config(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        config
    }
}

/// The parser names the setting that it does not know, never its value.
fn unreadable(error: &postgres::Error) -> LedgerError {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    LedgerError::Address(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_how_far_the_server_is_trusted() {
        let authority = |path: &str| Some(PathBuf::from(path));
        for (url, shown, tls, trusted) in [
            ("postgres://desk@db.contoso.example/keys", "postgres://desk@db.contoso.example/keys", true, None),
            ("postgresql://db:6000/keys?sslmode=verify-full", "postgres://db:6000/keys", true, None),
            ("postgres://db/keys?sslmode=require&sslrootcert=/etc/ca.pem", "postgres://db/keys", true, authority("/etc/ca.pem")),
            ("postgres://db/keys?sslmode=disable", "postgres://db/keys", false, None),
            ("postgres://a,b:7/keys?application_name=x", "postgres://a,b:7/keys", true, None),
            ("postgres://desk:p%40ss%2F@db/keys", "postgres://desk@db/keys", true, None),
            #[cfg(unix)]
            ("postgres://desk@%2Frun%2Fpostgresql/keys?sslmode=require", "postgres://desk@/run/postgresql/keys", false, None),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.to_string().as_str(), address.tls()), (shown, tls), "{url}");
            assert_eq!(address.authority().cloned(), trusted, "{url}");
        }
    }

    #[test]
    fn a_password_is_taken_out_of_the_url_and_never_shown() {
        let address = Address::parse("postgres://desk:s3cr%2Ft@db/keys").unwrap();
        assert!(address.has_password());
        assert_eq!(address.config().get_password(), Some(&b"s3cr/t"[..]));
        for shown in [address.to_string(), format!("{address:?}"), format!("{:?}", address.config)] {
            assert!(!shown.contains("s3cr"), "{shown}");
        }
        let other = Address::parse("postgres://desk@db/keys").unwrap();
        assert!(!other.has_password());
        assert_eq!(other.with_password(SecretText::new("later")).config().get_password(), Some(&b"later"[..]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_showing_a_password() {
        for url in [
            "http://desk:s3cret@db/keys",
            "postgres:/db/keys",
            "postgres:///keys",
            "postgres://db",
            "postgres://desk:s3cret@x@db/keys",
            "postgres://desk:s3/cret@db/keys",
            "postgres://desk:s3cret@db:port/keys",
            "postgres://desk:s3cret@db/keys?sslmode=prefer",
            "postgres://desk:s3cret@db/keys?sslmode=allow",
            "postgres://desk:s3cret@db/keys?colour=s3cret",
            "postgres://desk:s3cret@db/keys?sslcert=s3cret",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(matches!(error, LedgerError::Address(_)), "{url}: {error:?}");
            assert!(!error.to_string().contains("s3"), "{url}: {error}");
        }
    }
}
