//! Queries: what is sent, what comes back, and every way to fail.

use super::*;
use crate::{net::Method, time::Duration};

fn query(request: wire::GraphQlRequest) -> World {
    once(Request::GraphqlRequest(request))
}

#[test]
fn a_query_goes_as_it_is_and_its_data_comes_back_as_they_are() {
    let text = "query  Runs # why\n { a,b }";
    let variables = r#"{"n": 9007199254740993, "x": 1e400}"#;
    let mut world =
        query(wire::GraphQlRequest { query: text.into(), variables_json: variables.into(), ..Default::default() });
    let request = the_one(&world);
    assert_eq!((request.method, request.url.as_str()), (Method::Post, "http://server:80/graphql"));
    let raw = raw_body(&request);
    let raw = core::str::from_utf8(&raw).unwrap();
    assert!(raw.ends_with(&alloc::format!(",\"variables\":{variables}}}")), "{raw}");
    assert!(raw.contains("\"operationName\":\"Runs\"") && raw.contains("query  Runs # why\\n { a,b }"), "{raw}");
    let header = |name: &str| request.headers.iter().find(|h| h.is(name)).map(|h| h.value.reveal().to_string());
    assert_eq!(header("authorization").as_deref(), Some("Basic YXBpOks="));
    assert_eq!(header("user-agent").as_deref(), Some("W&B Public Client 0.31.0"));
    serve(&mut world, 200, "{\"extensions\":{}, \"data\" : {\"b\": 1.0,  \"a\":9007199254740993}}");
    assert_eq!(data(&world), "{\"b\": 1.0,  \"a\":9007199254740993}");
}

#[test]
fn a_body_without_data_is_null() {
    let mut world = once(graphql("{a}"));
    assert!(body(&the_one(&world)).get("operationName").is_none());
    assert!(body(&the_one(&world)).get("variables").is_none());
    serve(&mut world, 200, "{}");
    assert_eq!(data(&world), "null");
}

#[test]
fn bad_variables_are_told_here() {
    for bad in ["{bad", "[1]", "1", "{\"a\": NaN}", "{} {}"] {
        let world =
            query(wire::GraphQlRequest { query: "{a}".into(), variables_json: bad.into(), ..Default::default() });
        assert!(the_error(&world).0.starts_with("decode GraphQL variables: "), "{bad}");
        assert!(sent(&world).is_empty());
    }
    let null = wire::GraphQlRequest { query: "{a}".into(), variables_json: "null".into(), ..Default::default() };
    assert!(body(&the_one(&query(null)))["variables"].is_null());
}

#[test]
fn what_an_old_server_does_not_know_is_taken_out() {
    let world = query(wire::GraphQlRequest {
        query: "query Q($a: Int, $b: Int) {viewer(x: $a, y: $b) {id username old: bogus ...F}} fragment F on V {c}"
            .into(),
        omit_variables: alloc::vec!["a".into()],
        omit_fields: alloc::vec!["username".into()],
        omit_fragments: alloc::vec!["F".into()],
        rename_fields: [("bogus".to_string(), "name".to_string())].into(),
        ..Default::default()
    });
    let sent = body(&the_one(&world));
    assert_eq!(sent["query"], "query Q($b: Int) { viewer(y: $b) { id old: name } }\n");
    assert_eq!(sent["operationName"], "Q");
    let broken =
        wire::GraphQlRequest { query: "query {".into(), omit_fields: alloc::vec!["a".into()], ..Default::default() };
    let message = the_error(&query(broken)).0;
    assert!(message.starts_with("gqlcompat: rewrite GraphQL for older W&B server compatibility: parse: "), "{message}");
    assert_eq!(body(&the_one(&once(graphql("query {"))))["query"], "query {", "without a list the server judges");
}

#[test]
fn every_refusal_has_its_form() {
    let after = |code: u16, body: &str| {
        let mut world = once(graphql("{a}"));
        serve(&mut world, code, body);
        assert!(sent(&world).is_empty(), "not tried again");
        the_error(&world)
    };
    assert_eq!(after(404, "{\"data\":null}"), ("returned error 404: {\"data\":null}".into(), 404));
    assert_eq!(after(401, ""), ("returned error 401: <no message>".into(), 401));
    assert_eq!(after(400, r#"{"errors":[{"message":"m1"}]}"#), ("m1".into(), 400));
    assert_eq!(after(409, r#"{"errors":[{"message":"m1"},{"message":"m2"}]}"#), ("[m1; m2]".into(), 409));
    let long = alloc::format!(r#"{{"pad":"{}","errors":[{{"message":"m1"}}]}}"#, "x".repeat(5000));
    assert_eq!(after(403, &long), ("m1".into(), 403));
    let partial = r#"{"errors":[{"message":"gq1","path":["a",0,"b"]},{"message":"gq2"}],"data":{"a":1}}"#;
    assert_eq!(after(200, partial), ("input: a[0].b gq1\ninput: gq2\n".into(), 0));
    let (message, status) = after(200, "<html>");
    assert!(message.contains("<html>") && status == 0, "{message}");
    assert!(after(200, "[]").0.contains("no object"));
}

#[test]
fn a_failing_server_is_asked_again_and_then_named() {
    let mut world = once(graphql("{a}"));
    serve(&mut world, 500, "why");
    assert!(sent(&world).is_empty() && answer(&world, A, "r").is_none());
    world.advance(Duration::from_secs(5));
    serve(&mut world, 500, "why");
    let expected = "POST http://server:80/graphql giving up after 2 attempt(s)\nwhile retrying: HTTP 500: why";
    assert_eq!(the_error(&world), (expected.into(), 0));
}

#[test]
fn a_cut_line_is_tried_again() {
    let mut world = once(graphql("{a}"));
    let id = sent(&world)[0].0;
    complete(&mut world, id, broken());
    world.advance(Duration::from_secs(5));
    serve(&mut world, 200, "{\"data\":{}}");
    assert_eq!(data(&world), "{}");
}

#[test]
fn an_answer_that_never_comes_is_a_failure_in_the_end() {
    let mut world = once(graphql("{a}"));
    world.advance(Duration::from_secs(200));
    assert!(the_error(&world).0.contains("giving up after 2 attempt(s)"), "{:?}", the_error(&world));
}

#[test]
fn an_answer_too_long_says_so() {
    let mut world = once(graphql("{a}"));
    let bytes = the_one(&world).answer_bytes_max;
    serve(&mut world, 200, &" ".repeat(bytes));
    assert!(the_error(&world).0.contains("longer than 64 MiB"));
}
