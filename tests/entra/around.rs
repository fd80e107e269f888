//! What stands around the passkeys: the audit log, Temporary Access Passes over time, messages, and the permission of each.

use keywright::identity::entra::{PasskeyEvent, TapWish};
use keywright::identity::{IdentityError, IdentityProvider, Message, Method, SendError, User};
use keywright::simulator::tenant::{Act, Fault, Script, TrainingUser};

use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

const ADELE: &str = "adele@contoso.example";
const TINA: &str = "tina@contoso.example";
const LOG: &str = "*/directoryAudits";

/// Registers a passkey.
fn enrol(desk: &mut Desk, user: &User, id: u8) -> Method {
    let offer = desk.entra.creation_options(user, None).unwrap();
    desk.entra.register(user, &SoftKey::new(&offer, id).register(&offer)).unwrap()
}

fn of<'a>(events: &'a [PasskeyEvent], activity: &str) -> Vec<&'a PasskeyEvent> {
    events.iter().filter(|event| event.activity == activity).collect()
}

#[test]
fn the_log_of_one_user_page_by_page() {
    let mut script = Script { page_size: 2, ..Script::default() };
    let quoted = TrainingUser { id: "id-1".into(), upn: "o'neil@contoso.example".into(), ..script.users[0].clone() };
    script.users.push(quoted);
    let mut desk = Desk::new(script);
    let (user, other) = (desk.entra.user("o'neil@contoso.example").unwrap(), desk.entra.user(ADELE).unwrap());
    let methods: Vec<Method> = (1..=3).map(|id| enrol(&mut desk, &user, id)).collect();
    enrol(&mut desk, &other, 9);
    desk.entra.remove(&user, &methods[0].id).unwrap();
    let events = desk.entra.passkey_events(&user, &methods[1..]).unwrap();
    assert_eq!(events.len(), 7, "{events:?}");
    assert_eq!(desk.tenant.calls("GET", LOG), 4, "seven events on pages of two");
    let added = of(&events, "Add Passkey (device-bound)");
    let matched: Vec<Option<&str>> = added.iter().map(|event| event.passkey.as_deref()).collect();
    assert!(matched.contains(&None) && matched.contains(&Some(&*methods[1].id)) && matched.contains(&Some(&*methods[2].id)));
    assert_eq!(of(&events, "Admin deleted security info").len(), 1);
}

#[test]
fn a_log_that_does_not_know_names_is_asked_as_documented() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let methods = [enrol(&mut desk, &user, 1), enrol(&mut desk, &user, 2)];
    desk.tenant.add_fault(Fault::once("GET", LOG, Act::status(400)));
    let events = desk.entra.passkey_events(&user, &methods).unwrap();
    let added = of(&events, "Add Passkey (device-bound)");
    assert_eq!((added.len(), of(&events, "Admin registered security info").len()), (2, 2), "{events:?}");
    assert!(added.iter().all(|event| event.passkey.is_some()));
    desk.tenant.clear_faults();
    desk.tenant.add_fault(Fault::always("GET", LOG, Act::status(400)));
    assert!(matches!(desk.entra.passkey_events(&user, &methods), Err(IdentityError::Refused(_))));
}

#[test]
fn events_come_late_and_go_after_thirty_days() {
    let mut desk = Desk::new(Script { audit_delay: 180, ..Script::default() });
    let user = desk.entra.user(ADELE).unwrap();
    let method = enrol(&mut desk, &user, 1);
    let mut seen = |seconds: u64| {
        desk.clock.advance(std::time::Duration::from_secs(seconds));
        desk.entra.passkey_events(&user, std::slice::from_ref(&method)).unwrap().len()
    };
    assert_eq!([seen(0), seen(179), seen(1), seen(29 * 86_400), seen(86_400)], [0, 0, 2, 2, 0]);
}

#[test]
fn a_pass_over_its_life() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let start = "2026-11-23T16:00:00Z".parse().unwrap();
    let issued = desk.entra.issue_tap(&user, &TapWish { start: Some(start), ..TapWish::default() }).unwrap();
    assert_eq!(issued.tap.end(), "2026-11-23T17:00:00Z".parse().ok());
    let mut state = |minutes: u64| {
        desk.clock.advance(std::time::Duration::from_mins(minutes));
        let tap = desk.entra.taps(&user).unwrap().remove(0);
        (tap.reason.clone().unwrap(), tap.usable.unwrap(), tap.is_alive())
    };
    assert_eq!(state(59), ("NotYetValid".into(), false, true));
    assert_eq!(state(1), ("EnabledByPolicy".into(), true, true));
    assert_eq!(state(60), ("Expired".into(), false, false));
    desk.tenant.change(|script| script.tap_policy.state = "disabled".into());
    assert_eq!(desk.entra.taps(&user).unwrap()[0].reason.as_deref(), Some("DisabledByPolicy"));
}

#[test]
fn each_permission_opens_its_own_calls() {
    const ALL: [&str; 12] = [
        "UserAuthMethod-TAP.Read.All",
        "UserAuthMethod-TAP.ReadWrite.All",
        "UserAuthenticationMethod.Read.All",
        "UserAuthenticationMethod.ReadWrite.All",
        "UserAuthMethod-Passkey.Read.All",
        "UserAuthMethod-Passkey.ReadWrite.All",
        "Policy.Read.AuthenticationMethod",
        "Policy.Read.All",
        "AuditLog.Read.All",
        "Directory.Read.All",
        "Mail.Send",
        "User.ReadBasic.All",
    ];
    type Call = fn(&mut Desk, &User) -> Result<(), IdentityError>;
    let rows: [(&str, Call, &[&str]); 6] = [
        ("list passes", |desk, user| desk.entra.taps(user).map(drop), &ALL[..4]),
        (
            "issue",
            |desk, user| desk.entra.issue_tap(user, &TapWish::default()).map(drop).map_err(inner),
            &["UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"],
        ),
        ("pass policy", |desk, _| desk.entra.tap_policy().map(drop), &["Policy.Read.AuthenticationMethod", "Policy.Read.All"]),
        ("log", |desk, user| desk.entra.passkey_events(user, &[]).map(drop), &["AuditLog.Read.All", "Directory.Read.All"]),
        (
            "last use",
            |desk, user| desk.entra.methods_with_last_use(user).map(drop),
            &["UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All", "UserAuthMethod-Passkey.Read.All"],
        ),
        ("a message without the address", |desk, user| message(desk, user), &[]),
    ];
    for (title, call, expected) in rows {
        let mut desk = Desk::new(Script::default());
        let user = desk.entra.user(TINA).unwrap();
        let mut enough = Vec::new();
        for permission in ALL {
            desk.tenant.change(|script| script.application.permissions = vec![permission.into()]);
            match call(&mut desk, &user) {
                Ok(()) => enough.push(permission),
                Err(IdentityError::Forbidden(_)) => {}
                Err(other) => panic!("{title} with {permission}: {other}"),
            }
        }
        assert_eq!(enough, expected, "{title}");
    }
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(TINA).unwrap();
    desk.tenant.change(|script| script.application.permissions = vec!["Mail.Send".into(), "User.ReadBasic.All".into()]);
    message(&mut desk, &user).unwrap();
}

fn message(desk: &mut Desk, user: &User) -> Result<(), IdentityError> {
    desk.entra.send_message(user, ADELE, &Message { subject: "s".into(), text: "t".into() }).map_err(inner)
}

fn inner(error: SendError) -> IdentityError {
    match error {
        SendError::Refused(error) | SendError::Unknown(error) => error,
    }
}
