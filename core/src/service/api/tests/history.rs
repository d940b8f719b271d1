//! Scans of a run's rows.

use super::*;
use wire::{read_run_history_request::Request as Ask, read_run_history_response::Response as Done};

fn history(request: Ask) -> Request {
    Request::ReadRunHistoryRequest(wire::ReadRunHistoryRequest { request: Some(request) })
}

fn scan(request_id: i32, min_step: i64, max_step: i64) -> Request {
    history(Ask::ScanRunHistory(wire::ScanRunHistory { min_step, max_step, request_id }))
}

fn begun(keys: &[&str]) -> (World, String) {
    let mut world = world();
    let id = init(&mut world, A);
    let begin = wire::ScanRunHistoryInit {
        entity: "e".into(),
        project: "p".into(),
        run_id: "x".into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        use_cache: true,
    };
    world.send(A, &[api("init-scan", &id, history(Ask::ScanRunHistoryInit(begin)))]);
    match answer(&world, A, "init-scan") {
        Some(Response::ReadRunHistoryResponse(wire::ReadRunHistoryResponse {
            response: Some(Done::ScanRunHistoryInit(scan)),
        })) => assert_eq!(scan.request_id, 1),
        other => panic!("no scan: {other:?}"),
    }
    (world, id)
}

fn rows(world: &World) -> Vec<Vec<(String, String)>> {
    match the_answer(world) {
        Response::ReadRunHistoryResponse(wire::ReadRunHistoryResponse { response: Some(Done::RunHistory(rows)) }) => {
            rows.history_rows
                .into_iter()
                .map(|row| row.history_items.into_iter().map(|item| (item.key, item.value_json)).collect())
                .collect()
        }
        other => panic!("no rows: {other:?}"),
    }
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_string(), value.to_string())
}

#[test]
fn all_rows_of_a_range_with_every_digit() {
    let (mut world, id) = begun(&[]);
    world.send(A, &[api("r", &id, scan(1, 5, 1005))]);
    let asked = body(&the_one(&world));
    assert_eq!(asked["operationName"], "HistoryPage");
    assert_eq!((&asked["variables"]["minStep"], &asked["variables"]["pageSize"]), (&5.into(), &1000.into()));
    let page = r#"{"data":{"project":{"run":{"history":["{\"_step\":5,\"a\\\"b\":1.10,\"n\":1152921504606846976}","{\"x\":[1,{\"y\":NaN}]}"]}}}}"#;
    serve(&mut world, 200, page);
    let expected = [
        alloc::vec![pair("_step", "5"), pair("a\"b", "1.10"), pair("n", "1152921504606846976")],
        alloc::vec![pair("x", "[1,{\"y\":NaN}]")],
    ];
    assert_eq!(rows(&world), expected);
}

#[test]
fn some_keys_of_a_range() {
    let (mut world, id) = begun(&["loss"]);
    world.send(A, &[api("r", &id, scan(1, 0, 10))]);
    let asked = body(&the_one(&world));
    let spec: serde_json::Value = serde_json::from_str(asked["variables"]["spec"].as_str().unwrap()).unwrap();
    assert_eq!(spec, serde_json::json!({"keys": ["_step", "loss"], "minStep": 0, "maxStep": 9, "samples": 10}));
    let page =
        r#"{"data":{"project":{"run":{"sampledHistory":[ [ {"_step":0,"loss":"],\\"} , {"_step":1,"loss":2} ] ]}}}}"#;
    serve(&mut world, 200, page);
    let expected = [
        alloc::vec![pair("_step", "0"), pair("loss", r#""],\\""#)],
        alloc::vec![pair("_step", "1"), pair("loss", "2")],
    ];
    assert_eq!(rows(&world), expected);
}

#[test]
fn a_scan_is_known_until_it_is_ended() {
    let (mut world, id) = begun(&[]);
    world.send(A, &[api("r", &id, scan(1, 5, 5))]);
    assert!(rows(&world).is_empty() && sent(&world).is_empty());
    let end = history(Ask::ScanRunHistoryCleanup(wire::ScanRunHistoryCleanup { request_id: 1 }));
    world.send(A, &[api("", &id, end), api("late", &id, scan(1, 0, 5))]);
    assert_eq!(error(answer(&world, A, "late").unwrap()).0, "Run history scan not initialized.");
}

#[test]
fn a_run_that_is_not_there() {
    for data in [r#"{"project":null}"#, r#"{"project":{"run":null}}"#, "null"] {
        let (mut world, id) = begun(&[]);
        world.send(A, &[api("r", &id, scan(1, 0, 5))]);
        serve(&mut world, 200, &alloc::format!("{{\"data\":{data}}}"));
        assert!(the_error(&world).0.starts_with("no history found for run x"), "{data}");
    }
}

#[test]
fn exported_files_are_not_downloaded() {
    let world = once(history(Ask::DownloadRunHistoryInit(wire::DownloadRunHistoryInit::default())));
    assert!(the_error(&world).0.contains("scan_history"));
    let world = once(history(Ask::DownloadRunHistoryStatus(wire::DownloadRunHistoryStatus { request_id: 1 })));
    assert_eq!(the_error(&world).0, "Download operation not found.");
}
