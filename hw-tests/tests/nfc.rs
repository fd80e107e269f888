//! The built program through a real pcscd, and the same key as seen by a client that is not ours.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Card, Client, Service};
use serde_json::json;

/// One pcscd for all tests, one test at a time.
fn rig() -> MutexGuard<'static, Service> {
    static RIG: OnceLock<Mutex<Service>> = OnceLock::new();
    RIG.get_or_init(|| Mutex::new(Service::start())).lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_card_itself_satisfies_a_client_that_is_not_ours() {
    let _rig = rig();
    let mut card = Card::new(0, Model::STANDARD, 1);
    card.put();
    let client = Client::new();
    let fresh = client.call("inspect", &json!({}));
    assert_eq!(fresh["options"]["clientPin"], json!(false), "{fresh}");
    client.call("set-pin", &json!({"pin": "31415926"}));
    let used = client.call("inspect", &json!({}));
    assert_eq!((&used["options"]["clientPin"], &used["pinRetries"]), (&json!(true), &json!(8)), "{used}");
    client.call("reset-card", &json!({}));
    let none = client.call("credentials", &json!({"pin": "31415926"}));
    assert_eq!(none, json!({"credentials": []}));
    client.call("change-pin", &json!({"old": "31415926", "new": "27182818"}));
    assert!(card.key().pin_is("27182818"));
}
