//! Out and in again: what comes back, where, and how long its reset window is.

use std::sync::Arc;
use std::time::Duration;

use keywright::advice::Advised as _;
use keywright::enroll::Order;
use keywright::simulator::key::{Model, Move, Sight, TrainingKey};
use keywright::ui::Answer;

use crate::support::face::ScriptedFace;
use crate::support::world::{World, helpful, order};

const RESET: u8 = 0x07;
const SECOND: Duration = Duration::from_secs(1);

fn agreed() -> Order {
    Order { erase_agreed: true, ..order() }
}

fn used(model: &Model) -> World {
    let world = World::new(model);
    assert!(world.key.wear("20071969", 1));
    world
}

fn resets(key: &TrainingKey) -> usize {
    key.history().iter().filter(|row| row.command == RESET).count()
}

/// Takes the key out of its place once; then these moves, a second apart.
fn then(place: usize, moves: Vec<Move>) -> impl FnMut(&Sight) -> Vec<(Duration, Move)> + Send + 'static {
    let mut moves = Some(moves);
    move |sight| {
        if sight.occupied[place] {
            return vec![(SECOND, Move::Take(place))];
        }
        let moves = moves.take().unwrap_or_default();
        moves.into_iter().zip(1..).map(|(act, after)| (SECOND.saturating_mul(after), act)).collect()
    }
}

#[test]
fn the_window_is_that_of_the_model() {
    let old = Model { firmware: (5, 5, 1), reset_window: Duration::from_secs(5), ..Model::STANDARD };
    let newer = Model { firmware: (5, 5, 2), ..Model::STANDARD };
    let rows = [
        (Model::STANDARD, 10, false),
        (old, 5, false),
        (newer, 10, false),
        (Model::PORT_ONLY, 10, false),
        (Model::LONG_TOUCH, 10, true),
    ];
    for (model, left, long) in rows {
        let world = used(&model);
        let face = Arc::new(ScriptedFace::default());
        world.enroll(&face, &agreed()).unwrap();
        let said = face.said();
        let back = format!(r#"{{"event":"return-key","reader":false,"window":5,"long":{long}}}"#);
        assert!(said.contains(&back), "{:?}: {said}", model.firmware);
        assert!(said.contains(&format!(r#"{{"event":"key-back","left":{left}}}"#)), "{:?}: {said}", model.firmware);
        assert_eq!(said.contains(r#""wait":"touch","long":true"#), long, "{}: {said}", model.slug);
    }
}

#[test]
fn the_window_counts_from_the_arrival() {
    // In another port nothing proves that it is the same key, and whoever is asked thinks for three seconds.
    let world = used(&Model::PORT_ONLY);
    let place = world.desk.add_port("1-2");
    let clock = Arc::clone(&world.clock);
    let face = Arc::new(ScriptedFace::answering(&[("SameKey", Some(Answer::Yes))]));
    face.when("SameKey", move || clock.advance(SECOND.saturating_mul(3)));
    let hands = then(0, vec![Move::Put(place, world.key.clone())]);
    world.enroll_with(&face, &agreed(), hands, &mut world.ledger()).unwrap();
    assert!(face.said().contains(r#"{"event":"key-back","left":7}"#), "{}", face.said());
}

#[test]
fn another_key_elsewhere_does_not_end_the_wait() {
    // Its serial number, its USB descriptor, or nothing at all tells it from the key that is waited for.
    for (model, other_model) in [
        (Model::STANDARD, Model::STANDARD),
        (Model::USB_SERIAL, Model::USB_SERIAL),
        (Model::STANDARD, Model::USB_SERIAL),
        (Model::PORT_ONLY, Model::PORT_ONLY),
    ] {
        let world = used(&model);
        let place = world.desk.add_port("1-2");
        let other = World::new(&other_model).other_key();
        assert!(other.wear("20071969", 1));
        let face = Arc::new(ScriptedFace::default());
        let hands = then(0, vec![Move::Put(place, other.clone()), Move::PutBack(0)]);
        world.enroll_with(&face, &agreed(), hands, &mut world.ledger()).unwrap();
        assert_eq!((resets(&world.key), resets(&other)), (1, 0), "{}", model.slug);
        assert_eq!(other.state().resident, 1);
    }
}

#[test]
fn the_key_may_come_back_elsewhere_if_it_proves_to_be_the_same() {
    let world = used(&Model::STANDARD);
    let place = world.desk.add_port("1-2");
    let face = Arc::new(ScriptedFace::default());
    let hands = then(0, vec![Move::Put(place, world.key.clone())]);
    world.enroll_with(&face, &agreed(), hands, &mut world.ledger()).unwrap();
    assert_eq!(resets(&world.key), 1);

    for (answer, end) in
        [(Some(Answer::Yes), Ok(())), (Some(Answer::No), Err("key/not-returned")), (None, Err("key/not-returned"))]
    {
        let world = used(&Model::PORT_ONLY);
        let place = world.desk.add_port("1-2");
        let face = Arc::new(ScriptedFace::answering(&[("SameKey", answer)]));
        let hands = then(0, vec![Move::Put(place, world.key.clone())]);
        let run = world.enroll_with(&face, &agreed(), hands, &mut world.ledger());
        assert_eq!(run.map(drop).map_err(|error| error.advice().code), end, "{answer:?}");
        assert_eq!(resets(&world.key), usize::from(end.is_ok()), "{answer:?}");
    }
}

#[test]
fn a_card_in_another_reader_is_left_alone() {
    let world = used(&Model::STANDARD);
    world.desk.take(0);
    let [mine, yours] = ["ACME 00", "ACME 01"].map(|name| world.desk.add_reader(name));
    world.desk.put(mine, &world.key);
    let other = world.other_key();
    let face = Arc::new(ScriptedFace::default());
    let hands = then(mine, vec![Move::Put(yours, other.clone()), Move::PutBack(mine)]);
    world.enroll_with(&face, &agreed(), hands, &mut world.ledger()).unwrap();
    assert_eq!(resets(&world.key), 1);
    assert!(other.history().is_empty(), "nothing was asked of it");
}

#[test]
fn a_missed_window_is_told_and_gives_a_new_chance() {
    let world = used(&Model::STANDARD);
    let face = Arc::new(ScriptedFace::default());
    let clock = Arc::clone(&world.clock);
    face.when("key-back", move || clock.advance(Duration::from_secs(11)));
    world.enroll_with(&face, &agreed(), helpful, &mut world.ledger()).unwrap();
    assert!(face.said().contains("new-chance"));
    assert_eq!(face.said().matches("key-back").count(), 2);
}
