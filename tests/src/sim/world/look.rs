//! What can be seen of a world, and how its checks see it.

use runwire_core::{Instant, StreamKey, UnixNanos};

use super::{Failure, START, Seen, World};
use crate::check::Moment;
use crate::sim::faults::{Counts, Fault};
use crate::sim::trace::Trace;

impl World {
    /// The wall clock.
    pub fn wall(&self) -> UnixNanos {
        let now = i64::try_from(self.now.nanos()).unwrap_or(i64::MAX);
        UnixNanos(START.0.saturating_add(now).saturating_add(self.skew))
    }

    pub(in crate::sim) fn wall_ms(&self) -> u64 {
        u64::try_from(self.wall().0 / 1_000_000).unwrap_or(0)
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The time since the start.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The first law that was broken.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How often each fault has fired.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The lines so far.
    pub fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    pub(in crate::sim) fn fired(&mut self, fault: Fault) {
        self.counts.fired(fault);
        self.say(&format!("* {fault}"));
    }

    /// Notes that a law is broken; only the first one counts.
    pub(in crate::sim) fn broken(&mut self, law: &'static str, text: String) {
        if self.failure.is_none() {
            self.say(&format!("* {law} is broken: {text}"));
            self.failure = Some(Failure { law, step: self.steps, text });
        }
    }

    pub(in crate::sim) fn line(&mut self, key: StreamKey, text: &str) {
        self.say(&format!("{key} {text}"));
    }

    pub(in crate::sim) fn say(&mut self, text: &str) {
        let line = format!("{} {text}", self.now);
        self.trace.line(line, self.steps >= self.from_step);
    }

    /// Shows checks what happens.
    pub(in crate::sim) fn see(&mut self, seen: Seen<'_>) {
        if self.failure.is_some() {
            return;
        }
        let mut checks = std::mem::take(&mut self.checks);
        let mut broken = None;
        let moment = self.moment();
        for check in &mut checks {
            if let Err(text) = check.see(&moment, &seen) {
                broken = broken.or(Some((check.law(), text)));
            }
        }
        self.checks = checks;
        if let Some((law, text)) = broken {
            self.broken(law, text);
        }
    }

    /// Shows checks the end.
    pub(in crate::sim) fn see_end(&mut self) {
        let mut checks = std::mem::take(&mut self.checks);
        let mut broken = None;
        let moment = self.moment();
        for check in &mut checks {
            if let Err(text) = check.end(&moment) {
                broken = broken.or(Some((check.law(), text)));
            }
        }
        self.checks = checks;
        if let Some((law, text)) = broken {
            self.broken(law, text);
        }
    }

    fn moment(&self) -> Moment<'_> {
        Moment {
            now: self.now,
            life: self.life,
            disk: &self.disk,
            model: &self.model,
            plan: &self.plan,
            counts: &self.counts,
            healed: self.healed,
            open: self.host.as_ref().map_or(0, |host| host.open.len()),
            logs: self.host.as_ref().map(|host| &host.logs),
            remote: &self.remote,
        }
    }
}
