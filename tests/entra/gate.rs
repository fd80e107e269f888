//! Hosts that ask to be left alone, stop requests, and batches.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keywright::clock::{SharedClock, SystemClock};
use keywright::ctap::Cancel;
use keywright::identity::entra::{Entra, Profile, Tools};
use keywright::identity::{IdentityError, IdentityProvider, User};
use keywright::simulator::tenant::{Act, Fault, Script, TrainingUser};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::tenant::{Desk, start};

const ADELE: &str = "adele@contoso.example";
const USERS: &str = "/v1.0/users/*";
const TOKEN: &str = "*/token";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn tools(clock: SharedClock) -> Tools {
    Tools::new(clock, Box::new(StdRng::seed_from_u64(3)))
}

#[test]
fn a_host_that_asked_for_an_hour_is_not_called_meanwhile_by_anybody() {
    let fault = Fault::once("GET", USERS, Act::throttled(Some(86_400)));
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    let mut shared = tools(desk.clock.clone());
    shared.gate = desk.gate.clone();
    let mut other = desk.entra.another(shared);
    assert!(desk.entra.user(ADELE).is_err());
    for (entra, left) in [(&mut desk.entra, 3600), (&mut other, 2600)] {
        let error = entra.user(ADELE).unwrap_err();
        assert!(matches!(error, IdentityError::Throttled { retry_after, .. } if retry_after == secs(left)), "{error:?}");
        desk.clock.advance(secs(1000));
    }
    assert_eq!(desk.tenant.calls("GET", USERS), 1, "refused here, with the time left");
    assert_eq!(desk.tenant.calls("POST", TOKEN), 1, "both clients have one sign-in");
    desk.clock.advance(secs(1560));
    other.user(ADELE).unwrap();
    assert_eq!(desk.tenant.calls("GET", USERS), 2);
}

#[test]
fn a_short_request_to_be_left_alone_is_waited_out_by_everybody() {
    let fault = Fault { times: 4, ..Fault::once("GET", USERS, Act::throttled(Some(7))) };
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    assert!(desk.entra.user(ADELE).is_err(), "four tries");
    assert_eq!(desk.take_pauses(), [secs(7); 3]);
    desk.entra.user(ADELE).unwrap();
    assert_eq!(desk.take_pauses(), [secs(7)], "the next call waits before it goes out");
}

#[test]
fn a_token_endpoint_that_fails_is_left_alone() {
    // What it answers, how long it is left alone, calls until then.
    for (act, closed, calls) in [
        (Act::status(503), 60, 2),
        (Act::Answer { status: 503, retry_after: Some(70), code: None, processed: false }, 70, 1),
        (Act::throttled(Some(300)), 300, 1),
        (Act::throttled(Some(5)), 5, 2),
    ] {
        let fault = Fault { times: u32::try_from(calls).unwrap(), ..Fault::once("POST", TOKEN, act.clone()) };
        let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
        assert!(desk.entra.sign_in().is_err(), "{act:?}");
        desk.clock.advance(secs(closed - 1));
        assert!(desk.entra.sign_in().is_err(), "{act:?}");
        assert_eq!(desk.tenant.calls("POST", TOKEN), calls, "{act:?}");
        desk.clock.advance(secs(1));
        desk.entra.sign_in().unwrap();
    }
}

#[test]
fn a_stop_request_ends_a_wait_and_a_silent_call() {
    let clock: SharedClock = Arc::new(SystemClock::new());
    let script = Script { faults: vec![Fault::always("GET", USERS, Act::throttled(Some(50)))], ..Script::default() };
    let tenant = start(script, clock.clone());
    // A host that accepts and then says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_profile = tenant.profile_toml().replace(&tenant.url(), &format!("http://{}", silent.local_addr().unwrap()));
    for profile in [tenant.profile_toml(), silent_profile] {
        let cancel = Cancel::new();
        let begun = clock.monotonic();
        let stopper = {
            let (cancel, clock) = (cancel.clone(), clock.clone());
            thread::spawn(move || {
                clock.sleep(Duration::from_millis(400));
                cancel.request();
            })
        };
        let tools = Tools { cancel, ..tools(clock.clone()) };
        let mut entra = Entra::new(Profile::from_toml(&profile).unwrap(), None, tools).unwrap();
        assert_eq!(entra.user(ADELE), Err(IdentityError::Interrupted));
        assert!(clock.monotonic().saturating_sub(begun) < secs(5), "promptly");
        stopper.join().unwrap();
    }
}

fn crowd(number: usize) -> Script {
    let mut script = Script::default();
    let model = script.users[0].clone();
    script.users = (0..number)
        .map(|n| TrainingUser {
            id: format!("id-{n}"),
            upn: format!("u{n}@contoso.example"),
            passkeys: u8::try_from(n % 4).unwrap(),
            ..model.clone()
        })
        .collect();
    script.page_size = 2;
    script
}

fn people(desk: &mut Desk, number: usize) -> Vec<User> {
    let user = desk.entra.user("u0@contoso.example").unwrap();
    (0..number).map(|n| User { id: format!("id-{n}"), ..user.clone() }).collect()
}

#[test]
fn many_users_are_read_in_batches_and_only_the_throttled_ones_again() {
    let mut desk = Desk::new(crowd(45));
    desk.tenant.add_fault(Fault { times: 2, ..Fault::once("GET", "*/id-3/*", Act::throttled(Some(9))) });
    desk.tenant.add_fault(Fault::once("GET", "*/id-30/*", Act::status(503)));
    desk.tenant.add_fault(Fault::always("GET", "*/id-7/*", Act::status(403)));
    desk.tenant.add_fault(Fault::always("GET", "*/id-8/*", Act::throttled(Some(3601))));
    let users = people(&mut desk, 45);
    let lists = desk.entra.methods_of(&users).unwrap();
    for (n, list) in lists.iter().enumerate() {
        match n {
            7 => assert!(matches!(list, Err(IdentityError::Forbidden(_)))),
            8 => assert!(matches!(list, Err(IdentityError::Throttled { .. }))),
            // The third passkey is on a second page.
            _ => assert_eq!(list.as_ref().unwrap().len(), n % 4, "{n}"),
        }
    }
    for (id, calls) in [("id-3", 4), ("id-30", 2), ("id-7", 1), ("id-8", 1), ("id-9", 1)] {
        assert_eq!(desk.tenant.calls("GET", &format!("*/{id}/*/fido2Methods")), calls, "{id}");
    }
    assert!(desk.tenant.calls("POST", "/v1.0/$batch") <= 6);
    assert!(desk.take_pauses().iter().sum::<Duration>() >= secs(18), "its own Retry-After, twice");
}

#[test]
fn a_batch_renews_a_token_that_ran_out_under_way() {
    let mut desk = Desk::new(crowd(3));
    let users = people(&mut desk, 3);
    desk.tenant.add_fault(Fault::once("GET", "*/id-1/*", Act::ClaimsChallenge));
    let lists = desk.entra.methods_of(&users).unwrap();
    assert!(lists.iter().all(Result::is_ok));
    desk.tenant.revoke_tokens();
    assert!(desk.entra.methods_of(&users).unwrap().iter().all(Result::is_ok));
    // The last two: one for the revocation, one since the tenant still wants its challenge answered.
    assert_eq!(desk.tenant.calls("POST", TOKEN), 4);
}
