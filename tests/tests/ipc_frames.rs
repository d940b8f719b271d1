//! Frames: how they may be cut, and what bad ones do (IPC cases 20 to 27).
#![cfg(unix)]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, all else is a failure")]
use std::time::Duration;

use prost::Message;
use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::server_response::ServerResponseType;
use runwire_proto::wire::{Record, Request, ServerRequest, ServerResponse};
use runwire_tests::client::{Client, Reply, Scene, error_text, frame, header, info, request_frame};
use runwire_tests::sidecar::{Launch, Sidecar, is_official};

/// A bad connection is told why (ours) and closed; the good one goes on.
fn closes_only_its_connection(sidecar: &Sidecar, bad: &[u8], id: &str) {
    let mut good = sidecar.connect();
    let mut client = sidecar.connect();
    client.ping();
    client.send_bytes(bad);
    let answers = client.rest();
    if is_official() {
        assert_eq!(answers, []);
    } else {
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].request_id, id);
        assert!(error_text(&answers[0]).is_some_and(|text| !text.is_empty()), "{answers:?}");
    }
    good.ping();
}

fn ping_kind() -> ServerRequestType {
    ServerRequestType::SyncStatus(Default::default())
}

// official: differs, closes without a word
#[test]
fn ipc_20_wrong_magic_byte() {
    let sidecar = Sidecar::start();
    closes_only_its_connection(&sidecar, b"X\0\0\0\0", "");
    let mut whole = request_frame("id", ping_kind());
    whole[0] = b'X';
    closes_only_its_connection(&sidecar, &whole, "");
}

// official: differs, closes without a word
#[test]
fn ipc_21_empty_frame() {
    closes_only_its_connection(&Sidecar::start(), &frame(b""), "");
}

// official: differs, closes without a word
#[test]
fn ipc_22_only_unknown_fields() {
    // Field 999, varint 1.
    closes_only_its_connection(&Sidecar::start(), &frame(&[0xB8, 0x3E, 0x01]), "");
}

// official: differs, closes without a word
#[test]
fn ipc_22_request_without_a_type() {
    let request = ServerRequest { request_id: "id1".into(), server_request_type: None };
    closes_only_its_connection(&Sidecar::start(), &frame(&request.encode_to_vec()), "id1");
}

// official: differs, closes without a word
#[test]
fn ipc_22_detach_is_not_implemented() {
    let detach = request_frame("id2", ServerRequestType::InformDetach(Default::default()));
    closes_only_its_connection(&Sidecar::start(), &detach, "id2");
}

// official: same
#[test]
fn ipc_23_a_byte_at_a_time() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    for byte in request_frame("slow", ping_kind()) {
        client.send_bytes(&[byte]);
        std::thread::sleep(Duration::from_micros(300));
    }
    assert!(matches!(client.answer("slow").server_response_type, Some(ServerResponseType::SyncStatusResponse(_))));
}

// official: same
#[test]
fn ipc_24_three_frames_in_one_write() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    let bytes = ["a", "b", "c"].map(|id| request_frame(id, ping_kind())).concat();
    client.send_bytes(&bytes);
    let ids: Vec<_> = (0..3).map(|_| client.next(Duration::from_secs(5)).answer().request_id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

// official: same
#[test]
fn ipc_24_frames_cut_anywhere() {
    let sidecar = Sidecar::start();
    let frames: Vec<u8> = (0..40).flat_map(|id| request_frame(&format!("id{id}"), ping_kind())).collect();
    for size in [1, 2, 3, 4, 5, 6, 7, 11, 13, 64] {
        let mut client = sidecar.connect();
        for part in frames.chunks(size) {
            client.send_bytes(part);
        }
        for id in 0..40 {
            assert_eq!(client.next(Duration::from_secs(5)).answer().request_id, format!("id{id}"));
        }
    }
}

// official: same
#[test]
fn ipc_25_sync_status_answers_with_the_same_id() {
    let sidecar = Sidecar::start();
    let mut client = sidecar.connect();
    client.send_as("some-id", ping_kind());
    let expected = ServerResponse {
        request_id: "some-id".into(),
        server_response_type: Some(ServerResponseType::SyncStatusResponse(Default::default())),
    };
    assert_eq!(client.next(Duration::from_secs(5)), Reply::Answer(Box::new(expected)));
}

// official: differs, it accepts the header and buffers whatever comes
#[test]
fn ipc_26_header_that_announces_too_much() {
    let sidecar = Sidecar::start();
    let before = sidecar.resident_kib();
    let mut client = sidecar.connect();
    client.send_bytes(&header(u32::MAX));
    if is_official() {
        client.send_bytes(&[0; 1000]);
    } else {
        let answers = client.rest();
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].request_id, "");
        assert!(error_text(&answers[0]).is_some_and(|text| text.contains("4294967295")), "{answers:?}");
    }
    sidecar.connect().ping();
    assert!(sidecar.resident_kib() < before + 64 * 1024, "memory for a frame that never came");
}

// official: differs, it has no such limit
#[test]
fn ipc_26_limit_of_a_frame() {
    if is_official() {
        return;
    }
    let sidecar = Launch::new().env("RUNWIRE_MAX_FRAME", "100000").start();
    let mut good = sidecar.connect();
    closes_only_its_connection(&sidecar, &header(100_001), "");
    // Exactly the limit is a frame like any other: it is waited for, and its end makes it garbage.
    closes_only_its_connection(&sidecar, &frame(&[0xFF; 100_000]), "");
    good.ping();
}

// official: differs, the whole service ends
#[test]
fn ipc_27_garbage_leaves_other_runs_alone() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    scene.row(&[("loss", "1")]);
    closes_only_its_connection(&scene.sidecar, &frame(&[0xFF; 20]), "");
    // A good id before the damage is given back.
    let mut payload = ServerRequest { request_id: "known".into(), server_request_type: None }.encode_to_vec();
    payload.extend([0x0A, 0x7F]);
    let mut client = scene.connect();
    client.send_bytes(&frame(&payload));
    let answers = client.rest();
    assert_eq!(answers.len(), 1);
    assert!(["", "known"].contains(&answers[0].request_id.as_str()), "{answers:?}");
    assert!(error_text(&answers[0]).is_some());
    scene.row(&[("loss", "2")]);
    assert_eq!(scene.step(), 2);
    assert_eq!(scene.end().column("loss"), ["1", "2"]);
}

fn gives_an_error_and_lives(client: &mut Client, kind: ServerRequestType) {
    let id = client.post(kind);
    match client.answer_within(&id, Duration::from_secs(5)) {
        Reply::Answer(answer) => assert!(error_text(&answer).is_some_and(|text| !text.is_empty()), "{answer:?}"),
        other => panic!("no error answer: {other:?}"),
    }
}

// official: differs, the whole service dies
#[test]
fn ipc_27_messages_without_content_leave_the_service_alive() {
    if is_official() {
        return;
    }
    let mut scene = Scene::new();
    let typeless = Record { info: info("run1"), ..Default::default() };
    let empty = Record { record_type: Some(RecordType::Request(Request::default())), ..typeless.clone() };
    for kind in [
        ServerRequestType::RecordPublish(typeless),
        ServerRequestType::RecordPublish(empty),
        ServerRequestType::RecordPublish(Record::default()),
        ServerRequestType::InformInit(Default::default()),
        ServerRequestType::InitSync(Default::default()),
    ] {
        gives_an_error_and_lives(&mut scene.connect(), kind);
    }
    // This one may succeed: without settings there is nothing to be used, but nothing is asked either.
    scene.connect().ask(ServerRequestType::ApiInitRequest(Default::default()));
    scene.row(&[("loss", "1")]);
    assert_eq!(scene.end().column("loss"), ["1"]);
}

// official: same
#[test]
fn ipc_27_truncated_frame_at_the_end_is_dropped() {
    let scene = Scene::new();
    let mut client = scene.connect();
    let whole = request_frame("cut", ping_kind());
    client.send_bytes(&request_frame("good", ping_kind()));
    client.answer("good");
    client.send_bytes(&whole[..whole.len() - 3]);
    drop(client);
    scene.connect().ping();
}
