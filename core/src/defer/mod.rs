//! The machine that ends a run: owns the stage, its deadline, and what went wrong on the way.
//!
//! It does not know what a stage consists of. It says `Action::Flush` and is told the outcome; every stage also ends
//! when its time is over, with a notice that names the condition still open. Hence a lost outcome delays the end of a
//! run by a known time and never hangs it.

mod table;

pub use table::{DeferEvent, DeferState, EVENTS, STATES, condition, dot, is_remote, next};

use crate::{
    limits::Limits,
    time::{Duration, Instant, Timer, Wake},
};
use alloc::collections::VecDeque;

#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Bring about the stage's condition and report with `on_flushed` or `on_failed`.
    Flush(DeferState),
    /// The stage's time is over.
    Stuck(DeferState),
    /// The user's own limit for the end of a run is reached. The stage is cut short next.
    TimeOver(DeferState),
    /// Nothing is waited for any more.
    CutShort(DeferState),
    /// The end is reached.
    Complete { timed_out: bool },
}

#[derive(Debug)]
pub(crate) struct Defer {
    /// There is a server to wait for.
    online: bool,
    state: DeferState,
    timed_out: bool,
    stage_timer: Timer,
    whole_timer: Timer,
}

impl Defer {
    pub(crate) fn new(online: bool) -> Self {
        Defer {
            online,
            state: DeferState::Begin,
            timed_out: false,
            stage_timer: Timer::new("defer.stage"),
            whole_timer: Timer::new("defer.finish_timeout"),
        }
    }

    pub(crate) fn state(&self) -> DeferState {
        self.state
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        Wake::soonest(self.stage_timer.wake(), self.whole_timer.wake())
    }

    pub(crate) fn on_exit_seen(
        &mut self,
        now: Instant,
        limits: &Limits,
        finish_timeout: Option<Duration>,
        out: &mut VecDeque<Action>,
    ) {
        if self.state == DeferState::Begin
            && let Some(bound) = finish_timeout
        {
            self.whole_timer.set(now.after(bound));
        }
        self.step(now, limits, DeferEvent::ExitSeen, out);
    }

    /// The condition of `stage` holds. Told for another stage than the current one, it is late and means nothing.
    pub(crate) fn on_flushed(&mut self, now: Instant, limits: &Limits, stage: DeferState, out: &mut VecDeque<Action>) {
        if stage == self.state {
            self.step(now, limits, DeferEvent::Flushed, out);
        }
    }

    /// The condition of `stage` can't be reached.
    pub(crate) fn on_failed(&mut self, now: Instant, limits: &Limits, stage: DeferState, out: &mut VecDeque<Action>) {
        if stage == self.state {
            self.step(now, limits, DeferEvent::Failed, out);
        }
    }

    /// Something reached the server: the stage that waits for it gets its whole time again.
    pub(crate) fn on_progress(&mut self, now: Instant, limits: &Limits) {
        if self.stage_timer.is_set() && self.waits_for_server(self.state) {
            self.stage_timer.set(now.after(limits.finish_patience));
        }
    }

    /// Somebody wants the end now.
    pub(crate) fn on_cut_short(&mut self, now: Instant, limits: &Limits, out: &mut VecDeque<Action>) {
        if (DeferState::FlushRun..DeferState::End).contains(&self.state) {
            self.timed_out = true;
            out.push_back(Action::CutShort(self.state));
            self.step(now, limits, DeferEvent::CutShort, out);
        }
    }

    pub(crate) fn on_tick(&mut self, now: Instant, limits: &Limits, out: &mut VecDeque<Action>) {
        if self.whole_timer.take_due(now) {
            out.push_back(Action::TimeOver(self.state));
            self.on_cut_short(now, limits, out);
        }
        if self.stage_timer.take_due(now) {
            self.timed_out = true;
            out.push_back(Action::Stuck(self.state));
            self.step(now, limits, DeferEvent::Expired, out);
        }
    }

    fn step(&mut self, now: Instant, limits: &Limits, event: DeferEvent, out: &mut VecDeque<Action>) {
        let Some(to) = next(self.state, event) else { return };
        self.state = to;
        self.stage_timer.cancel();
        if to == DeferState::End {
            self.whole_timer.cancel();
            out.push_back(Action::Complete { timed_out: self.timed_out });
            return;
        }
        let bound = match to {
            DeferState::FlushFinal => limits.final_stage_deadline,
            DeferState::FlushTb => limits.tensorboard_deadline,
            to if self.waits_for_server(to) => limits.finish_patience,
            DeferState::Begin
            | DeferState::FlushRun
            | DeferState::FlushStats
            | DeferState::FlushPartialHistory
            | DeferState::FlushSum
            | DeferState::FlushDebouncer
            | DeferState::FlushOutput
            | DeferState::FlushJob
            | DeferState::FlushDir
            | DeferState::FlushFp
            | DeferState::JoinFp
            | DeferState::FlushFs
            | DeferState::End => limits.stage_deadline,
        };
        self.stage_timer.set(now.after(bound));
        out.push_back(Action::Flush(to));
    }

    fn waits_for_server(&self, stage: DeferState) -> bool {
        self.online && is_remote(stage)
    }
}

#[cfg(test)]
mod tests;
