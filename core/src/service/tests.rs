//! Connections and runs that must not disturb each other.
#![allow(clippy::wildcard_enum_match_arm)]

use super::fuzzing::{World, ask, exit, finish, frames, info, init, record, row};
use super::*;
use alloc::{string::ToString, vec::Vec};
use runwire_proto::{
    frame,
    wire::{
        self, record::RecordType, request::RequestType, server_request::ServerRequestType as Kind,
        server_response::ServerResponseType as Answer,
    },
};

const A: ClientId = ClientId(1);
const B: ClientId = ClientId(2);

fn world() -> World {
    with(Limits::default())
}

fn with(limits: Limits) -> World {
    let mut world = World::new(limits);
    world.give(ServiceInput::Connected(A));
    world.give(ServiceInput::Connected(B));
    world
}

fn rows(world: &World, key: u64) -> usize {
    let records = world.records(StreamKey(key));
    records.iter().filter(|r| matches!(r.record_type, Some(RecordType::History(_)))).count()
}

fn exits(world: &World, key: u64) -> Vec<i32> {
    let exit = |r: wire::Record| match r.record_type {
        Some(RecordType::Exit(exit)) => Some(exit.exit_code),
        _ => None,
    };
    world.records(StreamKey(key)).into_iter().filter_map(exit).collect()
}

fn error(world: &World, client: ClientId, id: &str) -> Option<String> {
    match &world.answer(client, id)?.server_response_type {
        Some(Answer::ErrorResponse(error)) => Some(error.message.clone()),
        _ => None,
    }
}

fn request(id: &str, run: &str, kind: RequestType) -> wire::ServerRequest {
    record(id, run, RecordType::Request(wire::Request { request_type: Some(kind) }))
}

fn status(id: &str, run: &str) -> wire::ServerRequest {
    request(id, run, RequestType::Status(Default::default()))
}

fn poll(id: &str, run: &str) -> wire::ServerRequest {
    request(id, run, RequestType::InternalMessages(wire::InternalMessagesRequest { wait: true, info: None }))
}

fn teardown(exit_code: i32) -> wire::ServerRequest {
    ask("", Kind::InformTeardown(wire::ServerInformTeardownRequest { exit_code, info: None }))
}

#[test]
fn two_connections_have_their_own_runs_answers_and_request_ids() {
    let mut world = world();
    world.send(A, &[init("1", "a"), row("a", 1), row("a", 2)]);
    world.send(B, &[init("1", "b"), row("b", 1), exit("2", "b"), finish("", "b")]);
    assert_eq!((world.answers[&A].len(), world.answers[&B].len()), (1, 2));
    assert_eq!(world.ended.keys().copied().collect::<Vec<_>>(), [StreamKey(2)]);
    world.send(A, &[exit("2", "a"), finish("", "a")]);
    assert_eq!((rows(&world, 1), rows(&world, 2)), (2, 1));
    assert_eq!(world.service.runs(), 0);
}

#[test]
fn a_malformed_frame_costs_its_connection_only() {
    let mut world = world();
    world.send(A, &[init("i", "a"), row("a", 1)]);
    world.send(B, &[init("i", "b")]);
    world.give(ServiceInput::Received(A, Bytes::from_static(b"Xnonsense")));
    assert!(world.closed.contains(&A) && !world.closed.contains(&B));
    assert!(error(&world, A, "").is_some(), "it is told why");
    world.give(ServiceInput::Received(A, Bytes::from(frames(&[row("a", 2)]))));
    world.send(B, &[row("b", 1), exit("e", "b"), finish("", "b")]);
    assert_eq!(rows(&world, 2), 1);
    // The run of the closed connection goes on and ends with the service.
    world.send(B, &[row("a", 3), teardown(0)]);
    world.advance(Duration::from_secs(1));
    assert!(world.finished);
    assert_eq!(rows(&world, 1), 2);
}

#[test]
fn unread_answers_stall_only_their_connection() {
    let mut world = with(Limits { unsent_bytes_max: 50, ..Limits::default() });
    world.send(A, &[init("i", "a")]);
    world.deaf.insert(A);
    let many: Vec<_> = (0..20).map(|n| status(&n.to_string(), "a")).collect();
    world.send(A, &many);
    let answered = world.answers[&A].len();
    assert!(answered < 20 && world.paused.contains(&A));
    world.send(B, &[status("s", "a"), init("i", "b"), exit("e", "b")]);
    assert!(world.answer(B, "s").is_some() && world.answer(B, "e").is_some());
    world.deaf.remove(&A);
    world.give(ServiceInput::Sent(A, 10_000));
    assert_eq!(world.answers[&A].len(), 21);
    assert!(world.paused.is_empty());
}

#[test]
fn a_hanging_disk_stalls_only_the_connections_that_write_to_its_run() {
    let mut world = with(Limits { backlog_bytes_soft: 200, ..Limits::default() });
    world.send(A, &[init("i", "a")]);
    world.send(B, &[init("i", "b")]);
    world.hanging.insert(StreamKey(1));
    let many: Vec<_> = (0..20).map(|n| row("a", n)).collect();
    world.send(A, &many);
    assert!(world.paused.contains(&A));
    world.send(B, &[row("b", 1), exit("e", "b"), finish("", "b")]);
    assert_eq!((rows(&world, 2), exits(&world, 2)), (1, [0].to_vec()));
    world.hanging.clear();
    world.advance(Duration::from_secs(1));
    world.send(A, &[exit("e", "a"), finish("", "a")]);
    assert_eq!(rows(&world, 1), 20);
}

#[test]
fn what_a_lost_connection_had_sent_is_kept_until_its_run_takes_it() {
    let mut world = with(Limits { backlog_bytes_soft: 200, ..Limits::default() });
    world.send(A, &[init("i", "a")]);
    world.hanging.insert(StreamKey(1));
    let mut all: Vec<_> = (0..20).map(|n| row("a", n)).collect();
    all.push(status("s", "a"));
    world.send(A, &all);
    world.give(ServiceInput::Lost(A));
    assert!(!world.closed.contains(&A), "the connection is gone already");
    world.hanging.clear();
    world.advance(Duration::from_secs(1));
    world.send(B, &[exit("e", "a"), finish("", "a")]);
    assert_eq!(rows(&world, 1), 20);
    assert!(world.answer(A, "s").is_none(), "answers have nowhere to go");
}

#[test]
fn a_half_closed_connection_gets_all_answers_and_is_closed_then() {
    let mut world = world();
    world.send(A, &[init("i", "a"), poll("p", "a"), row("a", 1)]);
    world.hanging.insert(StreamKey(1));
    world.send(A, &[exit("e", "a")]);
    world.give(ServiceInput::Ended(A));
    assert!(world.answer(A, "p").is_some(), "a poll of a client that sends no more is over");
    assert!(world.answer(A, "e").is_none() && !world.closed.contains(&A));
    world.hanging.clear();
    world.give(ServiceInput::Tick);
    assert!(world.answer(A, "e").is_some() && world.closed.contains(&A));
}

#[test]
fn a_teardown_ends_every_run_with_its_exit_code() {
    let mut world = world();
    world.send(A, &[init("i", "a"), row("a", 1), poll("p", "a")]);
    world.send(B, &[init("i", "b"), exit("e", "b")]);
    world.send(A, &[teardown(7)]);
    world.advance(Duration::from_secs(1));
    assert!(world.finished && world.stopped_listening);
    assert_eq!((exits(&world, 1), exits(&world, 2)), ([7].to_vec(), [0].to_vec()));
    assert!(world.answer(A, "p").is_some(), "a long poll ends with its run");
    assert_eq!(world.closed.len(), 2);
}

#[test]
fn a_run_that_comes_while_the_others_end_is_declined_and_does_not_keep_the_service() {
    let mut world = world();
    world.send(A, &[init("i", "a")]);
    world.hanging.insert(StreamKey(1));
    world.give(ServiceInput::Stop(StopReason::Signal));
    assert!(!world.finished);
    world.send(B, &[init("late", "b")]);
    assert!(error(&world, B, "late").is_some());
    world.hanging.clear();
    world.give(ServiceInput::Tick);
    assert!(world.finished);
}

#[test]
fn a_panic_costs_its_run_only_and_whoever_waits_is_told() {
    let mut world = world();
    world.send(A, &[init("i", "a"), poll("p", "a")]);
    world.send(B, &[init("i", "b"), poll("p", "b")]);
    // As it is after a panic inside this run's engine.
    world.service.feeding = Some(StreamKey(1));
    world.service.recover_from_panic();
    // The caller polls before the next input.
    let mut outputs = Vec::new();
    loop {
        match world.service.poll_output() {
            ServiceOutput::Wait(_) => break,
            output => outputs.push(output),
        }
    }
    assert!(matches!(&outputs[0], ServiceOutput::Send(client, _) if *client == A), "{outputs:?}");
    assert!(matches!(&outputs[1], ServiceOutput::Ended(StreamKey(1), _)), "{outputs:?}");
    assert_eq!(world.service.runs(), 1);
    world.send(A, &[status("s", "a"), init("again", "a")]);
    assert!(error(&world, A, "s").is_some());
    assert!(world.answer(A, "again").is_some_and(|a| a.server_response_type.is_none()));
    world.send(B, &[row("b", 1), exit("e", "b")]);
    assert!(world.answer(B, "p").is_some() && world.answer(B, "e").is_some());
}

#[test]
fn requests_behind_the_one_that_panicked_are_taken_after_it() {
    let mut world = world();
    world.send(A, &[init("i", "a")]);
    world.send(B, &[init("i", "b")]);
    // As it is after a panic: the request behind it has been cut from the stream, and nothing will wake its connection.
    let behind = Bytes::from(frames(&[status("behind", "b")])).slice(frame::HEADER_LEN..);
    world.service.connections.get_mut(&B).unwrap().held = Some(behind);
    world.service.feeding = Some(StreamKey(1));
    world.service.recover_from_panic();
    while !matches!(world.service.poll_output(), ServiceOutput::Wait(_)) {}
    world.give(ServiceInput::Tick);
    assert!(world.answer(B, "behind").is_some());
}

#[test]
fn another_connection_can_attach_and_write_to_the_run() {
    let mut world = world();
    world.send(A, &[init("i", "a")]);
    let attach = |id: &str, run: &str| ask(id, Kind::InformAttach(wire::ServerInformAttachRequest { info: info(run) }));
    world.send(B, &[attach("1", "a"), attach("2", "nobody"), row("a", 1)]);
    let Some(Answer::InformAttachResponse(answer)) = &world.answer(B, "1").unwrap().server_response_type else {
        panic!("attached");
    };
    assert_eq!(answer.settings.as_ref().and_then(|s| s.run_id.as_deref()), Some("a"));
    assert!(error(&world, B, "2").is_some());
    world.send(A, &[exit("e", "a")]);
    assert_eq!(rows(&world, 1), 1);
}

#[test]
fn a_cancelled_wait_is_not_answered_and_the_request_id_is_free_again() {
    let mut world = world();
    let cancel = ask("", Kind::Cancel(wire::ServerCancelRequest { request_id: "p".into() }));
    world.send(A, &[init("i", "a"), poll("p", "a"), cancel, poll("q", "a")]);
    world.send(A, &[exit("e", "a")]);
    assert!(world.answer(A, "p").is_none());
    assert!(world.answer(A, "q").is_some() && world.answer(A, "e").is_some());
}

#[test]
fn a_run_id_is_free_again_once_its_run_is_finished() {
    let mut world = world();
    world.send(A, &[init("1", "a"), row("a", 1), init("2", "a")]);
    assert!(error(&world, A, "2").is_some_and(|why| why.contains("in use")));
    world.send(A, &[exit("e", "a"), finish("", "a"), row("a", 2)]);
    world.send(B, &[init("3", "a"), row("a", 3), exit("4", "a"), finish("", "a")]);
    assert_eq!(error(&world, B, "3"), None);
    assert_eq!((rows(&world, 1), rows(&world, 2)), (1, 1), "a row after the finish belongs to no run");
}
