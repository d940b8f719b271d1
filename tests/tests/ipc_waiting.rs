//! Order of answers, long polls and their cancellation (IPC cases 44 to 49, run cases 62 and 63).
#![cfg(unix)]
use std::time::Duration;

use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::result::ResultType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{InternalMessagesRequest, PollExitResponse, ServerCancelRequest};
use runwire_tests::client::{Reply, Run, Scene, exit_record, response, result, warnings};

fn wait_for_messages() -> RequestType {
    RequestType::InternalMessages(InternalMessagesRequest { wait: true, info: None })
}

fn poll_exit(run: &mut Run) -> PollExitResponse {
    match run.ask(RequestType::PollExit(Default::default())) {
        Some(ResponseType::PollExitResponse(answer)) => answer,
        other => panic!("unexpected response {other:?}"),
    }
}

fn cancel(id: &str) -> ServerRequestType {
    ServerRequestType::Cancel(ServerCancelRequest { request_id: id.into() })
}

// official: same
#[test]
fn ipc_44_a_step_reflects_everything_before_it() {
    let mut scene = Scene::new();
    for value in 0..300 {
        scene.row(&[("x", &value.to_string())]);
    }
    assert_eq!(scene.step(), 300);
    let ids: Vec<String> = (0..20)
        .map(|value| {
            let id = scene.post(RequestType::HistoryStep(Default::default()));
            scene.row(&[("x", &value.to_string())]);
            id
        })
        .collect();
    for (id, expected) in ids.iter().zip(300..) {
        let answer = scene.client.next(Duration::from_secs(5)).answer();
        assert_eq!(answer.request_id, *id);
        match response(answer) {
            Some(ResponseType::HistoryStepResponse(answer)) => assert_eq!(answer.step, expected),
            other => panic!("unexpected response {other:?}"),
        }
    }
}

// official: same
#[test]
fn ipc_45_poll_exit_before_and_after() {
    let mut scene = Scene::new();
    let before = poll_exit(&mut scene);
    assert!(!before.done);
    assert!(before.pusher_stats.is_some() && before.file_counts.is_some() && before.operation_stats.is_some());
    scene.exit(0);
    let after = poll_exit(&mut scene);
    assert!(after.done);
    assert!(after.pusher_stats.is_some() && after.file_counts.is_some() && after.operation_stats.is_some());
    assert_eq!(after.exit_result, None);
}

// official: same
#[test]
fn ipc_46_messages_wait_for_a_warning() {
    let mut scene = Scene::new();
    let id = scene.post(wait_for_messages());
    scene.row_at(12, &[("x", "1")]);
    assert_eq!(scene.client.answer_within(&id, Duration::from_millis(150)), Reply::Silence);
    scene.row_at(11, &[("x", "2")]);
    let texts = warnings(response(scene.client.answer(&id)));
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("step 11") && texts[0].contains("step 12"), "{texts:?}");
}

// official: same
#[test]
fn ipc_46_a_waiting_message_is_given_at_once() {
    let mut scene = Scene::new();
    scene.row_at(5, &[("x", "1")]);
    scene.row_at(3, &[("x", "2")]);
    let texts = warnings(scene.ask(wait_for_messages()));
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert_eq!(scene.messages(), [""; 0]);
}

// official: same
#[test]
fn ipc_47_exit_ends_the_wait() {
    let mut scene = Scene::new();
    let wait = scene.post(wait_for_messages());
    scene.exit(0);
    assert_eq!(warnings(response(scene.client.answer(&wait))), [""; 0]);
    // A wait that comes later does not hang either.
    assert_eq!(warnings(scene.ask(wait_for_messages())), [""; 0]);
}

// official: same, the cancelled request may or may not be answered
#[test]
fn ipc_48_cancelled_wait() {
    let mut scene = Scene::new();
    for _ in 0..10 {
        let wait = scene.post(wait_for_messages());
        scene.client.send(cancel(&wait));
        scene.settle();
        let answers: Vec<_> = std::iter::from_fn(|| match scene.client.next(Duration::from_millis(20)) {
            Reply::Answer(answer) => Some(answer.request_id),
            Reply::Closed | Reply::Silence => None,
        })
        .collect();
        assert!(answers.is_empty() || answers == [wait.clone()], "{answers:?}");
    }
    // The wait is over: a message is still there for the next one who asks.
    scene.row_at(5, &[("x", "1")]);
    scene.row_at(3, &[("x", "2")]);
    assert_eq!(warnings(scene.ask(wait_for_messages())).len(), 1);
}

// official: same
#[test]
fn ipc_49_cancel_of_an_unknown_request() {
    let mut scene = Scene::new();
    scene.client.send(cancel("nobody"));
    scene.client.send(cancel(""));
    scene.settle();
    assert_eq!(scene.client.early(), []);
}

// official: same
#[test]
fn ipc_49_cancel_reaches_no_other_connection() {
    let mut scene = Scene::new();
    let wait = scene.post(wait_for_messages());
    let mut other = scene.connect();
    other.send(cancel(&wait));
    other.ping();
    scene.row_at(5, &[("x", "1")]);
    scene.row_at(3, &[("x", "2")]);
    assert_eq!(warnings(response(scene.client.answer(&wait))).len(), 1);
}

// official: same
#[test]
fn run_62_messages_without_waiting() {
    let mut scene = Scene::new();
    assert_eq!(scene.messages(), [""; 0]);
    scene.row_at(5, &[("x", "1")]);
    scene.row_at(4, &[("x", "2")]);
    scene.row_at(3, &[("x", "2")]);
    assert_eq!(scene.messages().len(), 2);
    assert_eq!(scene.messages(), [""; 0]);
}

// official: same
#[test]
fn run_63_done_is_false_until_the_exit_was_answered() {
    let mut scene = Scene::new();
    for value in 0..100 {
        scene.row(&[("x", &value.to_string())]);
    }
    assert!(!poll_exit(&mut scene).done);
    let answer = scene.ask_record(exit_record(3));
    assert_eq!(result(answer), ResultType::ExitResult(Default::default()));
    assert!(poll_exit(&mut scene).done);
}
