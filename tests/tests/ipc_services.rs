//! Requests beside the runs, the service's own log files, load (IPC cases 60 to 75).
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::fs;
use std::time::Duration;

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{
    ApiRequest, OutputRawRecord, ServerApiInitRequest, ServerSyncRequest, SweepSchedulerClientNextTaskRequest,
    sweep_scheduler_server_done_task, sweep_scheduler_server_next_task_response,
};
use runwire_tests::client::{Client, Scene, error_text, request, settings};
use runwire_tests::sidecar::{Sidecar, await_that, is_official};

// official: same
#[test]
fn ipc_60_log_artifact_offline() {
    let mut scene = Scene::new();
    let answer = scene.ask_record(request(RequestType::LogArtifact(Default::default())));
    assert!(error_text(&answer).is_some_and(|text| !text.is_empty()), "{answer:?}");
    scene.settle();
}

// official: same
#[test]
fn ipc_61_download_artifact_offline() {
    let mut scene = Scene::new();
    match scene.ask(RequestType::DownloadArtifact(Default::default())) {
        Some(ResponseType::DownloadArtifactResponse(answer)) => assert_ne!(answer.error_message, ""),
        other => panic!("unexpected response {other:?}"),
    }
}

/// How a client that never reads is counted: answers that it leaves unread.
const UNREAD: usize = 5000;

// official: differs, after about 450 answers the run hangs for everyone
#[test]
fn ipc_66_a_client_that_never_reads_stalls_only_itself() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    let mut deaf = scene.connect();
    deaf.set_write_timeout(Duration::from_millis(200));
    for _ in 0..UNREAD {
        let record = runwire_tests::client::record("run1", request(RequestType::GetSummary(Default::default())));
        let id = deaf.fresh_id();
        let bytes = runwire_tests::client::request_frame(&id, ServerRequestType::RecordPublish(record));
        // From some point on it may be stopped or cut off: that is its own trouble.
        if deaf.try_send_bytes(&bytes).is_err() {
            break;
        }
    }
    for value in 0..100 {
        scene.row(&[("x", &value.to_string())]);
        assert_eq!(scene.step(), value + 1);
    }
    assert_eq!(scene.end().steps().len(), 100);
}

// official: differs, 48 of 60 answers arrive
#[test]
fn ipc_66_half_closed_connection_gets_all_answers() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.settle();
    let mut client = scene.connect();
    let sent: Vec<String> =
        (0..60).map(|_| client.post_record("run1", request(RequestType::GetSummary(Default::default())))).collect();
    client.half_close();
    let got: Vec<String> = client.rest().into_iter().map(|answer| answer.request_id).collect();
    assert_eq!(got, sent);
}

fn api_init(client: &mut Client, sidecar: &Sidecar) -> String {
    let settings = settings::paths(sidecar.dir(), "api");
    let request = ServerApiInitRequest { settings: Some(settings), service_name: "wandb".into() };
    match client.ask(ServerRequestType::ApiInitRequest(request)).server_response_type {
        Some(ServerResponseType::ApiInitResponse(answer)) => answer.api_id,
        other => panic!("unexpected answer {other:?}"),
    }
}

fn api_error(client: &mut Client, api_id: &str) -> String {
    let request = ApiRequest { api_id: api_id.into(), request: None };
    match client.ask(ServerRequestType::ApiRequest(request)).server_response_type {
        Some(ServerResponseType::ApiResponse(answer)) => match answer.response {
            Some(runwire_proto::wire::api_response::Response::ApiErrorResponse(error)) => error.message,
            other => panic!("unexpected api response {other:?}"),
        },
        other => panic!("unexpected answer {other:?}"),
    }
}

// official: same
#[test]
fn ipc_67_api_ids_belong_to_a_connection() {
    let sidecar = Sidecar::start();
    let (mut client, mut other) = (sidecar.connect(), sidecar.connect());
    let first = api_init(&mut client, &sidecar);
    let second = api_init(&mut client, &sidecar);
    assert_ne!(first, second);
    assert_eq!(api_error(&mut other, &first), "WandbAPI is not initialized");
    assert_ne!(api_error(&mut client, &first), "WandbAPI is not initialized");
    client.ping();
}

// official: same
#[test]
fn ipc_68_sync_of_an_unknown_id() {
    let sidecar = Sidecar::start();
    let request = ServerSyncRequest { id: "nobody".into(), parallelism: 1 };
    match sidecar.connect().ask(ServerRequestType::Sync(request)).server_response_type {
        Some(ServerResponseType::SyncResponse(answer)) => {
            assert_eq!(answer.messages.len(), 1);
            assert!(answer.messages[0].content.contains("operation unknown or already started: nobody"));
        }
        other => panic!("unexpected answer {other:?}"),
    }
}

// official: same
#[test]
fn ipc_69_sweep_task_of_an_unknown_session() {
    let sidecar = Sidecar::start();
    let request = SweepSchedulerClientNextTaskRequest { session_id: "nobody".into(), ..Default::default() };
    match sidecar.connect().ask(ServerRequestType::SweepSchedulerNextTask(request)).server_response_type {
        Some(ServerResponseType::SweepSchedulerNextTaskResponse(answer)) => match answer.task {
            Some(sweep_scheduler_server_next_task_response::Task::Done(done)) => {
                assert_eq!(done.reason(), sweep_scheduler_server_done_task::Reason::FatalError);
            }
            other => panic!("unexpected task {other:?}"),
        },
        other => panic!("unexpected answer {other:?}"),
    }
}

// official: same
#[test]
fn ipc_70_sweep_init_without_settings() {
    let sidecar = Sidecar::start();
    let answer = sidecar.connect().ask(ServerRequestType::SweepSchedulerInit(Default::default()));
    assert!(error_text(&answer).is_some_and(|text| !text.is_empty()), "{answer:?}");
}

// official: same
#[test]
fn ipc_72_log_files_of_a_run() {
    let scene = Scene::new();
    let logs = scene.dir().join("logs");
    let internal = logs.join("debug-internal.log");
    let text = await_that("a line in debug-internal.log", || {
        fs::read_to_string(&internal).ok().filter(|text| text.ends_with('\n'))
    });
    for line in text.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect("each line is an object");
        for key in ["time", "level", "msg"] {
            assert!(entry[key].is_string(), "{key} in {line}");
        }
    }
    let target = fs::read_link(logs.join("debug-core.log")).expect("debug-core.log is a link");
    let name = target.file_name().and_then(|name| name.to_str()).expect("the name is text");
    assert!(name.starts_with("core-debug-") && name.ends_with(".log"), "{name}");
    let dir = scene.sidecar.dir().join("cache").join("wandb").join("logs");
    let real = fs::canonicalize(logs.join("debug-core.log")).expect("the link leads somewhere");
    assert_eq!(real.parent(), Some(fs::canonicalize(dir).expect("the cache is there").as_path()));
}

// official: same
#[test]
fn ipc_73_large_record() {
    let mut scene = Scene::new();
    let line = "x".repeat(16 << 20);
    scene.send(RecordType::OutputRaw(OutputRawRecord { line, ..Default::default() }));
    scene.settle();
    let log = scene.end();
    let size = log.types().find_map(|kind| match kind {
        RecordType::OutputRaw(output) => Some(output.line.len()),
        _ => None,
    });
    assert_eq!(size, Some(16 << 20));
}

// official: same
#[test]
fn ipc_74_two_hundred_connections() {
    let sidecar = Sidecar::start();
    let mut clients: Vec<Client> = (0..200).map(|_| sidecar.connect()).collect();
    let ids: Vec<String> =
        clients.iter_mut().map(|client| client.post(ServerRequestType::SyncStatus(Default::default()))).collect();
    for (client, id) in clients.iter_mut().zip(&ids) {
        client.answer(id);
    }
}

// official: same, here with an interval of half a second instead of 15
#[test]
fn ipc_75_rows_reach_the_disk_by_themselves() {
    let mut scene = Scene::with(|settings| settings.x_transaction_log_flush_interval = Some(0.5));
    scene.row(&[("x", "1")]);
    scene.settle();
    std::thread::sleep(Duration::from_millis(1200));
    scene.sidecar.sigkill();
    assert_eq!(scene.log().column("x"), ["1"]);
}
