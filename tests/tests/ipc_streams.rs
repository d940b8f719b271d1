//! Making, joining and leaving streams (IPC cases 28 to 35, 57 to 59).
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::fs;
use std::time::Duration;

use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{ServerInformFinishRequest, ServerResponse};
use runwire_tests::client::{
    Client, Reply, Run, Scene, attach_request, error_text, finish_request, init_request, request, settings,
};
use runwire_tests::sidecar::{Sidecar, is_official};

// official: same
#[test]
fn ipc_28_init_answers_with_the_id_only() {
    let sidecar = Sidecar::start();
    let settings = settings::offline(sidecar.dir(), "run1");
    let answer = sidecar.connect().ask(init_request("run1", &settings));
    assert_eq!(answer, ServerResponse { request_id: "request00001".into(), server_response_type: None });
}

// official: same
#[test]
fn ipc_29_same_id_again() {
    let scene = Scene::new();
    let again = settings::offline(&scene.sidecar.dir().join("other"), "run1");
    let answer = scene.connect().ask(init_request("run1", &again));
    assert_eq!(error_text(&answer), Some("run ID run1 is in use"));
}

// official: same
#[test]
fn ipc_30_id_is_free_after_finish() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    let first = scene.log_path();
    scene.complete(0);
    let again = settings::offline(&scene.sidecar.dir().join("other"), "run1");
    let mut run = Run::begin(scene.connect(), again);
    assert_eq!(run.step(), 0);
    run.row(&[("x", "2")]);
    let second = run.log_path();
    run.complete(0);
    scene.teardown(0);
    assert_eq!(runwire_tests::logs::Log::read(&first).column("x"), ["1"]);
    assert_eq!(runwire_tests::logs::Log::read(&second).column("x"), ["2"]);
}

// official: same
#[test]
fn ipc_30_id_is_free_at_once() {
    let mut scene = Scene::new();
    let again = settings::offline(&scene.sidecar.dir().join("other"), "run1");
    scene.finish();
    let answer = scene.client.ask(init_request("run1", &again));
    assert_eq!(error_text(&answer), None);
}

// official: same
#[test]
fn ipc_31_attach_gives_the_settings() {
    let scene = Scene::new();
    let answer = scene.connect().ask(attach_request("run1"));
    let Some(ServerResponseType::InformAttachResponse(attached)) = answer.server_response_type else {
        panic!("unexpected answer {answer:?}");
    };
    assert_eq!(attached.info.map(|info| info.stream_id).as_deref(), Some("run1"));
    let given = attached.settings.expect("attach gives the settings");
    let mut expected = scene.settings.clone();
    // The start time is the run's own from the run record on.
    expected.x_start_time = given.x_start_time;
    assert_eq!(given, expected);
}

// official: differs, it never answers
#[test]
fn ipc_32_attach_to_an_unknown_run() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let id = client.post(attach_request("nobody"));
    match client.answer_within(&id, Duration::from_millis(if is_official() { 300 } else { 5000 })) {
        Reply::Silence => assert!(is_official()),
        reply => {
            let answer = reply.answer();
            assert!(error_text(&answer).is_some_and(|text| text.contains("nobody")), "{answer:?}");
        }
    }
    client.ping();
}

// official: same
#[test]
fn ipc_33_finish_of_an_unknown_run() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    client.send(finish_request("nobody"));
    client.ping();
}

// official: differs, the whole service dies
#[test]
fn ipc_34_finish_without_a_stream() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    let mut other = scene.connect();
    other.send(ServerRequestType::InformFinish(ServerInformFinishRequest::default()));
    // Whether that connection stays is free; the service and its runs stay.
    other.answer_within("", Duration::from_millis(200));
    scene.row(&[("x", "1")]);
    assert_eq!(scene.step(), 1);
}

// official: differs, it never answers
#[test]
fn ipc_35_record_for_an_unknown_stream() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    for kind in [request(RequestType::Status(Default::default())), runwire_tests::client::exit_record(0)] {
        let id = client.post_record("nobody", kind);
        if !is_official() {
            let answer = client.answer(&id);
            assert!(error_text(&answer).is_some_and(|text| text.contains("nobody")), "{answer:?}");
        }
    }
    client.send_record("nobody", request(RequestType::Status(Default::default())));
    client.ping();
    assert_eq!(client.early(), []);
}

// official: same
#[test]
fn ipc_57_a_run_outlives_its_client() {
    let mut scene = Scene::new();
    for value in 0..7 {
        scene.row(&[("x", &value.to_string())]);
    }
    scene.settle();
    scene.run.client = scene.sidecar.connect();
    let mut other = Run::attach(scene.connect(), "run1");
    assert_eq!(other.step(), 7);
    assert_eq!(scene.step(), 7);
}

// official: same
#[test]
fn ipc_57_rows_sent_just_before_the_client_vanishes_arrive() {
    let mut scene = Scene::new();
    for value in 0..50 {
        scene.row(&[("x", &value.to_string())]);
    }
    // Dropping the old connection right after the rows: what was sent is accepted all the same.
    scene.run.client = scene.sidecar.connect();
    runwire_tests::sidecar::await_that("all rows", || (scene.step() == 50).then_some(()));
    assert_eq!(scene.end().steps().len(), 50);
}

fn post_step(client: &mut Client, id: &str, stream: &str) {
    let kind = request(RequestType::HistoryStep(Default::default()));
    let record = runwire_tests::client::record(stream, kind);
    client.send_as(id, ServerRequestType::RecordPublish(record));
}

// official: same
#[test]
fn ipc_58_answers_reach_only_the_asking_connection() {
    let mut scene = Scene::new();
    let mut other = scene.connect();
    for round in 0..20 {
        // The same ids on both connections.
        post_step(&mut scene.client, &format!("same{round}"), "run1");
        post_step(&mut other, &format!("same{round}"), "run1");
    }
    for client in [&mut scene.run.client, &mut other] {
        for round in 0..20 {
            assert_eq!(client.next(Duration::from_secs(5)).answer().request_id, format!("same{round}"));
        }
        client.ping();
        assert_eq!(client.early(), []);
    }
}

// official: same
#[test]
fn ipc_58_rows_of_two_connections_go_into_one_run() {
    let mut scene = Scene::new();
    let mut other = Run::attach(scene.connect(), "run1");
    for value in 0..20 {
        scene.row(&[("x", &value.to_string())]);
        other.row(&[("y", &value.to_string())]);
    }
    other.settle();
    let log = scene.end();
    let numbers: Vec<String> = (0..20).map(|value| value.to_string()).collect();
    assert_eq!(log.column("x"), numbers);
    assert_eq!(log.column("y"), numbers);
    assert_eq!(log.steps(), (0..40).collect::<Vec<_>>());
}

// official: same
#[test]
fn ipc_59_finish_by_another_connection() {
    let mut scene = Scene::new();
    scene.row(&[("x", "1")]);
    scene.settle();
    let mut other = scene.connect();
    other.send(finish_request("run1"));
    other.ping();
    scene.row(&[("x", "2")]);
    let settings = settings::offline(scene.sidecar.dir(), "run2");
    assert_eq!(error_text(&scene.client.ask(init_request("run2", &settings))), None);
    scene.teardown(0);
    assert_eq!(scene.log().column("x"), ["1"]);
}

// official: same
#[test]
fn ipc_59_stream_id_need_not_be_the_run_id() {
    let sidecar = Sidecar::start();
    let settings = settings::offline(sidecar.dir(), "run1");
    let mut client = sidecar.connect();
    let answer = client.ask(init_request("stream-x", &settings));
    assert_eq!(error_text(&answer), None);
    assert!(client.ask_record("stream-x", request(RequestType::Status(Default::default()))).request_id.len() > 3);
    assert!(fs::exists(settings.sync_file.as_deref().expect("a log is named")).is_ok_and(|there| there));
}
