//! The passkeys on a key, as its user manages them after the first sign-in.

use serde_json::Value;

use crate::enrolling::{ADELE, value};
use crate::place::{Place, Run};

const PIN: &str = "55019284";

fn credentials(place: &Place, arguments: &[&str]) -> Run {
    let common = ["--simulate", "--json", "--yes", "keys", "credentials"];
    place.fed(&[&common, arguments, &["--pin-stdin"]].concat(), &format!("{PIN}\n"))
}

/// A key that was enrolled for Adele, and whose PIN she has changed.
fn handed_over() -> Place {
    let place = Place::new();
    let enrolled = place.run(&["--simulate", "enroll", ADELE]).done();
    let temporary = value(&enrolled.out, "temporary PIN");
    place.fed(&["--simulate", "keys", "pin", "change", "--pin-stdin"], &format!("{temporary}\n{PIN}\n")).done();
    place
}

fn listed(place: &Place) -> Vec<Value> {
    credentials(place, &["list"]).done().last()["result"]["credentials"].as_array().unwrap().clone()
}

#[test]
fn a_passkey_is_listed_renamed_and_deleted() {
    let place = handed_over();
    let before = listed(&place);
    assert_eq!(before.len(), 1);
    assert_eq!((&before[0]["rpId"], &before[0]["name"]), (&"login.microsoft.com".into(), &ADELE.into()));
    let id = before[0]["credentialId"].as_str().unwrap();

    credentials(&place, &["rename", id]).failed("cli/nothing-to-rename", 2);
    credentials(&place, &["rename", "no-such-id", "--name", "x"]).failed("cli/no-such-credential", 5);
    credentials(&place, &["rename", &id[..8], "--name", "adele@fabrikam.example"]).done();
    let renamed = listed(&place);
    let [passkey] = renamed.as_slice() else { panic!("{renamed:?}") };
    assert_eq!((&passkey["credentialId"], &passkey["name"]), (&id.into(), &"adele@fabrikam.example".into()));
    assert_eq!(passkey["displayName"], before[0]["displayName"], "what was not named stays");
    assert_eq!(passkey["userHandle"], before[0]["userHandle"], "the passkey would no longer sign in");

    credentials(&place, &["delete", "no-such-id"]).failed("cli/no-such-credential", 5);
    let unasked = place.fed(&["--simulate", "keys", "credentials", "delete", id, "--pin-stdin"], &format!("{PIN}\n"));
    unasked.failed("cli/consent-missing", 3);
    assert_eq!(listed(&place).len(), 1);
    credentials(&place, &["delete", id]).done();
    assert_eq!(listed(&place), Vec::<Value>::new());
    let kept = place.run(&["--simulate", "--json", "passkeys", "list", ADELE]).done().last();
    assert_eq!(kept["result"]["passkeys"].as_array().unwrap().len(), 1, "the tenant is told by another command");
}

#[test]
fn a_beginning_that_fits_several_is_refused() {
    let place = Place::new();
    assert!(place.key().wear(PIN, 2));
    let ids: Vec<String> = listed(&place).iter().map(|passkey| passkey["credentialId"].as_str().unwrap().to_owned()).collect();
    let [one, other] = ids.as_slice() else { panic!("{ids:?}") };
    let shared: String = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    credentials(&place, &["delete", ""]).failed("cli/no-such-credential", 5);
    if !shared.is_empty() {
        credentials(&place, &["delete", &shared]).failed("cli/several-credentials", 2);
    }
    assert_eq!(listed(&place).len(), 2);
    credentials(&place, &["delete", other]).done();
    assert_eq!(listed(&place)[0]["credentialId"], one.as_str());
}
