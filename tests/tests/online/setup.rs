//! Setting a run up: what is asked and sent, and what a client is told when the server does not have it.

use std::time::Duration;

use runwire_proto::wire::error_info::ErrorCode;
use runwire_proto::wire::{ConfigRecord, record::RecordType};
use runwire_tests::client::{Run, config_item};
use runwire_tests::online::{Backend, Online, exit, set_up};
use serde_json::{Value, json};

const UPSERT: &str = "graphql:UpsertBucket";

/// The error of a setup whose first upsert gets this answer, and how many upserts there were.
fn refused(fault: Value) -> (String, i32, usize) {
    let backend = Backend::start();
    backend.fault(fault);
    let setup = set_up(&backend.url(), |_| {}, |_| {});
    (setup.error().message.clone(), setup.error().code, backend.count(UPSERT))
}

fn set_config(run: &mut Run, key: &str, value: &str) {
    let update = vec![config_item(&[key], value)];
    run.send(RecordType::Config(ConfigRecord { update, ..Default::default() }));
}

#[test]
fn backend_01_an_empty_run() {
    let (state, backend) = Online::new().end();
    assert_eq!(backend.count(UPSERT), 1);
    let last = backend.pushes().pop().expect("there is a last push");
    assert_eq!((&last["complete"], &last["exitcode"]), (&json!(true), &json!(0)));
    assert_eq!(state["state"], "finished");
    assert_eq!(runwire_tests::online::files(&state), ["config.yaml", "wandb-summary.json"]);
}

#[test]
fn backend_06_the_key_goes_to_the_server_and_not_to_storage() {
    let mut online = Online::new();
    online.log_rows(1);
    let (_, backend) = online.end();
    for kind in ["graphql", "file_stream"] {
        for request in backend.requests(kind) {
            assert_eq!(request["headers"]["authorization"], "Basic <redacted>", "{kind}");
            assert_eq!(request["auth"], "ok");
        }
    }
    let uploads = backend.requests("upload");
    assert!(!uploads.is_empty());
    assert!(uploads.iter().all(|upload| upload["headers"].get("authorization").is_none()));
}

#[test]
fn backend_07_and_08_extra_headers_but_no_other_credentials() {
    let mut online = Online::with(|settings| {
        let headers = [("X-Foo", "bar"), ("User-Agent", "mine"), ("authorization", "Bearer theirs")];
        let value = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings.x_extra_http_headers = Some(runwire_proto::wire::MapStringKeyStringValue { value });
    });
    online.log_rows(1);
    let (_, backend) = online.end();
    for kind in ["graphql", "file_stream"] {
        for request in backend.requests(kind) {
            let headers = &request["headers"];
            assert_eq!((&headers["x-foo"], &headers["user-agent"]), (&json!("bar"), &json!("mine")), "{kind}");
            assert_eq!(headers["authorization"], "Basic <redacted>");
        }
    }
}

#[test]
fn backend_08_no_other_credentials_for_the_server() {
    let mut online = Online::with(|settings| {
        let value = [("AUTHORIZATION".to_owned(), "Bearer theirs".to_owned())].into();
        settings.x_extra_http_headers = Some(runwire_proto::wire::MapStringKeyStringValue { value });
    });
    online.log_rows(1);
    let (_, backend) = online.end();
    // As with the official client, storage on the server's own origin gets all that the user wants to have said there;
    // unlike with it, no other storage does.
    let uploads = backend.requests("upload");
    assert!(!uploads.is_empty() && uploads.iter().all(|put| put["headers"]["authorization"].is_string()));
    let all: Vec<Value> = [backend.requests("graphql"), backend.requests("file_stream")].concat();
    assert!(all.len() > 2 && all.iter().all(|one| one["headers"]["authorization"] == "Basic <redacted>"), "{all:?}");
    assert!(all.iter().all(|one| one["auth"] == "ok"));
}

#[test]
fn backend_09_an_address_with_a_path() {
    let backend = Backend::start();
    let setup = set_up(&format!("{}/sub", backend.url()), |settings| settings.init_timeout = Some(2.0), |_| {});
    assert!(setup.answer.is_err(), "nobody serves that path here");
    let paths: Vec<Value> = backend.requests("any").iter().map(|request| request["path"].clone()).collect();
    assert!(!paths.is_empty() && paths.iter().all(|path| path == "/sub/graphql"), "{paths:?}");
}

#[test]
fn backend_10_names_are_escaped_in_paths() {
    let backend = Backend::start();
    let setup = set_up(
        &backend.url(),
        |_| {},
        |run| {
            run.entity = "e t".into();
            run.project = "my proj".into();
        },
    );
    let mut online = setup.begin(backend);
    online.log_rows(1);
    online.exit(0);
    let push = &online.backend.requests("file_stream")[0];
    assert_eq!(push["path"], "/files/e%20t/my%20proj/run1/file_stream");
    assert_eq!(online.backend.run("e t/my proj/run1")["state"], "finished");
}

#[test]
fn backend_11_all_variables_first_then_only_the_config() {
    let mut online = Online::new();
    set_config(&mut online, "b", "2");
    let (state, backend) = online.end();
    let sent = backend.variables("UpsertBucket");
    assert_eq!(sent.len(), 2);
    let (first, second) = (sent[0].as_object().expect("an object"), sent[1].as_object().expect("an object"));
    assert_eq!((first.len(), second.len()), (19, 19));
    assert_eq!((&first["name"], &first["host"]), (&json!("run1"), &json!("machine")));
    let told: Vec<&String> = second.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name).collect();
    assert_eq!(told, ["config", "entity", "name", "project"]);
    assert_eq!(state["config"]["b"]["value"], 2);
}

#[test]
fn backend_12_changes_are_gathered() {
    let mut online = Online::new();
    for value in ["1", "2", "3"] {
        set_config(&mut online, "b", value);
        online.settle();
    }
    let (state, backend) = online.end();
    assert_eq!(backend.count(UPSERT), 2);
    assert_eq!(state["config"]["b"]["value"], 3);
}

#[test]
fn backend_13_the_names_of_the_answer_count() {
    let backend = Backend::start();
    let bucket = json!({
        "id": "abc", "name": "other", "displayName": "d", "sweepName": null, "historyLineCount": 0,
        "project": {"id": "p", "name": "pro", "entity": {"id": "e", "name": "ent"}},
    });
    backend.fault(json!({
        "on": UPSERT, "status": 200, "body": {"data": {"upsertBucket": {"bucket": bucket, "inserted": true}}},
    }));
    let mut online = set_up(&backend.url(), |_| {}, |_| {}).begin(backend);
    online.log_rows(1);
    let pushes = online.backend.await_requests("file_stream", 1);
    assert_eq!(pushes[0]["path"], "/files/ent/pro/other/file_stream");
}

#[test]
fn backend_14_an_answer_without_a_run() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "apply": true, "status": 200, "body": {"data": {"upsertBucket": null}}}));
    let mut online = set_up(&backend.url(), |_| {}, |_| {}).begin(backend);
    online.log_rows(2);
    let (state, _) = online.end();
    assert_eq!(state["history"].as_array().map(Vec::len), Some(2));
}

#[test]
fn backend_15_a_conflict_is_tried_again() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 409, "times": 2}));
    let setup = set_up(&backend.url(), |_| {}, |_| {});
    assert!(setup.answer.is_ok());
    assert_eq!(backend.count(UPSERT), 3);
}

#[test]
fn backend_16_and_run_07_the_reason_of_a_refusal() {
    for status in [400, 401, 403, 404, 410, 422] {
        let (message, code, count) =
            refused(json!({"on": UPSERT, "status": status, "body": {"errors": [{"message": "M"}]}, "times": -1}));
        assert_eq!((message.as_str(), code, count), ("M", i32::from(ErrorCode::Communication), 1), "{status}");
    }
}

#[test]
fn run_07_a_refusal_whose_body_is_of_another_form() {
    for status in [400, 401, 403, 404, 410, 422] {
        let (message, code, count) =
            refused(json!({"on": UPSERT, "status": status, "body": {"error": "not today"}, "times": -1}));
        assert_eq!((code, count), (i32::from(ErrorCode::Communication), 1), "{status}");
        // The official client says `<no message>`.
        assert!(message.contains("not today"), "{status}: {message}");
    }
}

#[test]
fn backend_17_a_refusal_without_a_reason() {
    let (message, ..) = refused(json!({"on": UPSERT, "status": 404, "body": "<html>not here</html>"}));
    assert_eq!(message, "<html>not here</html>");
    let (message, ..) = refused(json!({"on": UPSERT, "status": 404, "body": ""}));
    assert_eq!(message, "<no message>");
}

#[test]
fn backend_18_and_run_08_the_wait_for_a_server_is_bounded() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 409, "body": "conflict", "times": -1}));
    let setup = set_up(&backend.url(), |settings| settings.init_timeout = Some(1.0), |_| {});
    assert!(setup.error().message.starts_with("Timed out while retrying: HTTP 409: conflict"), "{:?}", setup.answer);
    assert!(setup.error().message.contains("init_timeout"));
    assert!(setup.took >= Duration::from_millis(950) && setup.took < Duration::from_secs(6), "{:?}", setup.took);
}

#[test]
fn backend_19_a_lost_answer() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "apply": true, "close": true}));
    let mut online = set_up(&backend.url(), |_| {}, |_| {}).begin(backend);
    assert_eq!(online.backend.count(UPSERT), 2);
    online.log_rows(1);
    let (state, _) = online.end();
    assert_eq!(state["history"].as_array().map(Vec::len), Some(1));
    assert_eq!(state["counters"]["conflicts"], 0);
}

#[test]
fn backend_20_a_refused_update_is_repeated_at_the_end() {
    // The official client drops it without a word; ours tells it again with the next chance.
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "skip": 1, "status": 403}));
    let mut online = Online::on(backend, |_| {});
    set_config(&mut online, "b", "7");
    online.backend.await_requests(UPSERT, 2);
    let (state, _) = online.end();
    assert_eq!(state["state"], "finished");
    assert_eq!(state["config"]["b"]["value"], 7);
}

#[test]
fn run_09_errors_in_a_good_answer() {
    let (message, code, count) =
        refused(json!({"on": UPSERT, "status": 200, "body": {"errors": [{"message": "gql err"}]}}));
    assert_eq!(message, "Error initializing run: input: gql err\n");
    assert_eq!((code, count), (ErrorCode::Unknown.into(), 1));
}

#[test]
fn run_10_no_data_in_a_good_answer() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 200, "body": {"data": null}}));
    let setup = set_up(&backend.url(), |_| {}, |_| {});
    let run = setup.answer.expect("that counts as success");
    assert_eq!((run.storage_id.as_str(), run.run_id.as_str()), ("", "run1"));
}

#[test]
fn run_11_the_end_after_a_failed_setup() {
    let backend = Backend::start();
    backend.fault(json!({"on": UPSERT, "status": 403, "times": -1}));
    let mut setup = set_up(&backend.url(), |_| {}, |_| {});
    assert!(setup.answer.is_err());
    let before = std::time::Instant::now();
    assert!(!exit(&mut setup.run, 0).timed_out);
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    assert_eq!(backend.count("file_stream"), 0);
}

#[test]
fn backend_71_a_wrong_key_is_told_at_once() {
    let backend = Backend::with(|options| options.keys = vec!["k".repeat(40)]);
    let setup = set_up(&backend.url(), |_| {}, |_| {});
    assert!(setup.answer.is_err());
    assert!(setup.took < Duration::from_secs(2), "{:?}", setup.took);
    assert_eq!(backend.count(UPSERT), 1);
}

#[test]
fn backend_72_no_server() {
    let url = Backend::start().url();
    let setup = set_up(&url, |settings| settings.init_timeout = Some(1.0), |_| {});
    let message = &setup.error().message;
    assert!(message.starts_with("Timed out while retrying: "), "{message}");
    assert!(message.to_lowercase().contains("refused") || message.contains("reach"), "no cause: {message}");
    assert!(setup.took < Duration::from_secs(6));
}
