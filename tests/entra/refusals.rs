//! What the training tenant refuses, so that nothing that passes here fails for a reason it should have known.

use std::time::Duration;

use keywright::identity::{IdentityError, IdentityProvider, Offer, RegisterError, Registration};
use keywright::simulator::tenant::{KeyRestrictions, Script};
use keywright::webauthn::CredentialId;

use crate::support::soft_key::SoftKey;
use crate::support::tenant::Desk;

const ADELE: &str = "adele@contoso.example";

fn refusal(desk: &mut Desk, registration: &Registration) -> String {
    let user = desk.entra.user(ADELE).unwrap();
    match desk.entra.register(&user, registration) {
        Err(RegisterError::Refused(IdentityError::Refused(reply))) => {
            assert_eq!((reply.status, reply.code.as_str()), (400, "badRequest"));
            reply.message
        }
        other => panic!("{other:?}"),
    }
}

fn offer(desk: &mut Desk) -> Offer {
    let user = desk.entra.user(ADELE).unwrap();
    desk.entra.creation_options(&user, None).unwrap()
}

#[test]
fn what_a_key_can_get_wrong() {
    let mut desk = Desk::new(Script::default());
    let rows: [(&str, fn(&mut SoftKey)); 9] = [
        ("type", |key| key.kind = "webauthn.get"),
        ("origin", |key| key.origin = "https://login.microsoft.com.evil.example".into()),
        ("rpIdHash", |key| key.rp_id = "localhost".into()),
        ("presence", |key| key.flags = 0x44),
        ("verification", |key| key.flags = 0x41),
        ("attested", |key| key.flags = 0x05),
        ("algorithm", |key| key.alg = -8),
        ("model", |key| key.flags = 0x4d),
        ("attestation", |key| key.flip_signature = true),
    ];
    for (word, spoil) in rows {
        let offer = offer(&mut desk);
        let mut key = SoftKey::new(&offer, 1);
        spoil(&mut key);
        let message = refusal(&mut desk, &key.register(&offer));
        assert!(message.contains(word), "{word}: {message}");
    }
    assert!(desk.tenant.passkeys(ADELE).is_empty());
}

#[test]
fn what_a_client_can_get_wrong() {
    let mut desk = Desk::new(Script::default());
    let rows: [(&str, fn(&mut Registration)); 5] = [
        ("id is not", |registration| registration.credential_id = CredentialId(vec![2; 32])),
        ("client data", |registration| registration.client_data_json = b"{}".to_vec()),
        ("attestation object", |registration| registration.attestation_object = b"\xa3\x63fmt".to_vec()),
        ("attestation object", |registration| registration.attestation_object = b"\xa0".to_vec()),
        ("attestation object", |registration| registration.attestation_object.push(0)),
    ];
    for (word, spoil) in rows {
        let offer = offer(&mut desk);
        let mut registration = SoftKey::new(&offer, 1).register(&offer);
        spoil(&mut registration);
        let message = refusal(&mut desk, &registration);
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn challenges() {
    let mut desk = Desk::new(Script::default());
    let first = offer(&mut desk);
    desk.clock.advance(Duration::from_mins(5));
    assert!(refusal(&mut desk, &SoftKey::new(&first, 1).register(&first)).contains("expired"));

    let second = offer(&mut desk);
    let user = desk.entra.user(ADELE).unwrap();
    desk.entra.register(&user, &SoftKey::new(&second, 1).register(&second)).unwrap();
    assert!(refusal(&mut desk, &SoftKey::new(&second, 2).register(&second)).contains("used"));

    let tina = desk.entra.user("tina@contoso.example").unwrap();
    let hers = desk.entra.creation_options(&tina, None).unwrap();
    assert!(refusal(&mut desk, &SoftKey::new(&hers, 3).register(&hers)).contains("not issued"));

    let third = offer(&mut desk);
    assert!(refusal(&mut desk, &SoftKey::new(&third, 1).register(&third)).contains("registered already"));
}

#[test]
fn policies() {
    let mut desk = Desk::new(Script::default());
    let offered = offer(&mut desk);
    let registration = SoftKey::new(&offered, 1).register(&offered);
    desk.tenant.change(|script| {
        script.policy.passkey_profiles[0].key_restrictions =
            KeyRestrictions { is_enforced: true, enforcement_type: "allow".into(), aa_guids: vec![] };
    });
    assert!(refusal(&mut desk, &registration).contains("model"));
    desk.tenant.change(|script| script.policy.state = "disabled".into());
    let user = desk.entra.user(ADELE).unwrap();
    assert!(matches!(desk.entra.register(&user, &registration), Err(RegisterError::Refused(IdentityError::Forbidden(_)))));
    assert!(matches!(desk.entra.creation_options(&user, None), Err(IdentityError::Forbidden(_))));
}

#[test]
fn users() {
    let mut desk = Desk::new(Script::default());
    let guest = desk.entra.user("grady_fabrikam.example#EXT#@contoso.example").unwrap();
    assert!(matches!(desk.entra.creation_options(&guest, None), Err(IdentityError::Forbidden(_))));
    let admin = desk.entra.user("admin@contoso.example").unwrap();
    desk.entra.creation_options(&admin, None).unwrap();
    desk.tenant.change(|script| script.application.acts_on_administrators = false);
    assert!(matches!(desk.entra.creation_options(&admin, None), Err(IdentityError::Forbidden(_))));
    desk.tenant.change(|script| script.users[1].own_account = true);
    assert!(matches!(desk.entra.creation_options(&admin, None), Err(IdentityError::NotOffered(_))));
    let mut gone = admin.clone();
    gone.id = "87d349ed-0000-0000-0000-000000000000".into();
    assert!(matches!(desk.entra.creation_options(&gone, None), Err(IdentityError::UserUnknown(_))));
}
