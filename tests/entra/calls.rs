//! What works when nothing goes wrong.

use std::time::Duration;

use jiff::SignedDuration;
use keywright::identity::{IdentityError, IdentityProvider, Verdict};
use keywright::simulator::key::Model;
use keywright::simulator::tenant::{AttestationLevel, Script, Spelling, TrainingUser};

use crate::preflight::STANDARD;
use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

const ADELE: &str = "adele@contoso.example";

#[test]
fn from_look_up_to_removal() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user("Adele@Contoso.example").unwrap();
    assert_eq!((user.upn.as_str(), user.enabled, user.kind.as_deref()), (ADELE, Some(true), Some("Member")));
    assert_eq!(desk.entra.user(&user.id).unwrap(), user);
    let preflight = desk.entra.preflight(&user, &STANDARD).unwrap();
    assert!(preflight.findings.iter().all(|finding| finding.verdict == Verdict::Pass), "{preflight:?}");

    let offer = desk.entra.creation_options(&user, None).unwrap();
    assert_eq!(offer.options.challenge.len(), 6931);
    assert_eq!(offer.expires, "2026-11-23T15:05:00Z".parse().unwrap());
    let key = SoftKey::new(&offer, 1);
    let registration = key.register(&offer);
    assert_eq!(desk.entra.find(&user, &registration.credential_id).unwrap(), None);
    let method = desk.entra.register(&user, &registration).unwrap();
    assert_eq!(method.aaguid, Some(Model::STANDARD.aaguid));
    assert_eq!(method.attestation_level.as_deref(), Some("attested"));
    assert_eq!(method.display_name.as_deref(), Some("Training key 1"));
    assert_eq!(desk.entra.find(&user, &registration.credential_id).unwrap(), Some(method.clone()));
    assert_eq!(desk.entra.methods(&user).unwrap(), std::slice::from_ref(&method));
    assert_eq!(desk.tenant.passkeys(ADELE).len(), 1);

    // Next time the key would be told that it is known already.
    let offer = desk.entra.creation_options(&user, None).unwrap();
    assert_eq!(offer.options.exclude.first(), Some(&registration.credential_id));

    desk.entra.remove(&user, &method.id).unwrap();
    desk.entra.remove(&user, &method.id).unwrap();
    assert_eq!(desk.entra.methods(&user).unwrap(), []);
    assert_eq!(desk.tenant.calls("POST", "*/token"), 1, "one token for everything");
    let ids: std::collections::BTreeSet<String> = desk.tenant.log().into_iter().map(|call| call.client_request_id).collect();
    assert_eq!(ids.len(), desk.tenant.log().len(), "every call has an id of its own");
    assert!(ids.iter().all(|id| id.len() == 36));
}

#[test]
fn a_user_signs_in_with_it() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let key = SoftKey::new(&offer, 1);
    desk.entra.register(&user, &key.register(&offer)).unwrap();
    desk.tenant.verify_assertion(&key.sign_in(ADELE, 7)).unwrap();
    assert!(desk.tenant.verify_assertion(&key.sign_in(ADELE, 7)).unwrap_err().contains("counter"));
    let mut forged = key.sign_in(ADELE, 8);
    forged.signature[10] ^= 1;
    assert!(desk.tenant.verify_assertion(&forged).unwrap_err().contains("signature"));
    assert!(desk.tenant.verify_assertion(&key.sign_in("tina@contoso.example", 8)).is_err());
}

#[test]
fn a_self_attested_one_is_taken_where_attestation_is_not_demanded() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    for (enforced, id) in [(false, 1), (true, 2)] {
        desk.tenant.change(|script| {
            script.policy.passkey_profiles[0].attestation_enforcement =
                if enforced { "registrationOnly" } else { "disabled" }.into();
        });
        let offer = desk.entra.creation_options(&user, None).unwrap();
        let mut key = SoftKey::new(&offer, id);
        key.self_attested = true;
        assert_eq!(desk.entra.register(&user, &key.register(&offer)).is_err(), enforced);
    }
    assert_eq!(desk.tenant.passkeys(ADELE)[0].attestation, AttestationLevel::NotAttested);
}

#[test]
fn a_longer_challenge_comes_from_beta() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, Some(Duration::from_mins(61))).unwrap();
    assert_eq!(offer.expires.duration_since("2026-11-23T15:00:00Z".parse().unwrap()), SignedDuration::from_mins(61));
    assert_eq!(desk.tenant.calls("GET", "/beta/*/creationOptions(challengeTimeoutInMinutes=61)"), 1);
    assert_eq!(offer.life_left("2026-11-23T16:00:00Z".parse().unwrap()), Duration::from_mins(1));
}

#[test]
fn names_that_need_care_in_an_address() {
    let names = [
        "grady_fabrikam.example#EXT#@contoso.example",
        "$cash@contoso.example",
        "o'neil@contoso.example",
        "a b/c?d%23@contoso.example",
        "$o'x@contoso.example",
    ];
    let mut script = Script::default();
    for (number, name) in names.iter().enumerate() {
        let user = TrainingUser { id: format!("id-{number}"), upn: (*name).to_owned(), ..script.users[0].clone() };
        script.users.push(user);
    }
    let mut desk = Desk::new(script);
    for name in names {
        assert_eq!(desk.entra.user(name).unwrap().upn, name);
    }
    for name in ["nobody@contoso.example", "87d349ed-0000-43e1-9a83-5f2406dee5bd", "a\u{7}b", "../policies"] {
        assert!(matches!(desk.entra.user(name), Err(IdentityError::UserUnknown(_))), "{name}");
    }
    for name in ["", ".", ".."] {
        assert!(matches!(desk.entra.user(name), Err(IdentityError::Profile(_))), "{name}");
    }
    assert_eq!(desk.tenant.calls("GET", "/v1.0/users('$cash@contoso.example')"), 1);
}

#[test]
fn a_missing_permission_leaves_fields_empty() {
    let mut script = Script::default();
    script.application.permissions = vec!["User.ReadBasic.All".into()];
    let mut desk = Desk::new(script);
    let user = desk.entra.user(ADELE).unwrap();
    assert_eq!((user.enabled, user.kind.as_deref(), user.display_name.as_deref()), (None, None, Some("Adele Vance")));
    desk.tenant.change(|script| script.application.permissions.clear());
    assert!(matches!(desk.entra.user(ADELE), Err(IdentityError::Forbidden(_))));
}

#[test]
fn lists_come_in_pages_and_ids_in_spellings() {
    for spelling in [Spelling::Digit, Spelling::Padded, Spelling::Plain, Spelling::Mixed] {
        let mut desk = Desk::new(Script { page_size: 3, spelling, ..Script::default() });
        let tina = desk.entra.user("tina@contoso.example").unwrap();
        assert_eq!(desk.entra.methods(&tina).unwrap().len(), 10);
        assert_eq!(desk.tenant.calls("GET", "*/fido2Methods"), 4);
        let offer = desk.entra.creation_options(&tina, None).unwrap();
        for passkey in desk.tenant.passkeys("tina@contoso.example") {
            assert!(offer.options.exclude.contains(&passkey.credential_id), "{spelling:?}");
            assert_eq!(desk.entra.find(&tina, &passkey.credential_id).unwrap().unwrap().id, passkey.method_id());
        }
    }
}

#[test]
fn a_name_that_is_too_long_is_cut() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    let offer = desk.entra.creation_options(&user, None).unwrap();
    let mut registration = SoftKey::new(&offer, 1).register(&offer);
    registration.display_name = "A name of forty characters, which is much".into();
    let method = desk.entra.register(&user, &registration).unwrap();
    assert_eq!(method.display_name.as_deref(), Some("A name of forty characters, wh"));
}

#[test]
fn another_relying_party_is_not_served() {
    let mut desk = Desk::new(Script::default());
    let user = desk.entra.user(ADELE).unwrap();
    desk.tenant.change(|script| script.rp_id = "evil.example".into());
    assert!(matches!(desk.entra.creation_options(&user, None), Err(IdentityError::Profile(_))));
}
