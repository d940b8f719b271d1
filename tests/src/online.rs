//! One run on a sidecar that talks to an embedded server whose faults are scripted and whose requests are recorded.
//!
//! Knows how such a run is set up and how to look at what the server has and was asked; asserts nothing of its own but
//! that what must come does come.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::{Duration, Instant};

use runwire_local::{Controls, Fault, Options, Server};
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::{
    ErrorInfo, FilesItem, FilesRecord, RunExitResult, RunRecord, RunStartRequest, Settings, files_item,
};
use serde_json::Value;

use crate::client::{Run, Scene, exit_record, result, settings};
use crate::sidecar::{Launch, Sidecar, await_that};

/// Settings of a run without console capture and measurements on this server; waits are short.
pub fn settings(root: &Path, id: &str, url: &str) -> Settings {
    Settings {
        offline: Some(false),
        mode: Some("online".into()),
        run_mode: Some("run".into()),
        base_url: Some(url.into()),
        app_url: Some(url.into()),
        x_file_stream_transmit_interval: Some(0.2),
        x_file_stream_retry_wait_min_seconds: Some(0.1),
        x_graphql_retry_wait_min_seconds: Some(0.1),
        x_file_transfer_retry_wait_min_seconds: Some(0.1),
        x_save_requirements: Some(false),
        ..settings::offline(root, id)
    }
}

/// A server.
pub struct Backend(Server);

impl Backend {
    /// A server that lets any key in and has the features of the default.
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server started in some special way.
    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options { test_controls: true, ..Options::default() };
        change(&mut options);
        Self(Server::start(options).expect("a server finds a free port"))
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Its controls.
    pub fn controls(&self) -> &Controls {
        self.0.controls().expect("it was started with controls")
    }

    /// Adds a fault, as JSON: see [`Fault`].
    pub fn fault(&self, fault: Value) {
        let fault: Fault = serde_json::from_value(fault).expect("the fault is one");
        self.controls().inject(fault);
    }

    /// Changes its settings while it runs.
    pub fn change(&self, change: impl FnOnce(&mut runwire_local::Settings)) {
        self.0.with_backend(|backend| backend.configure(change));
    }

    /// Requests so far that a fault `on` that would match.
    pub fn requests(&self, on: &str) -> Vec<Value> {
        self.controls().requests(Some(on))
    }

    /// How many there are.
    pub fn count(&self, on: &str) -> usize {
        self.requests(on).len()
    }

    /// Waits until there are so many requests of a kind, and gives them.
    pub fn await_requests(&self, on: &str, count: usize) -> Vec<Value> {
        await_that(&format!("{count} requests of {on}"), || Some(self.requests(on)).filter(|all| all.len() >= count))
    }

    /// Waits until so many of a kind were answered with success.
    pub fn await_answered(&self, on: &str, count: usize) {
        await_that(&format!("{count} answers to {on}"), || {
            let good = self.requests(on).iter().filter(|each| each["status"] == 200).count();
            (good >= count).then_some(())
        });
    }

    /// The variables of all requests of one operation.
    pub fn variables(&self, operation: &str) -> Vec<Value> {
        let all = self.requests(&format!("graphql:{operation}"));
        all.iter().map(|request| request["body"]["variables"].clone()).collect()
    }

    /// The bodies of all pushes.
    pub fn pushes(&self) -> Vec<Value> {
        self.requests("file_stream").iter().map(|request| request["body"].clone()).collect()
    }

    /// What it has of a run; null if it has none.
    pub fn run(&self, path: &str) -> Value {
        let parts: Vec<&str> = path.split('/').collect();
        let [entity, project, run] = parts[..] else { panic!("{path} is no path of a run") };
        self.0.snapshot(entity, project, run).expect("a server in memory can be read")
    }
}

/// A server, a sidecar and one run.
pub struct Online {
    /// The server.
    pub backend: Backend,
    /// The sidecar and the run.
    pub scene: Scene,
}

impl Online {
    /// A started run with the usual settings.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A started run with changed settings.
    pub fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Backend::start(), change)
    }

    /// A started run on a server that was prepared.
    pub fn on(backend: Backend, change: impl FnOnce(&mut Settings)) -> Self {
        let sidecar = Sidecar::start();
        let mut settings = settings(sidecar.dir(), "run1", &backend.url());
        change(&mut settings);
        let run = Run::begin(sidecar.connect(), settings);
        Self { backend, scene: Scene { sidecar, run } }
    }

    /// What the server has of the run.
    pub fn state(&self) -> Value {
        self.backend.run(&format!("e/p/{}", self.scene.run.id))
    }

    /// Rows the server has of the run: without times.
    pub fn rows(&self) -> Vec<Value> {
        rows(&self.state())
    }

    /// Values of one key in the rows that have it.
    pub fn values(&self, key: &str) -> Vec<Value> {
        self.rows().iter().filter_map(|row| row.get(key).cloned()).collect()
    }

    /// Logs `x` = 0..count as rows.
    pub fn log_rows(&mut self, count: usize) {
        for x in 0..count {
            self.scene.row(&[("x", &x.to_string())]);
        }
    }

    /// Ends the run and waits for it; gives what the server has of it then.
    pub fn end(mut self) -> (Value, Backend) {
        self.scene.run.exit(0);
        let state = self.state();
        self.scene.run.finish();
        self.scene.teardown(0);
        (state, self.backend)
    }

    /// Writes a file of the run and hands it over.
    pub fn save(&mut self, name: &str, content: &str, policy: files_item::PolicyType) {
        let path = self.scene.dir().join("files").join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
        std::fs::write(path, content).expect("a run's folder takes files");
        self.hand_over(&[name], policy);
    }

    /// Names files to the sidecar.
    pub fn hand_over(&mut self, names: &[&str], policy: files_item::PolicyType) {
        let item = |name: &&str| FilesItem { path: (*name).into(), policy: policy.into(), ..Default::default() };
        let files = names.iter().map(item).collect();
        self.scene.send(RecordType::Files(FilesRecord { files, ..Default::default() }));
    }

    /// Files of the run as the server has them, those that arrived.
    pub fn files(&self) -> Vec<String> {
        files(&self.state())
    }
}

impl Default for Online {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Online {
    type Target = Scene;
    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl DerefMut for Online {
    fn deref_mut(&mut self) -> &mut Scene {
        &mut self.scene
    }
}

/// Rows of a state without times.
pub fn rows(state: &Value) -> Vec<Value> {
    let mut rows = state["history"].as_array().cloned().unwrap_or_default();
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|key, _| key != "_timestamp" && key != "_runtime");
    }
    rows
}

/// Names of a state's files that arrived.
pub fn files(state: &Value) -> Vec<String> {
    let files = state["files"].as_object().cloned().unwrap_or_default();
    files.into_iter().filter(|(_, file)| file["uploaded"] == true).map(|(name, _)| name).collect()
}

/// What came of an attempt to set up a run.
pub struct Setup {
    /// The sidecar.
    pub sidecar: Sidecar,
    /// The run, not started.
    pub run: Run,
    /// What the client is told.
    pub answer: Result<RunRecord, ErrorInfo>,
    /// How long that took.
    pub took: Duration,
}

/// Sets up a run on a server and gives what a client is told of it.
pub fn set_up(url: &str, change: impl FnOnce(&mut Settings), edit: impl FnOnce(&mut RunRecord)) -> Setup {
    set_up_on(Launch::new().start(), url, change, edit)
}

/// The same on a sidecar that is there.
pub fn set_up_on(
    sidecar: Sidecar,
    url: &str,
    change: impl FnOnce(&mut Settings),
    edit: impl FnOnce(&mut RunRecord),
) -> Setup {
    let mut settings = settings(sidecar.dir(), "run1", url);
    change(&mut settings);
    let mut run = Run::init(sidecar.connect(), settings);
    run.send(RecordType::Header(Default::default()));
    let mut record = run.run_record();
    edit(&mut record);
    let start = Instant::now();
    let answer = match result(run.ask_record(RecordType::Run(record))) {
        ResultType::RunResult(told) => match told.error {
            Some(error) => Err(error),
            None => Ok(told.run.unwrap_or_default()),
        },
        other => panic!("expected a run result, got {other:?}"),
    };
    Setup { sidecar, run, answer, took: start.elapsed() }
}

impl Setup {
    /// The error that must be.
    pub fn error(&self) -> &ErrorInfo {
        self.answer.as_ref().expect_err("the run can't be set up")
    }

    /// Starts the run that was set up.
    pub fn begin(mut self, backend: Backend) -> Online {
        let record = self.answer.expect("the run was set up");
        self.run.ask(RequestType::RunStart(RunStartRequest { run: Some(record), ..Default::default() }));
        Online { backend, scene: Scene { sidecar: self.sidecar, run: self.run } }
    }
}

/// Ends a run; gives the answer as it is.
pub fn exit(run: &mut Run, code: i32) -> RunExitResult {
    match result(run.ask_record(exit_record(code))) {
        ResultType::ExitResult(answer) => answer,
        other => panic!("expected an exit result, got {other:?}"),
    }
}

/// A whole small run of `count` rows that exists on the server afterwards.
pub fn earlier_run(backend: Backend, id: &str, count: usize) -> Backend {
    let mut online = Online::on(backend, |settings| {
        settings.run_id = Some(id.into());
    });
    online.log_rows(count);
    online.end().1
}
