//! The sender alone, driven by hand: what it asks for, with which variables, and what it makes of the answers.

mod chaos;
mod lines;
mod resume;
mod rows;
mod setup;
mod sync;
mod updates;

use super::*;
use crate::{
    completion::{Failure, FailureKind},
    limits::Limits,
    net::{Body, HttpResponse, Link},
    time::{Duration, UnixNanos},
    uplink::Offsets,
};
use alloc::{format, vec};
use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use wire::record::RecordType;

/// 2026-11-25 02:23:25.5 UTC.
const WALL: UnixNanos = UnixNanos(1_795_573_405_500_000_000);

/// A sender and its surroundings.
struct Rig {
    sender: Sender,
    limits: Limits,
    rng: Rng,
    link: Link,
    now: Instant,
    mark: u64,
    out: Out,
    /// Requests: tag, operation, variables.
    sent: Vec<(Tag, String, Value)>,
    rows: Vec<String>,
    events: Vec<String>,
    lines: Vec<(u64, String)>,
    told: Vec<String>,
    /// All other actions.
    rest: Vec<Action>,
}

fn settings() -> wire::Settings {
    wire::Settings { base_url: Some("http://h".into()), program: Some("DIR/script.py".into()), ..Default::default() }
}

impl Rig {
    fn new(settings: wire::Settings, mode: Mode) -> Self {
        Rig {
            link: Link::new(&settings),
            sender: Sender::new(&Config::new(settings), mode, 7),
            limits: Limits::default(),
            rng: Rng::new(1),
            now: Instant::ZERO,
            mark: 7,
            out: Out::new(),
            sent: vec![],
            rows: vec![],
            events: vec![],
            lines: vec![],
            told: vec![],
            rest: vec![],
        }
    }

    /// A run that was set up without anything special.
    fn running(settings: wire::Settings) -> Self {
        let mut rig = Rig::new(settings, Mode::Live);
        rig.record(RecordType::Run(run("r")));
        rig.answer(Tag::Setup, 200, &upserted("r", 0));
        rig.sent.clear();
        rig.rest.clear();
        rig
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Sender, &mut Cx<'_>, &mut Out) -> T) -> T {
        let wall = WALL.after(self.now.since(Instant::ZERO));
        let mut cx = Cx { now: self.now, wall, limits: &self.limits, rng: &mut self.rng, link: &self.link };
        let result = call(&mut self.sender, &mut cx, &mut self.out);
        while let Some(action) = self.out.pop_front() {
            self.sort(action);
        }
        result
    }

    #[allow(clippy::wildcard_enum_match_arm)]
    fn sort(&mut self, action: Action) {
        match action {
            Action::Http(tag, request) => {
                let Body::Bytes(body) = &request.body else { panic!("a query has a body") };
                let body: Value = serde_json::from_slice(body).unwrap();
                let operation = body["operationName"].as_str().unwrap();
                assert!(body["query"].as_str().unwrap().contains(operation));
                self.sent.push((tag, operation.into(), body["variables"].clone()));
            }
            Action::History => self.rows.push(self.sender.line().into()),
            Action::Event => self.events.push(self.sender.line().into()),
            Action::Console { number, line } => self.lines.push((number, line)),
            Action::TellUser(text) => self.told.push(text),
            other => self.rest.push(other),
        }
    }

    fn record(&mut self, kind: RecordType) {
        self.put(kind, true);
    }

    /// A record that no client made.
    fn derived(&mut self, kind: RecordType) {
        self.put(kind, false);
    }

    fn put(&mut self, kind: RecordType, from_client: bool) {
        let info = from_client.then(wire::RecordInfo::default);
        let record = wire::Record { num: 1, record_type: Some(kind), info, ..Default::default() };
        let bytes = Bytes::from(record.encode_to_vec());
        self.mark += bytes.len() as u64;
        let mark = self.mark;
        assert!(self.sender.wants_records());
        self.call(|sender, cx, out| sender.on_record(cx, &bytes, mark, out));
    }

    fn row(&mut self, items: &[(&str, &str)]) {
        self.derived(RecordType::History(row(items)));
    }

    fn answer(&mut self, tag: Tag, status: u16, body: &str) {
        let response = HttpResponse { status, headers: vec![], body: Bytes::from(String::from(body)) };
        self.call(|sender, cx, out| sender.on_http(cx, tag, Ok(response), out));
    }

    fn no_answer(&mut self, tag: Tag, kind: FailureKind, message: &str) {
        let failure = Failure { kind, message: message.into() };
        self.call(|sender, cx, out| sender.on_http(cx, tag, Err(failure), out));
    }

    fn flush(&mut self) {
        self.call(|sender, cx, out| sender.on_flush(cx, out));
    }

    /// Time passes, deadline by deadline.
    fn pass(&mut self, by: Duration) {
        let end = self.now.after(by);
        while let Some(wake) = self.sender.wake().filter(|wake| wake.at <= end) {
            self.now = self.now.max(wake.at);
            self.call(|sender, cx, out| sender.on_tick(cx, out));
            let next = self.sender.wake();
            assert!(next.is_none_or(|next| next.at > self.now), "{next:?} is not over");
        }
        self.now = end;
    }

    /// The only request since the last call.
    fn one(&mut self) -> (Tag, String, Value) {
        assert_eq!(self.sent.len(), 1, "{:?}", self.sent);
        self.sent.remove(0)
    }

    /// The variables that are not null, with `config` as a value.
    fn one_set(&mut self) -> Value {
        let (_, _, variables) = self.one();
        not_null(&variables)
    }

    fn error(&self) -> (wire::error_info::ErrorCode, String) {
        let error = self.rest.iter().find_map(|action| {
            if let Action::InitFailed(error) = action { Some((error.code(), error.message.clone())) } else { None }
        });
        error.expect("the setup has failed")
    }

    fn upserted(&self) -> UpsertedRun {
        let run = self
            .rest
            .iter()
            .find_map(|action| if let Action::Upserted(run) = action { Some((**run).clone()) } else { None });
        run.expect("the run is set up")
    }

    fn base(&self) -> Offsets {
        let base = self
            .rest
            .iter()
            .find_map(|action| if let Action::Start { base, .. } = action { Some(*base) } else { None });
        base.expect("the stream has started")
    }

    fn flush_done(&mut self) -> bool {
        let before = self.rest.len();
        self.rest.retain(|action| *action != Action::FlushDone);
        before > self.rest.len()
    }
}

fn not_null(variables: &Value) -> Value {
    let mut set = variables.as_object().unwrap().clone();
    set.retain(|_, value| !value.is_null());
    if let Some(config) = set.get_mut("config") {
        *config = serde_json::from_str(config.as_str().unwrap()).unwrap();
    }
    Value::Object(set)
}

fn run(id: &str) -> wire::RunRecord {
    let telemetry = wire::TelemetryRecord {
        feature: Some(wire::Feature { set_init_id: true, ..Default::default() }),
        python_version: "3.11.7".into(),
        cli_version: "0.31.0".into(),
        platform: "linux-x86_64".into(),
        ..Default::default()
    };
    wire::RunRecord {
        run_id: id.into(),
        entity: "ent".into(),
        project: "proj".into(),
        telemetry: Some(telemetry),
        start_time: Some(WALL.timestamp()),
        ..Default::default()
    }
}

fn config(items: &[(&str, &str)]) -> wire::ConfigRecord {
    let item = |(key, value): &(&str, &str)| wire::ConfigItem {
        key: (*key).into(),
        value_json: (*value).into(),
        ..Default::default()
    };
    wire::ConfigRecord { update: items.iter().map(item).collect(), ..Default::default() }
}

fn row(items: &[(&str, &str)]) -> wire::HistoryRecord {
    let item = |(key, value): &(&str, &str)| wire::HistoryItem {
        key: (*key).into(),
        value_json: (*value).into(),
        ..Default::default()
    };
    wire::HistoryRecord { item: items.iter().map(item).collect(), ..Default::default() }
}

/// An answer to an upsert.
fn upserted(id: &str, rows: u64) -> String {
    json!({"data": {"upsertBucket": {"inserted": true, "bucket": {
        "id": "UnVuOjE=", "name": id, "displayName": "stub-run-1", "sweepName": null, "historyLineCount": rows,
        "project": {"id": "P", "name": "proj", "entity": {"id": "E", "name": "ent"}},
    }}}})
    .to_string()
}

/// `_wandb` of the config as the golden runs have it.
fn private(features: &[u32]) -> Value {
    json!({"value": {
        "cli_version": "0.31.0", "m": [], "python_version": "3.11.7",
        "t": {"12": "0.31.0", "13": "linux-x86_64", "3": features, "4": "3.11.7", "5": "0.31.0"},
    }})
}
