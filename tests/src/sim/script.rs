//! What a client does, in order, and the frames that say it. Knows neither connections nor time.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use runwire_core::client::{Row, Session};
use runwire_proto::frame;
use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{self, files_item};

/// One act of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Nothing, for a while.
    Wait(Duration),
    /// A message; the client goes on at once.
    Tell(Said),
    /// A message; the client waits for the answer.
    Ask(Said),
    /// The program makes or changes a file, on the same disk.
    Save(String, Vec<u8>),
    /// Answers are not read for a while.
    Deaf(Duration),
    /// Bytes that are no frame, or a frame that is no request.
    Noise(Vec<u8>),
    /// The client sends no more and goes on reading.
    HalfClose,
    /// The client is gone without a word.
    Vanish,
}

/// A message about a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Begins the run.
    Init(Box<wire::Settings>),
    /// Another process joins the run.
    Attach,
    /// The first record of a log.
    Header,
    /// The run's own record.
    Run(Box<wire::RunRecord>),
    /// The run starts.
    Start(Box<wire::RunRecord>),
    /// A row or a part of one.
    Row {
        /// Paths and JSON texts.
        items: Vec<(Vec<String>, String)>,
        /// Its step, if the client counts.
        step: Option<i64>,
        /// Whether the row is complete, if the client says so.
        flush: Option<bool>,
    },
    /// Changes of the summary: paths with JSON texts, or none to remove.
    Summary(Vec<(Vec<String>, Option<String>)>),
    /// Changes of the config, in the same way.
    Config(Vec<(String, Option<String>)>),
    /// How a metric is summarised: its name and the summary's kind.
    Metric(String, Reduction),
    /// Console output.
    Console(String),
    /// A file of the run is to be on the server, now or at the end.
    File(String, bool),
    /// A question that every run answers.
    Status,
    /// A question about the summary.
    GetSummary,
    /// A question about the uploads.
    PollExit,
    /// The program ends with this code.
    Exit(i32),
    /// Nothing more comes.
    Finish,
    /// The service is to end.
    Teardown(i32),
    /// Logs are to be uploaded: the settings and the paths.
    InitSync(Box<wire::Settings>, Vec<String>),
    /// The upload with this id starts.
    Sync(String),
}

/// What a summary keeps of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reduction {
    Min,
    Max,
    Mean,
    None,
}

impl Said {
    /// A row without a step, of keys without parts.
    pub fn row(items: &[(&str, &str)]) -> Said {
        let item = |(key, text): &(&str, &str)| (vec![(*key).to_owned()], (*text).to_owned());
        Said::Row { items: items.iter().map(item).collect(), step: None, flush: None }
    }

    /// What it is called in a trace.
    pub fn name(&self) -> &'static str {
        match self {
            Said::Init(_) => "init",
            Said::Attach => "attach",
            Said::Header => "header",
            Said::Run(_) => "run",
            Said::Start(_) => "start",
            Said::Row { .. } => "row",
            Said::Summary(_) => "summary",
            Said::Config(_) => "config",
            Said::Metric(..) => "metric",
            Said::Console(_) => "console",
            Said::File(..) => "file",
            Said::Status => "status",
            Said::GetSummary => "get_summary",
            Said::PollExit => "poll_exit",
            Said::Exit(_) => "exit",
            Said::Finish => "finish",
            Said::Teardown(_) => "teardown",
            Said::InitSync(..) => "init_sync",
            Said::Sync(_) => "sync",
        }
    }

    /// The frame that says it. An empty `id` wants no answer.
    pub fn frame(&self, session: &Session, run: &str, id: &str) -> Bytes {
        let info = || Some(wire::RecordInfo { stream_id: run.to_owned(), ..Default::default() });
        match self {
            Said::Init(settings) => session.init(id, (**settings).clone()),
            Said::Attach => {
                framed(id, ServerRequestType::InformAttach(wire::ServerInformAttachRequest { info: info() }))
            }
            Said::Header => session.record(id, RecordType::Header(Default::default())),
            Said::Run(run) => session.record(id, RecordType::Run((**run).clone())),
            Said::Start(run) => {
                let start = wire::RunStartRequest { run: Some((**run).clone()), ..Default::default() };
                session.request(id, RequestType::RunStart(start))
            }
            Said::Row { items, step: None, flush: None }
                if id.is_empty() && items.iter().all(|(path, _)| path.len() == 1) =>
            {
                // As a front end of ours does it.
                let numbers: Option<Vec<(&str, f64)>> = items
                    .iter()
                    .map(|(path, text)| {
                        Some((path[0].as_str(), text.parse().ok().filter(|_| !text.contains(['e', 'N', 'I']))?))
                    })
                    .collect();
                match numbers {
                    Some(numbers) => {
                        let mut row = Row::new();
                        numbers.into_iter().for_each(|(key, value)| row.push(key, value));
                        session.row(row, None)
                    }
                    None => session.request(id, partial(items, None, None)),
                }
            }
            Said::Row { items, step, flush } => session.request(id, partial(items, *step, *flush)),
            Said::Summary(changes) => {
                let item = |path: &[String]| wire::SummaryItem {
                    key: if path.len() == 1 { path[0].clone() } else { String::new() },
                    nested_key: if path.len() == 1 { Vec::new() } else { path.to_vec() },
                    ..Default::default()
                };
                let mut record = wire::SummaryRecord::default();
                for (path, text) in changes {
                    match text {
                        Some(text) => record.update.push(wire::SummaryItem { value_json: text.clone(), ..item(path) }),
                        None => record.remove.push(item(path)),
                    }
                }
                session.record(id, RecordType::Summary(record))
            }
            Said::Config(changes) => session.record(id, RecordType::Config(config(changes))),
            Said::Metric(name, reduction) => {
                let summary = wire::MetricSummary {
                    min: *reduction == Reduction::Min,
                    max: *reduction == Reduction::Max,
                    mean: *reduction == Reduction::Mean,
                    none: *reduction == Reduction::None,
                    ..Default::default()
                };
                let record = wire::MetricRecord { name: name.clone(), summary: Some(summary), ..Default::default() };
                session.record(id, RecordType::Metric(record))
            }
            Said::Console(text) => {
                let record = wire::OutputRawRecord {
                    output_type: OutputType::Stdout.into(),
                    line: text.clone(),
                    ..Default::default()
                };
                session.record(id, RecordType::OutputRaw(record))
            }
            Said::File(path, now) => {
                let policy = if *now { files_item::PolicyType::Now } else { files_item::PolicyType::End };
                let item = wire::FilesItem { path: path.clone(), policy: policy.into(), ..Default::default() };
                session.record(id, RecordType::Files(wire::FilesRecord { files: vec![item], ..Default::default() }))
            }
            Said::Status => session.request(id, RequestType::Status(Default::default())),
            Said::GetSummary => session.request(id, RequestType::GetSummary(Default::default())),
            Said::PollExit => session.request(id, RequestType::PollExit(Default::default())),
            Said::Exit(code) => {
                session.record(id, RecordType::Exit(wire::RunExitRecord { exit_code: *code, ..Default::default() }))
            }
            Said::Finish => {
                framed(id, ServerRequestType::InformFinish(wire::ServerInformFinishRequest { info: info() }))
            }
            Said::Teardown(code) => framed(
                id,
                ServerRequestType::InformTeardown(wire::ServerInformTeardownRequest { exit_code: *code, info: None }),
            ),
            Said::InitSync(settings, paths) => {
                let init = wire::ServerInitSyncRequest {
                    path: paths.clone(),
                    settings: Some((**settings).clone()),
                    ..Default::default()
                };
                framed(id, ServerRequestType::InitSync(init))
            }
            Said::Sync(sync) => {
                let sync = wire::ServerSyncRequest { id: sync.clone(), parallelism: 4, ..Default::default() };
                framed(id, ServerRequestType::Sync(sync))
            }
        }
    }
}

/// A config record of these changes.
pub fn config(changes: &[(String, Option<String>)]) -> wire::ConfigRecord {
    let mut record = wire::ConfigRecord::default();
    for (key, text) in changes {
        let item = wire::ConfigItem { key: key.clone(), ..Default::default() };
        match text {
            Some(text) => record.update.push(wire::ConfigItem { value_json: text.clone(), ..item }),
            None => record.remove.push(item),
        }
    }
    record
}

fn partial(items: &[(Vec<String>, String)], step: Option<i64>, flush: Option<bool>) -> RequestType {
    let item = |(path, text): &(Vec<String>, String)| wire::HistoryItem {
        key: if path.len() == 1 { path[0].clone() } else { String::new() },
        nested_key: if path.len() == 1 { Vec::new() } else { path.clone() },
        value_json: text.clone(),
        ..Default::default()
    };
    RequestType::PartialHistory(wire::PartialHistoryRequest {
        item: items.iter().map(item).collect(),
        step: step.map(|num| wire::HistoryStep { num }),
        action: flush.map(|flush| wire::HistoryAction { flush }),
        info: None,
    })
}

fn framed(id: &str, request: ServerRequestType) -> Bytes {
    let request = wire::ServerRequest { request_id: id.to_owned(), server_request_type: Some(request) };
    let mut out = Vec::new();
    frame::encode(&mut out, &request.encode_to_vec());
    Bytes::from(out)
}
