//! The ledger's database as `--ledger`, the environment or a profile names it, and the password that it is entered with.

use crate::ledger::place::LedgerPlace;

use super::CliError;

/// Whether a text names a database rather than a file.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// The database at an address. `typed` is whether the address stands in the arguments of this program.
#[cfg(feature = "postgres")]
pub(super) fn place(url: &str, typed: bool) -> Result<LedgerPlace, CliError> {
    use crate::ledger::postgres::{Address, LeaseTimes, PostgresPlace};
    let address = Address::parse(url)?;
    if typed && address.has_password() {
        return Err(CliError::PasswordShown);
    }
    let found = if address.has_password() { None } else { password::find(&address) };
    let address = match found {
        Some(word) => address.with_password(word),
        None => address,
    };
    Ok(LedgerPlace::Database(PostgresPlace::new(address, LeaseTimes::default())))
}

/// Without PostgreSQL there is none.
#[cfg(not(feature = "postgres"))]
pub(super) fn place(_url: &str, _typed: bool) -> Result<LedgerPlace, CliError> {
    Err(crate::ledger::LedgerError::Address("this keywright was built without PostgreSQL".into()).into())
}

#[cfg(feature = "postgres")]
mod password {
    use std::env;
    use std::fs::File;
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use etcetera::home_dir;
    use zeroize::Zeroizing;

    use crate::ledger::postgres::Address;
    use crate::secret::{SecretText, private};

    /// A file of passwords is a few lines.
    const LONGEST: u64 = 1 << 20;

    /// Where PostgreSQL's own programs look as well, after our own variable.
    pub(super) fn find(address: &Address) -> Option<SecretText> {
        ["KEYWRIGHT_LEDGER_PASSWORD", "PGPASSWORD"]
            .into_iter()
            .find_map(|name| env::var(name).ok().filter(|word| !word.is_empty()))
            .map(SecretText::new)
            .or_else(|| in_file(&file()?, address))
    }

    fn file() -> Option<PathBuf> {
        if let Some(path) = env::var_os("PGPASSFILE") {
            return Some(path.into());
        }
        if cfg!(windows) {
            return Some(PathBuf::from(env::var_os("APPDATA")?).join("postgresql").join("pgpass.conf"));
        }
        Some(home_dir().ok()?.join(".pgpass"))
    }

    /// What the file says for the first of the servers that it knows. A file that others may read is not used.
    fn in_file(path: &Path, address: &Address) -> Option<SecretText> {
        let file = File::open(path).ok()?;
        if let Ok(Some(exposure)) = private::exposure(&file) {
            log::warn!("{} is not used: {exposure}", path.display());
            return None;
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST).read_to_string(&mut text).ok()?;
        let user = address.user().map(ToOwned::to_owned);
        let user = user.or_else(|| ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| env::var(name).ok()))?;
        address.hosts().find_map(|(host, port)| among(&text, &host, port, address.database(), &user))
    }

    /// The password of the first line that fits: `host:port:database:user:password`, `*` for any, a backslash before `:` and `\`.
    pub(super) fn among(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<SecretText> {
        // A directory of sockets is called localhost there.
        let host = if host.starts_with('/') { "localhost" } else { host };
        let wanted = [host, &port.to_string(), database, user];
        text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let mut parts = parts(line).into_iter();
            let fits = wanted
                .iter()
                .all(|wanted| parts.next().is_some_and(|part| *part == "*" || part == Zeroizing::new((*wanted).to_owned())));
            let password = parts.next().filter(|word| fits && !word.is_empty())?;
            Some(SecretText::new(password.as_str()))
        })
    }

    fn parts(line: &str) -> Vec<Zeroizing<String>> {
        let mut parts = vec![Zeroizing::new(String::with_capacity(line.len()))];
        let mut signs = line.chars();
        while let Some(sign) = signs.next() {
            match sign {
                ':' if parts.len() < 5 => parts.push(Zeroizing::new(String::with_capacity(line.len()))),
                '\\' => parts.last_mut().into_iter().for_each(|part| part.extend(signs.next())),
                _ => parts.last_mut().into_iter().for_each(|part| part.push(sign)),
            }
        }
        parts
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;
    use crate::secret::SecretText;

    #[test]
    fn a_password_among_the_arguments_is_refused_and_not_shown() {
        let url = "postgres://desk:s3cret@db/keys";
        let error = place(url, true).unwrap_err();
        assert!(matches!(error, CliError::PasswordShown));
        assert!(!error.to_string().contains("s3cret"));
        let place = place(url, false).unwrap();
        assert_eq!(place.to_string(), "postgres://desk@db/keys");
        assert!(!format!("{place:?}").contains("s3cret"));
    }

    #[test]
    fn the_file_of_passwords_is_read_as_postgresql_does() {
        let text = "# db:5432:keys:desk:comment\nother:5432:keys:desk:wrong\ndb:5432:keys:desk\\:1:a\\:b\\\\c:d\n\
                    db:*:*:desk:any\nlocalhost:5432:*:*:socket\nshort:line\n";
        for (host, port, user, expected) in [
            ("db", 5432, "desk:1", Some("a:b\\c:d")),
            ("db", 7000, "desk", Some("any")),
            ("db", 5432, "nobody", None),
            ("/run/postgresql", 5432, "nobody", Some("socket")),
            ("short", 5432, "desk", None),
        ] {
            let found = password::among(text, host, port, "keys", user);
            assert_eq!(found.as_ref().map(SecretText::expose), expected, "{host}:{port} {user}");
        }
    }
}
