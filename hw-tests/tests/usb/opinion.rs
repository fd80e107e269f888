//! A second opinion over hidraw: `ctap-hid-fido2`, a client that shares nothing with the driver under test, does what the user will
//! do with the key that the program made ready, and the program reads what that client wrote.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ctap_hid_fido2::public_key_credential_user_entity::PublicKeyCredentialUserEntity;
use ctap_hid_fido2::{FidoKeyHid, FidoKeyHidFactory, LibCfg};
use keywright::simulator::key::Model;
use keywright_hw_tests::{Program, UsbKey};
use serde_json::{Value, json};

use crate::described::is_described_alike;
use crate::seat::settle;
use crate::tenant::{ORIGIN, RP_ID, Tenant, USER};
use crate::{machine, output_of};

const NEW_PIN: &str = "a pin of her own";

/// The other client on the one key that is plugged in, by the PIN/UV auth protocol of that number. It does not look at the channel of
/// an answer: to be opened anew after another program has talked to the key.
pub(crate) fn other_client(protocol: u8) -> FidoKeyHid {
    let mut settings = LibCfg::init();
    // 0x0A, not the command of the draft before it; and it need not tell anybody to touch.
    settings.use_pre_credential_management = false;
    settings.enable_keep_alive_msg = false;
    FidoKeyHidFactory::create(&settings).unwrap().with_pin_protocol_version(protocol)
}

fn keys_info() -> Value {
    Program::new().as_ordinary_user().run(&["keys", "info"], |_| {}).result().clone()
}

/// A sign-in as a browser does it. The client hashes what it calls the challenge: the client data, to be valid WebAuthn.
fn sign_in(client: &FidoKeyHid, pin: &str, options: &Value) -> Value {
    let challenge = &options["challenge"];
    let client_data = json!({"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": false}).to_string();
    let assertions = client.get_assertions_rk(RP_ID, client_data.as_bytes(), Some(pin)).unwrap();
    let [assertion] = assertions.as_slice() else { panic!("not one assertion: {}", assertions.len()) };
    let id = BASE64.encode(&assertion.credential_id);
    json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": BASE64.encode(&client_data),
            "authenticatorData": BASE64.encode(&assertion.auth_data),
            "signature": BASE64.encode(&assertion.signature),
            "userHandle": BASE64.encode(&assertion.user.id),
        },
    })
}

#[test]
#[ignore = "for the virtual machine"]
fn another_client_takes_over_and_signs_in() {
    let _machine = machine();
    for (mut key, protocol) in
        [(UsbKey::on_usb(0, Model::USB_SERIAL, 70), 2), (UsbKey::on_uhid("opinion", Model::MINIMUM_PIN_6, 71), 1)]
    {
        let tenant = Tenant::start();
        key.plug();
        settle();
        let run = tenant.program().as_ordinary_user().run(&["enroll", USER], |_| {});
        let result = run.result();
        let pin = result["temporaryPin"].as_str().unwrap();
        is_described_alike(&key);

        let client = other_client(protocol);
        let handed = client.get_info().unwrap();
        assert_eq!(
            (handed.force_pin_change, handed.min_pin_length),
            (true, u32::from(key.key().model().minimum_pin)),
            "{handed}"
        );
        assert_eq!(client.get_pin_retries().unwrap(), 8);
        let refused = client.get_pin_token(pin).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("0x31"), "nobody signs in with the temporary PIN: {refused}");
        client.change_pin(pin, NEW_PIN).unwrap();
        assert_eq!((client.get_info().unwrap().force_pin_change, client.get_pin_retries().unwrap()), (false, 8));

        let parties = client.credential_management_enumerate_rps(Some(NEW_PIN)).unwrap();
        let [party] = parties.as_slice() else { panic!("not one relying party: {parties:?}") };
        assert_eq!(party.public_key_credential_rp_entity.id, RP_ID);
        let credentials = client.credential_management_enumerate_credentials(Some(NEW_PIN), &party.rpid_hash).unwrap();
        let [credential] = credentials.as_slice() else { panic!("not one credential: {credentials:?}") };
        let id = json!(BASE64.encode(&credential.public_key_credential_descriptor.id));
        assert_eq!((&id, &id), (&result["credentialId"], &json!(tenant.passkey_of(USER).credential_id)));
        assert_eq!(credential.public_key_credential_user_entity.name, USER);

        let user = tenant.sign_in(USER, |options| sign_in(&client, NEW_PIN, options));
        assert_eq!(user, BASE64.encode(&credential.public_key_credential_user_entity.id));
    }
}

/// The other way round: the client writes, the program reads.
#[test]
#[ignore = "for the virtual machine"]
fn what_another_client_wrote_is_read() {
    const PIN: &str = "00112233";
    let _machine = machine();
    let mut key = UsbKey::on_uhid("written", Model::STANDARD, 72);
    key.plug();
    settle();
    let client = other_client(2);
    client.set_new_pin(PIN).unwrap();
    let user = PublicKeyCredentialUserEntity::new(Some(b"somebody"), Some("somebody@example.org"), Some("Somebody"));
    let made = client.make_credential_rk("example.org", b"challenge", Some(PIN), &user).unwrap();
    let listed = Program::new().as_ordinary_user().with("KEYWRIGHT_PIN", PIN).run(&["keys", "credentials", "list"], |_| {});
    let [credential] = listed.result()["credentials"].as_array().unwrap().as_slice() else { panic!("not one: {listed:?}") };
    let expected = [
        ("credentialId", BASE64.encode(&made.credential_descriptor.id)),
        ("rpId", "example.org".into()),
        ("userHandle", BASE64.encode(b"somebody")),
        ("name", user.name),
        ("displayName", user.display_name),
    ];
    for (member, value) in expected {
        assert_eq!(credential[member], json!(value), "{member}: {listed:?}");
    }

    let client = other_client(2);
    client.toggle_always_uv(Some(PIN)).unwrap();
    assert!(client.get_pin_token("33221100").is_err());
    let told = keys_info();
    assert_eq!(
        (&told["info"]["options"]["clientPin"], &told["info"]["options"]["alwaysUv"]),
        (&json!(true), &json!(true)),
        "{told}"
    );
    assert_eq!(told["pinRetries"], json!(7), "{told}");

    // The client writes the parameters of authenticatorConfig last (keys 1, 3, 4, 2), which is not the canonical CBOR of CTAP2: the
    // engine refuses that, so that libfido2's tool has to be the one that shortens PINs and forces changes.
    let refused = other_client(2).force_change_pin(Some(PIN)).unwrap_err().to_string();
    assert!(refused.contains("0x12"), "{refused}");
    let node = key.node().to_str().unwrap();
    output_of("fido2-token", &["-S", "-l", "9", node], &format!("{PIN}\n"));
    let told = keys_info();
    assert_eq!((&told["info"]["minPinLength"], &told["info"]["forcePinChange"]), (&json!(9), &json!(true)), "{told}");
}
