//! API clients of connections: whose they are, how much they do at once, and how they end.

use super::{
    client::{AT_ONCE, WAITING_MAX},
    *,
};
use crate::{
    service::{StopReason, fuzzing::init as run},
    time::Duration,
};

#[test]
fn ids_belong_to_a_connection() {
    let mut world = world();
    assert_eq!(
        (init(&mut world, A), init(&mut world, A), init(&mut world, B)),
        ("api-0".into(), "api-1".into(), "api-0".into())
    );
    let request = |api_id: &str| api("r", api_id, graphql("{a}"));
    world.send(B, &[request("api-1")]);
    assert_eq!(error(answer(&world, B, "r").unwrap()), ("WandbAPI is not initialized".into(), 0));
    world.send(A, &[request("0"), request("api-x"), request("api-1")]);
    assert_eq!(world.answers[&A].len(), 2);
    assert_eq!(sent(&world).len(), 1);
}

#[test]
fn a_client_that_is_given_up_is_unknown() {
    let mut world = world();
    let id = init(&mut world, A);
    let cleanup = || ask("", Kind::ApiCleanupRequest(wire::ServerApiCleanupRequest { api_id: id.clone() }));
    world.send(A, &[api("w", &id, graphql("{a}")), cleanup(), cleanup(), api("r", &id, graphql("{a}"))]);
    assert!(error(answer(&world, A, "w").unwrap()).0.contains("given up"));
    assert_eq!(the_error(&world).0, "WandbAPI is not initialized");
    assert!(sent(&world).is_empty(), "the query is cancelled");
    assert_eq!(init(&mut world, A), "api-1");
}

#[test]
fn a_bad_address_is_refused_at_once_and_a_missing_key_is_not() {
    let mut world = world();
    for bad in
        ["http://[::1", "server", "ftp://h", "http://h:x", "http://", "http://a b", "http://h:70000", "http://:80"]
    {
        let answer = init_with(&mut world, A, wire::Settings { base_url: Some(bad.into()), ..settings() });
        match answer {
            Some(Answer::ErrorResponse(error)) => {
                assert!(error.message.starts_with("error parsing base URL: "), "{bad}")
            }
            other => panic!("{bad}: {other:?}"),
        }
    }
    for good in ["http://[::1]:80/x", "https://u:p@h/", "HTTP://h?x"] {
        let answer = init_with(&mut world, A, wire::Settings { base_url: Some(good.into()), ..settings() });
        assert!(matches!(answer, Some(Answer::ApiInitResponse(_))), "{good}");
    }
    let answer = init_with(&mut world, A, wire::Settings { api_key: None, ..settings() });
    let Some(Answer::ApiInitResponse(answer)) = answer else { panic!("no client without a key") };
    world.send(A, &[api("r", &answer.api_id, viewer())]);
    assert!(!the_one(&world).headers.iter().any(|header| header.is("authorization")));
    serve(&mut world, 401, "");
    assert_eq!(the_error(&world).1, 401);
}

#[test]
fn ten_at_once_and_the_rest_in_order() {
    let mut world = world();
    let id = init(&mut world, A);
    let requests: Vec<_> = (0..25).map(|n| api(&n.to_string(), &id, graphql(&alloc::format!("{{a{n}}}")))).collect();
    world.send(A, &requests);
    assert_eq!(sent(&world).len(), AT_ONCE);
    // The newest is answered first; its place goes to the one that waits longest.
    let newest = sent(&world)[9].0;
    complete(&mut world, newest, status(200, "{}"));
    assert!(answer(&world, A, "9").is_some());
    assert_eq!(body(&sent(&world)[9].1)["query"], "{a10}");
    while !sent(&world).is_empty() {
        assert!(sent(&world).len() <= AT_ONCE);
        serve(&mut world, 200, "{}");
    }
    assert_eq!(world.answers[&A].len(), 25);
}

#[test]
fn a_flood_is_refused_and_not_kept() {
    let mut world = world();
    let id = init(&mut world, A);
    let requests: Vec<_> = (0..WAITING_MAX + 20).map(|n| api(&n.to_string(), &id, graphql("{a}"))).collect();
    world.send(A, &requests);
    assert_eq!(world.answers[&A].len(), 20 - AT_ONCE);
    assert!(error(answer(&world, A, &(WAITING_MAX + 10).to_string()).unwrap()).0.contains("too many requests"));
}

#[test]
fn who_reads_no_answers_gets_no_more_made() {
    let mut world = world();
    let id = init(&mut world, A);
    world.deaf.insert(A);
    let requests: Vec<_> = (0..30).map(|n| api(&n.to_string(), &id, graphql("{a}"))).collect();
    world.send(A, &requests);
    let long = alloc::format!("{{\"data\":\"{}\"}}", "x".repeat(1 << 20));
    for _ in 0..AT_ONCE {
        serve(&mut world, 200, &long);
    }
    assert!(sent(&world).is_empty(), "those that wait are not begun");
    world.deaf.clear();
    world.give(ServiceInput::Sent(A, usize::MAX));
    assert_eq!(sent(&world).len(), AT_ONCE);
}

#[test]
fn a_cancelled_request_is_answered_and_its_late_outcome_means_nothing() {
    let mut world = world();
    let id = init(&mut world, A);
    let requests: Vec<_> = (0..12).map(|n| api(&n.to_string(), &id, graphql("{a}"))).collect();
    world.send(A, &requests);
    let running = sent(&world)[0].0;
    let cancel = |id: &str| ask("", Kind::Cancel(wire::ServerCancelRequest { request_id: id.into() }));
    world.send(A, &[cancel("0"), cancel("11"), cancel("never")]);
    for id in ["0", "11"] {
        assert_eq!(error(answer(&world, A, id).unwrap()).0, "the request was cancelled");
    }
    assert_eq!(sent(&world).len(), AT_ONCE, "another one has its place");
    world.give(ServiceInput::Completed(OWN, running, status(200, "{}")));
    assert_eq!(world.answers[&A].len(), 2);
}

#[test]
fn a_connection_takes_its_requests_with_it() {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[api("r", &id, graphql("{a}"))]);
    world.give(ServiceInput::Ended(A));
    assert!(the_error(&world).0.contains("ended"));
    assert!(world.closed.contains(&A) && sent(&world).is_empty());
    let id = init(&mut world, B);
    world.send(B, &[api("r", &id, graphql("{a}"))]);
    world.give(ServiceInput::Lost(B));
    assert!(sent(&world).is_empty() && answer(&world, B, "r").is_none());
    assert_eq!(world.wake, None);
}

#[test]
fn the_end_of_the_service_waits_for_no_request() {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[run("i", "a"), api("r", &id, graphql("{a}"))]);
    world.give(ServiceInput::Stop(StopReason::Signal));
    world.advance(Duration::from_secs(1));
    assert!(world.finished);
    assert!(the_error(&world).0.contains("ended"));
}

#[test]
fn without_an_id_the_work_is_done_and_nothing_is_said() {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[api("", &id, graphql("mutation M {a}")), api("", "api-9", graphql("{a}"))]);
    serve(&mut world, 200, "{}");
    world.send(A, &[api("t", &id, Request::OpenTelemetryRequest(Default::default()))]);
    assert!(world.answers.get(&A).is_none_or(Vec::is_empty));
}

#[test]
fn a_request_without_a_kind_is_an_error() {
    let mut world = world();
    let api_id = init(&mut world, A);
    world.send(A, &[ask("r", Kind::ApiRequest(wire::ApiRequest { api_id, request: None }))]);
    assert!(the_error(&world).0.starts_with("unsupported API request type: <nil>"));
}

#[test]
fn an_older_client_checks_its_key_without_an_api_client() {
    let login = || {
        let mut world = world();
        let login = wire::ServerAuthenticateRequest {
            api_key: "K".into(),
            base_url: "http://server".into(),
            ..Default::default()
        };
        world.send(A, &[ask("x", Kind::Authenticate(login))]);
        world
    };
    let said = |world: &World| match world.answer(A, "").expect("an answer").server_response_type.clone() {
        Some(Answer::AuthenticateResponse(said)) => (said.default_entity, said.error_status),
        other => panic!("no answer: {other:?}"),
    };
    let mut good = login();
    serve(&mut good, 200, r#"{"data":{"viewer":{"entity":"e"}}}"#);
    assert_eq!(said(&good), ("e".into(), "".into()));
    for (code, body) in [(401, ""), (200, r#"{"data":{"viewer":null}}"#)] {
        let mut bad = login();
        serve(&mut bad, code, body);
        assert_eq!(said(&bad), ("".into(), "Invalid credentials".into()));
    }
    let mut silent = login();
    silent.advance(Duration::from_secs(60));
    assert_eq!(said(&silent).1, "http://server did not answer within 8 s");
}
