//! Hands that act when somebody waits for a key to be taken out or put in.

use std::time::Duration;

use super::desk::Move;

/// What hands see when they are asked.
#[derive(Clone, Debug)]
pub struct Sight {
    /// For every place of the desk, whether a key is in it.
    pub occupied: Vec<bool>,
}

/// Asked whenever somebody waits for a change on the bus and no move is under way. Any
/// `FnMut(&Sight) -> Vec<(Duration, Move)>` will do: what to do, and how long from now.
pub trait Hands: Send {
    /// The moves, each with the time from now until it.
    fn act(&mut self, sight: &Sight) -> Vec<(Duration, Move)>;
}

impl<F: FnMut(&Sight) -> Vec<(Duration, Move)> + Send> Hands for F {
    fn act(&mut self, sight: &Sight) -> Vec<(Duration, Move)> {
        self(sight)
    }
}

/// Nobody: keys move only when the test moves them.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdleHands;

impl Hands for IdleHands {
    fn act(&mut self, _sight: &Sight) -> Vec<(Duration, Move)> {
        Vec::new()
    }
}

/// Somebody who does what a replug asks for: takes the key out, or puts it back in.
#[derive(Clone, Copy, Debug)]
pub struct HelpfulHands {
    /// The place where they act.
    pub place: usize,
    /// How long each move takes.
    pub pace: Duration,
}

impl HelpfulHands {
    /// Hands at the first place, in a pace that a person can follow on the screen.
    pub const fn new() -> Self {
        Self { place: 0, pace: Duration::from_millis(800) }
    }
}

impl Default for HelpfulHands {
    fn default() -> Self {
        Self::new()
    }
}

impl Hands for HelpfulHands {
    fn act(&mut self, sight: &Sight) -> Vec<(Duration, Move)> {
        let occupied = sight.occupied.get(self.place).copied().unwrap_or(false);
        vec![(self.pace, if occupied { Move::Take(self.place) } else { Move::PutBack(self.place) })]
    }
}
