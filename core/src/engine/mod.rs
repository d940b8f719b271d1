//! One run: [`Engine`], its two verbs, and how its machines are put together.
//!
//! The machines (handler, writer, defer) own their state and do not know each other. Each says what it wants as an
//! action in its own queue; [`route`] is the only place that knows who answers to whom.

mod origin;
mod route;

use crate::{
    completion::Completion,
    defer::{self, Defer, DeferState},
    effect::EffectKind,
    error::InputError,
    handler::{self, Cx, Handler},
    id::{EffectId, Ticket},
    input::{CloseReason, Input},
    ledger::Ledger,
    output::{Output, Reply, Summary},
    rng::Rng,
    settings::{Config, text},
    time::{Instant, Timer, UnixNanos, Wake},
    uplink::{self, Uplink},
    writer::{self, Writer},
};
use alloc::{collections::VecDeque, format, string::String};
use origin::Origin;

/// One queue of actions per machine.
#[derive(Default)]
struct Queues {
    handler: VecDeque<handler::Action>,
    writer: VecDeque<writer::Action>,
    defer: VecDeque<defer::Action>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It takes records.
    Running,
    /// Its exit was taken and this stage is being flushed. Records are still taken.
    Draining(DeferState),
    /// It is over.
    Finished,
}

/// How much the engine will take now without its memory growing over the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Bytes of records.
    pub bytes: usize,
}

/// How far the closing of the run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    /// The end of the run comes first.
    AfterEnd,
    /// The last records are on their way to the disk.
    LastFlush,
    /// The log is being closed.
    Log,
    Done,
}

/// How the upload of a run stands.
pub(crate) struct Upload {
    /// Where people see it, once the server has taken it.
    pub(crate) url: Option<String>,
    /// The server has everything and knows that the run has ended.
    pub(crate) complete: bool,
}

/// The state of one run. See the crate's documentation for the laws that it keeps.
pub struct Engine {
    config: Config,
    handler: Handler,
    writer: Writer,
    defer: Defer,
    /// The way to the server; an offline run has none.
    uplink: Option<alloc::boxed::Box<Uplink>>,
    ledger: Ledger<Origin>,
    queues: Queues,
    outbox: VecDeque<Output>,
    rng: Rng,
    start: Instant,
    start_wall: UnixNanos,
    last_now: Instant,
    drained: bool,
    open_ticket: Option<Ticket>,
    closing: Closing,
    close_timer: Timer,
    summary: Summary,
}

impl Engine {
    /// A run that has not begun. Its first output asks for the log; `open_ticket` is answered when the log is there, or
    /// with the reason why it can't be.
    ///
    /// `seed` decides everything random. `now` and `wall` are the same moment on two clocks.
    pub fn new(config: Config, seed: u64, now: Instant, wall: UnixNanos, open_ticket: Option<Ticket>) -> Engine {
        let mut rng = Rng::new(seed);
        let log_path = config.log_path();
        let online = config.is_online();
        let mut engine = Engine {
            handler: Handler::new(&config, &mut rng, wall),
            writer: Writer::new(config.write_policy, &config.limits, log_path.is_some(), online),
            defer: Defer::new(online),
            uplink: online.then(|| alloc::boxed::Box::new(Uplink::live(&config, rng.next_u64()))),
            ledger: Ledger::default(),
            queues: Queues::default(),
            outbox: VecDeque::new(),
            rng,
            start: now,
            start_wall: wall,
            last_now: now,
            drained: false,
            open_ticket,
            closing: Closing::No,
            close_timer: Timer::new("engine.close"),
            summary: Summary::default(),
            config,
        };
        match log_path {
            Some(path) => engine.issue_open(path),
            None => engine.reply_opened(),
        }
        engine
    }

    /// Takes one input. `now` earlier than the last one counts as the last one (law L6).
    pub fn handle_input(&mut self, now: Instant, input: Input) -> Result<(), InputError> {
        if !self.drained {
            return Err(InputError::NotDrained);
        }
        let outcome = match &input {
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
        if self.closing == Closing::Done {
            if let Input::Record { ticket: Some(ticket), .. } = input {
                self.outbox.push_back(Output::Reply(ticket, Reply::Error("This run is closed.".into())));
            }
            return Ok(());
        }
        match input {
            Input::Record { client, ticket, record } => {
                self.with_handler(|handler, cx, out| handler.on_record(cx, client, ticket, &record, out));
            }
            Input::Completed(_, completion) => {
                if let Some(origin) = outcome {
                    self.settle(origin, completion);
                }
            }
            Input::Moving(id) => {
                if matches!(self.ledger.origin(id), Some(Origin::Uplink(_))) {
                    self.defer.on_progress(self.last_now, &self.config.limits);
                }
            }
            Input::Tick => self.tick(),
            Input::Cancelled(ticket) => {
                if self.handler.on_cancelled(ticket) {
                    // Who waited for the end of the run does not want to wait any more.
                    self.defer.on_cut_short(self.last_now, &self.config.limits, &mut self.queues.defer);
                }
            }
            Input::ClientGone(client) => self.handler.on_client_gone(client, &mut self.queues.handler),
            Input::Close(reason) => self.close(reason),
        }
        self.route();
        Ok(())
    }

    /// The next output. Ends with [`Output::Wait`] or [`Output::Finished`], which do not change until the next input.
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outbox.pop_front() {
            return output;
        }
        self.drained = true;
        if self.closing == Closing::Done {
            return Output::Finished(self.summary.clone());
        }
        Output::Wait(self.wake())
    }

    /// What the engine will take now. With no bytes left, stop reading from its clients until an outcome has come.
    pub fn credit(&self) -> Credit {
        if self.writer.is_failing() {
            // A failing disk must not stop the program: records are refused and counted instead.
            return Credit { bytes: usize::MAX };
        }
        let held = self.writer.backlog_bytes() + self.uplink.as_ref().map_or(0, |uplink| uplink.held_bytes());
        Credit { bytes: self.config.limits.backlog_bytes_soft.saturating_sub(held) }
    }

    /// Effects that have no outcome yet.
    pub fn outstanding(&self) -> impl Iterator<Item = (EffectId, EffectKind)> + '_ {
        self.ledger.outstanding()
    }

    /// Where the run is.
    pub fn phase(&self) -> Phase {
        match (self.closing, self.defer.state()) {
            (Closing::Done, _) => Phase::Finished,
            (_, DeferState::Begin) => Phase::Running,
            (_, state) => Phase::Draining(state),
        }
    }

    /// What became of the records so far.
    pub fn accounts(&self) -> writer::Accounts {
        let mut accounts = *self.writer.accounts();
        accounts.rows_behind = self.handler.rows_behind();
        accounts.bad_values = self.handler.bad_values();
        accounts
    }

    /// The folder of the run, as the user knows it from the program's own folder.
    pub fn run_dir(&self) -> String {
        String::from(text(&self.config.settings.sync_dir))
    }

    /// The state of the run's upload; `None` for an offline run.
    pub(crate) fn upload(&self) -> Option<Upload> {
        let uplink = self.uplink.as_ref()?;
        let base = Uplink::app_url(&self.config);
        Some(Upload {
            url: uplink.place().map(|place| format!("{base}/{}/{}/runs/{}", place.entity, place.project, place.run_id)),
            complete: uplink.is_complete(),
        })
    }

    /// The same, relative to the folder in which the program was started, if it lies in it.
    pub fn run_dir_from_root(&self) -> String {
        let (dir, root) = (self.run_dir(), text(&self.config.settings.root_dir));
        let inside = dir.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
        inside.filter(|_| !root.is_empty()).map_or(dir.clone(), String::from)
    }

    fn wake(&self) -> Option<Wake> {
        let machines = Wake::soonest(Wake::soonest(self.writer.wake(), self.handler.wake()), self.defer.wake());
        let machines = Wake::soonest(machines, self.uplink.as_ref().and_then(|uplink| uplink.wake()));
        Wake::soonest(Wake::soonest(machines, self.ledger.wake()), self.close_timer.wake())
    }

    fn tick(&mut self) {
        for (id, origin) in self.ledger.expire(self.last_now) {
            self.outbox.push_back(Output::Cancel(id));
            self.settle(origin, Completion::Failed(crate::completion::Failure::timed_out()));
        }
        let Engine { writer, defer, queues, config, last_now, .. } = self;
        writer.on_tick(*last_now, &config.limits, &mut queues.writer);
        defer.on_tick(*last_now, &config.limits, &mut queues.defer);
        self.with_handler(|handler, cx, out| handler.on_tick(cx, out));
        self.with_uplink(|uplink, env| uplink.on_tick(env));
        if self.close_timer.take_due(self.last_now) && self.closing == Closing::LastFlush {
            self.close_log();
        }
    }

    fn close(&mut self, reason: CloseReason) {
        if self.closing != Closing::No {
            return;
        }
        match reason {
            CloseReason::Teardown { exit_code } => {
                self.with_handler(|handler, cx, out| handler.on_teardown(cx, exit_code, out));
                self.closing = Closing::AfterEnd;
            }
            CloseReason::Finish if self.handler.exit_code().is_some() => self.closing = Closing::AfterEnd,
            CloseReason::Finish => {
                self.with_handler(|handler, cx, out| handler.on_close_without_exit(cx, out));
                self.closing = Closing::LastFlush;
            }
        }
        // What the handler still had must reach the writer before the writer is asked to flush.
        self.route();
        match self.closing {
            Closing::AfterEnd if self.defer.state() == DeferState::End => self.begin_last_flush(),
            Closing::LastFlush => self.begin_last_flush(),
            Closing::No | Closing::AfterEnd | Closing::Log | Closing::Done => {}
        }
    }

    fn begin_last_flush(&mut self) {
        self.closing = Closing::LastFlush;
        if self.writer.is_failing() && self.summary.timed_out {
            // The end of the run has waited for the disk already.
            return self.close_log();
        }
        self.close_timer.set(self.last_now.after(self.config.limits.final_stage_deadline));
        self.writer.on_flush(&self.config.limits, &mut self.queues.writer);
    }

    fn close_log(&mut self) {
        self.closing = Closing::Log;
        self.close_timer.cancel();
        self.writer.on_close(&mut self.queues.writer);
    }

    fn finish(&mut self, open_error: Option<String>) {
        self.handler.on_closed(&mut self.queues.handler);
        self.route();
        if let Some(ticket) = self.open_ticket.take() {
            self.outbox
                .push_back(Output::Reply(ticket, Reply::Error("The run was closed before its log was made.".into())));
        }
        for id in self.ledger.abandon() {
            self.outbox.push_back(Output::Cancel(id));
        }
        self.closing = Closing::Done;
        self.summary = Summary {
            exit_code: self.handler.exit_code(),
            timed_out: self.summary.timed_out,
            accounts: self.accounts(),
            open_error,
        };
    }

    /// Calls the handler with what it may see of the engine.
    fn with_handler(&mut self, call: impl FnOnce(&mut Handler, &mut Cx<'_>, &mut handler::Out)) {
        let wall = self.wall();
        let Engine { handler, queues, config, last_now, .. } = self;
        let mut cx = Cx { now: *last_now, wall, limits: &config.limits };
        call(handler, &mut cx, &mut queues.handler);
    }

    /// Calls the uplink, if there is one, with the time.
    fn with_uplink(&mut self, call: impl FnOnce(&mut Uplink, &uplink::Env<'_>)) {
        let wall = self.wall();
        let Engine { uplink, config, last_now, .. } = self;
        if let Some(uplink) = uplink {
            call(uplink, &uplink::Env { now: *last_now, wall, limits: &config.limits });
        }
    }

    fn reply_opened(&mut self) {
        if let Some(ticket) = self.open_ticket.take() {
            self.outbox.push_back(Output::Reply(ticket, Reply::Opened));
        }
    }

    fn wall(&self) -> UnixNanos {
        self.start_wall.after(self.last_now.since(self.start))
    }
}
