//! Whether the hosts of a tenant can be reached at all, what stands in the way, and what time it is there.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::DATE;

use crate::identity::IdentityError;
use crate::identity::entra::Entra;
use crate::identity::entra::exchange::chain;
use crate::identity::entra::graph::Version;

/// Longest that a host is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// A host of the tenant and how asking it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Its name, with a port that is not the usual one.
    pub host: String,
    /// Whether it is asked over TLS.
    pub tls: bool,
    /// Its time when it answered, to the second, if it tells; or what stood in the way.
    pub answer: Result<Option<Timestamp>, Obstacle>,
}

/// What stands between this machine and a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its name leads nowhere.
    Name,
    /// Nobody listens there, or a firewall says so.
    Refused,
    /// Nobody answers.
    Silent,
    /// The proxy does not let the call through.
    Proxy(String),
    /// Its certificate is not trusted here: why.
    Certificate(String),
    /// What answers does not speak TLS as it should: what was wrong.
    NoTls(String),
    /// Something else, in the words of the system.
    Other(String),
}

impl Entra {
    /// Asks each host of the tenant, without a token, for something that it shows everybody.
    ///
    /// # Errors
    /// [`IdentityError::Profile`].
    pub fn reach(&self) -> Result<Vec<Reach>, IdentityError> {
        let hosts = self.profile.hosts()?;
        let mut sign_in = hosts.authority.clone();
        if let Ok(mut path) = sign_in.path_segments_mut() {
            path.pop_if_empty().extend([self.profile.tenant.as_str(), "v2.0", ".well-known", "openid-configuration"]);
        }
        let graph = self.graph.url(Version::V1, &["organization"])?;
        let mut reached: Vec<Reach> = Vec::new();
        for url in [sign_in, graph] {
            let host = url.host_str().unwrap_or_default().to_owned();
            let host = url.port().map_or(host.clone(), |port| format!("{host}:{port}"));
            if reached.iter().any(|known| known.host == host) {
                continue;
            }
            let sent = self.graph.http.client_of(&url).get(url.clone()).timeout(PATIENCE).send();
            let answer = match sent {
                Ok(answer) => Ok(answer.headers().get(DATE).and_then(|date| date.to_str().ok()).and_then(time)),
                Err(error) => Err(obstacle(&error.without_url())),
            };
            reached.push(Reach { host, tls: url.scheme() == "https", answer });
        }
        Ok(reached)
    }
}

/// The time of a `Date` head (RFC 9110 section 6.6.1).
fn time(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

fn obstacle(error: &reqwest::Error) -> Obstacle {
    let words = chain(error);
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(obstacle) = inner.downcast_ref().map(of_tls).or_else(|| inner.downcast_ref().and_then(of_system)) {
            return obstacle;
        }
        cause = inner.source();
    }
    if error.is_timeout() { Obstacle::Silent } else { of_words(words) }
}

/// The client's own errors have no types for these.
fn of_words(words: String) -> Obstacle {
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["dns error", "failed to lookup address", "invalid dns name"]) {
        Obstacle::Name
    } else if has(&["tunnel", "proxy"]) {
        Obstacle::Proxy(words)
    } else {
        Obstacle::Other(words)
    }
}

fn of_tls(error: &rustls::Error) -> Obstacle {
    match error {
        rustls::Error::InvalidCertificate(why) => Obstacle::Certificate(why.to_string()),
        other => Obstacle::NoTls(other.to_string()),
    }
}

/// An input/output error hides what it holds, which may be another one, from the chain of causes.
fn of_system(error: &io::Error) -> Option<Obstacle> {
    if let Some(held) = error.get_ref() {
        return held.downcast_ref().map(of_tls).or_else(|| held.downcast_ref().and_then(of_system));
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Obstacle::Refused),
        io::ErrorKind::TimedOut => Some(Obstacle::Silent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_in_words_only() {
        let name = "client error (Connect): dns error: failed to lookup address information: Name or service not known";
        let tunnel = "client error (Connect): tunnel error: unsuccessful";
        for (words, expected) in [
            (name, Obstacle::Name),
            ("client error (Connect): invalid dns name", Obstacle::Name),
            (tunnel, Obstacle::Proxy(tunnel.into())),
            ("connection closed", Obstacle::Other("connection closed".into())),
        ] {
            assert_eq!(of_words(words.into()), expected);
        }
    }

    #[test]
    fn dates_of_heads() {
        for (text, expected) in [
            ("Fri, 27 Nov 2026 12:00:00 GMT", Some("2026-11-27T12:00:00Z")),
            (" Fri, 27 Nov 2026 12:00:00 GMT ", Some("2026-11-27T12:00:00Z")),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(time(text), expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }
}
