//! Time as the core sees it: numbers that come in with each input. Nothing here reads a clock.

use core::fmt;
pub use core::time::Duration;

/// A point on the runtime's monotonic clock, in nanoseconds since an origin that the runtime chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The origin.
    pub const ZERO: Instant = Instant(0);

    /// `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Instant(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// This instant moved forward; stops at the end of the scale instead of wrapping.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Instant(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}.{:06}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1_000)
    }
}

/// Wall-clock time in nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// The wall time `by` later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        UnixNanos(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Microseconds since the epoch.
    pub fn micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The protocol's form of this time.
    pub fn timestamp(self) -> prost_types::Timestamp {
        let nanos = self.0.rem_euclid(1_000_000_000);
        prost_types::Timestamp {
            seconds: self.0.div_euclid(1_000_000_000),
            nanos: i32::try_from(nanos).unwrap_or_default(),
        }
    }
}

/// When the machine next wants a [`crate::Input::Tick`], and which deadline asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// The earliest deadline.
    pub at: Instant,
    /// Its name, for traces and for finding idle spins.
    pub why: &'static str,
}

impl Wake {
    /// The earlier of two wakes; the first one on a tie.
    pub fn soonest(a: Option<Wake>, b: Option<Wake>) -> Option<Wake> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

/// One deadline. Not `Copy`, so that a deadline can't be lost by changing a copy of it.
#[derive(Debug)]
pub struct Timer {
    name: &'static str,
    at: Option<Instant>,
}

impl Timer {
    /// A timer that is not set; `name` shows in traces.
    pub const fn new(name: &'static str) -> Self {
        Timer { name, at: None }
    }

    /// Sets or moves the deadline.
    pub fn set(&mut self, at: Instant) {
        self.at = Some(at);
    }

    /// Sets the deadline unless one is set already.
    pub fn set_if_idle(&mut self, at: Instant) {
        self.at.get_or_insert(at);
    }

    /// Forgets the deadline.
    pub fn cancel(&mut self) {
        self.at = None;
    }

    /// Whether a deadline is set.
    pub fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// Whether the deadline has come; if so it is cleared, so that it can't fire twice.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let now = if planted!(EarlyTick) { now.after(Duration::from_secs(1)) } else { now };
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = None;
        }
        due
    }

    /// The deadline as a wake.
    pub fn wake(&self) -> Option<Wake> {
        self.at.map(|at| Wake { at, why: self.name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_timer_fires_once() {
        let mut timer = Timer::new("test");
        timer.set(Instant::from_nanos(10));
        assert!(!timer.take_due(Instant::from_nanos(9)));
        assert!(timer.take_due(Instant::from_nanos(10)));
        assert!(!timer.take_due(Instant::from_nanos(11)));
    }

    #[test]
    fn wall_time_before_the_epoch_has_positive_nanos() {
        let t = UnixNanos(-1).timestamp();
        assert_eq!((t.seconds, t.nanos), (-1, 999_999_999));
    }
}
