//! A run's life as its server sees it: the run's record, rows that are uploaded, the end, and logs that are synced.

use std::time::{Duration, Instant};

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{
    HistoryRecord, MetricOptions, MetricRecord, MetricSummary, NetworkStatusRequest, PollExitRequest,
    PythonPackagesRequest, RunExitRecord, ServerInitSyncRequest, ServerSyncRequest, Settings, StatsItem, StatsRecord,
    python_packages_request::PythonPackage, stats_record::StatsType,
};
use runwire_tests::client::{Client, Scene, config_item, history_item};
use runwire_tests::online::{Backend, Online, exit, files, rows, set_up};
use runwire_tests::sidecar::Sidecar;
use serde_json::{Value, json};

const UPSERT: &str = "graphql:UpsertBucket";

fn config_of(state: &Value) -> Value {
    state["config"]["_wandb"]["value"].clone()
}

#[test]
fn run_02_a_second_run_record_changes_the_run() {
    let mut online = Online::new();
    let mut record = online.run_record();
    record.display_name = "later".into();
    record.notes = "new".into();
    record.config = None;
    online.send(RecordType::Run(record.clone()));
    record.tags = vec!["t".into()];
    online.send(RecordType::Run(record));
    let (state, backend) = online.end();
    let sent = backend.variables("UpsertBucket");
    assert_eq!(sent.len(), 2, "what comes within five seconds is one request");
    assert_eq!((&sent[1]["displayName"], &sent[1]["notes"]), (&json!("later"), &json!("new")));
    assert!(sent[1]["id"].is_string());
    assert_eq!((&state["display_name"], &state["tags"]), (&json!("later"), &json!(["t"])));
}

#[test]
fn run_03_a_change_of_the_config_tells_nothing_else() {
    // A resumed run has an id on the server and tags to tell, and this is still not the time for them.
    let backend = runwire_tests::online::earlier_run(Backend::start(), "run1", 1);
    backend.controls().clear_requests();
    let edit = |run: &mut runwire_proto::wire::RunRecord| {
        run.tags = vec!["t".into()];
        run.display_name = "shown".into();
    };
    let mut online = set_up(&backend.url(), |settings| settings.resume = Some("must".into()), edit).begin(backend);
    let update = vec![config_item(&["b"], "{\"c\":1}")];
    online.send(RecordType::Config(runwire_proto::wire::ConfigRecord { update, ..Default::default() }));
    let (state, backend) = online.end();
    let sent = backend.variables("UpsertBucket");
    assert_eq!(sent.len(), 2);
    assert!(sent[0]["id"].is_string() && sent[0]["tags"] == json!(["t"]) && sent[0]["displayName"] == "shown");
    let told = sent[1].as_object().expect("an object");
    let told: Vec<&String> = told.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name).collect();
    assert_eq!(told, ["config", "entity", "name", "project"]);
    let config: Value = serde_json::from_str(sent[1]["config"].as_str().expect("a text")).expect("JSON");
    assert_eq!(config["b"]["value"], json!({"c": 1}));
    assert_eq!((&state["tags"], &state["display_name"]), (&json!(["t"]), &json!("shown")));
}

#[test]
fn run_08_one_refusal_is_told_once() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 500, "body": "db down"}));
    let mut online = set_up(&backend.url(), |_| {}, |_| {}).begin(backend);
    let mut ask = || match online.ask(RequestType::NetworkStatus(NetworkStatusRequest::default())) {
        Some(ResponseType::NetworkStatusResponse(answer)) => answer.network_responses,
        other => panic!("expected a network status, got {other:?}"),
    };
    let told = ask();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].http_status_code, told[0].http_response_text.as_str()), (500, "db down"));
    assert!(ask().is_empty());
}

#[test]
fn run_17_nothing_of_the_machine() {
    let package = PythonPackage { name: "a".into(), version: "1".into() };
    let mut online = Online::with(|settings| {
        settings.x_disable_machine_info = Some(true);
        settings.x_disable_meta = Some(false);
        settings.x_disable_stats = Some(false);
        settings.x_stats_sampling_interval = Some(0.1);
        settings.x_save_requirements = Some(true);
        settings.save_code = Some(true);
        settings.disable_git = Some(false);
        let program = std::path::PathBuf::from(settings.program_abspath.as_deref().expect("a program"));
        std::fs::write(program, "print(1)").expect("it can be written");
        settings.program_relpath = Some("train.py".into());
    });
    online.tell(RequestType::ProbeSystemInfo(Default::default()));
    online.tell(RequestType::PythonPackages(PythonPackagesRequest { package: vec![package] }));
    online.log_rows(1);
    std::thread::sleep(Duration::from_millis(300));
    let dir = online.dir();
    online.exit(0);
    let log = online.log();
    assert_eq!((log.count("environment"), log.count("stats")), (0, 0));
    let (state, backend) = (online.state(), &online.backend);
    assert!(backend.variables("UpsertBucket").iter().all(|sent| sent["host"].is_null()));
    assert!(config_of(&state).get("e").is_none(), "{}", config_of(&state));
    assert_eq!(files(&state), ["config.yaml", "requirements.txt", "wandb-summary.json"]);
    for name in ["wandb-metadata.json", "diff.patch", "code"] {
        assert!(!dir.join("files").join(name).exists(), "{name} was made");
    }
}

#[test]
fn run_28_steps_of_raw_rows() {
    let mut online = Online::new();
    for step in ["5", "5.0", "\"x\"", "", "3", "100", "7.9", "-3", "NaN"] {
        let mut item = vec![history_item("raw", "1")];
        if !step.is_empty() {
            item.push(history_item("_step", step));
        }
        online.send(RecordType::History(HistoryRecord { item, ..Default::default() }));
    }
    let (state, _) = online.end();
    let steps: Vec<i64> = rows(&state).iter().filter_map(|row| row["_step"].as_i64()).collect();
    assert_eq!(steps, [5, 6, 7, 8, 9, 100, 101, 102, 103]);
}

#[test]
fn run_29_steps_of_a_shared_run_are_counted_at_the_upload() {
    let mut online = Online::with(|settings| {
        settings.shared = Some(true);
        settings.mode = Some("shared".into());
    });
    online.row(&[("a", "1")]);
    online.row_at(0, &[("a", "2")]);
    online.row(&[("b", "1")]);
    let (state, _) = online.end();
    let steps: Vec<i64> = rows(&state).iter().filter_map(|row| row["_step"].as_i64()).collect();
    assert_eq!(steps, [0, 1, 2]);
}

/// The definition of a metric in the config of a run, and all of them.
fn definition(state: &Value, name: &str) -> (Value, Value) {
    let all = config_of(state)["m"].clone();
    let found = all.as_array().into_iter().flatten().find(|each| each["1"] == name);
    (found.unwrap_or_else(|| panic!("{name} is not in {all}")).clone(), all)
}

#[test]
fn run_34_definitions_of_metrics_in_the_config() {
    let mut online = Online::new();
    let all = MetricSummary { min: true, max: true, mean: true, last: true, first: true, ..Default::default() };
    online.define("m", all);
    online.define("c", MetricSummary { copy: true, ..Default::default() });
    online.define("n", MetricSummary { none: true, ..Default::default() });
    let options = Some(MetricOptions { step_sync: true, ..Default::default() });
    let stepped = MetricRecord { name: "s".into(), step_metric: "mystep".into(), options, ..Default::default() };
    online.send(RecordType::Metric(stepped));
    let (state, _) = online.end();
    let kinds = |name: &str| {
        let mut kinds: Vec<i64> =
            definition(&state, name).0["7"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!((kinds("m"), kinds("c"), kinds("n")), (vec![1, 2, 3, 5, 8], vec![], vec![6]));
    let (stepped, all) = definition(&state, "s");
    let place = stepped["5"].as_u64().expect("the place of the step metric, from 1");
    assert_eq!(all[usize::try_from(place).expect("it is small") - 1]["1"], "mystep", "{all}");
    assert_eq!(stepped["6"], json!([1]), "{all}");
}

#[test]
fn run_36_the_step_of_a_metric_is_put_into_its_rows() {
    let mut online = Online::new();
    let options = Some(MetricOptions { step_sync: true, ..Default::default() });
    online.send(RecordType::Metric(MetricRecord {
        name: "s".into(),
        step_metric: "mystep".into(),
        options,
        ..Default::default()
    }));
    online.row(&[("s", "1")]);
    online.row(&[("mystep", "10")]);
    online.row(&[("s", "2")]);
    online.row(&[("mystep", "20"), ("s", "3")]);
    online.row(&[("mystep", "\"words\"")]);
    online.row(&[("s", "4")]);
    let (state, _) = online.end();
    let steps: Vec<Value> = rows(&state).iter().map(|row| row["mystep"].clone()).collect();
    assert_eq!(steps, [json!(0), json!(10), json!(10), json!(20), json!("words"), json!(20)]);
    assert_eq!(state["summary"]["mystep"], 20);
}

#[test]
fn run_64_finish_timeout_with_files_that_have_nowhere_to_go() {
    let backend = Backend::start();
    backend.fault(json!({"on": "graphql:CreateRunFiles", "status": 500, "times": -1}));
    let mut online = Online::on(backend, |settings| settings.finish_timeout = Some(2.0));
    online.log_rows(1);
    let start = Instant::now();
    let answer = exit(&mut online, 0);
    let took = start.elapsed();
    assert!(answer.timed_out);
    assert!((1950..3500).contains(&took.as_millis()), "{took:?}");
    let told = online.messages();
    assert!(told.len() >= 2, "that it was cut short, and what is missing: {told:?}");
    let told = told.join("\n");
    assert!(told.contains("finish_timeout") && told.contains("HTTP 500"), "{told}");
    assert!(told.contains("config.yaml") && told.contains("runwire sync"), "{told}");
    assert_eq!(rows(&online.state()).len(), 1, "rows go their own way");
}

#[test]
fn run_65_an_exit_that_is_not_the_end() {
    let mut online = Online::new();
    online.log_rows(1);
    online.ask_record(RecordType::Exit(RunExitRecord { not_complete: true, ..Default::default() }));
    assert_eq!(rows(&online.state()).len(), 1);
    assert!(online.backend.pushes().iter().all(|push| push.get("complete").is_none()));
}

#[test]
fn run_63_the_counts_of_what_arrived() {
    let mut online = Online::new();
    online.log_rows(1);
    online.exit(0);
    match online.ask(RequestType::PollExit(PollExitRequest::default())) {
        Some(ResponseType::PollExitResponse(answer)) => {
            assert!(answer.done);
            assert_eq!(answer.file_counts.map(|counts| counts.wandb_count), Some(2), "config.yaml and the summary");
        }
        other => panic!("expected a poll answer, got {other:?}"),
    }
}

// official: same. A label is put on what the sidecar measures itself; what comes as a record is complete.
#[test]
fn run_68_a_label_of_measurements_that_a_client_sends() {
    let mut online = Online::with(|settings| {
        settings.x_label = Some("nd".into());
        settings.x_stats_buffer_size = Some(2);
    });
    for value in ["1", "2", "3"] {
        let item = vec![StatsItem { key: "cpu".into(), value_json: value.into() }];
        let kind = i32::from(StatsType::System);
        let timestamp = Some(prost_types::Timestamp { seconds: 1_735_689_601, nanos: 0 });
        online.send(RecordType::Stats(StatsRecord { stats_type: kind, timestamp, item, ..Default::default() }));
    }
    let (state, _) = online.end();
    let events = state["events"].as_array().cloned().unwrap_or_default();
    assert_eq!(events.len(), 3, "{state}");
    assert_eq!(events[0]["system.cpu"], 1, "{}", events[0]);
}

/// Uploads a log that lies there; gives what the user is told.
fn sync(client: &mut Client, settings: &Settings, path: &str) -> String {
    let init =
        ServerInitSyncRequest { path: vec![path.into()], settings: Some(settings.clone()), ..Default::default() };
    let id = match client.ask(ServerRequestType::InitSync(init)).server_response_type {
        Some(ServerResponseType::InitSyncResponse(answer)) => answer.id,
        other => panic!("expected an id, got {other:?}"),
    };
    match client.ask(ServerRequestType::Sync(ServerSyncRequest { id, parallelism: 1 })).server_response_type {
        Some(ServerResponseType::SyncResponse(answer)) => {
            answer.messages.into_iter().map(|message| message.content + "\n").collect()
        }
        other => panic!("expected the end of the sync, got {other:?}"),
    }
}

/// The settings of whoever syncs to this server.
fn syncing(backend: &Backend, of: &Settings) -> Settings {
    Settings { offline: Some(false), base_url: Some(backend.url()), ..of.clone() }
}

#[test]
fn run_70_an_offline_run_then_synced_is_the_online_run() {
    let script = |scene: &mut Scene| {
        scene.define("m", MetricSummary { max: true, ..Default::default() });
        for x in ["1", "3", "2"] {
            scene.row(&[("m", x), ("x", x)]);
        }
        scene.set_summary(&["mine"], "7");
        scene.print("a line\n");
    };
    let mut online = Online::with(|settings| settings.console = Some("wrap".into()));
    script(&mut online);
    let (wanted, _) = online.end();

    let backend = Backend::start();
    let mut offline = Scene::with(|settings| settings.console = Some("wrap".into()));
    script(&mut offline);
    offline.complete(0);
    let settings = syncing(&backend, &offline.settings);
    let path = offline.log_path().display().to_string();
    let told = sync(&mut offline.run.client, &settings, &path);
    let found = backend.run("e/p/run1");
    assert_eq!(rows(&found), rows(&wanted), "{told}");
    assert_eq!((&found["state"], &found["exit_code"]), (&wanted["state"], &wanted["exit_code"]));
    for name in ["m", "x", "mine"] {
        assert_eq!(found["summary"][name], wanted["summary"][name], "{name}");
    }
    assert_eq!(config_of(&found)["m"], config_of(&wanted)["m"]);
    assert_eq!(found["config"]["a"], wanted["config"]["a"]);
    assert_eq!(found["console"].as_array().map(Vec::len), Some(1));

    // A second sync of the official client sends every row again; ours knows what the server has.
    sync(&mut offline.run.client, &settings, &path);
    let again = backend.run("e/p/run1");
    assert_eq!(rows(&again), rows(&wanted));
    assert_eq!(again["counters"]["conflicts"], 0);
}

#[test]
fn run_73_a_log_without_an_end() {
    let backend = Backend::start();
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.row(&[("x", "2")]);
    scene.settle();
    std::thread::sleep(Duration::from_millis(300));
    scene.sidecar.sigkill();
    let other = Sidecar::start();
    let told = sync(&mut other.connect(), &syncing(&backend, &scene.settings), &scene.log_path().display().to_string());
    let found = backend.run("e/p/run1");
    // The second row was still open when the sidecar was killed.
    assert!(!rows(&found).is_empty(), "{told}");
    assert_eq!((&found["complete"], &found["exit_code"]), (&json!(true), &json!(1)), "{told}");
}

#[test]
fn run_71_an_offline_run_that_goes_on_from_one_on_the_server() {
    let backend = runwire_tests::online::earlier_run(Backend::start(), "run1", 5);
    let mut scene = Scene::without_run();
    let mut record = scene.run_record();
    record.resume = true;
    scene.send_run(record);
    scene.ask(RequestType::RunStart(Default::default()));
    for step in [0, 1, 2, 10] {
        scene.row_at(step, &[("y", &step.to_string())]);
    }
    scene.complete(0);
    let settings = syncing(&backend, &scene.settings);
    let path = scene.log_path().display().to_string();
    let told = sync(&mut scene.run.client, &settings, &path);
    let found = rows(&backend.run("e/p/run1"));
    let steps: Vec<i64> = found.iter().skip(5).filter_map(|row| row["_step"].as_i64()).collect();
    assert_eq!(steps, [5, 6, 7, 10], "{told}");
}
