//! The open row and the step: what `run.log` does (`PartialHistoryRequest`).

use super::{Action, Cx, Handler, Out, field};
use crate::{
    metrics::{Item, ItemValue},
    notice::Notice,
};
use alloc::{format, string::String};
use runwire_proto::peek::{self, PartialHistory};

/// The step of the next row and what was refused because of it.
#[derive(Debug, Default)]
pub(super) struct Steps {
    next: i64,
    started: bool,
    behind: u64,
}

/// Messages about rows behind the step: each of the first few, then at powers of ten, with the total at the end.
const TOLD_ONE_BY_ONE: u64 = 10;

impl Steps {
    pub(super) fn rows_behind(&self) -> u64 {
        self.behind
    }

    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// The first row of a run starts at the step which the run was started with.
    pub(super) fn begin(&mut self, starting_step: i64) {
        if !self.started {
            self.started = true;
            self.next = starting_step;
        }
    }

    /// A row was taken.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    fn behind_is_told(&self) -> bool {
        self.behind <= TOLD_ONE_BY_ONE || self.behind.ilog10() != (self.behind - 1).ilog10()
    }
}

impl Handler {
    /// A part of a row. `body` is a serialised `PartialHistoryRequest`.
    pub(super) fn on_partial_history(
        &mut self,
        cx: &mut Cx<'_>,
        body: &[u8],
        out: &mut Out,
    ) -> Result<(), peek::PeekError> {
        let part = PartialHistory::new(body)?;
        let starting_step = self.started.as_ref().map_or(0, |run| run.starting_step);
        self.steps.begin(starting_step);
        let shared = self.config.shared();
        let step = if shared { None } else { part.step };
        if let Some(step) = step {
            if step < self.steps.next {
                self.refuse_row(cx, step, out);
                return Ok(());
            }
            if step > self.steps.next {
                self.commit_row(cx, out);
                self.steps.next = step;
            }
        }
        let flush = part.flush;
        for item in part {
            let item = item?;
            let value = ItemValue::scanned(&item);
            if let Err(error) = self.metrics.merge(Item { key: item.key, nested: item.nested, value }) {
                self.bad_values += 1;
                out.push_back(Action::Notice(Notice::error(format!("a value of a row was left out: {error}"))));
            }
        }
        let flush = flush.unwrap_or(step.is_none());
        if flush {
            self.commit_row(cx, out);
            // An empty row takes a step as well: the client has counted it.
            self.steps.advance();
        }
        Ok(())
    }

    /// Makes the open row a record, if there is anything in it.
    pub(super) fn commit_row(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        if self.metrics.pending() == 0 {
            return;
        }
        let elapsed = self.timer.elapsed(cx.now);
        let step = (!self.config.shared()).then_some(self.steps.next);
        let mut body = self.buffer();
        let stamp = crate::metrics::Stamp { step, runtime_micros: elapsed.as_micros() as u64 };
        if self.metrics.commit(stamp, self.config.typed_history(), &mut body) {
            out.push_back(Action::PersistMade(field::HISTORY, body));
        } else {
            self.recycle(body);
        }
        self.mark_summary(cx);
    }

    /// Lets a checkpoint follow, at most one per interval.
    pub(super) fn mark_summary(&mut self, cx: &Cx<'_>) {
        if self.metrics.dirty() {
            self.checkpoint_timer.set_if_idle(cx.now.after(cx.limits.checkpoint_interval));
        }
    }

    /// Stores what has changed in the summary since the last checkpoint.
    pub(super) fn checkpoint(&mut self, out: &mut Out) {
        self.checkpoint_timer.cancel();
        let mut body = self.buffer();
        if self.metrics.checkpoint(&mut body) {
            out.push_back(Action::PersistMade(field::SUMMARY, body));
        } else {
            self.recycle(body);
        }
    }

    fn refuse_row(&mut self, cx: &Cx<'_>, step: i64, out: &mut Out) {
        self.steps.behind += 1;
        if !self.steps.behind_is_told() {
            return;
        }
        let so_far = match self.steps.behind {
            0..=TOLD_ONE_BY_ONE => String::new(),
            count => format!(" {count} rows have been refused for this reason."),
        };
        let text = format!(
            "This row was not logged: its step {step} is behind the run's current step {}, and steps only go up.{so_far} \
             To plot against an axis of your own, log it as a value and name it with define_metric.",
            self.steps.next
        );
        self.tell_user(text, cx.limits, out);
    }
}
