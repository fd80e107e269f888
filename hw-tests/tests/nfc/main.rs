//! The built program through a real pcscd, and the same key as seen by a client that is not ours.

mod batch;
mod core_dump;
mod hostile;
#[path = "../../../tests/support/judge.rs"]
#[expect(dead_code, reason = "shared with the main package, which uses all of it")]
mod judge;
mod tenant;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright::simulator::key::{Model, Touch};
use keywright::simulator::tenant::{Act, Fault};
use keywright_hw_tests::{Card, Client, Line, Program, Run, Service};
use serde_json::{Value, json};

use crate::tenant::{ORIGIN, Tenant, USER};

/// One pcscd for all tests, one test at a time.
fn rig() -> MutexGuard<'static, Service> {
    static RIG: OnceLock<Mutex<Service>> = OnceLock::new();
    let rig = RIG.get_or_init(|| Mutex::new(Service::start())).lock().unwrap_or_else(PoisonError::into_inner);
    // A test that failed may have left its card a moment ago.
    Service::await_card(0, false);
    rig
}

/// Somebody at the reader who does what the program says.
fn obey(card: &mut Card, line: &Line) {
    match line["event"].as_str() {
        Some("remove-key") => card.take(),
        Some("return-key") => card.put(),
        _ => {}
    }
}

/// What every enrolment has to end in, seen by clients that are not ours; ends with the user's first sign-in.
fn user_takes_over(card: &Card, tenant: &Tenant, run: &Run) {
    takes_over(USER, card, tenant, run.result());
}

/// The same for any user; `result` is what the program said of this user's key.
fn takes_over(user: &str, card: &Card, tenant: &Tenant, result: &Value) {
    let pin = result["temporaryPin"].as_str().unwrap();
    assert_eq!(result["upn"], json!(user));
    assert_eq!(result["pinChangeForced"], json!(true));
    assert_eq!(result["serial"], json!(card.key().serial().to_string()));

    let client = Client::new();
    let handed = client.call("inspect", &json!({}));
    assert_eq!((&handed["forcePinChange"], &handed["pinRetries"]), (&json!(true), &json!(8)), "{handed}");

    let changed = client.call("change-pin", &json!({"old": pin, "new": "a pin of her own"}));
    assert_eq!(changed, json!({"forcePinChange": false}));
    let listed = client.call("credentials", &json!({"pin": "a pin of her own"}));
    let [one] = listed["credentials"].as_array().unwrap().as_slice() else { panic!("not one credential: {listed}") };
    assert_eq!((&one["rpId"], &one["userName"]), (&json!("login.microsoft.com"), &json!(user)), "{one}");
    assert_eq!(one["credentialId"], result["credentialId"]);
    assert_eq!(one["credentialId"], json!(tenant.passkey_of(user).credential_id), "{one}");

    let handle = tenant.sign_in(user, |options| {
        let request = json!({"pin": "a pin of her own", "origin": ORIGIN, "options": options});
        client.call("sign-in", &request)["assertion"].take()
    });
    assert_eq!(json!(handle), one["userHandle"]);
}

#[test]
fn the_card_itself_satisfies_a_client_that_is_not_ours() {
    let _rig = rig();
    let mut card = Card::new(0, Model::STANDARD, 1);
    card.put();
    let client = Client::new();
    let fresh = client.call("inspect", &json!({}));
    assert_eq!(fresh["options"]["clientPin"], json!(false), "{fresh}");
    client.call("set-pin", &json!({"pin": "31415926"}));
    let used = client.call("inspect", &json!({}));
    assert_eq!((&used["options"]["clientPin"], &used["pinRetries"]), (&json!(true), &json!(8)), "{used}");
    client.call("reset-card", &json!({}));
    let none = client.call("credentials", &json!({"pin": "31415926"}));
    assert_eq!(none, json!({"credentials": []}));
    client.call("change-pin", &json!({"old": "31415926", "new": "27182818"}));
    assert!(card.key().pin_is("27182818"));
}

#[test]
fn keys_are_listed_and_described() {
    let _rig = rig();
    let program = Program::new();
    let quiet = |_: &Line| {};
    assert_eq!(program.run(&["keys", "list"], quiet).result(), &json!({"keys": []}));

    let mut card = Card::new(0, Model::STANDARD, 4711);
    card.put();
    let listed = program.run(&["keys", "list", "--ask"], quiet);
    let [key] = listed.result()["keys"].as_array().unwrap().as_slice() else { panic!("not one key: {listed:?}") };
    assert_eq!((&key["serial"], &key["pinSet"], &key["problem"]), (&json!("4711"), &json!(false), &Value::Null), "{key}");
    assert_eq!(key["aaguid"], Client::new().call("inspect", &json!({}))["aaguid"]);

    let info = program.run(&["keys", "info"], quiet);
    let told = info.result().to_string();
    assert!(told.contains("4711") && told.contains(key["aaguid"].as_str().unwrap()), "{told}");

    card.take();
    assert_eq!(program.run(&["keys", "list"], quiet).result(), &json!({"keys": []}));
}

#[test]
fn a_fresh_key_is_enrolled_and_its_user_signs_in() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, 2);
    card.put();
    let run = tenant.program().run(&["enroll", USER], |line| obey(&mut card, line));
    assert!(!run.events().contains(&"remove-key"), "a fresh key needs no reset: {run:?}");
    user_takes_over(&card, &tenant, &run);
}

#[test]
fn a_relying_party_that_is_not_ours_accepts_what_the_tenant_was_sent() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, 10);
    card.put();
    let run = tenant.program().run(&["enroll", USER], |line| obey(&mut card, line));
    assert_eq!(run.result()["upn"], json!(USER));
    let client = Client::new();
    let sent = tenant.registration();
    let accepted = client.call("register", &sent);
    assert_eq!(accepted["credentialId"], run.result()["credentialId"], "{accepted}");
    assert_eq!((&accepted["aaguid"], &accepted["algorithm"]), (&run.result()["aaguid"], &json!(-7)), "{accepted}");
    let another = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    let leaf = json!(URL_SAFE_NO_PAD.encode(Model::STANDARD.leaf));
    for (member, value, reason) in [
        ("challenge", another, "Wrong challenge"),
        ("rpId", json!("login.example"), "origin"),
        ("root", leaf, "UntrustedAttestation"),
    ] {
        let mut changed = sent.clone();
        changed[member] = value;
        let refused = client.call("register", &changed);
        assert!(refused["refused"].as_str().is_some_and(|words| words.contains(reason)), "{member}: {refused}");
    }
}

#[test]
fn a_used_key_is_taken_off_the_reader_returned_wiped_and_enrolled() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, 3);
    assert!(card.key().wear("00112233", 2));
    card.put();
    let program = tenant.program();

    let refused = program.run(&["enroll", USER], |line| obey(&mut card, line));
    assert_eq!(refused.code, Some(3), "nobody agreed to the loss: {refused:?}");
    assert!(card.key().pin_is("00112233") && card.key().state().resident == 2, "the key was changed");

    let run = program.run(&["--yes", "enroll", USER], |line| obey(&mut card, line));
    let events = run.events();
    let order: Vec<_> = events.iter().filter(|event| ["remove-key", "return-key"].contains(event)).collect();
    assert_eq!(order, [&"remove-key", &"return-key"], "{run:?}");
    user_takes_over(&card, &tenant, &run);
}

#[test]
fn another_key_that_is_put_back_is_not_wiped() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, 5);
    let mut other = Card::new(0, Model::STANDARD, 6);
    for key in [&card, &other] {
        assert!(key.key().wear("00112233", 1));
    }
    card.put();
    let mut puts = 0;
    let run = tenant.program().run(&["--yes", "enroll", USER], |line| match line["event"].as_str() {
        Some("remove-key") if card.is_on_reader() => card.take(),
        Some("remove-key") if other.is_on_reader() => other.take(),
        Some("return-key") if puts == 0 => {
            puts += 1;
            other.put();
        }
        _ => {}
    });
    assert_eq!(run.code, Some(5), "{run:?}");
    for key in [&card, &other] {
        assert!(key.key().pin_is("00112233") && key.key().state().resident == 1, "a key was changed: {run:?}");
    }
    assert!(!tenant.has_passkeys());
}

#[test]
fn an_ordinary_user_needs_no_privilege() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::new(0, Model::STANDARD, 7);
    card.put();
    let run = tenant.program().as_ordinary_user().run(&["enroll", USER], |line| obey(&mut card, line));
    user_takes_over(&card, &tenant, &run);
}

#[test]
fn a_card_that_another_program_resets_meanwhile_is_picked_up_again() {
    let _rig = rig();
    let tenant = Tenant::start();
    // Long enough for the other program, while the key was looked at and is not yet changed.
    tenant.fault(Fault::once("GET", "*creationOptions*", Act::Delay { seconds: 3 }));
    let mut card = Card::new(0, Model::STANDARD, 8);
    card.put();
    let mut resets = 0;
    let run = tenant.program().run(&["enroll", USER], |line| {
        if line["event"] == json!("key-found") {
            assert_eq!(Client::new().call("reset-card", &json!({})), json!({"status": 0}));
            resets += 1;
        }
    });
    assert_eq!(resets, 1, "{run:?}");
    user_takes_over(&card, &tenant, &run);
}

#[test]
fn a_card_that_waits_for_a_touch_is_polled_until_it_comes() {
    let _rig = rig();
    let tenant = Tenant::start();
    let mut card = Card::with_contacts(0, Model::STANDARD, 9);
    card.key().set_touch(Touch::After(Duration::from_millis(900)));
    card.put();
    let run = tenant.program().run(&["enroll", USER], |line| obey(&mut card, line));
    let touches = run.lines.iter().filter(|line| line["event"] == json!("key-waits") && line["wait"] == json!("touch")).count();
    assert_eq!(touches, 1, "told once, when it begins: {run:?}");
    card.key().set_touch(Touch::AtOnce);
    user_takes_over(&card, &tenant, &run);
}
