//! A server that means harm.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use keywright::clock::{ManualClock, SharedClock};
use keywright::identity::{IdentityError, IdentityProvider, User};
use keywright::simulator::tenant::{Act, Fault, Script};
use log::{LevelFilter, Log, Metadata, Record};

use crate::support::soft_key::SoftKey;
use crate::support::tenant::{Desk, client};

const ADELE: &str = "adele@contoso.example";

#[test]
fn redirects_are_not_followed_and_giants_not_swallowed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let location = format!("http://{}/v1.0/users/x", elsewhere.local_addr().unwrap());
    for act in [Act::Redirect { location }, Act::Oversize, Act::Garbage] {
        let mut desk = Desk::new(Script { faults: vec![Fault::always("GET", "*", act.clone())], ..Script::default() });
        let error = desk.entra.user(ADELE).unwrap_err();
        assert!(matches!(error, IdentityError::Malformed(_)), "{act:?}: {error:?}");
        assert_eq!(desk.tenant.calls("GET", "*"), 1, "{act:?}");
    }
    assert!(elsewhere.accept().is_err(), "nobody came");
}

/// Answers each connection with the next of `bodies`.
fn serve(bodies: Vec<String>) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        for body in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            // A form follows its head; the fields are small enough to come with it or right after.
            while !(request.windows(4).any(|end| end == b"\r\n\r\n")
                && (request.starts_with(b"GET")
                    || request.ends_with(b"credentials")
                    || request.windows(13).any(|name| name == b"client_secret")))
            {
                let length = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..length]);
            }
            write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    (url, thread)
}

#[test]
fn a_next_page_elsewhere_never_sees_the_token() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let address = elsewhere.local_addr().unwrap();
    for link in [
        format!("http://{address}/v1.0/next"),
        "https://graph.microsoft.com/v1.0/next".into(),
        "//evil.example/".into(),
        "next".into(),
    ] {
        let token = r#"{"token_type":"Bearer","expires_in":"3599","access_token":"t"}"#.to_owned();
        let (url, thread) = serve(vec![token, format!(r#"{{"value":[],"@odata.nextLink":"{link}"}}"#)]);
        let profile = format!("tenant=\"t\"\nclient_id=\"c\"\nclient_secret=\"s\"\nauthority=\"{url}\"\ngraph=\"{url}\"");
        let clock: SharedClock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
        let (mut entra, _) = client(&profile, clock);
        let user = User { id: "1".into(), upn: "a@b".into(), display_name: None, enabled: None, kind: None, language: None };
        assert!(matches!(entra.methods(&user), Err(IdentityError::Malformed(_))), "{link}");
        thread.join().unwrap();
    }
    assert!(elsewhere.accept().is_err(), "nobody came");
}

#[test]
fn https_is_spoken_and_a_stranger_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        // The first try and the one after it.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut record = [0; 5];
            stream.read_exact(&mut record).unwrap();
            assert_eq!(record[0], 0x16, "a TLS handshake, not a form with a secret");
        }
    });
    let profile = format!("tenant=\"t\"\nclient_id=\"c\"\nclient_secret=\"s\"\nauthority=\"{url}\"\ngraph=\"{url}\"");
    let clock: SharedClock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
    let (mut entra, pauses) = client(&profile, clock);
    assert!(matches!(entra.sign_in(), Err(IdentityError::Network(_))));
    assert_eq!(pauses.lock().unwrap().len(), 1);
    thread.join().unwrap();
}

#[test]
fn names_that_would_climb_out_of_their_place() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    for id in ["", ".", ".."] {
        assert!(desk.entra.remove(&user, id).is_err(), "{id}");
    }
    desk.entra.remove(&user, "../../x").unwrap();
    assert_eq!(desk.tenant.calls("DELETE", "*/fido2Methods/..%2F..%2Fx"), 1);
}

/// Keeps every line at the most verbose level.
struct Lines(Mutex<Vec<String>>);

static LINES: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn flush(&self) {}
}

#[test]
fn no_line_of_the_log_holds_a_secret() {
    log::set_logger(&LINES).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let mut desk = Desk::new(Script { faults: vec![Fault::once("GET", "/v1.0/users/*", Act::Garbage)], ..Script::default() });
    assert!(desk.entra.user(ADELE).is_err());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let registration = SoftKey::new(&offer, 9).register(&offer);
    desk.entra.register(&user, &registration).unwrap();
    log::set_max_level(LevelFilter::Off);
    let lines = LINES.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    assert!(lines.contains("request-id"), "{lines}");
    for secret in ["training-secret", "Bearer", "access_token", &offer.options.challenge[..40]] {
        assert!(!lines.contains(secret), "{secret}");
    }
}
