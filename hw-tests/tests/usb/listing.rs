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
    for words in [&["keys", "list"][..], &["keys", "list", "--ask"]] {
        assert_eq!(program.run(words, |_| {}).result(), &json!({"keys": []}));
    }
    let mut keys = [
        UsbKey::on_uhid("list", Model::STANDARD, 4711),
        UsbKey::on_usb(0, Model::USB_SERIAL, 42),
        UsbKey::on_usb(1, Model::PORT_ONLY, 43),
    ];
    keys.iter_mut().for_each(UsbKey::plug);
    settle();
    let run = program.run(&["keys", "list", "--ask"], |_| {});
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
    let run = program.run(&["keys", "list"], |_| {});
    let listed = run.result()["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{run:?}");
    for ((key, port), serial) in keys.iter().zip(&ports).zip([&Value::Null, &json!("TK00000042"), &Value::Null]) {
        let row = listed.iter().find(|row| row["path"] == json!(key.node())).unwrap_or_else(|| panic!("{run:?}"));
        assert_eq!((&row["port"], &row["serial"], &row["aaguid"]), (port, serial, &Value::Null), "{row}");
        assert_eq!((&row["product"], &row["problem"]), (&json!(key.key().model().name), &Value::Null), "{row}");
    }
}

/// `keys list` looks for keys and asks none, as `fido2-token -L` does; with `--ask` it does what `-L` and then `-I` do, and must not
/// take longer than the two. An optimised build (KEYWRIGHT_OPTIMISED) must not take longer than `-L` for the list
/// alone.
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
    let optimised = std::env::var_os("KEYWRIGHT_OPTIMISED").map(Program::at);
    let node = key.node().to_str().unwrap();
    let listed = |program: &Program, words: &[&str]| assert_eq!(program.run(words, |_| {}).code, Some(0));
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..ROUNDS {
        times[0].push(time(|| listed(&program, &["keys", "list"])));
        times[1].push(time(|| listed(&program, &["keys", "list", "--ask"])));
        times[2].push(time(|| drop(output_of("fido2-token", &["-L"], ""))));
        times[3].push(time(|| drop(output_of("fido2-token", &["-I", node], ""))));
        times[4].extend(optimised.as_ref().map(|program| time(|| listed(program, &["keys", "list"]))));
    }
    let names = ["keys list", "keys list --ask", "fido2-token -L", "fido2-token -I", "keys list, optimised"];
    for (name, times) in names.iter().zip(&mut times).filter(|(_, times)| !times.is_empty()) {
        times.sort();
        println!("{name}: {:?} at best, {:?} in the middle of {ROUNDS}", times[0], times[ROUNDS / 2]);
    }
    // Other work on the machine makes some runs longer and none shorter.
    let best = [4, 2].map(|one| times[one].first().copied());
    let [list, asking, theirs, their_asking, _] = times.map(|times| times.get(ROUNDS / 2).copied());
    let theirs = theirs.unwrap();
    assert!(asking.unwrap() <= theirs + their_asking.unwrap(), "{asking:?}, but {theirs:?} and {their_asking:?}");
    assert!(list < asking, "{list:?} without a word to the key, but {asking:?} with one");
    if let [Some(fast), Some(theirs)] = best {
        println!("keys list, optimised, beside fido2-token -L: {:.2} at best", fast.as_secs_f64() / theirs.as_secs_f64());
        // Equal but for noise, which on a busy machine is a good third here.
        assert!(fast <= theirs.mul_f32(1.4), "{fast:?}, but {theirs:?}");
    }
}

const ROUNDS: usize = 21;

fn time(act: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    act();
    begin.elapsed()
}
