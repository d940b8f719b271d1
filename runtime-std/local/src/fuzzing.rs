//! A server without sockets, and a check that holds for whatever a connection sends.
//!
//! Not part of the API: the fuzz target and the tests share it. Each check panics when a promise is broken.

use crate::{
    backend::{Backend, Settings},
    http::wire::{self, Stop},
    request::Request,
    store::MemoryStore,
};
use serde_json::json;

/// Largest body that is taken.
const BODY_MAX: usize = 1 << 16;
/// Most bytes of an answer: a base, and so many for each byte that was sent.
const ANSWER_BASE: usize = 1 << 20;
const ANSWER_PER_BYTE: usize = 4096;
/// A run that nobody can name by chance.
const RUN: &str = "the-run-of-another-client";

/// One connection sends `data`; between its requests another client logs to a run. That run keeps its rows, every answer
/// is bounded, and nothing panics.
pub fn connection(data: &[u8]) {
    let settings = Settings { secret: "s".into(), body_max: BODY_MAX, ..Settings::default() };
    let mut backend = Backend::open(Box::<MemoryStore>::default(), settings).expect("memory opens");
    let (mut now_ms, mut rows) = (1_735_689_600_000, 0_u64);
    upsert(&mut backend, now_ms);
    let (mut rest, mut interim) = (data, Vec::new());
    loop {
        let before = rest.len();
        match wire::read(&mut rest, &mut interim, BODY_MAX) {
            Ok(incoming) => {
                now_ms += 1;
                let response = backend.handle(now_ms, &incoming.request);
                assert!((100..600).contains(&response.status), "status {}", response.status);
                let most = ANSWER_BASE + ANSWER_PER_BYTE * data.len();
                assert!(response.body.len() <= most, "{} bytes for {}", response.body.len(), data.len());
                let mut out = Vec::new();
                wire::write(&mut out, &response, false, incoming.keep_alive, None).expect("memory takes all");
                assert!(out.len() > response.body.len(), "an answer has a head");
            }
            Err(Stop::Refused(response)) => {
                assert!(response.status >= 400, "a refusal says so");
                break;
            }
            Err(Stop::Closed) => break,
        }
        assert!(rest.len() < before, "a request has bytes");
        push(&mut backend, now_ms, rows);
        rows += 1;
    }
    if data.windows(RUN.len()).any(|part| part == RUN.as_bytes()) {
        return;
    }
    let state = backend.snapshot(now_ms, "local", "p", RUN).expect("memory can be read");
    let kept = state["history"].as_array().map_or(0, Vec::len);
    // An encoded name reaches the run all the same; then it may hold more, and not less.
    assert!(kept as u64 >= rows, "{kept} of {rows} rows are left");
}

fn upsert(backend: &mut Backend, now_ms: u64) {
    let query = format!(
        "mutation {{ upsertBucket(input: {{entityName: \"local\", modelName: \"p\", name: \"{RUN}\"}}) {{ inserted }} }}"
    );
    assert_eq!(
        backend.handle(now_ms, &keyed(Request::json("POST", "/graphql", &json!({ "query": query })))).status,
        200
    );
}

fn push(backend: &mut Backend, now_ms: u64, row: u64) {
    let body = json!({ "files": { "wandb-history.jsonl": { "offset": row, "content": [format!("{{\"a\":{row}}}")] } } });
    let target = format!("/files/local/p/{RUN}/file_stream");
    let status = backend.handle(now_ms, &keyed(Request::json("POST", &target, &body))).status;
    assert_eq!(status, 200, "another client's push is taken");
}

fn keyed(request: Request) -> Request {
    request.with("authorization", "Basic YXBpOms=").with("host", "localhost:1")
}
