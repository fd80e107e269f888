//! Keys that break the rules: each ends in a typed error, and soon.

use std::time::{Duration, Instant};

use keywright::simulator::key::Model;
use keywright_hw_tests::{NONSENSE, Program, Trick, UsbKey};

use crate::machine;

/// No trick may hold the program for longer: a command that waits for nobody has five seconds, a silent key three.
const LIMIT: Duration = Duration::from_secs(8);
/// What the program may have in MiB. The longest answer has 7.6 KiB, and a program that believed lengths would want
/// gigabytes.
const MEMORY: u64 = 32;

/// Name, trick, and the code of the error; `None`: the answer is honest, if strange.
type Row = (&'static str, Trick, Option<&'static str>);

const ROWS: &[Row] = &[
    ("silence", Trick::Reports(|_| Vec::new()), Some("key/timeout")),
    ("keepalives for ever", Trick::Endless, Some("key/timeout")),
    ("gone in mid-message", Trick::Gone, Some("key/gone")),
    ("another channel", Trick::Reports(|reports| edit(reports, |_, report| report[3] ^= 1)), Some("key/timeout")),
    ("the broadcast channel", Trick::Reports(|reports| edit(reports, |_, report| report[..4].fill(0xFF))), Some("key/timeout")),
    ("another command", Trick::Reports(|reports| edit(reports, |n, report| report[4] ^= u8::from(n == 0))), Some("key/protocol")),
    ("no beginning", Trick::Reports(|reports| reports[1..].to_vec()), Some("key/protocol")),
    ("no end", Trick::Reports(|reports| reports[..1].to_vec()), Some("key/timeout")),
    ("a report twice", Trick::Reports(|reports| [&reports[..2], &reports[1..]].concat()), Some("key/protocol")),
    ("a report missing", Trick::Reports(|reports| [&reports[..1], &reports[2..]].concat()), Some("key/protocol")),
    ("begun twice", Trick::Reports(|reports| [&reports[..1], &reports[..]].concat()), Some("key/protocol")),
    (
        "an impossible length",
        Trick::Reports(|reports| {
            edit(reports, |n, report| {
                if n == 0 {
                    report[5..7].fill(0xFF);
                }
            })
        }),
        Some("key/protocol"),
    ),
    ("no status byte", Trick::Message(|_| Vec::new()), Some("key/protocol")),
];

fn edit(mut reports: Vec<[u8; 64]>, change: fn(usize, &mut [u8; 64])) -> Vec<[u8; 64]> {
    for (number, report) in reports.iter_mut().enumerate() {
        change(number, report);
    }
    reports
}

#[test]
#[ignore = "for the virtual machine"]
fn a_key_that_breaks_the_rules_is_an_error_and_soon() {
    let _machine = machine();
    let program = Program::new().with_memory(MEMORY);
    let nonsense = NONSENSE.iter().map(|(name, change, expected)| (*name, Trick::Message(*change), *expected));
    let mut peak = 0;
    for (serial, (name, trick, expected)) in (50..).zip(ROWS.iter().copied().chain(nonsense)) {
        let mut key = UsbKey::on_uhid("hostile", Model::PORT_ONLY, serial);
        key.set_trick(trick);
        key.plug();
        let begin = Instant::now();
        let run = program.run(&["keys", "info"], |_| {});
        let took = begin.elapsed();
        match expected {
            Some(code) => assert_eq!((run.code, run.error_code()), (Some(5), code), "{name}: {run:?}"),
            None => assert_eq!(run.code, Some(0), "{name}: {run:?}"),
        }
        assert!(took < LIMIT, "{name} took {took:?}: {run:?}");
        peak = peak.max(run.peak);
    }
    println!("memory: at most {peak} KiB, program included; limit for data and stacks: {MEMORY} MiB");
}
