//! `keys info` beside `fido2-token -I` of libfido2, line by line.

use std::collections::{BTreeMap, BTreeSet};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Program, UsbKey};
use serde_json::{Value, json};

use crate::seat::settle;
use crate::{machine, output_of};

/// What the program says of a line, in libfido2's words; `None`: nothing.
type Ours = fn(&Value) -> Option<String>;

/// Each line that libfido2 can write: its beginning, what stands there if the program says nothing of it ("" is no line), and what
/// the program says.
const LINES: &[(&str, &str, Ours)] = &[
    ("proto", "0x02", |_| None),
    ("major", "", |told| firmware(told, 0)),
    ("minor", "", |told| firmware(told, 1)),
    ("build", "", |told| firmware(told, 2)),
    ("caps", "0x0d (wink, cbor, nomsg)", |_| None),
    ("version strings", "", |told| list(&told["info"]["versions"], text)),
    ("extension strings", "", |told| list(&told["info"]["extensions"], text)),
    ("transport strings", "", |told| list(&told["info"]["transports"], text)),
    ("algorithms", "", |told| list(&told["info"]["algorithms"], algorithm)),
    ("aaguid", "", |told| Some(text(&told["info"]["aaguid"]).replace('-', ""))),
    ("options", "", options),
    ("fwversion", "0x0", |told| number(told, "firmwareVersion").map(|number| format!("{number:#x}"))),
    ("maxmsgsiz", "2048", |told| decimal(told, "maxMsgSize")),
    ("maxcredcntlst", "0", |told| decimal(told, "maxCredentialCountInList")),
    ("maxcredlen", "0", |told| decimal(told, "maxCredentialIdLength")),
    ("maxlargeblob", "0", |told| decimal(told, "maxSerializedLargeBlobArray")),
    ("maxrpids in minpinlen", "", |told| decimal(told, "maxRpIdsForSetMinPinLength")),
    ("remaining rk(s)", "", |told| decimal(told, "remainingDiscoverableCredentials")),
    ("minpinlen", "", |told| decimal(told, "minPinLength")),
    ("pin protocols", "", |told| list(&told["info"]["pinProtocols"], text)),
    // The program does not ask a key that has no PIN.
    ("pin retries", "8", |told| told["pinRetries"].as_u64().map(|left| left.to_string())),
    ("pin change required", "false", |told| told["info"]["forcePinChange"].as_bool().map(|forced| forced.to_string())),
    ("uv retries", "undefined", |_| None),
    ("platform uv attempt(s)", "", |told| decimal(told, "preferredPlatformUvAttempts")),
    ("uv modality", "", |told| number(told, "uvModality").map(|number| format!("{number:#x}"))),
];

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn list(value: &Value, word: fn(&Value) -> String) -> Option<String> {
    Some(value.as_array()?.iter().map(word).collect::<Vec<_>>().join(", "))
}

fn number(told: &Value, member: &str) -> Option<u64> {
    told["info"][member].as_u64()
}

fn decimal(told: &Value, member: &str) -> Option<String> {
    number(told, member).map(|number| number.to_string())
}

/// Part of the firmware's version, such as 5.7.4.
fn firmware(told: &Value, part: usize) -> Option<String> {
    let part: u8 = told["firmware"].as_str()?.split('.').nth(part)?.parse().ok()?;
    Some(format!("{part:#04x}"))
}

/// The names that libfido2 has for COSE's numbers.
fn algorithm(number: &Value) -> String {
    let name = match number.as_i64() {
        Some(-7) => "es256",
        Some(-8) => "eddsa",
        Some(-35) => "es384",
        Some(-257) => "rs256",
        _ => "unknown",
    };
    format!("{name} (public-key)")
}

/// In the order of their names, as the program has them; libfido2 has the order of the wire.
fn options(told: &Value) -> Option<String> {
    let options = told["info"]["options"].as_object()?.iter();
    let words: BTreeSet<_> =
        options.map(|(name, on)| if *on == json!(true) { name.clone() } else { format!("no{name}") }).collect();
    Some(words.into_iter().collect::<Vec<_>>().join(", "))
}

/// Fails unless program and tool say the same of the one key that is plugged in, and nothing is left that only the tool says.
pub fn is_described_alike(key: &UsbKey) {
    let run = Program::new().as_ordinary_user().run(&["keys", "info"], |_| {});
    let ours = run.result();
    let theirs = output_of("fido2-token", &["-I", key.node().to_str().unwrap()], "");
    let mut lines: BTreeMap<&str, String> =
        theirs.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name, value.to_owned())).collect();
    if let Some(options) = lines.get_mut("options") {
        let words: BTreeSet<_> = options.split(", ").map(ToOwned::to_owned).collect();
        *options = words.into_iter().collect::<Vec<_>>().join(", ");
    }
    for (name, unsaid, said) in LINES {
        let expected = said(ours).unwrap_or_else(|| (*unsaid).to_owned());
        assert_eq!(lines.remove(name).unwrap_or_default(), expected, "{name}: libfido2 and keywright\n{theirs}{ours}");
    }
    assert!(lines.is_empty(), "lines without a row: {lines:?}");
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_is_described_as_libfido2_describes_it() {
    let _machine = machine();
    // Enrolled keys, another minimum PIN length among them: `opinion`.
    for (model, worn) in [(Model::STANDARD, true), (Model::STANDARD, false), (Model::CTAP_2_0, false)] {
        let mut key = UsbKey::on_uhid("info", model, 7);
        assert!(!worn || key.key().wear("00112233", 2));
        key.plug();
        settle();
        is_described_alike(&key);
    }
}
