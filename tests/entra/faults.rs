//! Every trouble that the tenant can make, on calls that may be repeated and on the one that may not.

use std::time::Duration;

use keywright::clock::Clock;
use keywright::identity::{IdentityError, IdentityProvider, RegisterError};
use keywright::simulator::tenant::{Act, Fault, Script};

use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

const ADELE: &str = "adele@contoso.example";
const USERS: &str = "/v1.0/users/*";
const METHODS: &str = "*/fido2Methods";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_status_and_its_error() {
    type Check = fn(&IdentityError) -> bool;
    let rows: [(u16, usize, Check); 10] = [
        (
            400,
            1,
            |error| matches!(error, IdentityError::Refused(reply) if reply.code == "badRequest" && !reply.request_id.is_empty()),
        ),
        (401, 2, |error| matches!(error, IdentityError::Unauthorized(_))),
        // The look-up asks again for fewer fields.
        (403, 2, |error| matches!(error, IdentityError::Forbidden(reply) if reply.code == "Authorization_RequestDenied")),
        (404, 1, |error| matches!(error, IdentityError::UserUnknown(_))),
        (405, 1, |error| matches!(error, IdentityError::NotOffered(_))),
        (429, 4, |error| matches!(error, IdentityError::Throttled { .. })),
        (500, 4, |error| matches!(error, IdentityError::Unavailable(_))),
        (502, 4, |error| matches!(error, IdentityError::Unavailable(_))),
        (503, 4, |error| matches!(error, IdentityError::Unavailable(_))),
        (504, 4, |error| matches!(error, IdentityError::Unavailable(_))),
    ];
    for (status, calls, check) in rows {
        let mut desk = Desk::new(Script { faults: vec![Fault::always("GET", USERS, Act::status(status))], ..Script::default() });
        let error = desk.entra.user(ADELE).unwrap_err();
        assert!(check(&error), "{status}: {error:?}");
        assert_eq!(desk.tenant.calls("GET", USERS), calls, "{status}");
    }
}

#[test]
fn passing_trouble_passes() {
    for act in [
        Act::status(500),
        Act::status(502),
        Act::status(503),
        Act::status(504),
        Act::throttled(None),
        Act::CloseBefore,
        Act::CloseAfter,
    ] {
        let fault = Fault { times: 3, ..Fault::once("GET", USERS, act.clone()) };
        let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
        desk.entra.user(ADELE).unwrap();
        let pauses = desk.take_pauses();
        assert_eq!(pauses.len(), 3, "{act:?}");
        assert!(
            pauses.iter().zip([1, 2, 4]).all(|(pause, base)| *pause >= secs(base) / 2 && *pause <= secs(base) * 3 / 2),
            "{pauses:?}"
        );
    }
}

#[test]
fn retry_after_is_obeyed() {
    let fault = Fault { times: 2, ..Fault::once("GET", USERS, Act::throttled(Some(17))) };
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    desk.entra.user(ADELE).unwrap();
    assert_eq!(desk.take_pauses(), [secs(17), secs(17)]);
}

#[test]
fn a_long_retry_after_is_told_instead_of_waited() {
    let mut desk = Desk::new(Script { faults: vec![Fault::always("GET", USERS, Act::throttled(Some(90)))], ..Script::default() });
    let error = desk.entra.user(ADELE).unwrap_err();
    assert!(matches!(error, IdentityError::Throttled { retry_after, .. } if retry_after == secs(90)), "{error:?}");
    assert_eq!(desk.tenant.calls("GET", USERS), 1);
    assert!(desk.take_pauses().is_empty());
}

#[test]
fn a_removal_whose_answer_is_lost_is_asked_again() {
    let fault = Fault::once("DELETE", "*", Act::CloseAfter);
    let mut desk = Desk::new(Script { faults: vec![fault], ..Script::default() });
    let tina = desk.entra.user("tina@contoso.example").unwrap();
    let id = desk.entra.methods(&tina).unwrap()[0].id.clone();
    desk.entra.remove(&tina, &id).unwrap();
    assert_eq!((desk.tenant.calls("DELETE", "*"), desk.tenant.passkeys("tina@contoso.example").len()), (2, 9));
}

/// What a registration comes to.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Taken,
    Refused,
    Unknown,
}

#[test]
fn a_registration_is_never_sent_twice_blindly() {
    let processed = |status| Act::Answer { status, retry_after: None, code: None, processed: true };
    // Act, how it ends, whether the tenant holds the passkey, number of POSTs.
    for (act, end, landed, posts) in [
        (Act::throttled(None), End::Taken, true, 2),
        (Act::throttled(Some(9)), End::Taken, true, 2),
        (Act::throttled(Some(90)), End::Refused, false, 1),
        (Act::status(401), End::Taken, true, 2),
        (Act::ClaimsChallenge, End::Taken, true, 2),
        (Act::Delay { seconds: 60 }, End::Taken, true, 1),
        // Nobody waits so long, and by then the challenge has expired.
        (Act::Delay { seconds: 301 }, End::Unknown, false, 1),
        (Act::status(400), End::Refused, false, 1),
        (Act::status(403), End::Refused, false, 1),
        (Act::status(404), End::Refused, false, 1),
        (Act::status(405), End::Refused, false, 1),
        (Act::status(500), End::Unknown, false, 1),
        (Act::status(503), End::Unknown, false, 1),
        (processed(500), End::Unknown, true, 1),
        (processed(504), End::Unknown, true, 1),
        (Act::CloseBefore, End::Unknown, false, 1),
        (Act::CloseAfter, End::Unknown, true, 1),
        (Act::Garbage, End::Unknown, true, 1),
        (Act::Oversize, End::Unknown, true, 1),
        (Act::Redirect { location: "/v1.0/users/x/authentication/fido2Methods".into() }, End::Unknown, false, 1),
    ] {
        let mut desk = Desk::new(Script { faults: vec![Fault::once("POST", METHODS, act.clone())], ..Script::default() });
        let user = desk.entra.user(ADELE).unwrap();
        let offer = desk.entra.creation_options(&user, None).unwrap();
        let registration = SoftKey::new(&offer, 1).register(&offer);
        let found = match desk.entra.register(&user, &registration) {
            Ok(_) => End::Taken,
            Err(RegisterError::Refused(_)) => End::Refused,
            Err(RegisterError::Unknown(_)) => End::Unknown,
        };
        assert_eq!(found, end, "{act:?}");
        assert_eq!(desk.tenant.calls("POST", METHODS), posts, "{act:?}");
        if act == Act::throttled(Some(90)) {
            desk.clock.advance(secs(90));
        }
        assert_eq!(desk.entra.find(&user, &registration.credential_id).unwrap().is_some(), landed, "{act:?}");
        if !landed && end == End::Unknown {
            let expired = registration.expires <= desk.clock.now();
            assert_eq!(desk.entra.register(&user, &registration).is_ok(), !expired, "{act:?}");
        }
    }
}

#[test]
fn a_registration_that_stays_unauthorised_or_throttled_is_refused() {
    for (status, posts) in [(401, 2), (429, 4)] {
        let mut desk =
            Desk::new(Script { faults: vec![Fault::always("POST", METHODS, Act::status(status))], ..Script::default() });
        let user = desk.entra.user(ADELE).unwrap();
        let offer = desk.entra.creation_options(&user, None).unwrap();
        let registration = SoftKey::new(&offer, 1).register(&offer);
        assert!(matches!(desk.entra.register(&user, &registration), Err(RegisterError::Refused(_))), "{status}");
        assert_eq!(desk.tenant.calls("POST", METHODS), posts, "{status}");
    }
}

#[test]
fn nobody_is_there() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let registration = SoftKey::new(&offer, 1).register(&offer);
    let Desk { tenant, mut entra, .. } = desk;
    drop(tenant);
    assert!(matches!(entra.user(ADELE), Err(IdentityError::Network(_))));
    let error = entra.register(&user, &registration).unwrap_err();
    assert!(matches!(error, RegisterError::Refused(IdentityError::Network(_))), "nothing was sent: {error:?}");
}
