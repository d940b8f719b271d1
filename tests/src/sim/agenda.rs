//! What will happen, by the time at which it will. Things of the same time come in an order that the seed decides.
//! Must not know what the things are.

use std::collections::BTreeMap;

use runwire_core::Instant;

use super::dice::Dice;

/// A list of things to come.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    entries: BTreeMap<(Instant, u64, u64), T>,
    dice: Dice,
    count: u64,
}

impl<T> Agenda<T> {
    /// An empty one.
    pub(super) fn new(seed: u64) -> Agenda<T> {
        Agenda { entries: BTreeMap::new(), dice: Dice::new(seed, "ties"), count: 0 }
    }

    /// Notes a thing.
    pub(super) fn add(&mut self, at: Instant, thing: T) {
        self.count += 1;
        self.entries.insert((at, self.dice.bits(), self.count), thing);
    }

    /// The time of the next thing.
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.keys().next().map(|(at, ..)| *at)
    }

    /// Takes the next thing.
    pub(super) fn take(&mut self) -> Option<(Instant, T)> {
        self.entries.pop_first().map(|((at, ..), thing)| (at, thing))
    }

    /// Takes all things that `which` names, in their order.
    pub(super) fn remove(&mut self, mut which: impl FnMut(&T) -> bool) -> Vec<T> {
        let keys: Vec<_> = self.entries.iter().filter(|(_, thing)| which(thing)).map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| self.entries.remove(&key)).collect()
    }

    /// Whether there is such a thing.
    pub(super) fn has(&self, which: impl FnMut(&T) -> bool) -> bool {
        self.entries.values().any(which)
    }

    /// A coin for a tie with something that is not on the list.
    pub(super) fn coin(&mut self) -> bool {
        self.dice.coin()
    }
}
