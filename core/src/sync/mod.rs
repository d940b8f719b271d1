//! The upload of a log that is there already: an offline run, or one whose program died. [`SyncRun`] is an
//! [`Engine`](crate::Engine) without clients: the same two verbs, the same uplink, and a file instead of records that come in.
//!
//! It goes on where an earlier upload of the same log ended, an earlier life of the run's own included, and sends nothing
//! twice. The summary is folded from the rows, so one that a crash cut short is whole again.

mod files;
mod outcome;

pub use outcome::{Delivered, Overrides, SyncOutcome};

use crate::{
    completion::Completion,
    defer::{self, Defer, DeferState},
    effect::Effect,
    error::InputError,
    input::Input,
    ledger::Ledger,
    notice::{Level, Notice},
    output::{Output, Summary},
    rng::Rng,
    settings::Config,
    time::{Instant, Timer, UnixNanos, Wake},
    uplink::{self, Uplink},
};
use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec::Vec,
};
use bytes::Bytes;
use runwire_proto::wire;

/// Messages, and losses, that are kept.
const KEPT_MAX: usize = 128;

/// Who asked for an effect.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    Uplink(uplink::Tag),
    /// A file of the run that is made from its records.
    Own,
    /// The mark beside the log that it is delivered.
    Mark,
}

/// The upload of one log.
pub struct SyncRun {
    config: Config,
    path: String,
    uplink: Uplink,
    defer: Defer,
    ledger: Ledger<Origin>,
    defer_actions: VecDeque<defer::Action>,
    outbox: VecDeque<Output>,
    messages: VecDeque<(Severity, String)>,
    start: Instant,
    start_wall: UnixNanos,
    last_now: Instant,
    /// Runs while nothing arrives at the server.
    patience: Timer,
    drained: bool,
    writing: usize,
    done: bool,
    outcome: SyncOutcome,
}

/// How much a message matters to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something was left out or takes long.
    Warning,
    /// Not everything is delivered.
    Error,
}

impl SyncRun {
    /// The upload of the log at `path`. `config` is made from the settings of whoever syncs; its `sync_dir` is the log's
    /// folder. `follow`: the log may still be written to.
    pub fn new(
        config: Config,
        path: String,
        overrides: Overrides,
        follow: bool,
        seed: u64,
        now: Instant,
        wall: UnixNanos,
    ) -> SyncRun {
        let mut rng = Rng::new(seed);
        let uplink = Uplink::sync(&config, rng.next_u64(), path.clone(), follow, overrides);
        let mut run = SyncRun {
            config,
            path,
            uplink,
            defer: Defer::new(true),
            ledger: Ledger::default(),
            defer_actions: VecDeque::new(),
            outbox: VecDeque::new(),
            messages: VecDeque::new(),
            start: now,
            start_wall: wall,
            last_now: now,
            patience: Timer::new("sync.patience"),
            drained: false,
            writing: 0,
            done: false,
            outcome: SyncOutcome::default(),
        };
        run.rest();
        run.with_uplink(|uplink, env| uplink.begin(env));
        run.route();
        run
    }

    /// As [`Engine::handle_input`](crate::Engine::handle_input). Records are not taken; [`Input::Close`] ends the upload as it
    /// is.
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), InputError> {
        if !self.drained {
            return Err(InputError::NotDrained);
        }
        let origin = match &input {
            Input::Completed(id, completion) => self.ledger.complete(*id, completion)?,
            Input::Record { .. }
            | Input::Moving(_)
            | Input::Tick
            | Input::Cancelled(_)
            | Input::ClientGone(_)
            | Input::Close(_) => None,
        };
        self.last_now = self.last_now.max(now);
        self.drained = false;
        if self.done {
            return Ok(());
        }
        match input {
            Input::Completed(_, completion) => {
                if let Some(origin) = origin {
                    self.settle(origin, completion);
                }
            }
            Input::Moving(id) if self.ledger.origin(id).is_some() => {
                self.rest();
                self.defer.on_progress(self.last_now, &self.config.limits);
            }
            Input::Tick => self.tick(),
            Input::Close(_) => self.give_up("The upload was cancelled."),
            Input::Record { .. } | Input::Moving(_) | Input::Cancelled(_) | Input::ClientGone(_) => {}
        }
        self.route();
        Ok(())
    }

    /// As [`Engine::poll_output`](crate::Engine::poll_output).
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outbox.pop_front() {
            return output;
        }
        self.drained = true;
        if self.done {
            return Output::Finished(Summary { exit_code: self.outcome.exit_code, ..Summary::default() });
        }
        Output::Wait(self.wake())
    }

    /// Messages to the user since the last call.
    pub fn take_messages(&mut self) -> impl Iterator<Item = (Severity, String)> + '_ {
        self.messages.drain(..)
    }

    /// How it ended, or how far it is.
    pub fn outcome(&self) -> SyncOutcome {
        let mut outcome = self.outcome.clone();
        outcome.delivered = self.uplink.delivered();
        outcome
    }

    /// What stands before each of its messages: the run's place, once it is known.
    pub(crate) fn label(&self) -> String {
        self.uplink.place_shown().map(|place| format!("[{place}] ")).unwrap_or_default()
    }

    /// What takes time right now, as the protocol tells it.
    pub fn operations(&mut self) -> wire::OperationStats {
        let wall = self.wall();
        let env = uplink::Env { now: self.last_now, wall, limits: &self.config.limits };
        let operations = self.uplink.report(&env, uplink::Question::Operations).operations;
        wire::OperationStats {
            total_operations: operations.len() as i64,
            operations,
            label: self.uplink.place_shown().unwrap_or_else(|| self.path.clone()),
        }
    }

    fn wake(&self) -> Option<Wake> {
        let machines = [self.uplink.wake(), self.defer.wake(), self.patience.wake()];
        machines.into_iter().fold(self.ledger.wake(), Wake::soonest)
    }

    fn wall(&self) -> UnixNanos {
        self.start_wall.after(self.last_now.since(self.start))
    }

    fn with_uplink(&mut self, call: impl FnOnce(&mut Uplink, &uplink::Env<'_>)) {
        let wall = self.wall();
        let SyncRun { uplink, config, last_now, .. } = self;
        call(uplink, &uplink::Env { now: *last_now, wall, limits: &config.limits });
    }

    fn tick(&mut self) {
        for (id, origin) in self.ledger.expire(self.last_now) {
            self.outbox.push_back(Output::Cancel(id));
            self.settle(origin, Completion::Failed(crate::completion::Failure::timed_out()));
        }
        self.defer.on_tick(self.last_now, &self.config.limits, &mut self.defer_actions);
        self.with_uplink(|uplink, env| uplink.on_tick(env));
        if self.patience.take_due(self.last_now) {
            self.on_patience_over();
        }
    }

    fn rest(&mut self) {
        self.patience.set(self.last_now.after(self.config.limits.finish_patience));
    }

    /// Nothing has arrived for long. The end of the run has its own patience; before it, an upload that fails again and again
    /// is given up. One that only takes long, or waits for its log, goes on.
    fn on_patience_over(&mut self) {
        let seconds = self.config.limits.finish_patience.as_secs();
        match self.uplink.left().trouble {
            Some(trouble) if self.defer.state() == DeferState::Begin => {
                self.with_uplink(|uplink, env| uplink.give_up(env));
                self.route();
                self.fail(format!("nothing reached the server for {seconds} s: {trouble}"));
            }
            Some(_) | None => self.rest(),
        }
    }

    fn settle(&mut self, origin: Origin, completion: Completion) {
        match origin {
            Origin::Uplink(tag) => self.with_uplink(|uplink, env| uplink.on_completed(env, tag, completion)),
            Origin::Own => {
                if let Completion::Failed(failure) = completion {
                    self.say(Severity::Warning, format!("A file of the run could not be made: {}.", failure.message));
                }
                self.writing -= 1;
                if self.writing == 0 {
                    self.flushed(DeferState::FlushDir);
                }
            }
            Origin::Mark => {
                if let Completion::Failed(failure) = completion {
                    let text = format!("{} could not be marked as delivered: {}.", self.path, failure.message);
                    self.say(Severity::Warning, text);
                }
                self.finish();
            }
        }
    }

    fn route(&mut self) {
        loop {
            if let Some(action) = self.uplink.pop_action() {
                self.on_uplink(action);
            } else if self.defer.state() == DeferState::Begin && self.uplink.is_at_exit() {
                self.defer.on_exit_seen(self.last_now, &self.config.limits, None, &mut self.defer_actions);
            } else if let Some(action) = self.defer_actions.pop_front() {
                self.on_defer(action);
            } else {
                return;
            }
        }
    }

    fn on_uplink(&mut self, action: uplink::Action) {
        match action {
            uplink::Action::Effect(tag, effect) => self.issue(effect, Origin::Uplink(tag)),
            uplink::Action::Upserted(run) => {
                self.rest();
                let base = Uplink::app_url(&self.config);
                let url = format!("{base}/{}/{}/runs/{}", run.place.entity, run.place.project, run.place.run_id);
                let name = if run.display_name.is_empty() { String::new() } else { format!(" {}", run.display_name) };
                self.say(Severity::Info, format!("View run{name} at {url}"));
            }
            uplink::Action::InitFailed(error) => self.give_up(&error.message),
            uplink::Action::Unreadable(text) => self.give_up(&text),
            uplink::Action::AlreadyDelivered => {
                let text = format!("{} is delivered already; nothing is sent again.", self.path);
                self.say(Severity::Info, text);
                self.finish();
            }
            uplink::Action::Stopped => {}
            uplink::Action::FlushDone(stage) => self.flushed(stage),
            uplink::Action::Progress => {
                self.rest();
                self.defer.on_progress(self.last_now, &self.config.limits);
            }
            uplink::Action::TellUser(text) => self.say(Severity::Warning, text),
            uplink::Action::Notice(notice) if notice.level == Level::Error => self.on_loss(notice.message),
            uplink::Action::Notice(notice) => self.outbox.push_back(Output::Notice(notice)),
        }
    }

    fn on_defer(&mut self, action: defer::Action) {
        match action {
            defer::Action::Flush(DeferState::FlushDir) => self.write_files(),
            defer::Action::Flush(stage) if defer::is_remote(stage) => {
                self.with_uplink(|uplink, env| uplink.on_flush(env, stage));
            }
            defer::Action::Flush(stage) => self.flushed(stage),
            // An upload has no limit of that kind.
            defer::Action::TimeOver(_) => {}
            defer::Action::Stuck(_) | defer::Action::CutShort(_) => {
                self.with_uplink(|uplink, env| uplink.give_up(env));
            }
            defer::Action::Complete { .. } => self.on_complete(),
        }
    }

    fn on_complete(&mut self) {
        self.outcome.exit_code = self.uplink.exit_code();
        let whole = self.uplink.is_complete();
        if !whole {
            let why = self.outcome.error.take().unwrap_or_else(|| "not everything was delivered".to_string());
            return self.fail(why);
        }
        let missing: Vec<String> = self.uplink.missing_files().map(String::from).collect();
        missing.into_iter().for_each(|path| self.on_loss(format!("{path} is not there and can't be uploaded")));
        if !self.outcome.losses.is_empty() {
            // Whoever tidies up deletes logs that are marked; this one may be worth another look.
            return self.finish();
        }
        let mark = format!("{}.synced", self.path);
        self.issue(Effect::WriteFile { path: mark, bytes: Bytes::new() }, Origin::Mark);
    }

    /// A part of the log can't be delivered; the rest is.
    fn on_loss(&mut self, what: String) {
        if self.outcome.losses.len() < KEPT_MAX {
            self.outcome.losses.push(what.clone());
        }
        self.say(Severity::Warning, format!("{}: {what}.", self.path));
    }

    fn flushed(&mut self, stage: DeferState) {
        self.defer.on_flushed(self.last_now, &self.config.limits, stage, &mut self.defer_actions);
    }

    /// Ends at once; what was delivered stays delivered and remembered.
    fn give_up(&mut self, why: &str) {
        self.say(Severity::Error, why.to_string());
        self.outcome.error = Some(why.to_string());
        self.finish();
    }

    /// Ends with an error. Whoever asked through a client sees messages only.
    fn fail(&mut self, why: String) {
        self.say(Severity::Error, format!("{}: {why}.", self.path));
        self.outcome.error = Some(why);
        self.finish();
    }

    fn finish(&mut self) {
        self.ledger.abandon().into_iter().for_each(|id| self.outbox.push_back(Output::Cancel(id)));
        if self.outcome.error.is_none() {
            self.say(Severity::Info, format!("Finished syncing {}", self.path));
        }
        self.done = true;
    }

    fn say(&mut self, severity: Severity, text: String) {
        self.outbox.push_back(Output::Notice(match severity {
            Severity::Info => Notice::info(text.clone()),
            Severity::Warning => Notice::warn(text.clone()),
            Severity::Error => Notice::error(text.clone()),
        }));
        if self.messages.len() < KEPT_MAX {
            self.messages.push_back((severity, text));
        }
    }

    fn issue(&mut self, effect: Effect, origin: Origin) {
        let limits = &self.config.limits;
        let within = effect.deadline(limits);
        let id = self.ledger.issue(effect.kind(), origin, self.last_now, within);
        self.outbox.push_back(Output::Effect(id, effect));
    }
}
