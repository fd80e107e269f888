//! People sign in: at a browser, by device code, silently with what is remembered.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use keywright::advice::Advised;
use keywright::clock::{ManualClock, SharedClock, SystemClock};
use keywright::ctap::Cancel;
use keywright::identity::entra::{Entra, Invitation, Profile, Tools, Vault};
use keywright::identity::{IdentityError, IdentityProvider, Verdict};
use keywright::secret::SecretText;
use keywright::simulator::tenant::{Act, Fault, PersonDoes, RefreshDoes, RunningTenant, Script};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::preflight::STANDARD;
use crate::support::tenant::start;

const ADELE: &str = "adele@contoso.example";
const TOKEN: &str = "*/token";
const AUTHORIZE: &str = "*/authorize";

type Shelf = Arc<Mutex<BTreeMap<String, String>>>;

/// A keyring in memory, which can be broken.
struct Box1(Shelf, bool);

impl Vault for Box1 {
    fn load(&mut self, name: &str) -> Result<Option<SecretText>, String> {
        Ok(self.0.lock().unwrap().get(name).map(SecretText::new))
    }

    fn keep(&mut self, name: &str, secret: &SecretText) -> Result<(), String> {
        if self.1 {
            return Err("it is locked".into());
        }
        self.0.lock().unwrap().insert(name.into(), secret.expose().into());
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), String> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A tenant and what is around it.
struct Stage {
    tenant: RunningTenant,
    clock: SharedClock,
    shelf: Shelf,
    said: Arc<Mutex<Vec<Invitation>>>,
}

/// What the browser does with an address.
type Browser = fn(&str);

impl Stage {
    fn new(script: Script, clock: SharedClock) -> Self {
        Self { tenant: start(script, clock.clone()), clock, shelf: Arc::default(), said: Arc::default() }
    }

    fn by_hand(script: Script) -> (Self, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new("2026-11-23T15:00:00Z".parse().unwrap()));
        (Self::new(script, clock.clone()), clock)
    }

    fn tools(&self, browser: Option<Browser>) -> Tools {
        let said = Arc::clone(&self.said);
        Tools {
            attended: browser.is_some(),
            invite: Box::new(move |invitation| {
                said.lock().unwrap().push(invitation.clone());
                if let (Invitation::Visit { url, .. }, Some(browser)) = (invitation, browser) {
                    let url = url.clone();
                    thread::spawn(move || browser(&url));
                }
            }),
            vault: Some(Box::new(Box1(Arc::clone(&self.shelf), false))),
            ..Tools::new(self.clock.clone(), Box::new(StdRng::seed_from_u64(5)))
        }
    }

    fn entra(&self, way: &str, tools: Tools) -> Entra {
        let kept = self.tenant.profile_toml();
        let kept: String =
            kept.lines().filter(|line| !line.starts_with("client_secret")).map(|line| format!("{line}\n")).collect();
        Entra::new(Profile::from_toml(&format!("{kept}sign_in = \"{way}\"")).unwrap(), None, tools).unwrap()
    }

    fn said(&self) -> Vec<Invitation> {
        self.said.lock().unwrap().clone()
    }

    fn kept(&self) -> Option<String> {
        self.shelf.lock().unwrap().values().next().cloned()
    }
}

/// One GET over bare TCP: the whole answer.
fn get(address: SocketAddr, target: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Where the tenant sends a browser that visits the address: target and port of the listener.
fn sent_to(url: &str) -> (String, u16) {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_once('/').unwrap();
    let answer = get(host.parse().unwrap(), &format!("/{target}"), host);
    let location = answer.lines().find_map(|line| line.strip_prefix("location: http://localhost:")).unwrap();
    let (port, target) = location.split_once('/').unwrap();
    (format!("/{target}"), port.parse().unwrap())
}

fn browser_on_four(url: &str) {
    let (target, port) = sent_to(url);
    let page = get((Ipv4Addr::LOCALHOST, port).into(), &target, &format!("localhost:{port}"));
    assert!(page.starts_with("HTTP/1.1 200") || page.is_empty(), "{page}");
}

fn browser_on_six(url: &str) {
    let (target, port) = sent_to(url);
    let address = (Ipv6Addr::LOCALHOST, port).into();
    // A machine may have no IPv6.
    let address = if TcpStream::connect(address).is_ok() { address } else { (Ipv4Addr::LOCALHOST, port).into() };
    let page = get(address, &target, &format!("localhost:{port}"));
    assert!(page.contains("You can close this window"), "{page}");
}

fn hostile_visitors_first(url: &str) {
    let (target, port) = sent_to(url);
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let host = format!("localhost:{port}");
    let silent = TcpStream::connect(address).unwrap();
    let forged = target.split_once("&state=").unwrap().0;
    for target in ["/favicon.ico", "/?code=stolen&state=guess", forged, "/?error=access_denied"] {
        assert!(get(address, target, &host).starts_with("HTTP/1.1 404"), "{target}");
    }
    assert!(get(address, &target, "evil.example").starts_with("HTTP/1.1 404"), "a page that was named otherwise");
    let mut junk = TcpStream::connect(address).unwrap();
    drop(junk.write_all("x".repeat(20_000).as_bytes()));
    drop(junk);
    assert!(get(address, &target, &host).starts_with("HTTP/1.1 200"));
    drop(silent);
}

fn nobody(_: &str) {}

#[test]
fn a_browser_on_either_stack_and_silently_afterwards() {
    let browsers: [Browser; 3] = [browser_on_four, browser_on_six, hostile_visitors_first];
    for browser in browsers {
        let stage = Stage::new(Script::default(), Arc::new(SystemClock::new()));
        let mut entra = stage.entra("browser", stage.tools(Some(browser)));
        entra.user(ADELE).unwrap();
        let [Invitation::Visit { url, .. }] = &stage.said()[..] else { panic!("{:?}", stage.said()) };
        for part in ["response_type=code", "code_challenge_method=S256", "prompt=select_account", "offline_access", "cp1"] {
            assert!(url.contains(part), "{part}: {url}");
        }
        let who = entra.who().unwrap().unwrap();
        assert_eq!((who.person, who.user.as_deref()), (true, Some("admin@contoso.example")));
        assert_eq!(who.role_names(), ["Privileged Authentication Administrator"]);
        // Another process, with nobody there.
        let first = stage.kept().unwrap();
        stage.entra("browser", stage.tools(None)).user(ADELE).unwrap();
        assert_ne!(stage.kept().unwrap(), first, "the new refresh token takes the place of the old one");
        assert_eq!((stage.tenant.calls("GET", AUTHORIZE), stage.tenant.calls("POST", TOKEN)), (1, 2));
    }
}

#[test]
fn at_the_browser_nobody_comes_or_somebody_declines() {
    let (stage, _) = Stage::by_hand(Script::default());
    let error = stage.entra("browser", stage.tools(Some(nobody))).sign_in().unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    let mut script = Script::default();
    script.sign_in.does = PersonDoes::Decline;
    let stage = Stage::new(script, Arc::new(SystemClock::new()));
    let error = stage.entra("browser", stage.tools(Some(browser_on_four))).sign_in().unwrap_err();
    assert!(matches!(&error, IdentityError::SignIn(refusal) if refusal.sentence.contains("declined")), "{error:?}");
    assert_eq!((error.advice().exit.code(), stage.tenant.calls("POST", TOKEN)), (3, 0));
}

#[test]
fn ctrl_c_ends_the_wait_for_the_browser() {
    let stage = Stage::new(Script::default(), Arc::new(SystemClock::new()));
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let tools = Tools {
        cancel,
        invite: Box::new(move |_| {
            let stop = stop.clone();
            thread::spawn(move || stop.request());
        }),
        ..stage.tools(Some(nobody))
    };
    let begun = stage.clock.monotonic();
    assert_eq!(stage.entra("browser", tools).sign_in(), Err(IdentityError::Interrupted));
    assert!(stage.clock.monotonic().saturating_sub(begun) < Duration::from_secs(5));
}

#[test]
fn a_code_whose_answer_is_lost_is_not_redeemed_twice() {
    let script = Script { faults: vec![Fault::once("POST", TOKEN, Act::CloseAfter)], ..Script::default() };
    let stage = Stage::new(script, Arc::new(SystemClock::new()));
    let error = stage.entra("browser", stage.tools(Some(browser_on_four))).sign_in().unwrap_err();
    assert!(matches!(error, IdentityError::Network(_)));
    assert_eq!(stage.tenant.calls("POST", TOKEN), 1);
}

#[test]
fn a_code_is_entered_elsewhere() {
    // Trouble, what the person does, a word of the error, polls.
    let busy = |status| Act::Answer { status, retry_after: Some(12), code: None, processed: false };
    let rows = [
        (None, PersonDoes::Approve, None, 3),
        (Some(Act::CloseBefore), PersonDoes::Approve, None, 4),
        (Some(busy(503)), PersonDoes::Approve, None, 4),
        (Some(busy(429)), PersonDoes::Approve, None, 4),
        (Some(Act::sign_in_error(400, "slow_down", 0)), PersonDoes::Approve, None, 4),
        (None, PersonDoes::Decline, Some("denied the authorization"), 3),
        (None, PersonDoes::Nothing, Some("in time"), 179),
        (Some(Act::sign_in_error(400, "bad_verification_code", 70018)), PersonDoes::Approve, Some("AADSTS70018"), 1),
        (Some(Act::sign_in_error(400, "invalid_client", 7_000_218)), PersonDoes::Approve, Some("public client flows"), 1),
    ];
    for (act, does, word, polls) in rows {
        let mut script = Script::default();
        script.sign_in.does = does;
        script.faults = act.clone().into_iter().map(|act| Fault::once("POST", TOKEN, act)).collect();
        let (stage, _) = Stage::by_hand(script);
        let outcome = stage.entra("device-code", stage.tools(Some(nobody))).sign_in();
        assert_eq!(
            outcome.as_ref().err().map(ToString::to_string).is_some_and(|text| text.contains(word.unwrap_or("\0"))),
            word.is_some(),
            "{act:?} {outcome:?}"
        );
        assert_eq!(outcome.is_ok(), word.is_none(), "{act:?} {outcome:?}");
        assert_eq!(stage.tenant.calls("POST", TOKEN), polls, "{act:?}");
        let [Invitation::EnterCode { url, code, life }] = &stage.said()[..] else { panic!("{:?}", stage.said()) };
        assert!(url.ends_with("/devicelogin") && code == "TRAINING1" && *life == Duration::from_mins(15));
        assert_eq!(stage.kept().is_some(), word.is_none());
    }
}

#[test]
fn nobody_provisions_their_own_account() {
    let (stage, _) = Stage::by_hand(Script::default());
    let mut entra = stage.entra("device-code", stage.tools(Some(nobody)));
    for (name, expected) in [("admin@contoso.example", Verdict::Fail), (ADELE, Verdict::Pass)] {
        let user = entra.user(name).unwrap();
        let told = entra.preflight(&user, &STANDARD).unwrap();
        let found = told.findings.iter().find(|finding| finding.check == "user/not-operator").unwrap();
        assert_eq!(found.verdict, expected, "{name}");
        // So does the tenant.
        let offered = entra.creation_options(&user, None);
        assert_eq!(matches!(offered, Err(IdentityError::NotOffered(_))), expected == Verdict::Fail, "{name}");
    }
    // An application is no account.
    let mut entra = Entra::new(Profile::from_toml(&stage.tenant.profile_toml()).unwrap(), None, stage.tools(None)).unwrap();
    let user = entra.user("admin@contoso.example").unwrap();
    assert!(entra.preflight(&user, &STANDARD).unwrap().findings.iter().all(|finding| finding.check != "user/not-operator"));
}

#[test]
fn what_is_remembered_can_lose_its_value() {
    let (stage, clock) = Stage::by_hand(Script::default());
    stage.entra("device-code", stage.tools(Some(nobody))).sign_in().unwrap();
    let before = stage.kept();
    // The tenant wants an answer first: what is remembered stays, and is not offered again for two minutes.
    stage.tenant.change(|script| script.sign_in.refresh = RefreshDoes::Interaction);
    let calls = stage.tenant.calls("POST", TOKEN);
    let mut alone = stage.entra("device-code", stage.tools(None));
    for advance in [0, 119, 1] {
        clock.advance(Duration::from_secs(advance));
        let error = alone.sign_in().unwrap_err();
        assert!(matches!(&error, IdentityError::SignIn(refusal) if refusal.sentence.contains("AADSTS50076")), "{error:?}");
    }
    assert_eq!(stage.tenant.calls("POST", TOKEN) - calls, 2);
    assert_eq!(stage.kept(), before);
    // A person answers.
    let mut there = stage.entra("device-code", stage.tools(Some(nobody)));
    there.sign_in().unwrap();
    assert_ne!(stage.kept(), before);
    // It has expired: it is forgotten.
    stage.tenant.change(|script| script.sign_in.refresh = RefreshDoes::Expired);
    let error = stage.entra("device-code", stage.tools(None)).sign_in().unwrap_err();
    assert_eq!(error.advice().code, "tenant/sign-in-needed");
    assert_eq!(stage.kept(), None);
    let calls = stage.tenant.calls("POST", TOKEN);
    assert_eq!(stage.entra("device-code", stage.tools(None)).sign_in().unwrap_err().advice().exit.code(), 3);
    assert_eq!(stage.tenant.calls("POST", TOKEN), calls, "there is nothing to ask with");
}

#[test]
fn what_the_tenant_wants_answered_is_passed_on_to_the_browser() {
    let stage = Stage::new(Script::default(), Arc::new(SystemClock::new()));
    let mut entra = stage.entra("browser", stage.tools(Some(browser_on_four)));
    entra.sign_in().unwrap();
    stage.tenant.change(|script| script.sign_in.refresh = RefreshDoes::Interaction);
    stage.tenant.revoke_tokens();
    entra.user(ADELE).unwrap();
    let said = stage.said();
    let [_, Invitation::Visit { url, .. }] = &said[..] else { panic!("{said:?}") };
    assert!(url.contains("capolids") && url.contains("cp1"), "{url}");
}

#[test]
fn a_claims_challenge_is_answered_silently_by_people_and_applications() {
    for way in ["device-code", "secret"] {
        let (stage, _) = Stage::by_hand(Script::default());
        let mut entra = if way == "secret" {
            Entra::new(Profile::from_toml(&stage.tenant.profile_toml()).unwrap(), None, stage.tools(None)).unwrap()
        } else {
            stage.entra(way, stage.tools(Some(nobody)))
        };
        entra.sign_in().unwrap();
        let calls = stage.tenant.calls("POST", TOKEN);
        stage.tenant.add_fault(Fault::once("GET", "/v1.0/users/*", Act::ClaimsChallenge));
        entra.user(ADELE).unwrap();
        assert_eq!(stage.tenant.calls("POST", TOKEN) - calls, 1, "{way}: once, with the claims");
        entra.user(ADELE).unwrap();
        assert_eq!(stage.tenant.calls("POST", TOKEN) - calls, 1);
    }
}

#[test]
fn a_keyring_that_fails_and_one_that_is_not_there() {
    let (stage, _) = Stage::by_hand(Script::default());
    let broken = Tools { vault: Some(Box::new(Box1(Arc::default(), true))), ..stage.tools(Some(nobody)) };
    let mut entra = stage.entra("device-code", broken);
    entra.user(ADELE).unwrap();
    assert!(stage.said().contains(&Invitation::NotKept { reason: "it is locked".into() }));
    let none = Tools { vault: None, ..stage.tools(Some(nobody)) };
    let mut entra = stage.entra("device-code", none);
    entra.user(ADELE).unwrap();
    stage.tenant.revoke_tokens();
    entra.user(ADELE).unwrap();
    let told = stage
        .said()
        .iter()
        .filter(|said| matches!(said, Invitation::NotKept { reason } if reason.contains("no keyring")))
        .count();
    assert_eq!(told, 1, "in memory it serves, and it was said once");
}

#[test]
fn signing_in_anew_and_out() {
    let (stage, _) = Stage::by_hand(Script::default());
    let mut entra = stage.entra("device-code", stage.tools(Some(nobody)));
    assert!(!entra.log_out().unwrap());
    entra.log_in().unwrap();
    entra.log_in().unwrap();
    assert_eq!(stage.said().len(), 2, "asked although somebody is remembered");
    assert!(stage.entra("device-code", stage.tools(None)).log_out().unwrap());
    assert_eq!(stage.kept(), None);
    assert_eq!(stage.entra("device-code", stage.tools(None)).sign_in().unwrap_err().advice().code, "tenant/sign-in-needed");
    assert!(entra.log_out().unwrap());
    assert!(!entra.log_out().unwrap());
}

#[test]
fn many_threads_renew_once() {
    let stage = Stage::new(Script::default(), Arc::new(SystemClock::new()));
    let profile = Profile::from_toml(&stage.tenant.profile_toml()).unwrap();
    let first = Entra::new(profile, None, stage.tools(None)).unwrap();
    for round in 1..=3 {
        thread::scope(|scope| {
            for _ in 0..8 {
                let mut entra = first.another(stage.tools(None));
                scope.spawn(move || entra.user(ADELE).unwrap());
            }
        });
        assert_eq!(stage.tenant.calls("POST", TOKEN), round);
        stage.tenant.revoke_tokens();
    }
}
