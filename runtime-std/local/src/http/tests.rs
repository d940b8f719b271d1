//! The server over real sockets.

use super::*;
use serde_json::json;
use std::{
    io::{Read, Write},
    thread,
};

fn started(options: Options) -> Server {
    Server::start(Options { test_controls: true, ..options }).unwrap()
}

/// Sends text on a connection of its own; gives all that comes back until the server closes.
fn exchange(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic YXBpOms=\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.addr(),
        body.len()
    );
    let answer = exchange(server, &text);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}

fn upsert(server: &Server) {
    let query = "mutation U { upsertBucket(input: {entityName: \"e\", modelName: \"p\", name: \"r\"}) { inserted } }";
    assert_eq!(request(server, "POST", "/graphql", &json!({ "query": query })).0, 200);
}

#[test]
fn one_connection_carries_many_requests() {
    let server = started(Options::default());
    let one = |close: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{close}\r\n");
    let answer = exchange(&server, &format!("{}{}{}", one(""), one(""), one("Connection: close\r\n")));
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3);
    assert!(
        exchange(&server, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 403")
    );
    assert!(
        exchange(&server, "HEAD /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ends_with("\r\n\r\n")
    );
}

#[test]
fn what_other_machines_reach_needs_a_key() {
    let addr = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(Server::start(Options { addr, ..Options::default() }), Err(StartError::Open(_))));
    assert!(Server::start(Options { addr, keys: vec!["k".into()], ..Options::default() }).is_ok());
}

#[test]
fn a_hundred_clients_at_once() {
    let server = started(Options::default());
    upsert(&server);
    thread::scope(|scope| {
        for n in 0..100 {
            let server = &server;
            scope.spawn(move || {
                let row = json!({ "files": { "wandb-history.jsonl": { "offset": n, "content": [format!("{{\"_step\":{n}}}")] } } });
                assert_eq!(request(server, "POST", "/files/e/p/r/file_stream", &row).0, 200);
            });
        }
    });
    let state = server.snapshot("e", "p", "r").unwrap();
    assert_eq!((&state["counters"]["rows"], &state["counters"]["gaps"]), (&json!(100), &json!(0)));
}

#[test]
fn scripted_faults_over_http() {
    let server = started(Options::default());
    upsert(&server);
    let push = || request(&server, "POST", "/files/e/p/r/file_stream", &json!({})).0;
    let faults = json!([
        { "on": "file_stream", "status": 503, "headers": { "Retry-After": "0.5" } },
        { "on": "file_stream", "apply": true, "close": true },
        { "on": "file_stream", "hold_ms": 60, "delay_ms": 60 },
        { "on": "file_stream", "apply": true, "cut": 3 },
    ]);
    assert_eq!(request(&server, "POST", "/_runwire/faults", &faults).0, 200);
    assert_eq!((push(), push(), push(), push(), push()), (503, 0, 200, 200, 200));
    assert_eq!(server.snapshot("e", "p", "r").unwrap()["counters"]["requests"], 4);
    let (_, seen) = request(&server, "GET", "/_runwire/requests?on=file_stream", &Value::Null);
    let status: Vec<&Value> = seen.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(status, [&json!(503), &json!(0), &json!(200), &json!(200), &json!(200)]);
    assert!(seen[2]["answered_ms"].as_u64().unwrap() >= seen[2]["t_ms"].as_u64().unwrap() + 120);
    assert_eq!((&seen[0]["gap_ms"], &seen[0]["auth"]), (&Value::Null, &json!("ok")));
    assert_eq!(request(&server, "POST", "/_runwire/faults", &json!({ "on": "x", "nonsense": 1 })).0, 400);
    let settings = json!({ "features": ["A"], "upload_status": 201, "stop": "e/p/r" });
    assert_eq!(request(&server, "POST", "/_runwire/settings", &settings).0, 200);
    assert_eq!(request(&server, "POST", "/files/e/p/r/file_stream", &json!({})).1["stopped"], true);
    assert_eq!(request(&server, "DELETE", "/_runwire/requests", &Value::Null).0, 200);
    assert_eq!(server.controls().unwrap().requests(None), Vec::<Value>::new());
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let data = Some(dir.path().join("data.redb"));
    let options = || Options { data: data.clone(), ..Options::default() };
    let server = started(options());
    upsert(&server);
    let body = json!({ "files": {
        "wandb-history.jsonl": { "offset": 0, "content": ["{\"_step\":0,\"x\":1}", "{\"_step\":1,\"x\":-Infinity}"] },
        "wandb-summary.json": { "offset": 0, "content": ["{\"x\":1}"] }, "output.log": { "offset": 0, "content": ["hi"] },
    }, "complete": true, "exitcode": 0 });
    assert_eq!(request(&server, "POST", "/files/e/p/r/file_stream", &body).0, 200);
    // As after a crash: the file as it was when the answer came.
    let copy = dir.path().join("copy.redb");
    std::fs::copy(data.as_ref().unwrap(), &copy).unwrap();
    let before = server.snapshot("e", "p", "r").unwrap();
    assert!(matches!(Server::start(options()), Err(StartError::Store(StoreError::InUse(_)))));
    server.stop();
    assert_eq!(started(options()).snapshot("e", "p", "r").unwrap(), before);
    let copied = started(Options { data: Some(copy), ..Options::default() });
    assert_eq!(copied.snapshot("e", "p", "r").unwrap(), before);
}

#[test]
fn a_server_can_be_followed_by_another_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let data = Some(dir.path().join("data.redb"));
    let mut addr = Options::default().addr;
    for _ in 0..10 {
        let server = started(Options { addr, data: data.clone(), ..Options::default() });
        addr = server.addr();
        let idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(addr).unwrap()).collect();
        upsert(&server);
        server.stop();
        drop(idle);
    }
}

#[test]
fn a_stopped_server_closes_its_connections() {
    let server = started(Options::default());
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut some = [0; 15];
    stream.read_exact(&mut some).unwrap();
    let addr = server.addr();
    server.stop();
    let mut rest = Vec::new();
    let _closed = stream.read_to_end(&mut rest);
    assert!(TcpListener::bind(addr).is_ok());
}
