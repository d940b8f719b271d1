//! When a push may leave.

use super::answer::Answer;
use crate::time::{Duration, Instant};
use runwire_proto::wire::Settings;

/// The server takes a run that says nothing for this long as still alive.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Data waits this long for what comes with it: a row and its summary are one push.
const GATHER: Duration = Duration::from_millis(20);
/// Interval of a young run and of an old one, when the user has no wish.
const QUICK: Duration = Duration::from_secs(1);
const CALM: Duration = Duration::from_secs(15);
/// The interval is this part of the run's age.
const PART_OF_AGE: u32 = 60;

#[derive(Debug)]
pub(super) struct Pace {
    /// The user's interval, to be kept exactly.
    wish: Option<Duration>,
    /// The server's own interval and its lower bound.
    server: Option<Duration>,
    server_min: Duration,
    /// Nothing but what can't wait goes before the first, nothing at all before the second.
    not_before: Instant,
    never_before: Instant,
    born: Instant,
    last: Option<Instant>,
    /// When the first data came that is in no push yet.
    data_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(settings: &Settings) -> Self {
        let wish = settings.x_file_stream_transmit_interval.filter(|s| *s > 0.0 && s.is_finite());
        Pace {
            wish: wish.map(|s| Duration::from_secs_f64(s.min(1e9))),
            server: None,
            server_min: Duration::ZERO,
            not_before: Instant::ZERO,
            never_before: Instant::ZERO,
            born: Instant::ZERO,
            last: None,
            data_since: None,
        }
    }

    pub(super) fn on_start(&mut self, now: Instant) {
        self.born = now;
    }

    pub(super) fn on_data(&mut self, now: Instant) {
        self.data_since.get_or_insert(now);
    }

    /// There was nothing to send after all.
    pub(super) fn on_nothing(&mut self) {
        self.data_since = None;
    }

    /// A request leaves. `rest`: data stays behind.
    pub(super) fn on_push(&mut self, now: Instant, rest: bool) {
        self.last = Some(now);
        self.data_since = rest.then_some(now);
    }

    pub(super) fn on_answer(&mut self, now: Instant, answer: &Answer) {
        self.server = answer.interval.or(self.server);
        self.server_min = answer.interval_min.unwrap_or(self.server_min);
        if let Some(spacing) = answer.spacing {
            let at = self.last.unwrap_or(now).after(spacing.wait);
            self.not_before = at;
            if spacing.spent {
                self.never_before = now.after(spacing.wait);
            }
        }
    }

    /// When ordinary data may leave.
    pub(super) fn data_due(&self) -> Instant {
        let gathered = self.data_since.unwrap_or_default().after(GATHER);
        match self.last {
            None => gathered.max(self.not_before).max(self.never_before),
            Some(last) => gathered.max(last.after(self.interval(last))).max(self.full_due()),
        }
    }

    /// When data may leave that is more than should wait.
    pub(super) fn full_due(&self) -> Instant {
        self.not_before.max(self.never_before)
    }

    /// When something may leave that can't wait.
    pub(super) fn urgent_due(&self) -> Instant {
        self.never_before
    }

    pub(super) fn heartbeat_due(&self) -> Instant {
        let interval = if planted!(NoHeartbeat) { HEARTBEAT * 1000 } else { HEARTBEAT };
        self.last.unwrap_or(self.born).after(interval).max(self.never_before)
    }

    fn interval(&self, now: Instant) -> Duration {
        if let Some(wish) = self.wish {
            return wish;
        }
        let age = now.since(self.born);
        self.server.unwrap_or_else(|| (age / PART_OF_AGE).clamp(QUICK, CALM)).max(self.server_min)
    }
}
