//! One backoff policy for everything that is tried again.

use crate::time::Duration;

/// Doubling waits between two bounds, with jitter from the caller's generator.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    attempts: u32,
    /// The nominal wait is the shortest one, not the longest.
    at_least: bool,
}

impl Backoff {
    /// A policy that waits about `bounds.0` first and at most `bounds.1`.
    pub(crate) fn new(bounds: (Duration, Duration)) -> Self {
        Backoff { first: bounds.0, max: bounds.1, attempts: 0, at_least: false }
    }

    /// A policy whose waits are never shorter than the nominal one, which starts at `bounds.0`, and at most a quarter
    /// longer; none is longer than `bounds.1`.
    pub(crate) fn at_least(bounds: (Duration, Duration)) -> Self {
        Backoff { at_least: true, ..Backoff::new(bounds) }
    }

    /// Failures since the last success.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The wait before the next try, chosen by `jitter`: between half and all of the nominal one, or as
    /// [`Backoff::at_least`] says.
    pub(crate) fn next(&mut self, jitter: u64) -> Duration {
        let nominal = self.first.saturating_mul(1 << self.attempts.min(20)).min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        let (base, range) = if self.at_least { (nominal, nominal / 4) } else { (nominal / 2, nominal / 2) };
        let spread = u64::try_from(range.as_nanos()).unwrap_or(u64::MAX).max(1);
        (base + Duration::from_nanos(jitter % spread)).min(self.max)
    }

    /// A try succeeded.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_and_start_over_after_success() {
        let mut backoff = Backoff::new((Duration::from_millis(100), Duration::from_millis(350)));
        let waits: alloc::vec::Vec<u128> = (0..4).map(|_| backoff.next(0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 175, 175]);
        backoff.reset();
        assert!(backoff.next(u64::MAX) < Duration::from_millis(100));
        assert_eq!(backoff.attempts(), 1);
    }
}
