//! The training key under our driver: what it makes stands before a judge that is not ours, its PIN rules hold, and its
//! memory survives the death of the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(missing_docs, clippy::arithmetic_side_effects, reason = "a test")]
#![cfg(feature = "simulator")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keywright::clock::ManualClock;
use keywright::ctap::{
    AssertionRequest, Authenticator, Blank, Bus, Cancel, CtapError, NewCredential, Pinned, SealOutcome, Status, Tools, Turn,
};
use keywright::secret::Pin;
use keywright::simulator::key::{Blueprint, Desk, IdleHands, Model, TrainingBus, TrainingKey, test_root_der};
use keywright::webauthn::{AttestationObject, ClientData, CreationOptions, Expected, RelyingParty, Roots, Trust, UserEntity};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::judge::{Case, judge};
use zeroize::Zeroizing;

const RP_ID: &str = "login.microsoft.com";

struct Room {
    clock: Arc<ManualClock>,
    desk: Desk,
    key: TrainingKey,
}

fn room(model: &Model, memory: Option<PathBuf>) -> Room {
    let clock = Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap()));
    let desk = Desk::new(clock.clone());
    desk.add_port("1-1");
    let rng = Box::new(StdRng::seed_from_u64(5));
    let key = TrainingKey::new(Blueprint { model: model.clone(), serial: 5, clock: clock.clone(), rng, memory }).unwrap();
    desk.put(0, &key);
    Room { clock, desk, key }
}

impl Room {
    fn open(&self) -> Authenticator {
        let mut bus = TrainingBus::new(self.desk.clone(), IdleHands);
        let link = bus.links().unwrap().remove(0);
        let tools = Tools {
            clock: self.clock.clone(),
            rng: Box::new(StdRng::seed_from_u64(6)),
            cancel: Cancel::new(),
            on_wait: Box::new(|_| {}),
        };
        Authenticator::open(bus.open(&link).unwrap(), tools).unwrap()
    }

    fn set_pin(&self, text: &str) -> Result<Pinned, CtapError> {
        Blank::new(self.open()).unwrap().set_pin(pin(text)).map_err(|failed| failed.error)
    }
}

fn pin(text: &str) -> Pin {
    Pin::new(Zeroizing::new(text.to_owned())).unwrap()
}

fn options() -> CreationOptions {
    CreationOptions {
        rp: RelyingParty { id: RP_ID.into(), name: "Microsoft".into() },
        user: UserEntity { id: vec![1, 2, 3], name: "adele@contoso.example".into(), display_name: "Adele".into() },
        // As long as the one of Entra ID.
        challenge: "Y2hhbGxlbmdl".repeat(600),
        algorithms: vec![-7, -257],
        exclude: vec![],
        hmac_secret: true,
        cred_protect: Some(1),
    }
}

fn wanted(options: &CreationOptions, client_data: &ClientData) -> NewCredential {
    NewCredential {
        client_data_hash: client_data.hash(),
        rp_id: options.rp.id.clone(),
        rp_name: options.rp.name.clone(),
        user_id: options.user.id.clone(),
        user_name: options.user.name.clone(),
        user_display_name: options.user.display_name.clone(),
        algorithms: options.algorithms.clone(),
        hmac_secret: true,
        ..NewCredential::default()
    }
}

#[test]
fn what_every_model_makes_stands_before_the_judge() {
    for model in Model::ALL {
        let slug = model.slug;
        let room = room(model, None);
        let mut pinned = room.set_pin("48151623").unwrap();
        let options = options();
        let client_data = ClientData::create(&options);
        let token = pinned.token_for_make(RP_ID).unwrap();
        let made = pinned.make_credential(token, &wanted(&options, &client_data)).unwrap();
        let object = AttestationObject::from_parts(&made.fmt, &made.att_stmt, &made.auth_data);

        let roots = Roots::Of { der: vec![test_root_der().to_vec()], at: "2026-03-01T08:00:00Z".parse().unwrap() };
        let expected = Expected::new(&options, &client_data, pinned.info().aaguid).with_roots(roots);
        let verified = object.verify(&expected).unwrap();
        assert_eq!((verified.trust, verified.aaguid), (Trust::Chain, model.aaguid), "{slug}");
        assert!(verified.extensions.is_some(), "{slug}");
        let case = Case {
            challenge: &options.challenge,
            origin: "https://login.microsoft.com",
            rp_id: RP_ID,
            client_data_json: client_data.as_bytes(),
            attestation_object: object.as_bytes(),
            exclude: &[],
            root: Some(test_root_der()),
        };
        assert_eq!(judge(&case).unwrap().credential_id, verified.credential_id.0, "{slug}");

        let token = pinned.token_for_assertion(RP_ID).unwrap();
        let request = AssertionRequest { rp_id: RP_ID.into(), client_data_hash: [9; 32], ..AssertionRequest::default() };
        assert_eq!(pinned.authenticator().get_assertion(Some(token), &request).unwrap().len(), 1, "{slug}");
        assert_eq!(room.key.state().resident, 1, "{slug}");
        assert!(room.key.pin_is("48151623"), "{slug}");
    }
}

#[test]
fn sealed_keys_give_no_token_until_the_pin_is_changed() {
    for (model, seals) in
        [(Model::STANDARD, true), (Model::PROTOCOL_TWO, true), (Model::ALWAYS_UV, true), (Model::NO_FORCED_CHANGE, false)]
    {
        let room = room(&model, None);
        let mut pinned = room.set_pin("48151623").unwrap();
        if !seals {
            assert!(pinned.token_for_config().is_err(), "{}", model.slug);
            continue;
        }
        let token = pinned.token_for_config().unwrap();
        let SealOutcome::Sealed(sealed) = pinned.seal(token).unwrap() else { panic!("{} is not sealed", model.slug) };
        assert!(room.key.state().forced_change);
        let refused = Pinned::unlock(sealed.into_authenticator(), pin("48151623")).unwrap_err();
        assert_eq!(refused.error, CtapError::ChangeForced);
        let mut key = refused.state;
        key.change_pin(&pin("48151623"), &pin("90210777")).unwrap();
        assert!(!room.key.state().forced_change && room.key.pin_is("90210777"));
        assert_eq!(room.key.state().tries_left, 8);
    }
}

#[test]
fn rules_for_pins() {
    for (model, text, taken) in [
        (Model::MINIMUM_PIN_6, "48151", false),
        (Model::MINIMUM_PIN_6, "481516", true),
        (Model::MINIMUM_PIN_8, "4815162", false),
        (Model::MINIMUM_PIN_8, "48151623", true),
        (Model::MAXIMUM_PIN_8, "48151623", true),
        (Model::MAXIMUM_PIN_8, "481516234", false),
        (Model::STANDARD, "4815", true),
    ] {
        let room = room(&model, None);
        let result = room.set_pin(text);
        let case = format!("{} {text}", model.slug);
        if taken {
            assert!(result.is_ok(), "{case}");
        } else {
            assert!(result.unwrap_err().is(Status::PIN_POLICY_VIOLATION), "{case}");
        }
        assert_eq!(room.key.state().pin_set, taken, "{case}");
    }
}

#[test]
fn weak_pins_are_refused_as_often_as_scripted() {
    let room = room(&Model::STANDARD, None);
    room.key.refuse_pins(2);
    assert!(room.set_pin("48151623").unwrap_err().is(Status::PIN_POLICY_VIOLATION));
    assert!(room.set_pin("48151624").unwrap_err().is(Status::PIN_POLICY_VIOLATION));
    room.set_pin("48151625").unwrap();
    assert!(room.key.pin_is("48151625"));
}

/// Names the memory of the key for the process that is killed.
const MEMORY: &str = "KEYWRIGHT_TEST_KEY_MEMORY";

/// Not a test by itself: makes credentials until it is killed.
#[test]
fn makes_credentials_until_killed() {
    let Some(memory) = std::env::var_os(MEMORY) else { return };
    let room = room(&Model::STANDARD, Some(PathBuf::from(memory)));
    let mut pinned = match Blank::new(room.open()) {
        Ok(blank) => blank.set_pin(pin("48151623")).unwrap(),
        Err(key) => Pinned::unlock(key, pin("48151623")).unwrap(),
    };
    let options = options();
    let client_data = ClientData::create(&options);
    for _ in room.key.state().resident..150 {
        let mut wanted = wanted(&options, &client_data);
        wanted.user_id = vec![u8::try_from(room.key.state().resident).unwrap()];
        let token = pinned.token_for_make(RP_ID).unwrap();
        pinned.make_credential(token, &wanted).unwrap();
        // Through the descriptor, past the harness that captures what tests print.
        writeln!(std::io::stdout(), "made {}", room.key.state().resident).unwrap();
    }
}

fn kill_after(lines: usize, memory: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "makes_credentials_until_killed", "--nocapture"])
        .env(MEMORY, memory)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let made = output.lines().map_while(Result::ok).filter(|line| line.contains("made ")).take(lines).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(made, lines);
}

#[test]
fn memory_survives_a_killed_process() {
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("key.json");
    let mut promised = 0;
    for lines in [1, 3, 2, 4] {
        kill_after(lines, &memory);
        promised += lines;
        let room = room(&Model::STANDARD, Some(memory.clone()));
        let state = room.key.state();
        assert!(state.resident >= promised, "{} of {promised}", state.resident);
        assert!(state.pin_set && room.key.pin_is("48151623"));
        promised = state.resident;
        let mut pinned = Pinned::unlock(room.open(), pin("48151623")).unwrap();
        let token = pinned.token_for_assertion(RP_ID).unwrap();
        let request = AssertionRequest { rp_id: RP_ID.into(), client_data_hash: [9; 32], ..AssertionRequest::default() };
        let assertions = pinned.authenticator().get_assertion(Some(token), &request).unwrap();
        assert_eq!(assertions.len(), promised);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is sent, the key answers a status and goes on working.
    #[test]
    fn no_request_stops_the_key(model in 0..Model::ALL.len(), requests in proptest::collection::vec(request(), 1..12)) {
        let room = room(&Model::ALL[model], None);
        let cancel = Cancel::new();
        let exchange = |request: &[u8]| {
            let mut turn = Turn { budget: Duration::from_mins(1), cancel: &cancel, on_wait: &mut |_| {} };
            room.key.process(request, &mut turn)
        };
        for request in requests {
            prop_assert!(!exchange(&request).unwrap().is_empty(), "{request:02x?}");
        }
        prop_assert_eq!(exchange(&[0x04]).unwrap()[0], 0);
    }
}

/// A command byte and bytes that are often a small CBOR map.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let command = prop_oneof![Just(0x01_u8), Just(0x02), Just(0x06), Just(0x07), Just(0x0A), Just(0x0C), Just(0x0D), any::<u8>()];
    let entry = (
        1_u8..12,
        prop_oneof![
            (0_u8..24).prop_map(|small| vec![small]),
            proptest::collection::vec(any::<u8>(), 0..4),
            Just(vec![0xA1, 0x01, 0x02]),
            Just(vec![0x42, 0x00, 0x00]),
            Just(vec![0x61, 0x61]),
        ],
    );
    let map = proptest::collection::btree_map(entry.clone().prop_map(|(key, _)| key), entry.prop_map(|(_, value)| value), 0..6);
    (command, map).prop_map(|(command, map)| {
        let mut request = vec![command, 0xA0 | u8::try_from(map.len()).unwrap()];
        for (key, value) in map {
            request.push(key);
            request.extend(value);
        }
        request
    })
}
