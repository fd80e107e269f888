//! A batch over a real pcscd: two readers, three people, and nothing pressed in between.

use std::collections::BTreeSet;

use keywright::simulator::key::Model;
use keywright_hw_tests::{Card, Line};
use serde_json::{Value, json};

use crate::tenant::{Tenant, USER};
use crate::{rig, takes_over};

const USERS: [&str; 3] = [USER, "bert@contoso.example", "cleo@contoso.example"];
const READERS: [&str; 2] = ["Virtual PCD 00 00", "Virtual PCD 00 01"];
const RESET: u8 = 0x07;
const MAKE_CREDENTIAL: u8 = 0x01;

/// Somebody at both readers who does what the program says of each.
struct Hands {
    cards: [Card; 3],
    /// Which card is, or was last, on which reader.
    seats: [usize; 2],
}

impl Hands {
    fn obey(&mut self, line: &Line) {
        let Some(reader) = READERS.iter().position(|reader| line["lane"] == json!(reader)) else { return };
        match line["event"].as_str() {
            Some("remove-key") => self.cards[self.seats[reader]].take(),
            Some("return-key") => self.cards[self.seats[reader]].put(),
            Some("insert-key") => {
                self.seats[reader] = 2;
                self.cards[2].move_to_reader(u16::try_from(reader).unwrap());
                self.cards[2].put();
            }
            _ => {}
        }
    }
}

/// The first card is full and is wiped on its reader; the third goes where one comes off.
#[test]
fn a_batch_of_three_goes_over_two_readers() {
    let _rig = rig();
    let tenant = Tenant::for_more_users(&USERS[1..]);
    let program = tenant.program();
    let roster = program.home().join("roster.csv");
    std::fs::write(&roster, format!("upn\n{}\n", USERS.join("\n"))).unwrap();
    let cards = [(0, 40), (1, 41), (0, 42)].map(|(reader, serial)| Card::new(reader, Model::STANDARD, serial));
    assert!(cards[0].key().wear("00112233", 1));
    let mut hands = Hands { cards, seats: [0, 1] };
    hands.cards[..2].iter_mut().for_each(Card::put);

    let run = program.run(&["--yes", "batch", "run", roster.to_str().unwrap()], |line| hands.obey(line));
    let end = run.result();
    assert_eq!((&end["done"], &end["failed"], &end["waiting"]), (&json!(3), &json!([]), &json!(0)), "{run:?}");
    let lanes: BTreeSet<&str> = end["lanes"].as_array().unwrap().iter().map(|lane| lane["lane"].as_str().unwrap()).collect();
    assert_eq!(lanes, BTreeSet::from(READERS), "{run:?}");

    let results: Vec<&Value> = run.lines.iter().filter_map(|line| line.get("result")).collect();
    let mut handed = BTreeSet::new();
    for (number, card) in hands.cards.iter_mut().enumerate() {
        let done = |command| card.key().history().iter().filter(|row| row.command == command && row.status == 0).count();
        assert_eq!((done(RESET), done(MAKE_CREDENTIAL)), (usize::from(number == 0), 1), "card {number}: {run:?}");
        assert!(!card.is_on_reader(), "the finished one is asked off: {run:?}");
        let serial = json!(card.key().serial().to_string());
        let fits = |result: &&&Value| result["temporaryPin"].is_string() && result["serial"] == serial;
        let [result] = results.iter().filter(fits).collect::<Vec<_>>()[..] else { panic!("card {number} has nobody: {run:?}") };
        let user = result["upn"].as_str().unwrap();
        assert!(handed.insert(user), "two cards for {user}: {run:?}");
        card.put();
        takes_over(user, card, &tenant, result);
        card.take();
    }
    assert_eq!(handed, BTreeSet::from(USERS), "{run:?}");
}
