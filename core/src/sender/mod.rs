//! What the records of a run's log mean for its server: the run's own record, its rows, summary, console lines, alerts.
//!
//! It is fed the records of one log in their order, in a live run a moment after they were stored, in `sync` from the
//! start of the file. Everything it knows comes from them, from settings, and from the server's answers; so both ways
//! give the same uploads. It must not know offsets of lines beyond their base, pushes, files on the disk, or clients.
//!
//! - [`setup`]: the run's first upsert and what comes before it; [`resumed`] reads what the server has of an old run.
//! - [`updates`]: later upserts. [`alerts`], [`lines`]: wishes of their own, which hold up nothing else.
//! - [`records`]: one place for what each record means; [`measured`]: measurements and the summary.
//! - [`steps`]: the `_step` that rows are uploaded with.
//!
//! Differences to the official client, on purpose: a failed update is sent again with the next change and at the end, and
//! if that fails the user is told; an old run whose state is damaged is resumed with what can be read if the setting is
//! `allow`; alerts hold up nothing; console lines keep the time at which they were printed, in `sync` too; `sync` keeps
//! the recorded program and the writer's id of the environment, sends no alert twice, and keeps its offsets.

mod action;
mod alerts;
mod known;
mod lines;
mod measured;
mod query;
mod records;
mod resumed;
mod setup;
mod steps;
mod updates;

#[cfg(test)]
mod tests;

pub(crate) use action::{Action, Mode, Operation, Out, Restored, Tag, Trouble, UpsertedRun};

use crate::{
    config::Config as RunConfig,
    metrics::Metrics,
    net::{Call, Outcome, Policies},
    rng::Rng,
    settings::Config,
    time::{Instant, Wake},
    uplink::Cx,
};
use alloc::{
    boxed::Box,
    collections::{BTreeSet, VecDeque},
    string::{String, ToString},
    vec::Vec,
};
use runwire_proto::wire;

/// Refusals that are kept for a client that asks for them.
const RESPONSES_MAX: usize = 16;
/// Bytes of a refusal's body that are kept.
const RESPONSE_BYTES_MAX: usize = 1024;

#[derive(Debug)]
enum State {
    /// No run record yet.
    Waiting,
    Setup(Box<setup::Setup>),
    Running,
    /// The run could not be set up, or everything was given up.
    Failed,
}

/// See the module.
pub(crate) struct Sender {
    settings: Config,
    mode: Mode,
    policies: Policies,
    state: State,
    setup_since: Instant,
    earlier: Option<Restored>,
    known: known::Known,
    facts: setup::Facts,
    server_display_name: String,
    logged_program: String,
    writer_id: String,
    ids: Rng,
    config: RunConfig,
    metrics: Metrics,
    lines: lines::ConsoleLines,
    steps: steps::Steps,
    updates: updates::Updates,
    alerts: alerts::Alerts,
    /// The last row or measurement; reused.
    line: String,
    first_stats: Option<f64>,
    has_summary: bool,
    summary_told: bool,
    left_out_told: BTreeSet<String>,
    exited: bool,
    late_told: bool,
    flushing: bool,
    flush_told: bool,
    responses: VecDeque<wire::HttpResponse>,
}

impl Sender {
    /// A sender that has read nothing. `config` is the run's; in `sync` that of whoever syncs.
    pub(crate) fn new(config: &Config, mode: Mode, seed: u64) -> Self {
        let mut ids = Rng::new(seed);
        let mut run_config = RunConfig::new();
        if matches!(mode, Mode::Sync(_)) {
            let feature = wire::Feature { sync2: true, ..Default::default() };
            run_config.merge_telemetry(&wire::TelemetryRecord { feature: Some(feature), ..Default::default() });
        }
        Sender {
            mode,
            policies: Policies::new(&config.settings),
            state: State::Waiting,
            setup_since: Instant::ZERO,
            earlier: None,
            known: known::Known::default(),
            facts: setup::Facts::default(),
            server_display_name: String::new(),
            logged_program: String::new(),
            writer_id: String::new(),
            config: run_config,
            metrics: Metrics::new(ids.next_u64()).server_side_summary(config.server_side_summary()),
            ids,
            lines: lines::ConsoleLines::new(config),
            steps: steps::Steps::default(),
            updates: updates::Updates::default(),
            alerts: alerts::Alerts::default(),
            line: String::new(),
            first_stats: None,
            has_summary: false,
            summary_told: false,
            left_out_told: BTreeSet::new(),
            exited: false,
            late_told: false,
            flushing: false,
            flush_told: false,
            responses: VecDeque::new(),
            settings: config.clone(),
        }
    }

    /// An earlier life of this upload: the server is not asked again, and offsets stay as they were. To be called before
    /// the first record.
    pub(crate) fn restore(&mut self, earlier: Restored) {
        self.earlier = Some(earlier);
    }

    /// Whether records are taken: not while the run is being set up, because they depend on how that ends.
    pub(crate) fn wants_records(&self) -> bool {
        !matches!(self.state, State::Setup(_))
    }

    /// Whether a run record was read.
    pub(crate) fn has_run(&self) -> bool {
        !matches!(self.state, State::Waiting)
    }

    /// The line of the last [`Action::History`] or [`Action::Event`], until the next record.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The outcome of a request.
    pub(crate) fn on_http(&mut self, cx: &mut Cx<'_>, tag: Tag, outcome: Outcome, out: &mut Out) {
        self.note_response(&outcome);
        match tag {
            Tag::Setup => self.on_setup(cx, outcome, out),
            Tag::Update => self.on_update(cx, outcome, out),
            Tag::Features => self.on_features(cx, outcome, out),
            Tag::Alert(number) => self.on_alert_answer(cx, number, outcome, out),
        }
    }

    /// A deadline of [`Sender::wake`] has come.
    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        self.tick_setup(cx.now, out);
        self.tick_updates(cx, out);
        self.tick_alerts(cx.now, out);
        self.tick_lines(cx.now, out);
    }

    /// There is no more to read for now: what is collected goes out.
    pub(crate) fn on_idle(&mut self, out: &mut Out) {
        self.take_lines(out);
    }

    /// Everything that is to be read was read: what is collected goes out at once. [`Action::FlushDone`] follows.
    pub(crate) fn on_flush(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        self.flushing = true;
        self.flush_told = false;
        self.flush(cx, out);
    }

    /// The run ends and waits for the server to take it.
    pub(crate) fn hurry_setup(&mut self, cx: &mut Cx<'_>) {
        if let State::Setup(setup) = &mut self.state {
            setup.call.hurry(cx.now);
        }
    }

    /// The time is over: nothing more is sent, outstanding requests are the owner's to cancel.
    pub(crate) fn abandon(&mut self, out: &mut Out) {
        if let State::Setup(_) = self.state {
            let message = "The run was given up before the server had set it up.".into();
            let code = wire::error_info::ErrorCode::Communication.into();
            out.push_back(Action::InitFailed(wire::ErrorInfo { message, code }));
        }
        self.state = State::Failed;
        self.updates = updates::Updates::default();
        self.alerts.clear();
        self.lines.query = None;
        self.lines.hold.cancel();
        self.lines.group.cancel();
        self.check_flushed(out);
    }

    /// When [`Sender::on_tick`] is next wanted.
    pub(crate) fn wake(&self) -> Option<Wake> {
        let deadline = if let State::Setup(setup) = &self.state { setup.deadline.wake() } else { None };
        let update = if self.updates.flight.is_none() { self.updates.timer.wake() } else { None };
        let timers = [deadline, update, self.lines.hold.wake(), self.lines.group.wake()];
        timers.into_iter().chain(self.calls().map(Call::wake)).fold(None, Wake::soonest)
    }

    /// What is under way and of interest to the user.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let operation = |desc: &str, since, call: Option<&Call>| Operation {
            desc: desc.to_string(),
            since,
            error_status: call.and_then(Call::trouble).map(action::retrying).unwrap_or_default(),
        };
        let mut operations = Vec::new();
        if let State::Setup(setup) = &self.state {
            operations.push(operation("setting up run ID", setup.since, Some(&setup.call)));
        }
        if let Some(flight) = &self.updates.flight {
            operations.push(operation("updating run metadata", flight.since, Some(&flight.call)));
        }
        operations
    }

    /// What keeps the sender from its server; `None` if nothing does.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.calls().find_map(|call| Some((action::retrying(call.trouble()?), call.next_try())))
    }

    /// Refusals since the last call, the newest few.
    pub(crate) fn responses(&mut self) -> Vec<wire::HttpResponse> {
        self.responses.drain(..).collect()
    }

    /// Log offset of the oldest alert that the server has not taken yet: what is remembered as delivered must not be
    /// beyond it.
    pub(crate) fn undelivered_mark(&self) -> Option<u64> {
        self.alerts.oldest_mark()
    }

    /// The file `config.yaml`.
    pub(crate) fn config_yaml(&mut self) -> String {
        self.put_metrics_in_config();
        self.config.to_yaml()
    }

    fn config_json(&mut self) -> String {
        self.put_metrics_in_config();
        self.config.to_json()
    }

    fn put_metrics_in_config(&mut self) {
        let put = self.config.set_metrics(&self.metrics.config_m());
        debug_assert!(put.is_ok(), "the list of metrics is JSON");
    }

    /// The run is set up: whatever waited for that.
    fn on_running(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        self.start_lines(cx, out);
        self.send_alerts(cx, out);
        if self.flushing {
            self.flush(cx, out);
        }
    }

    fn flush(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        if matches!(self.state, State::Running) {
            self.take_lines(out);
            self.flush_lines(out);
            self.hurry_update(cx, out);
        }
        self.check_flushed(out);
    }

    fn check_flushed(&mut self, out: &mut Out) {
        let done = match self.state {
            State::Setup(_) => false,
            State::Waiting | State::Failed => true,
            State::Running => {
                self.updates.flight.is_none()
                    && !self.updates.dirty.any()
                    && self.alerts.is_empty()
                    && !self.lines.is_held()
            }
        };
        if self.flushing && done && !core::mem::replace(&mut self.flush_told, true) {
            out.push_back(Action::FlushDone);
        }
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        let setup = if let State::Setup(setup) = &self.state { Some(&setup.call) } else { None };
        let update = self.updates.flight.as_ref().map(|flight| &flight.call);
        setup.into_iter().chain(update).chain(self.lines.query.as_ref()).chain(self.alerts.calls())
    }

    fn note_response(&mut self, outcome: &Outcome) {
        let Ok(response) = outcome else { return };
        if response.is_success() {
            return;
        }
        let body = &response.body[..response.body.len().min(RESPONSE_BYTES_MAX)];
        if self.responses.len() == RESPONSES_MAX {
            self.responses.pop_front();
        }
        self.responses.push_back(wire::HttpResponse {
            http_status_code: response.status.into(),
            http_response_text: String::from_utf8_lossy(body).into_owned(),
        });
    }
}
