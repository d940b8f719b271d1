//! The run's own record: its init, its start, and later changes of it.

use super::{Action, Cx, Handler, Out};
use crate::{id::Ticket, time::Duration, uplink::UpsertedRun};
use alloc::{format, string::String};
use runwire_proto::wire::{self, error_info::ErrorCode};

/// A first run record that waits for the server's word.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) ticket: Option<Ticket>,
    pub(super) run: wire::RunRecord,
}

impl Handler {
    /// The first run record is answered with the run as it now is; a later one changes it.
    pub(super) fn on_run(&mut self, cx: &mut Cx<'_>, ticket: Option<Ticket>, run: wire::RunRecord, out: &mut Out) {
        self.absorb(&run);
        if let Some(known) = &mut self.run {
            merge(known, run);
            return self.respond(ticket, None, out);
        }
        if let Some(asked) = &mut self.asked {
            merge(&mut asked.run, run);
            return self.respond(ticket, None, out);
        }
        if self.config.is_online() {
            // The server decides what the run is; the answer waits for it.
            self.asked = Some(Asked { ticket, run });
            out.push_back(Action::Hurry);
            return;
        }
        let mut answer = run;
        if let Some(error) = branch(&mut answer) {
            return self.answer_init(ticket, Err(error), out);
        }
        self.settle_run(cx, ticket, answer, out);
    }

    /// The server has taken the run, perhaps under another name, perhaps as one that it knew.
    pub(crate) fn on_upserted(&mut self, cx: &mut Cx<'_>, known: UpsertedRun, out: &mut Out) {
        let Some(Asked { ticket, mut run }) = self.asked.take() else { return };
        if !known.stored_config.is_empty() {
            // It was written by an earlier life of the run; what can't be read stays out.
            let _ = self.run_config.merge_stored(&known.stored_config);
        }
        self.earlier_millis = known.runtime_ms;
        run.runtime = i32::try_from(known.runtime_ms / 1000).unwrap_or(i32::MAX);
        run.storage_id = known.storage_id;
        run.entity = known.place.entity;
        run.project = known.place.project;
        run.run_id = known.place.run_id;
        run.display_name = known.display_name;
        run.sweep_id = known.sweep_id;
        run.tags = known.tags;
        run.notes = known.notes;
        run.resumed = known.resumed;
        run.forked = known.forked;
        run.starting_step = known.starting_step;
        if !known.summary.is_empty() {
            run.summary = Some(wire::SummaryRecord { update: known.summary, ..Default::default() });
        }
        self.settle_run(cx, ticket, run, out);
    }

    /// The server does not take the run.
    pub(crate) fn on_init_failed(&mut self, error: wire::ErrorInfo, out: &mut Out) {
        if let Some(Asked { ticket, .. }) = self.asked.take() {
            self.answer_init(ticket, Err(error), out);
        }
    }

    fn settle_run(&mut self, cx: &mut Cx<'_>, ticket: Option<Ticket>, mut answer: wire::RunRecord, out: &mut Out) {
        self.put_metrics_in_config();
        answer.config = Some(wire::ConfigRecord { update: self.run_config.to_items_wrapped(), ..Default::default() });
        answer.git.get_or_insert_default();
        answer.summary.get_or_insert_default();
        answer.info = None;
        if answer.start_time.is_none() {
            answer.start_time = Some(cx.wall.timestamp());
        }
        self.run = Some(answer.clone());
        self.answer_init(ticket, Ok(answer), out);
    }

    fn answer_init(&self, ticket: Option<Ticket>, outcome: Result<wire::RunRecord, wire::ErrorInfo>, out: &mut Out) {
        let result = match outcome {
            Ok(run) => wire::RunUpdateResult { run: Some(run), error: None },
            Err(error) => wire::RunUpdateResult { run: None, error: Some(error) },
        };
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
        // The record has whole seconds only; what the server told is finer.
        let whole = u64::try_from(run.runtime).unwrap_or_default() * 1000;
        let earlier = if self.earlier_millis / 1000 == whole / 1000 { self.earlier_millis } else { whole };
        self.timer.start(cx.now, Duration::from_millis(earlier));
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
