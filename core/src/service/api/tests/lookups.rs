//! Requests that are more than a query: who the user is, what the server can do, files, runs, queues, console.

use super::*;
use crate::{
    completion::FileStat,
    net::Method,
    time::{Duration, UnixNanos},
};
use wire::{auth_request, auth_response, features_request, features_response};

const VIEWER: &str = r#"{"data":{"viewer":{"id":"1","entity":"e","username":"u","email":null,
    "flags":"{\"code_saving_enabled\": true}","teams":{"edges":[{"node":{"name":"t"}},{"node":null}]}}}}"#;

fn user(world: &World) -> wire::AuthenticateResponse {
    match the_answer(world) {
        Response::AuthResponse(wire::AuthResponse {
            response: Some(auth_response::Response::AuthenticateResponse(user)),
        }) => user,
        other => panic!("no user: {other:?}"),
    }
}

#[test]
fn the_user_is_who_the_server_says() {
    let mut world = once(viewer());
    assert_eq!(body(&the_one(&world))["operationName"], "Viewer");
    serve(&mut world, 200, VIEWER);
    let user = user(&world);
    assert_eq!((user.default_entity.as_str(), user.username.as_str(), user.email.as_str()), ("e", "u", ""));
    assert_eq!(
        (user.teams, user.flags_json.as_str()),
        (alloc::vec!["t".to_string()], "{\"code_saving_enabled\": true}")
    );
}

#[test]
fn a_user_with_errors_beside_is_a_user() {
    let mut world = once(viewer());
    serve(&mut world, 200, r#"{"errors":[{"message":"teams"}],"data":{"viewer":{"username":"u","entity":null}}}"#);
    assert_eq!(user(&world).username, "u");
}

#[test]
fn bad_credentials_are_told_apart_from_a_bad_server() {
    let after = |code: u16, body: &str| {
        let mut world = once(viewer());
        serve(&mut world, code, body);
        the_error(&world)
    };
    assert!(after(200, r#"{"data":{"viewer":null}}"#).0.starts_with("invalid credentials:"));
    assert_eq!(after(200, r#"{"data":{"viewer":null},"errors":[{"message":"m"}]}"#).0, "input: m\n");
    assert_eq!(after(401, r#"{"errors":[{"message":"no"}]}"#), ("no".into(), 401));
    let mut silent = once(viewer());
    silent.advance(Duration::from_secs(9));
    assert_eq!(the_error(&silent).0, "http://server:80 did not answer within 8 s");
    assert!(sent(&silent).is_empty(), "nothing is waited for any more");
}

#[test]
fn a_client_with_a_key_needs_no_token() {
    let request = Some(auth_request::Request::GetAccessTokenRequest(wire::GetAccessTokenRequest {}));
    let world = once(Request::AuthRequest(wire::AuthRequest { request }));
    assert!(sent(&world).is_empty());
    match the_answer(&world) {
        Response::AuthResponse(wire::AuthResponse {
            response: Some(auth_response::Response::GetAccessTokenResponse(token)),
        }) => assert_eq!(token.access_token, ""),
        other => panic!("no token: {other:?}"),
    }
}

fn files_wanted(world: &World) -> Vec<(EffectId, String)> {
    let read = |(_, id, effect): &(_, EffectId, Effect)| match effect {
        Effect::ReadFile { path, .. } => Some((*id, path.clone())),
        _ => None,
    };
    world.held.iter().filter_map(read).collect()
}

/// A client whose identity is in a file, after it was asked for the user.
fn with_identity(request: Request) -> World {
    let mut world = world();
    let settings = wire::Settings { identity_token_file: Some("/identity".into()), ..settings() };
    let id = match init_with(&mut world, A, settings) {
        Some(Answer::ApiInitResponse(answer)) => answer.api_id,
        other => panic!("no init: {other:?}"),
    };
    world.send(A, &[api("r", &id, request)]);
    world
}

#[test]
fn backend_67_a_client_with_an_identity_exchanges_it_and_renews_what_is_refused() {
    let mut world = with_identity(viewer());
    let [(id, path)] = &files_wanted(&world)[..] else { panic!("one file is read first: {:?}", world.held) };
    assert_eq!(path, "/identity");
    complete(&mut world, *id, Completion::Read("who-i-am".to_string().into()));
    assert!(the_one(&world).url.ends_with("/oidc/token"), "{}", the_one(&world).url);
    serve(&mut world, 200, r#"{"access_token":"t1","expires_in":3600}"#);
    let authorization = |request: &HttpRequest| {
        let found = request.headers.iter().find(|header| header.is("authorization"));
        found.map(|header| header.value.reveal().to_string())
    };
    let first = the_one(&world);
    assert!(authorization(&first).is_some_and(|value| value == "Bearer t1"), "{first:?}");
    serve(&mut world, 401, "{}");
    let (id, _) = files_wanted(&world)[0].clone();
    complete(&mut world, id, Completion::Read("who-i-am".to_string().into()));
    serve(&mut world, 200, r#"{"access_token":"t2","expires_in":3600}"#);
    assert!(authorization(&the_one(&world)).is_some_and(|value| value == "Bearer t2"));
    serve(&mut world, 200, r#"{"data":{"viewer":{"username":"u","entity":"e","teams":{"edges":[]}}}}"#);
    assert_eq!(user(&world).username, "u");
}

#[test]
fn who_asks_for_the_token_itself_gets_it_or_hears_why_not() {
    let wanted = || {
        let request = Some(auth_request::Request::GetAccessTokenRequest(wire::GetAccessTokenRequest {}));
        with_identity(Request::AuthRequest(wire::AuthRequest { request }))
    };
    let mut world = wanted();
    let (id, _) = files_wanted(&world)[0].clone();
    complete(&mut world, id, Completion::Read("who-i-am".to_string().into()));
    serve(&mut world, 200, r#"{"access_token":"t1","expires_in":3600}"#);
    match the_answer(&world) {
        Response::AuthResponse(wire::AuthResponse {
            response: Some(auth_response::Response::GetAccessTokenResponse(token)),
        }) => assert_eq!(token.access_token, "t1"),
        other => panic!("no token: {other:?}"),
    }
    let mut world = wanted();
    let (id, _) = files_wanted(&world)[0].clone();
    let gone = Failure { kind: FailureKind::NotFound, message: "no such file".into() };
    complete(&mut world, id, Completion::Failed(gone));
    let (message, _) = the_error(&world);
    assert!(message.contains("couldn't fetch access token") && message.contains("/identity"), "{message}");
}

#[test]
fn requests_that_name_nothing_are_errors() {
    let unsupported = [
        Request::AuthRequest(wire::AuthRequest::default()),
        Request::FeaturesRequest(wire::FeaturesRequest::default()),
        Request::RunQueueOperationRequest(wire::RunQueueOperationRequest::default()),
        Request::ReadRunHistoryRequest(wire::ReadRunHistoryRequest::default()),
    ];
    for request in unsupported {
        assert!(the_error(&once(request)).0.starts_with("unsupported "));
    }
}

fn features(asked: &[i32]) -> Request {
    let request = Some(features_request::Request::Server(wire::ServerFeaturesRequest { features: asked.to_vec() }));
    Request::FeaturesRequest(wire::FeaturesRequest { request })
}

fn enabled(world: &World, id: &str) -> Vec<i32> {
    match answer(world, A, id) {
        Some(Response::FeaturesResponse(wire::FeaturesResponse {
            response: Some(features_response::Response::Server(server)),
        })) => server.enabled,
        other => panic!("no features: {other:?}"),
    }
}

const TWO: &str = r#"{"data":{"serverInfo":{"features":[{"name":"LARGE_FILENAMES","isEnabled":true},{"name":"NEW","isEnabled":true},
    {"name":"ARTIFACT_TAGS","isEnabled":true},{"name":"CLIENT_IDS","isEnabled":false}]}}}"#;

#[test]
fn features_are_asked_for_once() {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[api("1", &id, features(&[17, 1, 2])), api("2", &id, features(&[2]))]);
    serve(&mut world, 200, TWO);
    assert_eq!((enabled(&world, "1"), enabled(&world, "2")), (alloc::vec![17, 1], alloc::vec![]));
    world.send(A, &[api("3", &id, features(&[1, 17]))]);
    assert_eq!(enabled(&world, "3"), [1, 17]);
    assert!(sent(&world).is_empty(), "it is known");
}

#[test]
fn a_server_that_does_not_say_what_it_can_do_is_asked_again() {
    let mut world = world();
    let id = init(&mut world, A);
    world.send(A, &[api("1", &id, features(&[17]))]);
    serve(&mut world, 400, "{}");
    assert!(enabled(&world, "1").is_empty());
    world.send(A, &[api("2", &id, features(&[17]))]);
    serve(&mut world, 200, TWO);
    assert_eq!(enabled(&world, "2"), [17]);
}

#[test]
fn features_of_an_organization() {
    let ask = |org: &str, features: &[&str]| {
        let features = features.iter().map(ToString::to_string).collect();
        let request = Some(features_request::Request::Org(wire::OrgFeaturesRequest { org: org.into(), features }));
        once(Request::FeaturesRequest(wire::FeaturesRequest { request }))
    };
    assert_eq!(the_error(&ask("", &["x"])).0, "org is required to check organization feature flags");
    let empty = ask("o", &[]);
    assert!(sent(&empty).is_empty() && matches!(the_answer(&empty), Response::FeaturesResponse(_)));
    let mut world = ask("o", &["x", "z"]);
    let flags = r#"{"data":{"organization":{"featureFlags":[{"rampKey":"x","isEnabled":true},{"rampKey":"y","isEnabled":true}]}}}"#;
    serve(&mut world, 200, flags);
    match the_answer(&world) {
        Response::FeaturesResponse(wire::FeaturesResponse {
            response: Some(features_response::Response::Org(org)),
        }) => {
            assert_eq!(org.features.into_iter().collect::<Vec<_>>(), [("x".to_string(), true)]);
        }
        other => panic!("no flags: {other:?}"),
    }
}

#[test]
fn a_download_goes_to_its_file() {
    let download = |url: &str| {
        once(Request::DownloadFileRequest(wire::DownloadFileRequest { path: "/d/f".into(), url: url.into(), size: 3 }))
    };
    let mut world = download("http://server:80/files/f");
    let request = the_one(&world);
    assert_eq!((request.method, request.save_to.as_deref()), (Method::Get, Some("/d/f")));
    assert!(request.headers.iter().any(|h| h.is("authorization")));
    serve(&mut world, 200, "");
    assert!(matches!(the_answer(&world), Response::DownloadFileResponse(_)));
    let mut world = download("http://store/f?sig=1");
    assert!(!the_one(&world).headers.iter().any(|h| h.is("authorization")));
    serve(&mut world, 404, "gone");
    assert_eq!(the_error(&world), ("file transfer: download: failed to download: status: 404: body: gone".into(), 404));
}

#[test]
fn an_upload_is_of_a_file_that_is_there() {
    let upload = || {
        once(Request::UploadFileRequest(wire::UploadFileRequest {
            path: "/d/f".into(),
            url: "http://store/f?sig=1".into(),
            headers: [("Content-Type".to_string(), "a:b".to_string())].into(),
        }))
    };
    let stat = |world: &mut World, stat: Option<FileStat>| {
        let id = world.held.iter().find(|(_, _, e)| matches!(e, Effect::StatFiles { .. })).unwrap().1;
        complete(world, id, Completion::Stats(alloc::vec![stat]));
    };
    let mut world = upload();
    stat(&mut world, None);
    assert!(the_error(&world).0.starts_with("open /d/f: no such file or directory"));
    let mut world = upload();
    stat(&mut world, Some(FileStat { len: 3, modified: UnixNanos(0) }));
    let request = the_one(&world);
    assert_eq!((request.method, request.body.clone()), (Method::Put, Body::File { path: "/d/f".into(), len: 3 }));
    assert!(request.headers.iter().any(|h| h.is("content-type") && h.value.reveal() == "a:b"));
    serve(&mut world, 200, "");
    assert!(matches!(the_answer(&world), Response::UploadFileResponse(_)));
    let mut world = upload();
    let id = world.held[0].1;
    complete(&mut world, id, broken());
    assert!(the_error(&world).0.contains("the line is cut"));
}

#[test]
fn mutations_carry_what_was_asked() {
    let none = wire::MarkRunFilesUploadedRequest::default();
    let world = once(Request::MarkRunFilesUploadedRequest(none.clone()));
    assert!(sent(&world).is_empty() && matches!(the_answer(&world), Response::MarkRunFilesUploadedResponse(_)));
    let mut world = once(Request::MarkRunFilesUploadedRequest(wire::MarkRunFilesUploadedRequest {
        files: alloc::vec!["f".into()],
        ..none
    }));
    assert_eq!(body(&the_one(&world))["variables"]["files"], serde_json::json!(["f"]));
    serve(&mut world, 200, r#"{"data":{"markRunFilesUploaded":{"success":false}}}"#);
    assert!(matches!(the_answer(&world), Response::MarkRunFilesUploadedResponse(_)));

    let mut world = once(Request::StopRunRequest(wire::StopRunRequest { storage_id: "S".into() }));
    assert_eq!(body(&the_one(&world))["variables"], serde_json::json!({"id": "S"}));
    serve(&mut world, 200, r#"{"data":{"stopRun":{"success":true}}}"#);
    assert!(matches!(the_answer(&world), Response::StopRunResponse(_)));

    let chart = || once(Request::CreateCustomChartRequest(wire::CreateCustomChartRequest::default()));
    let mut world = chart();
    serve(&mut world, 200, r#"{"data":{"createCustomChart":{"chart":{"id":"c"}}}}"#);
    assert!(matches!(the_answer(&world), Response::CreateCustomChartResponse(made) if made.chart_id == "c"));
    let mut world = chart();
    serve(&mut world, 200, r#"{"data":{"createCustomChart":null}}"#);
    assert!(the_error(&world).0.starts_with("failed to create custom chart"));
}

#[test]
fn run_queues() {
    use wire::{run_queue_operation_request::Operation, run_queue_operation_response::Operation as Done};
    let ask = |operation: Operation| {
        once(Request::RunQueueOperationRequest(wire::RunQueueOperationRequest { operation: Some(operation) }))
    };
    let mut world = ask(Operation::CreateRunQueueRequest(wire::CreateRunQueueRequest::default()));
    assert!(body(&the_one(&world))["variables"]["prioritizationMode"].is_null());
    serve(&mut world, 200, r#"{"data":{"createRunQueue":{"success":true,"queueID":"q"}}}"#);
    match the_answer(&world) {
        Response::RunQueueOperationResponse(wire::RunQueueOperationResponse {
            operation: Some(Done::CreateRunQueueResponse(made)),
        }) => assert!(made.success && made.queue_id == "q"),
        other => panic!("no queue: {other:?}"),
    }
    let mut world = ask(Operation::UpsertRunQueueRequest(wire::UpsertRunQueueRequest::default()));
    serve(&mut world, 200, r#"{"data":{"upsertRunQueue":{"success":false,"configSchemaValidationErrors":["v"]}}}"#);
    match the_answer(&world) {
        Response::RunQueueOperationResponse(wire::RunQueueOperationResponse {
            operation: Some(Done::UpsertRunQueueResponse(made)),
        }) => assert_eq!(made.config_schema_validation_errors, ["v"]),
        other => panic!("no queue: {other:?}"),
    }
    let mut world = ask(Operation::CreateDefaultResourceConfigRequest(Default::default()));
    serve(&mut world, 200, r#"{"data":{"createDefaultResourceConfig":null}}"#);
    assert!(the_error(&world).0.starts_with("failed to create the default resource config"));
}

#[test]
fn console_lines() {
    let ask = |first: Option<i32>, after: Option<&str>, last: Option<i32>| {
        once(Request::ReadRunConsoleLogsRequest(wire::ReadRunConsoleLogsRequest {
            entity: "e".into(),
            project: "p".into(),
            run_id: "r".into(),
            first,
            after: after.map(String::from),
            last,
        }))
    };
    assert_eq!(the_error(&ask(Some(1), None, Some(1))).0, "cannot combine 'last' with 'first' or 'after'");
    assert_eq!(the_error(&ask(None, Some("c"), Some(1))).0, "cannot combine 'last' with 'first' or 'after'");
    assert_eq!(the_error(&ask(None, None, Some(0))).0, "'last' must be positive");
    assert_eq!(the_error(&ask(Some(-1), None, None)).0, "'first' must be positive");
    let mut world = ask(None, None, Some(2));
    serve(&mut world, 200, r#"{"data":{"project":{"run":null}}}"#);
    assert_eq!(the_error(&world).0, "run e/p/r not found");
    let lines = |world: &World| match the_answer(world) {
        Response::ReadRunConsoleLogsResponse(lines) => lines,
        other => panic!("no lines: {other:?}"),
    };
    let mut world = ask(None, None, Some(2));
    serve(&mut world, 200, r#"{"data":{"project":{"run":{"logLines":null}}}}"#);
    assert!(lines(&world).lines.is_empty());
    for (cursor, more) in [("c", true), ("", false)] {
        let mut world = ask(Some(10), Some("b"), None);
        assert_eq!(body(&the_one(&world))["variables"]["after"], "b");
        let page = alloc::format!(
            r#"{{"data":{{"project":{{"run":{{"logLineCount":20,"logLines":{{"edges":[{{"node":{{"number":9,"line":"x","level":null}}}}],
            "pageInfo":{{"endCursor":"{cursor}","hasNextPage":false}}}}}}}}}}}}"#
        );
        serve(&mut world, 200, &page);
        let page = lines(&world);
        assert_eq!((page.has_next_page, page.lines[0].content.as_str(), page.total_lines), (more, "x", 20));
    }
}
