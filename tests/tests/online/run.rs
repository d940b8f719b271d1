//! A run's life as its server sees it: the run's record, rows that are uploaded, the end, and logs that are synced.

use std::time::{Duration, Instant};

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{
    HistoryRecord, MetricOptions, MetricRecord, MetricSummary, NetworkStatusRequest, PollExitRequest, RunExitRecord,
    ServerInitSyncRequest, ServerSyncRequest, Settings,
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
    let mut online = Online::new();
    let update = vec![config_item(&["b"], "{\"c\":1}")];
    online.send(RecordType::Config(runwire_proto::wire::ConfigRecord { update, ..Default::default() }));
    let (_, backend) = online.end();
    let sent = &backend.variables("UpsertBucket")[1];
    for name in ["id", "displayName", "host", "program", "tags"] {
        assert_eq!(sent[name], Value::Null, "{name}");
    }
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
    let mut online = Online::with(|settings| {
        settings.x_disable_machine_info = Some(true);
        settings.x_disable_meta = Some(false);
    });
    online.log_rows(1);
    let (state, backend) = online.end();
    assert!(backend.variables("UpsertBucket").iter().all(|sent| sent["host"].is_null()));
    assert!(!files(&state).contains(&"wandb-metadata.json".to_owned()));
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

#[test]
fn run_34_and_36_definitions_of_metrics_in_the_config() {
    let mut online = Online::new();
    let all = MetricSummary { min: true, max: true, mean: true, last: true, first: true, ..Default::default() };
    online.define("m", all);
    online.define("c", MetricSummary { copy: true, ..Default::default() });
    online.define("n", MetricSummary { none: true, ..Default::default() });
    online.send(RecordType::Metric(MetricRecord {
        name: "s".into(),
        step_metric: "mystep".into(),
        options: Some(MetricOptions { step_sync: true, ..Default::default() }),
        ..Default::default()
    }));
    online.row(&[("s", "1")]);
    online.row(&[("mystep", "10")]);
    online.row(&[("s", "2")]);
    let (state, _) = online.end();
    let defined = config_of(&state)["m"].clone();
    let of = |name: &str| defined.as_array().into_iter().flatten().find(|each| each["1"] == name).cloned();
    let kinds = |name: &str| {
        let mut kinds: Vec<i64> = of(name)
            .map(|each| each["7"].clone())
            .into_iter()
            .flat_map(|kinds| kinds.as_array().cloned().unwrap_or_default())
            .filter_map(|kind| kind.as_i64())
            .collect();
        kinds.sort_unstable();
        kinds
    };
    assert_eq!((kinds("m"), kinds("c")), (vec![1, 2, 3, 5, 8], vec![]), "{defined}");
    assert!(of("s").is_some_and(|each| each["5"].is_number()), "{defined}");
    let steps: Vec<Value> = rows(&state).iter().map(|row| row["mystep"].clone()).collect();
    assert_eq!(steps, [0, 10, 10], "{}", state["history"]);
}

#[test]
fn run_64_finish_timeout_with_files_that_have_nowhere_to_go() {
    let backend = Backend::start();
    backend.fault(json!({"on": "graphql:CreateRunFiles", "status": 500, "times": -1}));
    let mut online = Online::on(backend, |settings| settings.finish_timeout = Some(1.0));
    online.log_rows(1);
    let start = Instant::now();
    assert!(exit(&mut online, 0).timed_out);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    let told = online.messages().join("\n");
    assert!(told.contains("files") && told.contains("runwire sync"), "{told}");
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
