//! Chances and sizes drawn from a seed. Knows no world; whoever draws in the same order draws the same.

use std::time::Duration;

use runwire_core::rng::Rng;

/// A generator with the questions that a simulation asks.
#[derive(Clone, Debug)]
pub struct Dice {
    rng: Rng,
    /// What is drawn first, least byte last; then the generator goes on. Empty but for fuzzing.
    tape: Vec<u8>,
}

impl Dice {
    /// All draws follow from `seed`. `purpose` keeps the streams of two purposes apart, so that a draw more in one does not
    /// change the other.
    pub fn new(seed: u64, purpose: &str) -> Dice {
        let salt = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        let mut first = Rng::new(seed ^ salt);
        Dice { rng: Rng::new(first.next_u64()), tape: Vec::new() }
    }

    /// The same, but the first draws are read from `tape`: a changed byte changes one draw, and little else.
    pub fn from_tape(seed: u64, purpose: &str, mut tape: Vec<u8>) -> Dice {
        tape.reverse();
        Dice { tape, ..Dice::new(seed, purpose) }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.read(8).unwrap_or_else(|| self.rng.next_u64())
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let width = (u64::BITS - bound.leading_zeros()).div_ceil(8);
        match self.read(width) {
            Some(number) => number % bound.max(1),
            None => self.rng.below(bound),
        }
    }

    /// A number of so many bytes of the tape, unless it is over.
    fn read(&mut self, width: u32) -> Option<u64> {
        let at = self.tape.len().checked_sub(width as usize).filter(|_| !self.tape.is_empty())?;
        Some(self.tape.drain(at..).fold(0, |number, byte| number << 8 | u64::from(byte)))
    }

    /// An index of a list of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number of the range, both ends included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `per_mille` of 1000 cases.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// True in half of the cases.
    pub fn coin(&mut self) -> bool {
        self.chance(500)
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    /// A time between two times.
    pub fn time(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    /// Milliseconds between two numbers.
    pub fn ms(&mut self, low: u64, high: u64) -> Duration {
        self.time(Duration::from_millis(low), Duration::from_millis(high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_draw_apart_and_seeds_repeat() {
        let draw = |seed, purpose| {
            let mut dice = Dice::new(seed, purpose);
            (0..4).map(|_| dice.bits()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "net"), draw(7, "net"));
        assert_ne!(draw(7, "net"), draw(7, "disk"));
        assert_ne!(draw(7, "net"), draw(8, "net"));
    }
}
