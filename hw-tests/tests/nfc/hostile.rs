//! Cards that break the rules, through a real pcscd: each ends in a typed error, and soon.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::thread;
use std::time::{Duration, Instant};

use keywright::simulator::key::Model;
use keywright_hw_tests::{Card, CardTrick, NONSENSE, Program, Said};
use serde_json::json;

use crate::rig;

/// No trick may hold the program for longer: opening a card and a command that waits for nobody have five seconds each.
const LIMIT: Duration = Duration::from_secs(8);
/// What the program may have in MiB. A run has eleven at most, its own file's pages included; a program that collected whatever a card sends in five seconds would want
/// hundreds.
const MEMORY: u64 = 32;

const SELECT: u8 = 0xA4;
const GET_RESPONSE: u8 = 0xC0;
const MESSAGE: u8 = 0x10;
const POLL: u8 = 0x11;

/// Name, trick, the number of messages before it, and the code of the error; `None`: the card is honest, if strange.
type Row = (&'static str, CardTrick, usize, Option<&'static str>);

const ROWS: &[Row] = &[
    ("silence", at(|_, _| Said::Nothing), 0, Some("key/timeout")),
    ("silence after the selection", at(|command, honest| on(command, MESSAGE, Said::Nothing, honest)), 0, Some("key/timeout")),
    ("silence later", at(|_, _| Said::Nothing), 1, Some("key/timeout")),
    (
        "silence in the middle of an answer",
        at(|command, honest| on(command, GET_RESPONSE, Said::Nothing, honest)),
        1,
        Some("key/timeout"),
    ),
    ("9100 for ever", at(|command, honest| working(command, honest, &[0x01, 0x91, 0x00])), 1, Some("key/timeout")),
    ("9100 without a status byte", at(|command, honest| working(command, honest, &[0x91, 0x00])), 1, Some("key/timeout")),
    ("more and more", at(|command, honest| more(command, honest, 256)), 1, Some("key/protocol")),
    ("more and more, in long parts", at(|command, honest| more(command, honest, 60_000)), 1, Some("key/protocol")),
    ("more, a byte at a time", at(|command, honest| slowly(more(command, honest, 1))), 1, Some("key/timeout")),
    ("more, and nothing comes", at(|command, honest| more(command, honest, 0)), 1, Some("key/protocol")),
    ("more to every command", at(|_, _| Said::Answer(vec![0x61, 0xFF])), 0, Some("key/protocol")),
    (
        "more, then a refusal",
        at(|command, honest| on(command, GET_RESPONSE, status(0x6F00), honest)),
        1,
        Some("key/link-refused"),
    ),
    ("another length, for ever", at(|_, _| status(0x6C01)), 0, Some("key/not-fido")),
    ("another length later", at(|_, _| status(0x6C01)), 1, Some("key/link-refused")),
    ("wrong length later", at(|_, _| status(0x6700)), 1, Some("key/message-too-long")),
    ("a status word that nobody knows", at(|_, _| status(0x1234)), 0, Some("key/not-fido")),
    ("a status word that nobody knows, later", at(|_, _| status(0x1234)), 1, Some("key/link-refused")),
    (
        "the selection refused for ever",
        at(|command, honest| on(command, SELECT, status(0x6985), honest)),
        0,
        Some("key/not-fido"),
    ),
    ("no such applet", at(|command, honest| on(command, SELECT, status(0x6A82), honest)), 0, Some("key/not-fido")),
    (
        "another applet after the selection",
        at(|command, honest| on(command, MESSAGE, status(0x6D00), honest)),
        0,
        Some("key/not-fido"),
    ),
    ("another applet later, for ever", at(|_, _| status(0x6985)), 1, Some("key/not-fido")),
    ("a version that nobody knows", at(|command, honest| on(command, SELECT, answer(b"FIDO_9_9"), honest)), 0, None),
    ("a version of 60,000 bytes", at(|command, honest| on(command, SELECT, answer(&[0x1B; 60_000]), honest)), 0, None),
    // vpcd waits for more.
    ("nothing at all for an answer", at(|_, _| Said::Answer(Vec::new())), 1, Some("key/timeout")),
    ("one byte for an answer", at(|_, _| Said::Answer(vec![0x90])), 1, Some("key/protocol")),
    ("a status word alone", at(|_, _| status(0x9000)), 1, Some("key/protocol")),
    ("65,535 bytes for an answer", at(|_, _| answer(&[0; 65_533])), 1, Some("key/reply")),
    ("off the reader at the selection", at(|_, _| Said::Gone), 0, Some("key/gone")),
    ("off the reader in the middle of a message", at(|_, _| Said::Gone), 1, Some("key/gone")),
    (
        "off the reader in the middle of an answer",
        at(|command, honest| on(command, GET_RESPONSE, Said::Gone, honest)),
        1,
        Some("key/gone"),
    ),
];

const fn at(change: fn(&[u8], Vec<u8>) -> Said) -> CardTrick {
    CardTrick::Response(change)
}

/// Says something to commands of one instruction, and is honest to the others.
fn on(command: &[u8], instruction: u8, said: Said, honest: Vec<u8>) -> Said {
    if command[1] == instruction { said } else { Said::Answer(honest) }
}

fn status(word: u16) -> Said {
    Said::Answer(word.to_be_bytes().to_vec())
}

fn answer(data: &[u8]) -> Said {
    Said::Answer([data, &[0x90, 0x00]].concat())
}

/// Never done with a message.
fn working(command: &[u8], honest: Vec<u8>, answer: &[u8]) -> Said {
    if [MESSAGE, POLL].contains(&command[1]) { Said::Answer(answer.to_vec()) } else { Said::Answer(honest) }
}

/// Parts of that many bytes, without end.
fn more(command: &[u8], honest: Vec<u8>, part: usize) -> Said {
    let mut answer = vec![0; part];
    answer.extend([0x61, 0x00]);
    if [MESSAGE, GET_RESPONSE].contains(&command[1]) { Said::Answer(answer) } else { Said::Answer(honest) }
}

/// So slow that the time runs out before the room does, on any machine.
fn slowly(said: Said) -> Said {
    thread::sleep(Duration::from_millis(3));
    said
}

#[test]
fn a_card_that_breaks_the_rules_is_an_error_and_soon() {
    let _rig = rig();
    let program = Program::new().with_memory(MEMORY);
    let nonsense = NONSENSE.iter().map(|(name, change, expected)| (*name, CardTrick::Message(*change), 0, *expected));
    let mut peak = 0;
    for (serial, (name, trick, honest, expected)) in (100..).zip(ROWS.iter().copied().chain(nonsense)) {
        let mut card = Card::new(0, Model::STANDARD, serial);
        card.set_trick(trick, honest);
        card.put();
        let begin = Instant::now();
        let run = program.run(&["keys", "info"], |_| {});
        let took = begin.elapsed();
        println!("{:5.1} s {name}: {}", took.as_secs_f32(), expected.map_or("accepted", |_| run.error_code()));
        match expected {
            Some(code) => assert_eq!((run.code, run.error_code()), (Some(5), code), "{name}: {run:?}"),
            None => assert_eq!(run.code, Some(0), "{name}: {run:?}"),
        }
        assert!(took < LIMIT, "{name} took {took:?}: {run:?}");
        peak = peak.max(run.peak);
    }
    println!("memory: at most {peak} KiB, program included; limit for data and stacks: {MEMORY} MiB");
}

/// A card with contacts takes long APDUs: the same question in another form.
#[test]
fn silence_to_a_long_apdu_ends_as_well() {
    let _rig = rig();
    let mut card = Card::with_contacts(0, Model::STANDARD, 200);
    card.set_trick(at(|command, honest| on(command, MESSAGE, Said::Nothing, honest)), 0);
    card.put();
    let begin = Instant::now();
    let run = Program::new().run(&["keys", "info"], |_| {});
    assert_eq!((run.code, run.error_code()), (Some(5), "key/timeout"), "{run:?}");
    assert!(begin.elapsed() < LIMIT, "{run:?}");
}

/// The passkeys of a card without number, and each list in time.
#[test]
fn lists_without_end_are_refused() {
    // {1: 1, 2: 1} for the metadata, then {3: {"id": "x"}, 4: 32 bytes, 5: 1000, 6: {"id": 1 byte}, 7: {"id": 1 byte}, 9: 1000} for
    // everything that is listed.
    fn endless(command: &[u8], honest: Vec<u8>) -> Said {
        let [_, MESSAGE, _, _, _, 0x0A, request @ ..] = command else { return Said::Answer(honest) };
        if request.starts_with(&[0xA3, 0x01, 0x01]) {
            return answer(&[0, 0xA2, 0x01, 0x01, 0x02, 0x01]);
        }
        let id = [0xA1, 0x62, b'i', b'd'];
        let message = [
            &[0, 0xA6, 0x03][..],
            &id,
            &[0x61, b'x', 0x04, 0x58, 0x20],
            &[7; 32],
            &[0x05, 0x19, 0x03, 0xE8],
            &[0x06],
            &id,
            &[0x41, 0x01, 0x07],
            &id,
            &[0x41, 0x02, 0x09, 0x19, 0x03, 0xE8],
        ];
        answer(&message.concat())
    }
    let _rig = rig();
    let mut card = Card::new(0, Model::STANDARD, 201);
    assert!(card.key().wear("00112233", 1));
    card.set_trick(at(endless), 0);
    card.put();
    let program = Program::new().with_memory(MEMORY).with("KEYWRIGHT_PIN", "00112233");
    let begin = Instant::now();
    let run = program.run(&["keys", "credentials", "list"], |_| {});
    assert_eq!((run.code, run.error_code()), (Some(5), "key/reply"), "{run:?}");
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}: {run:?}", begin.elapsed());
}

/// Whatever the answer to reset is, the program lives: the service shows the card or not.
#[test]
fn answers_to_reset_that_make_no_sense() {
    let _rig = rig();
    let rows: [(&str, &'static [u8]); 8] = [
        ("none", &[]),
        ("one byte", &[0x3B]),
        ("cut off", &[0x3B, 0xFF]),
        ("interface bytes for ever", &[0x3B; 33]),
        ("all ones", &[0xFF; 33]),
        (
            "a byte too long",
            &[
                0x3B, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            ],
        ),
        ("255 bytes", &[0x3B; 255]),
        ("16,000 bytes", &[0x3B; 16_000]),
    ];
    let program = Program::new().with_memory(MEMORY);
    for (serial, (name, bytes)) in (210..).zip(rows) {
        let mut card = Card::new(0, Model::STANDARD, serial);
        card.set_answer_to_reset(bytes);
        card.put_unseen();
        // The service looks at its readers several times a second; the program is asked long enough to meet the card, if it shows.
        let end = Instant::now() + Duration::from_millis(1500);
        let mut seen = false;
        while !seen && Instant::now() < end {
            let begin = Instant::now();
            let run = program.run(&["keys", "list", "--ask"], |_| {});
            seen = run.result()["keys"] != json!([]);
            assert!(begin.elapsed() < LIMIT, "{name}: {run:?}");
        }
        println!("answer to reset: {name}: {}", if seen { "listed" } else { "not listed" });
    }
}

/// pcscd hangs up on whom it does not let in (polkit): the reason is told, and what to do about it.
#[test]
fn a_service_that_lets_nobody_in_is_explained() {
    let _rig = rig();
    // It hears the client's first words, or a part of them, or none, asks polkit, and hangs up.
    for heard in [64, 1, 0] {
        let program = Program::new();
        let socket = program.home().join("pcscd.comm");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let _ = client.unwrap().read(&mut vec![0; heard]);
            }
        });
        let program = program.with("PCSCLITE_CSOCK_NAME", socket.to_str().unwrap());
        let run = program.run(&["doctor"], |_| {});
        let checks = run.lines.last().unwrap()["result"]["checks"].as_array().unwrap().clone();
        let readers = checks.iter().find(|check| check["check"] == json!("readers")).unwrap_or_else(|| panic!("{run:?}"));
        assert!(readers["sentence"].as_str().unwrap().contains("denies access"), "{heard}: {readers}");
        assert!(readers["remedy"].as_str().unwrap().contains("polkit"), "{heard}: {readers}");
    }
}
