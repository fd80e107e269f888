//! Everything that can be asked of Graph is asked, and what went over the wire is judged.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use keywright::identity::entra::{TapWish, Whom, methods_of_with_last_use};
use keywright::identity::{Directory as _, IdentityProvider as _, KeyModel, Message, RegisterError, User};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{Act, Exchange, Fault, KeyRestrictions, RecordedAnswer, RunningTenant, Script, Spelling};
use keywright::simulator::tenant::{Target, TrainingGroup, TrainingStrength, TrainingUser};
use serde_json::{Value, json};

use crate::document::{Document, decoded};
use crate::schema::Speaker;
use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

pub const ADELE: &str = "adele@contoso.example";
/// The training key's usual model.
pub const MODEL: KeyModel = KeyModel { aaguid: Model::STANDARD.aaguid, packed: true };
pub const TINA: &str = "tina@contoso.example";
/// A group that the policy names.
pub const GROUP: &str = "b1a6f9b6-0000-4000-8000-000000000001";

/// One talk with a tenant that is recorded.
struct Talk {
    title: &'static str,
    script: fn() -> Script,
    held: fn(&mut Desk),
}

const TALKS: &[Talk] = &[
    Talk { title: "an enrolment", script: Script::default, held: enrolment },
    Talk { title: "pages and spellings", script: paged, held: pages },
    Talk { title: "names that need care", script: odd_names, held: names },
    Talk { title: "rules", script: ruled, held: rules },
    Talk { title: "many at once, and groups", script: crowd, held: many },
    Talk { title: "without permissions", script: Script::default, held: no_permissions },
    Talk { title: "troubles", script: Script::default, held: troubles },
    Talk { title: "refusals", script: Script::default, held: refusals },
    Talk { title: "passes", script: pass_groups, held: passes },
    Talk { title: "the log, the last use and a message", script: paged, held: around },
    Talk { title: "what only others ask", script: Script::default, held: strangers },
];

fn enrolment(desk: &mut Desk) {
    let user = desk.entra.user(ADELE).unwrap();
    desk.entra.preflight(&user, &MODEL).unwrap();
    for life in [None, Some(Duration::from_mins(5)), Some(Duration::from_hours(720))] {
        let offer = desk.entra.creation_options(&user, life).unwrap();
        let number = u8::try_from(desk.tenant.passkeys(ADELE).len()).unwrap();
        let registration = SoftKey::new(&offer, number + 1).register(&offer);
        desk.entra.register(&user, &registration).unwrap();
        assert!(desk.entra.find(&user, &registration.credential_id).unwrap().is_some());
    }
    for method in desk.entra.methods(&user).unwrap() {
        desk.entra.remove(&user, &method.id).unwrap();
        desk.entra.remove(&user, &method.id).unwrap();
    }
}

fn paged() -> Script {
    let mut script = Script { page_size: 3, spelling: Spelling::Mixed, ..Script::default() };
    script.users[4].groups = (0..5).map(|number| format!("b1a6f9b6-0000-4000-8000-{number:012}")).collect();
    script.policy.include_targets[0].id.clone_from(&script.users[4].groups[4]);
    script
}

fn pages(desk: &mut Desk) {
    let tina = desk.entra.user(TINA).unwrap();
    assert_eq!(desk.entra.methods(&tina).unwrap().len(), 10);
    desk.entra.preflight(&tina, &MODEL).unwrap();
    desk.entra.creation_options(&tina, None).unwrap();
    let users = vec![tina.clone(), User { id: "nobody".into(), ..tina }];
    let lists = desk.entra.methods_of(&users).unwrap();
    assert!(lists[0].as_ref().is_ok_and(|list| list.len() == 10) && lists[1].is_err());
}

/// A tenant with groups, profiles, restrictions and strengths.
pub fn ruled() -> Script {
    let groups = vec![TrainingGroup { id: GROUP.into(), display_name: "Key users".into(), devices: 2 }];
    let mut script = Script { groups, ..Script::default() };
    script.policy.include_targets[0].id = GROUP.into();
    script.policy.exclude_targets = vec![Target { id: "b1a6f9b6-0000-4000-8000-000000000002".into(), ..Target::default() }];
    script.policy.passkey_profiles[0].key_restrictions =
        KeyRestrictions { is_enforced: true, enforcement_type: "allow".into(), aa_guids: vec![MODEL.aaguid] };
    script.strengths.push(TrainingStrength {
        id: "b1a6f9b6-0000-4000-8000-000000000003".into(),
        display_name: "Vault".into(),
        built_in: false,
        combinations: vec!["fido2".into()],
        models: vec![MODEL.aaguid],
    });
    script
}

fn rules(desk: &mut Desk) {
    let user = desk.entra.user(ADELE).unwrap();
    assert!(desk.entra.preflight(&user, &MODEL).unwrap().failure().is_some());
    let policy = desk.entra.policy().unwrap();
    assert_eq!((policy.included[0].title.as_str(), policy.excluded.len()), (r#"the group "Key users""#, 1));
}

fn crowd() -> Script {
    let mut script = ruled();
    script.page_size = 3;
    let groups = vec![GROUP.to_owned()];
    script.users.iter_mut().for_each(|user| user.groups.clone_from(&groups));
    script.users[3].mail = Some("o'neil+desk@contoso.example".into());
    script
}

fn many(desk: &mut Desk) {
    let names = [ADELE, "O'Neil+desk@contoso.example", "nobody@contoso.example"].map(str::to_owned);
    let found = desk.entra.users(&names).unwrap();
    assert!(found[0].is_ok() && found[1].is_ok() && found[2].is_err(), "{found:?}");
    assert_eq!(desk.entra.groups("Key users").unwrap()[0].id, GROUP);
    assert_eq!(desk.entra.groups(GROUP).unwrap().len(), 1);
    assert_eq!(desk.entra.members(GROUP).unwrap().len(), 5);
    assert_eq!(desk.entra.count_people().unwrap(), Some(5));
    desk.entra.admission().unwrap();
    for (whom, people) in [(Whom::Everybody, 5), (Whom::Registered, 1)] {
        let (mut users, mut next) = (Vec::new(), None);
        loop {
            let page = desk.entra.people(whom, next.as_deref()).unwrap();
            users.extend(page.users);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(users.len(), people, "{whom:?}");
        assert!(methods_of_with_last_use(std::slice::from_mut(&mut desk.entra), &users).unwrap().iter().all(Result::is_ok));
    }
    desk.tenant.change(|script| script.application.withheld = vec!["User.Read.All".into()]);
    assert_eq!(desk.entra.members(GROUP).unwrap().len(), 5);
}

fn odd_names() -> Script {
    let mut script = Script::default();
    for (number, upn) in ["$cash@contoso.example", "$o'x@contoso.example", "a b/c?d%23@contoso.example"].into_iter().enumerate() {
        let user = TrainingUser { id: format!("id-{number}"), upn: upn.into(), ..script.users[0].clone() };
        script.users.push(user);
    }
    script
}

fn names(desk: &mut Desk) {
    for name in [
        "$cash@contoso.example",
        "$o'x@contoso.example",
        "a b/c?d%23@contoso.example",
        "grady_fabrikam.example#EXT#@contoso.example",
    ] {
        desk.entra.user(name).unwrap();
    }
    assert!(desk.entra.user("nobody@contoso.example").is_err());
}

fn no_permissions(desk: &mut Desk) {
    let user = desk.entra.user(ADELE).unwrap();
    desk.tenant.change(|script| script.application.permissions = vec!["User.ReadBasic.All".into()]);
    desk.entra.user(ADELE).unwrap();
    drop(desk.entra.preflight(&user, &MODEL));
    assert!(desk.entra.policy().is_err());
    assert!(desk.entra.creation_options(&user, None).is_err());
    assert!(desk.entra.methods(&user).is_err());
    assert!(desk.entra.remove(&user, "x").is_err());
    desk.tenant.change(|script| script.application.permissions.clear());
    assert!(desk.entra.user(ADELE).is_err());
}

fn troubles(desk: &mut Desk) {
    let user = desk.entra.user(ADELE).unwrap();
    for act in
        [Act::throttled(Some(1)), Act::throttled(None), Act::status(500), Act::status(503), Act::CloseBefore, Act::CloseAfter]
    {
        desk.tenant.add_fault(Fault::once("GET", "*/fido2Methods", act));
        desk.entra.methods(&user).unwrap();
        desk.tenant.clear_faults();
    }
    desk.tenant.revoke_tokens();
    desk.entra.methods(&user).unwrap();
    desk.tenant.add_fault(Fault::once("GET", "*/fido2Methods", Act::ClaimsChallenge));
    drop(desk.entra.methods(&user));
    desk.tenant.clear_faults();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let registration = SoftKey::new(&offer, 1).register(&offer);
    desk.tenant.add_fault(Fault::once("POST", "*/fido2Methods", Act::CloseAfter));
    assert!(matches!(desk.entra.register(&user, &registration), Err(RegisterError::Unknown(_))));
}

fn refusals(desk: &mut Desk) {
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let mut key = SoftKey::new(&offer, 1);
    key.flip_signature = true;
    assert!(matches!(desk.entra.register(&user, &key.register(&offer)), Err(RegisterError::Refused(_))));
    for name in ["grady_fabrikam.example#EXT#@contoso.example", "admin@contoso.example"] {
        desk.tenant.change(|script| script.application.acts_on_administrators = false);
        let user = desk.entra.user(name).unwrap();
        assert!(desk.entra.creation_options(&user, None).is_err(), "{name}");
    }
}

fn pass_groups() -> Script {
    let mut script = paged();
    script.tap_policy.include_targets[0].id.clone_from(&script.users[4].groups[4]);
    script
}

fn passes(desk: &mut Desk) {
    let (tina, adele) = (desk.entra.user(TINA).unwrap(), desk.entra.user(ADELE).unwrap());
    let policy = desk.entra.tap_policy().unwrap();
    assert_eq!((policy.minutes(), policy.is_off()), (60..=480, false));
    assert!(desk.entra.tap_reaches(&policy, &tina).unwrap() && !desk.entra.tap_reaches(&policy, &adele).unwrap());
    assert_eq!(desk.entra.taps(&tina).unwrap(), []);
    for wish in [
        TapWish::default(),
        TapWish { minutes: Some(90), once: Some(true), start: Some("2026-12-24T08:00:00Z".parse().unwrap()) },
    ] {
        let issued = desk.entra.issue_tap(&tina, &wish).unwrap();
        assert_eq!(issued.pass.expose(), desk.tenant.pass(TINA).unwrap().pass);
        assert_eq!(desk.entra.taps(&tina).unwrap(), [issued.tap]);
    }
    assert!(desk.entra.issue_tap(&adele, &TapWish::default()).is_err());
    let id = desk.tenant.pass(TINA).unwrap().id;
    desk.entra.remove_tap(&tina, &id).unwrap();
    desk.entra.remove_tap(&tina, &id).unwrap();
    assert!(desk.tenant.pass(TINA).is_none());
}

fn around(desk: &mut Desk) {
    let tina = desk.entra.user(TINA).unwrap();
    let methods = desk.entra.methods_with_last_use(&tina).unwrap();
    for method in methods.iter().take(5) {
        desk.entra.remove(&tina, &method.id).unwrap();
    }
    let offer = desk.entra.creation_options(&tina, None).unwrap();
    let registration = SoftKey::new(&offer, 1).register(&offer);
    let method = desk.entra.register(&tina, &registration).unwrap();
    let events = desk.entra.passkey_events(&tina, std::slice::from_ref(&method)).unwrap();
    assert_eq!((events.len(), events.iter().filter(|event| event.passkey.as_ref() == Some(&method.id)).count()), (7, 1));
    let message = Message { subject: "Your key".into(), text: "It is ready.\n".into() };
    desk.entra.send_message(&tina, ADELE, &message).unwrap();
    assert_eq!(desk.tenant.mails()[0].to, [TINA]);
    desk.tenant.change(|script| script.users[4].mail = None);
    assert!(desk.entra.send_message(&tina, ADELE, &message).is_err(), "there is nowhere to send it");
}

/// Operations that the tenant has for other clients.
fn strangers(desk: &mut Desk) {
    let id = desk.tenant.passkeys(TINA)[0].method_id();
    let token = token(&desk.tenant);
    let (status, _) = send(&desk.tenant, "GET", &format!("/v1.0/users/{TINA}/authentication/fido2Methods/{id}"), &token, "");
    assert_eq!(status, 200);
}

#[test]
fn what_is_said_and_answered_keeps_to_the_description() {
    let document = Document::read();
    let (mut faults, mut done) = (Vec::new(), BTreeSet::new());
    for Talk { title, script, held } in TALKS {
        let mut desk = Desk::new(script());
        desk.tenant.record();
        held(&mut desk);
        let (exchanges, left_out) = desk.tenant.exchanges();
        assert_eq!(left_out, 0, "{title}");
        assert!(!exchanges.is_empty(), "{title}");
        for exchange in exchanges.iter().flat_map(parts) {
            match document.judge(&exchange) {
                Ok(operation) if exchange.answer.as_ref().is_some_and(|answer| answer.status < 300) => {
                    done.insert(operation.name.clone());
                }
                Ok(_) => {}
                Err(wrong) => faults.extend(wrong.into_iter().map(|fault| format!("{title}: {fault}"))),
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    let served = crate::routes::served(&document);
    let unspoken: Vec<&String> = served.difference(&done).collect();
    assert!(unspoken.is_empty(), "the tenant has operations that no talk asked for: {unspoken:?}");
}

/// A batch is several exchanges.
fn parts(exchange: &Exchange) -> Vec<Exchange> {
    let mut all = vec![exchange.clone()];
    if !exchange.path.ends_with("/$batch") {
        return all;
    }
    let asked: Value = serde_json::from_slice(&exchange.body).unwrap();
    let answered: Value = exchange.answer.as_ref().map_or(Value::Null, |answer| serde_json::from_slice(&answer.body).unwrap());
    let version = exchange.path.split('/').nth(1).unwrap();
    for request in asked["requests"].as_array().unwrap() {
        let url = request["url"].as_str().unwrap().trim_start_matches('/');
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (decoded(name), decoded(value)));
        let response = answered["responses"].as_array().into_iter().flatten().find(|one| one["id"] == request["id"]);
        let bytes = |body: &Value| if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        all.push(Exchange {
            method: request["method"].as_str().unwrap().into(),
            path: format!("/{version}/{path}"),
            query: query.collect(),
            // The heads of the whole stand for each.
            headers: exchange.headers.clone(),
            body: bytes(&request["body"]),
            answer: response.map(|one| RecordedAnswer {
                status: one["status"].as_u64().unwrap().try_into().unwrap(),
                headers: Vec::new(),
                body: bytes(&one["body"]),
            }),
        });
    }
    all
}

/// A token for the default application.
pub fn token(tenant: &RunningTenant) -> String {
    let app = Script::default().application;
    let form = format!(
        "client_id={}&client_secret={}&grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        app.client_id, app.client_secret
    );
    let (status, body) = send(tenant, "POST", "/contoso.example/oauth2/v2.0/token", "", &form);
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// One request as Graph's clients make it: status and body.
pub fn send(tenant: &RunningTenant, method: &str, target: &str, token: &str, body: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(tenant.address()).unwrap();
    let length = body.len();
    let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: x\r\naccept: application/json\r\nauthorization: Bearer {token}\r\n\
         client-request-id: 00000000-0000-4000-8000-000000000000\r\n{kind}content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

/// The test of the test: exchanges that depart in one thing each.
#[test]
fn departures_are_seen() {
    let document = Document::read();
    let good = {
        let mut desk = Desk::new(Script::default());
        desk.tenant.record();
        enrolment(&mut desk);
        let all = desk.tenant.exchanges().0;
        all.into_iter().find(|one| one.method == "POST" && one.path.ends_with("/fido2Methods")).unwrap()
    };
    assert!(document.judge(&good).is_ok());
    let change = |body: &mut Vec<u8>, act: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_slice(body).unwrap();
        act(&mut value);
        *body = value.to_string().into_bytes();
    };
    let rows: [(&str, Box<dyn Fn(&mut Exchange)>); 13] = [
        ("no operation", Box::new(|one| one.path.push('X'))),
        ("no operation", Box::new(|one| one.method = "PUT".into())),
        ("no query parameter", Box::new(|one| one.query.push(("$top".into(), "3".into())))),
        ("content-type", Box::new(|one| one.headers.retain(|(name, _)| name != "content-type"))),
        ("authorization", Box::new(|one| one.headers.retain(|(name, _)| name != "authorization"))),
        ("no body", Box::new(|one| one.body.clear())),
        (
            "rawId is not in",
            Box::new(move |one| change(&mut one.body, &|body| body["publicKeyCredential"]["rawId"] = "x".into())),
        ),
        ("is no \"string\"", Box::new(move |one| change(&mut one.body, &|body| body["displayName"] = 7.into()))),
        ("no JSON", Box::new(|one| one.answer.as_mut().unwrap().body.truncate(9))),
        ("not described", Box::new(|one| one.answer.as_mut().unwrap().status = 302)),
        (
            "code is missing",
            Box::new(|one| {
                let answer = one.answer.as_mut().unwrap();
                answer.status = 400;
                answer.body = br#"{"error":{"message":"m"}}"#.to_vec();
            }),
        ),
        (
            "is spelled createdDateTime",
            Box::new(move |one| {
                change(&mut one.answer.as_mut().unwrap().body, &|body| body["createddatetime"] = "2026-01-01T00:00:00Z".into());
            }),
        ),
        (
            "\"attestedd\" is none",
            Box::new(move |one| {
                change(&mut one.answer.as_mut().unwrap().body, &|body| body["attestationLevel"] = "attestedd".into());
            }),
        ),
    ];
    for (expected, depart) in rows {
        let mut exchange = good.clone();
        depart(&mut exchange);
        let faults = document.judge(&exchange).expect_err(expected).join("\n");
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
    let path =
        |minutes: &str| format!("/beta/users/x/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes={minutes})");
    for (path, good) in [
        (path("5"), true),
        (path("43200"), true),
        (path("4"), false),
        (path("x"), false),
        (path("5").replace("beta", "v1.0"), false),
    ] {
        assert_eq!(document.operation("GET", &path).is_ok(), good, "{path}");
    }
    let evolved = json!({"id": "x", "attestationLevel": "proven", "flags": 1});
    let schema = json!({"$ref": "#/components/schemas/fido2AuthenticationMethod"});
    for (speaker, faults) in [(Speaker::Graph, 0), (Speaker::Tenant, 1), (Speaker::Request, 2)] {
        assert_eq!(document.schemas.faults(&schema, &evolved, speaker).len(), faults, "{speaker:?}");
    }
}
