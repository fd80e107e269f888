//! Answers that no honest authenticator gives, and the odd ones that some do.
#![allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cbor::{Item, Map};
use super::*;
use crate::advice::Advised as _;
use crate::clock::{ManualClock, SharedClock};

pub(crate) const RP: &str = "login.microsoft.com";

/// Answers what a test wants answered.
struct Acting {
    link: Link,
    act: Act,
}

type Act = Box<dyn FnMut(&[u8]) -> Result<Vec<u8>, LinkError> + Send>;

impl Transport for Acting {
    fn link(&self) -> &Link {
        &self.link
    }

    fn facts(&self) -> LinkFacts {
        LinkFacts::default()
    }

    fn exchange(&mut self, request: &[u8], _turn: &mut Turn<'_>) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        (self.act)(request).map(Zeroizing::new)
    }

    fn vendor(&mut self, _call: VendorCall<'_>, _turn: &mut Turn<'_>) -> Result<Vec<u8>, LinkError> {
        Err(LinkError::Unsupported("maker's command"))
    }

    fn wink(&mut self, _turn: &mut Turn<'_>) -> Result<(), LinkError> {
        Err(LinkError::Unsupported("wink"))
    }

    fn power_cycle(&mut self) -> Result<PowerCycle, LinkError> {
        Ok(PowerCycle::NeedsHands)
    }
}

/// An authenticator that is played by `act`: request in, status byte and CBOR out.
pub(crate) fn acting(act: impl FnMut(&[u8]) -> Result<Vec<u8>, LinkError> + Send + 'static) -> Result<Authenticator, CtapError> {
    acting_by(Arc::new(ManualClock::new("2026-03-01T08:00:00Z".parse().unwrap())), act)
}

/// The same by a clock of the test's.
pub(crate) fn acting_by(
    clock: SharedClock,
    act: impl FnMut(&[u8]) -> Result<Vec<u8>, LinkError> + Send + 'static,
) -> Result<Authenticator, CtapError> {
    let link = Link {
        kind: LinkKind::Usb,
        path: "played".into(),
        vendor_id: None,
        product_id: None,
        product: None,
        usb_serial: None,
        port: None,
    };
    let tools = Tools { clock, rng: Box::new(StdRng::seed_from_u64(1)), cancel: Cancel::new(), on_wait: Box::new(|_| {}) };
    Authenticator::open(Box::new(Acting { link, act: Box::new(act) }), tools)
}

/// What an authenticator was asked.
pub(crate) type Requests = Arc<Mutex<Vec<Vec<u8>>>>;

/// An authenticator that gives these answers, in order, and is gone after the last.
pub(crate) fn scripted(replies: impl IntoIterator<Item = Vec<u8>>) -> (Result<Authenticator, CtapError>, Requests) {
    let requests = Requests::default();
    let log = requests.clone();
    let mut replies: VecDeque<_> = replies.into_iter().collect();
    let key = acting(move |request| {
        log.lock().unwrap().push(request.to_vec());
        replies.pop_front().ok_or(LinkError::Gone)
    });
    (key, requests)
}

pub(crate) fn ok(map: &Map<'_>) -> Vec<u8> {
    map.encode(&[0]).to_vec()
}

/// A token that an authenticator might have given.
pub(crate) fn token<P: Permission>(rp_id: Option<&str>) -> PinToken<P> {
    PinToken::new(PinProtocol::Two, Zeroizing::new(vec![1; 32]), rp_id.map(str::to_owned))
}

pub(crate) fn texts<'a>(list: &[&'a str]) -> Vec<Item<'a>> {
    list.iter().map(|text| Item::Text(text)).collect()
}

pub(crate) fn least_info() -> Map<'static> {
    Map::new().at(1, texts(&["FIDO_2_1"])).at(3, &[7_u8; 16][..])
}

fn parsed(map: &Map<'_>) -> Result<Info, ReplyError> {
    Info::parse(&map.encode(&[]))
}

#[test]
fn hostile_get_info() {
    let bottomless = [&[0x00, 0xA1, 0x01][..], &[0x81; 300], &[0x00]].concat();
    let twice = vec![0x00, 0xA2, 0x05, 0x18, 0x64, 0x05, 0x18, 0x65];
    let not_utf8 = vec![0x00, 0xA2, 0x01, 0x81, 0x61, 0xFF, 0x03, 0x40];
    let mut cut = ok(&least_info());
    cut.pop();
    let mut longer = ok(&least_info());
    longer.push(0);
    let rows = [
        (vec![], ReplyError::Empty),
        (vec![0x00], ReplyError::Truncated),
        (cut, ReplyError::Truncated),
        (longer, ReplyError::Trailing),
        (bottomless, ReplyError::TooDeep),
        (twice, ReplyError::Duplicate("getInfo")),
        (not_utf8, ReplyError::NotUtf8("versions")),
        (vec![0x00, 0xBF, 0xFF], ReplyError::Indefinite),
        (vec![0x00, 0x80], ReplyError::WrongType("getInfo")),
        (ok(&Map::new().at(3, &[7_u8; 16][..])), ReplyError::Missing("versions")),
        (ok(&Map::new().at(1, texts(&[])).at(3, &[7_u8; 15][..])), ReplyError::WrongLength("aaguid")),
        (ok(&least_info().at(4, 1_u8)), ReplyError::WrongType("options")),
        (ok(&least_info().at(4, Map::new().named("rk", 1_u8))), ReplyError::WrongType("options")),
        (ok(&least_info().at(5, "big")), ReplyError::WrongType("maxMsgSize")),
        (ok(&least_info().at(0x0C, 1_u8)), ReplyError::WrongType("forcePINChange")),
        (ok(&least_info().at(0x0D, -4_i64)), ReplyError::WrongType("minPINLength")),
        (vec![0; 70_000], ReplyError::TooLong(70_000)),
    ];
    for (reply, expected) in rows {
        let error = scripted([reply.clone()]).0.unwrap_err();
        assert_eq!(error, CtapError::Reply(expected), "{:02x?}", &reply[..reply.len().min(16)]);
        assert_eq!(error.advice().code, "key/reply");
    }
}

#[test]
fn a_full_message_of_get_info_is_read() {
    let filler = vec![0x55; 7609 - 1 - least_info().encode(&[]).len() - 5];
    let info = least_info().at(0x77, filler.as_slice());
    let reply = ok(&info);
    assert_eq!(reply.len(), 7609);
    let key = scripted([reply]).0.unwrap();
    assert_eq!(key.info().unknown[&0x77].len(), filler.len() + 3);
}

#[test]
fn every_member_of_get_info() {
    let algorithms = vec![
        Item::Map(Map::new().named("alg", -7_i64).named("type", "public-key")),
        Item::Map(Map::new().named("alg", -8_i64).named("type", "unheard-of")),
    ];
    let info = parsed(
        &least_info()
            .at(2, texts(&["credProtect", "unheard-of"]))
            .at(
                4,
                Map::new().named("clientPin", true).named("authnrCfg", true).named("setMinPINLength", true).named("new", false),
            )
            .at(5, 510_u64)
            .at(6, vec![Item::Uint(2), Item::Uint(9), Item::Uint(1)])
            .at(7, 8_u8)
            .at(8, 128_u8)
            .at(9, texts(&["usb", "quantum"]))
            .at(0x0A, algorithms)
            .at(0x0B, 4096_u64)
            .at(0x0C, true)
            .at(0x0D, 6_u8)
            .at(0x0E, 0x0005_0704_u64)
            .at(0x0F, 32_u8)
            .at(0x10, 1_u8)
            .at(0x11, 3_u8)
            .at(0x12, 2_u8)
            .at(0x13, Map::new().named("FIDO", 3_u8))
            .at(0x14, 95_u8)
            .at(0x15, vec![Item::Uint(u64::MAX)])
            .at(0x16, texts(&["packed", "none"]))
            .at(0x17, 4_u8)
            .at(0x18, false)
            .at(0x19, &[1_u8; 32][..])
            .at(0x1A, texts(&["USB", "NFC", "smart-card"]))
            .at(0x1B, true)
            .at(0x1C, &b"https://pin.example"[..])
            .at(0x1D, 8_u8)
            .at(0x1E, &[2_u8; 32][..])
            .at(0x1F, vec![Item::Uint(2), Item::Uint(3)])
            .at(0x20, "new"),
    )
    .unwrap();
    let strings = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let options = [("authnrCfg", true), ("clientPin", true), ("new", false), ("setMinPINLength", true)];
    let expected = Info {
        versions: strings(&["FIDO_2_1"]),
        extensions: strings(&["credProtect", "unheard-of"]),
        aaguid: Aaguid([7; 16]),
        options: options.map(|(name, value)| (name.to_owned(), value)).into(),
        max_msg_size: Some(510),
        pin_protocols: Some(vec![2, 9, 1]),
        max_credential_count_in_list: Some(8),
        max_credential_id_length: Some(128),
        transports: Some(strings(&["usb", "quantum"])),
        algorithms: Some(vec![-7]),
        max_serialized_large_blob_array: Some(4096),
        force_pin_change: Some(true),
        min_pin_length: Some(6),
        firmware_version: Some(0x0005_0704),
        max_cred_blob_length: Some(32),
        max_rp_ids_for_set_min_pin_length: Some(1),
        preferred_platform_uv_attempts: Some(3),
        uv_modality: Some(2),
        certifications: [("FIDO".to_owned(), 3)].into(),
        remaining_discoverable_credentials: Some(95),
        vendor_prototype_config_commands: Some(vec![u64::MAX]),
        attestation_formats: Some(strings(&["packed", "none"])),
        uv_count_since_last_pin_entry: Some(4),
        long_touch_for_reset: Some(false),
        enc_identifier: Some(vec![1; 32]),
        transports_for_reset: Some(strings(&["USB", "NFC", "smart-card"])),
        pin_complexity_policy: Some(true),
        pin_complexity_policy_url: Some(b"https://pin.example".to_vec()),
        max_pin_length: Some(8),
        enc_cred_store_state: Some(vec![2; 32]),
        authenticator_config_commands: Some(vec![2, 3]),
        unknown: [(0x20, vec![0x63, b'n', b'e', b'w'])].into(),
    };
    assert_eq!(info, expected);
    assert_eq!(info.common_pin_protocols(), [PinProtocol::Two, PinProtocol::One]);
    assert_eq!((info.max_msg_size(), info.min_pin_length(), info.max_pin_length()), (510, 6, 8));
    assert_eq!(info.pin_complexity_policy_url(), Some("https://pin.example"));
    assert!(info.change_forced() && info.can_force_pin_change() && info.supports_cred_protect());
    assert!([LinkKind::Usb, LinkKind::Nfc, LinkKind::SmartCard].into_iter().all(|kind| info.resets_over(kind)));
    assert_eq!(serde_json::to_value(&info).unwrap()["maxPinLength"], 8);
}

#[test]
fn what_is_not_reported_has_its_default() {
    let info = parsed(&least_info()).unwrap();
    assert_eq!((info.max_msg_size(), info.min_pin_length(), info.max_pin_length()), (1024, 4, 63));
    assert_eq!(info.attestation_formats(), ["packed"]);
    assert_eq!(info.client_pin(), None);
    assert_eq!(info.common_pin_protocols(), []);
    assert!(info.resets_over(LinkKind::Nfc) && !info.can_force_pin_change() && !info.can_manage_credentials());
}

#[test]
fn abilities_follow_what_is_reported() {
    let with = |options: &[(&'static str, bool)], more: fn(Map<'static>) -> Map<'static>| {
        let options = options.iter().fold(Map::new(), |map, (name, value)| map.named(name, *value));
        parsed(&more(least_info().at(4, options))).unwrap()
    };
    let full = &[("authnrCfg", true), ("setMinPINLength", true)];
    assert!(with(full, |map| map).can_force_pin_change());
    assert!(!with(full, |map| map.at(0x1F, vec![Item::Uint(2), Item::Uint(4)])).can_force_pin_change());
    assert!(!with(&[("authnrCfg", true), ("setMinPINLength", false)], |map| map).can_force_pin_change());
    assert!(with(&[("credentialMgmtPreview", true)], |map| map).can_manage_credentials());
    assert_eq!(with(&[("clientPin", false)], |map| map).common_pin_protocols(), [PinProtocol::One]);
    assert!(!with(&[], |map| map.at(0x1A, texts(&["usb"]))).resets_over(LinkKind::Nfc));
}

#[test]
fn the_fingerprint_stands_still_while_the_key_is_used() {
    let base = || least_info().at(5, 1200_u64).at(4, Map::new().named("clientPin", false));
    let print = |map: Map<'_>| parsed(&map).unwrap().fingerprint();
    let fresh = print(base());
    for used in [
        base().at(0x0C, true),
        base().at(0x0D, 8_u8),
        base().at(0x14, 3_u8),
        base().at(0x17, 3_u8),
        base().at(0x18, true),
        base().at(0x19, &[1_u8; 32][..]),
        base().at(0x1B, true),
    ] {
        assert_eq!(print(used), fresh);
    }
    for other in [base().at(0x0E, 2_u8), base().at(8, 64_u8), base().at(0x1D, 8_u8)] {
        assert_ne!(print(other), fresh);
    }
}

pub(crate) fn auth_data(flags: u8, tail: &[u8]) -> Vec<u8> {
    [&Sha256::digest(RP.as_bytes())[..], &[flags, 0, 0, 0, 5], tail].concat()
}

pub(crate) fn attested_data(claimed: u16, id: &[u8], key: &[u8]) -> Vec<u8> {
    [&[7; 16][..], &claimed.to_be_bytes(), id, key].concat()
}

pub(crate) const KEY: &[u8] = &[0xA2, 0x01, 0x02, 0x03, 0x26];

pub(crate) fn credential_reply(auth_data: &[u8]) -> Vec<u8> {
    Map::new().at(1, "packed").at(2, auth_data).at(3, Map::new().named("alg", -7_i64)).encode(&[]).to_vec()
}

#[test]
fn hostile_make_credential() {
    let short = || ReplyError::WrongLength("authData");
    let cut = || ReplyError::WrongLength("attestedCredentialData");
    let rows = [
        (credential_reply(&[]), short()),
        (credential_reply(&[0; 31]), short()),
        (credential_reply(&[0; 36]), short()),
        (credential_reply(&[0; 37]), ReplyError::Mismatch("authData.rpIdHash")),
        (credential_reply(&auth_data(0x01, &[])), ReplyError::Missing("attestedCredentialData")),
        (credential_reply(&auth_data(0x41, &[0; 17])), cut()),
        (credential_reply(&auth_data(0x41, &attested_data(0xFFFF, &[1; 16], KEY))), cut()),
        (credential_reply(&auth_data(0x41, &attested_data(16, &[1; 16], &[]))), ReplyError::Truncated),
        (credential_reply(&auth_data(0x41, &attested_data(16, &[1; 16], &[0x01]))), ReplyError::WrongType("credentialPublicKey")),
        (credential_reply(&auth_data(0x41, &attested_data(0, &[], KEY))), ReplyError::WrongLength("credentialId")),
        (credential_reply(&auth_data(0x41, &[&attested_data(2, &[1; 2], KEY)[..], &[0]].concat())), ReplyError::Trailing),
        (credential_reply(&auth_data(0xC1, &attested_data(2, &[1; 2], KEY))), ReplyError::Truncated),
        (Map::new().at(1, "packed").at(2, &[][..]).encode(&[]).to_vec(), ReplyError::Missing("attStmt")),
        (Map::new().at(1, "packed").at(2, &[][..]).at(3, 1_u8).encode(&[]).to_vec(), ReplyError::WrongType("attStmt")),
        (Map::new().at(1, 1_u8).encode(&[]).to_vec(), ReplyError::Missing("authData")),
    ];
    for (index, (reply, expected)) in rows.into_iter().enumerate() {
        assert_eq!(Attested::parse(&reply, RP).unwrap_err(), expected, "row {index}");
    }
}

#[test]
fn spans_are_kept_verbatim() {
    // attStmt in an order and with a head that are not canonical: signatures are over what was sent, not over what should be.
    let statement = [0xA2, 0x63, b's', b'i', b'g', 0x58, 0x01, 0xAA, 0x63, b'a', b'l', b'g', 0x26];
    let data = auth_data(0xC1, &[&attested_data(3, &[9; 3], KEY)[..], &[0xA1, 0x6B], b"hmac-secret", &[0xF5]].concat());
    let reply =
        [&[0xA3, 0x01, 0x66][..], b"packed", &[0x02, 0x58, u8::try_from(data.len()).unwrap()], &data, &[0x03], &statement]
            .concat();
    let attested = Attested::parse(&reply, RP).unwrap();
    assert_eq!(attested.att_stmt, statement);
    assert_eq!(attested.auth_data, data);
    assert_eq!(attested.credential.id, [9; 3]);
    assert_eq!(attested.credential.public_key, KEY);
    assert_eq!(attested.parsed.counter, 5);
    assert_eq!(attested.extensions.hmac_secret, Some(true));
}

#[test]
fn statuses_reach_the_caller_as_they_are() {
    let (key, _) = scripted([ok(&least_info()), vec![0x27], vec![0xF3]]);
    let mut key = key.unwrap();
    let denied = key.reset().unwrap_err();
    assert!(denied.is(Status::OPERATION_DENIED));
    assert_eq!(denied.to_string(), "the key answered 0x27 OPERATION_DENIED");
    assert_eq!(key.reset().unwrap_err().advice().code, "key/vendor-status");
    assert_eq!(key.reset().unwrap_err(), CtapError::Link(LinkError::Gone));
}

#[test]
fn what_cannot_work_is_not_sent() {
    let info = least_info().at(0x1A, texts(&["nfc"])).at(4, Map::new().named("clientPin", true));
    let (key, requests) = scripted([ok(&info)]);
    let mut key = key.unwrap();
    assert_eq!(key.reset().unwrap_err(), CtapError::Unsupported(Feature::ResetOver(LinkKind::Usb)));
    assert_eq!(key.uv_retries().unwrap_err(), CtapError::Unsupported(Feature::BuiltInUv));
    let key = Blank::new(key).unwrap_err();
    assert_eq!(requests.lock().unwrap().len(), 1);
    drop(key);
    let request = AssertionRequest { rp_id: RP.into(), allow: vec![vec![1; 400]; 3], ..AssertionRequest::default() };
    let (key, requests) = scripted([ok(&least_info())]);
    assert!(matches!(key.unwrap().get_assertion(None, &request), Err(CtapError::Link(LinkError::TooLong(_)))));
    assert_eq!(requests.lock().unwrap().len(), 1);
}

#[test]
fn a_claimed_crowd_of_assertions_is_bounded() {
    let data = auth_data(0x01, &[]);
    let first = Map::new().at(2, data.as_slice()).at(3, &[1_u8][..]).at(5, u64::MAX);
    let replies = std::iter::once(ok(&least_info())).chain((0..400).map(|_| ok(&first)));
    let (key, requests) = scripted(replies);
    let request = AssertionRequest { rp_id: RP.into(), ..AssertionRequest::default() };
    assert_eq!(key.unwrap().get_assertion(None, &request).unwrap().len(), 256);
    assert_eq!(requests.lock().unwrap().len(), 257);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_answers_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Info::parse(&bytes);
        let _ = Attested::parse(&bytes, RP);
        let _ = Assertion::parse(&bytes, RP);
        let _ = AuthData::parse(&bytes);
        let (key, _) = scripted([ok(&least_info().at(4, Map::new().named("clientPin", true))), bytes]);
        let _ = key.unwrap().pin_retries();
    }

    #[test]
    fn damaged_answers_are_read_or_refused(at in 0_usize..120, bit in 0_u8..8, cut in 0_usize..200) {
        let info = ok(&least_info().at(4, Map::new().named("clientPin", true)).at(0x13, Map::new().named("FIDO", 3_u8)));
        let made = credential_reply(&auth_data(0x41, &attested_data(16, &[1; 16], KEY)));
        for reply in [&info[1..], &made] {
            let mut reply = reply.to_vec();
            if let Some(byte) = reply.get_mut(at) {
                *byte ^= 1 << bit;
            }
            reply.truncate(cut.max(1));
            let _ = Info::parse(&reply);
            let _ = Attested::parse(&reply, RP);
        }
    }
}
