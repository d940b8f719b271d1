//! The socket of a sidecar whose server is slow, silent or refuses.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use runwire_proto::wire::error_info::ErrorCode;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{Operation, OperationStatsRequest, ServerAuthenticateRequest, ServerCancelRequest};
use runwire_tests::client::{Client, Run, exit_record, finish_request, request, response, result, teardown_request};
use runwire_tests::logs::Log;
use runwire_tests::online::{Backend, Online, rows, set_up, settings};
use runwire_tests::sidecar::{PATIENCE, Sidecar, await_that};
use serde_json::json;

const UPSERT: &str = "graphql:UpsertBucket";

/// A server that takes connections and says nothing.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, url)
}

/// A run whose record was sent to a sidecar, with the id of the answer that is waited for.
fn waiting(url: &str, init_timeout: f64) -> (Sidecar, Run, String) {
    let sidecar = Sidecar::start();
    let mut settings = settings(sidecar.dir(), "run1", url);
    settings.init_timeout = Some(init_timeout);
    let mut run = Run::init(sidecar.connect(), settings);
    let record = run.run_record();
    let id = run.client.post_record("run1", RecordType::Run(record));
    (sidecar, run, id)
}

fn operations(run: &mut Run) -> Vec<Operation> {
    match run.ask(RequestType::Operations(OperationStatsRequest::default())) {
        Some(ResponseType::OperationsResponse(answer)) => {
            answer.operation_stats.map(|stats| stats.operations).unwrap_or_default()
        }
        other => panic!("expected operations, got {other:?}"),
    }
}

#[test]
fn ipc_62_a_server_that_refuses() {
    let url = Backend::start().url();
    let setup = set_up(&url, |settings| settings.init_timeout = Some(1.0), |_| {});
    assert_eq!(setup.error().code, i32::from(ErrorCode::Communication));
    assert!(setup.error().message.contains("init_timeout"));
    assert!((900..5000).contains(&setup.took.as_millis()), "{:?}", setup.took);
}

#[test]
fn ipc_63_what_is_told_while_a_run_is_set_up() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 503, "body": "down", "times": -1}));
    let (_sidecar, mut run, _) = waiting(&backend.url(), 20.0);
    backend.await_requests(UPSERT, 2);
    let told = await_that("the trouble to be told", || {
        operations(&mut run).into_iter().find(|operation| !operation.error_status.is_empty())
    });
    assert!(told.desc.starts_with("setting up run"), "{told:?}");
    assert!(told.error_status.contains("503"), "{told:?}");
    run.settle();
}

#[test]
fn ipc_64_teardown_while_a_silent_server_is_asked() {
    let (_listener, url) = silent();
    let (mut sidecar, mut run, _) = waiting(&url, 1.0);
    run.client.send(teardown_request(5));
    assert_eq!(sidecar.wait(PATIENCE), Some(0));
    let log = Log::read(&run.log_path());
    assert_eq!(log.count("exit"), 1);
}

#[test]
fn ipc_65_rows_of_a_run_whose_server_is_silent() {
    let (_listener, url) = silent();
    let (sidecar, mut run, _) = waiting(&url, 30.0);
    run.settle();
    let before = sidecar.resident_kib();
    for x in 0..20_000 {
        run.row(&[("x", &x.to_string())]);
    }
    run.settle();
    let after = sidecar.resident_kib();
    assert!(after < before * 2 + 8192, "{before} KiB before, {after} KiB after");
    // The last row is still open.
    await_that("the rows to be stored", || (Log::salvage(&run.log_path()).rows().len() >= 19_999).then_some(()));
}

#[test]
fn ipc_76_a_client_that_does_not_wait_for_the_end() {
    let backend = Backend::start();
    backend.fault(json!({"on": "file_stream", "hold_ms": 1000, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(5);
    online.run.client.post_record("run1", exit_record(0));
    std::thread::sleep(Duration::from_millis(200));
    let Online { backend, scene } = online;
    let sidecar = scene.sidecar;
    drop(scene.run);
    await_that("the end to arrive", || (backend.run("e/p/run1")["state"] == "finished").then_some(()));
    assert_eq!(rows(&backend.run("e/p/run1")).len(), 5);
    assert!(sidecar.is_alive());
}

#[test]
fn ipc_77_a_cancelled_exit() {
    let backend = Backend::start();
    backend.fault(json!({"on": "file_stream", "hold_ms": 4000, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(5);
    let exit = online.run.client.post_record("run1", exit_record(0));
    std::thread::sleep(Duration::from_millis(200));
    let start = Instant::now();
    online.run.client.send(ServerRequestType::Cancel(ServerCancelRequest { request_id: exit }));
    online.finish();
    online.teardown(0);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let log = online.log();
    assert_eq!((log.rows().len(), log.count("exit")), (5, 1));
}

#[test]
fn ipc_78_finish_while_a_run_is_set_up() {
    let (_listener, url) = silent();
    let (sidecar, mut run, id) = waiting(&url, 60.0);
    run.client.send(finish_request("run1"));
    let mut other = sidecar.connect();
    let start = Instant::now();
    other.ping();
    assert!(start.elapsed() < Duration::from_secs(2), "another connection waited {:?}", start.elapsed());
    let answer = run.client.answer(&id);
    match result(answer) {
        ResultType::RunResult(told) => {
            let error = told.error.expect("the run was not set up");
            assert!(error.message.contains("closed"), "{error:?}");
        }
        other => panic!("expected a run result, got {other:?}"),
    }
}

#[test]
fn ipc_63_questions_of_a_waiting_run_are_answered() {
    let (_listener, url) = silent();
    let (_sidecar, mut run, _) = waiting(&url, 60.0);
    let answer = run.ask_record(request(RequestType::GetSummary(Default::default())));
    assert!(matches!(response(answer), Some(ResponseType::GetSummaryResponse(_))));
}

#[test]
fn ipc_71_a_key_is_tried_beside_everything_else() {
    let key = "k".repeat(40);
    let backend = Backend::with(|options| options.keys = vec![key.clone()]);
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let login = |client: &mut Client, key: &str| {
        let request = ServerAuthenticateRequest { api_key: key.into(), base_url: backend.url(), ..Default::default() };
        client.send(ServerRequestType::Authenticate(request));
    };
    // The answer has no id, with the official sidecar as well.
    let said = |client: &mut Client| match client.answer("").server_response_type {
        Some(ServerResponseType::AuthenticateResponse(answer)) => (answer.default_entity, answer.error_status),
        other => panic!("expected an answer to a login, got {other:?}"),
    };
    login(&mut client, &key);
    assert_eq!(said(&mut client), ("local".to_owned(), String::new()));
    login(&mut client, &"w".repeat(40));
    assert_eq!(said(&mut client), (String::new(), "Invalid credentials".to_owned()));
    // The official sidecar answers nothing else on the connection meanwhile.
    backend.fault(json!({"on": "graphql:Viewer", "delay_ms": 1500}));
    login(&mut client, &key);
    let start = Instant::now();
    client.ping();
    assert!(start.elapsed() < Duration::from_millis(1000), "{:?}", start.elapsed());
    assert_eq!(said(&mut client).0, "local");
}
