//! Whole enrolments over hidraw, read back by libfido2's tools.

use std::time::{Duration, Instant};

use keywright::simulator::key::{Model, Touch};
use keywright_hw_tests::{Run, UsbKey};
use serde_json::{Value, json};

use crate::seat::settle;
use crate::tenant::{Tenant, USER};
use crate::{machine, obey, output_of};

const NEW_PIN: &str = "a pin of her own";

fn user_takes_over(key: &UsbKey, tenant: &Tenant, run: &Run) {
    takes_over(USER, key, tenant, run.result());
}

/// What every enrolment has to end in, as a tool sees it that is not ours; the user then changes the PIN by that tool. `result` is what the
/// program said of this user's key.
pub fn takes_over(user: &str, key: &UsbKey, tenant: &Tenant, result: &Value) {
    let pin = result["temporaryPin"].as_str().unwrap();
    assert_eq!((&result["upn"], &result["pinChangeForced"]), (&json!(user), &json!(true)));
    assert_eq!(result["credentialId"], json!(tenant.passkey_of(user).credential_id), "{result}");

    let node = key.node().to_str().unwrap();
    let handed = output_of("fido2-token", &["-I", node], "");
    for line in ["pin change required: true", "pin retries: 8"] {
        assert!(handed.contains(line), "no \"{line}\" in {handed}");
    }
    output_of("fido2-token", &["-C", node], &format!("{pin}\n{NEW_PIN}\n{NEW_PIN}\n"));
    assert!(output_of("fido2-token", &["-I", node], "").contains("pin change required: false"));
    let parties = output_of("fido2-token", &["-L", "-r", node], &format!("{NEW_PIN}\n"));
    assert!(parties.lines().count() == 1 && parties.trim_end().ends_with("login.microsoft.com"), "{parties}");
    let credentials = output_of("fido2-token", &["-L", "-k", "login.microsoft.com", node], &format!("{NEW_PIN}\n"));
    let id = result["credentialId"].as_str().unwrap().replace('-', "+").replace('_', "/");
    assert!(credentials.lines().count() == 1 && credentials.starts_with(&format!("00: {id}")), "not {id}: {credentials}");
}

#[test]
#[ignore = "for the virtual machine"]
fn a_fresh_key_is_enrolled() {
    let _machine = machine();
    for mut key in [UsbKey::on_uhid("fresh", Model::STANDARD, 10), UsbKey::on_usb(0, Model::USB_SERIAL, 11)] {
        let tenant = Tenant::start();
        key.plug();
        settle();
        let run = tenant.program().as_ordinary_user().run(&["enroll", USER], |line| obey(&mut key, line));
        assert!(!run.events().contains(&"remove-key"), "a fresh key needs no reset: {run:?}");
        user_takes_over(&key, &tenant, &run);
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn a_used_key_is_taken_out_put_back_wiped_and_enrolled() {
    let _machine = machine();
    for mut key in [UsbKey::on_uhid("used", Model::STANDARD, 12), UsbKey::on_usb(1, Model::PORT_ONLY, 13)] {
        assert!(key.key().wear("00112233", 2));
        let tenant = Tenant::start();
        key.plug();
        settle();
        let run = tenant.program().as_ordinary_user().run(&["--yes", "enroll", USER], |line| obey(&mut key, line));
        let events = run.events();
        let order: Vec<_> = events.iter().filter(|event| ["remove-key", "return-key"].contains(event)).collect();
        assert_eq!(order, [&"remove-key", &"return-key"], "{run:?}");
        user_takes_over(&key, &tenant, &run);
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_that_appears_while_it_is_waited_for_is_enrolled() {
    let _machine = machine();
    let tenant = Tenant::start();
    let mut key = UsbKey::on_usb(2, Model::USB_SERIAL, 14);
    let run = tenant.program().as_ordinary_user().run(&["enroll", USER], |line| {
        if line["event"] == json!("insert-key") {
            key.plug();
        }
    });
    user_takes_over(&key, &tenant, &run);
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_that_is_pulled_out_while_it_works_is_gone() {
    let _machine = machine();
    for mut key in [UsbKey::on_uhid("pulled", Model::STANDARD, 15), UsbKey::on_usb(0, Model::USB_SERIAL, 16)] {
        let tenant = Tenant::start();
        key.key().set_touch(Touch::After(Duration::from_secs(20)));
        key.plug();
        settle();
        let mut pulled = None;
        let run = tenant.program().as_ordinary_user().run(&["enroll", USER], |line| {
            if line["wait"] == json!("touch") {
                key.unplug();
                pulled = Some(Instant::now());
            }
        });
        let took = pulled.unwrap().elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}: {run:?}");
        assert_eq!((run.code, run.error_code()), (Some(5), "key/gone"), "{run:?}");
        assert!(!tenant.has_passkeys());
    }
}
