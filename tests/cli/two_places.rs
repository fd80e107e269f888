//! An enrolment in two places with the built program: two stations, each with its ledger, and a tenant that one of them knows.

use crate::enrolling::Served;
use crate::place::{Place, Run};

const ADELE: &str = "adele@contoso.example";
const TINA: &str = "tina@contoso.example";

/// The station with the network.
fn desk(place: &Place, profile: &str, arguments: &[&str]) -> Run {
    place.run(&[&["--profile", profile, "--ledger", "desk/ledger.db"], arguments].concat())
}

/// The station without: it has no profile, and would not know whom to ask.
fn lab(place: &Place, arguments: &[&str]) -> Run {
    place.run(&[&["--simulate=key", "--ledger", "lab/ledger.db"], arguments].concat())
}

fn recipient(place: &Place) -> String {
    lab(place, &["pins", "recipient"]).done().out.trim().to_owned()
}

#[test]
fn from_one_station_to_the_other_and_back() {
    let place = Place::new();
    let (_tenant, profile) = Served::start(&place);
    let recipient = recipient(&place);
    assert!(recipient.starts_with("age1"), "{recipient}");
    std::fs::write(place.path().join("roster.txt"), "# new here\nadele@contoso.example\nnobody@contoso.example\n").unwrap();
    let prepare = ["--json", "enroll", "--prepare", "roster.txt", "--recipient", &recipient, "--out", "prepared.age"];
    let prepared = desk(&place, &profile, &prepare);
    assert_eq!(prepared.exit, 7, "{}{}", prepared.out, prepared.talk);
    let told = prepared.last()["result"].clone();
    assert_eq!((&told["prepared"][0]["upn"], &told["refused"][0]["code"]), (&ADELE.into(), &"tenant/user-unknown".into()));

    let made = lab(&place, &["--json", "enroll", "--offline", "prepared.age", "--out", "results.age"]).done();
    let handed = made.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let handed = handed.into_iter().find(|line| line["result"]["temporaryPin"].is_string()).unwrap()["result"].take();
    assert_eq!((&handed["upn"], &handed["methodId"], &handed["pinMustBeChanged"]), (&ADELE.into(), &().into(), &true.into()));
    assert_eq!(handed["registerBefore"], told["prepared"][0]["expires"]);
    assert_eq!(made.last()["result"]["made"][0], ADELE);
    let check = told["checkValue"].as_str().unwrap();
    assert!(made.out.contains(&format!("check value {check}")), "{}", made.out);
    let pin = handed["temporaryPin"].as_str().unwrap();
    assert!(place.key().pin_is(pin));

    let submitted = desk(&place, &profile, &["--json", "enroll", "--submit", "results.age"]).done().last();
    let method = &submitted["result"]["registered"][0]["methodId"];
    let listed = desk(&place, &profile, &["--json", "passkeys", "list", ADELE]).done().last();
    assert_eq!(&listed["result"]["passkeys"][0]["id"], method, "{listed}");
    let again = desk(&place, &profile, &["--json", "enroll", "--submit", "results.age"]).done().last();
    assert_eq!(&again["result"]["before"][0]["methodId"], method);
    let again = lab(&place, &["enroll", "--offline", "prepared.age", "--out", "results.age"]).done();
    assert!(again.out.contains("made ready before") && again.out.contains("1 of 1 keys"), "{}", again.out);
    assert_eq!(place.judged(), 1);
    for station in ["desk", "lab"] {
        let list = place.run(&["--ledger", &format!("{station}/ledger.db"), "resume", "--list"]).done();
        assert_eq!(list.out, "Nothing is unfinished.\n", "{station}");
    }
}

#[test]
fn what_cannot_be_registered_ends_with_7() {
    let place = Place::new();
    let script = "[[faults]]\nmethod = \"POST\"\npath = \"*/fido2Methods\"\ncall = 1\ntimes = 1\nact = { answer = { status = 400, code = \"badRequest\" } }\n";
    std::fs::write(place.path().join("tenant.toml"), script).unwrap();
    let (_tenant, profile) = Served::start_with(&place, &["--script", "tenant.toml"]);
    let recipient = recipient(&place);
    let prepare = ["enroll", "--prepare", ADELE, TINA, "--recipient", &recipient, "--out", "prepared.age"];
    desk(&place, &profile, &prepare).done();
    lab(&place, &["enroll", "--offline", "prepared.age", "--out", "results.age", TINA]).done();
    let refused = desk(&place, &profile, &["enroll", "--submit", "results.age"]);
    assert_eq!(refused.exit, 7, "{}{}", refused.out, refused.talk);
    assert!(
        refused.out.contains("[tenant/refused]") && refused.out.contains("adele@contoso.example: no key was made"),
        "{}",
        refused.out
    );
    let mended = desk(&place, &profile, &["enroll", "--submit", "results.age"]).done();
    assert!(mended.out.contains("now"), "{}", mended.out);
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_done() {
    let place = Place::new();
    let (_tenant, profile) = Served::start(&place);
    let recipient = recipient(&place);
    let prepare =
        |more: &[&str]| desk(&place, &profile, &[&["enroll", "--prepare", "--out", "p.age", "--recipient"], more].concat());
    for arguments in [
        &["enroll", "--prepare", ADELE][..],
        &["enroll", "--prepare", ADELE, "--out", "p.age"],
        &["enroll", "--prepare", "--out", "p.age", "--recipient", &recipient],
        &["enroll", "--offline", "p.age"],
        &["enroll", "--offline", "p.age", "--submit", "p.age", "--out", "r.age"],
        &["enroll", "--submit", "p.age", ADELE],
        &["enroll", ADELE, "--out", "p.age"],
        &["enroll", ADELE, "--recipient", &recipient],
    ] {
        desk(&place, &profile, arguments).failed("cli/usage", 2);
    }
    desk(&place, &profile, &["enroll", ADELE, TINA]).failed("cli/several-users", 2);
    prepare(&["age1nonsense", ADELE]).failed("parcel/recipient", 2);
    prepare(&[&recipient, "nowhere.txt"]).failed("roster/unreadable", 2);
    std::fs::write(place.path().join("empty.txt"), "# nobody\n").unwrap();
    prepare(&[&recipient, "empty.txt"]).failed("roster/empty", 2);
    prepare(&[&recipient, ADELE]).done();
    prepare(&[&recipient, ADELE]).failed("parcel/exists", 2);
    desk(&place, &profile, &["enroll", "--offline", "p.age", "--out", "r.age"]).failed("parcel/other-station", 2);
    lab(&place, &["enroll", "--offline", "p.age", "--out", "r.age", TINA]).failed("tenant/user-unknown", 4);
    std::fs::write(place.path().join("letter.txt"), "Dear Adele").unwrap();
    lab(&place, &["enroll", "--offline", "p.age", "--out", "letter.txt"]).failed("parcel/exists", 2);
    lab(&place, &["enroll", "--offline", "letter.txt", "--out", "r.age"]).failed("parcel/form", 2);
    lab(&place, &["enroll", "--offline", "nowhere.age", "--out", "r.age"]).failed("parcel/file", 1);
    desk(&place, &profile, &["enroll", "--submit", "letter.txt"]).failed("parcel/form", 2);
    desk(&place, &profile, &["enroll", "--submit", "p.age"]).failed("parcel/other-station", 2);
}

/// Without any server: the tenant of the rehearsal remembers what it promised.
#[test]
fn a_rehearsal_of_both_places() {
    let place = Place::new();
    let desk = |arguments: &[&str]| place.run(&[&["--simulate", "--ledger", "desk/ledger.db"], arguments].concat());
    let lab = |arguments: &[&str]| place.run(&[&["--simulate", "--ledger", "lab/ledger.db"], arguments].concat());
    let recipient = lab(&["pins", "recipient"]).done().out;
    desk(&["enroll", "--prepare", ADELE, "--recipient", recipient.trim(), "--out", "prepared.age"]).done();
    let made = lab(&["enroll", "--offline", "prepared.age", "--out", "results.age"]).done();
    assert!(
        made.talk.contains("not registered yet") && made.out.contains("to be registered before"),
        "{}{}",
        made.out,
        made.talk
    );
    desk(&["enroll", "--submit", "results.age"]).done();
    assert!(desk(&["passkeys", "list", ADELE]).done().out.contains("Training key"));
    assert_eq!(place.judged(), 1);
}
