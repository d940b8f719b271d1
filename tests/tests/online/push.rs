//! Pushes to the file stream: what is in them, when they go, and what becomes of those that are not taken.

use std::time::{Duration, Instant};

use runwire_proto::wire::record::RecordType;
use runwire_proto::wire::request::RequestType;
use runwire_proto::wire::response::ResponseType;
use runwire_proto::wire::server_request::ServerRequestType;
use runwire_proto::wire::{RunPreemptingRecord, ServerCancelRequest, Settings, StopStatusRequest};
use runwire_tests::client::exit_record;
use runwire_tests::online::{Backend, Online, exit, rows};
use runwire_tests::sidecar::await_that;
use serde_json::{Value, json};

const PUSH: &str = "file_stream";

/// A run that logs some rows while this fault is there; gives the server's state and the server.
fn with_fault(fault: Value, change: impl FnOnce(&mut Settings)) -> (Value, Backend) {
    let backend = Backend::start();
    backend.fault(fault);
    let mut online = Online::on(backend, change);
    online.log_rows(3);
    online.end()
}

/// Whether the server has three rows, once each, and the end.
#[track_caller]
fn assert_whole(state: &Value) {
    let values: Vec<Value> = rows(state).iter().map(|row| row["x"].clone()).collect();
    assert_eq!(values, [0, 1, 2]);
    assert_eq!(state["state"], "finished");
    assert_eq!((&state["counters"]["conflicts"], &state["counters"]["gaps"]), (&json!(0), &json!(0)));
}

fn gaps(backend: &Backend) -> Vec<u64> {
    backend.requests(PUSH).iter().filter_map(|push| push["gap_ms"].as_u64()).collect()
}

/// Offsets and lengths of all successful pushes of rows, in order.
fn chunks(backend: &Backend) -> Vec<(u64, usize)> {
    let good = backend.requests(PUSH).into_iter().filter(|push| push["status"] == 200);
    good.filter_map(|push| {
        let chunk = push["body"]["files"].get("wandb-history.jsonl")?.clone();
        Some((chunk["offset"].as_u64()?, chunk["content"].as_array()?.len()))
    })
    .collect()
}

#[track_caller]
fn assert_seamless(chunks: &[(u64, usize)], rows: u64) {
    let mut next = 0;
    for (offset, count) in chunks {
        assert_eq!(*offset, next, "a gap or an overlap in {chunks:?}");
        next += *count as u64;
    }
    assert_eq!(next, rows);
}

#[test]
fn backend_02_each_row_once_at_its_offset() {
    let mut online = Online::new();
    online.log_rows(3);
    let (state, backend) = online.end();
    assert_whole(&state);
    assert_seamless(&chunks(&backend), 3);
}

#[test]
fn backend_03_and_04_the_first_push_is_at_once_the_second_after_the_interval() {
    // The official client takes 0.7 for its default of 15 seconds; ours keeps it.
    let mut online = Online::with(|settings| settings.x_file_stream_transmit_interval = Some(0.7));
    let start = Instant::now();
    online.log_rows(1);
    online.backend.await_requests(PUSH, 1);
    assert!(start.elapsed() < Duration::from_millis(650), "{:?}", start.elapsed());
    online.log_rows(1);
    let pushes = online.backend.await_requests(PUSH, 2);
    let at = |number: usize| pushes[number]["t_ms"].as_u64().expect("a time");
    assert!((690..3000).contains(&(at(1) - at(0))), "{} ms", at(1) - at(0));
}

#[test]
fn backend_04_an_interval_below_a_second_is_kept() {
    // The official client cuts 0.4 to whole seconds and then takes its default of 15.
    let mut online = Online::with(|settings| settings.x_file_stream_transmit_interval = Some(0.4));
    for pushes in 1..=4 {
        online.log_rows(1);
        online.backend.await_requests(PUSH, pushes);
    }
    let gaps = gaps(&online.backend);
    assert!(gaps[..3].iter().all(|gap| (380..3000).contains(gap)), "{gaps:?}");
}

#[test]
fn backend_05_a_run_that_logs_nothing_says_that_it_lives() {
    // Two of them, and one after a push, are seen in virtual time: `backend_05_beats_follow_the_last_push`.
    let mut online = Online::new();
    std::thread::sleep(Duration::from_millis(29_000));
    assert_eq!(online.backend.count(PUSH), 0);
    online.backend.await_requests(PUSH, 1);
    assert_eq!(online.backend.pushes(), [json!({})]);
    online.log_rows(1);
    assert_eq!(rows(&online.end().0).len(), 1);
}

#[test]
fn backend_29_a_push_is_repeated_as_it_is() {
    let (state, backend) = with_fault(json!({"on": PUSH, "status": 503, "times": 3}), |settings| {
        settings.x_file_stream_retry_wait_min_seconds = Some(0.2);
    });
    assert_whole(&state);
    let pushes = backend.requests(PUSH);
    assert!(pushes[..4].iter().all(|push| push["body_md5"] == pushes[0]["body_md5"]));
    let gaps = gaps(&backend);
    for (gap, wanted) in gaps.iter().zip([200, 400, 800]) {
        assert!((wanted - 2..wanted * 5 / 4 + 250).contains(gap), "{gap} instead of {wanted}");
    }
}

#[test]
fn backend_30_the_server_says_when() {
    // A tenth more at most, so that not all clients come back at once; the official client adds nothing.
    for (value, wanted) in [("1", 1000), ("0.5", 500), ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("-5", 100)] {
        let fault = json!({"on": PUSH, "status": 429, "headers": {"Retry-After": value}});
        let (state, backend) = with_fault(fault, |settings| settings.x_file_stream_retry_wait_max_seconds = Some(0.3));
        assert_whole(&state);
        let gap = gaps(&backend)[0];
        assert!((wanted - wanted.min(2)..wanted * 5 / 4 + 250).contains(&gap), "{value}: {gap} ms");
    }
}

#[test]
fn backend_31_what_may_pass_is_tried_again() {
    for status in [408, 418, 451, 600] {
        let (state, _) = with_fault(json!({"on": PUSH, "status": status, "times": 2}), |_| {});
        assert_whole(&state);
    }
}

#[test]
fn backend_31_a_refusal_for_a_moment_loses_nothing() {
    // The official client's stream is dead after one of these; ours waits and asks again.
    for status in [400, 401, 403, 404, 409, 410, 413, 422, 501] {
        let (state, _) = with_fault(json!({"on": PUSH, "status": status}), |_| {});
        assert_whole(&state);
    }
}

#[test]
fn backend_31_and_32_a_refusal_for_good_ends_with_a_word_to_the_user() {
    for (status, retries) in [(403, None), (500, Some(2))] {
        let backend = Backend::start();
        backend.fault(json!({"on": PUSH, "status": status, "times": -1}));
        let mut online = Online::on(backend, |settings| settings.x_file_stream_retry_max = retries);
        online.log_rows(3);
        online.backend.await_requests(PUSH, 1);
        let start = Instant::now();
        online.exit(0);
        assert!(start.elapsed() < Duration::from_secs(12), "{status}: {:?}", start.elapsed());
        let told = online.messages().join("\n");
        assert!(told.contains(&format!("HTTP {status}")) && told.contains("runwire sync"), "{told}");
        let state = online.state();
        assert_eq!(state["history"], json!([]));
        let uploads = online.backend.requests("upload");
        let config = |put: &Value| put["path"].as_str().is_some_and(|path| path.contains("config.yaml"));
        assert!(uploads.iter().any(config), "files go their own way");
        online.finish();
        online.teardown(0);
        assert_eq!(online.log().rows().len(), 3, "all is in the log");
    }
}

#[test]
fn backend_32_a_push_has_as_many_attempts_as_the_user_allows() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 500, "times": -1}));
    let mut online = Online::on(backend, |settings| {
        settings.x_file_stream_retry_max = Some(3);
        settings.x_file_stream_retry_wait_max_seconds = Some(0.1);
    });
    online.log_rows(3);
    let pushes = online.backend.await_requests(PUSH, 4);
    assert!(pushes[1..4].iter().all(|push| push["body_md5"] == pushes[0]["body_md5"]));
    // The official client's stream is dead now; ours keeps everything and asks again from time to time.
    online.backend.controls().clear_faults();
    online.exit(0);
    assert_whole(&online.state());
}

#[test]
fn backend_33_an_interrupt_of_the_end_ends_it_at_once() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 500, "times": -1}));
    let mut online = Online::on(backend, |_| {});
    online.log_rows(3);
    online.backend.await_requests(PUSH, 1);
    // What the official client does at Ctrl-C: it gives up its wait for the exit.
    let waited = online.run.client.post_record("run1", exit_record(255));
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    online.run.client.send(ServerRequestType::Cancel(ServerCancelRequest { request_id: waited }));
    let told = await_that("a word to the user", || {
        let told = online.messages().join("\n");
        (!told.is_empty()).then_some(told)
    });
    assert!(told.contains("runwire sync"), "{told}");
    online.finish();
    online.teardown(255);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((online.log().rows().len(), online.log().exit_code()), (3, 255));
}

#[test]
fn backend_33_finish_timeout_bounds_the_end() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "status": 500, "times": -1}));
    let mut online = Online::on(backend, |settings| settings.finish_timeout = Some(1.5));
    online.log_rows(3);
    let start = Instant::now();
    let answer = exit(&mut online, 0);
    assert!(answer.timed_out);
    assert!((1400..6000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    let told = online.messages().join("\n");
    assert!(told.contains("HTTP 500") && told.contains("runwire sync"), "{told}");
    assert!(told.contains("finish_timeout") && told.contains("left: 3 lines"), "{told}");
}

#[test]
fn backend_34_applied_but_not_answered() {
    let (state, backend) = with_fault(json!({"on": PUSH, "apply": true, "close": true, "times": 2}), |_| {});
    assert_whole(&state);
    let pushes = backend.requests(PUSH);
    assert_eq!(pushes[0]["body_md5"], pushes[2]["body_md5"]);
    assert!(state["counters"]["duplicates"].as_u64().is_some_and(|count| count > 0), "{}", state["counters"]);
}

#[test]
fn backend_35_a_slow_answer_is_not_waited_for() {
    let (state, backend) = with_fault(json!({"on": PUSH, "apply": true, "delay_ms": 3000}), |settings| {
        settings.x_file_stream_timeout_seconds = Some(0.5);
    });
    assert_whole(&state);
    let pushes = backend.requests(PUSH);
    assert_ne!(pushes[0]["conn"], pushes[1]["conn"]);
}

#[test]
fn backend_36_and_38_odd_answers_are_success() {
    for body in [json!("<html>"), json!({"exitcode": 5, "limits": {"rate_limit_seconds": 0.2, "hb_interval": 30}})] {
        // What no server of this kind can have said is asked again; the same lines at the same offsets do no harm.
        let (state, _) = with_fault(json!({"on": PUSH, "apply": true, "status": 200, "body": body}), |_| {});
        assert_whole(&state);
        assert_eq!(state["exit_code"], 0);
    }
}

#[test]
fn backend_38_an_answer_does_not_end_or_slow_the_run() {
    let backend = Backend::start();
    let body = json!({"exitcode": 5, "limits": {"rate_limit_seconds": 600, "hb_interval": 600}});
    backend.fault(json!({"on": PUSH, "apply": true, "status": 200, "times": -1, "body": body}));
    let mut online = Online::on(backend, |_| {});
    for pushes in 1..=3 {
        online.log_rows(1);
        online.backend.await_requests(PUSH, pushes);
    }
    let (state, backend) = online.end();
    assert_eq!((&state["exit_code"], rows(&state).len()), (&json!(0), 3));
    assert!(gaps(&backend).iter().all(|gap| *gap < 5000), "{:?}", gaps(&backend));
}

#[test]
fn run_61_the_wish_to_stop_stays() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "apply": true, "status": 200, "body": {"stopped": true}}));
    let mut online = Online::on(backend, |_| {});
    let asked = |online: &mut Online| match online.ask(RequestType::StopStatus(StopStatusRequest::default())) {
        Some(ResponseType::StopStatusResponse(answer)) => answer.run_should_stop,
        other => panic!("expected a stop status, got {other:?}"),
    };
    online.log_rows(1);
    await_that("the wish to stop", || asked(&mut online).then_some(()));
    online.log_rows(1);
    online.backend.await_answered(PUSH, 2);
    online.settle();
    assert!(asked(&mut online), "a later answer without the word takes nothing back");
    assert_eq!(rows(&online.end().0).len(), 2, "pushes go on");
}

#[test]
fn backend_37_and_run_61_the_server_wants_the_run_to_stop() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "apply": true, "status": 200, "body": {"stopped": true}}));
    let mut online = Online::on(backend, |_| {});
    let asked = |online: &mut Online| match online.ask(RequestType::StopStatus(StopStatusRequest::default())) {
        Some(ResponseType::StopStatusResponse(answer)) => answer.run_should_stop,
        other => panic!("expected a stop status, got {other:?}"),
    };
    assert!(!asked(&mut online));
    online.log_rows(3);
    await_that("the wish to stop", || asked(&mut online).then_some(()));
    let (state, _) = online.end();
    assert_whole(&state);
}

#[test]
fn backend_39_the_last_push_is_repeated() {
    let (state, backend) =
        with_fault(json!({"on": PUSH, "contains": "\"complete\":true", "status": 503, "times": 2}), |_| {});
    assert_whole(&state);
    let pushes = backend.requests(PUSH);
    let last = &pushes[pushes.len() - 3..];
    assert!(last.iter().all(|push| push["body_md5"] == last[0]["body_md5"]), "{last:?}");
}

#[test]
fn run_30_one_warning_for_many_long_rows() {
    let mut online = Online::with(|settings| settings.x_file_stream_max_line_bytes = Some(300));
    for key in ["a", "b", "c"] {
        online.row(&[(key, &format!("\"{}\"", "x".repeat(400)))]);
    }
    online.log_rows(1);
    let (told, state) = {
        online.exit(0);
        (online.messages(), online.state())
    };
    let long: Vec<&String> = told.iter().filter(|text| text.contains(" > 300)")).collect();
    assert_eq!(long.len(), 1, "{told:?}");
    // Ours: the values are left out and not the rows.
    assert_eq!(rows(&state).len(), 4);
    for key in ["a", "b", "c"] {
        assert_eq!(state["summary"][key], "x".repeat(400), "the summary has what the row lost");
    }
}

#[test]
fn backend_40_and_run_30_a_row_that_is_too_long() {
    let mut online = Online::with(|settings| settings.x_file_stream_max_line_bytes = Some(300));
    online.log_rows(1);
    online.row(&[("long", &format!("\"{}\"", "x".repeat(470))), ("short", "1")]);
    online.log_rows(1);
    online.settle();
    let told = await_that("the warning", || {
        let told = online.messages().join("\n");
        (!told.is_empty()).then_some(told)
    });
    assert!(told.contains("300"), "{told}");
    let (state, backend) = online.end();
    // Ours: the value is left out and not the row.
    assert_eq!(rows(&state).len(), 3);
    assert_eq!((&rows(&state)[1]["short"], &rows(&state)[1]["long"]), (&json!(1), &json!(null)));
    assert_seamless(&chunks(&backend), 3);
    assert_eq!(state["summary"]["long"], "x".repeat(470));
}

#[test]
fn backend_41_a_row_beyond_every_limit() {
    let mut online = Online::new();
    online.row(&[("huge", &format!("\"{}\"", "x".repeat(12 << 20)))]);
    online.log_rows(1);
    let (state, backend) = online.end();
    // Ours: the row is there without the value.
    assert_eq!(rows(&state).len(), 2);
    assert_eq!(rows(&state)[0]["huge"], json!(null));
    assert_eq!(state["state"], "finished");
    assert_seamless(&chunks(&backend), 2);
}

#[test]
fn backend_42_large_rows_leave_in_pushes_of_bounded_size() {
    let mut online = Online::new();
    let text = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..12 {
        online.row(&[("text", &text)]);
    }
    let (state, backend) = online.end();
    assert_eq!(state["history"].as_array().map(Vec::len), Some(12));
    assert_seamless(&chunks(&backend), 12);
    // Ours are smaller than the official client's 10 MiB: one push in time is worth more on a slow line.
    let largest = backend.requests(PUSH).iter().filter_map(|push| push["body_bytes"].as_u64()).max();
    assert!(largest.is_some_and(|bytes| bytes < 10 << 20), "{largest:?}");
}

#[test]
fn backend_43_a_burst() {
    let mut online = Online::new();
    online.log_rows(5000);
    let (state, backend) = online.end();
    assert_seamless(&chunks(&backend), 5000);
    assert_eq!((&state["counters"]["rows"], &state["counters"]["conflicts"]), (&json!(5000), &json!(0)));
}

#[test]
fn backend_44_one_push_at_a_time() {
    let backend = Backend::start();
    backend.fault(json!({"on": PUSH, "delay_ms": 400, "times": 4}));
    let mut online = Online::on(backend, |_| {});
    for _ in 0..10 {
        online.log_rows(1);
        std::thread::sleep(Duration::from_millis(80));
    }
    let (_, backend) = online.end();
    let pushes = backend.requests(PUSH);
    for pair in pushes.windows(2) {
        assert!(pair[1]["t_ms"].as_u64() >= pair[0]["answered_ms"].as_u64(), "two at once: {pair:?}");
    }
    assert_seamless(&chunks(&backend), 10);
    assert!(pushes.len() < 10, "what collects meanwhile is one push: {}", pushes.len());
}

#[test]
fn backend_50_and_run_60_preempting_does_not_wait() {
    let mut online = Online::with(|settings| settings.x_file_stream_transmit_interval = Some(600.0));
    online.log_rows(1);
    online.backend.await_requests(PUSH, 1);
    online.send(RecordType::Preempting(RunPreemptingRecord::default()));
    let pushes = online.backend.await_requests(PUSH, 2);
    assert_eq!(pushes[1]["body"]["preempting"], true);
    assert_eq!(online.state()["preempting"], true);
}

#[test]
fn backend_51_and_run_66_the_exit_code() {
    let mut online = Online::new();
    online.exit(3);
    let last = online.backend.pushes().pop().expect("a last push");
    assert_eq!((&last["complete"], &last["exitcode"]), (&json!(true), &json!(3)));
    assert_eq!((&online.state()["exit_code"], &online.state()["state"]), (&json!(3), &json!("failed")));
}

#[test]
fn backend_52_and_run_65_an_end_that_is_not_told() {
    let mut online = Online::with(|settings| settings.x_update_finish_state = Some(false));
    online.log_rows(3);
    let (state, backend) = online.end();
    assert_eq!(rows(&state).len(), 3);
    assert!(backend.pushes().iter().all(|push| push.get("complete").is_none() && push.get("exitcode").is_none()));
}

#[test]
fn backend_49_compression_if_the_server_has_it() {
    let run = |features: Vec<String>, no_gzip: Option<bool>| {
        let backend = Backend::with(|options| options.settings.features = features);
        let mut online = Online::on(backend, |settings| settings.x_file_stream_no_gzip = no_gzip);
        online.backend.await_answered("graphql:ServerFeaturesQuery", usize::from(no_gzip.is_some()));
        online.settle();
        online.log_rows(50);
        online.backend.await_answered(PUSH, 1);
        online.log_rows(50);
        let (state, backend) = online.end();
        assert_eq!(rows(&state).len(), 100);
        let packed: Vec<bool> = backend.requests(PUSH).iter().map(|push| push["gzip"] == true).collect();
        assert!(packed.len() >= 2, "{packed:?}");
        assert!(backend.requests("graphql").iter().all(|query| query["gzip"] != true), "only pushes are packed");
        (packed, backend.count("graphql:ServerFeaturesQuery"))
    };
    let feature = || vec!["FILESTREAM_GZIP".to_owned()];
    let (packed, _) = run(feature(), Some(false));
    assert!(packed.iter().all(|packed| *packed), "every push: {packed:?}");
    let (packed, _) = run(Vec::new(), Some(false));
    assert!(packed.iter().all(|packed| !packed), "the server cannot read it: {packed:?}");
    let (packed, asked) = run(feature(), None);
    assert!(packed.iter().all(|packed| !packed) && asked == 0, "nobody wanted it: {packed:?}, asked {asked} times");
}

#[test]
fn backend_70_and_run_46_a_summary_that_the_server_makes() {
    let mut online = Online::with(|settings| settings.x_server_side_derived_summary = Some(true));
    online.log_rows(2);
    online.set_summary(&["e"], "1");
    let (_, backend) = online.end();
    for kind in ["graphql", PUSH] {
        let all = backend.requests(kind);
        assert!(all.iter().all(|one| one["headers"]["x-wandb-server-side-derived-summary"] == "true"), "{kind}");
    }
    let summaries: Vec<Value> =
        backend.pushes().iter().filter_map(|push| push["files"].get("wandb-summary.json")).cloned().collect();
    let last = summaries.last().expect("a summary was sent")["content"][0].as_str().expect("a text").to_owned();
    let last: Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!((&last["e"], last.get("x")), (&json!(1), None));
}
