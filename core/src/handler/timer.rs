//! The run's own stopwatch: what `_runtime` shows.

use crate::time::{Duration, Instant};

/// Runs from the start of the run to its exit and stands still while a notebook is paused.
#[derive(Debug, Default)]
pub(super) struct RunTimer {
    before: Duration,
    running_since: Option<Instant>,
    started: bool,
}

impl RunTimer {
    /// Starts (again), with what earlier parts of the run took.
    pub(super) fn start(&mut self, now: Instant, earlier: Duration) {
        *self = RunTimer { before: earlier, running_since: Some(now), started: true };
    }

    pub(super) fn pause(&mut self, now: Instant) {
        self.before = self.elapsed(now);
        self.running_since = None;
    }

    pub(super) fn resume(&mut self, now: Instant) {
        if self.started {
            self.running_since.get_or_insert(now);
        }
    }

    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        self.before + self.running_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_count() {
        let at = |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000);
        let mut timer = RunTimer::default();
        timer.resume(at(1));
        assert_eq!(timer.elapsed(at(5)), Duration::ZERO, "not started yet");
        timer.start(at(5), Duration::from_secs(2));
        timer.pause(at(8));
        timer.resume(at(20));
        assert_eq!(timer.elapsed(at(21)), Duration::from_secs(6));
    }
}
