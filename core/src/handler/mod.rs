//! The handler: what records and requests *mean*. It owns the open row, the summary, the metrics, the config, the
//! console, the messages to the user and the small files of one run.
//!
//! It sees everything in the order in which it was accepted, answers most requests at once, and says what is to be
//! stored. It does not know offsets in the log, effect ids, sockets or the order of the end of a run: the router tells it
//! which stage to flush.

mod ending;
mod environment;
mod files;
mod history;
mod messages;
mod records;
mod requests;
mod run;
mod stats;
mod tensorboard;
mod timer;

use crate::{
    config::Config as RunConfig,
    console::Console,
    defer::DeferState,
    id::{ClientId, Ticket},
    limits::Limits,
    metrics::Metrics,
    notice::Notice,
    output::Reply,
    rng::{self, Rng},
    settings::Config,
    time::{Instant, Timer, UnixNanos, Wake},
    uplink::Question,
};
use alloc::{
    collections::{BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};
use bytes::Bytes;
use prost::Message;
use runwire_proto::wire;

/// What is passed to a machine with each call and never stored: the time and the bounds.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) wall: UnixNanos,
    pub(crate) limits: &'a Limits,
}

/// What the handler wants done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Store a client's record as it came.
    PersistRaw(Bytes),
    /// Store a message made here: its field number in `Record`, its body. Give the buffer back with `recycle`.
    PersistMade(u32, Vec<u8>),
    /// Store the exit record: the record around it, and its body, to which the accounts are added.
    PersistExit(Vec<u8>, Vec<u8>),
    Reply(Ticket, Reply),
    Notice(Notice),
    WriteFile(String, Bytes),
    PatchFile(String, u64, Bytes),
    /// Show the file at the first path at the second.
    LinkFile(String, String),
    /// Look into a watched folder and read a piece of a file.
    Tail(usize, String, Option<(String, u64, u32)>),
    Sample,
    Probe,
    SaveCode,
    /// This file of the run, by its path in the files folder, is to be uploaded: at once, or at the end.
    Upload {
        path: String,
        now: bool,
    },
    /// Somebody waits for what was stored last.
    Hurry,
    /// Only the uplink knows the answer; it comes by `on_report`.
    Ask(Ticket, Question),
    /// The run's exit was taken.
    ExitSeen,
    /// The condition of this stage holds.
    FlushDone(DeferState),
}

pub(crate) type Out = VecDeque<Action>;

/// A wait that ends with the run.
#[derive(Debug)]
struct PendingExit {
    ticket: Option<Ticket>,
    record: wire::Record,
    exit: wire::RunExitRecord,
}

pub(crate) struct Handler {
    config: Config,
    files_dir: String,
    writer_id: String,
    metrics: Metrics,
    run_config: RunConfig,
    console: Console,
    messages: messages::Messages,
    stats: stats::Stats,
    files: files::Files,
    tensorboard: crate::tensorboard::TensorBoard,
    timer: timer::RunTimer,
    steps: history::Steps,
    /// The run as it was answered to the client; `None` before the first run record.
    run: Option<wire::RunRecord>,
    /// The run as the client started it.
    started: Option<wire::RunRecord>,
    /// The first run record of an online run, while the server is asked.
    asked: Option<run::Asked>,
    /// Milliseconds that a resumed run had run before.
    earlier_millis: u64,
    /// The server wants the run to stop.
    should_stop: bool,
    exit: Option<PendingExit>,
    exit_code: Option<i32>,
    /// The exit record is on its way to the log: nothing made here follows it.
    exit_stored: bool,
    /// Facts about the machine are being found out.
    probing: bool,
    done: bool,
    stage: Option<(DeferState, Instant)>,
    awaited: Option<DeferState>,
    /// Console files, by their paths in the files folder.
    console_files: BTreeSet<String>,
    patch_in_flight: Option<(String, u64, Bytes)>,
    failed_patch: Option<(String, u64, Bytes)>,
    bad_values: u64,
    checkpoint_timer: Timer,
    console_timer: Timer,
    spare: Vec<Vec<u8>>,
}

impl Handler {
    pub(crate) fn new(config: &Config, rng: &mut Rng, wall: UnixNanos) -> Self {
        let millis = u64::try_from(wall.0 / 1_000_000).unwrap_or_default();
        Handler {
            files_dir: config.files_dir(),
            writer_id: rng::uuid_v7(rng, millis),
            metrics: Metrics::new(rng.next_u64()).server_side_summary(config.server_side_summary()),
            run_config: RunConfig::new(),
            console: Console::new(records::console_settings(config)),
            messages: messages::Messages::default(),
            stats: stats::Stats::new(config),
            files: files::Files::default(),
            tensorboard: crate::tensorboard::TensorBoard::new(),
            timer: timer::RunTimer::default(),
            steps: history::Steps::default(),
            run: None,
            started: None,
            asked: None,
            earlier_millis: 0,
            should_stop: false,
            exit: None,
            exit_code: None,
            exit_stored: false,
            probing: false,
            done: false,
            stage: None,
            awaited: None,
            console_files: BTreeSet::new(),
            patch_in_flight: None,
            failed_patch: None,
            bad_values: 0,
            checkpoint_timer: Timer::new("handler.checkpoint"),
            console_timer: Timer::new("handler.console"),
            spare: Vec::new(),
            config: config.clone(),
        }
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        let own = Wake::soonest(self.checkpoint_timer.wake(), self.console_timer.wake());
        Wake::soonest(Wake::soonest(own, self.stats.timer.wake()), self.tensorboard.wake())
    }

    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.exit_code
    }

    pub(crate) fn rows_behind(&self) -> u64 {
        self.steps.rows_behind()
    }

    pub(crate) fn bad_values(&self) -> u64 {
        self.bad_values
    }

    /// Gives a buffer of [`Action::PersistMade`] back for the next record.
    pub(crate) fn recycle(&mut self, mut buffer: Vec<u8>) {
        const KEPT: usize = 4;
        const KEPT_BYTES_MAX: usize = 256 << 10;
        if self.spare.len() < KEPT && buffer.capacity() <= KEPT_BYTES_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        if self.checkpoint_timer.take_due(cx.now) {
            self.checkpoint(out);
        }
        if self.console_timer.take_due(cx.now) {
            self.write_console(cx.wall, out);
        }
        if self.stats.on_tick(cx.now) {
            out.push_back(Action::Sample);
        }
        self.tick_tensorboard(cx, out);
    }

    /// Nobody waits for this answer any more. Returns whether it was the answer to the run's exit.
    pub(crate) fn on_cancelled(&mut self, ticket: Ticket) -> bool {
        self.messages.cancel(ticket);
        self.exit.as_ref().is_some_and(|exit| exit.ticket == Some(ticket))
    }

    /// The server wants the run to stop; the client finds out when it asks.
    pub(crate) fn on_stopped(&mut self) {
        self.should_stop = true;
    }

    pub(crate) fn on_client_gone(&mut self, client: ClientId, out: &mut Out) {
        for ticket in self.messages.client_gone(client) {
            let empty = wire::InternalMessagesResponse { messages: Some(wire::InternalMessages::default()) };
            self.respond(Some(ticket), Some(wire::response::ResponseType::InternalMessagesResponse(empty)), out);
        }
    }

    /// Tells the user something, through whoever polls for messages, and the debug log.
    pub(crate) fn tell_user(&mut self, text: String, limits: &Limits, out: &mut Out) {
        out.push_back(Action::Notice(Notice::warn(text.clone())));
        self.messages.push(text, limits.messages_max);
        self.deliver_messages(out);
    }

    fn deliver_messages(&mut self, out: &mut Out) {
        while let Some(ticket) = self.messages.next_ready() {
            let messages = self.messages.take();
            self.respond(Some(ticket), Some(wire::response::ResponseType::InternalMessagesResponse(messages)), out);
        }
    }

    /// Answers with a `Response`; with none of its members set if `response` is `None`.
    fn respond(&self, ticket: Option<Ticket>, response: Option<wire::response::ResponseType>, out: &mut Out) {
        let response = wire::Response { response_type: response };
        self.answer(ticket, wire::result::ResultType::Response(response), out);
    }

    fn answer(&self, ticket: Option<Ticket>, result: wire::result::ResultType, out: &mut Out) {
        if let Some(ticket) = ticket {
            let result = wire::Result { result_type: Some(result), ..Default::default() };
            out.push_back(Action::Reply(ticket, Reply::Result(Bytes::from(result.encode_to_vec()))));
        }
    }

    fn refuse(&self, ticket: Option<Ticket>, why: impl Into<String>, out: &mut Out) {
        if let Some(ticket) = ticket {
            out.push_back(Action::Reply(ticket, Reply::Error(why.into())));
        }
    }

    fn buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    fn persist(&mut self, field: u32, message: &impl Message, out: &mut Out) {
        let mut body = self.buffer();
        // Encoding into a Vec can't run out of room.
        let _ = message.encode(&mut body);
        out.push_back(Action::PersistMade(field, body));
    }

    /// Wants a file of the run's own on the server.
    fn upload(&self, name: &str, now: bool, out: &mut Out) {
        if self.config.is_online() {
            out.push_back(Action::Upload { path: name.into(), now });
        }
    }

    fn write_file(&mut self, name: &str, bytes: Bytes, out: &mut Out) {
        let path = alloc::format!("{}/{name}", self.files_dir);
        if let Some(bytes) = self.files.write(&path, bytes) {
            out.push_back(Action::WriteFile(path, bytes));
        }
    }
}

/// Field numbers of `wandb_internal.Record` that the handler treats in its own way.
pub(crate) mod field {
    pub(crate) const HISTORY: u32 = 2;
    pub(crate) const SUMMARY: u32 = 3;
    pub(crate) const OUTPUT: u32 = 4;
    pub(crate) const CONFIG: u32 = 5;
    pub(crate) const FILES: u32 = 6;
    pub(crate) const STATS: u32 = 7;
    pub(crate) const ARTIFACT: u32 = 8;
    pub(crate) const TBRECORD: u32 = 9;
    pub(crate) const ALERT: u32 = 10;
    pub(crate) const TELEMETRY: u32 = 11;
    pub(crate) const METRIC: u32 = 12;
    pub(crate) const OUTPUT_RAW: u32 = 13;
    pub(crate) const RUN: u32 = 17;
    pub(crate) const EXIT: u32 = 18;
    pub(crate) const FINAL: u32 = 20;
    pub(crate) const HEADER: u32 = 21;
    pub(crate) const FOOTER: u32 = 22;
    pub(crate) const PREEMPTING: u32 = 23;
    pub(crate) const NOOP_LINK_ARTIFACT: u32 = 24;
    pub(crate) const USE_ARTIFACT: u32 = 25;
    pub(crate) const ENVIRONMENT: u32 = 26;
    pub(crate) const OUTPUT_LOGGER: u32 = 27;
    pub(crate) const REQUEST: u32 = 100;
    /// Field of `Request` that carries a row.
    pub(crate) const PARTIAL_HISTORY: u32 = 10;
}
