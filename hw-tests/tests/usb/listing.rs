//! What the program says of keys in their ports, beside what libfido2's tool says.

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
    for words in [&["keys", "list"][..], &["keys", "list", "--passive"]] {
        assert_eq!(program.run(words, |_| {}).result(), &json!({"keys": []}));
    }
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
    // What the system alone knows: of a serial number only the one in the USB descriptor.
    let run = program.run(&["keys", "list", "--passive"], |_| {});
    let listed = run.result()["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{run:?}");
    for ((key, port), serial) in keys.iter().zip(&ports).zip([&Value::Null, &json!("TK00000042"), &Value::Null]) {
        let row = listed.iter().find(|row| row["path"] == json!(key.node())).unwrap_or_else(|| panic!("{run:?}"));
        assert_eq!((&row["port"], &row["serial"], &row["aaguid"]), (port, serial, &Value::Null), "{row}");
        assert_eq!((&row["product"], &row["problem"]), (&json!(key.key().model().name), &Value::Null), "{row}");
    }
}

/// `keys list --passive` looks for keys and asks none, as `fido2-token -L` does; an optimised build takes as long as that tool. `keys list`
/// asks each what it is as well: what `-L` and then `-I` tell. It must not take longer than the two.
#[test]
#[ignore = "for the virtual machine"]
fn how_long_a_list_takes_here_and_with_libfido2() {
    let _machine = machine();
    let mut key = UsbKey::on_uhid("speed", Model::STANDARD, 8);
    key.plug();
    settle();
    // As they are, without the detour by which another user's program is started, and in turn, so that whatever else the machine does
    // meets all of them.
    let program = Program::new();
    let node = key.node().to_str().unwrap();
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        times[0].push(time(|| assert_eq!(program.run(&["keys", "list"], |_| {}).code, Some(0))));
        times[1].push(time(|| assert_eq!(program.run(&["keys", "list", "--passive"], |_| {}).code, Some(0))));
        times[2].push(time(|| drop(output_of("fido2-token", &["-L"], ""))));
        times[3].push(time(|| drop(output_of("fido2-token", &["-I", node], ""))));
    }
    for (name, times) in ["keys list", "keys list --passive", "fido2-token -L", "fido2-token -I"].iter().zip(&mut times) {
        times.sort();
        println!("{name}: {:?} at best, {:?} in the middle of {ROUNDS}", times[0], times[ROUNDS / 2]);
    }
    let [ours, passive, looked, asked] = times.map(|times| times[ROUNDS / 2]);
    assert!(ours <= looked + asked, "{ours:?}, but {looked:?} and {asked:?}");
    assert!(passive < ours, "{passive:?} without a word to the key, but {ours:?} with one");
}

const ROUNDS: usize = 15;

fn time(act: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    act();
    begin.elapsed()
}
