//! Bytes on a connection of the embedded server. Whatever comes: no panic, answers of bounded size, and a run that was
//! there before is still what it was to somebody who asks properly.

use runwire_local::{Backend, MemoryStore, Request, Settings, fuzzing};
use serde_json::json;

/// Requests of one input.
const REQUESTS_MAX: usize = 32;
/// Nothing that is asked of so little data has a longer answer: the page with its script is the longest.
const ANSWER_MAX: usize = 4 << 20;
const NOW_MS: u64 = 1_735_689_600_000;

/// Gives the bytes to a server as one connection's.
pub fn backend(data: &[u8]) {
    let mut backend =
        Backend::open(Box::new(MemoryStore::default()), Settings::default()).expect("memory can be opened");
    let upsert =
        "mutation M { upsertBucket(input: {entityName: \"e\", modelName: \"p\", name: \"r\"}) { bucket { id } } }";
    let made = backend.handle(NOW_MS, &signed(Request::json("POST", "/graphql", &json!({"query": upsert}))));
    assert_eq!(made.status, 200, "a run can be made");
    let push = json!({"files": {"wandb-history.jsonl": {"offset": 0, "content": ["{\"_step\":0,\"kept\":1}"]}}});
    let pushed = backend.handle(NOW_MS, &signed(Request::json("POST", "/files/e/p/r/file_stream", &push)));
    assert_eq!(pushed.status, 200, "a row is taken");
    for request in fuzzing::requests(data).into_iter().take(REQUESTS_MAX) {
        let meant = request.body.len() < (1 << 16);
        let response = backend.handle(NOW_MS + 1, &signed(request));
        assert!((100..600).contains(&response.status), "{}", response.status);
        assert!(!meant || response.body.len() <= ANSWER_MAX, "{} bytes", response.body.len());
    }
    let still = backend.snapshot(NOW_MS + 2, "e", "p", "r").expect("memory can be read");
    // Who knows the run's name may delete it, rewind it or add to it; nobody changes a row.
    if let Some(first) = still["history"].as_array().and_then(|rows| rows.first()) {
        assert_eq!(first["kept"], 1, "a row never changes: {still}");
    }
}

/// What a proper client says of itself, unless the request says something else.
fn signed(request: Request) -> Request {
    if request.header("authorization").is_some() {
        return request;
    }
    request
        .with("authorization", "Basic YXBpOmFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=")
        .with("host", "127.0.0.1")
}
