//! The commands of the driver against the open firmware engine of the training key.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use keywright::clock::ManualClock;
use keywright::ctap::{
    AssertionRequest, Authenticator, Blank, Bus as _, Cancel, CtapError, Failed, Feature, LinkError, LinkKind, MinPinLength,
    NewCredential, PinRetries, Pinned, PowerCycle, ResidentUser, Ruled, SealOutcome, Sealed, Setting, Status, Tools,
};
use keywright::secret::Pin;
use keywright::simulator::key::{Blueprint, Desk, Fault, IdleHands, Mishap, Model, Protocols, Touch, TrainingBus, TrainingKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

const RP: &str = "login.microsoft.com";

struct Bench {
    clock: Arc<ManualClock>,
    desk: Desk,
    key: TrainingKey,
}

impl Bench {
    fn new(model: &Model) -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap()));
        let desk = Desk::new(clock.clone());
        desk.add_port("1-1");
        desk.add_reader("Training Reader 0");
        let rng = Box::new(StdRng::seed_from_u64(1));
        let key =
            TrainingKey::new(Blueprint { model: model.clone(), serial: 7_000_001, clock: clock.clone(), rng, memory: None })
                .unwrap();
        desk.put(0, &key);
        Self { clock, desk, key }
    }

    fn open_with(&self, cancel: Cancel) -> Authenticator {
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let links = bus.links().unwrap();
        let tools =
            Tools { clock: self.clock.clone(), rng: Box::new(StdRng::seed_from_u64(2)), cancel, on_wait: Box::new(|_| {}) };
        Authenticator::open(bus.open(&links[0]).unwrap(), tools).unwrap()
    }

    fn open(&self) -> Authenticator {
        self.open_with(Cancel::new())
    }

    fn pinned(&self, text: &str) -> Pinned {
        Blank::new(self.open()).unwrap().set_pin(pin(text)).unwrap()
    }
}

fn pin(text: &str) -> Pin {
    Pin::new(Zeroizing::new(text.into())).unwrap()
}

fn credential(user: u8) -> NewCredential {
    NewCredential {
        client_data_hash: [7; 32],
        rp_id: RP.into(),
        rp_name: "Microsoft".into(),
        user_id: vec![user; 16],
        user_name: format!("user{user}@contoso.example"),
        user_display_name: format!("User {user}"),
        algorithms: vec![-7],
        hmac_secret: true,
        cred_protect: Some(2),
        ..NewCredential::default()
    }
}

fn make(state: &mut Pinned, wanted: &NewCredential) -> Result<keywright::ctap::Attested, CtapError> {
    let token = state.token_for_make(RP).unwrap();
    state.make_credential(token, wanted)
}

fn speaking(protocols: Protocols) -> Model {
    Model { protocols, ..Model::STANDARD.clone() }
}

#[test]
fn the_whole_life_of_a_key_under_both_protocols() {
    for model in [speaking(Protocols::TwoOnly), speaking(Protocols::OneOnly), Model::STANDARD.clone()] {
        let bench = Bench::new(&model);
        let mut key = bench.open();
        let fresh = key.info().fingerprint();
        key.reset().unwrap();
        let mut state = Blank::new(key).unwrap().set_pin(pin("24681357")).unwrap();
        assert_eq!(state.info().client_pin(), Some(true));

        let attested = make(&mut state, &credential(1)).unwrap();
        assert_eq!(attested.fmt, "packed");
        assert_eq!(attested.credential.aaguid, model.aaguid);
        assert!(attested.parsed.flags.user_present() && attested.parsed.flags.user_verified());
        assert_eq!(attested.extensions.hmac_secret, Some(true));
        assert_eq!(attested.extensions.cred_protect, Some(2));

        let token = state.token_for_config().unwrap();
        let SealOutcome::Sealed(sealed) = state.seal(token).unwrap() else { panic!("this model can force a change") };
        assert!(sealed.info().change_forced() && bench.key.state().forced_change);
        let sealed = Sealed::resume(sealed.into_authenticator(), pin("24681357")).unwrap();
        let mut state = sealed.replace_pin(pin("97531864")).unwrap();
        assert!(bench.key.pin_is("97531864") && !state.info().change_forced());

        let token = state.token_for_assertion(RP).unwrap();
        let request = AssertionRequest { rp_id: RP.into(), client_data_hash: [9; 32], ..AssertionRequest::default() };
        let signed = state.authenticator().get_assertion(Some(token), &request).unwrap();
        assert_eq!(signed.len(), 1);
        assert_eq!(signed[0].user.as_ref().unwrap().id, vec![1; 16]);
        assert!(signed[0].parsed.flags.user_verified());

        let mut key = state.into_authenticator();
        assert_eq!(key.info().fingerprint(), fresh);
        bench.key.power_up();
        key.reset().unwrap();
        assert_eq!(key.info().fingerprint(), fresh);
        assert_eq!(key.info().client_pin(), Some(false));
    }
}

#[test]
fn passkeys_are_listed_renamed_and_deleted() {
    let bench = Bench::new(&Model::STANDARD);
    let mut state = bench.pinned("24681357");
    let token = state.token_for_credentials().unwrap();
    let mut session = state.credentials(token).unwrap();
    assert!(session.rps().unwrap().is_empty());
    assert!(session.credentials(&[0; 32]).unwrap().is_empty());
    let room = session.metadata().unwrap();
    assert_eq!(room.existing, 0);

    for user in 1..=3 {
        make(&mut state, &credential(user)).unwrap();
    }
    let token = state.token_for_credentials().unwrap();
    let mut session = state.credentials(token).unwrap();
    assert_eq!(session.metadata().unwrap().existing, 3);
    let rps = session.rps().unwrap();
    assert_eq!(rps.iter().map(|rp| rp.id.as_str()).collect::<Vec<_>>(), [RP]);
    let held = session.credentials(&rps[0].id_hash).unwrap();
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|credential| credential.cred_protect == Some(2) && credential.public_key.is_some()));

    let renamed = ResidentUser { name: Some("new@contoso.example".into()), ..held[0].user.clone() };
    session.update_user(&held[0].id, &renamed).unwrap();
    session.delete(&held[1].id).unwrap();
    let gone = session.delete(&held[1].id).unwrap_err();
    assert!(gone.is(Status::NO_CREDENTIALS), "{gone}");
    let left = session.credentials(&rps[0].id_hash).unwrap();
    assert_eq!(left.len(), 2);
    assert!(left.iter().any(|credential| credential.user.name.as_deref() == Some("new@contoso.example")));

    let request = AssertionRequest { rp_id: RP.into(), client_data_hash: [9; 32], ..AssertionRequest::default() };
    let token = state.token_for_assertion(RP).unwrap();
    assert_eq!(state.authenticator().get_assertion(Some(token), &request).unwrap().len(), 2);
}

#[test]
fn wrong_pins_cost_tries_until_the_key_is_powered_again() {
    let bench = Bench::new(&Model::STANDARD);
    let mut key = bench.pinned("24681357").into_authenticator();
    for left in [7, 6] {
        let failed = Pinned::unlock(key, pin("00001111")).unwrap_err();
        assert!(failed.error.is(Status::PIN_INVALID), "{}", failed.error);
        key = failed.state;
        assert_eq!(key.pin_retries().unwrap().left, left);
    }
    for text in ["00001111", "24681357"] {
        let failed = Pinned::unlock(key, pin(text)).unwrap_err();
        assert!(failed.error.is(Status::PIN_AUTH_BLOCKED), "{}", failed.error);
        key = failed.state;
    }
    assert_eq!(key.pin_retries().unwrap(), PinRetries { left: 5, power_cycle: Some(true) });
    bench.desk.take(0);
    bench.desk.put(0, &bench.key);
    let mut state = Pinned::unlock(bench.open(), pin("24681357")).unwrap();
    assert_eq!(state.authenticator().pin_retries().unwrap().left, 8);
}

#[test]
fn a_forced_change_is_not_a_wrong_pin() {
    let bench = Bench::new(&Model::STANDARD);
    let mut state = bench.pinned("24681357");
    let token = state.token_for_config().unwrap();
    let SealOutcome::Sealed(sealed) = state.seal(token).unwrap() else { panic!("this model can force a change") };
    let failed = Pinned::unlock(sealed.into_authenticator(), pin("24681357")).unwrap_err();
    assert_eq!(failed.error, CtapError::ChangeForced);
    let mut key = failed.state;
    assert_eq!(key.pin_retries().unwrap().left, 8, "found out without a try");
    key.change_pin(&pin("24681357"), &pin("11223344")).unwrap();
    key.refresh().unwrap();
    assert!(!key.info().change_forced());
    assert!(Sealed::resume(key, pin("11223344")).is_err());
}

#[test]
fn models_that_cannot_force_a_change_say_so_and_stay_as_they_are() {
    // Announced, but refused when it comes to it.
    let bench = Bench::new(&Model::STANDARD);
    bench.key.fault(Fault::first(0x0D, Mishap::Status(0x3E)));
    let mut state = bench.pinned("24681357");
    let token = state.token_for_config().unwrap();
    assert!(matches!(state.seal(token).unwrap(), SealOutcome::NotSupported(_)));

    let bench = Bench::new(&Model::NO_FORCED_CHANGE);
    let mut state = bench.pinned("24681357");
    assert!(!state.info().can_force_pin_change());
    assert_eq!(state.token_for_config().unwrap_err(), CtapError::Unsupported(Feature::Config));
    assert!(!state.info().change_forced());
}

#[test]
fn the_rules_for_pins_only_grow() {
    let bench = Bench::new(&Model::STANDARD);
    let mut blank = Blank::new(bench.open()).unwrap();
    blank.set_min_pin_length(&MinPinLength { min: Some(6), rp_ids: vec![RP.into()], ..MinPinLength::default() }).unwrap();
    assert_eq!(blank.info().min_pin_length(), 6);
    let lower = blank.set_min_pin_length(&MinPinLength { min: Some(5), ..MinPinLength::default() }).unwrap_err();
    assert!(lower.is(Status::PIN_POLICY_VIOLATION), "{lower}");
    let Failed { state: blank, error } = blank.set_pin(pin("12345")).unwrap_err();
    assert!(error.is(Status::PIN_POLICY_VIOLATION), "{error}");

    let mut state = blank.set_pin(pin("24681357")).unwrap();
    let wanted = NewCredential { min_pin_length: true, ..credential(1) };
    assert_eq!(make(&mut state, &wanted).unwrap().extensions.min_pin_length, Some(6));
    let token = state.token_for_config().unwrap();
    let Ruled::Pinned(mut state) =
        state.set_min_pin_length(token, &MinPinLength { min: Some(8), ..MinPinLength::default() }).unwrap()
    else {
        panic!("the PIN is long enough")
    };
    let token = state.token_for_config().unwrap();
    let Ruled::Sealed(sealed) =
        state.set_min_pin_length(token, &MinPinLength { min: Some(10), ..MinPinLength::default() }).unwrap()
    else {
        panic!("a longer minimum forces a change")
    };
    assert_eq!(sealed.info().min_pin_length(), 10);
}

#[test]
fn settings() {
    let bench = Bench::new(&Model::STANDARD);
    let mut blank = Blank::new(bench.open()).unwrap();
    let fresh = blank.info().fingerprint();
    blank.configure(&Setting::AlwaysUv(false)).unwrap();
    assert_eq!(blank.info().option("alwaysUv"), Some(false));
    blank.configure(&Setting::AlwaysUv(true)).unwrap();
    assert_eq!(blank.info().option("alwaysUv"), Some(true));
    assert_eq!(blank.info().fingerprint(), fresh, "U2F_V2 has gone, the key is the same");
    let mut state = blank.set_pin(pin("24681357")).unwrap();
    let token = state.token_for_config().unwrap();
    state.configure(token, &Setting::AlwaysUv(false)).unwrap();
    assert_eq!(state.info().option("alwaysUv"), Some(false));
    let token = state.token_for_config().unwrap();
    let long = state.configure(token, &Setting::LongTouchForReset).unwrap_err();
    assert_eq!(long, CtapError::Unsupported(Feature::LongTouch));
}

#[test]
fn exclusion() {
    let bench = Bench::new(&Model::STANDARD);
    let mut state = bench.pinned("24681357");
    let held = make(&mut state, &credential(1)).unwrap().credential.id;
    let stranger = |seed: u8| vec![seed; held.len()];
    let mut many: Vec<_> = (1..40).map(stranger).collect();

    let wanted = NewCredential { exclude: many.clone(), ..credential(2) };
    make(&mut state, &wanted).expect("none of them is on the key");
    many.push(held.clone());
    for exclude in [vec![held], many] {
        let wanted = NewCredential { exclude, ..credential(3) };
        let error = make(&mut state, &wanted).unwrap_err();
        assert!(error.is(Status::CREDENTIAL_EXCLUDED), "{error}");
    }
}

#[test]
fn the_favourite_protocol_may_be_broken() {
    // The first listed protocol answers 0x33 to a first PIN; the other one is tried, once.
    let bench = Bench::new(&Model::STANDARD);
    bench.key.fault(Fault { command: 0x06, subcommand: Some(3), nth: 1, mishap: Mishap::Status(0x33) });
    let mut state = bench.pinned("24681357");
    make(&mut state, &credential(1)).unwrap();

    // A token that could be had is refused at its first use.
    let bench = Bench::new(&Model::STANDARD);
    let key = bench.pinned("24681357").into_authenticator();
    drop(key);
    bench.key.fault(Fault::first(0x01, Mishap::Status(0x33)));
    let mut state = Pinned::unlock(bench.open(), pin("24681357")).unwrap();
    make(&mut state, &credential(1)).unwrap();
    assert_eq!(bench.key.state().tries_left, 8);

    // So is one for another command, and a change of the PIN.
    let bench = Bench::new(&Model::STANDARD);
    drop(bench.pinned("24681357"));
    bench.key.fault(Fault { command: 0x06, subcommand: Some(4), nth: 1, mishap: Mishap::Status(0x33) });
    bench.open().change_pin(&pin("24681357"), &pin("97531864")).unwrap();
    assert!(bench.key.pin_is("97531864"));
    bench.key.fault(Fault::first(0x0D, Mishap::Status(0x33)));
    let mut state = Pinned::unlock(bench.open(), pin("97531864")).unwrap();
    let token = state.token_for_config().unwrap();
    assert!(matches!(state.seal(token).unwrap(), SealOutcome::Sealed(_)));
    assert_eq!(bench.key.state().tries_left, 8);

    // And one for the list of credentials.
    let bench = Bench::new(&Model::STANDARD);
    drop(bench.pinned("24681357"));
    bench.key.fault(Fault::first(0x0A, Mishap::Status(0x33)));
    let mut state = Pinned::unlock(bench.open(), pin("24681357")).unwrap();
    let token = state.token_for_credentials().unwrap();
    assert_eq!(state.credentials(token).unwrap().metadata().unwrap().existing, 0);

    // Both refuse: the answer stands, and there is no third attempt.
    let bench = Bench::new(&Model::STANDARD);
    for nth in [1, 2] {
        bench.key.fault(Fault { command: 0x06, subcommand: Some(3), nth, mishap: Mishap::Status(0x33) });
    }
    let failed = Blank::new(bench.open()).unwrap().set_pin(pin("24681357")).unwrap_err();
    assert!(failed.error.is(Status::PIN_AUTH_INVALID));
    // Refused exchanges never reached the engine; the key agreements before them did.
    assert_eq!(bench.key.history().iter().filter(|row| row.command == 6 && row.subcommand == Some(2)).count(), 2);
}

/// A status of zero without the deed: what getInfo shows afterwards is what counts.
#[test]
fn a_key_that_lies_is_found_out() {
    let bench = Bench::new(&Model::STANDARD);
    let mut state = bench.pinned("24681357");
    bench.key.fault(Fault::first(0x0D, Mishap::Status(0)));
    let token = state.token_for_config().unwrap();
    let Failed { mut state, error } = state.seal(token).unwrap_err();
    assert_eq!(error, CtapError::NotForced);
    let token = state.token_for_config().unwrap();
    let SealOutcome::Sealed(sealed) = state.seal(token).unwrap() else { panic!("this time it did it") };
    bench.key.fault(Fault { command: 0x06, subcommand: Some(4), nth: 1, mishap: Mishap::Status(0) });
    assert_eq!(sealed.replace_pin(pin("97531864")).unwrap_err().error, CtapError::StillForced);
}

#[test]
fn resets() {
    let bench = Bench::new(&Model::STANDARD);
    let mut key = bench.pinned("24681357").into_authenticator();
    bench.clock.advance(Duration::from_secs(11));
    assert_eq!(key.reset().unwrap_err(), CtapError::ResetWindowMissed);
    bench.key.power_up();
    bench.key.set_touch(Touch::Never);
    let late = key.reset().unwrap_err();
    assert!(late.is(Status::ACTION_TIMEOUT), "{late}");
    bench.key.set_touch(Touch::AtOnce);
    bench.key.power_up();
    key.reset().unwrap();
    assert_eq!(key.info().client_pin(), Some(false));
    key.selection().unwrap();
}

#[test]
fn a_reader_opens_the_reset_window_again_by_itself() {
    let bench = Bench::new(&Model::STANDARD);
    assert_eq!(bench.open().power_cycle().unwrap(), PowerCycle::NeedsHands);
    bench.desk.take(0);
    bench.desk.put(1, &bench.key);
    let mut key = bench.open();
    assert_eq!(key.link().kind, LinkKind::Nfc);
    bench.clock.advance(Duration::from_secs(11));
    assert_eq!(key.reset().unwrap_err(), CtapError::ResetWindowMissed);
    assert_eq!(key.power_cycle().unwrap(), PowerCycle::Done);
    key.reset().unwrap();
}

#[test]
fn tokens_and_wishes_that_do_not_fit_are_not_sent() {
    let bench = Bench::new(&Model::STANDARD);
    let mut state = bench.pinned("24681357");
    let before = bench.key.history().len();
    let token = state.token_for_make("example.org").unwrap();
    assert_eq!(state.make_credential(token, &credential(1)).unwrap_err(), CtapError::OtherRelyingParty);
    let wanted = NewCredential { enterprise_attestation: Some(1), ..credential(1) };
    assert_eq!(make(&mut state, &wanted).unwrap_err(), CtapError::Unsupported(Feature::EnterpriseAttestation));
    assert!(bench.key.history()[before..].iter().all(|row| row.command != 1));
}

#[test]
fn a_request_to_stop_ends_the_wait() {
    let bench = Bench::new(&Model::STANDARD);
    let cancel = Cancel::new();
    let mut key = bench.open_with(cancel.clone());
    bench.key.set_touch(Touch::Never);
    cancel.request();
    assert_eq!(key.selection().unwrap_err(), CtapError::Link(LinkError::Cancelled));
}

#[test]
fn an_old_model_works_as_far_as_it_goes() {
    let bench = Bench::new(&Model::CTAP_2_0);
    let mut state = bench.pinned("24681357");
    make(&mut state, &credential(1)).unwrap();
    assert!(!state.info().can_force_pin_change() && !state.info().can_manage_credentials());
    assert_eq!(state.token_for_credentials().unwrap_err(), CtapError::Unsupported(Feature::CredentialManagement));
    assert_eq!(state.token_for_config().unwrap_err(), CtapError::Unsupported(Feature::Config));
    let mut key = bench.open();
    key.selection().unwrap();
    assert_eq!(bench.key.history().last().map(|row| (row.command, row.status)), Some((0x01, 0x31)));
    assert_eq!(bench.key.state().resident, 1, "the touch was asked for, and nothing was made");
    assert!(Pinned::unlock(key, pin("24681357")).is_ok());
}

#[test]
fn every_model_takes_a_pin_and_a_passkey() {
    for model in Model::ALL {
        let bench = Bench::new(model);
        let mut state = bench.pinned("24681357");
        let attested = make(&mut state, &credential(1)).unwrap_or_else(|error| panic!("{}: {error}", model.slug));
        assert_eq!(attested.credential.aaguid, model.aaguid, "{}", model.slug);
        let identity = state.authenticator().identity().unwrap();
        assert_eq!(identity.link, LinkKind::Usb);
        assert_eq!(identity.port.as_deref(), Some("1-1"));
        let number = bench.key.serial().to_string();
        let told = identity.shown_serial().is_some_and(|shown| shown.ends_with(&number));
        assert_eq!(identity.serial.is_some(), model.maker_serial, "{}", model.slug);
        assert_eq!(told, model.maker_serial || model.usb_serial, "{}", model.slug);
        let key = Pinned::unlock(state.into_authenticator(), pin("24681357")).unwrap();
        assert_eq!(key.pin().expose(), "24681357");
    }
}
