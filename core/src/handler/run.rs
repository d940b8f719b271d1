//! The run's own record: its init, its start, and later changes of it.

use super::{Action, Cx, Handler, Out};
use crate::{id::Ticket, time::Duration};
use alloc::{format, string::String};
use runwire_proto::wire::{self, error_info::ErrorCode};

impl Handler {
    /// The first run record is answered with the run as it now is; a later one changes it.
    pub(super) fn on_run(&mut self, cx: &mut Cx<'_>, ticket: Option<Ticket>, run: wire::RunRecord, out: &mut Out) {
        self.absorb(&run);
        if let Some(known) = &mut self.run {
            merge(known, run);
            return self.respond(ticket, None, out);
        }
        let mut answer = run;
        if let Some(error) = branch(&mut answer) {
            let result = wire::RunUpdateResult { run: None, error: Some(error) };
            return self.answer(ticket, wire::result::ResultType::RunResult(result), out);
        }
        self.put_metrics_in_config();
        answer.config = Some(wire::ConfigRecord { update: self.run_config.to_items_wrapped(), ..Default::default() });
        answer.git.get_or_insert_default();
        answer.summary.get_or_insert_default();
        answer.info = None;
        if answer.start_time.is_none() {
            answer.start_time = Some(cx.wall.timestamp());
        }
        self.run = Some(answer.clone());
        let result = wire::RunUpdateResult { run: Some(answer), error: None };
        self.answer(ticket, wire::result::ResultType::RunResult(result), out);
    }

    /// Starts the clock and whatever watches the run.
    pub(super) fn on_run_start(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Option<Ticket>,
        start: wire::RunStartRequest,
        out: &mut Out,
    ) {
        let first = self.started.is_none();
        let run = start.run.or_else(|| self.run.clone()).unwrap_or_default();
        self.timer.start(cx.now, Duration::from_secs(u64::try_from(run.runtime).unwrap_or_default()));
        self.started = Some(run);
        self.stats.start(cx.now);
        let code = self.config.settings.save_code.unwrap_or(false);
        if first && code && self.config.machine_info() && self.config.primary() {
            out.push_back(Action::SaveCode);
        }
        self.respond(ticket, None, out);
    }

    pub(super) fn put_metrics_in_config(&mut self) {
        let put = self.run_config.set_metrics(&self.metrics.config_m());
        debug_assert!(put.is_ok(), "the list of metrics is JSON");
    }

    fn absorb(&mut self, run: &wire::RunRecord) {
        if let Some(telemetry) = &run.telemetry {
            self.run_config.merge_telemetry(telemetry);
        }
        if let Some(config) = &run.config {
            // A bad item of a run's first config is skipped like any other; the rest applies.
            let _ = self.run_config.apply(config);
        }
    }
}

/// Offline, a fork or a rewind only sets where the steps start. Returns what is wrong with it.
fn branch(run: &mut wire::RunRecord) -> Option<wire::ErrorInfo> {
    let point = run.branch_point.as_ref()?;
    if point.metric != "_step" {
        let verb = if point.run == run.run_id { "rewound" } else { "forked" };
        return Some(wire::ErrorInfo {
            message: format!("a run can only be {verb} at a `_step`, not at `{}`", point.metric),
            code: ErrorCode::Unsupported.into(),
        });
    }
    // `f64::floor` needs std; a cast truncates, and steps are never negative.
    run.starting_step = (point.value.max(0.0) as i64).saturating_add(1);
    run.forked = true;
    None
}

/// Only what is set overwrites; an empty list does not clear.
fn merge(known: &mut wire::RunRecord, update: wire::RunRecord) {
    let set = |to: &mut String, from: String| {
        if !from.is_empty() {
            *to = from;
        }
    };
    set(&mut known.display_name, update.display_name);
    set(&mut known.notes, update.notes);
    set(&mut known.run_group, update.run_group);
    set(&mut known.job_type, update.job_type);
    set(&mut known.sweep_id, update.sweep_id);
    set(&mut known.host, update.host);
    if !update.tags.is_empty() {
        known.tags = update.tags;
    }
    if update.git.is_some() {
        known.git = update.git;
    }
}
