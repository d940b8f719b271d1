//! Who is answered, and how (IPC cases 36 to 43, 79).
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::time::Duration;

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{Control, PollExitResponse, RunExitRecord, TbRecord};
use runwire_tests::client::{Client, Reply, Scene, error_text, exit_record, record, request, response, result};
use runwire_tests::sidecar::is_official;

fn status() -> RequestType {
    RequestType::Status(Default::default())
}

// official: same
#[test]
fn ipc_36_run_record_is_answered_with_the_run() {
    let mut scene = Scene::without_run();
    let mut sent = scene.run_record();
    sent.display_name = "given name".into();
    let run = scene.send_run(sent.clone()).expect("the answer carries the run");
    assert_eq!((run.run_id, run.entity, run.project), (sent.run_id, sent.entity, sent.project));
    assert_eq!(run.display_name, "given name");
    assert_eq!(run.start_time, sent.start_time);
    let config = run.config.expect("the answer carries the config").update;
    assert!(config.iter().any(|item| item.key == "_wandb"), "{config:?}");
}

// official: differs, it does not answer
#[test]
fn ipc_37_second_run_record_gets_no_run_result() {
    let mut scene = Scene::new();
    let mut record = scene.run_record();
    record.display_name = "renamed".into();
    let id = scene.run.client.post_record("run1", RecordType::Run(record));
    if is_official() {
        scene.settle();
        assert_eq!(scene.client.early(), []);
    } else {
        match result(scene.client.answer(&id)) {
            ResultType::Response(empty) => assert_eq!(empty.response_type, None),
            other => panic!("unexpected result {other:?}"),
        }
    }
    assert_eq!(scene.end().count("run"), 2);
}

// official: same
#[test]
fn ipc_38_plain_acknowledgements() {
    let mut scene = Scene::new();
    for kind in [
        status(),
        RequestType::RunStatus(Default::default()),
        RequestType::Shutdown(Default::default()),
        RequestType::RunStart(Default::default()),
        RequestType::StopStatus(Default::default()),
    ] {
        assert_eq!(scene.ask(kind), None);
    }
}

// official: same
#[test]
fn ipc_38_network_status_offline() {
    let mut scene = Scene::new();
    let answer = scene.ask(RequestType::NetworkStatus(Default::default()));
    assert_eq!(answer, Some(ResponseType::NetworkStatusResponse(Default::default())));
}

// official: same
#[test]
fn ipc_39_communicate_is_like_publish() {
    let mut scene = Scene::new();
    let id = scene.client.fresh_id();
    let record = record("run1", request(status()));
    scene.client.send_as(&id, ServerRequestType::RecordCommunicate(record));
    assert_eq!(response(scene.client.answer(&id)), None);
}

// official: same
#[test]
fn ipc_40_slot_without_request_id_is_not_answered() {
    let mut scene = Scene::new();
    let mut record = record("run1", request(status()));
    record.control = Some(Control { mailbox_slot: "slot".into(), req_resp: true, ..Default::default() });
    scene.client.send(ServerRequestType::RecordPublish(record));
    scene.settle();
    scene.client.ping();
    assert_eq!(scene.client.early(), []);
}

// official: same
#[test]
fn ipc_41_request_id_without_slot_is_answered() {
    let mut scene = Scene::new();
    let record = record("run1", request(status()));
    let answer = scene.client.ask(ServerRequestType::RecordPublish(record));
    assert_eq!(response(answer), None);
}

/// Kinds that the official client leaves without an answer.
fn unanswered() -> Vec<(&'static str, RequestType)> {
    vec![
        ("pause", RequestType::Pause(Default::default())),
        ("resume", RequestType::Resume(Default::default())),
        ("keepalive", RequestType::Keepalive(Default::default())),
        ("test_inject", RequestType::TestInject(Default::default())),
        ("job_info", RequestType::JobInfo(Default::default())),
        ("server_info", RequestType::ServerInfo(Default::default())),
        ("check_version", RequestType::CheckVersion(Default::default())),
        ("defer", RequestType::Defer(Default::default())),
        ("sender_mark", RequestType::SenderMark(Default::default())),
        ("sender_read", RequestType::SenderRead(Default::default())),
        ("status_report", RequestType::StatusReport(Default::default())),
        ("summary_record", RequestType::SummaryRecord(Default::default())),
        ("telemetry_record", RequestType::TelemetryRecord(Default::default())),
        ("cancel", RequestType::Cancel(Default::default())),
        ("python_packages", RequestType::PythonPackages(Default::default())),
        ("job_input", RequestType::JobInput(Default::default())),
        ("probe_system_info", RequestType::ProbeSystemInfo(Default::default())),
        ("partial_history", RequestType::PartialHistory(Default::default())),
    ]
}

/// Either an empty response or an error, but something.
fn is_answered(client: &mut Client, name: &str, id: &str) {
    match client.answer_within(id, Duration::from_secs(5)) {
        Reply::Answer(answer) => match error_text(&answer) {
            Some(text) => assert!(!text.is_empty(), "{name}: an error without a text"),
            None => assert!(matches!(result(*answer), ResultType::Response(_)), "{name}: unexpected result"),
        },
        other => panic!("{name}: {other:?}"),
    }
}

// official: differs, none of them is answered
#[test]
fn ipc_42_every_request_with_an_id_is_answered() {
    let mut scene = Scene::new();
    for (name, kind) in unanswered() {
        let id = scene.post(kind);
        if is_official() {
            scene.settle();
            assert_eq!(scene.client.early(), [], "{name}");
        } else {
            is_answered(&mut scene.client, name, &id);
            scene.settle();
        }
    }
}

// official: differs, they are fatal or fail in other ways
#[test]
fn ipc_42_requests_that_nobody_supports_get_an_error() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    for (name, kind) in [
        ("login", RequestType::Login(Default::default())),
        ("sync_finish", RequestType::SyncFinish(Default::default())),
        ("defer", RequestType::Defer(Default::default())),
        ("link_artifact", RequestType::LinkArtifact(Default::default())),
        ("log_artifact", RequestType::LogArtifact(Default::default())),
    ] {
        let id = scene.post(kind);
        is_answered(&mut scene.client, name, &id);
        scene.settle();
    }
}

// official: differs, none of them is answered
#[test]
fn ipc_42_every_record_with_an_id_is_answered() {
    let mut scene = Scene::new();
    let kinds = [
        RecordType::History(Default::default()),
        RecordType::Summary(Default::default()),
        RecordType::Output(Default::default()),
        RecordType::Config(Default::default()),
        RecordType::Files(Default::default()),
        RecordType::Stats(Default::default()),
        RecordType::Artifact(Default::default()),
        RecordType::Alert(Default::default()),
        RecordType::Telemetry(Default::default()),
        RecordType::Metric(Default::default()),
        RecordType::OutputRaw(Default::default()),
        RecordType::OutputLogger(Default::default()),
        RecordType::Final(Default::default()),
        RecordType::Header(Default::default()),
        RecordType::Footer(Default::default()),
        RecordType::Preempting(Default::default()),
        RecordType::NoopLinkArtifact(()),
        RecordType::UseArtifact(Default::default()),
        RecordType::Environment(Default::default()),
    ];
    for kind in kinds {
        let name = runwire_tests::logs::kind_name(&kind);
        let id = scene.run.client.post_record("run1", kind);
        if is_official() {
            scene.settle();
            assert_eq!(scene.client.early(), [], "{name}");
        } else {
            is_answered(&mut scene.client, name, &id);
        }
    }
    scene.settle();
}

// official: differs, it does not answer
#[test]
fn ipc_42_tensorboard_record_with_an_id_is_answered() {
    let mut scene = Scene::new();
    let log_dir = scene.sidecar.dir().join("events");
    std::fs::create_dir(&log_dir).expect("a test's folder can be filled");
    let log_dir = log_dir.to_str().expect("test paths are UTF-8").to_owned();
    let id = scene.run.client.post_record("run1", RecordType::Tbrecord(TbRecord { log_dir, ..Default::default() }));
    if !is_official() {
        is_answered(&mut scene.client, "tbrecord", &id);
    }
    scene.settle();
}

// official: same
#[test]
fn ipc_43_requests_before_any_run_record() {
    let mut scene = Scene::without_run();
    assert_eq!(scene.summary().len(), 0);
    match scene.ask(RequestType::SampledHistory(Default::default())) {
        Some(ResponseType::SampledHistoryResponse(answer)) => assert_eq!(answer.item, []),
        other => panic!("unexpected response {other:?}"),
    }
    match scene.ask(RequestType::PollExit(Default::default())) {
        Some(ResponseType::PollExitResponse(answer)) => {
            let expected = PollExitResponse {
                pusher_stats: Some(Default::default()),
                file_counts: Some(Default::default()),
                operation_stats: Some(Default::default()),
                ..Default::default()
            };
            assert_eq!(answer, expected);
        }
        other => panic!("unexpected response {other:?}"),
    }
    match scene.ask(RequestType::Operations(Default::default())) {
        Some(ResponseType::OperationsResponse(answer)) => {
            assert_eq!(answer.operation_stats.unwrap_or_default(), Default::default());
        }
        other => panic!("unexpected response {other:?}"),
    }
    match scene.ask(RequestType::GetSystemMetrics(Default::default())) {
        Some(ResponseType::GetSystemMetricsResponse(answer)) => assert!(answer.system_metrics.is_empty()),
        other => panic!("unexpected response {other:?}"),
    }
    match scene.ask(RequestType::Attach(Default::default())) {
        Some(ResponseType::AttachResponse(answer)) => assert_eq!(answer, Default::default()),
        other => panic!("unexpected response {other:?}"),
    }
    assert_eq!(scene.step(), 0);
    assert_eq!(scene.messages(), [""; 0]);
}

// official: same
#[test]
fn ipc_43_attach_request_gives_the_started_run() {
    let mut scene = Scene::new();
    match scene.ask(RequestType::Attach(Default::default())) {
        Some(ResponseType::AttachResponse(answer)) => {
            let run = answer.run.expect("the run was started");
            assert_eq!((run.run_id.as_str(), run.project.as_str()), ("run1", "p"));
            assert_eq!(answer.error, None);
        }
        other => panic!("unexpected response {other:?}"),
    }
}

// official: same
#[test]
fn ipc_43_rows_before_any_run_record() {
    let mut scene = Scene::without_run();
    scene.row(&[("x", "1")]);
    assert_eq!(scene.step(), 1);
    assert_eq!(scene.ask(RequestType::RunStart(Default::default())), None);
    assert_eq!(result(scene.ask_record(exit_record(0))), ResultType::ExitResult(Default::default()));
    let log = scene.end_after_exit();
    assert_eq!(log.column("x"), ["1"]);
    assert_eq!(log.exits(), [&RunExitRecord::default()]);
}

// official: same
#[test]
fn ipc_79_run_start_without_its_run() {
    let mut scene = Scene::without_run();
    scene.post_run();
    assert_eq!(scene.ask(RequestType::RunStart(Default::default())), None);
    scene.row(&[("x", "1")]);
    assert_eq!(scene.step(), 1);
    assert_eq!(scene.end().column("x"), ["1"]);
}
