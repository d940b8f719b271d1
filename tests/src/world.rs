//! A scripted world around one engine: a clock that only moves when told, a disk in memory, and a record of all that
//! went in and out.
//!
//! The disk performs effects in the order that the test chooses; it can refuse, hang, lose an answer or give it twice.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
pub mod net;
pub mod script;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use md5::Digest;
use prost::Message;
use runwire_core::time::Duration;
use runwire_core::{
    ClientId, CloseReason, Completion, Config, Effect, EffectId, Engine, Failure, FailureKind, FileDigest, FileStat,
    Input, InputError, Instant, Output, Reply, Summary, Ticket, UnixNanos, Wake,
};
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::{self, HistoryAction, HistoryStep, PartialHistoryRequest, RunRecord, RunStartRequest};

use crate::client::{exit_record, history_item, record, request, settings};
use crate::logs::{Log, kind_name};

/// Wall time at the start of every world.
const START: UnixNanos = UnixNanos(1_735_689_600_000_000_000);
const CLIENT: ClientId = ClientId(1);

/// How the disk behaves now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// Does what it is told.
    Works,
    /// Refuses every write: no space.
    Full,
    /// Takes orders and never does or answers anything.
    Hangs,
    /// Does what it is told, and the answer is lost.
    Mute,
    /// Does what it is told, and answers twice.
    Echoes,
}

/// One engine and everything around it.
pub struct World {
    /// The engine under test.
    pub engine: Engine,
    /// The clock.
    pub now: Instant,
    /// How the disk behaves.
    pub disk: Disk,
    /// Bytes of the log.
    pub log: Vec<u8>,
    /// Log bytes that are durable.
    pub synced: u64,
    /// Other files.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The server, and the way to it.
    pub net: net::Net,
    /// Effects that have no answer yet, oldest first.
    pub open: Vec<(EffectId, Effect)>,
    /// All outputs but waits, in order.
    pub outputs: Vec<Output>,
    /// Answers in order.
    pub replies: Vec<(Ticket, Reply)>,
    /// When the engine wants to be called.
    pub wake: Option<Wake>,
    /// The end, once it is there.
    pub finished: Option<Summary>,
    /// Outcome of the last second answer, see [`Disk::Echoes`].
    pub echo: Option<Result<(), InputError>>,
    /// Whether effects are performed at once, oldest first; else the test calls [`World::perform`].
    pub prompt: bool,
    trace: Vec<String>,
    last_ticket: u64,
}

impl World {
    /// A run whose log is being made; the effect is answered at once.
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        Self::on(Disk::Works, true, change)
    }

    /// A run on a disk that behaves like this from the start.
    pub fn on(disk: Disk, prompt: bool, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(settings::paths(Path::new("/w"), "r1"));
        change(&mut config);
        let mut world = Self {
            engine: Engine::new(config, 7, Instant::ZERO, START, Some(Ticket(0))),
            now: Instant::ZERO,
            disk,
            log: Vec::new(),
            synced: 0,
            files: BTreeMap::new(),
            net: net::Net::default(),
            open: Vec::new(),
            outputs: Vec::new(),
            replies: Vec::new(),
            wake: None,
            finished: None,
            echo: None,
            prompt,
            trace: Vec::new(),
            last_ticket: 0,
        };
        world.drain();
        world.settle();
        world
    }

    /// A run that has begun: header, run, start.
    pub fn begun(change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::new(change);
        world.begin();
        world
    }

    /// Sends what a client sends first.
    pub fn begin(&mut self) {
        self.send(RecordType::Header(Default::default()));
        let run = RunRecord {
            run_id: "r1".into(),
            project: "p".into(),
            start_time: Some(prost_types::Timestamp { seconds: 1_735_689_600, nanos: 0 }),
            ..Default::default()
        };
        self.ask(RecordType::Run(run.clone()));
        self.ask(request(RequestType::RunStart(RunStartRequest { run: Some(run), ..Default::default() })));
    }

    /// Gives one input and takes the outputs; effects are performed if the world is prompt.
    pub fn input(&mut self, input: Input) -> Result<(), InputError> {
        self.trace.push(format!("{} > {}", clock(self.now), show_input(&input)));
        let taken = self.engine.handle_input(self.now, input);
        match &taken {
            Ok(()) => self.drain(),
            Err(error) => self.trace.push(format!("{:10} ! {error}", "")),
        }
        taken
    }

    fn give(&mut self, input: Input) {
        self.input(input).expect("the world keeps the laws of inputs");
        self.settle();
    }

    /// A record that wants no answer.
    pub fn send(&mut self, kind: RecordType) {
        let record = Bytes::from(record("r1", kind).encode_to_vec());
        self.give(Input::Record { client: CLIENT, ticket: None, record });
    }

    /// A record that wants an answer.
    pub fn ask(&mut self, kind: RecordType) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let record = Bytes::from(record("r1", kind).encode_to_vec());
        self.give(Input::Record { client: CLIENT, ticket: Some(ticket), record });
        ticket
    }

    /// A row, as `run.log(row)` sends it.
    pub fn row(&mut self, items: &[(&str, &str)]) {
        self.partial(items, None, None);
    }

    /// A part of a row.
    pub fn partial(&mut self, items: &[(&str, &str)], step: Option<i64>, flush: Option<bool>) {
        self.send(partial(items, step, flush));
    }

    /// The run's exit.
    pub fn exit(&mut self, code: i32) -> Ticket {
        self.ask(exit_record(code))
    }

    /// Closes the run.
    pub fn close(&mut self, reason: CloseReason) {
        self.give(Input::Close(reason));
    }

    /// Cancels a wait.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.give(Input::Cancelled(ticket));
    }

    /// The client goes away.
    pub fn client_gone(&mut self) {
        self.give(Input::ClientGone(CLIENT));
    }

    /// Performs the effect at this place among the open ones. `false` if the disk gives no answer.
    pub fn perform(&mut self, place: usize) -> bool {
        if self.disk == Disk::Hangs {
            return false;
        }
        let (id, effect) = self.open.remove(place);
        let completion = self.outcome(&effect);
        if self.disk == Disk::Mute {
            return true;
        }
        self.input(Input::Completed(id, completion.clone())).expect("an open effect takes its answer");
        if self.disk == Disk::Echoes {
            self.echo = Some(self.input(Input::Completed(id, completion)));
        }
        true
    }

    /// Performs what is open until nothing is, if the world is prompt.
    pub fn settle(&mut self) {
        while self.prompt
            && let Some(place) = self.open.iter().position(|(_, effect)| !self.net.is_silent(effect))
        {
            if !self.perform(place) {
                return;
            }
        }
    }

    /// What the network keeps without an answer moves on.
    pub fn moving(&mut self) {
        let ids: Vec<EffectId> = self.open.iter().map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.give(Input::Moving(id)));
    }

    /// Lets time pass; ticks come exactly when they are wanted.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(wake) = self.wake.filter(|wake| wake.at <= end && self.finished.is_none()) {
            self.now = self.now.max(wake.at);
            self.give(Input::Tick);
        }
        self.now = end;
    }

    /// Lets time pass until the run is over; gives how long that took.
    pub fn to_end(&mut self, at_most: Duration) -> Duration {
        let (start, end) = (self.now, self.now.after(at_most));
        self.settle();
        while self.finished.is_none() {
            let wake = self.wake.expect("a run that ends waits for something");
            assert!(wake.at <= end, "the run is not over after {at_most:?}: {}", self.text());
            self.now = self.now.max(wake.at);
            self.give(Input::Tick);
        }
        self.now.since(start)
    }

    /// What a reader finds in the log.
    pub fn read_log(&self) -> Log {
        Log::parse(&self.log)
    }

    /// The answer to a question, if it came.
    pub fn reply(&self, ticket: Ticket) -> Option<&Reply> {
        self.replies.iter().find(|(t, _)| *t == ticket).map(|(_, reply)| reply)
    }

    /// Everything that happened, a line each.
    pub fn text(&self) -> String {
        self.trace.join("\n")
    }

    /// Forgets what happened so far.
    pub fn hush(&mut self) {
        self.trace.clear();
    }

    fn drain(&mut self) {
        loop {
            let output = self.engine.poll_output();
            let line = match &output {
                Output::Effect(id, effect) => format!("< {id} {effect}"),
                Output::Cancel(id) => format!("< {id} cancelled"),
                Output::Notice(notice) => format!("< {notice}"),
                Output::Reply(ticket, reply) => format!("< {ticket} {}", show_reply(reply)),
                Output::Wait(None) => ". Wait".into(),
                Output::Wait(Some(wake)) => format!(". Wait until {} {}", clock(wake.at), wake.why),
                Output::Finished(summary) => format!(". Finished {}", show_summary(summary)),
            };
            self.trace.push(format!("{:10} {line}", ""));
            match &output {
                Output::Effect(id, effect) => self.open.push((*id, effect.clone())),
                Output::Cancel(id) => self.open.retain(|(open, _)| open != id),
                Output::Reply(ticket, reply) => self.replies.push((*ticket, reply.clone())),
                Output::Notice(_) => {}
                Output::Wait(wake) => {
                    self.wake = *wake;
                    return;
                }
                Output::Finished(summary) => {
                    self.wake = None;
                    self.finished = Some(summary.clone());
                    return;
                }
            }
            self.outputs.push(output);
        }
    }

    fn outcome(&mut self, effect: &Effect) -> Completion {
        let full = || Completion::Failed(Failure { kind: FailureKind::NoSpace, message: "no space".into() });
        match effect {
            Effect::SampleSystem(_) => return Completion::Sampled(vec![("cpu".into(), 12.5)]),
            Effect::ProbeSystem(_) => {
                return Completion::Probed(Box::new(wire::EnvironmentRecord { cpu_count: 8, ..Default::default() }));
            }
            Effect::CloseLog => return Completion::Closed,
            _ if self.disk == Disk::Full => return full(),
            _ => {}
        }
        match effect {
            Effect::OpenLog { .. } => Completion::Opened,
            Effect::AppendLog { at, bytes } => {
                patch(&mut self.log, *at, bytes);
                Completion::Appended
            }
            Effect::SyncLog { upto } => {
                self.synced = self.synced.max(*upto);
                Completion::Synced
            }
            Effect::WriteFile { path, bytes } => {
                self.files.insert(path.clone(), bytes.to_vec());
                Completion::Written
            }
            Effect::WriteSecret { path, content } => {
                self.files.insert(path.clone(), content.reveal().into());
                Completion::Written
            }
            Effect::PatchFile { path, at, bytes } => {
                let file = self.files.entry(path.clone()).or_default();
                file.truncate(usize::try_from(*at).expect("files are small"));
                patch(file, *at, bytes);
                Completion::Written
            }
            Effect::LinkFile { .. } => Completion::Written,
            Effect::TailFiles { .. } => Completion::Tail { files: Vec::new(), bytes: bytes::Bytes::new() },
            Effect::SaveCode { .. } => Completion::CodeSaved(vec!["code/train.py".into()]),
            Effect::ReadFile { path, at, len } => {
                let whole = if path.ends_with(".wandb") { Some(&self.log) } else { self.files.get(path) };
                let Some(whole) = whole else { return missing(path) };
                let from = whole.len().min(usize::try_from(*at).expect("files are small"));
                let to = whole.len().min(from + *len as usize);
                Completion::Read(Bytes::copy_from_slice(&whole[from..to]))
            }
            Effect::StatFiles { paths } => Completion::Stats(
                paths
                    .iter()
                    .map(|path| {
                        let len = self.files.get(path)?.len() as u64;
                        Some(FileStat { len, modified: START })
                    })
                    .collect(),
            ),
            Effect::HashFile { path } => match self.files.get(path) {
                Some(bytes) => {
                    Completion::Hashed(FileDigest { len: bytes.len() as u64, md5: md5::Md5::digest(bytes).into() })
                }
                None => missing(path),
            },
            Effect::Http(request) => self.net.perform(self.now, request, &self.files),
            Effect::SampleSystem(_) | Effect::ProbeSystem(_) | Effect::CloseLog => unreachable!("answered above"),
        }
    }
}

/// A part of a row, as the record that carries it.
pub fn partial(items: &[(&str, &str)], step: Option<i64>, flush: Option<bool>) -> RecordType {
    request(RequestType::PartialHistory(PartialHistoryRequest {
        item: items.iter().map(|(key, value)| history_item(key, value)).collect(),
        step: step.map(|num| HistoryStep { num }),
        action: flush.map(|flush| HistoryAction { flush }),
        info: None,
    }))
}

fn missing(path: &str) -> Completion {
    Completion::Failed(Failure { kind: FailureKind::NotFound, message: format!("{path} is not there") })
}

fn patch(file: &mut Vec<u8>, at: u64, bytes: &[u8]) {
    let at = usize::try_from(at).expect("files are small");
    file.resize(file.len().max(at + bytes.len()), 0);
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn clock(at: Instant) -> String {
    format!("{:>9}s", format!("+{:.3}", at.nanos() as f64 / 1e9))
}

fn show_input(input: &Input) -> String {
    match input {
        Input::Record { ticket, record, .. } => {
            let ticket = ticket.map_or(String::new(), |t| format!("{t} "));
            format!("Record {ticket}{} len={}", record_name(record), record.len())
        }
        Input::Completed(id, completion) => format!("{id} {completion}"),
        Input::Moving(id) => format!("{id} Moving"),
        Input::Tick => "Tick".into(),
        Input::Cancelled(ticket) => format!("Cancelled {ticket}"),
        Input::ClientGone(client) => format!("ClientGone {client}"),
        Input::Close(reason) => format!("Close {reason:?}"),
    }
}

fn record_name(bytes: &[u8]) -> String {
    match wire::Record::decode(bytes).ok().and_then(|record| record.record_type) {
        Some(RecordType::Request(request)) => variant(&request.request_type),
        Some(kind) => kind_name(&kind).into(),
        None => "nothing".into(),
    }
}

fn show_reply(reply: &Reply) -> String {
    let result = match reply {
        Reply::Opened => return "Opened".into(),
        Reply::Error(why) => return format!("Error {why}"),
        Reply::Result(bytes) => wire::Result::decode(&bytes[..]).expect("an answer is a result").result_type,
    };
    match result {
        Some(ResultType::ExitResult(exit)) => format!("ExitResult timed_out={}", exit.timed_out),
        Some(ResultType::Response(wire::Response { response_type: None })) => "Response".into(),
        Some(ResultType::Response(wire::Response {
            response_type: Some(ResponseType::InternalMessagesResponse(answer)),
        })) => format!("InternalMessages {:?}", answer.messages.unwrap_or_default().warning),
        Some(ResultType::Response(response)) => variant(&response.response_type),
        other => variant(&other),
    }
}

fn show_summary(summary: &Summary) -> String {
    let counts = summary.accounts;
    format!(
        "exit={:?} timed_out={} accepted={} stored={} refused={} behind={}{}",
        summary.exit_code,
        summary.timed_out,
        counts.accepted,
        counts.stored,
        counts.refused(),
        counts.rows_behind,
        if summary.open_error.is_some() { " no log" } else { "" },
    )
}

/// Name of the variant inside an option.
fn variant<T: std::fmt::Debug>(value: &Option<T>) -> String {
    let text = format!("{value:?}");
    let inner = text.strip_prefix("Some(").unwrap_or(&text);
    inner.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}
