//! A second opinion on hardened keys: `ctap-hid-fido2` and libfido2's tool read what the program set.

use ctap_hid_fido2::fidokey::{CredentialExtension, MakeCredentialArgsBuilder};
use keywright::simulator::key::Model;
use keywright_hw_tests::{Program, UsbKey};
use serde_json::json;

use crate::opinion::other_client;
use crate::seat::settle;
use crate::tenant::{RP_ID, Tenant, USER};
use crate::{machine, output_of};

const NEW_PIN: &str = "a pin of her own";
const SETTINGS: [&str; 6] =
    ["--min-pin-length", "10", "--min-pin-length-reader", RP_ID, "--always-uv", "--enterprise-attestation"];

#[test]
#[ignore = "for the virtual machine"]
fn other_clients_read_what_an_enrolment_set() {
    let _machine = machine();
    for (mut key, protocol) in
        [(UsbKey::on_usb(0, Model::STANDARD, 73), 2), (UsbKey::on_uhid("hardened", Model::STANDARD, 74), 1)]
    {
        let tenant = Tenant::start();
        key.plug();
        settle();
        let run = tenant.program().as_ordinary_user().run(&[&["enroll", USER][..], &SETTINGS].concat(), |_| {});
        let result = run.result();
        assert!(result["hardening"].as_array().unwrap().iter().all(|one| one["met"] == json!(true)), "{result}");
        let pin = result["temporaryPin"].as_str().unwrap();

        let client = other_client(protocol);
        let told = client.get_info().unwrap();
        let option = |name: &str| told.options.iter().find(|(known, _)| known == name).map(|(_, on)| *on);
        assert_eq!((told.min_pin_length, told.force_pin_change), (10, true), "{told}");
        assert_eq!((option("alwaysUv"), option("ep")), (Some(true), Some(true)), "{told}");
        let node = key.node().to_str().unwrap();
        let info = output_of("fido2-token", &["-I", node], "");
        assert!(info.contains("minpinlen: 10") && info.contains("alwaysUv") && !info.contains("noalwaysUv"), "{info}");

        // The new PIN obeys the minimum, and who was named may read it.
        let client = other_client(protocol);
        assert!(client.change_pin(pin, "short pin").is_err(), "nine characters");
        client.change_pin(pin, NEW_PIN).unwrap();
        for (rp, length) in [(RP_ID, Some(10)), ("other.example", None)] {
            let wish = CredentialExtension::MinPinLength((Some(true), None));
            let args = MakeCredentialArgsBuilder::new(rp, b"challenge").pin(NEW_PIN).extensions(&[wish]).build();
            let made = client.make_credential_with_args(&args).unwrap();
            let read = made.extensions.iter().find_map(|extension| match extension {
                CredentialExtension::MinPinLength((_, length)) => *length,
                _ => None,
            });
            assert_eq!(read, length, "{rp}");
        }
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_in_the_port_is_hardened_and_never_back() {
    const PIN: &str = "0011223344";
    let _machine = machine();
    let mut key = UsbKey::on_uhid("harden", Model::STANDARD, 75);
    key.plug();
    settle();
    other_client(2).set_new_pin(PIN).unwrap();
    for _ in 0..2 {
        let run = Program::new().as_ordinary_user().with("KEYWRIGHT_PIN", PIN);
        run.run(&[&["keys", "harden"][..], &SETTINGS].concat(), |_| {}).result();
        let told = other_client(2).get_info().unwrap();
        let on = told.options.iter().any(|(name, on)| name == "alwaysUv" && *on);
        assert_eq!((on, told.min_pin_length, told.force_pin_change), (true, 10, false), "{told}");
    }
}
