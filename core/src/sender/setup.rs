//! Setting a run up: the question whether it exists, a rewind, the first upsert, and what clients are told of it.

use super::{
    Sender, State,
    action::{Action, Mode, Out, Restored, Tag, UpsertedRun},
    known::Known,
    query::{self, Parts, text_at},
    resumed::{self, Resumed},
};
use crate::{
    net::{Call, CallError, Class, HttpRequest, HttpResponse, Outcome, Purpose, Step, graphql},
    notice::Notice,
    settings::text,
    time::{Duration, Instant, Timer},
    uplink::{Cx, Offsets},
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use runwire_proto::wire::{self, error_info::ErrorCode};
use serde_json::{Value, json};

/// Bound of the whole setup unless the user sets one.
const TIMEOUT: Duration = Duration::from_secs(90);

/// What the setup is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Resume(Wish),
    Rewind,
    Upsert,
}

/// The setting `resume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Never,
    Allow,
    Must,
}

/// A setup under way.
#[derive(Debug)]
pub(super) struct Setup {
    stage: Stage,
    pub(super) call: Call,
    pub(super) since: Instant,
    pub(super) deadline: Timer,
}

/// What is known of the run besides its record: from an earlier life, the answer about an old run, or the branch point.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) base: Offsets,
    pub(super) starting_step: i64,
    pub(super) runtime_ms: u64,
    pub(super) storage_id: String,
    pub(super) stored_config: String,
    pub(super) summary: alloc::vec::Vec<wire::SummaryItem>,
    pub(super) resumed: bool,
    pub(super) forked: bool,
    /// The server is known to have this run: rows that it has are no surprise.
    pub(super) expected: bool,
    pub(super) restored: bool,
}

impl Sender {
    /// The first run record.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, mut run: wire::RunRecord, out: &mut Out) {
        self.drop_bad_tags(&mut run, out);
        self.absorb(&run, out);
        let settings = &self.settings.settings;
        let wish = match (&self.mode, text(&settings.resume)) {
            // Offline nobody could be asked, so the log holds only the wish.
            (Mode::Sync(_), _) => run.resume.then_some(Wish::Allow),
            (Mode::Live, "never") => Some(Wish::Never),
            (Mode::Live, "must") => Some(Wish::Must),
            (Mode::Live, "allow" | "auto") => Some(Wish::Allow),
            (Mode::Live, _) => run.resume.then_some(Wish::Allow),
        };
        self.known = Known::new(run, &self.mode, text(&settings.entity), text(&settings.project));
        self.setup_since = cx.now;
        if let Some(earlier) = self.earlier.clone() {
            self.take_up(earlier);
            return self.first_upsert(cx, out);
        }
        match wish {
            Some(wish) => {
                let place = &self.known.place;
                let variables = json!({
                    "project": query::set(&place.project),
                    "entity": query::set(&place.entity),
                    "name": place.run_id,
                });
                self.ask(cx, Stage::Resume(wish), Purpose::ResumeStatus, &query::RESUME, &variables.to_string(), out);
            }
            None => self.branch(cx, out),
        }
    }

    /// The outcome of an attempt of the setup.
    pub(super) fn on_setup(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut Out) {
        let State::Setup(setup) = &mut self.state else { return };
        let stage = setup.stage;
        match setup.call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => {}
            Step::Done(response) => self.advance(cx, stage, &response, out),
            Step::Failed(error) => {
                let reason = reason(&error);
                let (_, message) = explain(stage, &self.known.place.run_id, &reason);
                self.fail(ErrorCode::Communication, message, out);
            }
        }
    }

    /// Deadlines of the setup.
    pub(super) fn tick_setup(&mut self, now: Instant, out: &mut Out) {
        let State::Setup(setup) = &mut self.state else { return };
        if setup.deadline.take_due(now) {
            let why = match setup.call.trouble() {
                Some(error) => format!("Timed out while retrying: {error}"),
                None => "Timed out initializing run: the server has not answered".into(),
            };
            let hint = "Consider increasing the init_timeout setting:\n  \
                        wandb.init(settings=wandb.Settings(init_timeout=...))";
            return self.fail(ErrorCode::Communication, format!("{why}\n{hint}"), out);
        }
        if let Some(request) = setup.call.on_tick(now) {
            out.push_back(Action::Http(Tag::Setup, request));
        }
    }

    fn ask(
        &mut self,
        cx: &Cx<'_>,
        stage: Stage,
        purpose: Purpose,
        operation: &query::Operation,
        variables: &str,
        out: &mut Out,
    ) {
        let request = cx.link.graphql(purpose, operation.name, operation.text, variables);
        let class = if stage == Stage::Upsert { Class::Upsert } else { Class::Graphql };
        let mut call = Call::new(request, class, &self.policies.graphql);
        let first: HttpRequest = call.start();
        let wanted = self.settings.settings.init_timeout.filter(|seconds| *seconds > 0.0 && seconds.is_finite());
        let timeout = wanted.map_or(TIMEOUT, |seconds| Duration::from_secs_f64(seconds.min(1e9)));
        let mut deadline = Timer::new("sender.init_timeout");
        deadline.set(self.setup_since.after(timeout));
        self.state = State::Setup(Box::new(Setup { stage, call, since: self.setup_since, deadline }));
        out.push_back(Action::Http(Tag::Setup, first));
    }

    fn advance(&mut self, cx: &mut Cx<'_>, stage: Stage, response: &HttpResponse, out: &mut Out) {
        let data = match graphql::data(response) {
            Ok(data) => data,
            Err(error) => {
                let (code, message) = explain(stage, &self.known.place.run_id, &error);
                return self.fail(code, message, out);
            }
        };
        match stage {
            Stage::Resume(wish) => self.on_resume_status(cx, wish, resumed::read(&data), out),
            Stage::Rewind => self.on_rewound(cx, &data, out),
            Stage::Upsert => self.on_upserted(&data, cx, out),
        }
    }

    fn on_resume_status(&mut self, cx: &mut Cx<'_>, wish: Wish, found: Option<Resumed>, out: &mut Out) {
        let id = &self.known.place.run_id;
        let resumed = match (found, wish) {
            (None, Wish::Must) => {
                let message = format!(
                    "Run ({id}) does not exist or has not been initialized, but your `resume` setting requires an \
                     existing run to resume. Verify the run ID is correct. If you are starting a new run, omit `resume` \
                     in wandb.init() or set `resume` or `WANDB_RESUME` to `allow` or `never`."
                );
                return self.fail(ErrorCode::Usage, message, out);
            }
            (Some(_), Wish::Never) => {
                let message = format!(
                    "Run ({id}) already exists, but your `resume` setting does not allow resuming an existing run. \
                     Verify the run ID is correct. To resume this run, set `resume` in wandb.init() or `WANDB_RESUME` to \
                     `allow` or `must`. To start a new run, use a different run ID."
                );
                return self.fail(ErrorCode::Usage, message, out);
            }
            (None, Wish::Never | Wish::Allow) => return self.branch(cx, out),
            (Some(resumed), Wish::Must | Wish::Allow) => resumed,
        };
        if let Some(first) = resumed.damage.first() {
            if wish == Wish::Must {
                return self.fail(ErrorCode::Unknown, format!("Error initializing run: {first}"), out);
            }
            out.push_back(Action::TellUser(format!(
                "Run {id} is resumed, but not all of its old state could be read: {}. It goes on at step {} with what \
                 was readable. To be sure that nothing is missing, start a new run.",
                resumed.damage.join("; "),
                resumed.starting_step
            )));
        }
        self.merge_stored(&resumed.config, out);
        let run = &mut self.known.run;
        if run.tags.is_empty() {
            run.tags = resumed.tags;
        }
        if run.notes.is_empty() {
            run.notes = resumed.notes;
        }
        self.facts = Facts {
            base: resumed.base,
            starting_step: resumed.starting_step,
            runtime_ms: resumed.runtime_ms,
            storage_id: resumed.storage_id,
            stored_config: resumed.config,
            summary: resumed.summary,
            resumed: true,
            // A count that is missing here comes with the upsert.
            expected: !resumed.rows_unknown,
            ..Facts::default()
        };
        self.first_upsert(cx, out);
    }

    /// A fork asks nothing; a rewind does; anything else is a plain start.
    fn branch(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        let Some(point) = self.known.run.branch_point.clone() else { return self.first_upsert(cx, out) };
        // A log that is synced under another id begins a run there, as a fork would.
        let own = point.run == self.known.place.run_id;
        if point.metric != "_step" {
            let verb = if own { "rewind" } else { "fork_from" };
            let message = format!("{verb} only supports `_step` metric name currently");
            return self.fail(ErrorCode::Unsupported, message, out);
        }
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        let at = point.value.max(0.0) as i64;
        self.facts = Facts { starting_step: at.saturating_add(1), forked: true, ..Facts::default() };
        if !own {
            return self.first_upsert(cx, out);
        }
        let place = &self.known.place;
        let variables = json!({
            "runName": place.run_id,
            "entity": query::set(&place.entity),
            "project": query::set(&place.project),
            "metricName": point.metric,
            "metricValue": query::number(point.value),
        });
        self.ask(cx, Stage::Rewind, Purpose::Rewind, &query::REWIND, &variables.to_string(), out);
    }

    fn on_rewound(&mut self, cx: &mut Cx<'_>, data: &Value, out: &mut Out) {
        let Some(run) = data.pointer("/rewindRun/rewoundRun").filter(|run| run.is_object()) else {
            return self.fail(ErrorCode::Communication, "failed to rewind run: run not found".into(), out);
        };
        self.take_names(run);
        let display_name = text_at(run, "/displayName");
        if !display_name.is_empty() {
            self.known.run.display_name = display_name.into();
        }
        let sweep = text_at(run, "/sweepName");
        if !sweep.is_empty() {
            self.known.run.sweep_id = sweep.into();
        }
        let stored = text_at(run, "/config");
        self.merge_stored(stored, out);
        self.facts.stored_config = stored.into();
        self.facts.storage_id = text_at(run, "/id").into();
        self.facts.base.history = run.get("historyLineCount").and_then(Value::as_u64).unwrap_or_default();
        self.facts.expected = true;
        self.first_upsert(cx, out);
    }

    fn first_upsert(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        let all = Parts { params: true, config: true };
        let storage_id = self.facts.storage_id.clone();
        let variables = self.upsert_variables(all, &storage_id, self.facts.resumed);
        self.ask(cx, Stage::Upsert, Purpose::UpsertRun, &query::UPSERT, &variables, out);
    }

    fn on_upserted(&mut self, data: &Value, cx: &mut Cx<'_>, out: &mut Out) {
        match data.pointer("/upsertBucket/bucket").filter(|bucket| bucket.is_object()) {
            Some(bucket) => self.take_bucket(bucket, out),
            None => out.push_back(Action::Notice(Notice::warn(
                "the server took the run but did not say where it is; the names that were asked for are used",
            ))),
        }
        let Facts { base, starting_step, runtime_ms, storage_id, stored_config, restored, .. } = self.facts.clone();
        self.steps.start(starting_step);
        let place = self.known.place.clone();
        let run = &self.known.run;
        out.push_back(Action::Upserted(Box::new(UpsertedRun {
            storage_id: storage_id.clone(),
            place: place.clone(),
            display_name: if run.display_name.is_empty() { &self.server_display_name } else { &run.display_name }
                .clone(),
            sweep_id: run.sweep_id.clone(),
            resumed: self.facts.resumed,
            forked: self.facts.forked,
            starting_step,
            runtime_ms,
            tags: run.tags.clone(),
            notes: run.notes.clone(),
            summary: core::mem::take(&mut self.facts.summary),
            config: self.config.to_items_wrapped(),
            stored_config: stored_config.clone(),
        })));
        if !restored {
            out.push_back(Action::Remember(Box::new(Restored {
                base,
                starting_step,
                starting_runtime_ms: runtime_ms,
                storage_id,
                place: place.clone(),
                stored_config,
                mark: 0,
            })));
        }
        self.state = State::Running;
        out.push_back(Action::Start { place, base });
        self.on_running(cx, out);
    }

    fn take_bucket(&mut self, bucket: &Value, out: &mut Out) {
        self.take_names(bucket);
        let get = |pointer| String::from(text_at(bucket, pointer));
        let (id, display_name, sweep) = (get("/id"), get("/displayName"), get("/sweepName"));
        if !id.is_empty() {
            self.facts.storage_id = id;
        }
        // What the server calls a run that the user gave no name; never told back to it as the user's wish.
        if self.known.run.display_name.is_empty() {
            self.server_display_name = display_name;
        }
        if self.known.run.sweep_id.is_empty() {
            self.known.run.sweep_id = sweep;
        }
        let there = bucket.get("historyLineCount").and_then(Value::as_u64).unwrap_or_default();
        if there == 0 || self.facts.restored || self.facts.expected {
            return;
        }
        self.facts.base.history = there;
        if !self.settings.shared() && !self.facts.resumed {
            out.push_back(Action::TellUser(format!(
                "Run {} has {there} rows on the server already, from an earlier run or another writer of the same id. \
                 Rows of this run are added after them. If this was not meant, use another run id.",
                self.known.place.run_id
            )));
        }
    }

    /// The server's own names, which count from now on.
    fn take_names(&mut self, run: &Value) {
        let place = &mut self.known.place;
        let names = [
            (&mut place.run_id, "/name"),
            (&mut place.project, "/project/name"),
            (&mut place.entity, "/project/entity/name"),
        ];
        for (name, pointer) in names {
            let given = text_at(run, pointer);
            if !given.is_empty() {
                *name = given.into();
            }
        }
    }

    fn take_up(&mut self, earlier: Restored) {
        // Cannot fail in a new way: it was read before.
        let _ = self.config.merge_stored(&earlier.stored_config);
        self.known.place = earlier.place;
        self.facts = Facts {
            base: earlier.base,
            starting_step: earlier.starting_step,
            runtime_ms: earlier.starting_runtime_ms,
            storage_id: earlier.storage_id,
            stored_config: earlier.stored_config,
            restored: true,
            expected: true,
            ..Facts::default()
        };
    }

    fn merge_stored(&mut self, config: &str, out: &mut Out) {
        if !config.is_empty()
            && let Err(error) = self.config.merge_stored(config)
        {
            out.push_back(Action::Notice(Notice::warn(format!("the run's old config can't be read: {error}"))));
        }
    }

    fn fail(&mut self, code: ErrorCode, message: String, out: &mut Out) {
        self.state = State::Failed;
        out.push_back(Action::InitFailed(wire::ErrorInfo { message, code: code.into() }));
        self.check_flushed(out);
    }
}

/// What a client is told about an error of a stage: clients match on these forms.
fn explain(stage: Stage, run_id: &str, error: &str) -> (ErrorCode, String) {
    match stage {
        Stage::Resume(_) => {
            (ErrorCode::Communication, format!("Failed to get resume status for run {run_id}: {error}"))
        }
        Stage::Rewind => (ErrorCode::Communication, format!("failed to rewind run: {error}")),
        Stage::Upsert if error.starts_with("input: ") => {
            (ErrorCode::Unknown, format!("Error initializing run: {error}"))
        }
        Stage::Upsert => (ErrorCode::Communication, error.to_string()),
    }
}

/// The server's own words if there was an answer.
fn reason(error: &CallError) -> String {
    if error.status == 0 { error.text.clone() } else { graphql::reason(error) }
}
