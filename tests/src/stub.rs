//! A server that only accepts: GraphQL answered with what an uploader needs, file streams and files taken, rows kept.
//!
//! Just enough for the official uploader to be content. It must not judge what it is sent; tests do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What was taken.
#[derive(Debug, Default, Clone)]
pub struct Taken {
    /// Lines of `wandb-history.jsonl`, in the order they came.
    pub history: Vec<String>,
    /// The last `exitcode` of a file stream.
    pub exit_code: Option<i64>,
}

/// A listening server; it lives as long as the process.
pub struct Stub {
    at: SocketAddr,
    taken: Arc<Mutex<Taken>>,
}

impl Stub {
    /// Listens on a free port of this machine.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port can be had");
        let at = listener.local_addr().expect("a bound listener has an address");
        let taken = Arc::new(Mutex::new(Taken::default()));
        let shared = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&shared);
                // A client that goes away in the middle of a request only ends its own connection.
                thread::spawn(move || drop(serve(&stream, at, &taken)));
            }
        });
        Self { at, taken }
    }

    /// The `base_url` that leads here.
    pub fn url(&self) -> String {
        format!("http://{}", self.at)
    }

    /// What was taken so far.
    pub fn taken(&self) -> Taken {
        self.taken.lock().expect("no thread panics with the lock").clone()
    }
}

fn serve(mut stream: &TcpStream, at: SocketAddr, taken: &Mutex<Taken>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line.trim_end().is_empty() {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let length = head.iter().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
        let answer = answer(path, &body, at, taken).to_string();
        let length = answer.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &answer).as_bytes())?;
    }
}

fn answer(path: &str, body: &[u8], at: SocketAddr, taken: &Mutex<Taken>) -> Value {
    // The bytes of an uploaded file need not be JSON.
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if path.ends_with("/graphql") {
        return json!({ "data": data(&body, at) });
    }
    if path.ends_with("/file_stream") {
        let mut taken = taken.lock().expect("no thread panics with the lock");
        let lines = body["files"]["wandb-history.jsonl"]["content"].as_array();
        taken.history.extend(lines.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        taken.exit_code = body["exitcode"].as_i64().or(taken.exit_code);
    }
    json!({"exitcode": null, "limits": {}})
}

fn data(body: &Value, at: SocketAddr) -> Value {
    let (query, given) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    if query.contains("upsertBucket") {
        let project = json!({"id": "p", "name": "p", "entity": {"id": "e", "name": "e"}});
        let bucket = json!({"id": "b", "name": given["name"], "displayName": "d", "description": "", "config": "{}",
                            "sweepName": null, "project": project, "historyLineCount": 0});
        return json!({"upsertBucket": {"bucket": bucket, "inserted": true}});
    }
    if query.contains("createRunFiles") {
        let names = given["files"].as_array().into_iter().flatten();
        let files: Vec<Value> = names
            .enumerate()
            .map(|(i, name)| json!({"name": name, "uploadUrl": format!("http://{at}/put/{i}")}))
            .collect();
        return json!({"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}});
    }
    if query.to_lowercase().contains("viewer") {
        return json!({"viewer": {"id": "v", "entity": "e", "username": "e", "email": "e@e", "flags": "{}",
                                 "teams": {"edges": []}}});
    }
    json!({})
}
