//! The heart over a store in memory: one request after another at times of our choosing.

use super::*;
use crate::store::MemoryStore;

fn backend(settings: Settings) -> Backend {
    Backend::open(Box::new(MemoryStore::default()), settings).unwrap()
}

fn fresh() -> Backend {
    backend(Settings { secret: "s".into(), ..Settings::default() })
}

/// `api:k`, as Basic credentials.
fn keyed(request: Request) -> Request {
    request.with("authorization", "Basic YXBpOms=").with("host", "localhost:1")
}

fn ask(backend: &mut Backend, now_ms: u64, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables });
    let response = backend.handle(now_ms, &keyed(Request::json("POST", "/graphql", &body)));
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, answer.get("errors")), (200, None), "{answer}");
    answer["data"].clone()
}

fn upsert(backend: &mut Backend, now_ms: u64, input: &str) -> Value {
    let query = format!(
        "mutation {{ upsertBucket(input: {{entityName: \"e\", modelName: \"p\", {input}}}) {{
            bucket {{ id name displayName config historyLineCount project {{ name entity {{ name }} }} }} inserted }} }}"
    );
    ask(backend, now_ms, &query, Value::Null)["upsertBucket"].clone()
}

fn push(backend: &mut Backend, now_ms: u64, body: &Value) -> Response {
    backend.handle(now_ms, &keyed(Request::json("POST", "/files/e/p/r/file_stream", body)))
}

#[test]
fn a_run_from_the_first_request_to_the_last() {
    let mut backend = fresh();
    assert_eq!(push(&mut backend, 0, &json!({})).status, 404);
    let made = upsert(&mut backend, 1000, r#"name: "r", config: "{\"lr\":{\"value\":1}}", tags: ["t"]"#);
    assert_eq!((&made["inserted"], &made["bucket"]["historyLineCount"]), (&json!(true), &json!(0)));
    assert_eq!(upsert(&mut backend, 1000, r#"name: "r", displayName: "shown""#)["inserted"], false);
    let body = json!({ "files": {
        "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0,\"loss\":NaN}", "{\"_step\":1,\"loss\":2}"] },
        "wandb-events.jsonl": { "offset": 0, "content": ["{\"system.cpu\":1}"] },
        "wandb-summary.json": { "offset": 0, "content": ["{\"loss\":2}"] },
        "output.log": { "offset": 0, "content": ["hello"] },
    } });
    assert_eq!(push(&mut backend, 2000, &body).body, br#"{"exitcode":null,"limits":{}}"#);
    let state = |backend: &mut Backend, now_ms| backend.snapshot(now_ms, "e", "p", "r").unwrap();
    assert_eq!(state(&mut backend, 3000)["state"], "running");
    assert_eq!(state(&mut backend, 3_000_000)["state"], "crashed");
    push(&mut backend, 4000, &json!({ "uploaded": ["f"], "complete": true, "exitcode": 3 }));
    let found = state(&mut backend, 5000);
    assert_eq!((&found["state"], &found["exit_code"]), (&json!("failed"), &json!(3)));
    assert_eq!(found["history"], json!([{ "_step": 0, "loss": "NaN" }, { "_step": 1, "loss": 2 }]));
    assert_eq!((&found["display_name"], &found["tags"]), (&json!("shown"), &json!(["t"])));
    assert_eq!((&found["files"]["f"]["uploaded"], &found["console"]), (&json!(true), &json!(["hello"])));
    let again = upsert(&mut backend, 6000, r#"name: "r""#);
    assert_eq!(again["bucket"]["historyLineCount"], 2);
    assert_eq!(state(&mut backend, 6000)["state"], "running", "a client that names the run is running it");
    assert_eq!(backend.snapshot(0, "e", "p", "none").unwrap(), Value::Null);
}

#[test]
fn who_may_ask_what() {
    let mut backend = backend(Settings { keys: vec!["k".into()], secret: "s".into(), ..Settings::default() });
    let mut status = |request: Request| backend.handle(0, &request).status;
    let get = |target: &str| Request { method: "GET".into(), target: target.into(), ..Request::default() };
    let query = || Request::json("POST", "/graphql", &json!({ "query": "{ viewer { id } }" }));
    assert_eq!(status(query()), 401);
    assert_eq!(status(query().with("authorization", "Basic YXBpOng=")), 401);
    assert_eq!(status(keyed(query())), 200);
    assert_eq!((status(get("/")), status(keyed(get("/")))), (401, 200));
    assert_eq!((status(get("/_runwire/state/e/p/r")), status(keyed(get("/_runwire/state/e/p/r")))), (401, 404));
    assert_eq!(status(get("/storage/00/e/p/r/f")), 403);
    assert_eq!((status(get("/none")), status(keyed(get("/none")))), (401, 404));
    assert_eq!(status(keyed(get("/graphql"))), 405);
    let form = |text: &str| Request {
        method: "POST".into(),
        target: "/oidc/token".into(),
        body: text.into(),
        ..Request::default()
    };
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    assert_eq!(status(form("grant_type=x&assertion=k")), 400);
    assert_eq!(status(form(&format!("{grant}x"))), 403);
    let answer: Value = serde_json::from_slice(&backend.handle(0, &form(&format!("{grant}k"))).body).unwrap();
    let bearer = query().with("authorization", &format!("Bearer {}", answer["access_token"].as_str().unwrap()));
    assert_eq!(backend.handle(0, &bearer).status, 200);
}

#[test]
fn files_are_written_and_read_by_signed_addresses() {
    let mut backend = fresh();
    upsert(&mut backend, 0, r#"name: "r""#);
    let create = |names: &str| {
        format!(
        "mutation {{ createRunFiles(input: {{entityName: \"e\", projectName: \"p\", runName: \"r\", files: {names}}}) {{
            runID uploadHeaders files {{ name uploadUrl }} }} }}"
    )
    };
    let made = ask(&mut backend, 0, &create("[\"dir/a b.txt\"]"), Value::Null);
    let url = made["createRunFiles"]["files"][0]["uploadUrl"].as_str().unwrap().to_owned();
    let target = url.strip_prefix("http://localhost:1").unwrap();
    let put = |target: &str| Request {
        method: "PUT".into(),
        target: target.into(),
        body: b"data".to_vec(),
        ..Request::default()
    };
    assert_eq!(backend.handle(0, &put(&target.replace("a%20b", "other"))).status, 403);
    assert_eq!(backend.handle(0, &put(target)).status, 200);
    let read = "{ project(name: \"p\", entityName: \"e\") { run(name: \"r\") { files(pattern: \"dir/%\") { edges { node { name md5 sizeBytes directUrl } } } } } }";
    let found = ask(&mut backend, 0, read, Value::Null);
    let node = &found["project"]["run"]["files"]["edges"][0]["node"];
    assert_eq!(
        (&node["name"], &node["sizeBytes"], &node["md5"]),
        (&json!("dir/a b.txt"), &json!(4), &json!("jXd/OF09/siBXSD3SWAm3A=="))
    );
    let target = node["directUrl"].as_str().unwrap().strip_prefix("http://localhost:1").unwrap().to_owned();
    let get = Request { method: "GET".into(), target: target.clone(), ..Request::default() };
    assert_eq!(backend.handle(0, &get).body, b"data");
    assert_eq!(backend.handle(0, &put(&target)).status, 403, "an address to read from is not one to write to");
    let body = json!({ "query": create("[\"../x\"]") });
    let refused = backend.handle(0, &keyed(Request::json("POST", "/graphql", &body)));
    assert!(String::from_utf8(refused.body).unwrap().contains("cannot be the name of a file"));
}

#[test]
fn bodies_may_be_compressed_up_to_a_limit() {
    let mut backend = backend(Settings { body_max: 1000, ..Settings::default() });
    upsert(&mut backend, 0, r#"name: "r""#);
    let zipped = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        let mut request =
            Request::json("POST", "/files/e/p/r/file_stream", &Value::Null).with("content-encoding", "gzip");
        request.body = encoder.finish().unwrap();
        keyed(request)
    };
    assert_eq!(backend.handle(0, &zipped("{}")).status, 200);
    assert_eq!(backend.handle(0, &zipped(&" ".repeat(2000))).status, 413);
    let mut broken = zipped("{}");
    broken.body.truncate(12);
    assert_eq!(backend.handle(0, &broken).status, 400);
    assert_eq!(push(&mut backend, 0, &json!({ "files": [] })).status, 400);
}

#[test]
fn a_run_is_told_to_stop_and_to_go_on() {
    let mut backend = fresh();
    let id = upsert(&mut backend, 0, r#"name: "r""#)["bucket"]["id"].clone();
    ask(&mut backend, 0, "mutation S($id: ID!) { stopRun(input: {id: $id}) { success } }", json!({ "id": id }));
    let told = |backend: &mut Backend| {
        String::from_utf8(push(backend, 0, &json!({})).body).unwrap().contains("\"stopped\":true")
    };
    assert!(told(&mut backend));
    upsert(&mut backend, 0, r#"name: "r", config: "{}""#);
    assert!(told(&mut backend), "a change of config is not a new start");
    push(&mut backend, 0, &json!({ "complete": true, "exitcode": 0 }));
    upsert(&mut backend, 0, r#"name: "r""#);
    assert!(!told(&mut backend));
}

#[test]
fn what_is_needed_to_resume() {
    let mut backend = fresh();
    upsert(&mut backend, 0, r#"name: "r", config: "{\"_wandb\":{\"value\":{\"t\":{\"1\":2},\"m\":[]}}}""#);
    push(
        &mut backend,
        0,
        &json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":9}"] } } }),
    );
    let query = "{ model(name: \"p\", entityName: \"e\") { a: bucket(name: \"r\", missingOk: true) {
        historyLineCount eventsLineCount logLineCount historyTail eventsTail wandbConfig(keys: [\"t\"]) summaryMetrics }
        b: bucket(name: \"none\", missingOk: true) { id } } }";
    let expected = json!({ "model": { "b": null, "a": {
        "historyLineCount": 1, "eventsLineCount": 0, "logLineCount": 0, "historyTail": "[\"{\\\"_step\\\":9}\"]",
        "eventsTail": "[]", "wandbConfig": "{\"t\":{\"1\":2}}", "summaryMetrics": "{}",
    } } });
    assert_eq!(ask(&mut backend, 0, query, Value::Null), expected);
}

#[test]
fn a_fork_is_read_with_what_it_was_forked_from() {
    let mut backend = fresh();
    upsert(&mut backend, 0, r#"name: "r""#);
    let rows =
        |from: u32, to: u32| -> Vec<String> { (from..to).map(|n| format!("{{\"_step\":{n},\"x\":{n}}}")).collect() };
    push(&mut backend, 0, &json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": rows(0, 5) } } }));
    upsert(
        &mut backend,
        0,
        r#"name: "f", config: "{\"_wandb\":{\"value\":{\"branch_point\":{\"run_id\":\"r\",\"step\":1}}}}""#,
    );
    let body = json!({ "files": { "wandb-history.jsonl": { "offset": 0, "content": rows(2, 4) } } });
    backend.handle(0, &keyed(Request::json("POST", "/files/e/p/f/file_stream", &body)));
    let query = "{ project(name: \"p\", entityName: \"e\") { run(name: \"f\") {
        history(minStep: 1, maxStep: 100) sampledHistory(specs: [\"{\\\"keys\\\":[\\\"x\\\"],\\\"maxStep\\\":2}\"]) } } }";
    let run = &ask(&mut backend, 0, query, Value::Null)["project"]["run"];
    assert_eq!(run["history"].as_array().unwrap().len(), 3);
    assert_eq!(run["sampledHistory"], json!([[{ "x": 0 }, { "x": 1 }, { "x": 2 }]]));
    assert_eq!(backend.chart(["e", "p", "f"], "x", None, (0.0, 10.0), 10).unwrap().len(), 2);
}

#[test]
fn the_server_derives_a_summary_if_it_is_asked_to() {
    let mut backend = fresh();
    upsert(&mut backend, 0, r#"name: "r""#);
    let body = json!({ "files": {
        "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0,\"x\":1}", "{\"_step\":1,\"x\":2,\"z\":9}"] },
        "wandb-summary.json": { "offset": 0, "content": ["{\"z\":2}"] },
    } });
    let request = keyed(Request::json("POST", "/files/e/p/r/file_stream", &body));
    backend.handle(0, &request.with("x-wandb-server-side-derived-summary", "true"));
    assert_eq!(backend.snapshot(0, "e", "p", "r").unwrap()["summary"], json!({ "_step": 1, "x": 2, "z": 2 }));
}
