//! What the program says of keys in their ports, beside what libfido2's tool says.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Program, UsbKey};
use serde_json::{Value, json};

use crate::seat::settle;
use crate::{machine, output_of};

#[test]
#[ignore = "for the virtual machine"]
fn keys_are_listed_with_what_tells_them_apart() {
    let _machine = machine();
    let program = Program::new().as_ordinary_user();
    assert_eq!(program.run(&["keys", "list"], |_| {}).result(), &json!({"keys": []}));
    let mut keys = [
        UsbKey::on_uhid("list", Model::STANDARD, 4711),
        UsbKey::on_usb(0, Model::USB_SERIAL, 42),
        UsbKey::on_usb(1, Model::PORT_ONLY, 43),
    ];
    keys.iter_mut().for_each(UsbKey::plug);
    settle();
    let run = program.run(&["keys", "list"], |_| {});
    let listed = run.result()["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{run:?}");
    let ports = [Value::Null, json!("1-1"), json!("2-1")];
    let serials = [json!("4711"), json!("TK00000042"), Value::Null];
    for ((key, port), serial) in keys.iter().zip(&ports).zip(&serials) {
        let row = listed.iter().find(|row| row["path"] == json!(key.node())).unwrap_or_else(|| panic!("{run:?}"));
        let model = key.key().model();
        assert_eq!((&row["port"], &row["serial"], &row["problem"]), (port, serial, &Value::Null), "{row}");
        assert_eq!((&row["product"], &row["link"]), (&json!(model.name), &json!("usb")), "{row}");
        assert_eq!(row["aaguid"], json!(model.aaguid), "{row}");
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_is_described_as_libfido2_describes_it() {
    let _machine = machine();
    for (model, worn) in [(Model::STANDARD, true), (Model::CTAP_2_0, false), (Model::MINIMUM_PIN_6, false)] {
        let mut key = UsbKey::on_uhid("info", model, 7);
        assert!(!worn || key.key().wear("00112233", 2));
        key.plug();
        settle();
        let run = Program::new().as_ordinary_user().run(&["keys", "info"], |_| {});
        let ours = run.result();
        let theirs = Described(output_of("fido2-token", &["-I", key.node().to_str().unwrap()], ""));
        let info = &ours["info"];
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let words = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<BTreeSet<_>>();

        assert_eq!(theirs.line("aaguid"), text(&info["aaguid"]).replace('-', ""));
        assert_eq!(theirs.words("version strings"), words(&info["versions"]));
        assert_eq!(theirs.words("extension strings"), words(&info["extensions"]));
        assert_eq!(theirs.words("transport strings"), words(&info["transports"]));
        assert_eq!(theirs.words("pin protocols"), words(&info["pinProtocols"]));
        let options = info["options"].as_object().unwrap().iter();
        let options = options.map(|(name, on)| if *on == json!(true) { name.clone() } else { format!("no{name}") });
        assert_eq!(theirs.words("options"), options.collect());
        for (name, member) in [
            ("maxmsgsiz", "maxMsgSize"),
            ("maxcredcntlst", "maxCredentialCountInList"),
            ("maxcredlen", "maxCredentialIdLength"),
            ("maxlargeblob", "maxSerializedLargeBlobArray"),
            ("maxrpids in minpinlen", "maxRpIdsForSetMinPinLength"),
            ("minpinlen", "minPinLength"),
        ] {
            // What the key leaves out, libfido2 leaves out as well, or gives as zero or as the default of the specification.
            let absent = ["", "0", "1024", "2048", "4"];
            let value = theirs.maybe(name).unwrap_or_default();
            let agree = info[member].as_u64().map_or(absent.contains(&value), |number| value == number.to_string());
            assert!(agree, "{name} {value}, {member} {}", info[member]);
        }
        assert_eq!(theirs.line("pin change required"), text(&info["forcePinChange"]).replace("null", "false"));
        if worn {
            assert_eq!(theirs.line("pin retries"), text(&ours["pinRetries"]));
        }
    }
}

/// What `fido2-token -I` says.
struct Described(String);

impl Described {
    fn maybe(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.0.lines().find_map(|line| line.strip_prefix(&prefix))
    }

    fn line(&self, name: &str) -> &str {
        self.maybe(name).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    fn words(&self, name: &str) -> BTreeSet<String> {
        self.maybe(name).unwrap_or_default().split(", ").filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
    }
}

#[test]
#[ignore = "for the virtual machine"]
fn how_long_a_list_takes_here_and_with_libfido2() {
    let _machine = machine();
    let mut key = UsbKey::on_uhid("speed", Model::STANDARD, 8);
    key.plug();
    settle();
    // Both as they are, without the detour by which another user's program is started.
    let program = Program::new();
    let ours = median(|| assert_eq!(program.run(&["keys", "list"], |_| {}).code, Some(0)));
    let theirs = median(|| drop(output_of("fido2-token", &["-L"], "")));
    let described = median(|| drop(output_of("fido2-token", &["-I", key.node().to_str().unwrap()], "")));
    // `-L` only looks at sysfs; `keys list` asks the key as `-I` does.
    println!("median of 7 here: keys list {ours:?}, fido2-token -L {theirs:?}, -I {described:?}");
}

fn median(mut act: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..7)
        .map(|_| {
            let begin = Instant::now();
            act();
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[3]
}
