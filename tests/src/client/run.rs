//! One offline run as a client drives it: init, rows, questions, end.
use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use runwire_proto::wire::output_raw_record::OutputType;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{
    ConfigItem, ConfigRecord, HistoryAction, HistoryItem, HistoryStep, InternalMessagesRequest, MetricRecord,
    MetricSummary, OutputRawRecord, PartialHistoryRequest, RecordInfo, RunExitRecord, RunRecord, RunStartRequest,
    ServerInformAttachRequest, ServerInformFinishRequest, ServerInformInitRequest, ServerInformTeardownRequest,
    ServerResponse, Settings, SummaryItem, SummaryRecord,
};

use super::{Client, error_text, request, response, result, settings};
use crate::logs::Log;
use crate::sidecar::{PATIENCE, Sidecar};

/// A run on a connection of its own.
pub struct Run {
    /// The connection.
    pub client: Client,
    /// The run's id, which is also its stream id.
    pub id: String,
    /// The settings it was initialised with.
    pub settings: Settings,
    exited: bool,
}

impl Run {
    /// Initialises a stream; no run record is sent.
    pub fn init(mut client: Client, settings: Settings) -> Self {
        let id = settings.run_id.clone().expect("settings of a run name it");
        let answer = client.ask(init_request(&id, &settings));
        assert_eq!(error_text(&answer), None, "init failed");
        Self { client, id, settings, exited: false }
    }

    /// Initialises and starts a run: init, run record, run start.
    pub fn begin(client: Client, settings: Settings) -> Self {
        let mut run = Self::init(client, settings);
        run.send(RecordType::Header(Default::default()));
        let answer = run.post_run();
        run.ask(RequestType::RunStart(RunStartRequest { run: answer, ..Default::default() }));
        run
    }

    /// A run that another connection has initialised already.
    pub fn attach(mut client: Client, id: &str) -> Self {
        let answer = client.ask(ServerRequestType::InformAttach(ServerInformAttachRequest { info: info(id) }));
        let Some(super::ServerResponseType::InformAttachResponse(attached)) = answer.server_response_type else {
            panic!("attach failed: {answer:?}");
        };
        let settings = attached.settings.expect("attach gives the settings");
        Self { client, id: id.to_owned(), settings, exited: false }
    }

    /// Sends the run record; gives the run that the answer carries.
    pub fn post_run(&mut self) -> Option<RunRecord> {
        let record = self.run_record();
        self.send_run(record)
    }

    /// Sends this run record, which must succeed.
    pub fn send_run(&mut self, record: RunRecord) -> Option<RunRecord> {
        match result(self.ask_record(RecordType::Run(record))) {
            ResultType::RunResult(answer) => {
                assert_eq!(answer.error, None);
                answer.run
            }
            other => panic!("expected a run result, got {other:?}"),
        }
    }

    /// The run record that fits the settings.
    pub fn run_record(&self) -> RunRecord {
        let update = vec![config_item(&["_wandb"], "{}"), config_item(&["a"], "1")];
        RunRecord {
            run_id: self.id.clone(),
            entity: "e".into(),
            project: "p".into(),
            host: "machine".into(),
            config: Some(ConfigRecord { update, ..Default::default() }),
            start_time: Some(prost_types::Timestamp { seconds: 1_735_689_600, nanos: 500_000_000 }),
            ..Default::default()
        }
    }

    /// Sends a record that wants no answer.
    pub fn send(&mut self, kind: RecordType) {
        self.client.send_record(&self.id, kind);
    }

    /// Sends a request that wants no answer.
    pub fn tell(&mut self, kind: RequestType) {
        self.send(request(kind));
    }

    /// Sends a record and waits for its answer.
    pub fn ask_record(&mut self, kind: RecordType) -> ServerResponse {
        self.client.ask_record(&self.id, kind)
    }

    /// Sends a request that wants an answer; gives its id.
    pub fn post(&mut self, kind: RequestType) -> String {
        self.client.post_record(&self.id, request(kind))
    }

    /// Sends a request and waits for its response, which may have no member set.
    pub fn ask(&mut self, kind: RequestType) -> Option<ResponseType> {
        response(self.ask_record(request(kind)))
    }

    /// Waits until everything sent before was accepted.
    pub fn settle(&mut self) {
        assert_eq!(self.ask(RequestType::Status(Default::default())), None);
    }

    /// Logs a row as `run.log(row)` does.
    pub fn row(&mut self, items: &[(&str, &str)]) {
        self.partial(items, None, None);
    }

    /// Logs a row with a step, as `run.log(row, step=step)` does.
    pub fn row_at(&mut self, step: i64, items: &[(&str, &str)]) {
        self.partial(items, Some(step), None);
    }

    /// Logs any mixture of items, step and flush.
    pub fn partial(&mut self, items: &[(&str, &str)], step: Option<i64>, flush: Option<bool>) {
        let item = items.iter().map(|(key, value)| history_item(key, value)).collect();
        self.partial_items(item, step, flush);
    }

    /// Logs history items as they are.
    pub fn partial_items(&mut self, item: Vec<HistoryItem>, step: Option<i64>, flush: Option<bool>) {
        self.tell(RequestType::PartialHistory(PartialHistoryRequest {
            item,
            step: step.map(|num| HistoryStep { num }),
            action: flush.map(|flush| HistoryAction { flush }),
            info: None,
        }));
    }

    /// Sets a summary value by its path.
    pub fn set_summary(&mut self, path: &[&str], value: &str) {
        let update = vec![summary_item(path, value)];
        self.send(RecordType::Summary(SummaryRecord { update, ..Default::default() }));
    }

    /// Removes a summary value by its path.
    pub fn remove_summary(&mut self, path: &[&str]) {
        let remove = vec![summary_item(path, "")];
        self.send(RecordType::Summary(SummaryRecord { remove, ..Default::default() }));
    }

    /// Defines a metric's summary.
    pub fn define(&mut self, name: &str, summary: MetricSummary) {
        let metric = MetricRecord { name: name.into(), summary: Some(summary), ..Default::default() };
        self.send(RecordType::Metric(metric));
    }

    /// Prints to the captured standard output.
    pub fn print(&mut self, text: &str) {
        self.output(OutputType::Stdout, text);
    }

    /// Prints to a captured stream.
    pub fn output(&mut self, stream: OutputType, text: &str) {
        self.send(RecordType::OutputRaw(OutputRawRecord {
            output_type: stream as i32,
            line: text.into(),
            ..Default::default()
        }));
    }

    /// The next step.
    pub fn step(&mut self) -> i64 {
        match self.ask(RequestType::HistoryStep(Default::default())) {
            Some(ResponseType::HistoryStepResponse(answer)) => answer.step,
            other => panic!("expected a step, got {other:?}"),
        }
    }

    /// The summary: paths joined with `/`, values as JSON text.
    pub fn summary(&mut self) -> BTreeMap<String, String> {
        match self.ask(RequestType::GetSummary(Default::default())) {
            Some(ResponseType::GetSummaryResponse(answer)) => answer
                .item
                .into_iter()
                .map(|item| (crate::logs::path(&item.key, &item.nested_key), item.value_json))
                .collect(),
            other => panic!("expected a summary, got {other:?}"),
        }
    }

    /// Summary without the keys that start with `_`.
    pub fn own_summary(&mut self) -> BTreeMap<String, String> {
        let mut summary = self.summary();
        summary.retain(|key, _| !key.starts_with('_'));
        summary
    }

    /// Messages for the user that are waiting now.
    pub fn messages(&mut self) -> Vec<String> {
        let request = InternalMessagesRequest { wait: false, info: None };
        warnings(self.ask(RequestType::InternalMessages(request)))
    }

    /// Ends the run with an exit code and waits for the answer.
    pub fn exit(&mut self, code: i32) {
        let answer = self.ask_record(exit_record(code));
        match result(answer) {
            ResultType::ExitResult(answer) => assert!(!answer.timed_out),
            other => panic!("expected an exit result, got {other:?}"),
        }
        self.exited = true;
    }

    /// Sends the last message of a run.
    pub fn finish(&mut self) {
        self.client.send(finish_request(&self.id));
    }

    /// Exit, finish, and a wait until the connection is served again.
    pub fn complete(&mut self, code: i32) {
        self.exit(code);
        self.finish();
        self.client.ping();
    }

    /// The run's folder.
    pub fn dir(&self) -> PathBuf {
        PathBuf::from(self.settings.sync_dir.as_deref().expect("settings of a run name its folder"))
    }

    /// A file in the run's `files` folder, if it is there.
    pub fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir().join("files").join(name)).ok()
    }

    /// Path of the transaction log.
    pub fn log_path(&self) -> PathBuf {
        PathBuf::from(self.settings.sync_file.as_deref().expect("settings of a run name its log"))
    }

    /// The transaction log as it is now.
    pub fn log(&self) -> Log {
        Log::read(&self.log_path())
    }
}

/// A sidecar with one offline run.
pub struct Scene {
    /// The process.
    pub sidecar: Sidecar,
    /// The run.
    pub run: Run,
}

impl Scene {
    /// A started offline run with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A started offline run with changed settings.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Sidecar::start(), change)
    }

    /// A started offline run on a sidecar that was started in some special way.
    pub fn on(sidecar: Sidecar, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings::offline(sidecar.dir(), "run1");
        change(&mut settings);
        let run = Run::begin(sidecar.connect(), settings);
        Self { sidecar, run }
    }

    /// An initialised stream that has seen no run record.
    pub fn without_run() -> Self {
        let sidecar = Sidecar::start();
        let settings = settings::offline(sidecar.dir(), "run1");
        let run = Run::init(sidecar.connect(), settings);
        Self { sidecar, run }
    }

    /// Another connection.
    pub fn connect(&self) -> Client {
        self.sidecar.connect()
    }

    /// Another run on another connection.
    pub fn another(&self, id: &str) -> Run {
        Run::begin(self.connect(), settings::offline(self.sidecar.dir(), id))
    }

    /// Tears the sidecar down and waits for its orderly end.
    pub fn teardown(&mut self, exit_code: i32) {
        self.run.client.send(teardown_request(exit_code));
        assert_eq!(self.sidecar.wait(PATIENCE), Some(0), "an orderly end gives 0");
    }

    /// Ends run and sidecar in good order; gives the complete log.
    pub fn end(mut self) -> Log {
        if !self.run.exited {
            self.run.exit(0);
        }
        self.end_after_exit()
    }

    /// The same when the exit record was sent by the test itself, or shall not be sent.
    pub fn end_after_exit(mut self) -> Log {
        self.run.finish();
        self.teardown(0);
        self.run.log()
    }
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Scene {
    type Target = Run;
    fn deref(&self) -> &Run {
        &self.run
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut Run {
        &mut self.run
    }
}

/// The stream that a message is about.
pub fn info(id: &str) -> Option<RecordInfo> {
    Some(RecordInfo { stream_id: id.to_owned(), ..Default::default() })
}

/// `inform_init` of a run.
pub fn init_request(id: &str, settings: &Settings) -> ServerRequestType {
    ServerRequestType::InformInit(ServerInformInitRequest { settings: Some(settings.clone()), info: info(id) })
}

/// `inform_finish` of a run.
pub fn finish_request(id: &str) -> ServerRequestType {
    ServerRequestType::InformFinish(ServerInformFinishRequest { info: info(id) })
}

/// `inform_attach` to a run.
pub fn attach_request(id: &str) -> ServerRequestType {
    ServerRequestType::InformAttach(ServerInformAttachRequest { info: info(id) })
}

/// `inform_teardown` of the whole sidecar.
pub fn teardown_request(exit_code: i32) -> ServerRequestType {
    ServerRequestType::InformTeardown(ServerInformTeardownRequest { exit_code, info: None })
}

/// An exit record.
pub fn exit_record(exit_code: i32) -> RecordType {
    RecordType::Exit(RunExitRecord { exit_code, ..Default::default() })
}

/// A history item with a plain key.
pub fn history_item(key: &str, value: &str) -> HistoryItem {
    HistoryItem { key: key.into(), value_json: value.into(), ..Default::default() }
}

/// A history item with a path.
pub fn nested_item(path: &[&str], value: &str) -> HistoryItem {
    HistoryItem { nested_key: owned(path), value_json: value.into(), ..Default::default() }
}

/// A config item by path.
pub fn config_item(path: &[&str], value: &str) -> ConfigItem {
    match path {
        [key] => ConfigItem { key: (*key).into(), value_json: value.into(), ..Default::default() },
        path => ConfigItem { nested_key: owned(path), value_json: value.into(), ..Default::default() },
    }
}

/// A summary item by path.
pub fn summary_item(path: &[&str], value: &str) -> SummaryItem {
    match path {
        [key] => SummaryItem { key: (*key).into(), value_json: value.into(), ..Default::default() },
        path => SummaryItem { nested_key: owned(path), value_json: value.into(), ..Default::default() },
    }
}

/// The warnings of a response to `internal_messages`.
pub fn warnings(response: Option<ResponseType>) -> Vec<String> {
    match response {
        Some(ResponseType::InternalMessagesResponse(answer)) => answer.messages.unwrap_or_default().warning,
        other => panic!("expected messages, got {other:?}"),
    }
}

/// Whether a folder holds a file or link of this name.
pub fn holds(dir: &Path, name: &str) -> bool {
    dir.join(name).symlink_metadata().is_ok()
}

fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}
