//! The clock of the core, from the two clocks of a page. Reads neither.

use runwire_core::Instant;
use std::time::Duration;

/// A wall clock that is this far ahead of the other one tells of a sleep; less is a correction.
const SLEEP_MIN_MS: f64 = 2000.0;

/// Monotonic time that goes on while the machine sleeps: `performance.now()` stands still then on some systems.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    monotonic: f64,
    wall: f64,
    slept: f64,
}

impl Clock {
    /// A clock whose origin is now: both times in milliseconds.
    pub fn new(monotonic: f64, wall: f64) -> Self {
        Clock { monotonic, wall, slept: 0.0 }
    }

    /// The time since the origin.
    pub fn at(&mut self, monotonic: f64, wall: f64) -> Instant {
        let run = monotonic - self.monotonic;
        let ahead = wall - self.wall - run;
        if ahead - self.slept > SLEEP_MIN_MS {
            self.slept = ahead;
        }
        Instant::ZERO.after(Duration::from_secs_f64(((run + self.slept) / 1000.0).max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_counts_and_a_corrected_wall_clock_does_not() {
        let mut clock = Clock::new(50.0, 1_000_000.0);
        let millis = |clock: &mut Clock, monotonic, wall| clock.at(monotonic, wall).nanos() / 1_000_000;
        assert_eq!(millis(&mut clock, 150.0, 1_000_100.0), 100);
        assert_eq!(millis(&mut clock, 250.0, 1_001_200.0), 200);
        assert_eq!(millis(&mut clock, 350.0, 4_600_300.0), 3_600_300, "an hour of sleep");
        assert_eq!(millis(&mut clock, 450.0, 4_600_400.0), 3_600_400);
        assert_eq!(millis(&mut clock, 550.0, 10.0), 3_600_500, "a wall clock that was set back");
    }
}
