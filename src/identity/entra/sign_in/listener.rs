//! The listener that a browser is sent back to: on both loopback addresses, for one answer with the right state.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use reqwest::Url;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::identity::entra::http::Http;
use crate::identity::entra::reply::tame;
use crate::identity::{IdentityError, SignInRefusal};

/// How often the listener is looked at.
const STEP: Duration = Duration::from_millis(50);
/// A browser that says nothing for so long is let go: some open connections in advance.
const SILENCE: Duration = Duration::from_secs(5);
/// Longest head of a request; a code has about 1500 characters.
const MAX_HEAD: usize = 16 * 1024;
/// Most connections in one sign-in.
const MAX_CONNECTIONS: usize = 200;
/// Ports that are tried until one is free on both addresses.
const PORTS: usize = 20;

const DONE: &str = "You are signed in. You can close this window and go back to keywright.";
const NOT_DONE: &str = "You are not signed in. You can close this window; keywright says why.";
const STRANGE: &str = "This is not the answer that keywright waits for. Go back to the sign-in that it opened.";

/// What the browser brought.
pub(super) enum Returned {
    Code(Zeroizing<String>),
    Error { error: String, description: String },
}

/// A listener on one port of 127.0.0.1 and, where there is IPv6, of `[::1]`, since `localhost` may be either.
pub(super) struct Listener {
    sockets: Vec<TcpListener>,
    redirect_uri: String,
    /// Digest of the state: what is compared takes the same time for every guess.
    state: Arc<[u8]>,
}

impl Listener {
    pub(super) fn new(state: &str) -> Result<Self, IdentityError> {
        let failed = |error: io::Error| IdentityError::Network(format!("no port to listen on for the browser: {error}"));
        let (sockets, port) = bind().map_err(failed)?;
        for socket in &sockets {
            socket.set_nonblocking(true).map_err(failed)?;
        }
        let state = digest(&SHA256, state.as_bytes()).as_ref().into();
        Ok(Self { sockets, redirect_uri: format!("http://localhost:{port}"), state })
    }

    /// Where the browser is to be sent: the tenant ignores the port when it compares.
    pub(super) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Waits for the browser.
    ///
    /// # Errors
    /// If nobody came in time, or the wait was to stop.
    pub(super) fn wait(&self, http: &Http, patience: Duration) -> Result<Returned, IdentityError> {
        let end = http.tools.clock.monotonic().saturating_add(patience);
        let (sender, answers) = mpsc::sync_channel(1);
        let mut connections = 0_usize;
        loop {
            if let Some(returned) = self.look(&mut connections, &sender, &answers) {
                return Ok(returned);
            }
            if http.tools.clock.monotonic() >= end || connections > MAX_CONNECTIONS {
                let refusal = SignInRefusal::needs_person("nobody signed in at the browser in time");
                return Err(IdentityError::SignIn(Box::new(refusal)));
            }
            http.wait(STEP)?;
        }
    }

    /// Takes what has arrived.
    fn look(&self, connections: &mut usize, sender: &SyncSender<Returned>, answers: &Receiver<Returned>) -> Option<Returned> {
        for socket in &self.sockets {
            while *connections <= MAX_CONNECTIONS
                && let Ok((stream, _)) = socket.accept()
            {
                *connections = connections.saturating_add(1);
                let (sender, state) = (sender.clone(), Arc::clone(&self.state));
                let redirect_uri = self.redirect_uri.clone();
                let visit = move || visited(stream, &redirect_uri, &state, &sender);
                if let Err(error) = thread::Builder::new().name("browser".into()).spawn(visit) {
                    log::warn!(target: "keywright::entra", "no thread for the browser: {error}");
                }
            }
        }
        answers.try_recv().ok()
    }
}

fn bind() -> io::Result<(Vec<TcpListener>, u16)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = four.local_addr()?.port();
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
            Ok(six) => return Ok((vec![four, six], port)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            // A machine without IPv6 resolves `localhost` to the other address only.
            Err(_) => return Ok((vec![four], port)),
        }
    }
    Err(last)
}

/// Answers one connection.
fn visited(mut stream: TcpStream, redirect_uri: &str, state: &[u8], sender: &SyncSender<Returned>) {
    let settings =
        [stream.set_nonblocking(false), stream.set_read_timeout(Some(SILENCE)), stream.set_write_timeout(Some(SILENCE))];
    let Some(head) = settings.into_iter().collect::<io::Result<Vec<()>>>().ok().and_then(|_| read_head(&mut stream)) else {
        return;
    };
    let returned = target(&head, redirect_uri).and_then(|url| returned(&url, state));
    let (status, text) = match &returned {
        Some(Returned::Code(_)) => ("200 OK", DONE),
        Some(Returned::Error { .. }) => ("200 OK", NOT_DONE),
        None => ("404 Not Found", STRANGE),
    };
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>keywright</title><body style=\"font-family:sans-serif;margin:4em\"><p>{text}</p>"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    // Whether the page is seen matters to nobody else.
    let _ = stream.write_all(answer.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    if let Some(returned) = returned {
        // A second answer finds no room, and nobody who waits for it.
        let _ = sender.try_send(returned);
    }
}

fn read_head(stream: &mut TcpStream) -> Option<Zeroizing<String>> {
    let mut head = Zeroizing::new(Vec::with_capacity(MAX_HEAD));
    let mut piece = Zeroizing::new([0_u8; 2048]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut piece[..]).ok().filter(|length| *length > 0)?;
        if head.len().saturating_add(length) > MAX_HEAD {
            return None;
        }
        head.extend_from_slice(piece.get(..length)?);
    }
    String::from_utf8(std::mem::take(&mut *head)).ok().map(Zeroizing::new)
}

/// The address that was asked for, if the request is one for ours: a page elsewhere cannot ask for it by another name.
fn target(head: &str, redirect_uri: &str) -> Option<Url> {
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let target = (words.next()? == "GET").then(|| words.next())?.filter(|target| target.starts_with('/'))?;
    let host = redirect_uri.strip_prefix("http://")?;
    let asked = lines.find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host")))?;
    if asked.1.trim() != host {
        return None;
    }
    Url::parse(&format!("{redirect_uri}{target}")).ok().filter(|url| url.path() == "/")
}

/// What an address brings, if it has the state of this sign-in.
fn returned(url: &Url, state: &[u8]) -> Option<Returned> {
    let field = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    if digest(&SHA256, field("state")?.as_bytes()).as_ref() != state {
        return None;
    }
    match (field("code"), field("error")) {
        (Some(code), None) => Some(Returned::Code(Zeroizing::new(code))),
        (None, Some(error)) => {
            let description = field("error_description").unwrap_or_default();
            Some(Returned::Error { error: tame(&error), description: tame(&description) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "http://localhost:5000";

    fn came(head: &str) -> Option<String> {
        let state = digest(&SHA256, b"right").as_ref().to_vec();
        match returned(&target(head, URI)?, &state)? {
            Returned::Code(code) => Some(code.to_string()),
            Returned::Error { error, description } => Some(format!("{error}: {description}")),
        }
    }

    #[test]
    fn one_form_of_answer_is_taken() {
        let host = "HTTP/1.1\r\nHost: localhost:5000\r\n\r\n";
        for (head, expected) in [
            (format!("GET /?code=a%2Bb&state=right {host}"), Some("a+b")),
            (format!("GET /?state=right&code=c&session_state=x {host}"), Some("c")),
            (format!("GET /?error=access_denied&error_description=no%0Away&state=right {host}"), Some("access_denied: no way")),
            (format!("GET /?code=c&state=wrong {host}"), None),
            (format!("GET /?code=c {host}"), None),
            (format!("GET /?code=c&error=e&state=right {host}"), None),
            (format!("GET /?state=right {host}"), None),
            (format!("GET /elsewhere?code=c&state=right {host}"), None),
            (format!("POST /?code=c&state=right {host}"), None),
            (format!("GET http://localhost:5000/?code=c&state=right {host}"), None),
            ("GET /?code=c&state=right HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), None),
            ("GET /?code=c&state=right HTTP/1.1\r\n\r\n".into(), None),
            ("\r\n\r\n".into(), None),
        ] {
            assert_eq!(came(&head).as_deref(), expected, "{head:?}");
        }
    }
}
