//! Feeds a log to an engine that has no world: every effect succeeds at once, and time is what the rows say.

use crate::{
    export::value,
    inspect::{Found, InspectError, for_each_record},
};
use prost::Message;
use runwire_core::{
    ClientId, CloseReason, Config, Engine, Input, Instant, Output, Ticket, UnixNanos, completion::success,
    trace::Traced,
};
use runwire_proto::log::Damage;
use runwire_proto::wire::{self, record::RecordType, request::RequestType};
use std::{collections::VecDeque, path::Path, time::Duration};

const CLIENT: ClientId = ClientId(1);
const EXIT: Ticket = Ticket(1);

/// What a replay gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The trace. The same log gives the same lines.
    pub lines: Vec<String>,
    /// Records that were read.
    pub records: u64,
    /// Records of unknown type or content, which were passed over.
    pub unreadable: u64,
    /// What is damaged, in the order of the file.
    pub damage: Vec<Damage>,
}

/// Replays the log at `path`.
pub fn replay(path: &Path) -> Result<Replay, InspectError> {
    replay_from(path, 1)
}

/// Replays the log at `path` and keeps the lines from its record number `first` on, counted from 1 over the records that can
/// be read. What comes before is replayed as well, without a word, because all later lines follow from it: so they are
/// the last lines of the whole trace, whatever the place.
pub fn replay_from(path: &Path, first: u64) -> Result<Replay, InspectError> {
    let settings = wire::Settings {
        offline: Some(true),
        sync_file: Some("replay/run.wandb".into()),
        sync_dir: Some("replay".into()),
        x_disable_stats: Some(true),
        ..Default::default()
    };
    let engine = Engine::new(Config::new(settings), 0, Instant::ZERO, UnixNanos(0), None);
    let mut world = World { traced: Traced::new(engine), now: Instant::ZERO, due: None, started: false };
    let outputs = world.traced.drain(Instant::ZERO);
    world.settle(outputs);
    let (mut records, mut unreadable, mut damage) = (0, 0, Vec::new());
    let mut begins = (first > 1).then_some(usize::MAX);
    for_each_record(path, |found| match found {
        Found::Record(record) => {
            records += 1;
            if records == first && first > 1 {
                begins = Some(world.traced.lines().len());
            }
            world.take(record.0);
        }
        Found::Unreadable => unreadable += 1,
        Found::Damage(found) => damage.push(found),
        Found::Incomplete | Found::Bytes(_) => {}
    })?;
    world.give(Input::Close(CloseReason::Finish));
    let lines = world.traced.lines();
    let lines = lines[begins.unwrap_or(0).min(lines.len())..].to_vec();
    Ok(Replay { lines, records, unreadable, damage })
}

struct World {
    traced: Traced,
    now: Instant,
    due: Option<Instant>,
    /// A client starts a run once, though it may describe it again.
    started: bool,
}

impl World {
    fn take(&mut self, record: wire::Record) {
        let from_client = record.info.is_some();
        let info = record.info.clone();
        let (kind, ticket) = match record.record_type {
            // What the engine makes itself comes again from the rows.
            Some(RecordType::History(row)) => {
                self.advance(&row);
                (request_of(row), None)
            }
            Some(exit @ RecordType::Exit(_)) => (exit, Some(EXIT)),
            Some(kind) if from_client => (kind, None),
            Some(_) | None => return,
        };
        let starts = !self.started && matches!(kind, RecordType::Run(_));
        self.started |= starts;
        let send = |kind| wire::Record { record_type: Some(kind), info: info.clone(), ..Default::default() };
        let record = send(kind).encode_to_vec().into();
        self.give(Input::Record { client: CLIENT, ticket, record });
        if starts {
            let start = wire::RunStartRequest::default();
            let request = wire::Request { request_type: Some(RequestType::RunStart(start)) };
            let record = send(RecordType::Request(request)).encode_to_vec().into();
            self.give(Input::Record { client: CLIENT, ticket: None, record });
        }
    }

    /// Lets time pass up to the row's own runtime, with every wake on the way.
    fn advance(&mut self, row: &wire::HistoryRecord) {
        let runtime = row.item.iter().find(|item| item.nested_key == ["_runtime"] || item.key == "_runtime");
        let seconds = runtime.and_then(|item| value(item).parse::<f64>().ok());
        let Some(seconds) = seconds.filter(|seconds| seconds.is_finite()) else { return };
        let until = Instant::ZERO.after(Duration::from_secs_f64(seconds.clamp(0.0, 1e9)));
        while let Some(due) = self.due.filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.give(Input::Tick);
        }
        self.now = self.now.max(until);
    }

    fn give(&mut self, input: Input) {
        if let Ok(outputs) = self.traced.input(self.now, input) {
            self.settle(outputs);
        }
    }

    fn settle(&mut self, outputs: Vec<Output>) {
        let mut queue = VecDeque::from(outputs);
        while let Some(output) = queue.pop_front() {
            match output {
                Output::Effect(id, effect) => {
                    if let Ok(more) = self.traced.input(self.now, Input::Completed(id, success(effect.kind()))) {
                        queue.extend(more);
                    }
                }
                Output::Wait(wake) => self.due = wake.map(|wake| wake.at),
                Output::Cancel(_) | Output::Reply(..) | Output::Notice(_) | Output::Finished(_) => {}
            }
        }
    }
}

/// The request that makes this row again.
fn request_of(row: wire::HistoryRecord) -> RecordType {
    let part = wire::PartialHistoryRequest {
        item: row.item,
        step: row.step,
        action: Some(wire::HistoryAction { flush: true }),
        ..Default::default()
    };
    RecordType::Request(wire::Request { request_type: Some(RequestType::PartialHistory(part)) })
}
