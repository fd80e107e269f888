//! An OpenID provider that is not ours takes what keywright sends: private_key_jwt with PS256, the browser with PKCE, the
//! code entered elsewhere, and refresh tokens that it replaces each time (`oauth/peer.mjs`, npm's `oidc-provider`).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use keywright::clock::SystemClock;
use keywright::identity::entra::{Entra, Invitation, Profile, Tools, Vault};
use keywright::secret::SecretText;
use keywright_hw_tests::{Program, Run};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(1);

fn here(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn certificate(name: &str) -> PathBuf {
    here("../tests/data/entra").join(name)
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(here("oauth").join(script)).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// The peer; it ends with the test.
struct Peer {
    child: Child,
    issuer: String,
    lines: Receiver<Value>,
}

impl Peer {
    fn start() -> Self {
        let mut child = node("peer.mjs").arg(certificate("application.pem")).stdout(Stdio::piped()).spawn().expect("node");
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // The library has remarks of its own, which are no JSON.
            for line in out.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                let _ = sender.send(line);
            }
        });
        let first: Value = lines.recv_timeout(LIMIT).expect("run hw-tests/oauth/setup first");
        Self { child, issuer: first["issuer"].as_str().unwrap().to_owned(), lines }
    }

    /// A profile for it.
    fn profile(&self, client: &str, lines: &str) -> String {
        let issuer = &self.issuer;
        format!(
            "tenant = \"contoso.example\"\nclient_id = \"{client}\"\nauthority = \"{issuer}\"\ngraph = \"{issuer}\"\n{lines}\n"
        )
    }

    /// The next thing that the peer granted or refused, other than that it waits.
    fn did(&self) -> Value {
        loop {
            let line = self.lines.recv_timeout(LIMIT).unwrap();
            if line["refused"].is_null() || !line["why"].to_string().contains("pending") {
                return line;
            }
        }
    }

    /// Runs the built program with a profile; a person does what its events say.
    fn run(&self, client: &str, lines: &str, arguments: &[&str]) -> Run {
        let program = Program::new();
        let profile = program.home().join("profile.toml");
        std::fs::write(&profile, self.profile(client, lines)).unwrap();
        let arguments = [&["--profile", profile.to_str().unwrap()], arguments].concat();
        program.run(&arguments, |line| {
            if line["event"] == "sign-in" {
                let (url, code) = (line["url"].as_str().unwrap().to_owned(), line["code"].as_str().map(str::to_owned));
                thread::spawn(move || visit(&url, code.as_deref()));
            }
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person with a browser.
fn visit(url: &str, code: Option<&str>) {
    let mut command = node("browser.mjs");
    command.arg(url).args(code).stderr(Stdio::inherit());
    assert!(command.status().expect("node").success(), "the browser was turned away");
}

#[test]
fn an_application_by_its_certificate() {
    let peer = Peer::start();
    let named = |file: &str, alg: &str| format!("certificate = {:?}\ncertificate_alg = \"{alg}\"", certificate(file));
    let run = peer.run("daemon", &named("application.pem", "PS256"), &["whoami"]);
    assert_eq!(run.code, Some(0), "{:?} {}", run.lines, run.talk);
    assert_eq!(peer.did()["granted"], "client_credentials");
    // What should be refused is.
    for (file, alg) in [("stranger.pem", "PS256"), ("application.pem", "RS256")] {
        let run = peer.run("daemon", &named(file, alg), &["whoami"]);
        assert_eq!(run.code, Some(2), "{file} {alg}: {:?}", run.lines);
        assert_eq!(run.lines.last().unwrap()["error"]["code"], "tenant/application");
        assert_eq!(peer.did()["refused"], "client_credentials");
    }
}

#[test]
fn a_person_at_the_browser() {
    let peer = Peer::start();
    let run = peer.run("desk", "sign_in = \"browser\"", &["login", "--no-browser"]);
    assert_eq!(run.code, Some(0), "{:?} {}", run.lines, run.talk);
    assert_eq!(peer.did()["granted"], "authorization_code");
}

#[test]
fn a_person_with_a_code() {
    let peer = Peer::start();
    let run = peer.run("desk", "sign_in = \"device-code\"", &["login"]);
    assert_eq!(run.code, Some(0), "{:?} {}", run.lines, run.talk);
    assert_eq!(peer.did()["granted"], "urn:ietf:params:oauth:grant-type:device_code");
}

/// A keyring in memory.
struct Shelf(Arc<Mutex<BTreeMap<String, String>>>);

impl Vault for Shelf {
    fn load(&mut self, name: &str) -> Result<Option<SecretText>, String> {
        Ok(self.0.lock().unwrap().get(name).map(SecretText::new))
    }

    fn keep(&mut self, name: &str, secret: &SecretText) -> Result<(), String> {
        self.0.lock().unwrap().insert(name.to_owned(), secret.expose().to_owned());
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), String> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

#[test]
fn a_refresh_token_is_replaced_each_time() {
    let peer = Peer::start();
    let shelf = Arc::default();
    let entra = |attended: bool| {
        let tools = Tools {
            attended,
            invite: Box::new(|invitation| {
                if let Invitation::Visit { url, .. } = invitation {
                    let url = url.clone();
                    thread::spawn(move || visit(&url, None));
                }
            }),
            vault: Some(Box::new(Shelf(Arc::clone(&shelf)))),
            ..Tools::new(Arc::new(SystemClock::new()), Box::new(StdRng::seed_from_u64(attended.into())))
        };
        Entra::new(Profile::from_toml(&peer.profile("desk", "sign_in = \"browser\"")).unwrap(), None, tools).unwrap()
    };
    entra(true).log_in().unwrap();
    assert_eq!(peer.did()["granted"], "authorization_code");
    // The peer takes each one once only.
    for _ in 0..3 {
        entra(false).sign_in().unwrap();
        assert_eq!(peer.did()["granted"], "refresh_token");
    }
    shelf.lock().unwrap().values_mut().for_each(|token| token.push('x'));
    let error = entra(false).sign_in().unwrap_err();
    assert!(error.to_string().starts_with("signing in failed"), "{error}");
    assert!(shelf.lock().unwrap().is_empty(), "what is of no use is forgotten");
}
