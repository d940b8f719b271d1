//! The two clocks that the core asks for.

use runwire_core::{Instant, UnixNanos};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The process's monotonic clock, counted from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
}

impl Clock {
    /// A clock whose origin is now.
    pub fn start() -> Self {
        Clock { origin: std::time::Instant::now() }
    }

    /// The time since the origin.
    pub fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// The wall time.
    pub fn wall(&self) -> UnixNanos {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
    }
}
